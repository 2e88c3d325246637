/* Verification finds a scorer that walks otherwise, and says why where it cannot look. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "algorithms/forest.h"
#include "algorithms/xgboost_backend.h"
#include "models/verify.h"
#include "models/verify_rows.h"
#include "tests/unit/build_model.h"

#define NEED_LIBRARY()                                                                             \
    do {                                                                                           \
        if (!xgboost_backend_version()) {                                                          \
            print_message("# libxgboost is not installed\n");                                      \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

static const float zeros[8];

static struct xgb_model *forest_model(const char *objective, uint32_t features, uint32_t trees)
{
    struct xgb_model *model = build_model(objective, features, trees);

    for (uint32_t t = 0; t < trees; t++)
        build_full_tree(model, t);
    build_finish(model);
    return model;
}

static struct scorer *scorer_of(const struct xgb_model *model, uint32_t trees, const float *base)
{
    struct forest_spec spec = {.trees = model->trees,
                               .tree_output = model->tree_output,
                               .tree_weight = model->tree_weight,
                               .tree_count = trees,
                               .features = model->features,
                               .outputs = model->outputs,
                               .base_margin = base,
                               .sum_rule = SUM_BASE_LAST};
    struct scorer *scorer = NULL;
    struct err err = ERR_INIT;

    if (forest_new(&spec, &scorer, &err))
        fail_msg("%s", err.text);
    return scorer;
}

static void expect_equal(const struct xgb_model *model, uint32_t trees, struct scorer *scorer)
{
    float base[8] = {0.3f, -0.7f, 0.1f};
    struct model_member member = {.source = (struct xgb_model *)(uintptr_t)model,
                                  .scorer = scorer,
                                  .base_margin = base,
                                  .trees_used = trees};
    struct err err = ERR_INIT;
    enum verify_result result;
    char reason[200] = "";
    size_t rows = 0;

    if (verify_member(&member, &result, reason, sizeof(reason), &rows, &err))
        fail_msg("%s: %s", model->objective_text, err.text);
    if (result != VERIFY_EQUAL)
        fail_msg("%s: %s", model->objective_text, reason);
    assert_true(rows >= 200 && rows <= 4096);
}

static void test_objectives(void **state)
{
    (void)state;
    NEED_LIBRARY();
    for (int o = OBJECTIVE_UNKNOWN + 1; o < OBJECTIVE_COUNT; o++) {
        struct xgb_model *model;

        if (o == OBJECTIVE_QUANTILE || o == OBJECTIVE_EXPECTILE)
            continue;
        model = forest_model(objective_name((enum objective)o), 5, 20);
        expect_equal(model, 20, NULL);
        xgb_model_free(model);
    }
}

static void test_kinds(void **state)
{
    static const struct build_node categories[] = {
        {.left = 1, .feature = 1, .default_left = 1, .categories = 0x00008101},
        {.left = 3, .feature = 0, .value = -0.0f},
        {.left = 5, .feature = 1, .categories = 0x80000000},
        {.left = -1, .value = 1.0f},
        {.left = -1, .value = 2.0f},
        {.left = -1, .value = 3.0f},
        {.left = -1, .value = 4.0f},
    };
    static float weights[] = {0.1f, 0.3f, 0.7f};
    struct xgb_model *model;

    (void)state;
    NEED_LIBRARY();
    model = build_model("multi:softmax", 2, 3);
    model->num_class = 3;
    for (uint32_t t = 0; t < 3; t++) {
        build_tree(model, t, categories, 7);
        model->tree_output[t] = (int32_t)t;
    }
    build_finish(model);
    expect_equal(model, 3, NULL);
    expect_equal(model, 2, NULL);
    expect_equal(model, 0, NULL);
    model->dart = true;
    model->tree_weight = weights;
    expect_equal(model, 3, NULL);
    xgb_model_free(model);
    /* wide: rows are sparse */
    model = forest_model("binary:logistic", 1000000, 30);
    expect_equal(model, 30, NULL);
    xgb_model_free(model);
}

static void test_gblinear(void **state)
{
    struct xgb_model *model = build_model("reg:logistic", 7, 0);

    (void)state;
    NEED_LIBRARY();
    model->booster = XGB_GBLINEAR;
    model->linear_weight_count = 8;
    model->linear_weights = arena_alloc(&model->arena, 8, sizeof(float));
    assert_non_null(model->linear_weights);
    for (int i = 0; i < 8; i++)
        model->linear_weights[i] = sinf((float)i);
    build_finish(model);
    expect_equal(model, 0, NULL);
    xgb_model_free(model);
}

/* A scorer that adds in the order of 1.2 is fine; one that has a threshold, a direction or a leaf
 * otherwise is not, and the error tells the row. */
