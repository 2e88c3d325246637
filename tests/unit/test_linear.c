/*
 * Linear Learner's scorer: every kernel against sums written out, to the bit; the answers; rows in
 * any company; OpenBLAS against sums in double.
 */

#include <pthread.h>

#include "algorithms/linear.h"
#include "base/memory.h"
#include "tests/unit/linear_rows.h"

static struct scorer *make(const struct linear_spec *spec)
{
    struct err err = ERR_INIT;
    struct scorer *scorer;

    assert_int_equal(linear_new(spec, &scorer, &err), 0);
    assert_int_equal(scorer->features, spec->features);
    assert_int_equal(scorer->outputs,
                     spec->answer == LINEAR_MARGIN ? spec->outputs : spec->outputs + 1);
    assert_true(scorer->row_ns > 0);
    return scorer;
}

/* The definition: ascending features, each product and each sum rounded, then the bias. */
static float *reference(const struct linear_spec *spec, const struct matrix *dense)
{
    float *z = malloc((dense->rows * spec->outputs + 1) * sizeof(*z));

    for (size_t row = 0; row < dense->rows; row++) {
        for (size_t k = 0; k < spec->outputs; k++) {
            float sum = 0;

            for (size_t f = 0; f < spec->features; f++) {
                float x = f < dense->columns ? dense->values[row * dense->columns + f] : 0;
                float product = x * spec->weights[f * spec->outputs + k];

                sum += product;
            }
            sum += spec->bias[k];
            z[row * spec->outputs + k] = isnan(sum) ? NAN : sum;
        }
    }
    return z;
}

static void check_bits(const struct linear_spec *spec, size_t rows, size_t columns,
                       enum linear_numbers kind)
{
    float *x = linear_numbers(rows * columns, kind);
    struct matrix dense = {.kind = MATRIX_DENSE, .rows = rows, .columns = columns, .values = x};
    struct linear_csr csr = linear_to_csr(&dense);
    float *expected = reference(spec, &dense);

    LINEAR_EACH_LEVEL(level)
    {
        struct scorer *scorer = make(spec);
        float *answers = linear_score(scorer, &dense);

        linear_expect_bits(answers, expected, rows * spec->outputs);
        free(answers);
        answers = linear_score(scorer, &csr.matrix);
        linear_expect_bits(answers, expected, rows * spec->outputs);
        free(answers);
        scorer_free(scorer);
    }
    free(expected);
    linear_csr_fini(&csr);
    free(x);
}

/* Weights and bias are of just the size: the sanitizers see who reads beyond. */
static void check_shape(size_t features, size_t outputs, size_t rows, size_t columns)
{
    static const enum linear_numbers kinds[][2] = {{LINEAR_PLAIN, LINEAR_PLAIN},
                                                   {LINEAR_PLAIN, LINEAR_SPARSE},
                                                   {LINEAR_FINITE, LINEAR_SPECIAL},
                                                   {LINEAR_SPECIAL, LINEAR_SPECIAL}};

    for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
        float *weights = malloc(features * outputs * sizeof(*weights));
        float *bias = malloc(outputs * sizeof(*bias));
        struct linear_spec spec = {
            .weights = weights,
            .bias = bias,
            .features = (uint32_t)features,
            .outputs = (uint32_t)outputs,
            .kernel = i % 2 ? LINEAR_LOOP : LINEAR_AUTO,
        };

        for (size_t w = 0; w < features * outputs; w++)
            weights[w] = linear_number(kinds[i][0]);
        for (size_t k = 0; k < outputs; k++)
            bias[k] = linear_number(kinds[i][0]);
        check_bits(&spec, rows, columns, kinds[i][1]);
        free(weights);
        free(bias);
    }
}

static void test_bits(void **state)
{
    static const size_t features[] = {1, 2, 3, 4, 5, 17, 30, 67};
    static const size_t outputs[] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11,
                                     12, 13, 15, 16, 17, 31, 33, 48, 49, 65};
    static const size_t rows[] = {0, 1, 2, 3, 4, 5, 7, 9, 13, 16, 19, 33, 65, 70};

    (void)state;
    for (size_t o = 0; o < ARRAY_LENGTH(outputs); o += unit_is_brief() ? 2 : 1) {
        for (size_t f = 0; f < ARRAY_LENGTH(features); f++)
            check_shape(features[f], outputs[o], rows[(f * 5 + o) % ARRAY_LENGTH(rows)],
                        features[f]);
        for (size_t r = 0; r < ARRAY_LENGTH(rows); r++)
            check_shape(30, outputs[o], rows[r], 30);
    }
}

