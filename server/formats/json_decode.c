/*
 * application/json and application/jsonlines (linear-learner 4.2, 4.3): RFC 8259 to the letter, but
 * for NaN and Infinity, which Python writes.
 *
 *   json      = { "instances": [ record { , record } ] }
 *   jsonlines = record { "\n" record }              blank lines are nothing; at least one record
 *   record    = { "features": tensor } | { "data": { "features": tensor } } | numbers
 *   tensor    = numbers | { "values": numbers }                                       dense
 *             | { "keys": [ column, ... ], "shape": [ columns ], "values": numbers }  sparse
 *   numbers   = [ number { , number } ]                                     double, then float32
 *
 * Members may be in any order, and others beside them are passed over; one of these that comes
 * twice is a fault, for readers of JSON do not agree on which one counts. Columns of a sparse
 * record count from 0 and may be in any order; values of the same column are added up.
 *
 * The body is read once, by decoder_open: numbers go straight to decoder->values, which the blocks
 * are views of.
 */
#include <inttypes.h>

#include "server/formats/json_rows.h"

/* The number between the brackets of "shape". */
static int read_shape(struct json_rows *in, uint64_t *ret)
{
    struct buffer *scratch = &in->decoder->scratch;
    size_t before = scratch->size;
    size_t offset = cursor_offset(&in->reader.source.cursor);

    if (json_numbers_index(&in->reader, scratch, &in->err))
        return -1;
    if (scratch->size - before == sizeof(*ret))
        memcpy(ret, scratch->data + before, sizeof(*ret));
    else
        *ret = 0;
    scratch->size = before;
    if (*ret == 0)
        return json_fail(json_rows_source(in), offset, &in->err,
                         "\"shape\" must be one number, the columns of the record, from 1 on");
    return 0;
}

enum {
    MEMBER_VALUES,
    MEMBER_KEYS,
    MEMBER_SHAPE,
    MEMBER_OTHER,
};

/* The next member's key, which must not be among those seen; what is to be read of it must be an
 * array. Other members are passed over. False at the end of the object and after an error. */
static bool next_tensor_member(struct json_rows *in, bool seen[MEMBER_OTHER], int *ret_member)
{
    static const char *const names[] = {"values", "keys", "shape"};
    struct json_event event;
    struct bytes skipped;
    int member = MEMBER_VALUES;

    for (;;) {
        if (json_next(json_rows_source(in), &event, &in->err) || event.type == JSON_OBJECT_END)
            return false;
        for (member = 0; member < MEMBER_OTHER && !json_text_is(&event, names[member]);)
            member++;
        if (member < MEMBER_OTHER)
            break;
        if (json_skip(json_rows_source(in), &skipped, &in->err))
            return false;
    }
    if (seen[member]) {
        json_fail(json_rows_source(in), event.offset, &in->err, "\"%s\" comes twice",
                  names[member]);
        return false;
    }
    seen[member] = true;
    *ret_member = member;
    if (json_next(json_rows_source(in), &event, &in->err))
        return false;
    if (event.type == JSON_ARRAY_BEGIN)
        return true;
    json_fail(json_rows_source(in), event.offset, &in->err, "\"%s\" must be an array",
              names[member]);
    return false;
}

static int read_values(struct json_rows *in)
{
    struct decoder *decoder = in->decoder;

    return json_numbers_f32(&in->reader, decoder->rules.json_null_is_missing, &decoder->values,
                            &in->err);
}

/* A tensor whose '{' was read. */
static int read_tensor_object(struct json_rows *in)
{
    struct decoder *decoder = in->decoder;
    size_t first = decoder->values.size / sizeof(float);
    bool seen[MEMBER_OTHER] = {false};
    uint64_t shape = 0;
    size_t count;
    int member;

    buffer_clear(&decoder->scratch);
    while (next_tensor_member(in, seen, &member)) {
        if (member == MEMBER_VALUES ? read_values(in)
            : member == MEMBER_KEYS ? json_numbers_index(&in->reader, &decoder->scratch, &in->err)
                                    : read_shape(in, &shape))
            return -1;
    }
    if (in->err.kind != ERR_NONE)
        return -1;
    if (!seen[MEMBER_VALUES])
        return json_fail(json_rows_source(in), in->offset, &in->err,
                         "\"features\" without \"values\"");
    if (seen[MEMBER_KEYS]) {
        if (!seen[MEMBER_SHAPE])
            return json_fail(json_rows_source(in), in->offset, &in->err,
                             "\"keys\" without \"shape\", the number of columns: [N]");
        return json_rows_sparse(in, first, shape);
    }
    count = decoder->values.size / sizeof(float) - first;
    if (seen[MEMBER_SHAPE] && shape != count)
        return json_fail(json_rows_source(in), in->offset, &in->err,
                         "\"values\" has %zu elements and no \"keys\", but \"shape\" is "
                         "[%" PRIu64 "]",
                         count, shape);
    return json_rows_dense(in, first);
}

