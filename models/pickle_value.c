/*
 * What callers ask of values that are read: by key, by class, as a number, as a text.
 */
#include <math.h>
#include <stdio.h>

#include "base/number_parse.h"
#include "base/number_print.h"
#include "base/unicode.h"
#include "models/pickle.h"

/* The last pair wins, as it does in Python. */
static const struct pickle_value *dict_get(const struct pickle_value *dict, struct bytes key)
{
    for (size_t i = dict->items.count; i >= 2; i -= 2) {
        const struct pickle_value *candidate = dict->items.at[i - 2];

        if ((candidate->type == PICKLE_TEXT || candidate->type == PICKLE_BYTES) &&
            bytes_equal(candidate->bytes, key))
            return dict->items.at[i - 1];
    }
    return NULL;
}

const struct pickle_value *pickle_get(const struct pickle_value *value, const char *key)
{
    const struct pickle_value *state = value && value->type == PICKLE_OBJECT ? value->state : value;
    size_t count = 1;

    if (!state)
        return NULL;
    /* __slots__ make the state a pair: the dict or None, and a dict of the slots */
    if (state != value && state->type == PICKLE_TUPLE && state->items.count == 2)
        count = 2;
    for (size_t i = 0; i < count; i++) {
        const struct pickle_value *dict = count == 2 ? state->items.at[i] : state;
        const struct pickle_value *found = NULL;

        if (dict->type == PICKLE_DICT)
            found = dict_get(dict, bytes_text(key));
        if (found)
            return found;
    }
    return NULL;
}

bool pickle_is(const struct pickle_value *value, const char *module, const char *name)
{
    return value && (value->type == PICKLE_GLOBAL || value->type == PICKLE_OBJECT) &&
           bytes_is(value->module, module) && bytes_is(value->name, name);
}

static const char *type_name(enum pickle_type type)
{
    static const char *const names[] = {
        [PICKLE_NONE] = "None",
        [PICKLE_BOOL] = "bool",
        [PICKLE_INT] = "int",
        [PICKLE_BIG] = "int",
        [PICKLE_FLOAT] = "float",
        [PICKLE_BYTES] = "bytes",
        [PICKLE_TEXT] = "str",
        [PICKLE_TUPLE] = "tuple",
        [PICKLE_LIST] = "list",
        [PICKLE_SET] = "set",
        [PICKLE_DICT] = "dict",
        [PICKLE_GLOBAL] = "global",
        [PICKLE_OBJECT] = "object",
        [PICKLE_DTYPE] = "numpy.dtype",
        [PICKLE_ARRAY] = "numpy.ndarray",
    };

    return names[type];
}

const char *pickle_class_name(const struct pickle_value *value, char *out, size_t size)
{
    char module[256];
    char name[256];

    if ((value->type != PICKLE_OBJECT && value->type != PICKLE_GLOBAL) || value->name.size == 0) {
        snprintf(out, size, "%s", type_name(value->type));
        return out;
    }
    /* err_quote escapes what is not printable; its quotes are cut off */
    err_quote(module, sizeof(module), value->module.data, value->module.size);
    err_quote(name, sizeof(name), value->name.data, value->name.size);
    snprintf(out, size, "%.*s.%.*s", (int)strlen(module) - 2, module + 1, (int)strlen(name) - 2,
             name + 1);
    return out;
}

static uint64_t load_unsigned(const uint8_t *p, size_t n, bool big_endian)
{
    uint64_t value = 0;

    for (size_t i = 0; i < n; i++)
        value = value << 8 | p[big_endian ? i : n - 1 - i];
    return value;
}

/* The bytes of element i, or NULL: of objects, or beyond the end. */
static const uint8_t *element(const struct pickle_array *array, size_t i)
{
    if (array->dtype->has_objects || i >= array->count)
        return NULL;
    return array->data.data + i * array->dtype->item_size;
}