/* Wide enough that features are worked through in parts, and rows that are 1024 bytes apart. */
static void test_bits_of_many_features(void **state)
{
    static const size_t features[] = {256, 257, 384, 512, 700, 1024, 1500};
    static const size_t outputs[] = {1, 2, 5, 12, 20, 40};

    (void)state;
    for (size_t f = 0; f < ARRAY_LENGTH(features); f += unit_is_brief() ? 3 : 1) {
        for (size_t o = 0; o < ARRAY_LENGTH(outputs); o++)
            check_shape(features[f], outputs[o], 37, features[f]);
    }
}

/* Fewer columns than features: the rest is 0; more: ignored. */
static void test_other_widths(void **state)
{
    static const size_t outputs[] = {1, 3, 10, 20, 40};

    (void)state;
    for (size_t o = 0; o < ARRAY_LENGTH(outputs); o++) {
        for (size_t columns = 0; columns <= 40; columns += 5) {
            check_shape(20, outputs[o], 19, columns);
            check_shape(20, outputs[o], 2, columns);
        }
    }
}

/* The sum is not reordered and not fused, and the bias comes last. */
static void test_order(void **state)
{
    const float weights[] = {1.0f, 1.0f, 16777216.0f, 0.5f};
    const float x[] = {1.0f, 1.0f, 1.0f, 1.0f};
    const float fused[] = {1.0f + 0x1p-12f, -1.0f};
    float bias = -16777216.0f, none = 0;
    struct linear_spec spec = {.weights = weights, .bias = &bias, .features = 4, .outputs = 1};
    struct matrix matrix = {.kind = MATRIX_DENSE, .rows = 1, .columns = 4, .values = x};
    struct matrix rounded = {.kind = MATRIX_DENSE, .rows = 1, .columns = 1, .values = fused};
    struct scorer *scorer = make(&spec);
    float *z = linear_score(scorer, &matrix);

    (void)state;
    assert_true(*z == 2.0f); /* 1 + 1 is kept, the 0.5 is lost */
    free(z);
    scorer_free(scorer);
    spec = (struct linear_spec){.weights = fused, .bias = &none, .features = 2, .outputs = 1};
    scorer = make(&spec);
    z = linear_score(scorer, &rounded);
    assert_true(*z == 1.0f + 0x1p-11f);
    free(z);
    scorer_free(scorer);
}

/* The published artifact of linear-learner 2.1, and the answer of 3.4. */
static void test_published_softmax(void **state)
{
    static const uint32_t words[] = {0xbe399b56, 0xbe1d2d88, 0x3e742bb3, 0xbeadff2d, 0x3eb5f7d0,
                                     0xbd7a588f, 0xbf499d87, 0xbd6daf80, 0x3f096088};
    const float x[] = {1.5f, 2.0f};
    float numbers[ARRAY_LENGTH(words)];
    struct linear_spec spec = {.weights = numbers,
                               .bias = numbers + 6,
                               .features = 2,
                               .outputs = 3,
                               .answer = LINEAR_SOFTMAX};
    struct matrix matrix = {.kind = MATRIX_DENSE, .rows = 1, .columns = 2, .values = x};

    (void)state;
    memcpy(numbers, words, sizeof(words));
    LINEAR_EACH_LEVEL(level)
    {
        struct scorer *scorer = make(&spec);
        float *answer = linear_score(scorer, &matrix);

        assert_true(answer[0] == 2.0f);
        assert_true((double)answer[1] == 0.04544410854578018);
        assert_true((double)answer[2] == 0.3947080075740814);
        assert_true((double)answer[3] == 0.5598478317260742);
        free(answer);
        scorer_free(scorer);
    }
}

static void score_softmax(const float *z, size_t classes, float *answer)
{
    float *none = calloc(classes, sizeof(*none));
    const float x = 0;
    struct linear_spec spec = {.weights = none,
                               .bias = z,
                               .features = 1,
                               .outputs = (uint32_t)classes,
                               .answer = LINEAR_SOFTMAX};
    struct matrix matrix = {.kind = MATRIX_DENSE, .rows = 1, .columns = 1, .values = &x};
    struct scorer *scorer = make(&spec);
    float *got = linear_score(scorer, &matrix);

    memcpy(answer, got, (classes + 1) * sizeof(*answer));
    free(got);
    scorer_free(scorer);
    free(none);
}

