/*
 * numpy's .npy:
 *
 *     6 bytes  \x93 N U M P Y
 *     u8, u8   version: 1.0, 2.0 or 3.0
 *     u16      length of the header, little-endian; of 2.0 and 3.0 u32
 *     header   a Python dict, filled up with blanks, a line end last:
 *                {'descr': '<f8', 'fortran_order': False, 'shape': (42,), }
 *     data     shape's product of numbers, nothing after them
 *
 * descr of a record is a list; a shape that Python 2 wrote may have numbers like 42L. In one
 * dimension the order of the data is the same either way.
 */
#include "models/npy.h"

#include <string.h>

#include "models/pickle.h"

static const uint8_t magic[] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

struct header {
    struct bytes descr; /* without its quotes */
    uint64_t count;
    bool has_descr, has_order, has_shape;
};

static int fail(const struct cursor *in, const char *what, struct err *err)
{
    return err_set(err, ERR_INPUT, "offset %zu: %s", cursor_offset(in), what);
}

static void skip_blanks(struct cursor *in)
{
    while (in->at < in->end && memchr(" \t\r\n", *in->at, 4))
        in->at++;
}

/* Blanks, then that character, if it is there. */
static bool take(struct cursor *in, char wanted)
{
    skip_blanks(in);
    if (in->at == in->end || *in->at != (uint8_t)wanted)
        return false;
    in->at++;
    return true;
}

static bool take_word(struct cursor *in, const char *word)
{
    skip_blanks(in);
    if (!bytes_starts(bytes_of(in->at, cursor_left(in)), word))
        return false;
    in->at += strlen(word);
    return true;
}

/* A text between quotes of either kind. None of those that matter has an escape in it. */
static bool take_text(struct cursor *in, struct bytes *ret)
{
    const uint8_t *end;

    skip_blanks(in);
    if (in->at == in->end || (*in->at != '\'' && *in->at != '"'))
        return false;
    end = memchr(in->at + 1, *in->at, cursor_left(in) - 1);
    if (!end)
        return false;
    *ret = bytes_of(in->at + 1, (size_t)(end - in->at) - 1);
    in->at = end + 1;
    return true;
}

static bool take_number(struct cursor *in, uint64_t *ret)
{
    uint64_t number = 0;
    bool any = false;

    skip_blanks(in);
    for (; in->at < in->end && *in->at >= '0' && *in->at <= '9'; in->at++, any = true) {
        if (__builtin_mul_overflow(number, UINT64_C(10), &number) ||
            __builtin_add_overflow(number, (uint64_t)(*in->at - '0'), &number))
            return false;
    }
    if (any && in->at < in->end && *in->at == 'L')
        in->at++;
    *ret = number;
    return any;
}

static int read_descr(struct cursor *in, struct header *header, struct err *err)
{
    if (take(in, '['))
        return err_set(err, ERR_UNSUPPORTED, "offset %zu: an array of records, not of numbers",
                       cursor_offset(in) - 1);
    if (!take_text(in, &header->descr))
        return fail(in, "a type of elements should be here, like '<f8'", err);
    header->has_descr = true;
    return 0;
}

static int read_order(struct cursor *in, struct header *header, struct err *err)
{
    if (!take_word(in, "False") && !take_word(in, "True"))
        return fail(in, "False or True should be here", err);
    header->has_order = true;
    return 0;
}

static int read_shape(struct cursor *in, struct header *header, struct err *err)
{
    size_t dimensions = 0;
    uint64_t number;

    if (!take(in, '('))
        return fail(in, "a shape should be here, like (42,)", err);
    while (!take(in, ')')) {
        if (!take_number(in, &number))
            return fail(in, "a number of elements should be here", err);
        dimensions++;
        header->count = number;
        if (take(in, ','))
            continue;
        if (dimensions == 1) /* (42) is no tuple */
            return fail(in, "a comma should be here", err);
        if (!take(in, ')'))
            return fail(in, "a comma or the end of the shape should be here", err);
        break;
    }
    if (dimensions != 1)
        return err_set(err, ERR_UNSUPPORTED,
                       "offset %zu: an array of %zu dimensions: one is expected",
                       cursor_offset(in) - 1, dimensions);
    header->has_shape = true;
    return 0;
}

