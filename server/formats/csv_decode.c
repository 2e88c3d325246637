/*
 * text/csv (xgboost-container 3.3):
 *
 *   body      = [white space] line { "\n" line } [white space]      UTF-8; "\r" belongs to a cell
 *   line      = cell { delimiter cell }                              every line as many cells
 *   cell      = "" (missing) | what Python's float() takes, then NULs
 *   delimiter = guessed from the first line as Python's csv.Sniffer does; no quotes, no header
 *
 * decoder_open counts lines and delimiters of the whole body in one vectorised pass, which proves
 * nearly all ragged bodies; the cells are read as they are handed out, many at a time, and each
 * then shows whether the shape is right. Since the original finds a ragged line anywhere before a
 * bad cell anywhere, a bad cell is a fault only after the lines that follow it were found to be of
 * the right shape.
 */
#include <float.h>
#include <inttypes.h>
#include <math.h>

#include "base/number_cells.h"
#include "base/number_parse.h"
#include "base/text_tally.h"
#include "server/formats/decode_internal.h"

/* The sniffer sees this many characters of the first line. */
#define SNIFF_CHARACTERS 512

static bool is_alphanumeric(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The delimiter, or -1 where the line has no ASCII character. The line need not be valid UTF-8: a
 * character is a byte that continues none. */
static int sniff(struct bytes line)
{
    static const char preferred[] = {',', '\t', ';', ' ', ':'};
    size_t count[127] = {0}; /* 127 is never a delimiter */
    size_t distinct = 0;
    size_t characters = 0;
    int best = -1;

    /* a comma beats all, and so many bytes are no more characters */
    if (line.size &&
        memchr(line.data, ',', line.size < SNIFF_CHARACTERS ? line.size : SNIFF_CHARACTERS))
        return ',';
    for (size_t i = 0; i < line.size; i++) {
        uint8_t c = line.data[i];

        if ((c & 0xc0) != 0x80 && ++characters > SNIFF_CHARACTERS)
            break;
        if (c < ARRAY_LENGTH(count) && count[c]++ == 0)
            distinct++;
    }
    for (size_t i = 0; distinct > 1 && i < ARRAY_LENGTH(preferred); i++) {
        if (count[(uint8_t)preferred[i]])
            return preferred[i];
    }
    for (size_t c = 0; c < ARRAY_LENGTH(count); c++) {
        if (count[c] && (best < 0 || count[c] >= count[best]))
            best = (int)c;
    }
    return is_alphanumeric(best) ? ',' : best;
}

/* `first` counts lines, `second` delimiters. */
static struct text_tally tally_of(struct bytes text, uint8_t delimiter)
{
    return text_tally_of(text, '\n', delimiter);
}

/* 0 where every line from `text` on, of which the first is line `row`, has decoder->columns cells.
 */
static int check_shape(const struct decoder *decoder, struct bytes text, uint64_t row,
                       struct decode_fault *fault)
{
    for (;; row++) {
        struct bytes line = decode_first_line(text);
        uint64_t cells = tally_of(line, (uint8_t)decoder->delimiter).second + 1;

        if (cells != decoder->columns && decoder->continued)
            return decode_fail(fault, row, 0, "ValueError",
                               "row %" PRIu64 " has %" PRIu64 " columns, expected %" PRIu64, row,
                               cells, decoder->columns);
        if (cells != decoder->columns)
            return decode_fail(fault, row, 0, "ValueError",
                               "setting an array element with a sequence. The requested array has "
                               "an inhomogeneous shape after 1 dimensions. The detected shape was "
                               "(%" PRIu64 ",) + inhomogeneous part.",
                               decoder->rows);
        if (line.size == text.size)
            return 0;
        text.data += line.size + 1;
        text.size -= line.size + 1;
    }
}

/* Text and shape of decoder->body; `tally` is that of the body. */
static int check_body(struct decoder *decoder, const struct text_tally *tally,
                      struct decode_fault *fault)
{
    uint64_t rows = tally->first + 1;
    uint64_t expected;

    decoder->rows = decoder->rows_done + rows;
    if (__builtin_mul_overflow(rows, decoder->columns - 1, &expected) || tally->second != expected)
        return check_shape(decoder, decoder->body, decoder->rows_done + 1, fault);
    return 0;
}

static int csv_open(struct decoder *decoder, struct decode_fault *fault)
{
    struct bytes first = decode_first_line(decoder->body);
    int delimiter = sniff(first);
    struct text_tally tally = tally_of(decoder->body, (uint8_t)delimiter);

    if (!tally.ascii && decode_check_text(decoder->body, 0, fault))
        return -1;
    if (delimiter < 0)
        return decode_fail(fault, 1, 0, "_csv.Error", "Could not determine delimiter");
    decoder->delimiter = (char)delimiter;
    decoder->columns = tally.second + 1;
    if (tally.first)
        decoder->columns = tally_of(first, (uint8_t)delimiter).second + 1;
    return check_body(decoder, &tally, fault);
}

static int csv_resume(struct decoder *decoder, struct decode_fault *fault)
{
    struct text_tally tally = tally_of(decoder->body, (uint8_t)decoder->delimiter);

    if (!tally.ascii && decode_check_text(decoder->body, decoder->rows_done, fault))
        return -1;
    return check_body(decoder, &tally, fault);
}

/* What reading needs to know, and where it met trouble. */
struct reader {
    const char *end; /* of the body */
    char delimiter;
    bool refuse_empty_cr;
    struct bytes bad_cell;
};

/* True where `stop` (the delimiter or '\n') is next; the end of the body counts as a line end. */
static inline bool at_stop(const struct reader *reader, const char *p, char stop)
{
    return LIKELY(p < reader->end) ? *p == stop : stop == '\n';
}

static bool cell_to_double(struct bytes cell, double *ret_value)
{
    struct bytes trimmed = bytes_trim(cell);
    const char *text = (const char *)trimmed.data;

    if (trimmed.size && number_scan_double(text, text + trimmed.size, ret_value) == trimmed.size)
        return true;
    return number_parse_python((const char *)cell.data, cell.size, ret_value) == NUMBER_OK;
}

/* A cell that is not a plain number followed by `stop`: missing, padded, a word, or bad. Returns
 * its end, or NULL where it is bad or another end than `stop` follows. */
static const char *read_odd_cell(struct reader *reader, const char *p, char stop, float *ret_value)
{
    double value = (double)NAN;
    const char *start = p;
    struct bytes cell;

    while (p < reader->end && *p != reader->delimiter && *p != '\n')
        p++;
    if (!at_stop(reader, p, stop))
        return NULL;
    cell = bytes_of(start, (size_t)(p - start));
    /* numpy keeps no NUL at the end of a text */
    while (cell.size && cell.data[cell.size - 1] == '\0')
        cell.size--;
    if (p != start && !cell_to_double(cell, &value) &&
        (stop != '\n' || reader->refuse_empty_cr || !bytes_is(cell, "\r"))) {
        reader->bad_cell = cell;
        return NULL;
    }
    *ret_value = (float)value;
    return p;
}

/* The fault of a cell that could not be read: a ragged line, its own or one below, comes first. */
static int fail_cell(const struct decoder *decoder, const struct reader *reader, const char *cell,
                     uint64_t row, uint64_t column, struct decode_fault *fault)
{
    const char *body = (const char *)decoder->body.data;
    const char *feed = memrchr(body, '\n', (size_t)(cell - body));
    const char *line = feed ? feed + 1 : body;

    if (check_shape(decoder, bytes_of(line, (size_t)(reader->end - line)), row, fault))
        return -1;
    return decode_fail_float(fault, row, column, reader->bad_cell);
}

/* Remembers the first infinity: it is a fault once all text was found to be good. */
static void note_infinite(struct decoder *decoder, const float *values, size_t count)
{
    if (decoder->infinite_row || decoder->rules.infinite_ok)
        return;
    for (size_t i = 0; i < count; i++) {
        if (fabsf(values[i]) > FLT_MAX) {
            decoder->infinite_row = decoder->rows_done + i / decoder->columns + 1;
            decoder->infinite_column = i % decoder->columns + 1;
            return;
        }
    }
}

/* Reads `count` cells, whole rows. Returns where the next row begins, or NULL and the fault. */
static const char *read_cells(struct decoder *decoder, float *values, size_t count,
                              struct decode_fault *fault)
{
    const char *body = (const char *)decoder->body.data, *cell = body;
    struct reader reader = {
        .end = body + decoder->body.size,
        .delimiter = decoder->delimiter,
        .refuse_empty_cr = decoder->rules.refuse_empty_cr,
    };
    /* where the delimiter may be part of a number, where a cell ends comes first */
    bool ambiguous = reader.delimiter == '+' || reader.delimiter == '-' || reader.delimiter == '.';
    struct number_cells cells;

    number_cells_init(&cells, body, reader.end, decoder->columns, reader.delimiter);
    for (size_t n = 0;; n++) {
        uint64_t column;
        const char *next;

        if (LIKELY(!ambiguous))
            n += number_cells_read(&cells, values + n, count - n);
        if (n == count)
            break;
        cell = cells.at;
        column = n % decoder->columns + 1;
        next = read_odd_cell(&reader, cell, column < decoder->columns ? reader.delimiter : '\n',
                             &values[n]);
        if (UNLIKELY(!next)) {
            uint64_t row = decoder->rows_done + n / decoder->columns + 1;

            fail_cell(decoder, &reader, cell, row, column, fault);
            return NULL;
        }
        cells.infinite |= fabsf(values[n]) > FLT_MAX;
        number_cells_skip(&cells, next + (next < reader.end));
    }
    if (cells.infinite)
        note_infinite(decoder, values, count);
    return cells.at;
}

static int csv_next(struct decoder *decoder, size_t max_rows, struct matrix *ret,
                    struct decode_fault *fault)
{
    uint64_t left = decoder->rows - decoder->rows_done;
    size_t rows = left < max_rows ? (size_t)left : max_rows;
    const char *p;
    float *values;

    if (!rows)
        return decoder->infinite_row
                   ? decode_fail_infinite(fault, decoder->infinite_row, decoder->infinite_column)
                   : 0;
    /* the shape was checked: there are no more cells than bytes in the body, and one */
    buffer_clear(&decoder->values);
    if (buffer_reserve(&decoder->values, rows * decoder->columns * sizeof(*values)))
        return decode_fail_memory(fault);
    values = (float *)(void *)decoder->values.data;
    p = read_cells(decoder, values, rows * decoder->columns, fault);
    if (UNLIKELY(!p))
        return -1;
    decoder->body =
        bytes_of(p, decoder->body.size - (size_t)(p - (const char *)decoder->body.data));
    ret->rows = rows;
    ret->values = values;
    return 0;
}

const struct decode_format decode_csv = {csv_open, csv_resume, csv_next};
