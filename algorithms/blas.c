#include "algorithms/blas.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>

#include "base/memory.h"

/*
 * Of processors that it does not know, OpenBLAS 0.3.21 (Debian 12) takes AMD's with AVX-512 (Zen 4
 * and later) for Haswell; its kernels of Skylake are up to twice as fast there. It chooses when the
 * program starts, before main, and looks at its environment then: so this runs earlier.
 */
#if defined(__x86_64__)
__attribute__((constructor(101))) static void choose_kernels(void)
{
    __builtin_cpu_init();
    if (__builtin_cpu_is("amd") && __builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        (void)setenv("OPENBLAS_CORETYPE", "SkylakeX", 0); /* what the user set stays */
}
#endif

/*
 * A product takes a buffer from a table of the library's and gives it back. The threads of Debian's
 * serial build could take the same one: it has no lock there. So the linker turns calls of these
 * two functions to ours (--wrap, in meson.build), which have. A shared library cannot be helped so,
 * and may be of any kind: there a product has to end before the next begins.
 */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#ifndef BLAS_SHARED
void *__real_blas_memory_alloc(int kind);
void __real_blas_memory_free(void *buffer);
void *__wrap_blas_memory_alloc(int kind);
void __wrap_blas_memory_free(void *buffer);

void *__wrap_blas_memory_alloc(int kind)
{
    void *buffer;

    (void)pthread_mutex_lock(&lock);
    buffer = __real_blas_memory_alloc(kind);
    (void)pthread_mutex_unlock(&lock);
    return buffer;
}

void __wrap_blas_memory_free(void *buffer)
{
    (void)pthread_mutex_lock(&lock);
    __real_blas_memory_free(buffer);
    (void)pthread_mutex_unlock(&lock);
}
#endif

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const char *name;

/* The library writes its name anew at each call; and a shared one may have threads of its own. */
static void begin(void)
{
    name = openblas_get_config();
    openblas_set_num_threads(1);
}

void blas_product(size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b,
                  size_t ldb, int b_transposed, float *c, size_t ldc)
{
    (void)pthread_once(&once, begin);
    if (!k) { /* the library wants lda of at least 1 */
        for (size_t row = 0; row < m; row++)
            memset(c + row * ldc, 0, n * sizeof(*c));
        return;
    }
#ifdef BLAS_SHARED
    (void)pthread_mutex_lock(&lock);
#endif
    cblas_sgemm(CblasRowMajor, CblasNoTrans, b_transposed ? CblasTrans : CblasNoTrans, (blasint)m,
                (blasint)n, (blasint)k, 1.0f, a, (blasint)lda, b, (blasint)ldb, 0.0f, c,
                (blasint)ldc);
#ifdef BLAS_SHARED
    (void)pthread_mutex_unlock(&lock);
#endif
}

const char *blas_name(void)
{
    (void)pthread_once(&once, begin);
    return name;
}

/* Numbers of 24 significant bits: another order of their sums is another result. */
static void fill(float *numbers, size_t count)
{
    uint32_t state = 1;

    for (size_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        numbers[i] = (float)(state >> 8) * 0x1p-23f - 1;
    }
}

bool blas_even(size_t m, size_t n, size_t k, int b_transposed)
{
    CLEANUP(mem_cleanup) float *a = mem_alloc(m, k * sizeof(float));
    CLEANUP(mem_cleanup) float *b = mem_alloc(k, n * sizeof(float));
    CLEANUP(mem_cleanup) float *c = mem_alloc(m, n * sizeof(float));

    if (!a || !b || !c)
        return false;
    fill(a, k);
    for (size_t row = 1; row < m; row++)
        memcpy(a + row * k, a, k * sizeof(*a));
    fill(b, k * n);
    blas_product(m, n, k, a, k, b, b_transposed ? k : n, b_transposed, c, n);
    for (size_t row = 1; row < m; row++) {
        if (memcmp(c, c + row * n, n * sizeof(*c)) != 0)
            return false;
    }
    return true;
}
