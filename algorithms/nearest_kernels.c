/* The kernels for the baseline of each architecture, and the choice. */
#include "base/cpu.h"

#define NEAREST_KERNELS nearest_kernels_baseline
#define NEAREST_LEVEL   "baseline"
#define VEC             2

typedef double vec __attribute__((vector_size(VEC * sizeof(double))));
typedef float vec_floats __attribute__((vector_size(VEC * sizeof(float))));

static inline vec vec_widen(const float *p)
{
    vec_floats v;

    __builtin_memcpy(&v, p, sizeof(v));
    return __builtin_convertvector(v, vec);
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
