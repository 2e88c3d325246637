#include "server/formats/encode.h"

#include <endian.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/number_print.h"
#include "server/formats/recordio.h"

/* A short text in room that can be copied whole, which is one instruction where a copy of its
 * length is a call. */
struct piece {
    char text[16];
    size_t size;
};

#define PIECE(literal)                                                                             \
    {                                                                                              \
        .text = literal, .size = sizeof(literal) - 1                                               \
    }

/* What stands around the numbers. */
struct layout {
    struct piece row_begin;
    struct piece between_columns;
    struct piece row_end;
    struct piece between_rows;
    size_t (*print)(char *out, double value);
};

static const struct layout csv_layout = {
    .row_begin = PIECE(""),
    .between_columns = PIECE(","),
    .row_end = PIECE("\n"),
    .between_rows = PIECE(""),
    .print = number_print_double,
};
static const struct layout json_layout = {
    .row_begin = PIECE("{\"score\": "),
    .between_columns = PIECE(""),
    .row_end = PIECE("}"),
    .between_rows = PIECE(", "),
    .print = number_print_json,
};
static const struct layout json_list_layout = {
    .row_begin = PIECE("{\"score\": ["),
    .between_columns = PIECE(", "),
    .row_end = PIECE("]}"),
    .between_rows = PIECE(", "),
    .print = number_print_json,
};
static const struct layout bare_layout = {
    .row_begin = PIECE(""),
    .between_columns = PIECE(""),
    .row_end = PIECE(""),
    .between_rows = PIECE(", "),
    .print = number_print_json,
};
static const struct layout bare_list_layout = {
    .row_begin = PIECE("["),
    .between_columns = PIECE(", "),
    .row_end = PIECE("]"),
    .between_rows = PIECE(", "),
    .print = number_print_json,
};
static const struct layout batch_layout = {
    .row_begin = PIECE(""),
    .between_columns = PIECE(""),
    .row_end = PIECE("\n"),
    .between_rows = PIECE(""),
    .print = number_print_double,
};
static const struct layout batch_list_layout = {
    .row_begin = PIECE("["),
    .between_columns = PIECE(", "),
    .row_end = PIECE("]\n"),
    .between_rows = PIECE(""),
    .print = number_print_double,
};
static const struct layout lines_layout = {
    .row_begin = PIECE("{\"score\": "),
    .between_columns = PIECE(""),
    .row_end = PIECE("}\n"),
    .between_rows = PIECE(""),
    .print = number_print_json,
};
static const struct layout lines_list_layout = {
    .row_begin = PIECE("{\"score\": ["),
    .between_columns = PIECE(", "),
    .row_end = PIECE("]}\n"),
    .between_rows = PIECE(""),
    .print = number_print_json,
};
static const struct layout joined_layout = {
    .row_begin = PIECE(""),
    .between_columns = PIECE(""),
    .row_end = PIECE(""),
    .between_rows = PIECE(","),
    .print = number_print_double,
};
static const struct layout joined_list_layout = {
    .row_begin = PIECE("["),
    .between_columns = PIECE(", "),
    .row_end = PIECE("]"),
    .between_rows = PIECE(","),
    .print = number_print_double,
};

/* Room for a number and the pieces around it, each copied whole. */
#define NUMBER_ROOM (NUMBER_PRINT_MAX + 4 * sizeof(((struct piece *)0)->text))

static inline char *put(char *at, const struct piece *piece)
{
    memcpy(at, piece->text, sizeof(piece->text));
    return at + piece->size;
}

int encode_no_room(const struct buffer *body, size_t need, struct err *err)
{
    if (need > body->max - body->size)
        return err_set(err, ERR_LIMIT, "the response is larger than %zu bytes", body->max);
    return err_memory(err, need, "the response");
}

static int append_text(struct buffer *body, const char *text, struct err *err)
{
    size_t size;

    if (!text[0])
        return 0;
    size = strlen(text);
    return buffer_append(body, text, size) ? encode_no_room(body, size, err) : 0;
}

/* Numbers between two looks at the room that is left. */
#define BATCH_NUMBERS 64

/* `first`: nothing stands before the first row. */
static int append_rows(const struct predictions *predictions, const struct layout *layout,
                       bool first, struct buffer *body, struct err *err)
{
    const float *value = predictions->values;
    size_t columns = predictions->columns;
    size_t left = predictions->rows * columns;
    size_t column = 0;

    while (left) {
        size_t n = left < BATCH_NUMBERS ? left : BATCH_NUMBERS;
        char *at;

        if (buffer_reserve(body, n * NUMBER_ROOM))
            return encode_no_room(body, n * NUMBER_ROOM, err);
        at = body->data + body->size;
        for (left -= n; n; n--) {
            if (column == 0) {
                at = first ? at : put(at, &layout->between_rows);
                at = put(at, &layout->row_begin);
                first = false;
            } else {
                at = put(at, &layout->between_columns);
            }
            at += layout->print(at, (double)*value++);
            if (++column == columns) {
                at = put(at, &layout->row_end);
                column = 0;
            }
        }
        body->size = (size_t)(at - body->data);
    }
    return 0;
}

struct encoding {
    const char *begin;
    const char *end;
    const struct layout *one;  /* of rows of one column */
    const struct layout *list; /* of all others */
    /* instead of layouts */
    int (*rows)(const struct predictions *predictions, struct buffer *body, struct err *err);
};

const struct encoding encoding_csv = {"", "", &csv_layout, &csv_layout};
const struct encoding encoding_csv_joined = {"", "", &joined_layout, &joined_list_layout};
const struct encoding encoding_batch = {"", "", &batch_layout, &batch_list_layout};
const struct encoding encoding_json = {"{\"predictions\": [", "]}", &json_layout,
                                       &json_list_layout};
const struct encoding encoding_bare_json = {"[", "]", &bare_layout, &bare_list_layout};
const struct encoding encoding_jsonlines = {"", "", &lines_layout, &lines_list_layout};
const struct encoding encoding_recordio = {"", "", .rows = encode_recordio};

int encode_begin(const struct encoding *encoding, struct buffer *body, struct err *err)
{
    return append_text(body, encoding->begin, err);
}

int encode_rows(const struct encoding *encoding, const struct predictions *predictions, bool first,
                struct buffer *body, struct err *err)
{
    if (encoding->rows)
        return encoding->rows(predictions, body, err);
    return append_rows(predictions, predictions->columns == 1 ? encoding->one : encoding->list,
                       first, body, err);
}

int encode_end(const struct encoding *encoding, struct buffer *body, struct err *err)
{
    return append_text(body, encoding->end, err);
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
