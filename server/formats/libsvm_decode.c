/*
 * text/libsvm (xgboost-container 3.4):
 *
 *   body = [white space] line { "\n" line } [white space]     UTF-8
 *   line = item { " " item }                                  one space; a tab belongs to an item
 *   item = index ":" value [ ":" anything ]                   what Python's int() and float() take
 *        | text without ":"                                   ignored: a label, an empty item
 *
 * All of the body is read by decoder_open, since the base of the indices depends on the smallest
 * one anywhere, and is kept as CSR; decoder_next gives views of it. Rows of ascending indices are
 * stored as they are read; a row that turns out to be otherwise is read again, sorted and summed.
 */
#include <float.h>
#include <inttypes.h>
#include <math.h>

#include "base/number_parse.h"
#include "server/formats/decode_internal.h"

/* Digits of an index that cannot overflow. */
#define FAST_DIGITS 18

struct entry {
    int64_t index;
    double value;
};

/* What is known of a body once all of its text was read. Rows are 1-based, 0: none. */
struct findings {
    bool any; /* an entry */
    int64_t smallest;
    int64_t largest;
    uint64_t smallest_row;
    uint64_t last_row; /* with an entry */
    uint64_t huge_row; /* first with an index that int64 does not hold, or not its successor */
    uint64_t infinite_row;
};

/* A row being read. */
struct line {
    struct bytes text;
    uint64_t row; /* 1-based */
    size_t at;    /* next byte to read */
    size_t item;  /* where the last item began */
};

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* The 1-based item that begins at line->item. */
static uint64_t item_number(const struct line *line)
{
    uint64_t number = 1;

    for (size_t i = 0; i < line->item; i++)
        number += line->text.data[i] == ' ';
    return number;
}

/* Reads "digits:number" followed by a space or the end of the line, as nearly every item is. */
static bool read_plain_item(struct line *line, struct entry *ret)
{
    const uint8_t *text = line->text.data;
    const uint8_t *end = text + line->text.size;
    const uint8_t *p = text + line->at;
    const uint8_t *first = p;
    int64_t index = 0;
    size_t n;

    for (; p < end && is_digit(*p) && p - first < FAST_DIGITS; p++)
        index = index * 10 + (*p - '0');
    if (p == first || p == end || *p != ':')
        return false;
    p++;
    n = number_scan_double((const char *)p, (const char *)end, &ret->value);
    p += n;
    if (end - p == 1 && *p == '\r')
        p++;
    if (!n || (p < end && *p != ' '))
        return false;
    ret->index = index;
    line->at = (size_t)(p - text);
    return true;
}

enum item_result {
    ITEM_END = 0,
    ITEM_ENTRY = 1,
    ITEM_BAD = -1,
};

static enum item_result read_odd_item(struct line *line, struct bytes item, struct entry *ret,
                                      struct decode_fault *fault)
{
    const uint8_t *colon = memchr(item.data, ':', item.size);
    struct bytes index = bytes_of(item.data, (size_t)(colon - item.data));
    struct bytes value = bytes_of(colon + 1, item.size - index.size - 1);
    const uint8_t *tail = value.size ? memchr(value.data, ':', value.size) : NULL;

    if (tail)
        value.size = (size_t)(tail - value.data);
    if (number_parse_int((const char *)index.data, index.size, &ret->index) == NUMBER_BAD) {
        decode_fail_int(fault, line->row, item_number(line), index);
        return ITEM_BAD;
    }
    if (number_parse_python((const char *)value.data, value.size, &ret->value) != NUMBER_OK) {
        decode_fail_float(fault, line->row, item_number(line), value);
        return ITEM_BAD;
    }
    return ITEM_ENTRY;
}

/* The next item that has a colon. */
static enum item_result read_entry(struct line *line, struct entry *ret, struct decode_fault *fault)
{
    while (line->at < line->text.size) {
        const uint8_t *start = line->text.data + line->at;
        const uint8_t *end;
        struct bytes item;

        if (*start == ' ') {
            line->at++;
            continue;
        }
        line->item = line->at;
        if (LIKELY(read_plain_item(line, ret)))
            return ITEM_ENTRY;
        end = memchr(start, ' ', line->text.size - line->at);
        item = bytes_of(start, end ? (size_t)(end - start) : line->text.size - line->at);
        line->at += item.size;
        if (memchr(item.data, ':', item.size))
            return read_odd_item(line, item, ret, fault);
    }
    return ITEM_END;
}

