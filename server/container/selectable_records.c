/*
 * RecordIO-protobuf, one record a row (xgboost-container 3.5):
 *
 *   0a 23 d7 ce, u32 length of the payload, payload, zeros up to a multiple of 4
 *   payload: for each key
 *     12 LEN                   Record.label, a map entry
 *       0a LEN name              its key
 *       12 LEN                   its value
 *         12 LEN                   Value.float32_tensor
 *           0a LEN f32 ...           its values, packed
 *
 * Integers are little-endian, each LEN is a varint. A tensor without values is empty.
 */
#include <endian.h>
#include <math.h>
#include <string.h>

#include "server/container/selectable_internal.h"
#include "server/formats/encode.h"

#define MAGIC 0xced7230au

/* A key's values in one row. */
struct entry {
    struct bytes name;
    const float *values;
    size_t count;
    float own[2]; /* values that are not in the predictions */
};

/* Writes the low seven bits first; at may be NULL, which only counts. */
static size_t put_varint(uint8_t *at, size_t value)
{
    size_t size = 0;

    for (; value >= 0x80; value >>= 7, size++) {
        if (at)
            at[size] = (uint8_t)(value | 0x80);
    }
    if (at)
        at[size] = (uint8_t)value;
    return size + 1;
}

/* Bytes of a field of `size` bytes, its tag and length included. */
static size_t field_size(size_t size)
{
    return 1 + put_varint(NULL, size) + size;
}

static size_t tensor_size(const struct entry *entry)
{
    return entry->count ? field_size(entry->count * sizeof(float)) : 0;
}

static size_t map_entry_size(const struct entry *entry)
{
    return field_size(entry->name.size) + field_size(field_size(tensor_size(entry)));
}

static uint8_t *put_tag(uint8_t *at, uint8_t tag, size_t size)
{
    *at++ = tag;
    return at + put_varint(at, size);
}

static uint8_t *put_u32(uint8_t *at, uint32_t value)
{
    uint32_t little = htole32(value);

    memcpy(at, &little, sizeof(little));
    return at + sizeof(little);
}

static uint8_t *put_entry(uint8_t *at, const struct entry *entry)
{
    at = put_tag(at, 0x12, map_entry_size(entry));
    at = put_tag(at, 0x0a, entry->name.size);
    if (entry->name.size)
        memcpy(at, entry->name.data, entry->name.size);
    at += entry->name.size;
    at = put_tag(at, 0x12, field_size(tensor_size(entry)));
    at = put_tag(at, 0x12, tensor_size(entry));
    if (entry->count)
        at = put_tag(at, 0x0a, entry->count * sizeof(float));
    for (size_t i = 0; i < entry->count; i++) {
        uint32_t bits;

        memcpy(&bits, &entry->values[i], sizeof(bits));
        at = put_u32(at, bits);
    }
    return at;
}

static int append_record(const struct entry *entries, size_t count, struct buffer *body,
                         struct err *err)
{
    size_t payload = 0;
    size_t padding;
    uint8_t *at;

    for (size_t i = 0; i < count; i++)
        payload += field_size(map_entry_size(&entries[i]));
    padding = (4 - payload % 4) % 4;
    if (payload > UINT32_MAX)
        return err_set(err, ERR_LIMIT, "a record of the response is larger than %u bytes",
                       UINT32_MAX);
    if (buffer_reserve(body, 8 + payload + padding))
        return encode_no_room(body, 8 + payload + padding, err);
    at = (uint8_t *)body->data + body->size;
    at = put_u32(at, MAGIC);
    at = put_u32(at, (uint32_t)payload);
    for (size_t i = 0; i < count; i++)
        at = put_entry(at, &entries[i]);
    memset(at, 0, padding);
    body->size += 8 + payload + padding;
    return 0;
}

static void set_one(struct entry *entry, float value)
{
    entry->own[0] = value;
    entry->values = entry->own;
    entry->count = 1;
}

static void set_value(struct entry *entry, const struct plan *plan, enum source source,
                      const float *row, const float *classes)
{
    size_t columns = plan->predictions->columns;

    switch (source) {
    case NOT_A_NUMBER:
        set_one(entry, NAN);
        break;
    case VALUE:
        set_one(entry, row[0]);
        break;
    case ABOVE_HALF:
        set_one(entry, row[0] > 0.5f);
        break;
    case ABOVE_ZERO:
        set_one(entry, row[0] > 0.0f);
        break;
    case LARGEST_INDEX:
        set_one(entry, (float)selectable_largest(row, columns));
        break;
    case LARGEST:
        set_one(entry, row[selectable_largest(row, columns)]);
        break;
    case ALL_VALUES:
        entry->values = row;
        entry->count = columns;
        break;
    case COMPLEMENT:
        entry->own[0] = (float)selectable_complement(row[0]);
        entry->own[1] = row[0];
        entry->values = entry->own;
        entry->count = 2;
        break;
    case CLASSES:
        entry->values = classes;
        entry->count = plan->classes;
        break;
    }
}

int selectable_encode_records(const struct plan *plan, struct buffer *body, struct err *err)
{
    const struct predictions *predictions = plan->predictions;
    CLEANUP(mem_cleanup) struct entry *entries = mem_zero(plan->field_count, sizeof(*entries));
    CLEANUP(mem_cleanup) float *classes = mem_alloc(plan->classes, sizeof(*classes));

    if (!entries || !classes)
        return err_memory(err, plan->field_count * sizeof(*entries), "the response");
    for (size_t i = 0; i < plan->classes; i++)
        classes[i] = (float)i;
    for (size_t r = 0; r < predictions->rows; r++) {
        const float *row = predictions->values + r * predictions->columns;

        for (size_t i = 0; i < plan->field_count; i++) {
            entries[i].name = plan->fields[i].key->text;
            set_value(&entries[i], plan, plan->fields[i].source, row, classes);
        }
        if (append_record(entries, plan->field_count, body, err))
            return -1;
    }
    return 0;
}
