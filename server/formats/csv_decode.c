/*
 * text/csv (xgboost-container 3.3):
 *
 *   body      = [white space] line { "\n" line } [white space]      UTF-8; "\r" belongs to a cell
 *   line      = cell { delimiter cell }                              every line as many cells
 *   cell      = "" (missing) | what Python's float() takes, then NULs
 *   delimiter = guessed from the first line as Python's csv.Sniffer does; no quotes, no header
 *
 * decoder_open counts lines and delimiters of the whole body in one vectorised pass, which proves
 * nearly all ragged bodies; the cells are read as they are handed out, and each row then shows
 * whether its shape is right. Since the original finds a ragged line anywhere before a bad cell
 * anywhere, a bad cell is a fault only after the lines that follow it were found to be of the right
 * shape.
 */
#include <float.h>
#include <inttypes.h>
#include <math.h>

#include "base/number_parse.h"
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

/* How many times each of two bytes occurs, and whether a byte is not ASCII. */
struct tally {
    uint64_t lines;
    uint64_t delimiters;
    bool ascii;
};

#define LANES 32

static void tally_add(struct tally *tally, const uint8_t *text, size_t size, uint8_t delimiter)
{
    uint8_t any = 0;

    for (size_t i = 0; i < size; i++) {
        tally->lines += text[i] == '\n';
        tally->delimiters += text[i] == delimiter;
        any |= text[i];
    }
    if (any & 0x80)
        tally->ascii = false;
}

/* The same in lanes of bytes, which the compiler makes vectors of: 255 steps before a lane is full.
 */
static struct tally tally_of(struct bytes text, uint8_t delimiter)
{
    struct tally tally = {.ascii = true};
    const uint8_t *p = text.data;
    size_t left = text.size;

    while (left >= LANES) {
        size_t steps = left / LANES < 255 ? left / LANES : 255;
        uint8_t lines[LANES] = {0};
        uint8_t delimiters[LANES] = {0};
        uint8_t any[LANES] = {0};

        for (size_t s = 0; s < steps; s++, p += LANES) {
            for (size_t i = 0; i < LANES; i++) {
                lines[i] = (uint8_t)(lines[i] + (p[i] == '\n'));
                delimiters[i] = (uint8_t)(delimiters[i] + (p[i] == delimiter));
                any[i] |= p[i];
            }
        }
        for (size_t i = 0; i < LANES; i++) {
            tally.lines += lines[i];
            tally.delimiters += delimiters[i];
            if (any[i] & 0x80)
                tally.ascii = false;
        }
        left -= steps * LANES;
    }
    tally_add(&tally, p, left, delimiter);
    return tally;
}

int decode_csv_fail_ragged(struct decode_fault *fault, uint64_t row, uint64_t rows)
{
    decode_fail(fault, row, 0, "ValueError",
                "setting an array element with a sequence. The requested array has an "
                "inhomogeneous shape after 1 dimensions. The detected shape was (%" PRIu64
                ",) + inhomogeneous part.",
                rows);
    return decode_ranked(fault, DECODE_RANK_SHAPE);
}

int decode_csv_fail_delimiter(struct decode_fault *fault)
{
    decode_fail(fault, 1, 0, "_csv.Error", "Could not determine delimiter");
    return decode_ranked(fault, DECODE_RANK_DELIMITER);
}

/* 0 where every line from `text` on, of which the first is line `row`, has decoder->columns cells.
 */
static int check_shape(const struct decoder *decoder, struct bytes text, uint64_t row,
                       struct decode_fault *fault)
{
    for (;; row++) {
        struct bytes line = decode_first_line(text);
        uint64_t cells = tally_of(line, (uint8_t)decoder->delimiter).delimiters + 1;

        if (cells != decoder->columns && decoder->continued)
            return decode_fail(fault, row, 0, "ValueError",
                               "row %" PRIu64 " has %" PRIu64 " columns, expected %" PRIu64, row,
                               cells, decoder->columns);
        if (cells != decoder->columns)
            return decode_csv_fail_ragged(fault, row, decoder->rows);
        if (line.size == text.size)
            return 0;
        text.data += line.size + 1;
        text.size -= line.size + 1;
    }
}

/* Text and shape of decoder->body; `tally` is that of the body. */
static int check_body(struct decoder *decoder, const struct tally *tally,
                      struct decode_fault *fault)
{
    uint64_t rows = tally->lines + 1;
    uint64_t expected;

    decoder->rows = decoder->rows_done + rows;
    if (__builtin_mul_overflow(rows, decoder->columns - 1, &expected) ||
        tally->delimiters != expected)
        return check_shape(decoder, decoder->body, decoder->rows_done + 1, fault);
    return 0;
}

static int csv_open(struct decoder *decoder, struct decode_fault *fault)
{
    struct bytes first = decode_first_line(decoder->body);
    int delimiter = sniff(first);
    struct tally tally = tally_of(decoder->body, (uint8_t)delimiter);

    if (!tally.ascii && decode_check_text(decoder->body, 0, 0, fault))
        return -1;
    if (delimiter < 0)
        return decode_csv_fail_delimiter(fault);
    decoder->delimiter = (char)delimiter;
    decoder->columns = tally.delimiters + 1;
    if (tally.lines)
        decoder->columns = tally_of(first, (uint8_t)delimiter).delimiters + 1;
    return check_body(decoder, &tally, fault);
}

