#include <immintrin.h>

#define NEAREST_KERNELS nearest_kernels_avx512
#define NEAREST_LEVEL   "avx512"
#define VEC             8

typedef __m512d vec;

static inline vec vec_widen(const float *p)
{
    return _mm512_cvtps_pd(_mm256_loadu_ps(p));
}

#include "algorithms/nearest_kernels_template.h"
