/*
 * RecordIO-protobuf (xgboost-container 3.5), little-endian:
 *
 *   input = { frame } [less than 8 bytes, ignored]
 *   frame = u32 magic 0xced7230a, u32 length, payload[length], zeros to a multiple of 4
 *
 * AWS's writers put a record in one frame. MXNet's cut a record wherever the magic stands in it at
 * a multiple of 4 and leave the magic out; the top 3 bits of a length then tell first (1), middle
 * (2) and last (3) part.
 *
 * What is written has labels only:
 *
 *   record = { 12 size entry }                  Record.label, a map entry
 *   entry  = 0a size name, 12 size value        key and value
 *   value  = 12 size tensor                     Value.float32_tensor
 *   tensor = 0a size float32[]                  Float32Tensor.values, packed
 */
#include "server/formats/recordio.h"

#include <math.h>
#include <stdint.h>

#include "server/formats/recordio_internal.h"

#define MAGIC       0xced7230au
#define HEAD_SIZE   8
#define PART_LENGTH 0x1fffffffu

/* "A field that has a length." */
#define TAG_LABEL          0x12
#define TAG_ENTRY_KEY      0x0a
#define TAG_ENTRY_VALUE    0x12
#define TAG_VALUE_FLOAT32  0x12
#define TAG_FLOAT32_VALUES 0x0a

#define RECORD_MAX UINT32_MAX

struct frame {
    enum recordio_kind kind;
    struct bytes payload;
    size_t at; /* of the payload; of the frame where the magic is wrong */
};

static enum recordio_result next_frame(struct cursor *input, bool parts, struct frame *ret)
{
    struct cursor c = *input;
    uint32_t magic;
    uint32_t length;

    ret->at = cursor_offset(input);
    ret->kind = RECORDIO_WHOLE;
    if (!cursor_le32(&c, &magic) || !cursor_le32(&c, &length))
        return RECORDIO_AT_END;
    if (magic != MAGIC)
        return RECORDIO_BAD_MAGIC;
    ret->at += HEAD_SIZE;
    if (parts && length >> 29 >= RECORDIO_FIRST && length >> 29 <= RECORDIO_LAST) {
        ret->kind = (enum recordio_kind)(length >> 29);
        length &= PART_LENGTH;
    }
    if (!cursor_take(&c, length, &ret->payload))
        return RECORDIO_TRUNCATED;
    if (!cursor_skip(&c, -length & 3))
        c.at = c.end;
    *input = c;
    return RECORDIO_OK;
}

/* Whether a part may follow a part of that kind; of nothing: a whole one. */
static bool follows(enum recordio_kind previous, enum recordio_kind kind)
{
    bool inside = previous == RECORDIO_FIRST || previous == RECORDIO_MIDDLE;

    return inside == (kind == RECORDIO_MIDDLE || kind == RECORDIO_LAST);
}

static int append_part(struct buffer *joined, const struct frame *frame)
{
    uint8_t magic[] = {MAGIC & 0xff, MAGIC >> 8 & 0xff, MAGIC >> 16 & 0xff, MAGIC >> 24};

    if (frame->kind == RECORDIO_FIRST)
        buffer_clear(joined);
    else if (buffer_append(joined, magic, sizeof(magic)))
        return -1;
    return buffer_append(joined, frame->payload.data, frame->payload.size);
}

enum recordio_result recordio_next_record(struct cursor *input, bool parts, struct buffer *joined,
                                          struct bytes *ret, size_t *ret_at)
{
    struct frame frame = {.kind = RECORDIO_WHOLE};
    enum recordio_kind previous;

    do {
        enum recordio_result result;

        previous = frame.kind;
        result = next_frame(input, parts, &frame);
        *ret_at = frame.at;
        if (result == RECORDIO_AT_END && previous != RECORDIO_WHOLE)
            return RECORDIO_TRUNCATED;
        if (result != RECORDIO_OK)
            return result;
        if (!follows(previous, frame.kind))
            return RECORDIO_TRUNCATED;
        if (frame.kind != RECORDIO_WHOLE && append_part(joined, &frame))
            return RECORDIO_NO_MEMORY;
    } while (frame.kind == RECORDIO_FIRST || frame.kind == RECORDIO_MIDDLE);
    *ret = frame.kind == RECORDIO_WHOLE ? frame.payload : bytes_of(joined->data, joined->size);
    return RECORDIO_OK;
}

