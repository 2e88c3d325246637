#include <immintrin.h>
#include <stddef.h>

#define NEAREST_KERNELS nearest_kernels_avx512
#define NEAREST_LEVEL   "avx512"
#define NUMBER_NS       0.055
#define VEC             8

typedef __m512d vec;

static inline vec vec_widen(const float *p)
{
    return _mm512_cvtps_pd(_mm256_loadu_ps(p));
}

static inline vec vec_widen_some(const float *p, size_t n)
{
    __mmask8 mask = n < VEC ? (__mmask8)((1u << n) - 1) : 0xff;

    return _mm512_cvtps_pd(_mm256_maskz_loadu_ps(mask, p));
}

#include "algorithms/nearest_kernels_template.h"
