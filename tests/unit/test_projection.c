/* PCA's scorer against sums in double; large means; rows in any company, dense and CSR. */

#include "algorithms/projection.h"
#include "base/memory.h"
#include "tests/unit/linear_rows.h"

static struct scorer *make(const struct projection_spec *spec)
{
    struct err err = ERR_INIT;
    struct scorer *scorer;

    assert_int_equal(projection_new(spec, &scorer, &err), 0);
    assert_int_equal(scorer->features, spec->features);
    assert_int_equal(scorer->outputs, spec->components);
    assert_true(scorer->row_ns > 0);
    return scorer;
}

static void expect_near(const struct projection_spec *spec, const struct matrix *dense,
                        const float *answers)
{
    for (size_t i = 0; i < dense->rows * spec->components; i++) {
        size_t row = i / spec->components, k = i % spec->components;
        double sum = 0, size = 0;

        for (size_t f = 0; f < spec->features; f++) {
            float x = f < dense->columns ? dense->values[row * dense->columns + f] : 0;
            double product =
                ((double)x - (double)spec->mean[f]) * (double)spec->v[f * spec->components + k];

            sum += product;
            size += fabs(product);
        }
        assert_true(fabs((double)answers[i] - sum) <= 2e-6 * size);
    }
}

/* Means of `offset`, about which the values lie. */
static void check(size_t features, size_t components, size_t rows, size_t columns, float offset)
{
    float *v = linear_numbers(features * components, LINEAR_PLAIN);
    float *mean = linear_numbers(features, LINEAR_PLAIN);
    float *x = linear_numbers(rows * columns, LINEAR_SPARSE);
    struct projection_spec spec = {
        .mean = mean, .v = v, .features = (uint32_t)features, .components = (uint32_t)components};
    struct matrix dense = {.kind = MATRIX_DENSE, .rows = rows, .columns = columns, .values = x};
    struct linear_csr csr;

    for (size_t f = 0; f < features; f++)
        mean[f] = offset ? offset : mean[f];
    for (size_t i = 0; i < rows * columns && offset; i++)
        x[i] = offset + x[i];
    csr = linear_to_csr(&dense);
    LINEAR_EACH_LEVEL(level)
    {
        struct scorer *scorer = make(&spec);
        float *answers = linear_score(scorer, &dense);
        float *sparse = linear_score(scorer, &csr.matrix);

        expect_near(&spec, &dense, answers);
        linear_expect_bits(sparse, answers, rows * components);
        free(answers);
        free(sparse);
        scorer_free(scorer);
    }
    linear_csr_fini(&csr);
    free(v);
    free(mean);
    free(x);
}

static void test_near(void **state)
{
    (void)state;
    check(1, 1, 3, 1, 0);
    check(30, 2, 100, 30, 0);
    check(784, 10, 35, 784, 0);
    check(100, 50, 33, 100, 0);
    check(17, 17, 1, 17, 0);
    check(20, 3, 0, 20, 0);
}

static void test_other_widths(void **state)
{
    (void)state;
    check(20, 3, 33, 12, 0);
    check(20, 3, 33, 0, 0);
    check(20, 3, 33, 29, 0);
}

/* A difference of two products would be wrong in the third digit. */
static void test_large_means(void **state)
{
    (void)state;
    check(50, 4, 40, 50, 4096.0f);
}

static void test_not_a_number(void **state)
{
    const float v[] = {1.0f, 0.0f, 2.0f, 1.0f}, mean[] = {1.0f, 2.0f};
    const float x[] = {NAN, 2.0f, 3.0f, 2.5f};
    struct projection_spec spec = {.mean = mean, .v = v, .features = 2, .components = 2};
    struct matrix matrix = {.kind = MATRIX_DENSE, .rows = 2, .columns = 2, .values = x};
    struct scorer *scorer = make(&spec);
    float *answers = linear_score(scorer, &matrix);

    (void)state;
    assert_true(isnan(answers[0]) && isnan(answers[1])); /* NaN * 0 too */
    assert_true(answers[2] == 3.0f && answers[3] == 0.5f);
    free(answers);
    scorer_free(scorer);
}

static void test_company(void **state)
{
    float *v = linear_numbers(37 * 20, LINEAR_PLAIN), *mean = linear_numbers(37, LINEAR_PLAIN);

    (void)state;
    LINEAR_EACH_LEVEL(level)
    {
        for (uint32_t components = 1; components <= 20; components += 6) {
            struct projection_spec spec = {
                .mean = mean, .v = v, .features = 37, .components = components};
            struct scorer *scorer = make(&spec);

            linear_expect_company(scorer, 37);
            scorer_free(scorer);
        }
    }
    free(v);
    free(mean);
}

static int make_smallest(struct scorer **ret, struct err *err)
{
    static const float v = 1, mean = 0;
    struct projection_spec spec = {.mean = &mean, .v = &v, .features = 1, .components = 1};

    return projection_new(&spec, ret, err);
}

static void test_no_memory(void **state)
{
    (void)state;
    linear_expect_no_memory(make_smallest, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_near),        cmocka_unit_test(test_other_widths),
        cmocka_unit_test(test_large_means), cmocka_unit_test(test_not_a_number),
        cmocka_unit_test(test_company),     cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