size_t recordio_whole(struct bytes data)
{
    struct cursor input = cursor_of(data);
    enum recordio_kind previous = RECORDIO_WHOLE;
    size_t whole = 0;

    for (;;) {
        struct frame frame;
        enum recordio_result result = next_frame(&input, true, &frame);

        if (result == RECORDIO_AT_END || result == RECORDIO_TRUNCATED)
            return whole;
        if (result != RECORDIO_OK || !follows(previous, frame.kind))
            return whole ? whole : data.size;
        if (cursor_offset(&input) & 3)
            return whole; /* padding is missing yet */
        previous = frame.kind;
        if (frame.kind == RECORDIO_WHOLE || frame.kind == RECORDIO_LAST)
            whole = cursor_offset(&input);
    }
}

static int no_room(const struct buffer *body, size_t need, struct err *err)
{
    if (need > body->max - body->size)
        return err_set(err, ERR_LIMIT, "the response is larger than %zu bytes", body->max);
    return err_memory(err, need, "the response");
}

static void store_le32(char *out, uint32_t number)
{
    for (int i = 0; i < 4; i++)
        out[i] = (char)(number >> 8 * i & 0xff);
}

int recordio_begin(struct buffer *body, size_t *ret_record, struct err *err)
{
    if (buffer_reserve(body, HEAD_SIZE))
        return no_room(body, HEAD_SIZE, err);
    store_le32(body->data + body->size, MAGIC);
    store_le32(body->data + body->size + 4, 0); /* known to recordio_end */
    *ret_record = body->size;
    body->size += HEAD_SIZE;
    return 0;
}

int recordio_end(struct buffer *body, size_t record, struct err *err)
{
    size_t length = body->size - record - HEAD_SIZE;

    if (length > RECORD_MAX)
        return err_set(err, ERR_LIMIT, "a record of the response is larger than %u bytes",
                       RECORD_MAX);
    if (buffer_append(body, "\0\0\0", -length & 3))
        return no_room(body, -length & 3, err);
    store_le32(body->data + record + 4, (uint32_t)length);
    return 0;
}

static size_t varint_size(size_t number)
{
    size_t size = 1;

    while (number >>= 7)
        size++;
    return size;
}

/* The size of a field whose content has `size` bytes. */
static size_t field_size(size_t size)
{
    return 1 + varint_size(size) + size;
}

static char *put_field(char *out, uint8_t tag, size_t size)
{
    *out++ = (char)tag;
    for (; size > 0x7f; size >>= 7)
        *out++ = (char)(0x80 | (size & 0x7f));
    *out++ = (char)size;
    return out;
}

static char *put_floats(char *out, const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++, out += sizeof(float)) {
        uint32_t bits = 0x7fc00000;

        if (!isnan(values[i]))
            memcpy(&bits, &values[i], sizeof(bits));
        store_le32(out, bits);
    }
    return out;
}

int recordio_label(struct buffer *body, struct bytes name, const float *values, size_t count,
                   struct err *err)
{
    size_t numbers = count * sizeof(float);
    size_t tensor, value, entry, need;
    char *out;

    if (count > RECORD_MAX / 16 || name.size > RECORD_MAX / 16)
        return err_set(err, ERR_LIMIT, "a label of the response is larger than %u bytes",
                       RECORD_MAX / 4);
    tensor = count ? field_size(numbers) : 0;
    value = field_size(tensor);
    entry = field_size(name.size) + field_size(value);
    need = field_size(entry);
    if (buffer_reserve(body, need))
        return no_room(body, need, err);
    out = put_field(body->data + body->size, TAG_LABEL, entry);
    out = put_field(out, TAG_ENTRY_KEY, name.size);
    if (name.size)
        out = mempcpy(out, name.data, name.size);
    out = put_field(out, TAG_ENTRY_VALUE, value);
    out = put_field(out, TAG_VALUE_FLOAT32, tensor);
    if (count)
        out = put_floats(put_field(out, TAG_FLOAT32_VALUES, numbers), values, count);
    body->size = (size_t)(out - body->data);
    return 0;
}

int encode_recordio(const struct predictions *predictions, struct buffer *body, struct err *err)
{
    size_t columns = predictions->columns;

    for (size_t row = 0; row < predictions->rows; row++) {
        size_t record = 0;

        if (recordio_begin(body, &record, err) ||
            recordio_label(body, bytes_text("score"), predictions->values + row * columns, columns,
                           err) ||
            recordio_end(body, record, err))
            return -1;
    }
    return 0;
}
