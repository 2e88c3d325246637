/*
 * numpy's and joblib's part of the pickle machine.
 *
 *   dtype('f8', False, True), then BUILD with
 *     (3, order, subdtype, names, fields {name: (dtype, offset)}, itemsize, alignment, flags[,
 * meta]) order is '<', '>', '|' or '='; itemsize counts for U, S and V (-1: as the code says)
 *   _reconstruct(ndarray, (0,), b'b'), then BUILD with (1, shape, dtype, is_fortran, data)
 *     data is bytes, a Python 2 str, or a list where elements are objects
 *   _frombuffer(bytes, dtype, shape, 'C' or 'F')
 *   scalar(dtype, bytes), or scalar(dtype, object)
 *
 * joblib puts a NumpyArrayWrapper in an array's place; its BUILD has {subclass, shape, order,
 * dtype, allow_mmap[, numpy_array_alignment_bytes]}, and after that opcode, in the middle of the
 * stream:
 *
 *     u8 p, p bytes of padding      where the alignment is told (joblib >= 1.2)
 *     count * itemsize bytes        the data
 *
 * or, for an array of objects, no padding and a whole pickle that holds the array.
 */
#include "models/pickle_machine.h"

static const struct pickle_dtype byte_dtype = {.kind = 'i', .item_size = 1};

bool pickle_dtype_of_code(struct bytes code, struct pickle_dtype *ret)
{
    struct pickle_dtype dtype = {0};
    uint64_t size = 0;
    size_t i = 0;

    if (code.size && memchr("<>|=", code.data[0], 4))
        dtype.big_endian = code.data[i++] == '>';
    if (i == code.size || !memchr("fiubcUSOMmV?", code.data[i], 12))
        return false;
    dtype.kind = (char)code.data[i++];
    if (i == code.size) {
        if (dtype.kind == '?')
            dtype.kind = 'b';
        else if (dtype.kind != 'O')
            return false;
        size = dtype.kind == 'O' ? 8 : 1;
    }
    for (; i < code.size; i++) {
        if (code.data[i] < '0' || code.data[i] > '9' || size > INT32_MAX)
            return false;
        size = size * 10 + (uint64_t)(code.data[i] - '0');
    }
    if (dtype.kind == 'U')
        size *= 4;
    if (dtype.kind == '?' || size > INT32_MAX)
        return false;
    dtype.item_size = (uint32_t)size;
    dtype.has_objects = dtype.kind == 'O';
    *ret = dtype;
    return true;
}

int pickle_numpy_dtype(struct pickle_machine *m, const struct pickle_items *args,
                       struct pickle_value **ret, struct err *err)
{
    struct pickle_dtype dtype;
    struct pickle_value *value;

    if (args->count < 1 || args->at[0]->type != PICKLE_TEXT ||
        !pickle_dtype_of_code(args->at[0]->bytes, &dtype))
        return 0;
    value = pickle_new(m, PICKLE_DTYPE, err);
    if (!value)
        return -1;
    value->dtype = arena_alloc(m->arena, 1, sizeof(dtype));
    if (!value->dtype)
        return pickle_no_memory(m, sizeof(dtype), err);
    *value->dtype = dtype;
    *ret = value;
    return 0;
}

/* {name: (dtype, offset[, title])}. The names tuple only adds an order, which nobody needs. */
static int read_fields(struct pickle_machine *m, const struct pickle_value *dict,
                       struct pickle_dtype *dtype, struct err *err)
{
    size_t count = dict->items.count / 2;