static void note_index(struct findings *findings, uint64_t row, int64_t index)
{
    if (!findings->any || index < findings->smallest) {
        findings->smallest = index;
        findings->smallest_row = row;
    }
    if (!findings->any || index > findings->largest)
        findings->largest = index;
    findings->any = true;
    findings->last_row = row;
    /* number_parse_int leaves an end of the range where the text is beyond it */
    if (UNLIKELY(index == INT64_MAX || index == INT64_MIN) && !findings->huge_row)
        findings->huge_row = row;
}

/* Appends an entry to the last row. A column that a matrix cannot name is not stored, only counted.
 */
static int store(struct decoder *decoder, int64_t index, float value)
{
    struct buffer *values = &decoder->values;
    struct buffer *columns = &decoder->column_index;
    uint32_t column = (uint32_t)index;

    if (UNLIKELY(index < 0 || index > UINT32_MAX))
        return 0;
    if (UNLIKELY(values->capacity - values->size < sizeof(value)) &&
        buffer_reserve(values, sizeof(value)))
        return -1;
    if (UNLIKELY(columns->capacity - columns->size < sizeof(column)) &&
        buffer_reserve(columns, sizeof(column)))
        return -1;
    memcpy(values->data + values->size, &value, sizeof(value));
    memcpy(columns->data + columns->size, &column, sizeof(column));
    values->size += sizeof(value);
    columns->size += sizeof(column);
    return 0;
}

/* Merges the sorted runs a[0..middle) and a[middle..n) into out; of equal ones the left is first.
 */
static void merge(const struct entry *a, size_t middle, size_t n, struct entry *out)
{
    size_t left = 0;
    size_t right = middle;

    while (left < middle || right < n) {
        if (right == n || (left < middle && a[left].index <= a[right].index))
            *out++ = a[left++];
        else
            *out++ = a[right++];
    }
}

/* Sorts by index and keeps the order of equal ones. Returns where the result is: a or b. */
static struct entry *sort_entries(struct entry *a, struct entry *b, size_t n)
{
    for (size_t width = 1; width < n; width *= 2) {
        struct entry *sorted = b;

        for (size_t i = 0; i < n; i += 2 * width) {
            size_t size = n - i < 2 * width ? n - i : 2 * width;

            merge(a + i, size < width ? size : width, size, b + i);
        }
        b = a;
        a = sorted;
    }
    return a;
}

/* A row whose indices do not ascend: sorted, and the values of one index added up as doubles in the
 * order of the text. Returns 1 where one is infinite, 0, or -1 and the fault. */
static int read_unordered(struct decoder *decoder, struct findings *findings, struct line *line,
                          struct decode_fault *fault)
{
    struct buffer *scratch = &decoder->scratch;
    enum item_result result;
    struct entry *entries;
    struct entry entry;
    bool infinite = false;
    size_t n;

    buffer_clear(scratch);
    line->at = 0;
    while ((result = read_entry(line, &entry, fault)) > 0) {
        note_index(findings, line->row, entry.index);
        if (buffer_append(scratch, &entry, sizeof(entry)))
            return decode_fail_memory(fault);
    }
    if (result < 0)
        return -1;
    n = scratch->size / sizeof(entry);
    if (buffer_reserve(scratch, scratch->size))
        return decode_fail_memory(fault);
    entries = (struct entry *)(void *)scratch->data;
    entries = sort_entries(entries, entries + n, n);
    for (size_t i = 0; i < n;) {
        double sum = entries[i].value;
        size_t first = i++;

        for (; i < n && entries[i].index == entries[first].index; i++)
            sum += entries[i].value;
        infinite |= fabsf((float)sum) > FLT_MAX;
        if (store(decoder, entries[first].index, (float)sum))
            return decode_fail_memory(fault);
    }
    return infinite;
}

/* As read_unordered; for any row. */
static int read_row(struct decoder *decoder, struct findings *findings, struct line *line,
                    struct decode_fault *fault)
{
    size_t stored = decoder->values.size;
    int64_t previous = INT64_MIN;
    enum item_result result;
    struct entry entry;
    bool infinite = false;

    while ((result = read_entry(line, &entry, fault)) > 0) {
        float value = (float)entry.value;

        if (UNLIKELY(entry.index <= previous)) {
            decoder->values.size = decoder->column_index.size = stored;
            return read_unordered(decoder, findings, line, fault);
        }
        previous = entry.index;
        note_index(findings, line->row, entry.index);
        infinite |= fabsf(value) > FLT_MAX;
        if (UNLIKELY(store(decoder, entry.index, value)))
            return decode_fail_memory(fault);
    }
    return result < 0 ? -1 : infinite;
}