static int csv_resume(struct decoder *decoder, struct decode_fault *fault)
{
    struct tally tally = tally_of(decoder->body, (uint8_t)decoder->delimiter);

    if (!tally.ascii && decode_check_text(decoder->body, 0, decoder->rows_done, fault))
        return -1;
    return check_body(decoder, &tally, fault);
}

void decode_csv_shape(struct bytes first_line, int *ret_delimiter, uint64_t *ret_columns)
{
    *ret_delimiter = sniff(first_line);
    *ret_columns = tally_of(first_line, (uint8_t)*ret_delimiter).delimiters + 1;
}

/* Delimiter and columns are set. What the fault that is known outranks is not looked for: after a
 * bad cell none is read, so that each line has to be counted. A line that is ended is not cut off
 * from its end: a character that the end of the line cuts short is another fault than one that the
 * body's end does. */
int decode_csv_part(struct decoder *decoder, struct bytes text, uint64_t offset,
                    enum decode_rank known, struct decode_fault *fault)
{
    struct tally tally;

    decoder->body = decode_without_line_end(text);
    tally = tally_of(decoder->body, (uint8_t)decoder->delimiter);
    decoder->rows = tally.lines + 1;
    if (known < DECODE_RANK_TEXT && !tally.ascii && decode_check_text(text, offset, 0, fault))
        return -1;
    if (known < DECODE_RANK_CELL)
        return check_body(decoder, &tally, fault);
    decoder->rows_done = decoder->rows; /* none to hand out */
    return known == DECODE_RANK_CELL ? check_shape(decoder, decoder->body, 1, fault) : 0;
}

/* What reading a row needs to know, and where it met trouble. */
struct reader {
    const char *end; /* of the body */
    size_t columns;
    char delimiter;
    bool ambiguous; /* the delimiter may be part of a number: where a cell ends comes first */
    bool refuse_empty_cr;
    struct bytes bad_cell;
    size_t bad_column; /* 1-based */
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

/* One row. Returns where the next one begins, or NULL where a cell is bad or its line is ragged. */
static const char *read_row(struct reader *reader, const char *p, float *values)
{
    for (size_t c = 1; c <= reader->columns; c++) {
        char stop = c < reader->columns ? reader->delimiter : '\n';
        const char *cell = p;
        double value;
        size_t n = reader->ambiguous ? 0 : number_scan_double(p, reader->end, &value);

        p += n;
        if (LIKELY(n && at_stop(reader, p, stop))) {
            *values++ = (float)value;
        } else {
            p = read_odd_cell(reader, cell, stop, values++);
            if (!p) {
                reader->bad_column = c;
                return NULL;
            }
        }
        p += p < reader->end;
    }
    return p;
}

/* The fault of a row that could not be read: a ragged line, this one or one below, comes first. */
static int fail_row(const struct decoder *decoder, const struct reader *reader, const char *line,
                    uint64_t row, struct decode_fault *fault)
{
    if (check_shape(decoder, bytes_of(line, (size_t)(reader->end - line)), row, fault))
        return -1;
    return decode_fail_float(fault, row, reader->bad_column, reader->bad_cell);
}

/* Remembers the first infinity: it is a fault once all text was found to be good. */
static void note_infinite(struct decoder *decoder, const float *values, size_t rows)
{
    size_t count = rows * decoder->columns;
    bool found = false;

    if (decoder->infinite_row || decoder->rules.infinite_ok)
        return;
    for (size_t i = 0; i < count; i++)
        found |= fabsf(values[i]) > FLT_MAX;
    for (size_t i = 0; found; i++) {
        if (fabsf(values[i]) > FLT_MAX) {
            decoder->infinite_row = decoder->rows_done + i / decoder->columns + 1;
            decoder->infinite_column = i % decoder->columns + 1;
            return;
        }
    }
}

static int csv_next(struct decoder *decoder, size_t max_rows, struct matrix *ret,
                    struct decode_fault *fault)
{
    const char *p = (const char *)decoder->body.data;
    struct reader reader = {
        .end = p + decoder->body.size,
        .columns = decoder->columns,
        .delimiter = decoder->delimiter,
        .ambiguous =
            decoder->delimiter == '+' || decoder->delimiter == '-' || decoder->delimiter == '.',
        .refuse_empty_cr = decoder->rules.refuse_empty_cr,
    };
    uint64_t left = decoder->rows - decoder->rows_done;
    size_t rows = left < max_rows ? (size_t)left : max_rows;
    float *values;

    if (!rows)
        return decoder->infinite_row
                   ? decode_fail_infinite(fault, decoder->infinite_row, decoder->infinite_column)
                   : 0;
    /* the shape was checked: there are no more cells than bytes in the body, and one */
    buffer_clear(&decoder->values);
    if (buffer_reserve(&decoder->values, rows * reader.columns * sizeof(*values)))
        return decode_fail_memory(fault);
    values = (float *)(void *)decoder->values.data;
    for (size_t r = 0; r < rows; r++) {
        const char *line = p;

        p = read_row(&reader, line, values + r * reader.columns);
        if (UNLIKELY(!p))
            return fail_row(decoder, &reader, line, decoder->rows_done + r + 1, fault);
    }
    decoder->body = bytes_of(p, (size_t)(reader.end - p));
    note_infinite(decoder, values, rows);
    ret->rows = rows;
    ret->values = values;
    return 0;
}

const struct decode_format decode_csv = {csv_open, csv_resume, csv_next};