    if (count > UINT16_MAX)
        return err_set(err, ERR_LIMIT, "offset %zu: a record of %zu fields", m->op_offset, count);
    dtype->fields = arena_alloc(m->arena, count, sizeof(*dtype->fields));
    if (!dtype->fields)
        return pickle_no_memory(m, count * sizeof(*dtype->fields), err);
    for (size_t i = 0; i < count; i++) {
        const struct pickle_value *name = dict->items.at[2 * i];
        const struct pickle_value *pair = dict->items.at[2 * i + 1];
        const struct pickle_value *type, *offset;

        if ((name->type != PICKLE_TEXT && name->type != PICKLE_BYTES) ||
            pair->type != PICKLE_TUPLE || pair->items.count < 2)
            return pickle_fail(m, err, "field %zu of a record is not name: (dtype, offset)", i);
        type = pair->items.at[0];
        offset = pair->items.at[1];
        if (type->type != PICKLE_DTYPE || offset->type != PICKLE_INT)
            return pickle_fail(m, err, "field %zu of a record is not name: (dtype, offset)", i);
        if (offset->integer < 0 || offset->integer > dtype->item_size ||
            type->dtype->item_size > dtype->item_size - (uint32_t)offset->integer)
            return pickle_fail(m, err, "field %zu of a record lies outside of its %u bytes", i,
                               dtype->item_size);
        dtype->fields[i].name = name->bytes;
        dtype->fields[i].offset = (uint32_t)offset->integer;
        dtype->fields[i].dtype = type->dtype;
        dtype->has_objects |= type->dtype->has_objects;
    }
    dtype->field_count = (uint32_t)count;
    return 0;
}

int pickle_dtype_build(struct pickle_machine *m, struct pickle_value *value,
                       const struct pickle_value *state, struct err *err)
{
    const struct pickle_value *order, *fields, *size;
    struct pickle_dtype *dtype;

    if (state->type != PICKLE_TUPLE || state->items.count < 7)
        return pickle_fail(m, err, "the state of a numpy.dtype is not a tuple of 7 or more");
    order = state->items.at[1];
    fields = state->items.at[4];
    size = state->items.at[5];
    if ((order->type != PICKLE_TEXT && order->type != PICKLE_BYTES) || size->type != PICKLE_INT)
        return pickle_fail(m, err, "the state of a numpy.dtype has no byte order or no item size");
    dtype = arena_alloc(m->arena, 1, sizeof(*dtype));
    if (!dtype)
        return pickle_no_memory(m, sizeof(*dtype), err);
    *dtype = *value->dtype;
    dtype->big_endian = bytes_is(order->bytes, ">");
    if (memchr("USV", dtype->kind, 3) && size->integer != -1) {
        if (size->integer < 0 || size->integer > INT32_MAX)
            return pickle_fail(m, err, "a numpy.dtype of %lld bytes", (long long)size->integer);
        dtype->item_size = (uint32_t)size->integer;
    }
    if (fields->type == PICKLE_DICT && read_fields(m, fields, dtype, err))
        return -1;
    value->dtype = dtype;
    return 0;
}

/*
 * Arrays.
 */

static int read_shape(struct pickle_machine *m, const struct pickle_value *shape,
                      struct pickle_array *array, struct err *err)
{
    if (shape->type != PICKLE_TUPLE && shape->type != PICKLE_LIST)
        return pickle_fail(m, err, "the shape of an array is not a tuple");
    if (shape->items.count > PICKLE_DIMENSIONS_MAX)
        return pickle_refuse(m, err, "an array of %zu dimensions, more than %d", shape->items.count,
                             PICKLE_DIMENSIONS_MAX);
    array->dimensions = (unsigned)shape->items.count;
    array->count = 1;
    for (unsigned i = 0; i < array->dimensions; i++) {
        const struct pickle_value *n = shape->items.at[i];

        if (n->type != PICKLE_INT || n->integer < 0)
            return pickle_fail(m, err, "dimension %u of an array is not a number of elements", i);
        array->shape[i] = (size_t)n->integer;
        if (__builtin_mul_overflow(array->count, array->shape[i], &array->count))
            return pickle_fail(m, err, "the shape of an array overflows");
    }
    return 0;
}

/* Bytes that the elements take; the product of hostile numbers may not fit. Elements of no size
 * would be any number of them in no bytes, and who walks them would not end. */