static int end_row(struct decoder *decoder, size_t entries)
{
    /* an item has at least four bytes: only a body of 16 GB could have more in a row */
    uint32_t size = (uint32_t)entries;

    return entries > UINT32_MAX ? -1 : buffer_append(&decoder->row_size, &size, sizeof(size));
}

static int read_rows(struct decoder *decoder, struct findings *findings, struct decode_fault *fault)
{
    struct bytes left = decoder->body;
    uint64_t row = decoder->rows_done + decoder->rows_held;

    for (; decoder->rows_held; decoder->rows_held--) {
        if (end_row(decoder, 0))
            return decode_fail_memory(fault);
    }
    for (;;) {
        struct line line = {.text = decode_first_line(left), .row = ++row};
        size_t stored = decoder->values.size;
        int infinite = read_row(decoder, findings, &line, fault);

        if (infinite < 0)
            return -1;
        if (infinite && !findings->infinite_row && !decoder->rules.infinite_ok)
            findings->infinite_row = row;
        if (end_row(decoder, (decoder->values.size - stored) / sizeof(float)))
            return decode_fail_memory(fault);
        if (line.text.size == left.size)
            return 0;
        left.data += line.text.size + 1;
        left.size -= line.text.size + 1;
    }
}

/* What the original finds wrong when it makes a matrix of the entries, in its order. */
static int check_findings(const struct decoder *decoder, const struct findings *findings,
                          struct decode_fault *fault)
{
    if (!findings->any && !decoder->continued && !decoder->rules.more_follows)
        return decode_fail(fault, 0, 0, "ValueError",
                           "cannot infer dimensions from zero sized index arrays");
    if (!findings->any)
        return 0;
    if (findings->largest < -1)
        return decode_fail(fault, findings->smallest_row, 0, "ValueError",
                           "'shape' elements cannot be negative");
    if (findings->huge_row)
        return decode_fail(fault, findings->huge_row, 0, "OverflowError",
                           "Python int too large to convert to C long");
    if (findings->smallest < 0)
        return decode_fail(fault, findings->smallest_row, 0, "ValueError",
                           "negative column index found");
    if (findings->infinite_row)
        return decode_fail_infinite(fault, findings->infinite_row, 0);
    if (decoder->continued && decoder->shifted && findings->smallest == 0)
        return decode_fail(fault, findings->smallest_row, 0, "ValueError",
                           "row %" PRIu64 " has index 0, but the indices of the rows before were "
                           "taken to begin at 1",
                           findings->smallest_row);
    return 0;
}

/* Hands over the rows that were read, or holds trailing ones without a feature back. */
static void keep_rows(struct decoder *decoder, const struct findings *findings)
{
    uint64_t rows = decoder->row_size.size / sizeof(uint32_t);

    if (!decoder->rules.keep_trailing_rows) {
        uint64_t kept = findings->any ? findings->last_row - decoder->rows_done : 0;

        decoder->rows_held = rows - kept;
        decoder->row_size.size = kept * sizeof(uint32_t);
        rows = kept;
    }
    decoder->rows = decoder->rows_done + rows;
}

static int read_body(struct decoder *decoder, struct decode_fault *fault)
{
    struct findings findings = {.any = false};
    uint32_t *column;
    uint64_t columns;

    if (decode_check_text(decoder->body, 0, decoder->rows_done + decoder->rows_held, fault))
        return -1;
    /* so that a body without an entry that is stored has views too */
    if (buffer_reserve(&decoder->values, sizeof(float)) ||
        buffer_reserve(&decoder->column_index, sizeof(*column)))
        return decode_fail_memory(fault);
    if (read_rows(decoder, &findings, fault) || check_findings(decoder, &findings, fault))
        return -1;
    if (!decoder->continued)
        decoder->shifted = decoder->rules.libsvm_shift && (!findings.any || findings.smallest >= 1);
    column = (uint32_t *)(void *)decoder->column_index.data;
    for (size_t i = 0; decoder->shifted && i < decoder->column_index.size / sizeof(*column); i++)
        column[i]--;
    columns = findings.any ? (uint64_t)findings.largest + (decoder->shifted ? 0 : 1) : 0;
    if (decoder->columns < columns)
        decoder->columns = columns;
    keep_rows(decoder, &findings);
    return 0;
}

static int libsvm_resume(struct decoder *decoder, struct decode_fault *fault)
{
    buffer_clear(&decoder->values);
    buffer_clear(&decoder->column_index);
    buffer_clear(&decoder->row_size);
    decoder->next_row = 0;
    decoder->next_entry = 0;
    return read_body(decoder, fault);
}

const struct decode_format decode_libsvm = {read_body, libsvm_resume, decode_next_csr};