static int read_pair(struct cursor *in, struct header *header, struct err *err)
{
    struct bytes key;

    if (!take_text(in, &key))
        return fail(in, "a key should be here", err);
    if (!take(in, ':'))
        return fail(in, "a colon should be here", err);
    if (bytes_is(key, "descr") && !header->has_descr)
        return read_descr(in, header, err);
    if (bytes_is(key, "fortran_order") && !header->has_order)
        return read_order(in, header, err);
    if (bytes_is(key, "shape") && !header->has_shape)
        return read_shape(in, header, err);
    return fail(in, "a key that a header does not have, or has once", err);
}

/* `in` ends where the header does; its offsets are the file's. */
static int read_header(struct cursor in, struct header *header, struct err *err)
{
    if (!take(&in, '{'))
        return fail(&in, "a dict should be here", err);
    while (!take(&in, '}')) {
        if (read_pair(&in, header, err))
            return -1;
        if (take(&in, ','))
            continue;
        if (!take(&in, '}'))
            return fail(&in, "a comma or the end of the header should be here", err);
        break;
    }
    skip_blanks(&in);
    if (cursor_left(&in))
        return fail(&in, "the header goes on after its dict", err);
    if (!header->has_descr || !header->has_order || !header->has_shape)
        return fail(&in, "the header lacks descr, fortran_order or shape", err);
    return 0;
}

/* Everything before the data. */
static int read_front(struct cursor *in, struct header *header, struct err *err)
{
    struct cursor text;
    struct bytes front = {0};
    size_t width, length;

    if (!cursor_take(in, 8, &front) || memcmp(front.data, magic, sizeof(magic)) != 0)
        return err_set(err, ERR_INPUT, "offset 0: not an array of numpy (.npy)");
    if (front.data[6] < 1 || front.data[6] > 3 || front.data[7] != 0)
        return err_set(err, ERR_UNSUPPORTED,
                       "offset 6: version %u.%u of numpy's format: 1.0 to 3.0 are read",
                       front.data[6], front.data[7]);
    width = front.data[6] == 1 ? 2 : 4;
    if (!cursor_take(in, width, &front))
        return fail(in, "the length of the header is cut", err);
    length = width == 2 ? load_le16(front.data) : load_le32(front.data);
    text = *in;
    if (!cursor_skip(in, length))
        return err_set(err, ERR_INPUT, "offset %zu: a header of %zu bytes, and %zu are left",
                       cursor_offset(in), length, cursor_left(in));
    text.end = in->at;
    return read_header(text, header, err);
}

/* Whether elements are numbers of a size that numpy has. */
static bool is_number(const struct pickle_dtype *dtype)
{
    uint32_t size = dtype->item_size;

    switch (dtype->kind) {
    case 'f':
        return size == 4 || size == 8;
    case 'i':
    case 'u':
        return size == 1 || size == 2 || size == 4 || size == 8;
    case 'b':
        return size == 1;
    default:
        return false;
    }
}

int npy_read_f64(struct bytes data, struct arena *arena, double **ret, uint64_t *ret_count,
                 struct err *err)
{
    struct cursor in = cursor_of(data);
    struct header header = {0};
    struct pickle_dtype dtype;
    struct pickle_array array = {.dtype = &dtype, .dimensions = 1};
    char quoted[64];
    uint64_t size;
    double *numbers;

    if (read_front(&in, &header, err))
        return -1;
    if (!pickle_dtype_of_code(header.descr, &dtype) || !is_number(&dtype))
        return err_set(err, ERR_UNSUPPORTED,
                       "an array of %s: real numbers (f4, f8), integers or bools are expected",
                       err_quote(quoted, sizeof(quoted), header.descr.data, header.descr.size));
    if (__builtin_mul_overflow(header.count, (uint64_t)dtype.item_size, &size) ||
        size != cursor_left(&in))
        return err_set(err, ERR_INPUT, "offset %zu: %llu elements of %u bytes in %zu bytes",
                       cursor_offset(&in), (unsigned long long)header.count, dtype.item_size,
                       cursor_left(&in));
    array.count = (size_t)header.count;
    array.data = bytes_of(in.at, (size_t)size);
    numbers = arena_alloc(arena, array.count, sizeof(*numbers));
    if (!numbers)
        return err_memory(err, array.count * sizeof(*numbers), "an array");
    for (size_t i = 0; i < array.count; i++) {
        if (!pickle_element_number(&array, i, &numbers[i]))
            return err_set(err, ERR_UNSUPPORTED, "offset %zu: an integer of 2^63 or more",
                           cursor_offset(&in) + i * dtype.item_size);
    }
    *ret = numbers;
    *ret_count = header.count;
    return 0;
}