static int array_size(struct pickle_machine *m, const struct pickle_array *array, size_t *ret,
                      struct err *err)
{
    if ((array->count && array->dtype->item_size == 0) ||
        __builtin_mul_overflow(array->count, (size_t)array->dtype->item_size, ret))
        return pickle_fail(m, err, "an array of %zu elements of %u bytes", array->count,
                           array->dtype->item_size);
    return 0;
}

/* Elements from a list, or from bytes; they must be as many as the shape says. */
static int set_elements(struct pickle_machine *m, const struct pickle_value *data,
                        struct pickle_array *array, struct err *err)
{
    char name[128];
    size_t size = 0;

    if (array->dtype->has_objects) {
        if (data->type != PICKLE_LIST)
            return pickle_fail(m, err, "an array of objects has its elements in a %s, not a list",
                               pickle_class_name(data, name, sizeof(name)));
        if (data->items.count != array->count)
            return pickle_fail(m, err, "an array of %zu objects comes with %zu", array->count,
                               data->items.count);
        array->objects = data->items;
        return 0;
    }
    if (data->type != PICKLE_BYTES && data->type != PICKLE_TEXT)
        return pickle_fail(m, err, "an array has its elements in a %s, not in bytes",
                           pickle_class_name(data, name, sizeof(name)));
    if (array_size(m, array, &size, err))
        return -1;
    if (data->bytes.size != size)
        return pickle_fail(m, err, "an array of %zu elements of %u bytes comes with %zu bytes",
                           array->count, array->dtype->item_size, data->bytes.size);
    array->data = data->bytes;
    return 0;
}

static struct pickle_array *new_array(struct pickle_machine *m, struct err *err)
{
    struct pickle_array *array = arena_zero(m->arena, 1, sizeof(*array));

    if (!array)
        pickle_no_memory(m, sizeof(*array), err);
    return array;
}

static int make_array(struct pickle_machine *m, struct pickle_array *array,
                      struct pickle_value **ret, struct err *err)
{
    struct pickle_value *value = pickle_new(m, PICKLE_ARRAY, err);

    if (!value)
        return -1;
    value->array = array;
    *ret = value;
    return 0;
}

/* An empty array; BUILD fills it. The arguments are the same always. */
int pickle_numpy_reconstruct(struct pickle_machine *m, const struct pickle_items *args UNUSED,
                             struct pickle_value **ret, struct err *err)
{
    struct pickle_array *array = new_array(m, err);
    struct pickle_dtype *dtype = arena_alloc(m->arena, 1, sizeof(*dtype));

    if (!array)
        return -1;
    if (!dtype)
        return pickle_no_memory(m, sizeof(*dtype), err);
    *dtype = byte_dtype;
    array->dtype = dtype;
    array->dimensions = 1;
    return make_array(m, array, ret, err);
}

int pickle_array_build(struct pickle_machine *m, struct pickle_value *value,
                       const struct pickle_value *state, struct err *err)
{
    struct pickle_value *const *at = state->items.at;
    struct pickle_array *array;

    if (state->type != PICKLE_TUPLE || state->items.count != 5)
        return pickle_fail(m, err, "the state of a numpy.ndarray is not a tuple of 5");
    if (at[2]->type != PICKLE_DTYPE)
        return pickle_refuse(m, err, "a numpy.ndarray of a dtype that is not read");
    array = new_array(m, err);
    if (!array)
        return -1;
    array->dtype = at[2]->dtype;
    array->fortran = at[3]->integer != 0;
    if (read_shape(m, at[1], array, err) || set_elements(m, at[4], array, err))
        return -1;
    value->array = array;
    return 0;
}

int pickle_numpy_scalar(struct pickle_machine *m, const struct pickle_items *args,
                        struct pickle_value **ret, struct err *err)
{
    struct pickle_array *array;

    if (args->count != 2 || args->at[0]->type != PICKLE_DTYPE)
        return 0;
    array = new_array(m, err);
    if (!array)
        return -1;
    array->dtype = args->at[0]->dtype;
    array->count = 1;
    if (array->dtype->has_objects)
        array->objects = (struct pickle_items){.at = args->at + 1, .count = 1, .capacity = 1};
    else if (set_elements(m, args->at[1], array, err))
        return -1;
    return make_array(m, array, ret, err);
}

