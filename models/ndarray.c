/*
 * A list of arrays (linear-learner 2.1), little-endian, packed:
 *
 *   u64 0x112, u64 reserved, u64 number of arrays, arrays,
 *   u64 number of names (0 or that of the arrays), names { u64 length, bytes }
 *
 * An array begins with a u32 that tells its version:
 *
 *   0xF993FACA  V3  as V2, dense only; unknown where the number of dimensions or one of them is -1
 *   0xF993FAC9  V2  i32 storage, [shape of the stored values,] shape, context, i32 type,
 *                   [of each aux array: i32 type, shape,] values, [aux arrays]
 *   0xF993FAC8  V1  shape, context, i32 type, values
 *   other       V0  it is the number of dimensions: u32 each, then as V1
 *
 * A shape is i32 number of dimensions, i64 each; a context is two i32. What is between brackets is
 * there in sparse arrays only: row_sparse has one aux array, the rows; csr has two, starts and
 * columns. An array that is none ends after its shape.
 */
#include "models/ndarray.h"

#include <inttypes.h>

#define LIST_MAGIC  0x112u
#define MAGIC_V1    0xF993FAC8u
#define MAGIC_V2    0xF993FAC9u
#define MAGIC_V3    0xF993FACAu
#define ARRAY_LEAST 4u /* bytes that the smallest array takes: no dimensions, of V0 */
#define CONTEXT     8u

/* By type flag. */
static const struct {
    const char *name;
    uint8_t size;
    bool integer;
} types[] = {
    {"float32", 4, false},  {"float64", 8, false}, {"float16", 2, false}, {"uint8", 1, true},
    {"int32", 4, true},     {"int8", 1, true},     {"int64", 8, true},    {"bool", 1, false},
    {"int16", 2, true},     {"uint16", 2, true},   {"uint32", 4, true},   {"uint64", 8, true},
    {"bfloat16", 2, false},
};

size_t ndarray_type_size(uint32_t type)
{
    return types[type].size;
}

struct reader {
    struct cursor cursor;
    struct arena *arena;
    struct err *err;
};

static int fail(struct err *err, size_t offset, const char *what)
{
    return err_set(err, ERR_INPUT, "offset %zu: %s", offset, what);
}

static int fail_cut(const struct reader *reader, const char *what)
{
    return err_set(reader->err, ERR_INPUT, "offset %zu: cut short in %s",
                   cursor_offset(&reader->cursor), what);
}

static int no_room(const struct arena *arena, size_t offset, uint64_t size, struct err *err)
{
    if (size + 64 > arena->cap - arena->used) /* with what an arena adds */
        return err_set(err, ERR_LIMIT, "offset %zu: %" PRIu64 " bytes are over the limit on memory",
                       offset, size);
    return err_memory(err, (size_t)size, "arrays");
}

struct shape {
    uint64_t *sizes;
    uint32_t dimensions;
    bool unknown;  /* -1 dimensions, or of -1 */
    uint64_t size; /* product */
};

