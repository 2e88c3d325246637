/*
 * Objectives: names, links and transforms. Expected numbers are those of the specification
 * (xgboost-models 5.2 and 5.7), worked out bit by bit where it matters.
 */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "algorithms/objective.h"

static const struct objective_rules latest = {.clamp_link = true, .sort_quantiles = true};
static const struct objective_rules v17 = {.clamp_link = false};
static const struct objective_rules v12 = {.logitraw_link = true, .old_sigmoid = true};

static void expect_bits(float got, float expected)
{
    uint32_t a;
    uint32_t b;

    memcpy(&a, &got, sizeof(a));
    memcpy(&b, &expected, sizeof(b));
    if (a != b)
        fail_msg("%a (0x%08x) is not %a (0x%08x)", (double)got, a, (double)expected, b);
}

static float link1(const char *name, const struct objective_rules *rules, float score)
{
    objective_link(objective_find(bytes_text(name)), rules, &score, 1);
    return score;
}

static float transform1(const char *name, const struct objective_rules *rules, float margin)
{
    objective_transform(objective_find(bytes_text(name)), rules, &margin, 1, 1);
    return margin;
}

static void test_names(void **state)
{
    (void)state;
    for (int i = OBJECTIVE_UNKNOWN + 1; i < OBJECTIVE_COUNT; i++) {
        const char *name = objective_name((enum objective)i);

        assert_non_null(name);
        assert_int_equal(objective_find(bytes_text(name)), i);
    }
    assert_null(objective_name(OBJECTIVE_UNKNOWN));
    assert_int_equal(objective_find(bytes_text("reg:linear")), OBJECTIVE_SQUARED_ERROR);
    assert_int_equal(objective_find(bytes_text("gpu:reg:linear")), OBJECTIVE_SQUARED_ERROR);
    assert_int_equal(objective_find(bytes_text("gpu:binary:logistic")), OBJECTIVE_BINARY_LOGISTIC);
    assert_int_equal(objective_find(bytes_text("reg:squarederro")), OBJECTIVE_UNKNOWN);
    assert_int_equal(objective_find(bytes_text("reg:squarederrorx")), OBJECTIVE_UNKNOWN);
    assert_int_equal(objective_find(bytes_text("gpu:")), OBJECTIVE_UNKNOWN);
    assert_int_equal(objective_find(bytes_text("")), OBJECTIVE_UNKNOWN);
    assert_string_equal(objective_name(OBJECTIVE_SQUARED_ERROR), "reg:squarederror");
}

static void test_logit_link(void **state)
{
    (void)state;
    expect_bits(link1("binary:logistic", &v17, 0.5f), -0.0f);
    expect_bits(link1("reg:logistic", &latest, 0.5f), -0.0f);
    expect_bits(link1("binary:logistic", &v17, 0.25f), -logf(3.0f));
    expect_bits(link1("binary:logistic", &v17, 0.0f), -INFINITY);
    expect_bits(link1("binary:logistic", &v17, 1.0f), INFINITY);
    expect_bits(link1("binary:logistic", &latest, 0.0f), -logf(1.0f / 1e-6f - 1.0f));
    expect_bits(link1("binary:logistic", &latest, 1.0f), -logf(1.0f / (1.0f - 1e-6f) - 1.0f));
    expect_bits(link1("binary:logistic", &latest, 0.25f), -logf(3.0f));
    expect_bits(link1("binary:logitraw", &v17, 0.25f), 0.25f);
    expect_bits(link1("binary:logitraw", &v12, 0.25f), -logf(3.0f));
}

static void test_other_links(void **state)
{
    static const char *const logs[] = {"count:poisson", "reg:gamma", "reg:tweedie", "survival:cox",
                                       "survival:aft"};
    static const char *const none[] = {"reg:squarederror",
                                       "reg:squaredlogerror",
                                       "reg:pseudohubererror",
                                       "reg:absoluteerror",
                                       "reg:quantileerror",
                                       "binary:hinge",
                                       "multi:softmax",
                                       "multi:softprob",
                                       "rank:pairwise",
                                       "rank:ndcg",
                                       "rank:map",
                                       "my:own"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(logs); i++)
        expect_bits(link1(logs[i], &latest, 0.3f), logf(0.3f));
    for (size_t i = 0; i < ARRAY_LENGTH(none); i++)
        expect_bits(link1(none[i], &latest, 0.3f), 0.3f);
}

static void test_expectile_link(void **state)
{
    float b[] = {1.0f, 3.0f, 3.0f};
    float gap = 3.0f - 1.0f - 1e-6f;

    (void)state;
    objective_link(OBJECTIVE_EXPECTILE, &latest, b, 3);
    expect_bits(b[0], 1.0f);
    expect_bits(b[1], gap + logf(-expm1f(-gap)));
    expect_bits(b[2], 1e-6f + logf(-expm1f(-1e-6f))); /* no gap: the least one */
    objective_transform(OBJECTIVE_EXPECTILE, &latest, b, 1, 3);
    assert_true(fabsf(b[1] - 3.0f) < 1e-5f && fabsf(b[2] - 3.0f) < 1e-4f); /* and back */
}