static void test_softmax(void **state)
{
    const float far[] = {0.0f, 200.0f, -INFINITY}, ties[] = {1.0f, 3.0f, 3.0f, 2.0f};
    const float nan[] = {1.0f, NAN, 5.0f}, infinite[] = {1.0f, INFINITY, 2.0f};
    float answer[5];

    (void)state;
    score_softmax(far, 3, answer); /* never below 1e-10, never above 1 */
    assert_true(answer[0] == 1.0f && answer[1] == 1e-10f && answer[2] == 1.0f);
    assert_true(answer[3] == 1e-10f);
    score_softmax(ties, 4, answer); /* the first of the largest */
    assert_true(answer[0] == 1.0f && answer[2] == answer[3]);
    score_softmax(nan, 3, answer);
    assert_true(isnan(answer[1]) && isnan(answer[2]) && isnan(answer[3]));
    assert_true(answer[0] == 0.0f);
    score_softmax(infinite, 3, answer);
    assert_true(isnan(answer[2]));
}

/* Answers of rows of one feature, whose z is x. */
static float *score_cut(enum linear_answer answer, float threshold, const float *x, size_t rows)
{
    const float weight = 1, bias = 0;
    struct linear_spec spec = {.weights = &weight,
                               .bias = &bias,
                               .features = 1,
                               .outputs = 1,
                               .answer = answer,
                               .threshold = threshold};
    struct matrix matrix = {.kind = MATRIX_DENSE, .rows = rows, .columns = 1, .values = x};
    struct scorer *scorer = make(&spec);
    float *answers = linear_score(scorer, &matrix);

    scorer_free(scorer);
    return answers;
}

static void test_logistic(void **state)
{
    const float x[] = {0.3f, -2.5f, -89.0f, 100.0f, NAN, -INFINITY};
    float threshold = 1.0f / (1.0f + expf(-0.3f));
    float *answers = score_cut(LINEAR_LOGISTIC, threshold, x, 6);

    (void)state;
    assert_true(answers[0] == threshold && answers[1] == 1.0f); /* equal counts */
    assert_true(answers[2] == 1.0f / (1.0f + expf(2.5f)) && answers[3] == 0.0f);
    assert_true(answers[4] == 0.0f); /* expf(89) is infinite: no denormal */
    assert_true(answers[6] == 1.0f && answers[7] == 1.0f);
    assert_true(isnan(answers[8]) && answers[9] == 0.0f);
    assert_true(answers[10] == 0.0f);
    free(answers);
    answers = score_cut(LINEAR_LOGISTIC, nextafterf(threshold, 1), x, 1);
    assert_true(answers[1] == 0.0f);
    free(answers);
}

static void test_cut(void **state)
{
    const float x[] = {0.5f, 0.49999f, 7.0f, NAN, -3.0f};
    float *answers = score_cut(LINEAR_CUT, 0.5f, x, 5);

    (void)state;
    assert_true(answers[0] == 0.5f && answers[1] == 1.0f);
    assert_true(answers[2] == 0.49999f && answers[3] == 0.0f);
    assert_true(answers[4] == 7.0f && answers[5] == 1.0f);
    assert_true(isnan(answers[6]) && answers[7] == 0.0f);
    assert_true(answers[8] == -3.0f && answers[9] == 0.0f);
    free(answers);
}

static const struct {
    size_t features, outputs;
    enum linear_answer answer;
    enum linear_kernel kernel;
} companies[] = {
    {30, 1, LINEAR_LOGISTIC, LINEAR_AUTO}, {256, 1, LINEAR_MARGIN, LINEAR_LOOP},
    {50, 3, LINEAR_SOFTMAX, LINEAR_AUTO},  {33, 10, LINEAR_MARGIN, LINEAR_LOOP},
    {41, 20, LINEAR_SOFTMAX, LINEAR_AUTO}, {40, 37, LINEAR_SOFTMAX, LINEAR_BLAS},
    {64, 1, LINEAR_MARGIN, LINEAR_BLAS},   {100, 100, LINEAR_MARGIN, LINEAR_BLAS},
};

static void test_company(void **state)
{
    (void)state;
    LINEAR_EACH_LEVEL(level)
    {
        for (size_t i = 0; i < ARRAY_LENGTH(companies); i++) {
            size_t count = companies[i].features * companies[i].outputs;
            float *weights = linear_numbers(count, LINEAR_PLAIN);
            float *bias = linear_numbers(companies[i].outputs, LINEAR_PLAIN);
            struct linear_spec spec = {
                .weights = weights,
                .bias = bias,
                .features = (uint32_t)companies[i].features,
                .outputs = (uint32_t)companies[i].outputs,
                .answer = companies[i].answer,
                .kernel = companies[i].kernel,
                .threshold = 0.5f,
            };
            struct scorer *scorer = make(&spec);

            linear_expect_company(scorer, companies[i].features);
            scorer_free(scorer);
            free(weights);
            free(bias);
        }
    }
}

