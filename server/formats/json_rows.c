/*
 * Records to rows: dense ones are values of one width side by side, as a dense matrix has them, so
 * that there is nothing to keep but their number. The first sparse record makes CSR rows of those
 * before it, and all after it are CSR rows.
 */
#include "server/formats/json_rows.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

/* An element of a sparse record whose columns do not ascend. */
struct entry {
    uint64_t column;
    float value;
    uint32_t order;
};

static int fail_memory(struct json_rows *in)
{
    return err_memory(&in->err, in->decoder->values.size, "the rows of a body");
}

static int append_row_size(struct json_rows *in, size_t entries)
{
    uint32_t size = (uint32_t)entries;

    return buffer_append(&in->decoder->row_size, &size, sizeof(size)) ? fail_memory(in) : 0;
}

/* Columns 0 to count - 1, of a dense record among sparse ones. */
static int append_columns(struct json_rows *in, size_t count)
{
    struct buffer *buffer = &in->decoder->column_index;
    uint32_t *column;

    if (buffer_reserve(buffer, count * sizeof(*column)))
        return fail_memory(in);
    column = (uint32_t *)(void *)(buffer->data + buffer->size);
    for (size_t i = 0; i < count; i++)
        column[i] = (uint32_t)i;
    buffer->size += count * sizeof(*column);
    return 0;
}

/* Makes CSR rows of the dense rows read so far. */
static int begin_csr(struct json_rows *in)
{
    struct decoder *decoder = in->decoder;

    decoder->sparse = true;
    /* so that rows without an entry have views too */
    if (buffer_reserve(&decoder->values, sizeof(float)) ||
        buffer_reserve(&decoder->column_index, sizeof(uint32_t)))
        return fail_memory(in);
    for (uint64_t row = 0; row < in->rows; row++) {
        if (append_columns(in, decoder->width) || append_row_size(in, decoder->width))
            return -1;
    }
    return 0;
}

/* Remembers the first infinity among the values from `first` on; a dense row has no columns. */
static void note_infinite(struct json_rows *in, size_t first, const uint32_t *columns)
{
    const float *values = (const float *)(const void *)in->decoder->values.data;
    size_t end = in->decoder->values.size / sizeof(*values);
    bool found = false;

    if (in->infinite_row)
        return;
    for (size_t i = first; i < end; i++)
        found |= fabsf(values[i]) > FLT_MAX;
    for (size_t i = first; found && i < end; i++) {
        if (fabsf(values[i]) > FLT_MAX) {
            in->infinite_row = in->record;
            in->infinite_column = columns ? (uint64_t)columns[i - first] + 1 : i - first + 1;
            return;
        }
    }
}

/* Counts the record, which has so many columns, among the rows. */
static int end_record(struct json_rows *in, uint64_t columns)
{
    struct decoder *decoder = in->decoder;

    if (decoder->rules.json_one_width && decoder->columns && columns != decoder->columns)
        return json_fail(json_rows_source(in), in->offset, &in->err,
                         "a record of %" PRIu64 " columns, those before have %" PRIu64, columns,
                         decoder->columns);
    if (decoder->columns < columns)
        decoder->columns = columns;
    in->rows++;
    return 0;
}

int json_rows_dense(struct json_rows *in, size_t first)
{
    struct decoder *decoder = in->decoder;
    size_t count = decoder->values.size / sizeof(float) - first;

    if (count == 0 || count > UINT32_MAX)
        return json_fail(json_rows_source(in), in->offset, &in->err, "a record of %s numbers",
                         count ? "too many" : "no");
    if (decoder->width && count != decoder->width)
        return json_fail(json_rows_source(in), in->offset, &in->err,
                         "a record of %zu numbers, those before have %" PRIu64, count,
                         decoder->width);
    decoder->width = count;
    note_infinite(in, first, NULL);
    if (decoder->sparse && (append_columns(in, count) || append_row_size(in, count)))
        return -1;
    return end_record(in, count);
}

static int compare_entries(const void *a, const void *b)
{
    const struct entry *x = a;
    const struct entry *y = b;

    if (x->column != y->column)
        return x->column < y->column ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* Puts the `count` columns in scratch and values[0 .. count) in order, and adds up the values of
 * the same column. Returns how many there are then, or SIZE_MAX where memory is short. */
static size_t sort_row(struct buffer *scratch, float *values, size_t count)
{
    struct entry *entries;
    uint64_t *columns;
    size_t used = 0;

    if (buffer_reserve(scratch, count * sizeof(*entries)))
        return SIZE_MAX;
    columns = (uint64_t *)(void *)scratch->data;
    entries = (struct entry *)(void *)(scratch->data + scratch->size);
    for (size_t i = 0; i < count; i++)
        entries[i] = (struct entry){columns[i], values[i], (uint32_t)i};
    qsort(entries, count, sizeof(*entries), compare_entries);
    for (size_t i = 0; i < count;) {
        double sum = (double)entries[i].value;
        size_t begin = i++;

        for (; i < count && entries[i].column == entries[begin].column; i++)
            sum += (double)entries[i].value;
        columns[used] = entries[begin].column;
        values[used++] = (float)sum;
    }
    return used;
}

/* Moves ascending columns from scratch to the row. Those that a matrix cannot have are left out. */
static int append_row(struct json_rows *in, size_t first, size_t count)
{
    struct decoder *decoder = in->decoder;
    const uint64_t *from = (const uint64_t *)(const void *)decoder->scratch.data;
    uint32_t *to;

    while (count && from[count - 1] > UINT32_MAX)
        count--;
    if (buffer_reserve(&decoder->column_index, count * sizeof(*to)))
        return fail_memory(in);
    to = (uint32_t *)(void *)(decoder->column_index.data + decoder->column_index.size);
    for (size_t i = 0; i < count; i++)
        to[i] = (uint32_t)from[i];
    decoder->column_index.size += count * sizeof(*to);
    decoder->values.size = (first + count) * sizeof(float);
    note_infinite(in, first, to);
    return append_row_size(in, count);
}

int json_rows_sparse(struct json_rows *in, size_t first, uint64_t shape)
{
    struct decoder *decoder = in->decoder;
    const uint64_t *columns = (const uint64_t *)(const void *)decoder->scratch.data;
    size_t count = decoder->scratch.size / sizeof(*columns);
    size_t values = decoder->values.size / sizeof(float) - first;
    bool ascending = true;

    if (count != values || count > UINT32_MAX)
        return json_fail(json_rows_source(in), in->offset, &in->err,
                         "\"keys\" has %zu elements and \"values\" has %zu", count, values);
    for (size_t i = 0; i < count; i++) {
        if (columns[i] >= shape)
            return json_fail(json_rows_source(in), in->offset, &in->err,
                             "key %" PRIu64 " in a record of shape [%" PRIu64 "]", columns[i],
                             shape);
        if (i && columns[i] <= columns[i - 1])
            ascending = false;
    }
    if (!decoder->sparse && begin_csr(in))
        return -1;
    if (!ascending) {
        float *row = (float *)(void *)decoder->values.data + first;

        count = sort_row(&decoder->scratch, row, count);
        if (count == SIZE_MAX)
            return fail_memory(in);
    }
    return append_row(in, first, count) ? -1 : end_record(in, shape);
}

int json_rows_end(struct json_rows *in)
{
    struct decoder *decoder = in->decoder;

    decoder->rows = decoder->rows_done + in->rows;
    /* dense rows need no CSR, unless sparse ones before this piece were wider */
    if (decoder->sparse || !in->rows || decoder->width == decoder->columns)
        return 0;
    return begin_csr(in);
}
