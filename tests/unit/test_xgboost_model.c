#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "models/xgboost_model.h"

#define CAP ((size_t)1 << 20)

static void *copy(struct xgb_model *model, const void *from, size_t count, size_t size)
{
    void *memory = arena_alloc(&model->arena, count, size);

    assert_non_null(memory);
    return memcpy(memory, from, count * size);
}

/* x[1] < 0.5 ? -1 : 2 */
static struct tree stump(struct xgb_model *model)
{
    return (struct tree){
        .nodes = 3,
        .left = copy(model, (const int32_t[]){1, -1, -1}, 3, sizeof(int32_t)),
        .right = copy(model, (const int32_t[]){2, -1, -1}, 3, sizeof(int32_t)),
        .feature = copy(model, (const uint32_t[]){1, 0, 0}, 3, sizeof(uint32_t)),
        .value = copy(model, (const float[]){0.5f, -1.0f, 2.0f}, 3, sizeof(float)),
        .default_left = copy(model, (const uint8_t[]){1, 0, 0}, 3, 1),
    };
}

/* Two features, base score 0.5, `trees` stumps for output 0. */
static struct xgb_model *model_of(uint32_t trees)
{
    struct xgb_model *model = xgb_model_new(CAP);

    assert_non_null(model);
    model->format = "json";
    model->objective_text = "reg:squarederror";
    model->features = 2;
    model->base_score = copy(model, (const float[]){0.5f}, 1, sizeof(float));
    model->base_score_count = 1;
    model->tree_count = trees;
    model->trees = arena_zero(&model->arena, trees, sizeof(struct tree));
    model->tree_output = arena_zero(&model->arena, trees, sizeof(int32_t));
    assert_true(model->trees && model->tree_output);
    for (uint32_t i = 0; i < trees; i++)
        model->trees[i] = stump(model);
    return model;
}

static void finish(struct xgb_model *model)
{
    struct err err = ERR_INIT;

    if (xgb_model_finish(model, &err))
        fail_msg("%s", err.text);
}

/* Must be refused; frees the model. */
static void refuse(struct xgb_model *model, enum err_kind kind, const char *error)
{
    struct err err = ERR_INIT;

    assert_int_equal(xgb_model_finish(model, &err), -1);
    if (!strstr(err.text, error))
        fail_msg("%s", err.text);
    assert_int_equal(err.kind, kind);
    xgb_model_free(model);
}

static void test_new(void **state)
{
    struct xgb_model *model = xgb_model_new(CAP);

    (void)state;
    assert_non_null(model);
    assert_true(model->best_iteration < 0);
    assert_true(model->best_ntree_limit < 0);
    assert_true(model->pickle_best_ntree_limit < 0);
    assert_true(isnan(model->missing));
    assert_null(arena_alloc(&model->arena, CAP, 1));
    xgb_model_free(model);
    xgb_model_free(NULL);
    mem_fail_at(1);
    assert_null(xgb_model_new(CAP));
    mem_fail_at(0);
}

static void test_derived(void **state)
{
    struct xgb_model *model = model_of(3);

    (void)state;
    finish(model);
    assert_int_equal(model->objective, OBJECTIVE_SQUARED_ERROR);
    assert_int_equal(model->outputs, 1);
    assert_int_equal(model->base_score_count, 1);
    assert_true(model->base_score[0] == 0.5f);
    assert_int_equal(model->trees[2].leaf_width, 1);
    assert_int_equal(model->num_parallel_tree, 1);
    assert_int_equal(model->iterations, 3);
    assert_int_equal(model->iteration_start[3], 3);
    xgb_model_free(model);
}

static void check_outputs(uint32_t classes, uint32_t targets, uint32_t group, uint32_t outputs)
{
    struct xgb_model *model = model_of(0);

    model->num_class = classes;
    model->num_target = targets;
    model->num_output_group = group;
    finish(model);
    assert_int_equal(model->outputs, outputs);
    assert_int_equal(model->base_score_count, outputs);
    assert_true(model->base_score[outputs - 1] == 0.5f);
    xgb_model_free(model);
}

static void test_outputs(void **state)
{
    (void)state;
    check_outputs(0, 0, 0, 1);
    check_outputs(1, 1, 0, 1);
    check_outputs(3, 1, 0, 3);
    check_outputs(0, 4, 0, 4);
    check_outputs(3, 0, 3, 3);
    check_outputs(0, 0, 2, 2); /* before 1.0 the booster's own count decides */
}