/* An array of numbers whose '[' was read: a dense record. */
static int read_dense(struct json_rows *in)
{
    size_t first = in->decoder->values.size / sizeof(float);

    return read_values(in) ? -1 : json_rows_dense(in, first);
}

/* What follows "features". */
static int read_tensor(struct json_rows *in)
{
    struct json_event event;

    if (json_next(json_rows_source(in), &event, &in->err))
        return -1;
    if (event.type == JSON_ARRAY_BEGIN)
        return read_dense(in);
    if (event.type == JSON_OBJECT_BEGIN)
        return read_tensor_object(in);
    return json_fail(json_rows_source(in), event.offset, &in->err,
                     "\"features\" must be an array of numbers, or an object with \"values\"");
}

/* The members of a record whose '{' was read, or of the object in its "data". */
static int read_members(struct json_rows *in, bool in_data, bool *found)
{
    struct json_event event;
    struct bytes skipped;

    for (;;) {
        if (json_next(json_rows_source(in), &event, &in->err))
            return -1;
        if (event.type == JSON_OBJECT_END)
            return 0;
        if (json_text_is(&event, "features")) {
            if (*found)
                return json_fail(json_rows_source(in), event.offset, &in->err,
                                 "\"features\" comes twice");
            *found = true;
            if (read_tensor(in))
                return -1;
        } else if (!in_data && json_text_is(&event, "data")) {
            if (json_expect(json_rows_source(in), JSON_OBJECT_BEGIN, "\"data\"", &event,
                            &in->err) ||
                read_members(in, true, found))
                return -1;
        } else if (json_skip(json_rows_source(in), &skipped, &in->err)) {
            return -1;
        }
    }
}

/* A record, of which the first event was read. */
static int read_record(struct json_rows *in, const struct json_event *begin)
{
    bool found = false;

    in->record = in->decoder->rows_done + in->rows + 1;
    in->offset = begin->offset;
    if (begin->type == JSON_ARRAY_BEGIN) {
        found = true;
        if (read_dense(in))
            return -1;
    } else if (begin->type != JSON_OBJECT_BEGIN) {
        return json_fail(json_rows_source(in), in->offset, &in->err,
                         "a record must be an object with \"features\", or an array of numbers");
    } else if (read_members(in, false, &found)) {
        return -1;
    }
    if (!found)
        return json_fail(json_rows_source(in), in->offset, &in->err,
                         "a record without \"features\"");
    in->record = 0;
    return 0;
}

static int read_instances(struct json_rows *in)
{
    struct json_event event;

    if (json_expect(json_rows_source(in), JSON_ARRAY_BEGIN, "\"instances\"", &event, &in->err))
        return -1;
    for (;;) {
        if (json_next(json_rows_source(in), &event, &in->err))
            return -1;
        if (event.type == JSON_ARRAY_END)
            break;
        if (read_record(in, &event))
            return -1;
    }
    if (!in->rows)
        return json_fail(json_rows_source(in), event.offset, &in->err,
                         "\"instances\" has no record");
    return 0;
}

