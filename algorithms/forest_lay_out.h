#pragma once
/*
 * Rows laid out feature by feature, without vectors (forest_sweep_fill.h).
 */

#include "algorithms/forest_sweep.h"

/* ret[k][r] = x[r * stride + k], for k < features and r < rows. */
static inline void lay_out(const float *x, size_t stride, size_t features, size_t rows,
                           float (*ret)[FOREST_SWEEP_ROWS])
{
    for (size_t k = 0; k < features; k++) {
#pragma GCC unroll 4
        for (size_t r = 0; r < rows; r++)
            ret[k][r] = x[r * stride + k];
    }
}
