/*
 * The protobuf message in a RecordIO frame: package aialgs.data, proto2 (xgboost-container 3.5).
 *
 *   Record         1 features  map<string, Value>     2 label  map<string, Value>
 *                  3 uid, 4 metadata, 5 configuration, strings
 *   map entry      1 key, string     2 value, Value
 *   Value          one of: 2 Float32Tensor  3 Float64Tensor  7 Int32Tensor  9 Bytes
 *   *Tensor        1 values, repeated float, double or int32
 *                  2 keys  3 shape, repeated uint64         all packed, or not
 *
 *   message = { varint (number << 3 | type) value }
 *   value   = varint                type 0      8 bytes              type 1
 *           | varint n, n bytes     type 2      4 bytes              type 5
 *           | fields, end           type 3, up to the type 4 of the same number (obsolete groups)
 *
 * As every reader of protobuf has it: a field of another type than the schema's is an unknown one
 * and skipped; of map entries with the same key the last one counts; a message that comes in pieces
 * is its pieces joined; of the members of a oneof the last one counts.
 *
 * Not by protobuf-c: its tree of one row takes longer to build than decoding needs in all (784
 * floats: 265 ns to 225, of which two readings of the message 60), and it refuses unknown groups,
 * which the original skips.
 */
#include <string.h>

#include "server/formats/recordio_internal.h"

#define VARINT_MAX  10  /* bytes */
#define GROUPS_MAX  100 /* one in another */
#define KEY         "values"
#define RECORD_MAPS 2 /* fields 1 and 2 */

enum wire {
    WIRE_VARINT = 0,
    WIRE_64 = 1,
    WIRE_BYTES = 2,
    WIRE_GROUP = 3,
    WIRE_GROUP_END = 4,
    WIRE_32 = 5,
};

struct field {
    uint32_t number;
    enum wire wire;
    struct bytes bytes; /* of the value, without its length */
};

enum field_result {
    FIELD_OK,
    FIELD_END,
    FIELD_BAD,
};

static bool read_long_varint(struct cursor *c, uint64_t *ret)
{
    const uint8_t *p = c->at;
    uint64_t number = 0;

    for (unsigned i = 0; i < VARINT_MAX && p < c->end; i++) {
        uint8_t byte = *p++;

        number |= (uint64_t)(byte & 0x7f) << 7 * i;
        if (byte < 0x80) {
            c->at = p;
            *ret = number;
            return true;
        }
    }
    return false;
}

/* Most are tags and sizes, or indices of columns: up to three bytes. */
static inline bool read_varint(struct cursor *c, uint64_t *ret)
{
    const uint8_t *p = c->at;

    if (UNLIKELY(c->end - p < 3))
        return read_long_varint(c, ret);
    if (p[0] < 0x80) {
        *ret = p[0];
        c->at = p + 1;
    } else if (p[1] < 0x80) {
        *ret = (p[0] & 0x7fu) | (uint32_t)p[1] << 7;
        c->at = p + 2;
    } else if (p[2] < 0x80) {
        *ret = (p[0] & 0x7fu) | (p[1] & 0x7fu) << 7 | (uint32_t)p[2] << 14;
        c->at = p + 3;
    } else {
        return read_long_varint(c, ret);
    }
    return true;
}

static inline bool read_value(struct cursor *c, enum wire wire, struct bytes *ret)
{
    const uint8_t *start = c->at;
    uint64_t number;

    switch (wire) {
    case WIRE_VARINT:
        if (!read_varint(c, &number))
            return false;
        *ret = bytes_of(start, (size_t)(c->at - start));
        return true;
    case WIRE_64:
        return cursor_take(c, 8, ret);
    case WIRE_32:
        return cursor_take(c, 4, ret);
    case WIRE_BYTES:
        return read_varint(c, &number) && number <= cursor_left(c) &&
               cursor_take(c, (size_t)number, ret);
    case WIRE_GROUP:
    case WIRE_GROUP_END:
        *ret = bytes_of(start, 0);
        return true;
    }
    return false;
}

static inline bool read_field(struct cursor *c, struct field *ret)
{
    uint64_t tag;

    if (!read_varint(c, &tag) || tag > UINT32_MAX || tag >> 3 == 0)
        return false;
    ret->number = (uint32_t)(tag >> 3);
    ret->wire = (enum wire)(tag & 7);
    return read_value(c, ret->wire, &ret->bytes);
}

/* From behind the beginning of a group to behind its end. */
static bool skip_group(struct cursor *c, uint32_t number)
{
    uint32_t open[GROUPS_MAX] = {number};
    size_t depth = 1;
    struct field field;

    while (depth) {
        if (!read_field(c, &field))
            return false;
        if (field.wire == WIRE_GROUP) {
            if (depth == GROUPS_MAX)
                return false;
            open[depth++] = field.number;
        } else if (field.wire == WIRE_GROUP_END && field.number != open[--depth]) {
            return false;
        }
    }
    return true;
}

