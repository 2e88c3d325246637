/*
 * application/x-recordio-protobuf to rows (xgboost-container 3.5, linear-learner 4.5). A record is
 * a row: the tensor under the key "values" of its features. A record without one is no row.
 *
 *   dense    values only
 *   sparse   keys, the columns that the values are of; or neither keys nor values but a shape
 *
 * decoder_open reads all of the body once and counts; what the rows are together is judged then, by
 * the rules. decoder_next reads the records again, this time into blocks: dense ones where every
 * row is dense, else CSR.
 */
#include <inttypes.h>
#include <math.h>

#include "server/formats/decode_internal.h"
#include "server/formats/recordio_internal.h"

#define INFINITE 0x7f800000u /* the bits of a float */

static bool is_sparse(const struct decoder *decoder, const struct recordio_tensor *tensor)
{
    if (tensor->keys)
        return true;
    return decoder->rules.recordio != RECORDIO_STACKED && !tensor->values && tensor->dimensions;
}

static uint64_t shape_width(const struct decoder *decoder, const struct recordio_tensor *tensor)
{
    return decoder->rules.recordio_builtin ? tensor->product : tensor->first_dimension;
}

/* Columns of the row alone. */
static uint64_t row_width(const struct decoder *decoder, const struct recordio_tensor *tensor)
{
    if (!is_sparse(decoder, tensor))
        return tensor->values;
    if (tensor->dimensions)
        return shape_width(decoder, tensor);
    return tensor->largest_key == UINT64_MAX ? UINT64_MAX : tensor->largest_key + 1;
}

/* The next message, not yet read; *ret_any is false at the end of the body. */
static int next_message(struct decoder *decoder, struct cursor *input, bool *ret_any,
                        struct bytes *ret, struct decode_fault *fault)
{
    bool parts = decoder->rules.recordio != RECORDIO_STACKED;
    uint64_t row = decoder->rows + 1;
    uint64_t offset;
    size_t at;
    enum recordio_result result = recordio_next_record(input, parts, &decoder->row_size, ret, &at);

    *ret_any = result == RECORDIO_OK;
    offset = decoder->records.offset + at;
    switch (result) {
    case RECORDIO_OK:
        return 0;
    case RECORDIO_AT_END:
        if (cursor_left(input) && decoder->rules.recordio == RECORDIO_ONE_SCHEMA)
            return decode_fail(fault, row, 0, "ValueError",
                               "%zu bytes at offset %" PRIu64 " are no record", cursor_left(input),
                               offset);
        return 0;
    case RECORDIO_BAD_MAGIC:
        return decode_fail(fault, row, 0, "ValueError", "Invalid RecordIO magic at offset %" PRIu64,
                           offset);
    case RECORDIO_TRUNCATED:
        return decode_fail(fault, row, 0, "ValueError", "Truncated record at offset %" PRIu64,
                           offset);
    case RECORDIO_NO_MEMORY:
        break;
    }
    return decode_fail_memory(fault);
}

static void note_misfit(struct decode_misfit *misfit, uint64_t row, uint64_t width)
{
    if (misfit->found)
        return;
    misfit->found = true;
    misfit->row = row;
    misfit->width = width;
}

static void note_label(struct decode_records *records, uint64_t row,
                       const struct recordio_tensor *label)
{
    if (!label->values)
        return;
    records->labels++;
    if (!isfinite(label->first_value) && !records->bad_label)
        records->bad_label = row + 1;
}

static const char *type_name(int type)
{
    return type == RECORDIO_FLOAT32 ? "float32" : type == RECORDIO_FLOAT64 ? "float64" : "int32";
}

/* What needs a tensor in each record, and a shape in sparse ones that fits in the others. */
static bool is_strict(const struct decoder *decoder)
{
    return decoder->rules.recordio == RECORDIO_ONE_SCHEMA ||
           decoder->rules.recordio == RECORDIO_ONE_WIDTH;
}

/* RECORDIO_ONE_SCHEMA, RECORDIO_ONE_WIDTH; the texts are ours. */
static int check_schema(const struct decoder *decoder, const struct recordio_tensor *tensor,
                        struct decode_fault *fault)
{
    const struct decode_records *records = &decoder->records;
    uint64_t row = decoder->rows + 1;
    uint64_t width = row_width(decoder, tensor);
    bool sparse = is_sparse(decoder, tensor);

