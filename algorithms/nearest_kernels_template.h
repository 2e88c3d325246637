#pragma once
/*
 * The kernels of nearest_kernels.h for one level. The file that includes this defines
 *
 *   NEAREST_KERNELS, NEAREST_LEVEL  the table and the level's name
 *   NUMBER_NS                       how long a number takes, as measured
 *   VEC, vec                        doubles of a vector, 2, 4 or 8; a vector of them
 *   vec_widen(p)                    VEC floats at p as doubles
 *   vec_widen_some(p, n)            the first n of them, 1 or more; zeros in the place of others
 */
#include <string.h>

#include "algorithms/nearest_bound.h"
#include "algorithms/nearest_kernels.h"

#define INLINE  static inline __attribute__((always_inline))
#define VECTORS (NEAREST_LANES / VEC)
#define EACH    _Pragma("GCC unroll 8") for (int i = 0; i < VECTORS; i++)

INLINE vec vec_load(const double *x)
{
    vec v;

    memcpy(&v, x, sizeof(v));
    return v;
}

INLINE void add_squares(vec *sums, const double *x, const float *p)
{
    EACH
    {
        vec difference = vec_load(x + i * VEC) - vec_widen(p + i * VEC);

        sums[i] += difference * difference;
    }
}

INLINE double total(vec *sums)
{
    vec halves[VECTORS / 2];
    double s[NEAREST_LANES / 2];

    _Pragma("GCC unroll 8") for (int i = 0; i < VECTORS / 2; i++) halves[i] =
        sums[i] + sums[i + VECTORS / 2];
    memcpy(s, halves, sizeof(s));
    return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

/* As add_squares for the last n numbers, 1 to 15: what is behind them may be nobody's. */
INLINE void add_rest(vec *sums, const double *x, const float *p, size_t n)
{
    EACH
    {
        size_t before = (size_t)i * VEC;
        vec difference;

        if (n <= before)
            break;
        difference = vec_load(x + before) - vec_widen_some(p + before, n - before);
        sums[i] += difference * difference;
    }
}

static void widen(const float *x, size_t features, double *ret)
{
    size_t stride = nearest_stride(features);
    size_t f = 0;

    for (; f < features / VEC * VEC; f += VEC) {
        vec v = vec_widen(x + f);

        memcpy(ret + f, &v, sizeof(v));
    }
    if (f < features) {
        vec v = vec_widen_some(x + f, features - f);

        memcpy(ret + f, &v, sizeof(v));
        f += VEC;
    }
    for (; f < stride; f++)
        ret[f] = 0;
}

static void distances(const double *x, const float *points, size_t count, size_t features,
                      double *ret)
{
    size_t whole = features / NEAREST_LANES * NEAREST_LANES;

    for (size_t n = 0; n < count; n++) {
        const float *p = points + n * features;
        vec sums[VECTORS];

        EACH sums[i] = (vec){0};
        for (size_t f = 0; f < whole; f += NEAREST_LANES)
            add_squares(sums, x + f, p + f);
        if (whole < features)
            add_rest(sums, x + whole, p + whole, features - whole);
        ret[n] = total(sums);
    }
}

/* Numbers that are looked at together: few pass. */
#define BLOCK 64

static size_t pass(const float *norms, const float *products, size_t count, float limit,
                   uint32_t *ret)
{
    size_t passed = 0;

    for (size_t begin = 0; begin < count; begin += BLOCK) {
        size_t end = begin + BLOCK < count ? begin + BLOCK : count;
        uint32_t any = 0;

        if (end - begin == BLOCK) {
            for (size_t i = begin; i < begin + BLOCK; i++)
                any |= !nearest_bound_is_above(norms[i], products[i], limit);
            if (!any)
                continue;
        }
        for (size_t i = begin; i < end; i++) {
            ret[passed] = (uint32_t)i;
            passed += !nearest_bound_is_above(norms[i], products[i], limit);
        }
    }
    return passed;
}

const struct nearest_kernels NEAREST_KERNELS = {
    .name = NEAREST_LEVEL,
    .number_ns = NUMBER_NS,
    .point_ns = 2,
    .widen = widen,
    .distances = distances,
    .pass = pass,
};