/* The next field that is no group. */
static inline enum field_result next_field(struct cursor *c, struct field *ret)
{
    while (c->at < c->end) {
        if (!read_field(c, ret) || ret->wire == WIRE_GROUP_END)
            return FIELD_BAD;
        if (ret->wire != WIRE_GROUP)
            return FIELD_OK;
        if (!skip_group(c, ret->number))
            return FIELD_BAD;
    }
    return FIELD_END;
}

/* A tensor being read, and where it goes. */
struct reader {
    struct recordio_tensor *tensor;
    const struct recordio_sink *sink; /* or NULL */
    size_t values_start;              /* in sink->values */
    size_t keys_start;
};

static void begin_tensor(struct reader *reader, enum recordio_type type)
{
    *reader->tensor = (struct recordio_tensor){.type = type, .product = 1};
    if (reader->sink) {
        reader->sink->values->size = reader->values_start;
        reader->sink->keys->size = reader->keys_start;
    }
}

static float read_double(const uint8_t *bytes)
{
    uint64_t bits = load_le64(bytes);
    double value;

    memcpy(&value, &bits, sizeof(value));
    return (float)value;
}

static bool add_floats(struct reader *reader, struct bytes bytes)
{
    struct recordio_tensor *tensor = reader->tensor;
    size_t count = bytes.size / sizeof(float);
    char *out;

    if (bytes.size % sizeof(float))
        return false;
    if (!tensor->values && count)
        tensor->first_value = load_le_f32(bytes.data);
    tensor->values += count;
    if (!reader->sink || !count)
        return true;
    if (buffer_reserve(reader->sink->values, bytes.size))
        return false;
    out = reader->sink->values->data + reader->sink->values->size;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    memcpy(out, bytes.data, bytes.size);
#else
    for (size_t i = 0; i < bytes.size; i += sizeof(float)) {
        float value = load_le_f32(bytes.data + i);

        memcpy(out + i, &value, sizeof(value));
    }
#endif
    reader->sink->values->size += bytes.size;
    return true;
}

static bool add_doubles(struct reader *reader, struct bytes bytes)
{
    struct recordio_tensor *tensor = reader->tensor;
    size_t count = bytes.size / sizeof(double);
    char *out;

    if (bytes.size % sizeof(double))
        return false;
    if (!tensor->values && count)
        tensor->first_value = read_double(bytes.data);
    tensor->values += count;
    if (!reader->sink || !count)
        return true;
    if (buffer_reserve(reader->sink->values, count * sizeof(float)))
        return false;
    out = reader->sink->values->data + reader->sink->values->size;
    for (size_t i = 0; i < count; i++) {
        float value = read_double(bytes.data + i * sizeof(double));

        memcpy(out + i * sizeof(float), &value, sizeof(value));
    }
    reader->sink->values->size += count * sizeof(float);
    return true;
}

static bool add_ints(struct reader *reader, struct bytes bytes)
{
    struct recordio_tensor *tensor = reader->tensor;
    struct cursor c = cursor_of(bytes);
    char *out = NULL;
    uint64_t number;

    /* a number has at least a byte */
    if (reader->sink && bytes.size) {
        if (bytes.size > SIZE_MAX / sizeof(float) ||
            buffer_reserve(reader->sink->values, bytes.size * sizeof(float)))
            return false;
        out = reader->sink->values->data + reader->sink->values->size;
    }
    while (c.at < c.end) {
        float value;

        if (!read_varint(&c, &number))
            return false;
        value = (float)(int32_t)(uint32_t)number;
        if (!tensor->values)
            tensor->first_value = value;
        tensor->values++;
        if (out)
            out = mempcpy(out, &value, sizeof(value));
    }
    if (out)
        reader->sink->values->size = (size_t)(out - reader->sink->values->data);
    return true;
}

static bool add_values(struct reader *reader, const struct field *field)
{
    static const enum wire unpacked[] = {
        [RECORDIO_FLOAT32] = WIRE_32, [RECORDIO_FLOAT64] = WIRE_64, [RECORDIO_INT32] = WIRE_VARINT};
    enum recordio_type type = reader->tensor->type;

    if (field->wire != WIRE_BYTES && field->wire != unpacked[type])
        return true;
    switch (type) {
    case RECORDIO_FLOAT32:
        return add_floats(reader, field->bytes);
    case RECORDIO_FLOAT64:
        return add_doubles(reader, field->bytes);
    case RECORDIO_INT32:
        return add_ints(reader, field->bytes);
    case RECORDIO_NONE:
        break;
    }
    return true;
}

