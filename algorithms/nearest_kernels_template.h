#pragma once
/*
 * The kernels of nearest_kernels.h for one level. The file that includes this defines
 *
 *   NEAREST_KERNELS, NEAREST_LEVEL  the table and the level's name
 *   VEC, vec                        doubles of a vector, 2, 4 or 8; a vector of them
 *   vec_widen(p)                    VEC floats at p as doubles
 */
#include <string.h>

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

/* n floats, 1 to 15, and zeros after them: what is behind the last point may be nobody's. */
INLINE void copy_rest(float *ret, const float *p, size_t n)
{
    memset(ret, 0, NEAREST_LANES * sizeof(*ret));
    for (size_t i = 0; i < n; i++)
        ret[i] = p[i];
}

static void widen(const float *x, size_t features, double *ret)
{
    size_t whole = features / NEAREST_LANES * NEAREST_LANES;
    float rest[NEAREST_LANES];

    for (size_t f = 0; f < whole; f += VEC) {
        vec v = vec_widen(x + f);

        memcpy(ret + f, &v, sizeof(v));
    }
    if (whole == features)
        return;
    copy_rest(rest, x + whole, features - whole);
    for (size_t f = 0; f < NEAREST_LANES; f++)
        ret[whole + f] = (double)rest[f];
}

static void distances(const double *x, const float *points, size_t count, size_t features,
                      double *ret)
{
    size_t whole = features / NEAREST_LANES * NEAREST_LANES;
    float rest[NEAREST_LANES];

    for (size_t n = 0; n < count; n++) {
        const float *p = points + n * features;
        vec sums[VECTORS];

        EACH sums[i] = (vec){0};
        for (size_t f = 0; f < whole; f += NEAREST_LANES)
            add_squares(sums, x + f, p + f);
        if (whole < features) {
            copy_rest(rest, p + whole, features - whole);
            add_squares(sums, x + whole, rest);
        }
        ret[n] = total(sums);
    }
}

/* Numbers that are looked at together: few pass. */
#define BLOCK 64

INLINE bool passes(float norm, float product, float limit)
{
    return !(norm - 2 * product > limit);
}

static size_t pass(const float *norms, const float *products, size_t count, float limit,
                   uint32_t *ret)
{
    size_t passed = 0;

    for (size_t begin = 0; begin < count; begin += BLOCK) {
        size_t end = begin + BLOCK < count ? begin + BLOCK : count;
        uint32_t any = 0;

        if (end - begin == BLOCK) {
            for (size_t i = begin; i < begin + BLOCK; i++)
                any |= passes(norms[i], products[i], limit);
            if (!any)
                continue;
        }
        for (size_t i = begin; i < end; i++) {
            ret[passed] = (uint32_t)i;
            passed += passes(norms[i], products[i], limit);
        }
    }
    return passed;
}

const struct nearest_kernels NEAREST_KERNELS = {
    .name = NEAREST_LEVEL,
    .widen = widen,
    .distances = distances,
    .pass = pass,
};