static void test_base_score(void **state)
{
    static const float two[] = {1.0f, 2.0f};
    static const float unknown[] = {NAN};
    struct xgb_model *model = model_of(0);

    (void)state;
    model->num_class = 2;
    model->base_score = copy(model, two, 2, sizeof(float));
    model->base_score_count = 2;
    finish(model);
    assert_true(model->base_score[0] == 1.0f && model->base_score[1] == 2.0f);
    xgb_model_free(model);

    model = model_of(0);
    model->base_score_count = 0;
    refuse(model, ERR_INPUT, "the model has no base_score");
    model = model_of(0);
    model->num_class = 3;
    model->base_score = copy(model, two, 2, sizeof(float));
    model->base_score_count = 2;
    refuse(model, ERR_INPUT, "base_score has 2 numbers for 3 outputs");
    model = model_of(0);
    model->base_score = copy(model, unknown, 1, sizeof(float));
    refuse(model, ERR_INPUT, "base_score is not a number");
}

static struct xgb_model *linear(uint32_t weights, int minor)
{
    static const float scores[] = {1.0f, 2.0f};
    struct xgb_model *model = model_of(0);

    model->booster = XGB_GBLINEAR;
    model->version = (struct xgb_version){true, 3, minor, 0};
    model->num_class = 2;
    model->base_score = copy(model, scores, 2, sizeof(float));
    model->base_score_count = 2;
    model->linear_weights = arena_zero(&model->arena, weights, sizeof(float));
    model->linear_weight_count = weights;
    return model;
}

static void test_gblinear(void **state)
{
    struct xgb_model *model = linear(6, 0);

    (void)state;
    finish(model);
    assert_true(model->base_score[0] == 1.0f && model->base_score[1] == 2.0f);
    xgb_model_free(model);
    model = linear(6, 1); /* from 3.1 on the first is for all */
    finish(model);
    assert_true(model->base_score[0] == 1.0f && model->base_score[1] == 1.0f);
    xgb_model_free(model);
    refuse(linear(5, 0), ERR_INPUT, "5 weights, but 2 features and 2 outputs need 6");
    refuse(linear(0, 0), ERR_INPUT, "0 weights");
    model = linear(6, 0);
    model->tree_count = 1;
    refuse(model, ERR_INPUT, "a linear model with trees");
}

static void test_tree_output(void **state)
{
    struct xgb_model *model = model_of(2);

    (void)state;
    model->tree_output = NULL; /* only one output: it can be no other */
    finish(model);
    assert_int_equal(model->tree_output[1], 0);
    xgb_model_free(model);
    model = model_of(2);
    model->tree_output = NULL;
    model->num_class = 2;
    refuse(model, ERR_INPUT, "tree 0: no tree_info says which of 2 outputs");
    model = model_of(2);
    model->tree_output[1] = 1;
    refuse(model, ERR_INPUT, "tree 1: it is for output 1, the model has 1");
    model = model_of(2);
    model->tree_output[0] = -1;
    refuse(model, ERR_INPUT, "tree 0: it is for output -1, the model has 1");
}

static struct xgb_model *vector(uint32_t width, uint32_t outputs)
{
    struct xgb_model *model = model_of(2);

    model->num_target = outputs;
    for (uint32_t i = 0; i < 2; i++) {
        model->trees[i].leaf_width = width;
        model->trees[i].leaf_vectors = arena_zero(&model->arena, 3 * (size_t)width, sizeof(float));
    }
    return model;
}

static void test_vector_leaves(void **state)
{
    struct xgb_model *model = vector(3, 3);

    (void)state;
    model->tree_output = NULL;
    finish(model);
    assert_int_equal(model->iterations, 2); /* a tree is for all outputs */
    xgb_model_free(model);
    refuse(vector(2, 3), ERR_INPUT, "tree 0: its leaves have 2 values, the model has 3 outputs");
    refuse(vector(2, 1), ERR_INPUT, "tree 0: its leaves have 2 values, the model has 1 outputs");
}

static void test_bad_tree(void **state)
{
    struct xgb_model *model = model_of(2);

    (void)state;
    model->trees[1].feature[0] = 2;
    refuse(model, ERR_INPUT, "tree 1: node 0");
    model = model_of(2);
    model->trees[1].left[0] = 0;
    refuse(model, ERR_INPUT, "tree 1: node 0");
}

