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
 *
 * Under the built-ins' rules (linear-learner 4.4; struct csv_rules in decode.h) the fault is the
 * first one. The same reader reads what has the right number of commas and no quotes; where it
 * meets what it cannot read, and from the beginning where lines are blank, lines are read by
 * csv_line.c, which finds the fault if there is one.
 */
#include <float.h>
#include <inttypes.h>
#include <math.h>

#include "base/number_cells.h"
#include "base/number_parse.h"
#include "base/text_tally.h"
#include "base/unicode.h"
#include "server/formats/csv_line.h"

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
        uint64_t cells = tally_of(line, (uint8_t)decoder->delimiter).second + 1;

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

/* Cells of a line. */
static uint64_t line_cells(const struct decoder *decoder)
{
    return decoder->columns + decoder->rules.csv.label_size;
}

static int check_utf8(struct bytes text, uint64_t offset, struct decode_fault *fault)
{
    struct unicode_fault bad;
    size_t at = unicode_check((const char *)text.data, text.size, &bad);

    if (at == text.size)
        return 0;
    decode_fail(fault, 0, 0, "ValueError", "the byte at offset %" PRIu64 " is not UTF-8",
                offset + at);
    return decode_ranked(fault, DECODE_RANK_TEXT);
}

/* decoder->body, under the built-ins' rules. `text` is the body with what was cut off its end, at
 * that offset of all; a fault of that rank is known. */
static int open_builtin(struct decoder *decoder, struct bytes text, uint64_t offset,
                        enum decode_rank known, struct decode_fault *fault)
{
    struct bytes body = decoder->body, rest = body;
    struct text_tally tally = tally_of(body, ',');
    uint64_t rows = tally.first + 1, expected;

    decoder->delimiter = ',';
    decoder->rows = decoder->rows_done + rows;
    if (known < DECODE_RANK_TEXT && !tally.ascii && check_utf8(text, offset, fault))
        return -1;
    if (!decoder->columns) {
        struct bytes line = csv_line_next(&rest);

        if (line.size)
            decoder->columns = csv_line_columns(line, &decoder->rules.csv);
    }
    decoder->by_line = !body.size || !decoder->columns ||
                       __builtin_mul_overflow(rows, line_cells(decoder) - 1, &expected) ||
                       expected != tally.second || memchr(body.data, '"', body.size);
    if (decoder->by_line || line_cells(decoder) == 1) {
        uint64_t lines = rows;

        rows = csv_line_count(body);
        decoder->by_line |= rows != lines;
    }
    decoder->rows = decoder->rows_done + rows;
    if (known >= DECODE_RANK_CELL)
        decoder->rows_done = decoder->rows; /* none to hand out */
    return 0;
}

static int csv_open(struct decoder *decoder, struct decode_fault *fault)
{
    struct bytes first = decode_first_line(decoder->body);
    int delimiter;
    struct text_tally tally;

    if (decoder->rules.csv.builtin) {
        decoder->columns = decoder->rules.csv.columns;
        if (open_builtin(decoder, decoder->body, 0, DECODE_RANK_NONE, fault))
            return -1;
        if (decoder->rows || decoder->rules.more_follows)
            return 0;
        decode_fail(fault, 0, 0, "ValueError", "the body has no row");
        return decode_ranked(fault, DECODE_RANK_CELL);
    }
    delimiter = sniff(first);
    tally = tally_of(decoder->body, (uint8_t)delimiter);

    if (!tally.ascii && decode_check_text(decoder->body, 0, 0, fault))
        return -1;
    if (delimiter < 0)
        return decode_csv_fail_delimiter(fault);
    decoder->delimiter = (char)delimiter;
    decoder->columns = tally.second + 1;
    if (tally.first)
        decoder->columns = tally_of(first, (uint8_t)delimiter).second + 1;
    return check_body(decoder, &tally, fault);
}

static int csv_resume(struct decoder *decoder, struct decode_fault *fault)
{
    struct text_tally tally;

    if (decoder->rules.csv.builtin)
        return open_builtin(decoder, decoder->body, 0, DECODE_RANK_NONE, fault);
    tally = tally_of(decoder->body, (uint8_t)decoder->delimiter);
    if (!tally.ascii && decode_check_text(decoder->body, 0, decoder->rows_done, fault))
        return -1;
    return check_body(decoder, &tally, fault);
}