/* The product, whatever the order of the factors. False where it is beyond 64 bits. */
static bool multiply(const uint64_t *sizes, size_t count, uint64_t *ret)
{
    uint64_t product = 1;

    for (size_t i = 0; i < count; i++) {
        if (sizes[i] == 0) {
            *ret = 0;
            return true;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (__builtin_mul_overflow(product, sizes[i], &product))
            return false;
    }
    *ret = product;
    return true;
}

/* `dimensions` sizes of `width` bytes each. -1 is a size of V3 alone. */
static int read_sizes(struct reader *reader, uint32_t dimensions, size_t width, bool may_be_unknown,
                      struct shape *ret)
{
    size_t offset = cursor_offset(&reader->cursor);
    struct bytes sizes;

    if (!cursor_take(&reader->cursor, dimensions * width, &sizes))
        return fail_cut(reader, "a shape");
    *ret = (struct shape){.dimensions = dimensions};
    ret->sizes = arena_alloc(reader->arena, dimensions, sizeof(*ret->sizes));
    if (!ret->sizes)
        return no_room(reader->arena, offset, dimensions * sizeof(*ret->sizes), reader->err);
    for (size_t i = 0; i < dimensions; i++) {
        uint64_t size = width == 4 ? load_le32(sizes.data + i * 4) : load_le64(sizes.data + i * 8);

        if (may_be_unknown && size == UINT64_MAX)
            ret->unknown = true;
        else if (size > INT64_MAX)
            return fail(reader->err, offset + i * width, "a dimension is negative");
        ret->sizes[i] = size;
    }
    if (!ret->unknown && !multiply(ret->sizes, dimensions, &ret->size))
        return fail(reader->err, offset, "more elements than 64 bits can count");
    return 0;
}

static int read_shape(struct reader *reader, bool may_be_unknown, struct shape *ret)
{
    size_t offset = cursor_offset(&reader->cursor);
    uint32_t dimensions;

    if (!cursor_le32(&reader->cursor, &dimensions))
        return fail_cut(reader, "a shape");
    if (may_be_unknown && dimensions == UINT32_MAX) {
        *ret = (struct shape){.unknown = true};
        return 0;
    }
    if (dimensions > NDARRAY_DIMENSIONS_MAX)
        return err_set(reader->err, ERR_INPUT, "offset %zu: %" PRId32 " dimensions, of 0 to %u",
                       offset, (int32_t)dimensions, NDARRAY_DIMENSIONS_MAX);
    return read_sizes(reader, dimensions, 8, may_be_unknown, ret);
}

static int read_type(struct reader *reader, bool index, uint32_t *ret)
{
    size_t offset = cursor_offset(&reader->cursor);
    uint32_t type;

    if (!cursor_le32(&reader->cursor, &type))
        return fail_cut(reader, "a type");
    if (type >= ARRAY_LENGTH(types))
        return err_set(reader->err, ERR_INPUT, "offset %zu: unknown type flag %" PRId32, offset,
                       (int32_t)type);
    if (index && !types[type].integer)
        return err_set(reader->err, ERR_INPUT, "offset %zu: indices of type %s", offset,
                       types[type].name);
    *ret = type;
    return 0;
}

static int read_values(struct reader *reader, uint64_t count, uint32_t type, struct bytes *ret)
{
    uint64_t size;

    if (__builtin_mul_overflow(count, (uint64_t)types[type].size, &size) ||
        size > cursor_left(&reader->cursor))
        return err_set(reader->err, ERR_INPUT,
                       "offset %zu: cut short: %" PRIu64 " numbers of type %s are announced, %zu "
                       "bytes are left",
                       cursor_offset(&reader->cursor), count, types[type].name,
                       cursor_left(&reader->cursor));
    return cursor_take(&reader->cursor, (size_t)size, ret) ? 0 : -1;
}

/* What the stored shape and the aux shapes of a sparse array must be, for a logical shape. */
static int check_sparse(struct ndarray *array, const struct shape *stored, const struct shape *aux,
                        struct err *err)
{
    bool fits;

    if (array->storage == NDARRAY_CSR) {
        fits = array->dimensions == 2 && stored->dimensions == 1 && aux[0].dimensions == 1 &&
               aux[1].dimensions == 1 && aux[0].sizes[0] == array->shape[0] + 1 &&
               aux[1].sizes[0] == stored->sizes[0];
    } else {
        fits = stored->dimensions == array->dimensions && aux[0].dimensions == 1 &&
               stored->sizes[0] == aux[0].sizes[0] && stored->sizes[0] <= array->shape[0];
        for (uint32_t i = 1; fits && i < array->dimensions; i++)
            fits = stored->sizes[i] == array->shape[i];
    }
    if (!fits)
        return fail(err, array->offset, "the shapes of a sparse array disagree");
    array->stored = stored->size;
    array->stored_rows = array->storage == NDARRAY_ROW_SPARSE ? stored->sizes[0] : 0;
    return 0;
}

/* After the shapes: context, type, aux types and shapes, values, aux arrays. */
static int read_body(struct reader *reader, const struct shape *stored, struct ndarray *array)
{
    size_t aux_count = (size_t)array->storage; /* 0, 1, 2 */
    struct shape aux[2];
    uint32_t aux_type[2];
    struct bytes aux_values[2];

    if (!cursor_skip(&reader->cursor, CONTEXT))
        return fail_cut(reader, "a context");
    if (read_type(reader, false, &array->type))
        return -1;
    for (size_t i = 0; i < aux_count; i++) {
        if (read_type(reader, true, &aux_type[i]) || read_shape(reader, false, &aux[i]))
            return -1;
    }
    array->stored = array->size;
    if (aux_count > 0 && check_sparse(array, stored, aux, reader->err))
        return -1;
    if (read_values(reader, array->stored, array->type, &array->values))
        return -1;
    for (size_t i = 0; i < aux_count; i++) {
        if (read_values(reader, aux[i].size, aux_type[i], &aux_values[i]))
            return -1;
    }
    if (aux_count > 0) {
        array->indices = aux_values[aux_count - 1];
        array->indices_type = aux_type[aux_count - 1];
    }
    if (aux_count == 2) {
        array->starts = aux_values[0];
        array->starts_type = aux_type[0];
    }
    return 0;
}

static int read_storage(struct reader *reader, uint32_t version, struct ndarray *array)
{
    size_t offset = cursor_offset(&reader->cursor);
    uint32_t storage;

    if (!cursor_le32(&reader->cursor, &storage))
        return fail_cut(reader, "an array");
    if (storage > NDARRAY_CSR || (version == MAGIC_V3 && storage != NDARRAY_DENSE))
        return err_set(reader->err, ERR_INPUT, "offset %zu: storage type %" PRId32 "%s", offset,
                       (int32_t)storage, version == MAGIC_V3 ? " in an array of version 3" : "");
    array->storage = (enum ndarray_storage)storage;
    return 0;
}

static int read_array(struct reader *reader, struct ndarray *array)
{
    struct shape stored = {.dimensions = 0};
    struct shape shape;
    uint32_t first;

    *array = (struct ndarray){.offset = cursor_offset(&reader->cursor)};
    if (!cursor_le32(&reader->cursor, &first))
        return fail_cut(reader, "the arrays");
    if ((first == MAGIC_V2 || first == MAGIC_V3) && read_storage(reader, first, array))
        return -1;
    if (array->storage != NDARRAY_DENSE && read_shape(reader, false, &stored))
        return -1;
    if (first == MAGIC_V1 || first == MAGIC_V2 || first == MAGIC_V3) {
        if (read_shape(reader, first == MAGIC_V3, &shape))
            return -1;
    } else if (first > NDARRAY_DIMENSIONS_MAX) {
        return err_set(reader->err, ERR_INPUT, "offset %zu: 0x%08" PRIx32 " begins no array",
                       array->offset, first);
    } else if (read_sizes(reader, first, 4, false, &shape)) {
        return -1;
    }
    array->dimensions = shape.dimensions;
    array->shape = shape.sizes;
    array->size = shape.size;
    array->none = shape.unknown || (shape.dimensions == 0 && first != MAGIC_V3);
    return array->none ? 0 : read_body(reader, &stored, array);
}

static int read_names(struct reader *reader, struct ndarray_list *list)
{
    size_t offset = cursor_offset(&reader->cursor);
    uint64_t count;
    uint64_t length;

    if (!cursor_le64(&reader->cursor, &count))
        return fail_cut(reader, "the number of names");
    if (count != 0 && count != list->count)
        return err_set(reader->err, ERR_INPUT, "offset %zu: %" PRIu64 " names of %zu arrays",
                       offset, count, list->count);
    list->named = count > 0;
    for (size_t i = 0; i < count; i++) {
        offset = cursor_offset(&reader->cursor);
        if (!cursor_le64(&reader->cursor, &length))
            return fail_cut(reader, "the names");
        if (length > NDARRAY_NAME_MAX)
            return err_set(reader->err, ERR_INPUT,
                           "offset %zu: a name of %" PRIu64 " bytes, more than %u", offset, length,
                           NDARRAY_NAME_MAX);
        if (!cursor_take(&reader->cursor, (size_t)length, &list->arrays[i].name))
            return fail_cut(reader, "a name");
    }
    return 0;
}

bool ndarray_list_probe(struct bytes data)
{
    return data.size >= 8 && load_le64(data.data) == LIST_MAGIC;
}

int ndarray_list_read(struct bytes data, struct arena *arena, struct ndarray_list *ret,
                      struct err *err)
{
    struct reader reader = {.cursor = cursor_of(data), .arena = arena, .err = err};
    struct ndarray_list list = {.count = 0};
    uint64_t count;

    if (!ndarray_list_probe(data))
        return fail(err, 0, "it does not begin as a list of MXNet arrays");
    if (!cursor_skip(&reader.cursor, 16) || !cursor_le64(&reader.cursor, &count))
        return fail_cut(&reader, "the list's head");
    if (count > NDARRAY_LIST_MAX || count > cursor_left(&reader.cursor) / ARRAY_LEAST)
        return err_set(err, ERR_INPUT,
                       "offset 16: %" PRIu64 " arrays, more than %u or than %zu bytes can hold",
                       count, NDARRAY_LIST_MAX, cursor_left(&reader.cursor));
    list.count = (size_t)count;
    list.arrays = arena_alloc(arena, list.count, sizeof(*list.arrays));
    if (!list.arrays)
        return no_room(arena, 16, count * sizeof(*list.arrays), err);
    for (size_t i = 0; i < list.count; i++) {
        if (read_array(&reader, &list.arrays[i]))
            return -1;
    }
    if (read_names(&reader, &list))
        return -1;
    if (cursor_left(&reader.cursor) > 0)
        return err_set(err, ERR_INPUT, "offset %zu: %zu bytes follow the list",
                       cursor_offset(&reader.cursor), cursor_left(&reader.cursor));
    *ret = list;
    return 0;
}

const struct ndarray *ndarray_find(const struct ndarray_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++) {
        struct bytes own = list->arrays[i].name;

        if (bytes_starts(own, "arg:") || bytes_starts(own, "aux:"))
            own = bytes_of(own.data + 4, own.size - 4);
        if (list->named && bytes_is(own, name))
            return &list->arrays[i];
    }
    return NULL;
}
