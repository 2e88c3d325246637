#pragma once
/*
 * The kernels of linear_product.h, one set a level of the processor. All sum alike, from +0 over
 * ascending features, each product and each sum rounded, and then add the bias, so that they agree
 * in every bit; a NaN becomes the positive quiet one, whichever it was. They differ in what they do
 * at a time:
 *
 *   by_rows     many rows of few outputs: a lane a row. Four features of as many rows as there are
 *               lanes are transposed in registers, for all outputs at once.
 *   by_outputs  few rows or many outputs: a lane an output. A tile of rows and vectors of outputs
 *               stays in registers; features are cut so that a tile's weights stay in cache.
 *   sparse      CSR rows, two outputs or more: a lane an output, and where the outputs fit into one
 *               vector, four rows at a time.
 */

#include <stddef.h>

#include "algorithms/matrix.h"

#define LINEAR_LANES_MAX 16

struct linear_sum {
    const float *weights; /* [features][outputs] */
    const float *bias;    /* [outputs] */
    size_t features;      /* may be fewer than there are weights for, not in `tail` */
    size_t outputs;
    /* Of features from `safe` on a vector that begins inside the outputs could reach beyond the
     * weights: `tail` has them again, with room behind. */
    const float *tail;
    size_t safe;
};

struct linear_dense {
    const float *x; /* rows of `stride` numbers, of which the sum's features are used */
    size_t stride;
    size_t rows;
};

/* Where the sums go: `stride` numbers from a row to the next, at least the outputs; what is between
 * is not touched. */
struct linear_sums {
    float *z;
    size_t stride;
};

struct linear_kernels {
    const char *name;
    size_t lanes;
    size_t most; /* outputs that by_rows takes */
    /* At least `lanes` rows. */
    void (*by_rows)(const struct linear_sum *sum, const struct linear_dense *dense,
                    const struct linear_sums *ret);
    void (*by_outputs)(const struct linear_sum *sum, const struct linear_dense *dense,
                       const struct linear_sums *ret);
    void (*sparse)(const struct linear_sum *sum, const struct matrix *matrix,
                   const struct linear_sums *ret);
};

extern const struct linear_kernels linear_baseline;
extern const struct linear_kernels linear_avx2;
extern const struct linear_kernels linear_avx512;

/* Where the entries of a CSR row end that have a weight. */
static inline size_t linear_row_end(const struct linear_sum *sum, const struct matrix *matrix,
                                    size_t row)
{
    size_t end = matrix->row_start[row + 1];

    while (end > matrix->row_start[row] && matrix->column[end - 1] >= sum->features)
        end--;
    return end;
}
