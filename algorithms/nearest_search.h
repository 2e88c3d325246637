#pragma once
/*
 * The search that k-means and k-NN share: for each row of a matrix the k nearest of many points,
 * in the order of their distances, equal ones in the order of the points.
 *
 * A distance is computed from the differences, in double and in one order whatever the processor
 * (nearest_kernels.h); which points are nearest is decided by these numbers alone, so that an
 * answer depends on the row and the points only. For many rows and many points most distances need
 * not be known: a matrix product gives the lower bound
 *
 *     |x|^2 (1 - e) - 2 x.p + |p|^2 (1 - e) - d 2^-124,   e = 1.04 (d + 16) 2^-24
 *
 * and points whose bound is above the k-th best distance so far are passed over. With u = 2^-24, e
 * covers what rounding can do: the product, in whatever order it is summed, with fused operations
 * or without, 1.016 d u |x| |p| twice (d u <= 2^-6); rounding |p|^2 (1 - e), the difference and the
 * limit that it is compared with to float, 6 u (|x|^2 + |p|^2); moving the origin (below), 4 u
 * (|x|^2 + |p|^2). The last term covers underflow.
 *
 * The bound is of use while e (|x|^2 + |p|^2) is small beside the distances, which it is not where
 * all points lie together, far from the origin. So where they do, the origin is moved to their
 * mean: x and p are replaced by x - m and p - m, rounded, in the product alone.
 *
 * Defined, if of no use: a distance that is no number (NaN in a row or a point, infinity minus
 * infinity) counts as infinite, and of infinite ones the first come first.
 */

#include <stddef.h>
#include <stdint.h>

#include "algorithms/matrix.h"
#include "algorithms/nearest_kernels.h"
#include "algorithms/scorer.h"
#include "base/compiler.h"
#include "base/err.h"

struct neighbour {
    double distance; /* squared */
    uint64_t point;
};

struct nearest {
    const struct nearest_kernels *kernels;
    const float *points; /* the caller's */
    uint64_t count;
    uint32_t features;
    uint32_t k;
    double *zeros;       /* a row at the origin, widened */
    float *norms;        /* |p|^2 (1 - e) of each point; NULL: no products */
    float *origin;       /* NULL: not moved */
    size_t block;        /* rows that are worked on together */
    size_t panel;        /* points, likewise */
    size_t product_rows; /* so many rows at least make a product worth while */
};

/* The points stay, and are not copied. 1 <= k <= count. ERR_MEMORY. */
int nearest_init(struct nearest *nearest, const float *points, uint64_t count, uint32_t features,
                 uint32_t k, struct err *err) MUST_CHECK;
void nearest_fini(struct nearest *nearest);

/* About how long a row alone takes. Of many, each may take a fifth of it, but it is where a request
 * of a few rows is worked on that is decided by this. */
double nearest_row_ns(const struct nearest *nearest);

/* Gets a row's k neighbours, which it may change, and writes the row's answer. */
typedef void nearest_answer(const struct scorer *scorer, struct neighbour *found, float *ret);

/* Searches for all rows and has the answers written to ret, scorer->outputs numbers a row. Columns
 * that the matrix lacks are 0, as are those absent from a CSR row. ERR_MEMORY. */
int nearest_search(const struct nearest *nearest, const struct matrix *matrix,
                   struct scratch *scratch, nearest_answer *answer, const struct scorer *scorer,
                   float *ret, struct err *err) MUST_CHECK;
