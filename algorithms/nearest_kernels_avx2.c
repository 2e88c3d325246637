#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define NEAREST_KERNELS nearest_kernels_avx2
#define NEAREST_LEVEL   "avx2"
#define NUMBER_NS       0.095
#define VEC             4

typedef __m256d vec;

static inline vec vec_widen(const float *p)
{
    return _mm256_cvtps_pd(_mm_loadu_ps(p));
}

static inline vec vec_widen_some(const float *p, size_t n)
{
    static const int32_t all_then_none[] = {-1, -1, -1, -1, 0, 0, 0};
    const int32_t *mask = all_then_none + (n < VEC ? VEC - n : 0);

    return _mm256_cvtps_pd(
        _mm_maskload_ps(p, _mm_loadu_si128((const __m128i *)(const void *)mask)));
}

#include "algorithms/nearest_kernels_template.h"