static bool add_keys(struct reader *reader, struct bytes bytes)
{
    struct recordio_tensor *tensor = reader->tensor;
    struct cursor c = cursor_of(bytes);
    uint64_t largest = tensor->largest_key;
    size_t count = 0;
    char *out = NULL;
    uint64_t key;

    if (reader->sink && bytes.size) {
        if (bytes.size > SIZE_MAX / sizeof(key) ||
            buffer_reserve(reader->sink->keys, bytes.size * sizeof(key)))
            return false;
        out = reader->sink->keys->data + reader->sink->keys->size;
    }
    for (; c.at < c.end; count++) {
        if (!read_varint(&c, &key))
            return false;
        largest = key > largest ? key : largest;
        if (out)
            out = mempcpy(out, &key, sizeof(key));
    }
    if (out)
        reader->sink->keys->size += count * sizeof(key);
    tensor->largest_key = largest;
    tensor->keys += count;
    return true;
}

static bool add_dimensions(struct reader *reader, struct bytes bytes)
{
    struct recordio_tensor *tensor = reader->tensor;
    struct cursor c = cursor_of(bytes);
    uint64_t dimension;

    while (c.at < c.end) {
        if (!read_varint(&c, &dimension))
            return false;
        if (!tensor->dimensions++)
            tensor->first_dimension = dimension;
        if (__builtin_mul_overflow(tensor->product, dimension, &tensor->product))
            tensor->product = UINT64_MAX;
    }
    return true;
}

static bool read_tensor(struct reader *reader, struct bytes message)
{
    struct cursor c = cursor_of(message);
    enum field_result result;
    struct field field;

    while ((result = next_field(&c, &field)) == FIELD_OK) {
        bool numbers = field.wire == WIRE_BYTES || field.wire == WIRE_VARINT;

        if ((field.number == 1 && !add_values(reader, &field)) ||
            (field.number == 2 && numbers && !add_keys(reader, field.bytes)) ||
            (field.number == 3 && numbers && !add_dimensions(reader, field.bytes)))
            return false;
    }
    return result == FIELD_END;
}

/* Bytes: nothing in it is used. */
static bool check_bytes(struct bytes message)
{
    struct cursor c = cursor_of(message);
    enum field_result result;
    struct field field;

    do {
        result = next_field(&c, &field);
    } while (result == FIELD_OK);
    return result == FIELD_END;
}

static bool read_value_message(struct reader *reader, struct bytes message)
{
    struct cursor c = cursor_of(message);
    enum field_result result;
    struct field field;

    while ((result = next_field(&c, &field)) == FIELD_OK) {
        if (field.wire != WIRE_BYTES)
            continue;
        if (field.number == RECORDIO_FLOAT32 || field.number == RECORDIO_FLOAT64 ||
            field.number == RECORDIO_INT32) {
            if (reader->tensor->type != (enum recordio_type)field.number)
                begin_tensor(reader, (enum recordio_type)field.number);
            if (!read_tensor(reader, field.bytes))
                return false;
        } else if (field.number == 9) {
            begin_tensor(reader, RECORDIO_NONE);
            if (!check_bytes(field.bytes))
                return false;
        }
    }
    return result == FIELD_END;
}

/* The pieces of an entry's value, one after the other. */
static bool read_entry_values(struct reader *reader, struct bytes entry)
{
    struct cursor c = cursor_of(entry);
    struct field field;

    while (next_field(&c, &field) == FIELD_OK) {
        if (field.number == 2 && field.wire == WIRE_BYTES &&
            !read_value_message(reader, field.bytes))
            return false;
    }
    return true;
}

/* A map entry. The key may come after the value. */
static bool read_entry(struct reader *reader, struct bytes entry)
{
    struct recordio_tensor other;
    struct reader checking = {.tensor = &other};
    struct cursor c = cursor_of(entry);
    struct bytes key = {NULL, 0};
    struct bytes value = {NULL, 0};
    enum field_result result;
    struct field field;
    size_t values = 0;

    while ((result = next_field(&c, &field)) == FIELD_OK) {
        if (field.wire != WIRE_BYTES)
            continue;
        if (field.number == 1)
            key = field.bytes;
        else if (field.number == 2 && ++values)
            value = field.bytes;
    }
    if (result == FIELD_BAD)
        return false;
    if (!bytes_is(key, KEY))
        reader = &checking;
    begin_tensor(reader, RECORDIO_NONE);
    if (values > 1)
        return read_entry_values(reader, entry);
    return !values || read_value_message(reader, value);
}

int recordio_read(struct bytes message, const struct recordio_sink *sink,
                  struct recordio_message *ret)
{
    struct reader readers[RECORD_MAPS] = {{.tensor = &ret->features, .sink = sink},
                                          {.tensor = &ret->label}};
    struct cursor c = cursor_of(message);
    enum field_result result;
    struct field field;

    if (sink) {
        readers[0].values_start = sink->values->size;
        readers[0].keys_start = sink->keys->size;
    }
    for (size_t i = 0; i < RECORD_MAPS; i++)
        begin_tensor(&readers[i], RECORDIO_NONE);
    while ((result = next_field(&c, &field)) == FIELD_OK) {
        if (field.number <= RECORD_MAPS && field.wire == WIRE_BYTES &&
            !read_entry(&readers[field.number - 1], field.bytes))
            return -1;
    }
    return result == FIELD_END ? 0 : -1;
}