/* OpenBLAS within the tolerance of linear-learner 3.1, the loop too. */
static void test_tolerance(void **state)
{
    enum { FEATURES = 700, OUTPUTS = 21, ROWS = 37 };
    float *weights = linear_numbers(FEATURES * OUTPUTS, LINEAR_PLAIN);
    float *bias = linear_numbers(OUTPUTS, LINEAR_PLAIN);
    float *x = linear_numbers(ROWS * FEATURES, LINEAR_PLAIN);
    struct matrix matrix = {.kind = MATRIX_DENSE, .rows = ROWS, .columns = FEATURES, .values = x};

    (void)state;
    for (int kernel = LINEAR_AUTO; kernel <= LINEAR_BLAS; kernel++) {
        struct linear_spec spec = {.weights = weights,
                                   .bias = bias,
                                   .features = FEATURES,
                                   .outputs = OUTPUTS,
                                   .kernel = (enum linear_kernel)kernel};
        struct scorer *scorer = make(&spec);
        float *z = linear_score(scorer, &matrix);

        for (size_t i = 0; i < ROWS * OUTPUTS; i++) {
            size_t row = i / OUTPUTS, k = i % OUTPUTS;
            double sum = (double)bias[k], size = fabs(sum);

            for (size_t f = 0; f < FEATURES; f++) {
                double product = (double)x[row * FEATURES + f] * (double)weights[f * OUTPUTS + k];

                sum += product;
                size += fabs(product);
            }
            assert_true(fabs((double)z[i] - sum) <= 2e-6 * size);
        }
        if (kernel != LINEAR_BLAS)
            assert_memory_equal(scorer->name, "linear-loop-", 12);
        free(z);
        scorer_free(scorer);
    }
    free(weights);
    free(bias);
    free(x);
}

enum {
    THREADS = 6,
    ROUNDS = 30,
};

struct job {
    const struct scorer *scorer;
    const struct matrix *matrix;
    const float *expected;
    size_t wrong;
};

static void *work(void *argument)
{
    struct job *job = argument;
    size_t count = job->matrix->rows * job->scorer->outputs;
    struct err err = ERR_INIT;
    struct scratch scratch;
    float *answers = malloc(count * sizeof(*answers));

    scratch_init(&scratch);
    for (int round = 0; round < ROUNDS; round++)
        job->wrong += !answers ||
                      scorer_score(job->scorer, job->matrix, &scratch, answers, &err) != 0 ||
                      memcmp(answers, job->expected, count * sizeof(*answers)) != 0;
    scratch_fini(&scratch);
    free(answers);
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(companies); i++) {
        size_t features = companies[i].features;
        float *weights = linear_numbers(features * companies[i].outputs, LINEAR_PLAIN);
        float *bias = linear_numbers(companies[i].outputs, LINEAR_PLAIN);
        float *x = linear_numbers(70 * features, LINEAR_PLAIN);
        struct matrix matrix = {.kind = MATRIX_DENSE, .rows = 70, .columns = features, .values = x};
        struct linear_spec spec = {.weights = weights,
                                   .bias = bias,
                                   .features = (uint32_t)features,
                                   .outputs = (uint32_t)companies[i].outputs,
                                   .answer = companies[i].answer,
                                   .kernel = companies[i].kernel};
        struct scorer *scorer = make(&spec);
        float *expected = linear_score(scorer, &matrix);
        struct job job = {.scorer = scorer, .matrix = &matrix, .expected = expected};
        struct job jobs[THREADS];
        pthread_t threads[THREADS];

        for (size_t t = 0; t < THREADS; t++) {
            jobs[t] = job;
            assert_int_equal(pthread_create(&threads[t], NULL, work, &jobs[t]), 0);
        }
        for (size_t t = 0; t < THREADS; t++) {
            assert_int_equal(pthread_join(threads[t], NULL), 0);
            assert_int_equal(jobs[t].wrong, 0);
        }
        free(expected);
        scorer_free(scorer);
        free(weights);
        free(bias);
        free(x);
    }
}

static int make_smallest(struct scorer **ret, struct err *err)
{
    static const float weights[] = {1.0f, NAN}, bias = 0;
    struct linear_spec spec = {.weights = weights, .bias = &bias, .features = 2, .outputs = 1};

    return linear_new(&spec, ret, err);
}

static void test_no_memory(void **state)
{
    (void)state;
    linear_expect_no_memory(make_smallest, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_published_softmax),
        cmocka_unit_test(test_softmax),
        cmocka_unit_test(test_logistic),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_tolerance),
        cmocka_unit_test(test_no_memory),
        /* each of these goes through the levels and ends with the highest */
        cmocka_unit_test(test_bits),
        cmocka_unit_test(test_bits_of_many_features),
        cmocka_unit_test(test_other_widths),
        cmocka_unit_test(test_company),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
