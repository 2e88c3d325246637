#include <immintrin.h>

#define NEAREST_KERNELS nearest_kernels_avx2
#define NEAREST_LEVEL   "avx2"
#define VEC             4

typedef __m256d vec;

static inline vec vec_widen(const float *p)
{
    return _mm256_cvtps_pd(_mm_loadu_ps(p));
}

#include "algorithms/nearest_kernels_template.h"