static int read_document(struct json_rows *in)
{
    struct json_event event;
    struct bytes skipped;
    bool found = false;

    json_reader_init_strict(&in->reader, in->decoder->body);
    if (json_expect(json_rows_source(in), JSON_OBJECT_BEGIN, "the body, {\"instances\": [...]},",
                    &event, &in->err))
        return -1;
    for (;;) {
        if (json_next(json_rows_source(in), &event, &in->err))
            return -1;
        if (event.type == JSON_OBJECT_END)
            break;
        if (!json_text_is(&event, "instances")) {
            if (json_skip(json_rows_source(in), &skipped, &in->err))
                return -1;
            continue;
        }
        if (found)
            return json_fail(json_rows_source(in), event.offset, &in->err,
                             "\"instances\" comes twice");
        found = true;
        if (read_instances(in))
            return -1;
    }
    if (!found)
        return json_fail(json_rows_source(in), event.offset, &in->err,
                         "an object without \"instances\"");
    return json_next(json_rows_source(in), &event, &in->err);
}

static bool is_blank(struct bytes line)
{
    for (size_t i = 0; i < line.size; i++) {
        if (line.data[i] != ' ' && line.data[i] != '\t' && line.data[i] != '\r')
            return false;
    }
    return true;
}

static int read_line(struct json_rows *in, struct bytes line)
{
    struct json_event event;

    json_reader_init_strict(&in->reader, line);
    in->record = in->decoder->rows_done + in->rows + 1;
    if (json_next(json_rows_source(in), &event, &in->err) || read_record(in, &event))
        return -1;
    in->record = in->decoder->rows_done + in->rows; /* for what may follow it */
    return json_next(json_rows_source(in), &event, &in->err);
}

static int read_lines(struct json_rows *in)
{
    struct bytes left = in->decoder->body;

    for (;;) {
        struct bytes line = decode_first_line(left);

        if (!is_blank(line) && read_line(in, line))
            return -1;
        if (line.size == left.size)
            break;
        left = bytes_of(left.data + line.size + 1, left.size - line.size - 1);
    }
    in->record = 0;
    if (!in->rows && !in->decoder->continued && !in->decoder->rules.more_follows)
        return err_set(&in->err, ERR_INPUT, "the body has no record");
    return 0;
}

static int fail(const struct json_rows *in, struct decode_fault *fault)
{
    if (in->err.kind == ERR_MEMORY)
        return decode_fail_memory(fault);
    if (!in->record)
        return decode_fail(fault, 0, 0, "ValueError", "%s", in->err.text);
    return decode_fail(fault, 0, 0, "ValueError", "record %" PRIu64 ", %s", in->record,
                       in->err.text);
}

/* Reads a body, or a piece of one, with `read`. */
static int read_body(struct decoder *decoder, int (*read)(struct json_rows *in),
                     struct decode_fault *fault)
{
    struct json_rows in = {.decoder = decoder, .err = ERR_INIT};

    if (read(&in) || json_rows_end(&in))
        return fail(&in, fault);
    if (in.infinite_row && !decoder->rules.infinite_ok)
        return decode_fail_infinite(fault, in.infinite_row, in.infinite_column);
    return 0;
}

static int json_open(struct decoder *decoder, struct decode_fault *fault)
{
    return read_body(decoder, read_document, fault);
}

static int jsonlines_open(struct decoder *decoder, struct decode_fault *fault)
{
    return read_body(decoder, read_lines, fault);
}

static int json_resume(struct decoder *decoder, struct decode_fault *fault)
{
    (void)decoder;
    return decode_fail(fault, 0, 0, "ValueError", "a JSON document does not come in pieces");
}

static int jsonlines_resume(struct decoder *decoder, struct decode_fault *fault)
{
    buffer_clear(&decoder->values);
    buffer_clear(&decoder->column_index);
    buffer_clear(&decoder->row_size);
    decoder->next_row = 0;
    decoder->next_entry = 0;
    decoder->sparse = false;
    return read_body(decoder, read_lines, fault);
}

static int next_rows(struct decoder *decoder, size_t max_rows, struct matrix *ret,
                     struct decode_fault *fault)
{
    uint64_t left = decoder->rows - decoder->rows_done;

    if (decoder->sparse)
        return decode_next_csr(decoder, max_rows, ret, fault);
    ret->rows = left < max_rows ? (size_t)left : max_rows;
    if (ret->rows)
        ret->values =
            (const float *)(const void *)decoder->values.data + decoder->next_row * decoder->width;
    decoder->next_row += ret->rows;
    return 0;
}

const struct decode_format decode_json = {json_open, json_resume, next_rows, true};
const struct decode_format decode_jsonlines = {jsonlines_open, jsonlines_resume, next_rows, true};
