#pragma once
/*
 * Consecutive rows of a matrix by one kernel: blocks of rows in the form that the kernel reads, and
 * their sums. Internal to algorithms/forest*.c.
 */

#include "algorithms/forest_layout.h"

struct forest_span {
    const struct matrix *matrix;
    size_t first; /* row */
    size_t rows;
    float *sums; /* of the first row: rows * outputs, which the trees' leaves are added to */
};

/* Any forest. Errors of all: ERR_MEMORY. */
int forest_span_scalar(const struct forest *forest, const struct forest_span *span,
                       struct scratch *scratch, struct err *err) MUST_CHECK;

/* Where forest->sweep, and where forest->masks. */
int forest_span_sweep(const struct forest *forest, const struct forest_span *span,
                      struct scratch *scratch, struct err *err) MUST_CHECK;
int forest_span_masks(const struct forest *forest, const struct forest_span *span,
                      struct scratch *scratch, struct err *err) MUST_CHECK;
