#pragma once
/*
 * The loops of the search for the nearest points (nearest_search.h), once for each level of
 * instructions. All levels give the same bits: the distance between x and p is the sum of
 * (x[f] - p[f])^2 in double, feature f in sum f % 16, and the sixteen sums are added as
 * ((0+8) + (4+12)) + ((2+10) + (6+14)) with the odd ones likewise, the two halves last.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NEAREST_LANES 16

/* Numbers of a row that is widened: features, rounded up. */
static inline size_t nearest_stride(size_t features)
{
    return (features + NEAREST_LANES - 1) / NEAREST_LANES * NEAREST_LANES;
}

struct nearest_kernels {
    const char *name; /* of the level */
    double number_ns; /* about how long `distances` takes a number, and a point besides */
    double point_ns;

    /* x, zeros up to nearest_stride(features). `ret` is aligned to 64. */
    void (*widen)(const float *x, size_t features, double *ret);

    /* Squared distances of the row x, widened, to `count` points that lie one behind the other. */
    void (*distances)(const double *x, const float *points, size_t count, size_t features,
                      double *ret);

    /*
     * Writes which of `count` numbers norms[i] - 2 * products[i] are not above the limit, NaN
     * included, in ascending order, and returns how many. `ret` has room for `count`.
     */
    size_t (*pass)(const float *norms, const float *products, size_t count, float limit,
                   uint32_t *ret);
};

extern const struct nearest_kernels nearest_kernels_baseline;
#if defined(__x86_64__)
extern const struct nearest_kernels nearest_kernels_avx2;
extern const struct nearest_kernels nearest_kernels_avx512;
#endif

/* Those of the level that this processor has. */
const struct nearest_kernels *nearest_kernels_choose(void);