bool pickle_element_integer(const struct pickle_array *array, size_t i, int64_t *ret)
{
    const struct pickle_dtype *dtype = array->dtype;
    const uint8_t *p = element(array, i);
    uint64_t bits = 0;

    if (dtype->kind == 'O' && i < array->objects.count)
        return pickle_integer(array->objects.at[i], ret);
    if (!p || dtype->item_size == 0 || dtype->item_size > 8)
        return false;
    bits = load_unsigned(p, dtype->item_size, dtype->big_endian);
    if (dtype->kind == 'i') {
        unsigned unused = 64 - 8 * dtype->item_size;

        *ret = (int64_t)(bits << unused) >> unused;
        return true;
    }
    if ((dtype->kind != 'u' && dtype->kind != 'b') || bits > INT64_MAX)
        return false;
    *ret = (int64_t)bits;
    return true;
}

bool pickle_element_number(const struct pickle_array *array, size_t i, double *ret)
{
    const struct pickle_dtype *dtype = array->dtype;
    const uint8_t *p = element(array, i);
    int64_t integer;
    uint64_t bits = 0;

    if (dtype->kind == 'O' && i < array->objects.count)
        return pickle_number(array->objects.at[i], ret);
    if (pickle_element_integer(array, i, &integer)) {
        *ret = (double)integer;
        return true;
    }
    if (!p || dtype->kind != 'f' || (dtype->item_size != 4 && dtype->item_size != 8))
        return false;
    bits = load_unsigned(p, dtype->item_size, dtype->big_endian);
    if (dtype->item_size == 8) {
        memcpy(ret, &bits, sizeof(*ret));
    } else {
        uint32_t half = (uint32_t)bits;
        float single;

        memcpy(&single, &half, sizeof(single));
        *ret = (double)single;
    }
    return true;
}

/* numpy scalars; an element of an array of objects that is one again is not looked into, so that a
 * scalar that holds itself ends here */
static bool is_plain_scalar(const struct pickle_value *value)
{
    return value->type == PICKLE_ARRAY && value->array->dimensions == 0 &&
           !value->array->dtype->has_objects;
}

bool pickle_integer(const struct pickle_value *value, int64_t *ret)
{
    if (value->type == PICKLE_INT || value->type == PICKLE_BOOL) {
        *ret = value->integer;
        return true;
    }
    return is_plain_scalar(value) && pickle_element_integer(value->array, 0, ret);
}

bool pickle_number(const struct pickle_value *value, double *ret)
{
    int64_t integer;

    if (value->type == PICKLE_FLOAT) {
        *ret = value->real;
        return true;
    }
    if (pickle_integer(value, &integer)) {
        *ret = (double)integer;
        return true;
    }
    return is_plain_scalar(value) && pickle_element_number(value->array, 0, ret);
}

/*
 * Texts.
 */

static int finish_text(struct arena *arena, const char *text, size_t n, const char **ret,
                       struct err *err)
{
    char *copy;

    if (memchr(text, '\0', n))
        return err_set(err, ERR_UNSUPPORTED, "a text with a NUL character in it");
    copy = arena_text(arena, text, n);
    if (!copy)
        return err_memory(err, n + 1, "a text");
    *ret = copy;
    return 0;
}

static int text_of_bytes(struct bytes bytes, struct arena *arena, const char **ret, struct err *err)
{
    struct unicode_fault fault;
    char *utf8;
    size_t n = 0;

    if (bytes.size == 0)
        return finish_text(arena, "", 0, ret, err);
    if (unicode_check((const char *)bytes.data, bytes.size, &fault) == bytes.size)
        return finish_text(arena, (const char *)bytes.data, bytes.size, ret, err);
    utf8 = arena_alloc(arena, bytes.size, 2);
    if (!utf8)
        return err_memory(err, bytes.size * 2, "a text");
    for (size_t i = 0; i < bytes.size; i++) {
        char code[4];
        size_t length = unicode_encode(code, bytes.data[i]);

        memcpy(utf8 + n, code, length);
        n += length;
    }
    return finish_text(arena, utf8, n, ret, err);
}