int pickle_numpy_frombuffer(struct pickle_machine *m, const struct pickle_items *args,
                            struct pickle_value **ret, struct err *err)
{
    struct pickle_array *array;

    if (args->count < 4 || args->at[1]->type != PICKLE_DTYPE || args->at[3]->type != PICKLE_TEXT ||
        (!bytes_is(args->at[3]->bytes, "C") && !bytes_is(args->at[3]->bytes, "F")))
        return 0;
    array = new_array(m, err);
    if (!array)
        return -1;
    array->dtype = args->at[1]->dtype;
    array->fortran = bytes_is(args->at[3]->bytes, "F");
    if (read_shape(m, args->at[2], array, err) || set_elements(m, args->at[0], array, err))
        return -1;
    return make_array(m, array, ret, err);
}

/*
 * joblib.
 */

bool pickle_is_joblib_array(const struct pickle_value *value)
{
    return value->type == PICKLE_OBJECT &&
           (pickle_is(value, "joblib.numpy_pickle", "NumpyArrayWrapper") ||
            pickle_is(value, "sklearn.externals.joblib.numpy_pickle", "NumpyArrayWrapper"));
}

static int skip_padding(struct pickle_machine *m, const struct pickle_value *alignment,
                        struct err *err)
{
    uint64_t n = 0;

    if (!alignment || alignment->type == PICKLE_NONE)
        return 0;
    if (pickle_take_number(m, 1, &n, err))
        return -1;
    if (!cursor_skip(&m->in, (size_t)n))
        return pickle_fail(m, err, "%u bytes of padding, %zu are left: the pickle is cut",
                           (unsigned)n, cursor_left(&m->in));
    return 0;
}

/* From here on the opcodes are those of the nested pickle, on a stack and a memo of its own. */
static void enter_nested(struct pickle_machine *m)
{
    m->level++;
    m->levels[m->level] = (struct pickle_level){
        .stack_base = m->depth,
        .mark_base = m->mark_count,
    };
}

/* The wrapper has six members. One dict of a million, built on again and again, would take forever.
 */
#define WRAPPER_MEMBERS_MAX 64

int pickle_joblib_read(struct pickle_machine *m, const struct pickle_value *wrapper,
                       struct err *err)
{
    const struct pickle_value *state = wrapper->state;
    const struct pickle_value *dtype, *shape, *order;
    struct pickle_array *array;
    struct pickle_value *value;
    size_t size = 0;

    if (state->type != PICKLE_DICT || state->items.count > 2 * WRAPPER_MEMBERS_MAX)
        return pickle_fail(m, err, "the state of joblib's NumpyArrayWrapper is not a small dict");
    dtype = pickle_get(state, "dtype");
    shape = pickle_get(state, "shape");
    order = pickle_get(state, "order");
    if (!dtype || !shape || !order || order->type != PICKLE_TEXT)
        return pickle_fail(m, err, "joblib's NumpyArrayWrapper lacks its shape, dtype or order");
    if (dtype->type != PICKLE_DTYPE)
        return pickle_refuse(m, err, "a numpy.ndarray of a dtype that is not read");
    m->depth--; /* the wrapper */
    if (dtype->dtype->has_objects) {
        enter_nested(m);
        return 0;
    }
    array = new_array(m, err);
    if (!array)
        return -1;
    array->dtype = dtype->dtype;
    array->fortran = bytes_is(order->bytes, "F");
    if (read_shape(m, shape, array, err) || array_size(m, array, &size, err) ||
        skip_padding(m, pickle_get(state, "numpy_array_alignment_bytes"), err))
        return -1;
    if (!cursor_take(&m->in, size, &array->data))
        return pickle_fail(m, err, "an array of %zu bytes, %zu are left: the pickle is cut", size,
                           cursor_left(&m->in));
    if (make_array(m, array, &value, err))
        return -1;
    return pickle_push(m, value, err);
}
