#pragma once
/*
 * The adapter of OpenBLAS (serial): products of dense float32 matrices, row-major. One thread each;
 * parallelism is the caller's, over rows. The order of the sums is the library's: it depends on the
 * processor and on the shape, so that a caller who wants the same answer for a row in any company
 * gives blocks of one shape, padded, and asks blas_even().
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

/* c[m][n] = a[m][k] * b[k][n], or with b_transposed * b[n][k] transposed. lda, ldb, ldc are numbers
 * from one row to the next. Each of m, n, k below 2^31. May be called by any number of threads. */
void blas_product(size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b,
                  size_t ldb, int b_transposed, float *c, size_t ldc);

/* Whether products of that shape treat every row of a alike, wherever in a it stands: tried, with
 * the same numbers in each row. Of OpenBLAS 0.3.21 the kernels for AVX-512 do; those for Haswell
 * and Zen do where m is 4 or 8, and often not from 12 on: padding alone does not make a row's
 * answer independent of its place. False where there is no memory to try. */
bool blas_even(size_t m, size_t n, size_t k, int b_transposed) MUST_CHECK;

/* The library's version and the kernels that it chose, for benchmarks: "OpenBLAS 0.3.21 ... Haswell
 * SINGLE_THREADED". */
const char *blas_name(void);