void decode_csv_shape(struct bytes first_line, const struct csv_rules *rules, int *ret_delimiter,
                      uint64_t *ret_columns)
{
    if (rules->builtin) {
        *ret_delimiter = ',';
        *ret_columns = csv_line_columns(first_line, rules);
        return;
    }
    *ret_delimiter = sniff(first_line);
    *ret_columns = tally_of(first_line, (uint8_t)*ret_delimiter).second + 1;
}

/* Delimiter and columns are set. What the fault that is known outranks is not looked for: after a
 * bad cell none is read, so that each line has to be counted. A line that is ended is not cut off
 * from its end: a character that the end of the line cuts short is another fault than one that the
 * body's end does. */
int decode_csv_part(struct decoder *decoder, struct bytes text, uint64_t offset,
                    enum decode_rank known, struct decode_fault *fault)
{
    struct text_tally tally;

    decoder->body = decode_without_line_end(text);
    if (decoder->rules.csv.builtin)
        return open_builtin(decoder, text, offset, known, fault);
    tally = tally_of(decoder->body, (uint8_t)decoder->delimiter);
    decoder->rows = tally.first + 1;
    if (known < DECODE_RANK_TEXT && !tally.ascii && decode_check_text(text, offset, 0, fault))
        return -1;
    if (known < DECODE_RANK_CELL)
        return check_body(decoder, &tally, fault);
    decoder->rows_done = decoder->rows; /* none to hand out */
    return known == DECODE_RANK_CELL ? check_shape(decoder, decoder->body, 1, fault) : 0;
}

/* What reading needs to know, and where it met trouble. */
struct reader {
    const char *end; /* of the body */
    char delimiter;
    bool refuse_empty_cr;
    bool builtin;
    struct bytes bad_cell;
};

/* True where `stop` (the delimiter or '\n') is next; the end of the body counts as a line end. */
static inline bool at_stop(const struct reader *reader, const char *p, char stop)
{
    return LIKELY(p < reader->end) ? *p == stop : stop == '\n';
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
    if (p != start && !csv_line_number(cell, &value) &&
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
            decoder->infinite_column = i % decoder->columns + 1 + decoder->rules.csv.label_size;
            return;
        }
    }
}

/* As read_odd_cell under the built-ins' rules. `label`: whatever it is. */
static const char *read_odd_builtin(const struct reader *reader, const char *p, char stop,
                                    bool label, float *ret_value)
{
    double value = 0;
    const char *start = p;

    while (p < reader->end && *p != ',' && *p != '\n')
        p++;
    if (!at_stop(reader, p, stop) ||
        (!label && !csv_line_number(bytes_of(start, (size_t)(p - start)), &value)))
        return NULL;
    *ret_value = (float)value;
    return p;
}

/* Reads `rows` rows of line_cells. Returns where the next row begins, or NULL and the fault. Under
 * the built-ins' rules it may read less, and leaves a row that it cannot read to csv_line.c. */
static const char *read_cells(struct decoder *decoder, float *values, size_t *rows, bool *infinite,
                              struct decode_fault *fault)
{
    const char *body = (const char *)decoder->body.data, *cell = body;
    const uint64_t width = line_cells(decoder), labels = decoder->rules.csv.label_size;
    const size_t count = *rows * width;
    struct reader reader = {
        .end = body + decoder->body.size,
        .delimiter = decoder->delimiter,
        .refuse_empty_cr = decoder->rules.refuse_empty_cr,
        .builtin = decoder->rules.csv.builtin,
    };
    /* where the delimiter may be part of a number, where a cell ends comes first */
    bool ambiguous = reader.delimiter == '+' || reader.delimiter == '-' || reader.delimiter == '.';
    struct number_cells cells;