/* numpy's fixed-width text: n code points of 4 bytes, filled up with NULs. */
static int text_of_ucs4(const uint8_t *p, size_t n, bool big_endian, struct arena *arena,
                        const char **ret, struct err *err)
{
    char *utf8;
    size_t size = 0;

    while (n && load_le32(p + (n - 1) * 4) == 0)
        n--;
    utf8 = arena_alloc(arena, n, 4);
    if (!utf8)
        return err_memory(err, n * 4, "a text");
    for (size_t i = 0; i < n; i++) {
        uint32_t code = big_endian ? load_be32(p + i * 4) : load_le32(p + i * 4);
        char encoded[4];
        size_t length;

        if (code > 0x10ffff)
            return err_set(err, ERR_INPUT, "0x%x is not a character", code);
        length = unicode_encode(encoded, code);
        memcpy(utf8 + size, encoded, length);
        size += length;
    }
    return finish_text(arena, utf8, size, ret, err);
}

static int text_of_real(double value, struct arena *arena, const char **ret, struct err *err)
{
    char text[NUMBER_PRINT_MAX];

    return finish_text(arena, text, number_print_double(text, value), ret, err);
}

/* str(numpy.float32): the shortest decimal that reads back to the same float32. */
static int text_of_single(double value, struct arena *arena, const char **ret, struct err *err)
{
    double shortest = value;

    for (int digits = 0; isfinite(value) && digits < 9; digits++) {
        char text[32];
        int n = snprintf(text, sizeof(text), "%.*e", digits, value);

        if (number_parse_json(text, (size_t)n, &shortest) == NUMBER_OK &&
            (float)shortest == (float)value)
            break;
    }
    return text_of_real(shortest, arena, ret, err);
}

static int text_of_integer(int64_t value, struct arena *arena, const char **ret, struct err *err)
{
    char text[24];
    int n = snprintf(text, sizeof(text), "%lld", (long long)value);

    return finish_text(arena, text, (size_t)n, ret, err);
}

static int text_of_bool(int64_t value, struct arena *arena, const char **ret, struct err *err)
{
    return value ? finish_text(arena, "True", 4, ret, err)
                 : finish_text(arena, "False", 5, ret, err);
}

static int no_text(const char *what, struct err *err)
{
    return err_set(err, ERR_UNSUPPORTED, "a %s is neither a number nor a text", what);
}

/* An element whose bytes are in the array. */
static int raw_element_text(const struct pickle_array *array, size_t i, struct arena *arena,
                            const char **ret, struct err *err)
{
    const struct pickle_dtype *dtype = array->dtype;
    const uint8_t *p = element(array, i);
    int64_t integer;
    double real;
    size_t n = dtype->item_size;

    if (!p)
        return err_set(err, ERR_INPUT, "element %zu is not there", i);
    switch (dtype->kind) {
    case 'U':
        return text_of_ucs4(p, n / 4, dtype->big_endian, arena, ret, err);
    case 'S':
        while (n && p[n - 1] == 0)
            n--;
        return text_of_bytes(bytes_of(p, n), arena, ret, err);
    case 'b':
        return text_of_bool(*p, arena, ret, err);
    default:
        break;
    }
    if (pickle_element_integer(array, i, &integer))
        return text_of_integer(integer, arena, ret, err);
    if (!pickle_element_number(array, i, &real))
        return no_text("numpy value of this dtype", err);
    return n == 4 ? text_of_single(real, arena, ret, err) : text_of_real(real, arena, ret, err);
}

int pickle_text(const struct pickle_value *value, struct arena *arena, const char **ret,
                struct err *err)
{
    char class_name[128];

    switch (value->type) {
    case PICKLE_TEXT:
    case PICKLE_BYTES:
        return text_of_bytes(value->bytes, arena, ret, err);
    case PICKLE_INT:
        return text_of_integer(value->integer, arena, ret, err);
    case PICKLE_BOOL:
        return text_of_bool(value->integer, arena, ret, err);
    case PICKLE_FLOAT:
        return text_of_real(value->real, arena, ret, err);
    default:
        if (is_plain_scalar(value))
            return raw_element_text(value->array, 0, arena, ret, err);
        return no_text(pickle_class_name(value, class_name, sizeof(class_name)), err);
    }
}

int pickle_element_text(const struct pickle_array *array, size_t i, struct arena *arena,
                        const char **ret, struct err *err)
{
    if (array->dtype->kind == 'O' && i < array->objects.count)
        return pickle_text(array->objects.at[i], arena, ret, err);
    return raw_element_text(array, i, arena, ret, err);
}