    if (sparse && !tensor->dimensions)
        return decode_fail(fault, row, 0, "ValueError",
                           "record %" PRIu64 " is sparse and has no shape", row);
    if (!sparse && tensor->dimensions && shape_width(decoder, tensor) != width)
        return decode_fail(fault, row, 0, "ValueError",
                           "record %" PRIu64 " has %" PRIu64 " values and a shape of %" PRIu64, row,
                           width, shape_width(decoder, tensor));
    if (decoder->rules.recordio == RECORDIO_ONE_WIDTH) {
        if (row > 1 && width != records->width)
            return decode_fail(fault, row, 0, "ValueError",
                               "record %" PRIu64 " has %" PRIu64
                               " columns, those before have %" PRIu64,
                               row, width, records->width);
        return 0;
    }
    if (row > 1 && ((int)tensor->type != records->type || sparse != records->sparse ||
                    width != records->width))
        return decode_fail(fault, row, 0, "ValueError",
                           "record %" PRIu64 " is %s %s of %" PRIu64
                           " columns, the first one is %s %s of %" PRIu64,
                           row, sparse ? "sparse" : "dense", type_name((int)tensor->type), width,
                           records->sparse ? "sparse" : "dense", type_name(records->type),
                           records->width);
    return 0;
}

static int note_row(struct decoder *decoder, const struct recordio_message *message,
                    struct decode_fault *fault)
{
    struct decode_records *records = &decoder->records;
    const struct recordio_tensor *tensor = &message->features;
    uint64_t width = row_width(decoder, tensor);
    uint64_t row = decoder->rows;

    if (tensor->keys && tensor->keys != tensor->values)
        return decode_fail(fault, row + 1, 0, "ValueError",
                           "record %" PRIu64 " has %zu keys and %zu values", row + 1, tensor->keys,
                           tensor->values);
    if (is_strict(decoder) && check_schema(decoder, tensor, fault))
        return -1;
    if (row == 0)
        records->type = (int)tensor->type;
    if (is_sparse(decoder, tensor)) {
        records->sparse = true;
    } else if (!records->dense) {
        records->dense = true;
        records->dense_row = row;
        records->dense_width = width;
    } else if (width != records->dense_width) {
        note_misfit(&records->dense_misfit, row, width);
    }
    if (records->width && width != records->width)
        note_misfit(&records->misfit, row, width);
    if (decoder->rules.recordio == RECORDIO_STACKED) {
        records->width = records->width ? records->width : width;
        note_label(records, row, &message->label);
    } else if (records->width < width) {
        records->width = width;
    }
    decoder->rows++;
    return 0;
}

/* What is wrong with the rows together, once each is known to be right. */
static int check_rows(const struct decoder *decoder, struct decode_fault *fault)
{
    const struct decode_records *records = &decoder->records;
    bool stacked = decoder->rules.recordio == RECORDIO_STACKED && records->sparse;
    const struct decode_misfit *misfit = stacked ? &records->misfit : &records->dense_misfit;

    if (!decoder->rows && !decoder->continued && !decoder->rules.more_follows)
        return decode_fail(fault, 0, 0, "ValueError", "No records found in RecordIO-Protobuf data");
    if (!misfit->found)
        return 0;
    if (stacked)
        return decode_fail(fault, misfit->row + 1, 0, "ValueError",
                           "blocks[:,0] has incompatible column dimensions. Got blocks[%" PRIu64
                           ",0].shape[1] == %" PRIu64 ", expected %" PRIu64 ".",
                           misfit->row, misfit->width, records->width);
    return decode_fail(fault, misfit->row + 1, 0, "ValueError",
                       "all the input array dimensions except for the concatenation axis must "
                       "match exactly, but along dimension 1, the array at index %" PRIu64
                       " has size %" PRIu64 " and the array at index %" PRIu64 " has size %" PRIu64,
                       records->dense_row, records->dense_width, misfit->row, misfit->width);
}

static int read_body(struct decoder *decoder, struct decode_fault *fault)
{
    struct cursor input = cursor_of(decoder->body);
    struct recordio_message message;
    struct bytes bytes;
    bool any;

    for (;;) {
        if (next_message(decoder, &input, &any, &bytes, fault))
            return -1;
        if (!any)
            break;
        if (recordio_read(bytes, NULL, &message))
            return decode_fail(fault, decoder->rows + 1, 0, "google.protobuf.message.DecodeError",
                               "Truncated message.");
        if (message.features.type != RECORDIO_NONE) {
            if (note_row(decoder, &message, fault))
                return -1;
        } else if (is_strict(decoder)) {
            return decode_fail(fault, decoder->rows + 1, 0, "ValueError",
                               "record %" PRIu64 " has no tensor under the key 'values'",
                               decoder->rows + 1);
        }
    }
    if (check_rows(decoder, fault))
        return -1;
    decoder->columns = decoder->records.width;
    return 0;
}

