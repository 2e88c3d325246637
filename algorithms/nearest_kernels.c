/* The kernels for the baseline of each architecture, and the choice. */
#include "base/cpu.h"

#if defined(__x86_64__)
#include <emmintrin.h>
#endif
#include <string.h>

#define NEAREST_KERNELS nearest_kernels_baseline
#define NEAREST_LEVEL   "baseline"
#define NUMBER_NS       0.19
#define VEC             2

typedef double vec __attribute__((vector_size(VEC * sizeof(double))));

static inline vec vec_widen(const float *p)
{
#if defined(__x86_64__)
    return _mm_cvtps_pd(_mm_castsi128_ps(_mm_loadu_si64(p)));
#else
    typedef float floats __attribute__((vector_size(VEC * sizeof(float))));
    floats v;

    memcpy(&v, p, sizeof(v));
    return __builtin_convertvector(v, vec);
#endif
}

static inline vec vec_widen_some(const float *p, size_t n)
{
    return n < VEC ? (vec){(double)p[0], 0} : vec_widen(p);
}

#include "algorithms/nearest_kernels_template.h"

const struct nearest_kernels *nearest_kernels_choose(void)
{
#if defined(__x86_64__)
    if (cpu_level() >= CPU_AVX512)
        return &nearest_kernels_avx512;
    if (cpu_level() >= CPU_AVX2)
        return &nearest_kernels_avx2;
#endif
    return &nearest_kernels_baseline;
}