static void test_serving_scorer(void **state)
{
    float base[] = {0.3f};
    struct xgb_model *model = forest_model("reg:squarederror", 4, 40);
    struct scorer *scorer = scorer_of(model, 40, base);

    (void)state;
    NEED_LIBRARY();
    expect_equal(model, 40, scorer);
    scorer_free(scorer);
    for (int lie = 0; lie < 4; lie++) {
        struct model_member member = {.source = model, .base_margin = base, .trees_used = 40};
        struct tree *tree = &model->trees[39];
        float value = tree->value[lie == 1 ? 9 : 5];
        struct err err = ERR_INIT;
        enum verify_result result;
        char reason[200];
        size_t rows;

        if (lie == 0)
            tree->value[5] = nextafterf(value, INFINITY);
        if (lie == 1)
            tree->value[9] = value + 0.01f;
        if (lie == 2)
            tree->default_left[2] ^= 1;
        scorer = scorer_of(model, lie == 3 ? 39 : 40, base);
        tree->value[lie == 1 ? 9 : 5] = value;
        if (lie == 2)
            tree->default_left[2] ^= 1;
        member.scorer = scorer;
        if (verify_member(&member, &result, reason, sizeof(reason), &rows, &err) != -1)
            fail_msg("lie %d was not found", lie);
        assert_int_equal(err.kind, ERR_INPUT);
        assert_non_null(strstr(err.text, "row "));
        assert_non_null(strstr(err.text, "output 0: the margin is "));
        scorer_free(scorer);
    }
    xgb_model_free(model);
}

static void test_impossible(void **state)
{
    static const char *const objectives[] = {"reg:quantileerror", "reg:squarederror"};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct xgb_model *model = build_model(objectives[i], i == 0 ? 3 : 100000000, 0);
        struct model_member member = {
            .source = model, .base_margin = (float *)(uintptr_t)zeros, .trees_used = 0};
        struct err err = ERR_INIT;
        enum verify_result result = VERIFY_EQUAL;
        char reason[200] = "";
        size_t rows = 7;

        build_finish(model);
        assert_int_equal(verify_member(&member, &result, reason, sizeof(reason), &rows, &err), 0);
        assert_int_equal(result, VERIFY_IMPOSSIBLE);
        assert_int_equal(rows, 0);
        assert_int_equal(err.kind, ERR_NONE);
        assert_non_null(strstr(reason, i == 0 ? "reg:quantileerror" : "features"));
        xgb_model_free(model);
    }
}

/* The rows visit every leaf, and hold each threshold and its lower neighbour, NaN, both zeros, and
 * infinities only where they are asked for. */
static void test_rows(void **state)
{
    struct xgb_model *model = forest_model("reg:squarederror", 3, 5);
    bool reached[5][15] = {{false}};
    bool exact = false, below = false, infinite = false, negative_zero = false, missing = false;
    const struct tree *first = &model->trees[0];
    struct verify_rows *rows;
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(verify_rows_new(model, 5, &rows, &err), 0);
    for (size_t made = 0; made < verify_rows_count(rows); made += 64) {
        bool infinities = made % 256 == 192;
        struct matrix matrix;

        assert_int_equal(verify_rows_next(rows, 64, infinities, &matrix, &err), 0);
        assert_int_equal(matrix.kind, MATRIX_DENSE);
        for (size_t r = 0; r < 64; r++) {
            const float *x = matrix.values + 3 * r;

            for (int f = 0; f < 3; f++) {
                if (isinf(x[f]))
                    assert_true(infinities);
                infinite |= isinf(x[f]);
                missing |= isnan(x[f]);
                negative_zero |= x[f] == 0 && signbit(x[f]);
            }
            exact |= x[first->feature[0]] == first->value[0];
            below |= x[first->feature[0]] == nextafterf(first->value[0], -INFINITY);
            for (int t = 0; t < 5; t++) {
                const struct tree *tree = &model->trees[t];
                int32_t n = 0;

                while (tree->left[n] != -1) {
                    float value = x[tree->feature[n]];
                    bool left = isnan(value) ? tree->default_left[n] : value < tree->value[n];

                    n = left ? tree->left[n] : tree->right[n];
                }
                reached[t][n] = true;
            }
        }
    }
    assert_true(exact && below && infinite && negative_zero && missing);
    for (int t = 0; t < 5; t++) {
        int leaves = 0;

        for (int n = 7; n < 15; n++)
            leaves += reached[t][n];
        /* a leaf may be out of reach where a feature is asked twice on its path */
        assert_true(leaves >= 5);
    }
    verify_rows_free(rows);
    xgb_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_objectives), cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_gblinear),   cmocka_unit_test(test_serving_scorer),
        cmocka_unit_test(test_impossible), cmocka_unit_test(test_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