static int recordio_resume(struct decoder *decoder, struct decode_fault *fault)
{
    decoder->records.offset += decoder->records.piece;
    decoder->records.piece = decoder->body.size;
    return read_body(decoder, fault);
}

/* A heap of n numbers is sorted in place: no memory, and no order of the input is a slow one. */
static void sink_down(uint64_t *heap, size_t i, size_t n)
{
    uint64_t number = heap[i];

    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        child += child + 1 < n && heap[child] < heap[child + 1];
        if (heap[child] <= number)
            break;
        heap[i] = heap[child];
    }
    heap[i] = number;
}

static void sort_numbers(uint64_t *numbers, size_t n)
{
    for (size_t i = n / 2; i-- > 0;)
        sink_down(numbers, i, n);
    while (n-- > 1) {
        uint64_t largest = numbers[0];

        numbers[0] = numbers[n];
        numbers[n] = largest;
        sink_down(numbers, 0, n);
    }
}

/*
 * Puts n entries of a row in the order of their columns, each column once: of several values the
 * last one that is not missing counts, as in the library, or, where `add`, their sum. order: column
 * << 32 | index of its value. Returns how many there are then.
 */
static size_t order_entries(uint64_t *order, size_t n, bool add, float *value, float *spare,
                            uint32_t *column)
{
    double sum = 0;
    size_t out = 0;

    sort_numbers(order, n);
    memcpy(spare, value, n * sizeof(*value));
    for (size_t i = 0; i < n; i++) {
        float next = spare[(uint32_t)order[i]];
        uint32_t at = (uint32_t)(order[i] >> 32);

        if (out && column[out - 1] == at) {
            sum += (double)next;
            if (add)
                value[out - 1] = (float)sum;
            else if (!isnan(next))
                value[out - 1] = next;
            continue;
        }
        sum = (double)next;
        column[out] = at;
        value[out++] = next;
    }
    return out;
}

/* The row of which values[start..] and the keys in scratch were just read becomes entries. A key
 * beyond the row's own width is none. */
static int place_sparse(struct decoder *decoder, const struct recordio_tensor *tensor, size_t start)
{
    uint64_t width = row_width(decoder, tensor);
    size_t n = tensor->keys;
    size_t kept = 0;
    bool ordered = true;
    uint64_t *key;
    uint32_t *column;
    float *value;

    if (n > UINT32_MAX || buffer_reserve(&decoder->values, n * sizeof(*value)) ||
        buffer_reserve(&decoder->column_index, n * sizeof(*column)))
        return -1;
    key = (uint64_t *)(void *)decoder->scratch.data;
    value = (float *)(void *)decoder->values.data + start;
    column = (uint32_t *)(void *)decoder->column_index.data + start;
    for (size_t i = 0; i < n; i++) {
        if (key[i] >= width || key[i] > UINT32_MAX)
            continue;
        column[kept] = (uint32_t)key[i];
        value[kept] = value[i];
        ordered &= kept == 0 || column[kept - 1] < column[kept];
        key[kept] = key[i] << 32 | kept;
        kept++;
    }
    if (!ordered)
        kept = order_entries(key, kept, decoder->rules.recordio_builtin, value, value + n, column);
    decoder->values.size = (start + kept) * sizeof(*value);
    decoder->column_index.size = (start + kept) * sizeof(*column);
    return 0;
}

/* A dense row of a CSR block. */
static int place_dense(struct decoder *decoder, size_t start, size_t n)
{
    uint32_t *column;

    if (n > UINT32_MAX || buffer_reserve(&decoder->column_index, n * sizeof(*column)))
        return -1;
    column = (uint32_t *)(void *)decoder->column_index.data + start;
    for (size_t i = 0; i < n; i++)
        column[i] = (uint32_t)i;
    decoder->column_index.size = (start + n) * sizeof(*column);
    return 0;
}

static int check_finite(const struct decoder *decoder, uint64_t row, size_t start,
                        struct decode_fault *fault)
{
    const uint32_t *bits = (const uint32_t *)(const void *)decoder->values.data;
    const uint32_t *column = (const uint32_t *)(const void *)decoder->column_index.data;
    size_t end = decoder->values.size / sizeof(*bits);
    uint32_t infinite = 0;
    size_t i = start;

    /* without a branch: the compiler takes many at a time */
    for (size_t j = start; j < end; j++)
        infinite |= bits[j] << 1 == INFINITE << 1;
    if (LIKELY(!infinite))
        return 0;
    while (bits[i] << 1 != INFINITE << 1)
        i++;
    return decode_fail_infinite(fault, row + 1,
                                decoder->records.sparse ? (uint64_t)column[i] + 1 : i - start + 1);
}

