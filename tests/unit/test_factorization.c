/*
 * Factorization machines against sums in double, within 2e-6 of the sum of magnitudes; the answers;
 * rows in any company, dense and CSR.
 */

#include "algorithms/factorization.h"
#include "base/memory.h"
#include "tests/unit/linear_rows.h"

static struct scorer *make(const struct factorization_spec *spec)
{
    struct err err = ERR_INIT;
    struct scorer *scorer;

    assert_int_equal(factorization_new(spec, &scorer, &err), 0);
    assert_int_equal(scorer->features, spec->features);
    assert_int_equal(scorer->outputs, spec->answer == FACTORIZATION_MARGIN ? 1 : 2);
    assert_true(scorer->row_ns > 0);
    return scorer;
}

/* The formula; ret_size: the sum of magnitudes. */
static double reference(const struct factorization_spec *spec, const float *x, size_t columns,
                        double *ret_size)
{
    double z = (double)spec->w0, size = fabs(z);

    columns = columns < spec->features ? columns : spec->features;
    for (size_t i = 0; i < columns; i++) {
        z += (double)x[i] * (double)spec->w1[i];
        size += fabs((double)x[i] * (double)spec->w1[i]);
    }
    for (size_t f = 0; f < spec->factors; f++) {
        double sum = 0, squares = 0, magnitude = 0;

        for (size_t i = 0; i < columns; i++) {
            double product = (double)x[i] * (double)spec->v[i * spec->factors + f];

            sum += product;
            squares += product * product;
            magnitude += fabs(product);
        }
        z += 0.5 * (sum * sum - squares);
        size += 0.5 * (magnitude * magnitude + squares);
    }
    *ret_size = size;
    return z;
}

static void check(size_t features, size_t factors, size_t rows, size_t columns,
                  enum linear_numbers kind)
{
    float *v = linear_numbers(features * factors, LINEAR_PLAIN);
    float *w1 = linear_numbers(features, LINEAR_PLAIN);
    float *x = linear_numbers(rows * columns, kind);
    struct factorization_spec spec = {.w0 = linear_number(LINEAR_PLAIN),
                                      .w1 = w1,
                                      .v = v,
                                      .features = (uint32_t)features,
                                      .factors = (uint32_t)factors};
    struct matrix dense = {.kind = MATRIX_DENSE, .rows = rows, .columns = columns, .values = x};
    struct linear_csr csr = linear_to_csr(&dense);

    LINEAR_EACH_LEVEL(level)
    {
        struct scorer *scorer = make(&spec);
        float *answers = linear_score(scorer, &dense);
        float *sparse = linear_score(scorer, &csr.matrix);

        for (size_t row = 0; row < rows; row++) {
            double size, z = reference(&spec, x + row * columns, columns, &size);

            assert_true(fabs((double)answers[row] - z) <= 2e-6 * size);
        }
        linear_expect_bits(sparse, answers, rows);
        free(answers);
        free(sparse);
        scorer_free(scorer);
    }
    linear_csr_fini(&csr);
    free(v);
    free(w1);
    free(x);
}

static void test_near(void **state)
{
    (void)state;
    check(1, 1, 3, 1, LINEAR_PLAIN);
    check(30, 2, 100, 30, LINEAR_PLAIN);
    check(100, 64, 35, 100, LINEAR_PLAIN);
    check(1000, 10, 33, 1000, LINEAR_SPARSE);
    check(17, 17, 1, 17, LINEAR_PLAIN);
    check(20, 3, 0, 20, LINEAR_PLAIN);
}

static void test_other_widths(void **state)
{
    (void)state;
    check(20, 3, 33, 12, LINEAR_PLAIN);
    check(20, 3, 33, 0, LINEAR_PLAIN);
    check(20, 3, 33, 29, LINEAR_PLAIN);
}