    number_cells_init(&cells, body, reader.end, width, reader.delimiter);
    cells.no_empty = reader.builtin;
    for (size_t n = 0;; n++) {
        uint64_t column;
        const char *next;
        char stop;

        if (LIKELY(!ambiguous))
            n += number_cells_read(&cells, values + n, count - n);
        if (n == count)
            break;
        cell = cells.at;
        column = n % width + 1;
        stop = column < width ? reader.delimiter : '\n';
        next = reader.builtin ? read_odd_builtin(&reader, cell, stop, column <= labels, &values[n])
                              : read_odd_cell(&reader, cell, stop, &values[n]);
        if (UNLIKELY(!next && reader.builtin)) {
            const char *feed = memrchr(body, '\n', (size_t)(cell - body));

            decoder->by_line = true;
            *infinite = cells.infinite;
            *rows = n / width;
            return feed ? feed + 1 : body;
        }
        if (UNLIKELY(!next)) {
            uint64_t row = decoder->rows_done + n / width + 1;

            fail_cell(decoder, &reader, cell, row, column, fault);
            return NULL;
        }
        cells.infinite |= fabsf(values[n]) > FLT_MAX;
        number_cells_skip(&cells, next + (next < reader.end));
    }
    *infinite = cells.infinite;
    return cells.at;
}

/* Reads up to `rows` rows many cells at a time, and counts them in *done. *infinite: there may be
 * such values among them. */
static int read_fast(struct decoder *decoder, size_t rows, size_t *done, bool *infinite,
                     struct decode_fault *fault)
{
    size_t labels = decoder->rules.csv.label_size, columns = decoder->columns;
    const char *next;
    float *values;

    /* the shape was checked: there are no more cells than bytes in the body, and one */
    if (buffer_reserve(&decoder->values, rows * line_cells(decoder) * sizeof(*values)))
        return decode_fail_memory(fault);
    values = (float *)(void *)decoder->values.data;
    next = read_cells(decoder, values, &rows, infinite, fault);
    if (UNLIKELY(!next))
        return -1;
    decoder->body =
        bytes_of(next, (size_t)((const char *)decoder->body.data + decoder->body.size - next));
    for (size_t r = 0; labels && r < rows; r++)
        memmove(values + r * columns, values + r * (columns + labels) + labels,
                columns * sizeof(*values));
    decoder->values.size = rows * columns * sizeof(*values);
    *done = rows;
    return 0;
}

/* Reads rows line by line until there are `rows`. */
static int read_by_line(struct decoder *decoder, size_t rows, size_t *done,
                        struct decode_fault *fault)
{
    const struct csv_rules *rules = &decoder->rules.csv;
    struct buffer *values = &decoder->values;
    size_t size = decoder->columns * sizeof(float);

    for (; *done < rows; (*done)++) {
        struct bytes line = csv_line_next(&decoder->body);
        uint64_t row = decoder->rows_done + *done + 1;

        if (!line.size)
            break;
        if (csv_line_check(line, rules, decoder->columns, row, fault))
            return -1;
        /* there are as many cells as columns, and bytes as cells */
        if (buffer_reserve(values, size))
            return decode_fail_memory(fault);
        if (csv_line_read(line, rules, (float *)(void *)(values->data + values->size), row, fault))
            return -1;
        values->size += size;
    }
    return 0;
}

static int csv_next(struct decoder *decoder, size_t max_rows, struct matrix *ret,
                    struct decode_fault *fault)
{
    uint64_t left = decoder->rows - decoder->rows_done;
    size_t rows = left < max_rows ? (size_t)left : max_rows, done = 0;
    bool infinite = false;

    if (!rows)
        return decoder->infinite_row
                   ? decode_fail_infinite(fault, decoder->infinite_row, decoder->infinite_column)
                   : 0;
    buffer_clear(&decoder->values);
    if (!decoder->by_line && read_fast(decoder, rows, &done, &infinite, fault))
        return -1;
    if (decoder->by_line && read_by_line(decoder, rows, &done, fault))
        return -1;
    ret->rows = done;
    ret->values = (const float *)(const void *)decoder->values.data;
    if (infinite || decoder->by_line)
        note_infinite(decoder, ret->values, done * decoder->columns);
    return 0;
}

const struct decode_format decode_csv = {csv_open, csv_resume, csv_next};