/* The keys in scratch, of a sparse row. */
static int check_keys(const struct decoder *decoder, const struct recordio_tensor *tensor,
                      uint64_t row, struct decode_fault *fault)
{
    const uint64_t *key = (const uint64_t *)(const void *)decoder->scratch.data;
    uint64_t width = row_width(decoder, tensor);

    for (size_t i = 0; i < tensor->keys; i++) {
        if (key[i] >= width)
            return decode_fail(fault, row + 1, 0, "ValueError",
                               "key %" PRIu64 " in a record of %" PRIu64 " columns", key[i], width);
    }
    return 0;
}

/* Reads the next record into the block. *ret_row: whether it was a row. */
static int read_row(struct decoder *decoder, struct cursor *input, uint64_t row, bool *ret_row,
                    struct decode_fault *fault)
{
    struct recordio_sink sink = {.values = &decoder->values, .keys = &decoder->scratch};
    size_t start = decoder->values.size / sizeof(float);
    struct recordio_message message;
    struct bytes bytes;
    bool any;

    if (next_message(decoder, input, &any, &bytes, fault))
        return -1;
    buffer_clear(&decoder->scratch);
    /* the message was read before: it is the memory that is missing */
    if (!any || recordio_read(bytes, &sink, &message))
        return decode_fail_memory(fault);
    *ret_row = message.features.type != RECORDIO_NONE;
    if (!*ret_row)
        return 0;
    if (decoder->rules.recordio_builtin && check_keys(decoder, &message.features, row, fault))
        return -1;
    if (message.features.keys
            ? place_sparse(decoder, &message.features, start)
            : decoder->records.sparse && place_dense(decoder, start, message.features.values))
        return decode_fail_memory(fault);
    return check_finite(decoder, row, start, fault);
}

static int check_labels(const struct decoder *decoder, struct decode_fault *fault)
{
    const struct decode_records *records = &decoder->records;

    if (records->labels % decoder->rows)
        return decode_fail(fault, 0, 0, "xgboost.core.XGBoostError",
                           "[00:00:00] /workspace/src/data/data.cc:455: Check failed: "
                           "this->labels.Size() %% this->num_row_ == 0 (%" PRIu64
                           " vs. 0) : Incorrect size for labels.\nStack trace:\n",
                           records->labels % decoder->rows);
    if (records->bad_label)
        return decode_fail(fault, records->bad_label, 0, "xgboost.core.XGBoostError",
                           "[00:00:00] /workspace/src/data/data.cc:461: Check failed: valid: Label "
                           "contains NaN, infinity or a value too large.\nStack trace:\n");
    return 0;
}

static int recordio_next(struct decoder *decoder, size_t max_rows, struct matrix *ret,
                         struct decode_fault *fault)
{
    struct cursor input = cursor_of(decoder->body);
    uint64_t left = decoder->rows - decoder->rows_done;
    size_t rows = left < max_rows ? (size_t)left : max_rows;
    size_t *row_start;
    bool is_row = false;

    if (!rows)
        return decoder->rows ? check_labels(decoder, fault) : 0;
    buffer_clear(&decoder->values);
    buffer_clear(&decoder->column_index);
    buffer_clear(&decoder->row_start);
    /* room for a number, so that a block without one has views too */
    if (buffer_reserve(&decoder->values, sizeof(float)) ||
        buffer_reserve(&decoder->column_index, sizeof(uint32_t)) ||
        buffer_reserve(&decoder->row_start, (rows + 1) * sizeof(*row_start)))
        return decode_fail_memory(fault);
    row_start = (size_t *)(void *)decoder->row_start.data;
    row_start[0] = 0;
    for (size_t r = 0; r < rows; r += is_row) {
        if (read_row(decoder, &input, decoder->rows_done + r, &is_row, fault))
            return -1;
        row_start[r + 1] = decoder->values.size / sizeof(float);
    }
    decoder->body = bytes_of(input.at, cursor_left(&input));
    ret->kind = decoder->records.sparse ? MATRIX_CSR : MATRIX_DENSE;
    ret->rows = rows;
    ret->values = (const float *)(const void *)decoder->values.data;
    if (decoder->records.sparse) {
        ret->row_start = row_start;
        ret->column = (const uint32_t *)(const void *)decoder->column_index.data;
    }
    return 0;
}

const struct decode_format decode_recordio = {recordio_resume, recordio_resume, recordio_next,
                                              .keeps_space = true};
