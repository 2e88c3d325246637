/*
 * Products against sums in double, for shapes that are no multiples of a kernel's tiles, with
 * distances between rows; NaN in the result's memory does not survive; many threads at a time.
 */

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "algorithms/blas.h"
#include "base/compiler.h"
#include "tests/unit/unit.h"

static float *numbers(size_t count, uint32_t seed)
{
    float *values = malloc((count ? count : 1) * sizeof(*values));

    assert_non_null(values);
    for (size_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        values[i] = (float)(seed >> 8) * 0x1p-23f - 1;
    }
    return values;
}

static void check(size_t m, size_t n, size_t k, size_t lda, int transposed, size_t ldc)
{
    size_t ldb = (transposed ? k : n) + 3;
    float *a = numbers(m * lda, 1), *b = numbers((transposed ? n : k) * ldb, 2);
    float *c = numbers(m * ldc, 3);

    for (size_t i = 0; i < m * ldc; i++)
        c[i] = NAN;
    blas_product(m, n, k, a, lda, b, ldb, transposed, c, ldc);
    for (size_t row = 0; row < m; row++) {
        for (size_t o = 0; o < ldc; o++) {
            double sum = 0, size = 0;

            for (size_t i = 0; i < k && o < n; i++) {
                double product = (double)a[row * lda + i] *
                                 (double)(transposed ? b[o * ldb + i] : b[i * ldb + o]);

                sum += product;
                size += fabs(product);
            }
            if (o < n)
                assert_true(fabs((double)c[row * ldc + o] - sum) <= 2e-6 * size);
            else
                assert_true(isnan(c[row * ldc + o])); /* between the rows nothing is written */
        }
    }
    free(a);
    free(b);
    free(c);
}

static void test_products(void **state)
{
    static const size_t sizes[] = {0, 1, 2, 3, 7, 16, 17, 33, 65};

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
        for (size_t j = 0; j < ARRAY_LENGTH(sizes); j++) {
            for (size_t k = 0; k < ARRAY_LENGTH(sizes); k++) {
                check(sizes[i], sizes[j], sizes[k], sizes[k], 0, sizes[j]);
                check(sizes[i], sizes[j], sizes[k], sizes[k] + 5, 1, sizes[j] + 2);
            }
        }
    }
    check(20, 300, 1000, 1001, 0, 300);
    check(20, 300, 1000, 1000, 1, 304);
}

static void test_not_a_number(void **state)
{
    float a[2] = {0, 1}, b[2] = {NAN, 2}, c = 0;

    (void)state;
    blas_product(1, 1, 2, a, 2, b, 1, 0, &c, 1);
    assert_true(isnan(c)); /* 0 * NaN counts */
}

enum {
    THREADS = 12,
    ROUNDS = 60,
};

struct job {
    size_t m, n, k;
    float *a, *b, *expected;
    int wrong;
};

static void *work(void *argument)
{
    struct job *job = argument;
    float *c = malloc(job->m * job->n * sizeof(*c));

    for (int round = 0; c && round < ROUNDS; round++) {
        memset(c, 0xff, job->m * job->n * sizeof(*c));
        blas_product(job->m, job->n, job->k, job->a, job->k, job->b, job->n, 0, c, job->n);
        job->wrong += memcmp(c, job->expected, job->m * job->n * sizeof(*c)) != 0;
    }
    job->wrong += !c;
    free(c);
    return NULL;
}

static void test_threads(void **state)
{
    struct job jobs[THREADS];
    pthread_t threads[THREADS];

    (void)state;
    for (size_t i = 0; i < THREADS; i++) {
        struct job *job = &jobs[i];

        *job = (struct job){.m = 8 + i, .n = 30 + 3 * i, .k = 100 + 10 * i};
        job->a = numbers(job->m * job->k, (uint32_t)i);
        job->b = numbers(job->k * job->n, (uint32_t)i + 100);
        job->expected = numbers(job->m * job->n, 0);
        blas_product(job->m, job->n, job->k, job->a, job->k, job->b, job->n, 0, job->expected,
                     job->n);
    }
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, &jobs[i]), 0);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(jobs[i].wrong, 0);
        free(jobs[i].a);
        free(jobs[i].b);
        free(jobs[i].expected);
    }
}

/* Where a shape is said to be even, a row's result does not depend on its neighbours or place. */
static void test_even(void **state)
{
    enum { ROWS = 16, OUTPUTS = 40, FEATURES = 123 };
    float *a = numbers(ROWS * FEATURES, 5), *b = numbers(FEATURES * OUTPUTS, 6);
    float *row = numbers(FEATURES, 7), *c = numbers(ROWS * OUTPUTS, 8);
    float first[OUTPUTS];

    (void)state;
    if (blas_even(ROWS, OUTPUTS, FEATURES, 0)) {
        for (size_t place = 0; place < ROWS; place++) {
            float *old = numbers(ROWS * FEATURES, (uint32_t)place);

            memcpy(old + place * FEATURES, row, FEATURES * sizeof(*row));
            blas_product(ROWS, OUTPUTS, FEATURES, old, FEATURES, b, OUTPUTS, 0, c, OUTPUTS);
            if (place == 0)
                memcpy(first, c, sizeof(first));
            assert_memory_equal(c + place * OUTPUTS, first, sizeof(first));
            free(old);
        }
    }
    free(a);
    free(b);
    free(row);
    free(c);
}

static void test_name(void **state)
{
    (void)state;
    assert_memory_equal(blas_name(), "OpenBLAS", 8);
    assert_string_equal(blas_name(), blas_name());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products), cmocka_unit_test(test_not_a_number),
        cmocka_unit_test(test_threads),  cmocka_unit_test(test_even),
        cmocka_unit_test(test_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
