#pragma once
/*
 * The lower bound of nearest_search.h, in the parts that its halves compute. Internal to
 * algorithms/nearest_*.c.
 */

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

/* Beyond so many features the bound does not hold. */
#define NEAREST_BOUND_FEATURES ((size_t)1 << 18)

/* |x|^2 and |p|^2 up to which no product of theirs overflows, nor a sum of such. */
#define NEAREST_BOUND_NORM 1e37

/* 1 - e */
static inline double nearest_bound_factor(size_t features)
{
    return 1 - 1.04 * 0x1p-24 * (double)(features + 16);
}

/* Of a row, what its limit is the k-th distance less. NaN, which lets all points pass, for a row
 * that is too far from the origin, or not a number. */
static inline double nearest_bound_base(double norm, size_t features)
{
    if (!(norm <= NEAREST_BOUND_NORM))
        return (double)NAN;
    return norm * nearest_bound_factor(features) - (double)features * 0x1p-124;
}

/* False for NaN. */
static inline bool nearest_bound_is_above(float norm, float product, float limit)
{
    return norm - 2 * product > limit;
}

/* x as seen from the origin; NULL: as it is. */
static inline void nearest_move(const float *x, const float *origin, size_t features, float *ret)
{
    for (size_t f = 0; f < features; f++)
        ret[f] = origin ? x[f] - origin[f] : x[f];
}