/* Small numbers are exact: z = 1 + x.w1 + sum of pairs. */
static void test_exact(void **state)
{
    const float w1[] = {1.0f, 2.0f, 4.0f}, v[] = {1.0f, 2.0f, 3.0f, -1.0f, 0.5f, 4.0f};
    const float x[] = {1.0f, 2.0f, 0.0f, 0.0f, -1.0f, 2.0f, 0.0f, 0.0f, 0.0f};
    struct factorization_spec spec = {.w0 = 1.0f, .w1 = w1, .v = v, .features = 3, .factors = 2};
    struct matrix matrix = {.kind = MATRIX_DENSE, .rows = 3, .columns = 3, .values = x};
    struct scorer *scorer = make(&spec);
    float *z = linear_score(scorer, &matrix);

    (void)state;
    assert_true(z[0] == 1 + 5 + 2 * (1 * 3 + 2 * -1));
    assert_true(z[1] == 1 + 6 + -2 * (3 * 0.5f + -1 * 4));
    assert_true(z[2] == 1);
    free(z);
    scorer_free(scorer);
    spec.answer = FACTORIZATION_LOGISTIC;
    scorer = make(&spec);
    z = linear_score(scorer, &matrix);
    assert_true(z[0] == 1.0f / (1.0f + expf(-8)) && z[1] == 1.0f);
    assert_true(z[2] == 1.0f / (1.0f + expf(-12)) && z[3] == 1.0f);
    free(z);
    scorer_free(scorer);
}

/* One feature: no pair, nothing is left of two large squares. */
static void test_cancels(void **state)
{
    const float w1 = 1, v[] = {1024.0f, 512.0f}, x = 4096.0f;
    struct factorization_spec spec = {.w1 = &w1, .v = v, .features = 1, .factors = 2};
    struct matrix matrix = {.kind = MATRIX_DENSE, .rows = 1, .columns = 1, .values = &x};
    struct scorer *scorer = make(&spec);
    float *z = linear_score(scorer, &matrix);

    (void)state;
    assert_true(*z == 4096.0f);
    free(z);
    scorer_free(scorer);
}

static void test_cut(void **state)
{
    const float w1 = 1, v = 0, x[] = {0.0f, -0.001f, NAN, 3.0f};
    struct factorization_spec spec = {
        .w1 = &w1, .v = &v, .features = 1, .factors = 1, .answer = FACTORIZATION_LOGISTIC};
    struct matrix matrix = {.kind = MATRIX_DENSE, .rows = 4, .columns = 1, .values = x};
    struct scorer *scorer = make(&spec);
    float *z = linear_score(scorer, &matrix);

    (void)state;
    assert_true(z[0] == 0.5f && z[1] == 1.0f); /* equal counts */
    assert_true(z[2] < 0.5f && z[3] == 0.0f);
    assert_true(isnan(z[4]) && z[5] == 0.0f);
    assert_true(z[6] == 1.0f / (1.0f + expf(-3.0f)) && z[7] == 1.0f);
    free(z);
    scorer_free(scorer);
}

static void test_company(void **state)
{
    float *v = linear_numbers(37 * 20, LINEAR_PLAIN), *w1 = linear_numbers(37, LINEAR_PLAIN);

    (void)state;
    v[5] = INFINITY; /* then every row is worked on as a dense one */
    LINEAR_EACH_LEVEL(level)
    {
        for (uint32_t factors = 1; factors <= 20; factors += 6) {
            struct factorization_spec spec = {.w0 = 0.5f,
                                              .w1 = w1,
                                              .v = factors == 7 ? v : v + 37,
                                              .features = 37,
                                              .factors = factors < 19 ? factors : 19};
            struct scorer *scorer = make(&spec);

            linear_expect_company(scorer, 37);
            scorer_free(scorer);
        }
    }
    free(v);
    free(w1);
}

static int make_smallest(struct scorer **ret, struct err *err)
{
    static const float v = 1, w1 = 0;
    struct factorization_spec spec = {.w1 = &w1, .v = &v, .features = 1, .factors = 1};

    return factorization_new(&spec, ret, err);
}

static void test_no_memory(void **state)
{
    (void)state;
    linear_expect_no_memory(make_smallest, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_near),      cmocka_unit_test(test_other_widths),
        cmocka_unit_test(test_exact),     cmocka_unit_test(test_cancels),
        cmocka_unit_test(test_cut),       cmocka_unit_test(test_company),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