static void test_sigmoid(void **state)
{
    (void)state;
    expect_bits(transform1("binary:logistic", &latest, 0.0f), 0.5f);
    expect_bits(transform1("reg:logistic", &v17, 1.5f), 1.0f / (expf(-1.5f) + 1.0f));
    expect_bits(transform1("binary:logistic", &v17, -100.0f), 3.0066358e-39f);
    expect_bits(transform1("binary:logistic", &v17, -INFINITY), 3.0066358e-39f);
    expect_bits(transform1("binary:logistic", &v17, INFINITY), 1.0f);
    assert_true(isnan(transform1("binary:logistic", &v17, NAN)));
    expect_bits(transform1("binary:logistic", &v12, -100.0f), 0.0f);
    expect_bits(transform1("binary:logistic", &v12, -80.0f), 1.0f / (1.0f + expf(80.0f)));
}

static void test_other_transforms(void **state)
{
    static const char *const exponential[] = {"count:poisson", "reg:gamma", "reg:tweedie",
                                              "survival:cox"};
    static const char *const none[] = {
        "reg:squarederror", "reg:linear",       "reg:squaredlogerror", "reg:pseudohubererror",
        "binary:logitraw",  "rank:pairwise",    "rank:ndcg",           "rank:map",
        "my:own",           "reg:absoluteerror"};
    int differ = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(exponential); i++)
        expect_bits(transform1(exponential[i], &latest, 1.7f), expf(1.7f));
    for (size_t i = 0; i < ARRAY_LENGTH(none); i++)
        expect_bits(transform1(none[i], &latest, -1.7f), -1.7f);
    expect_bits(transform1("binary:hinge", &latest, 0.0f), 0.0f);
    expect_bits(transform1("binary:hinge", &latest, 1e-45f), 1.0f);
    expect_bits(transform1("binary:hinge", &latest, -3.0f), 0.0f);
    for (float x = -5.0f; x < 5.0f; x += 0.001f) {
        float y = transform1("survival:aft", &latest, x);

        expect_bits(y, (float)exp((double)x));
        differ += y != expf(x);
    }
    assert_in_range(differ, 1, 100); /* the double exponential is one of its own */
}

static void test_softprob(void **state)
{
    float x[] = {1.0f, 3.0f, 2.0f, -1.0f, -1.0f, 100.0f};
    float e[3] = {expf(-2.0f), expf(0.0f), expf(-1.0f)};
    double sum = (double)e[0] + (double)e[1] + (double)e[2];

    (void)state;
    assert_int_equal(objective_columns(OBJECTIVE_SOFTPROB, 3), 3);
    objective_transform(OBJECTIVE_SOFTPROB, &latest, x, 2, 3);
    for (int i = 0; i < 3; i++)
        expect_bits(x[i], e[i] / (float)sum);
    expect_bits(x[3], expf(-101.0f));
    expect_bits(x[5], 1.0f);
}

static void test_softmax(void **state)
{
    float x[] = {0.0f, 2.0f, 2.0f, -5.0f, -6.0f, -7.0f, 1.0f, 1.0f, 1.5f};

    (void)state;
    assert_int_equal(objective_columns(OBJECTIVE_SOFTMAX, 3), 1);
    objective_transform(OBJECTIVE_SOFTMAX, &latest, x, 3, 3);
    expect_bits(x[0], 1.0f); /* the first of equals */
    expect_bits(x[1], 0.0f);
    expect_bits(x[2], 2.0f);
}

static void test_quantiles(void **state)
{
    float few[] = {3.0f, 1.0f, 2.0f, 0.5f, -1.0f, 7.0f};
    const float kept[] = {3.0f, 1.0f, 2.0f, 0.5f, -1.0f, 7.0f};
    const float sorted[] = {1.0f, 2.0f, 3.0f, -1.0f, 0.5f, 7.0f};
    float many[100];

    (void)state;
    objective_transform(OBJECTIVE_QUANTILE, &v17, few, 2, 3);
    assert_memory_equal(few, kept, sizeof(few));
    objective_transform(OBJECTIVE_QUANTILE, &latest, few, 2, 3);
    assert_memory_equal(few, sorted, sizeof(few));
    for (int i = 0; i < 100; i++)
        many[i] = (float)(i * 37 % 100);
    objective_transform(OBJECTIVE_QUANTILE, &latest, many, 1, 100);
    for (int i = 0; i < 100; i++)
        expect_bits(many[i], (float)i);
}

static void test_expectiles(void **state)
{
    float x[] = {0.5f, 2.0f, -2.0f};
    float y1 = 0.5f + (1e-6f + (2.0f + log1pf(expf(-2.0f))));
    float y2 = y1 + (1e-6f + log1pf(expf(-2.0f)));

    (void)state;
    objective_transform(OBJECTIVE_EXPECTILE, &latest, x, 1, 3);
    expect_bits(x[0], 0.5f);
    expect_bits(x[1], y1);
    expect_bits(x[2], y2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),       cmocka_unit_test(test_logit_link),
        cmocka_unit_test(test_other_links), cmocka_unit_test(test_expectile_link),
        cmocka_unit_test(test_sigmoid),     cmocka_unit_test(test_other_transforms),
        cmocka_unit_test(test_softprob),    cmocka_unit_test(test_softmax),
        cmocka_unit_test(test_quantiles),   cmocka_unit_test(test_expectiles),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