/* A pruned tree keeps its deleted nodes, whose fields say nothing. */
static void test_deleted_nodes(void **state)
{
    struct xgb_model *model = model_of(1);
    struct tree *tree = &model->trees[0];

    (void)state;
    tree->left[0] = -1;
    tree->right[0] = -1;
    tree->feature[1] = UINT32_MAX;
    tree->feature[2] = TREE_DELETED;
    finish(model);
    assert_int_equal(tree->feature[1], TREE_DELETED);
    assert_int_equal(tree->left[1], -1);
    xgb_model_free(model);
}

static void check_iterations(uint32_t trees, uint32_t classes, uint32_t parallel,
                             uint32_t iterations, uint32_t second)
{
    struct xgb_model *model = model_of(trees);

    model->num_class = classes;
    model->num_parallel_tree = parallel;
    finish(model);
    assert_int_equal(model->iterations, iterations);
    assert_int_equal(model->iteration_start[0], 0);
    if (iterations)
        assert_int_equal(model->iteration_start[1], second);
    assert_int_equal(model->iteration_start[iterations], trees);
    xgb_model_free(model);
}

static void test_derived_iterations(void **state)
{
    (void)state;
    check_iterations(0, 0, 0, 0, 0);
    check_iterations(6, 0, 0, 6, 1);
    check_iterations(6, 0, 3, 2, 3);
    check_iterations(6, 3, 1, 2, 3);
    check_iterations(12, 3, 2, 2, 6);
    check_iterations(5, 2, 1, 3, 2); /* the last is not whole */
    check_iterations(2, 2, UINT32_MAX, 1, 2);
}

static struct xgb_model *with_iterations(uint32_t a, uint32_t b, uint32_t c)
{
    const uint32_t start[] = {a, b, c};
    struct xgb_model *model = model_of(4);

    model->iteration_start = copy(model, start, 3, sizeof(uint32_t));
    model->iterations = 2;
    return model;
}

static void test_given_iterations(void **state)
{
    struct xgb_model *model = with_iterations(0, 3, 4);

    (void)state;
    finish(model);
    assert_int_equal(model->iterations, 2);
    assert_int_equal(model->iteration_start[1], 3);
    xgb_model_free(model);
    refuse(with_iterations(0, 3, 5), ERR_INPUT, "iteration_indptr goes from tree 0 to 5 of 4");
    refuse(with_iterations(1, 3, 4), ERR_INPUT, "iteration_indptr goes from tree 1 to 4 of 4");
    refuse(with_iterations(0, 5, 4), ERR_INPUT, "iteration_indptr descends at iteration 1");
}

static void test_limits(void **state)
{
    struct xgb_model *model = model_of(0);

    (void)state;
    model->features = XGB_FEATURES_MAX;
    finish(model);
    xgb_model_free(model);
    model = model_of(0);
    model->features = XGB_FEATURES_MAX + 1;
    refuse(model, ERR_LIMIT, "num_feature is 100000001, at most 100000000");
    model = model_of(0);
    model->num_class = XGB_OUTPUTS_MAX + 1;
    refuse(model, ERR_LIMIT, "the number of outputs is 1000001, at most 1000000");
    model = model_of(0);
    model->tree_count = XGB_TREES_MAX + 1;
    refuse(model, ERR_LIMIT, "the number of trees is 10000001, at most 10000000");
    model = model_of(0);
    model->num_class = XGB_OUTPUTS_MAX; /* 4 MB of base scores */
    refuse(model, ERR_LIMIT, "more memory is needed than the 1048576 bytes");
    model = model_of(0);
    model->objective_text = NULL;
    refuse(model, ERR_INPUT, "the model has no objective");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new),
        cmocka_unit_test(test_derived),
        cmocka_unit_test(test_outputs),
        cmocka_unit_test(test_base_score),
        cmocka_unit_test(test_gblinear),
        cmocka_unit_test(test_tree_output),
        cmocka_unit_test(test_vector_leaves),
        cmocka_unit_test(test_bad_tree),
        cmocka_unit_test(test_deleted_nodes),
        cmocka_unit_test(test_derived_iterations),
        cmocka_unit_test(test_given_iterations),
        cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
