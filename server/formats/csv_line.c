#include "server/formats/csv_line.h"

#include <inttypes.h>

#include "base/err.h"
#include "base/number_parse.h"

/* Of a cell that is told. */
#define QUOTED_MAX 64

/* Takes a line, without its end, off the text. */
static struct bytes take_line(struct bytes *text)
{
    struct bytes line = decode_first_line(*text);
    size_t size = line.size + (line.size < text->size);

    *text = bytes_of(text->data + size, text->size - size);
    return line;
}

uint64_t csv_line_count(struct bytes text)
{
    uint64_t count = 0;

    while (text.size)
        count += bytes_trim(take_line(&text)).size != 0;
    return count;
}

struct bytes csv_line_next(struct bytes *text)
{
    struct bytes line = bytes_of(text->data, 0);

    while (text->size && bytes_trim(line).size == 0)
        line = take_line(text);
    return bytes_trim(line).size ? line : bytes_of(line.data, 0);
}

/* Where the cell ends: a ',' or the end of the line. */
static const uint8_t *find_comma(const uint8_t *from, const uint8_t *end)
{
    const uint8_t *comma = from < end ? memchr(from, ',', (size_t)(end - from)) : NULL;

    return comma ? comma : end;
}

/* The quote that closes the one before `from`, or NULL. */
static const uint8_t *find_quote(const uint8_t *from, const uint8_t *end)
{
    for (; from < end; from++) {
        if (*from != '"')
            continue;
        if (from + 1 == end || from[1] != '"')
            return from;
        from++;
    }
    return NULL;
}

static const uint8_t *skip_blanks(const uint8_t *from, const uint8_t *end)
{
    while (from < end && (*from == ' ' || (*from >= '\t' && *from <= '\r')))
        from++;
    return from;
}

/* Takes the first cell off the line, with its comma; returns it without the quotes around it. False
 * where the line is at its end. */
static bool take_cell(struct bytes *line, bool *more, struct bytes *ret)
{
    const uint8_t *start = line->data, *end = start + line->size, *stop, *close = NULL;
    const uint8_t *open = skip_blanks(start, end);

    if (!*more)
        return false;
    if (open < end && *open == '"') {
        close = find_quote(open + 1, end);
        stop = close ? find_comma(close, end) : end;
    } else {
        stop = find_comma(open, end);
    }
    *ret = bytes_of(start, (size_t)(stop - start));
    if (close && skip_blanks(close + 1, stop) == stop)
        *ret = bytes_of(open + 1, (size_t)(close - open - 1));
    *more = stop != end;
    *line = *more ? bytes_of(stop + 1, (size_t)(end - stop - 1)) : bytes_of(end, 0);
    return true;
}

static uint64_t count_cells(struct bytes line)
{
    uint64_t count = 0;
    struct bytes cell;
    bool more = true;

    while (take_cell(&line, &more, &cell))
        count++;
    return count;
}

uint64_t csv_line_columns(struct bytes line, const struct csv_rules *rules)
{
    uint64_t cells;

    if (rules->columns)
        return rules->columns;
    cells = count_cells(line);
    return cells > rules->label_size ? cells - rules->label_size : 1;
}

int csv_line_check(struct bytes line, const struct csv_rules *rules, uint64_t columns, uint64_t row,
                   struct decode_fault *fault)
{
    uint64_t cells = count_cells(line);

    if (cells == rules->label_size + columns)
        return 0;
    if (rules->label_size)
        decode_fail(fault, row, 0, "ValueError",
                    "%" PRIu64 " columns, not %" PRIu64 " (label_size is %" PRIu32 ")", cells,
                    rules->label_size + columns, rules->label_size);
    else
        decode_fail(fault, row, 0, "ValueError", "%" PRIu64 " columns, not %" PRIu64, cells,
                    columns);
    return decode_ranked(fault, DECODE_RANK_CELL);
}

bool csv_line_number(struct bytes cell, double *ret_value)
{
    struct bytes trimmed = bytes_trim(cell);
    const char *text = (const char *)trimmed.data;

    if (trimmed.size && number_scan_double(text, text + trimmed.size, ret_value) == trimmed.size)
        return true;
    return number_parse_python((const char *)cell.data, cell.size, ret_value) == NUMBER_OK;
}

static int fail_cell(struct bytes cell, uint64_t row, uint64_t column, struct decode_fault *fault)
{
    struct bytes text = bytes_trim(cell);
    char quoted[QUOTED_MAX];

    if (text.size)
        decode_fail(fault, row, column, "ValueError", "%s is not a number",
                    err_quote(quoted, sizeof(quoted), text.data, text.size));
    else
        decode_fail(fault, row, column, "ValueError", "an empty cell");
    return decode_ranked(fault, DECODE_RANK_CELL);
}

int csv_line_read(struct bytes line, const struct csv_rules *rules, float *values, uint64_t row,
                  struct decode_fault *fault)
{
    uint64_t column = 0;
    struct bytes cell;
    bool more = true;

    while (take_cell(&line, &more, &cell)) {
        double value;

        if (column++ < rules->label_size)
            continue;
        if (!csv_line_number(cell, &value))
            return fail_cell(cell, row, column, fault);
        *values++ = (float)value;
    }
    return 0;
}
