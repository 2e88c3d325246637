/*
 * The linear booster: order and rounding of its sums, what counts as missing, matrices of other
 * widths than the model.
 */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "algorithms/gblinear.h"
#include "base/memory.h"

/* 3 features, 2 outputs; biases 0.25 and 1. */
static const float weights[] = {0.5f, -1.0f, 2.0f, 0.1f, -3.0f, 1e-3f, 0.25f, 1.0f};
static const float base[] = {0.5f, -0.75f};

static struct scorer *make(void)
{
    struct err err = ERR_INIT;
    struct scorer *scorer;

    assert_int_equal(gblinear_new(weights, 3, 2, base, &scorer, &err), 0);
    assert_int_equal(scorer->features, 3);
    assert_int_equal(scorer->outputs, 2);
    return scorer;
}

static void score(const struct scorer *scorer, const struct matrix *matrix, float *margins)
{
    struct err err = ERR_INIT;
    struct scratch scratch;

    scratch_init(&scratch);
    assert_int_equal(scorer_score(scorer, matrix, &scratch, margins, &err), 0);
    scratch_fini(&scratch);
}

static void test_dense(void **state)
{
    struct scorer *scorer = make();
    const float x[] = {1.0f, 2.0f, 3.0f, NAN, NAN, NAN, 4.0f, NAN, -0.0f};
    struct matrix matrix = {MATRIX_DENSE, 3, 3, x, NULL, NULL};
    float m[6];

    (void)state;
    score(scorer, &matrix, m);
    assert_true(m[0] == 0.75f + 0.5f + 4.0f - 9.0f);
    assert_true(m[1] == ((0.25f + -1.0f) + 2.0f * 0.1f) + 3.0f * 1e-3f);
    assert_true(m[2] == 0.75f && m[3] == 0.25f);
    assert_true(m[4] == 2.75f && m[5] == -3.75f);
    scorer_free(scorer);
}

static void test_other_widths(void **state)
{
    struct scorer *scorer = make();
    const float wide[] = {1.0f, 0.0f, 0.0f, 99.0f, 2.0f, 0.0f, 0.0f, 99.0f};
    const float narrow[] = {1.0f, 2.0f};
    struct matrix matrix = {MATRIX_DENSE, 2, 4, wide, NULL, NULL};
    float m[4];

    (void)state;
    score(scorer, &matrix, m);
    assert_true(m[0] == 1.25f && m[2] == 1.75f);
    matrix = (struct matrix){MATRIX_DENSE, 2, 1, narrow, NULL, NULL};
    score(scorer, &matrix, m);
    assert_true(m[0] == 1.25f && m[2] == 1.75f && m[3] == -1.75f);
    matrix = (struct matrix){MATRIX_DENSE, 0, 1, narrow, NULL, NULL};
    score(scorer, &matrix, m);
    scorer_free(scorer);
}

static void test_csr(void **state)
{
    struct scorer *scorer = make();
    const float values[] = {1.0f, 3.0f, 7.0f, NAN, 2.0f};
    const size_t row_start[] = {0, 3, 3, 5};
    const uint32_t column[] = {0, 2, 3, 0, 1};
    struct matrix matrix = {MATRIX_CSR, 3, 4, values, row_start, column};
    float m[6];

    (void)state;
    score(scorer, &matrix, m);
    assert_true(m[0] == 1.25f - 9.0f);
    assert_true(m[2] == 0.75f && m[3] == 0.25f);
    assert_true(m[4] == 4.75f && m[5] == 0.25f + 2.0f * 0.1f);
    scorer_free(scorer);
}

/* Sums run upwards over the features and every step is rounded to float32: 2^24 swallows what is
 * small and comes after it, but not the 2 that two ones made before. */
static void test_order_and_rounding(void **state)
{
    const float w[] = {1.0f, 1.0f, 16777216.0f, 0.5f, 0.0f};
    const float zero = 0.0f;
    const float x[] = {1.0f, 1.0f, 1.0f, 1.0f};
    struct matrix matrix = {MATRIX_DENSE, 1, 4, x, NULL, NULL};
    struct err err = ERR_INIT;
    struct scorer *scorer;
    float m;

    (void)state;
    assert_int_equal(gblinear_new(w, 4, 1, &zero, &scorer, &err), 0);
    score(scorer, &matrix, &m);
    assert_true(m == 16777218.0f);
    scorer_free(scorer);
}

/* No fused multiply-add: the product is rounded before it is added. */
static void test_product_is_rounded(void **state)
{
    const float w[] = {1.0f + 0x1p-12f, -1.0f};
    const float zero = 0.0f;
    const float x = 1.0f + 0x1p-12f; /* x * w = 1 + 2^-11 + 2^-24 rounds to 1 + 2^-11 */
    struct matrix matrix = {MATRIX_DENSE, 1, 1, &x, NULL, NULL};
    struct err err = ERR_INIT;
    struct scorer *scorer;
    float m;

    (void)state;
    assert_int_equal(gblinear_new(w, 1, 1, &zero, &scorer, &err), 0);
    score(scorer, &matrix, &m);
    assert_true(m == 0x1p-11f);
    scorer_free(scorer);
}

static void test_no_memory(void **state)
{
    (void)state;
    for (long n = 1; n <= 3; n++) {
        struct err err = ERR_INIT;
        struct scorer *scorer = NULL;

        mem_fail_at(n);
        assert_int_equal(gblinear_new(weights, 3, 2, base, &scorer, &err), -1);
        mem_fail_at(0);
        assert_int_equal(err.kind, ERR_MEMORY);
        assert_null(scorer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dense),
        cmocka_unit_test(test_other_widths),
        cmocka_unit_test(test_csr),
        cmocka_unit_test(test_order_and_rounding),
        cmocka_unit_test(test_product_is_rounded),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
