#pragma once
/*
 * What the targets of the request formats share: a decoder is run over a body, block by block, and
 * all that holds for every format is checked on the way. What it handed out is kept as an outcome,
 * so that two runs can be compared to the byte.
 */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "server/formats/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BODY_MAX 65536

/* What two runs must have in common. */
struct outcome {
    int status;
    bool opened; /* a fault, if any, came later */
    uint64_t rows, entries;
    bool dense, sparse, no_columns; /* such a block was met */
    bool infinite;                  /* such a value was met */
    bool nan_alike;                 /* set by the target: the bits of a NaN do not count */
    struct buffer seen; /* of each row its number of entries, and of these column and bits */
    struct decode_fault fault;
};

static inline void must(bool condition)
{
    if (!condition)
        abort();
}

static inline void outcome_init(struct outcome *outcome)
{
    *outcome = (struct outcome){.status = 0};
    buffer_init(&outcome->seen, SIZE_MAX);
    decode_fault_init(&outcome->fault);
}

static inline void outcome_clear(struct outcome *outcome)
{
    outcome->rows = outcome->entries = 0;
    outcome->opened = outcome->infinite = false;
    outcome->dense = outcome->sparse = outcome->no_columns = false;
    buffer_clear(&outcome->seen);
}

static inline void outcome_fini(struct outcome *outcome)
{
    buffer_fini(&outcome->seen);
    decode_fault_fini(&outcome->fault);
}

static inline void must_equal(const struct outcome *a, const struct outcome *b)
{
    must(a->status == b->status);
    if (a->status)
        return;
    must(a->rows == b->rows && a->entries == b->entries && a->seen.size == b->seen.size);
    must(a->seen.size == 0 || memcmp(a->seen.data, b->seen.data, a->seen.size) == 0);
}

static inline void check_fault(const struct decode_fault *fault)
{
    must(!fault->out_of_memory && fault->exception && fault->message.size);
}

static inline void take_entry(struct outcome *outcome, uint32_t column, float value)
{
    uint32_t entry[2] = {column, 1};

    if (!outcome->nan_alike || !isnan(value))
        memcpy(&entry[1], &value, sizeof(value));
    must(buffer_append(&outcome->seen, entry, sizeof(entry)) == 0);
    outcome->infinite |= isinf(value) != 0;
    outcome->entries++;
}

/* A dense row counts as a CSR row of all columns: a piece may be without sparse rows. */
static inline void take_row(const struct matrix *matrix, size_t row, struct outcome *outcome)
{
    bool dense = matrix->kind == MATRIX_DENSE;
    size_t start = dense ? row * matrix->columns : matrix->row_start[row];
    size_t end = dense ? start + matrix->columns : matrix->row_start[row + 1];
    uint64_t count = end - start;

    must(start <= end);
    must(buffer_append(&outcome->seen, &count, sizeof(count)) == 0);
    for (size_t i = start; i < end; i++) {
        if (!dense) {
            must(matrix->column[i] < matrix->columns);
            must(i == start || matrix->column[i - 1] < matrix->column[i]);
        }
        take_entry(outcome, dense ? (uint32_t)(i - start) : matrix->column[i], matrix->values[i]);
    }
}

/* Takes all that the decoder has, or the fault. */
static inline void take_rows(struct decoder *decoder, size_t block, struct outcome *outcome)
{
    struct matrix matrix;

    for (;;) {
        outcome->status = decoder_next(decoder, block, &matrix, &outcome->fault);
        if (outcome->status || !matrix.rows)
            break;
        must(matrix.kind == MATRIX_DENSE || matrix.kind == MATRIX_CSR);
        must(matrix.kind == MATRIX_DENSE || matrix.row_start[0] == 0);
        must(matrix.rows <= block && matrix.columns == decoder->columns);
        outcome->dense |= matrix.kind == MATRIX_DENSE;
        outcome->sparse |= matrix.kind == MATRIX_CSR;
        outcome->no_columns |= matrix.columns == 0;
        for (size_t row = 0; row < matrix.rows; row++)
            take_row(&matrix, row, outcome);
        outcome->rows += matrix.rows;
    }
    if (outcome->status)
        check_fault(&outcome->fault);
    else
        must(outcome->rows == decoder->rows && outcome->rows == decoder->rows_done);
}

static inline void run(struct decoder *decoder, enum format format, struct bytes body,
                       const struct decode_rules *rules, size_t block, struct outcome *outcome)
{
    outcome_clear(outcome);
    outcome->status = decoder_open(decoder, format, body, rules, &outcome->fault);
    outcome->opened = !outcome->status;
    if (outcome->status)
        check_fault(&outcome->fault);
    else
        take_rows(decoder, block, outcome);
}

/* Another piece after what was run. */
static inline void run_on(struct decoder *decoder, struct bytes piece, size_t block,
                          struct outcome *outcome)
{
    outcome->status = decoder_continue(decoder, piece, &outcome->fault);
    if (outcome->status)
        check_fault(&outcome->fault);
    else
        take_rows(decoder, block, outcome);
}

/* One of four sizes of blocks, by the low bits. */
static inline size_t small_block(unsigned bits)
{
    static const size_t blocks[] = {1, 2, 7, 64};

    return blocks[bits & 3];
}
