#include "algorithms/forest_span.h"

#include <math.h>

#include "algorithms/forest_masks.h"
#include "algorithms/forest_sweep.h"

int forest_span_scalar(const struct forest *forest, const struct forest_span *span,
                       struct scratch *scratch, struct err *err)
{
    size_t rows = forest->block_rows < span->rows ? forest->block_rows : span->rows;
    uint32_t *keys = scratch_get(scratch, rows * forest->stride * sizeof(*keys), err);
    struct forest_block block = {.keys = keys, .stride = forest->stride};
    size_t outputs = forest->scorer.outputs;

    if (!keys)
        return -1;
    forest_rows_begin(forest, span->matrix, keys, rows);
    for (size_t done = 0; done < span->rows; done += rows) {
        size_t first = span->first + done;

        block.rows = span->rows - done < rows ? span->rows - done : rows;
        forest_rows_fill(forest, span->matrix, first, block.rows, keys);
        forest_scalar_score(forest, &block, span->sums + done * outputs);
        forest_rows_reset(forest, span->matrix, first, block.rows, keys);
    }
    return 0;
}

/* Numbers that `rows` rows of a matrix which is not dense take as dense ones, one a slot. */
static size_t dense_room(const struct forest *forest, const struct matrix *matrix, size_t rows)
{
    return matrix->kind == MATRIX_DENSE ? 0 : rows * forest->slots.count;
}

/* Rows from `first` on as the kernels on bytes read them: where they are, or made dense in `room`.
 */
static struct forest_rows dense_rows(const struct forest *forest, const struct matrix *matrix,
                                     size_t first, size_t count, float *room)
{
    size_t slots = forest->slots.count;

    if (matrix->kind == MATRIX_DENSE)
        return (struct forest_rows){matrix->values + first * matrix->columns, matrix->columns,
                                    matrix->columns, false};
    for (size_t i = 0; i < count * slots; i++)
        room[i] = NAN;
    for (size_t row = 0; row < count; row++) {
        size_t end = matrix->row_start[first + row + 1];

        for (size_t i = matrix->row_start[first + row]; i < end; i++) {
            uint32_t slot = forest_slot(&forest->slots, matrix->column[i]);

            if (slot != FOREST_NO_SLOT)
                room[row * slots + slot] = matrix->values[i];
        }
    }
    return (struct forest_rows){room, slots, slots, true};
}

int forest_span_sweep(const struct forest *forest, const struct forest_span *span,
                      struct scratch *scratch, struct err *err)
{
    const struct forest_sweep *sweep = forest->sweep;
    size_t size = forest_sweep_bytes(sweep);
    size_t room = dense_room(forest, span->matrix, FOREST_SWEEP_ROWS) * sizeof(float);
    uint8_t *bytes = scratch_get(scratch, size + room, err);
    size_t outputs = forest->scorer.outputs;

    if (!bytes)
        return -1;
    for (size_t done = 0; done < span->rows; done += FOREST_SWEEP_ROWS) {
        size_t left = span->rows - done;
        size_t count = left < FOREST_SWEEP_ROWS ? left : FOREST_SWEEP_ROWS;
        struct forest_rows rows = dense_rows(forest, span->matrix, span->first + done, count,
                                             (float *)(void *)(bytes + size));

        sweep->kernel->fill(sweep, &rows, count, bytes);
        sweep->kernel->score(sweep, bytes, count, outputs, span->sums + done * outputs);
    }
    return 0;
}

#if defined(__x86_64__)

int forest_span_masks(const struct forest *forest, const struct forest_span *span,
                      struct scratch *scratch, struct err *err)
{
    size_t size = dense_room(forest, span->matrix, FOREST_MASKS_ROWS) * sizeof(float);
    float *room = scratch_get(scratch, size, err);
    size_t outputs = forest->scorer.outputs;

    if (!room)
        return -1;
    for (size_t done = 0; done < span->rows; done += FOREST_MASKS_ROWS) {
        size_t left = span->rows - done;
        size_t count = left < FOREST_MASKS_ROWS ? left : FOREST_MASKS_ROWS;
        struct forest_rows rows = dense_rows(forest, span->matrix, span->first + done, count, room);

        forest_masks_score(forest->masks, &rows, count, outputs, span->sums + done * outputs);
    }
    return 0;
}

#else /* no processor of this kind has it: forest->masks is NULL */

int forest_span_masks(const struct forest *forest, const struct forest_span *span,
                      struct scratch *scratch, struct err *err)
{
    return forest_span_scalar(forest, span, scratch, err);
}

#endif
