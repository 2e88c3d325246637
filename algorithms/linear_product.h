#pragma once
/*
 * Rows times weights, plus a bias, by our own kernels: what Linear Learner, factorization machines
 * and PCA have in common. The sums are as linear.h says, the same bits by every kernel. Dense rows
 * may be narrower than there are weights; then, and for absent entries of CSR rows, x is 0, which
 * counts where a weight is infinite or NaN. A NaN is answered as the positive quiet one.
 */

#include <stdbool.h>

#include "algorithms/linear_kernels.h"
#include "algorithms/scorer.h"
#include "base/compiler.h"
#include "base/err.h"

struct linear_product {
    struct linear_sum sum;
    const struct linear_kernels *kernels;
    float *memory; /* the tail */
    bool finite;   /* all weights are */
};

/* weights: [features][outputs], bias: [outputs]; they stay. ERR_MEMORY; there is nothing to fini
 * then, but it does no harm. */
int linear_product_init(struct linear_product *product, const float *weights, const float *bias,
                        size_t features, size_t outputs, struct err *err) MUST_CHECK;
void linear_product_fini(struct linear_product *product);

/* Numbers that linear_product_rows wants room for: none where all weights are finite. Does not
 * overflow: fewer than 2^37. */
size_t linear_product_room(const struct linear_product *product);

/* Writes `outputs` numbers a row to ret. */
void linear_product_rows(const struct linear_product *product, const struct matrix *matrix,
                         float *room, const struct linear_sums *ret);

/* About how long a row takes, one of many, in nanoseconds. */
double linear_product_ns(const struct linear_product *product);

/* Rows `row` to row + count - 1 as dense ones of `columns` numbers, 0 where absent. */
void linear_dense_rows(const struct matrix *matrix, size_t row, size_t count, size_t columns,
                       float *ret);
