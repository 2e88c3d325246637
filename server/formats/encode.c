#include "server/formats/encode.h"

#include <endian.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/number_print.h"
#include "server/formats/encode_internal.h"
#include "server/formats/recordio.h"

#define TEXT(literal)                                                                              \
    {                                                                                              \
        .text = literal, .size = sizeof(literal) - 1                                               \
    }

/* A layout of all columns. */
#define LAYOUT(NAME, BEFORE, BETWEEN, AFTER, BETWEEN_ROWS, PRINT)                                  \
    static const struct encode_part NAME##_part = {                                                \
        .before = TEXT(BEFORE),                                                                    \
        .between = TEXT(BETWEEN),                                                                  \
        .after = TEXT(AFTER),                                                                      \
        .count = SIZE_MAX,                                                                         \
        .print = PRINT,                                                                            \
    };                                                                                             \
    static const struct encode_layout NAME = {TEXT(BETWEEN_ROWS), &NAME##_part, 1}

LAYOUT(csv_layout, "", ",", "\n", "", number_print_double);
LAYOUT(json_layout, "{\"score\": ", "", "}", ", ", number_print_json);
LAYOUT(json_list_layout, "{\"score\": [", ", ", "]}", ", ", number_print_json);
LAYOUT(bare_layout, "", "", "", ", ", number_print_json);
LAYOUT(bare_list_layout, "[", ", ", "]", ", ", number_print_json);
LAYOUT(batch_layout, "", "", "\n", "", number_print_double);
LAYOUT(batch_list_layout, "[", ", ", "]\n", "", number_print_double);
LAYOUT(lines_layout, "{\"score\": ", "", "}\n", "", number_print_json);
LAYOUT(lines_list_layout, "{\"score\": [", ", ", "]}\n", "", number_print_json);
LAYOUT(joined_layout, "", "", "", ",", number_print_double);
LAYOUT(joined_list_layout, "[", ", ", "]", ",", number_print_double);

/* Texts are copied in steps: most are short. */
#define TEXT_STEP 16

/* Room for a number and the texts around it, each copied whole. */
#define NUMBER_ROOM (NUMBER_PRINT_MAX + ENCODE_TEXT_MAX + 2 * TEXT_STEP)

static inline char *put(char *at, const struct encode_text *text)
{
    memcpy(at, text->text, TEXT_STEP);
    return at + text->size;
}

static inline char *put_long(char *at, const struct encode_text *text)
{
    if (UNLIKELY(text->size > TEXT_STEP))
        memcpy(at + TEXT_STEP, text->text + TEXT_STEP, ENCODE_TEXT_MAX - TEXT_STEP);
    return put(at, text);
}

int encode_no_room(const struct buffer *body, size_t need, struct err *err)
{
    if (need > body->max - body->size)
        return err_set(err, ERR_LIMIT, "the response is larger than %zu bytes", body->max);
    return err_memory(err, need, "the response");
}

int encode_append(struct buffer *body, const char *text, struct err *err)
{
    size_t size;

    if (!text[0])
        return 0;
    size = strlen(text);
    return buffer_append(body, text, size) ? encode_no_room(body, size, err) : 0;
}

/* Numbers between two looks at the room that is left. */
#define BATCH_NUMBERS 64

/* Where rows are written to. */
struct writer {
    struct buffer *body;
    char *at;    /* of its data */
    size_t room; /* numbers that may be written there */
    size_t left; /* numbers that are to come */
};

/* Room for the next numbers. */
static int make_room(struct writer *writer, struct err *err)
{
    struct buffer *body = writer->body;
    size_t n = writer->left < BATCH_NUMBERS ? writer->left : BATCH_NUMBERS;

    if (writer->at)
        body->size = (size_t)(writer->at - body->data);
    if (buffer_reserve(body, n * NUMBER_ROOM))
        return encode_no_room(body, n * NUMBER_ROOM, err);
    writer->at = body->data + body->size;
    writer->room = n;
    writer->left -= n;
    return 0;
}

/* The columns of the part that there are. */
static inline size_t part_columns(const struct encode_part *part, size_t columns)
{
    size_t most = columns < part->first ? 0 : columns - part->first;

    return part->count < most ? part->count : most;
}

/* `between_rows`: or NULL, for all but a row's first part */
static inline int append_part(struct writer *writer, const struct encode_part *part,
                              const float *value, size_t count,
                              const struct encode_text *between_rows, struct err *err)
{
    size_t i = 0;

    do { /* an empty list counts as a number */
        if (UNLIKELY(writer->room == 0) && make_room(writer, err))
            return -1;
        writer->room--;
        if (i == 0) {
            if (between_rows)
                writer->at = put(writer->at, between_rows);
            writer->at = put_long(writer->at, &part->before);
        } else {
            writer->at = put(writer->at, &part->between);
        }
        if (LIKELY(i < count))
            writer->at += part->print(writer->at, (double)value[i]);
    } while (++i < count);
    writer->at = put(writer->at, &part->after);
    return 0;
}

int encode_layout_rows(const struct encode_layout *layout, const struct predictions *predictions,
                       bool first, struct buffer *body, struct err *err)
{
    const struct encode_part *parts = layout->parts;
    size_t columns = predictions->columns;
    const float *values = predictions->values;
    struct writer writer = {.body = body};

    for (size_t i = 0; i < layout->part_count; i++) {
        size_t count = part_columns(&parts[i], columns);

        writer.left += predictions->rows * (count ? count : 1);
    }
    for (size_t row = 0; row < predictions->rows; row++, values += columns, first = false) {
        for (size_t i = 0; i < layout->part_count; i++) {
            if (append_part(&writer, &parts[i], values + parts[i].first,
                            part_columns(&parts[i], columns),
                            i || first ? NULL : &layout->between_rows, err))
                return -1;
        }
    }
    if (writer.at)
        body->size = (size_t)(writer.at - body->data);
    return 0;
}

static int recordio_rows(const struct encoding *encoding, const struct predictions *predictions,
                         bool first, struct buffer *body, struct err *err)
{
    (void)encoding;
    (void)first;
    return encode_recordio(predictions, body, err);
}

static const struct encode_kind csv_kind = {"", "", &csv_layout, &csv_layout};
static const struct encode_kind csv_joined_kind = {"", "", &joined_layout, &joined_list_layout};
static const struct encode_kind batch_kind = {"", "", &batch_layout, &batch_list_layout};
static const struct encode_kind json_kind = {"{\"predictions\": [", "]}", &json_layout,
                                             &json_list_layout};
static const struct encode_kind bare_json_kind = {"[", "]", &bare_layout, &bare_list_layout};
static const struct encode_kind jsonlines_kind = {"", "", &lines_layout, &lines_list_layout};
static const struct encode_kind recordio_kind = {"", "", .rows = recordio_rows};

const struct encoding encoding_csv = {.kind = &csv_kind};
const struct encoding encoding_csv_joined = {.kind = &csv_joined_kind};
const struct encoding encoding_batch = {.kind = &batch_kind};
const struct encoding encoding_json = {.kind = &json_kind};
const struct encoding encoding_bare_json = {.kind = &bare_json_kind};
const struct encoding encoding_jsonlines = {.kind = &jsonlines_kind};
const struct encoding encoding_recordio = {.kind = &recordio_kind};

int encode_begin(const struct encoding *encoding, struct buffer *body, struct err *err)
{
    if (encoding->kind->rooted &&
        (encode_append(body, "{\"", err) || encode_append(body, encoding->answer.root, err) ||
         encode_append(body, "\": ", err)))
        return -1;
    return encode_append(body, encoding->kind->begin, err);
}

int encode_rows(const struct encoding *encoding, const struct predictions *predictions, bool first,
                struct buffer *body, struct err *err)
{
    const struct encode_kind *kind = encoding->kind;

    if (kind->rows)
        return kind->rows(encoding, predictions, first, body, err);
    return encode_layout_rows(predictions->columns == 1 ? kind->one : kind->list, predictions,
                              first, body, err);
}

int encode_end(const struct encoding *encoding, struct buffer *body, struct err *err)
{
    return encode_append(body, encoding->kind->end, err);
}

int encode_body(const struct encoding *encoding, const struct predictions *predictions,
                struct buffer *body, struct err *err)
{
    if (encode_begin(encoding, body, err) || encode_rows(encoding, predictions, true, body, err) ||
        encode_end(encoding, body, err))
        return -1;
    return 0;
}

/*
 * An NPY file, version 1.0:
 *
 *   93 'N' 'U' 'M' 'P' 'Y' 01 00
 *   u16 LE: bytes of the header that follows
 *   header: a Python dictionary, filled with spaces and one line end, so that the data begin at a
 *           multiple of 64; 118 bytes, because the dictionary of one or two dimensions never needs
 *           more and always more than 54
 *   data: f64 LE, row by row
 */
#define NPY_DATA_BEGIN   128
#define NPY_HEADER_BEGIN 10

int encode_npy(const struct predictions *predictions, struct buffer *body, struct err *err)
{
    static const unsigned char magic[] = {
        0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, NPY_DATA_BEGIN - NPY_HEADER_BEGIN, 0};
    size_t count = predictions->rows * predictions->columns;
    char *at;
    size_t need;
    int size;

    if (__builtin_mul_overflow(count, sizeof(double), &need) ||
        __builtin_add_overflow(need, NPY_DATA_BEGIN, &need))
        need = SIZE_MAX;
    if (buffer_reserve(body, need))
        return encode_no_room(body, need, err);
    at = body->data + body->size;
    memcpy(at, magic, sizeof(magic));
    memset(at + sizeof(magic), ' ', NPY_DATA_BEGIN - sizeof(magic));
    size = predictions->rows == 0 || predictions->columns == 1
               ? snprintf(at + NPY_HEADER_BEGIN, NPY_DATA_BEGIN - NPY_HEADER_BEGIN,
                          "{'descr': '<f8', 'fortran_order': False, 'shape': (%zu,), }",
                          predictions->rows)
               : snprintf(at + NPY_HEADER_BEGIN, NPY_DATA_BEGIN - NPY_HEADER_BEGIN,
                          "{'descr': '<f8', 'fortran_order': False, 'shape': (%zu, %zu), }",
                          predictions->rows, predictions->columns);
    at[NPY_HEADER_BEGIN + size] = ' '; /* snprintf's NUL */
    at[NPY_DATA_BEGIN - 1] = '\n';
    at += NPY_DATA_BEGIN;
    for (size_t i = 0; i < count; i++, at += sizeof(double)) {
        double value = (double)predictions->values[i];
        uint64_t bits;

        memcpy(&bits, &value, sizeof(bits));
        bits = htole64(bits);
        memcpy(at, &bits, sizeof(bits));
    }
    body->size += need;
    return 0;
}
