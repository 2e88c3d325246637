/*
 * Models as JSON text in the dialects of all versions. Each text is also turned into UBJSON here
 * and must give the same model or be refused too. What the library itself wrote is in the fixtures.
 */
#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/json_reader.h"
#include "models/xgboost_json.h"
#include "models/xgboost_load.h"

#define CAP ((size_t)64 << 20)

/* A stump: x[1] < 0.5 ? -1 : 2, missing goes left. */
#define COLUMNS                                                                                    \
    "\"left_children\":[1,-1,-1],\"right_children\":[2,-1,-1],\"split_indices\":[1,0,0],"          \
    "\"split_conditions\":[0.5,-1.0,2],\"default_left\":[1,0,0]"
#define STUMP(id) "{" COLUMNS ",\"id\":" id ",\"tree_param\":{\"num_nodes\":\"3\"}}"

#define OBJECTIVE "\"objective\":{\"name\":\"reg:squarederror\"}"
#define PARAM                                                                                      \
    "\"learner_model_param\":{\"base_score\":\"5E-1\",\"num_feature\":\"2\",\"num_class\":\"0\"}"
#define MODEL(booster)                                                                             \
    "{\"learner\":{\"gradient_booster\":" booster "," PARAM "," OBJECTIVE "},\"version\":[1,7,4]}"
#define GBTREE(model)                                                                              \
    "{\"name\":\"gbtree\",\"model\":{\"gbtree_model_param\":{\"num_trees\":\"2\"}," model "}}"
#define TWO_TREES "\"trees\":[" STUMP("0") "," STUMP("1") "],\"tree_info\":[0,0]"

static void add(struct buffer *out, const void *bytes, size_t n)
{
    assert_int_equal(buffer_append(out, bytes, n), 0);
}

static void add_length(struct buffer *out, uint64_t n)
{
    uint8_t bytes[9] = "L";

    for (int i = 0; i < 8; i++)
        bytes[8 - i] = (uint8_t)(n >> 8 * i);
    add(out, bytes, 9);
}

/* A value's event as UBJSON: integers as L, reals as D. */
static void add_event(struct buffer *out, const struct json_event *event)
{
    static const char markers[] = {
        [JSON_OBJECT_BEGIN] = '{', [JSON_OBJECT_END] = '}', [JSON_ARRAY_BEGIN] = '[',
        [JSON_ARRAY_END] = ']',    [JSON_TRUE] = 'T',       [JSON_FALSE] = 'F',
        [JSON_NULL] = 'Z',         [JSON_STRING] = 'S',     [JSON_REAL] = 'D',
    };
    uint64_t bits;
    uint8_t bytes[8];

    if (event->type == JSON_INTEGER) {
        add_length(out, (uint64_t)event->integer);
        return;
    }
    if (event->type != JSON_KEY)
        add(out, &markers[event->type], 1);
    if (event->type == JSON_KEY || event->type == JSON_STRING) {
        add_length(out, event->text.size);
        add(out, event->text.data, event->text.size);
    }
    if (event->type == JSON_REAL) {
        memcpy(&bits, &event->real, 8);
        for (int i = 0; i < 8; i++)
            bytes[7 - i] = (uint8_t)(bits >> 8 * i);
        add(out, bytes, 8);
    }
}

static void to_ubjson(const char *text, struct buffer *out)
{
    struct json_reader reader;
    struct err err = ERR_INIT;
    struct json_event event;

    json_reader_init(&reader, bytes_text(text), 0);
    for (;;) {
        if (json_next(&reader.source, &event, &err))
            fail_msg("%s in %s", err.text, text);
        if (event.type == JSON_END)
            return;
        add_event(out, &event);
    }
}

static struct xgb_model *read_bytes(struct bytes data, bool text, size_t cap, struct err *err)
{
    struct xgb_model *model = xgb_model_new(cap);

    assert_non_null(model);
    if ((text ? xgb_json_read : xgb_ubjson_read)(data, 0, model, err) ||
        xgb_model_finish(model, err)) {
        assert_int_not_equal(err->kind, ERR_NONE);
        xgb_model_free(model);
        return NULL;
    }
    return model;
}

static bool same_bytes(const void *a, const void *b, size_t count, size_t size)
{
    if (!a || !b)
        return a == b;
    return memcmp(a, b, count * size) == 0;
}

static bool same_floats(const float *a, const float *b, size_t count)
{
    if (!a || !b)
        return a == b;
    for (size_t i = 0; i < count; i++) {
        if (memcmp(&a[i], &b[i], sizeof(float)) != 0 && !(isnan(a[i]) && isnan(b[i])))
            return false;
    }
    return true;
}

static bool same_tree(const struct tree *a, const struct tree *b)
{
    size_t n = a->nodes;

    return n == b->nodes && a->leaf_width == b->leaf_width &&
           same_bytes(a->left, b->left, n, sizeof(*a->left)) &&
           same_bytes(a->right, b->right, n, sizeof(*a->right)) &&
           same_bytes(a->feature, b->feature, n, sizeof(*a->feature)) &&
           same_floats(a->value, b->value, n) &&
           same_bytes(a->default_left, b->default_left, n, 1) &&
           same_floats(a->leaf_vectors, b->leaf_vectors, n * a->leaf_width) &&
           same_bytes(a->categorical, b->categorical, n, 1) &&
           same_bytes(a->category_start, b->category_start, n + 1, sizeof(*a->category_start)) &&
           (!a->category_start ||
            same_bytes(a->categories, b->categories, a->category_start[n], sizeof(int32_t))) &&
           same_floats(a->sum_hessian, b->sum_hessian, n);
}

static bool same_model(const struct xgb_model *a, const struct xgb_model *b)
{
    if (a->features != b->features || a->outputs != b->outputs || a->booster != b->booster ||
        a->dart != b->dart || a->tree_count != b->tree_count || a->iterations != b->iterations ||
        a->num_parallel_tree != b->num_parallel_tree || a->objective != b->objective ||
        a->best_iteration != b->best_iteration || a->best_ntree_limit != b->best_ntree_limit ||
        a->early_stopped != b->early_stopped || a->version.major != b->version.major ||
        a->version.minor != b->version.minor || a->linear_weight_count != b->linear_weight_count ||
        !same_floats(a->base_score, b->base_score, a->outputs) ||
        !same_floats(a->linear_weights, b->linear_weights, a->linear_weight_count) ||
        !same_floats(a->tree_weight, b->tree_weight, a->tree_count) ||
        !same_bytes(a->tree_output, b->tree_output, a->tree_count, sizeof(int32_t)) ||
        !same_bytes(a->iteration_start, b->iteration_start, a->iterations + (size_t)1,
                    sizeof(uint32_t)))
        return false;
    for (uint32_t i = 0; i < a->tree_count; i++) {
        if (!same_tree(&a->trees[i], &b->trees[i]))
            return false;
    }
    return true;
}

/* Loads the text, and what it is as UBJSON. */
static struct xgb_model *load(const char *text)
{
    CLEANUP(buffer_fini) struct buffer binary;
    struct err err = ERR_INIT;
    struct xgb_model *model = read_bytes(bytes_text(text), true, CAP, &err);
    struct xgb_model *other;

    if (!model)
        fail_msg("%s in %s", err.text, text);
    assert_string_equal(model->format, "json");
    buffer_init(&binary, CAP);
    to_ubjson(text, &binary);
    other = read_bytes(bytes_of(binary.data, binary.size), false, CAP, &err);
    if (!other)
        fail_msg("UBJSON: %s in %s", err.text, text);
    assert_string_equal(other->format, "ubjson");
    if (!same_model(model, other))
        fail_msg("JSON and UBJSON differ: %s", text);
    xgb_model_free(other);
    return model;
}

/* Must be refused, the text with an error that has `error` in it. */
static void refuse_kind(const char *text, enum err_kind kind, const char *error)
{
    CLEANUP(buffer_fini) struct buffer binary;
    struct err err = ERR_INIT;
    struct err other = ERR_INIT;

    if (read_bytes(bytes_text(text), true, CAP, &err))
        fail_msg("accepted: %s", text);
    if (!strstr(err.text, error))
        fail_msg("%s\n  for %s", err.text, text);
    assert_int_equal(err.kind, kind);
    buffer_init(&binary, CAP);
    to_ubjson(text, &binary);
    if (read_bytes(bytes_of(binary.data, binary.size), false, CAP, &other))
        fail_msg("accepted as UBJSON: %s", text);
    assert_int_equal(other.kind, kind);
}

static void refuse(const char *text, const char *error)
{
    refuse_kind(text, ERR_INPUT, error);
}

static void test_gbtree(void **state)
{
    struct xgb_model *model = load(MODEL(GBTREE(TWO_TREES)));
    const struct tree *tree = &model->trees[1];

    (void)state;
    assert_int_equal(model->booster, XGB_GBTREE);
    assert_false(model->dart);
    assert_true(model->version.known);
    assert_int_equal(model->version.major, 1);
    assert_int_equal(model->version.minor, 7);
    assert_int_equal(model->version.patch, 4);
    assert_int_equal(model->objective, OBJECTIVE_SQUARED_ERROR);
    assert_int_equal(model->features, 2);
    assert_int_equal(model->outputs, 1);
    assert_true(model->base_score[0] == 0.5f);
    assert_false(model->base_score_is_margin);
    assert_int_equal(model->tree_count, 2);
    assert_null(model->tree_weight);
    assert_int_equal(model->iterations, 2);
    assert_null(model->feature_names);
    assert_true(model->best_iteration < 0 && model->best_ntree_limit < 0);
    assert_int_equal(tree->nodes, 3);
    assert_int_equal(tree->leaf_width, 1);
    assert_int_equal(tree->left[0], 1);
    assert_int_equal(tree->right[0], 2);
    assert_int_equal(tree->left[2], -1);
    assert_int_equal(tree->feature[0], 1);
    assert_true(tree->value[0] == 0.5f && tree->value[1] == -1.0f && tree->value[2] == 2.0f);
    assert_int_equal(tree->default_left[0], 1);
    assert_null(tree->categorical);
    assert_null(tree->sum_hessian);
    xgb_model_free(model);
}

/* What is optional, and the spellings of one thing in different versions. */
static void test_spellings(void **state)
{
    struct xgb_model *model;

    (void)state;
    /* 1.0: booleans, counts of leaves, white space */
    model = load(MODEL(GBTREE(
        "\"trees\": [ {\"left_children\":[1,-1,-1], \"right_children\":[2,-1,-1],\n"
        "\"split_indices\":[1,0,0],\"split_conditions\":[0.5,-1.0,2],\"leaf_child_counts\":[0,0,0],"
        "\"default_left\":[true,false,false],\"sum_hessian\":[3,1,2.0]}," STUMP("1") "]")));
    assert_int_equal(model->trees[0].default_left[0], 1);
    assert_int_equal(model->trees[0].default_left[1], 0);
    assert_true(model->trees[0].sum_hessian[2] == 2.0f);
    assert_int_equal(model->tree_output[1], 0);
    xgb_model_free(model);
    /* numbers instead of text, no version */
    model = load("{\"learner\":{\"gradient_booster\":" GBTREE(
        TWO_TREES) "," OBJECTIVE ",\"learner_model_param\":{\"base_score\":0.25,\"num_feature\":2,"
                   "\"num_class\":0.0}}}");
    assert_true(model->base_score[0] == 0.25f);
    assert_int_equal(model->features, 2);
    assert_false(model->version.known);
    xgb_model_free(model);
}

static void check_base_score(const char *text, float first, float second)
{
    char model_text[4096];
    struct xgb_model *model;

    snprintf(model_text, sizeof(model_text),
             "{\"learner\":{\"gradient_booster\":%s,%s,\"learner_model_param\":{\"base_score\":%s,"
             "\"num_feature\":\"2\",\"num_class\":\"0\",\"num_target\":\"2\"}}}",
             GBTREE(TWO_TREES), OBJECTIVE, text);
    model = load(model_text);
    assert_int_equal(model->outputs, 2);
    assert_int_equal(model->base_score_count, 2);
    assert_true(model->base_score[0] == first && model->base_score[1] == second);
    xgb_model_free(model);
}

static void test_base_score(void **state)
{
    (void)state;
    check_base_score("\"5E-1\"", 0.5f, 0.5f);
    check_base_score("\"0.500000\"", 0.5f, 0.5f);
    check_base_score("\" 5E-1 \"", 0.5f, 0.5f);
    check_base_score("\"[5E-1]\"", 0.5f, 0.5f);
    check_base_score("\"[5E-1,-2]\"", 0.5f, -2.0f);
    check_base_score("\"(1.0, 2.0)\"", 1.0f, 2.0f);
    check_base_score("\"(1.0,)\"", 1.0f, 1.0f);
    check_base_score("3", 3.0f, 3.0f);
    check_base_score("0.1", 0.1f, 0.1f);
    check_base_score("[0.5,2]", 0.5f, 2.0f);
    check_base_score("\"[3.2680976E-1,6.0549423E-2]\"", 3.2680976E-1f, 6.0549423E-2f);
}

#define WITH_BASE_SCORE(value)                                                                     \
    "{\"learner\":{\"gradient_booster\":" GBTREE(                                                  \
        TWO_TREES) "," OBJECTIVE ",\"learner_model_param\":{\"base_score\":" value                 \
                   ",\"num_feature\":\"2\"}}}"

static void test_bad_base_score(void **state)
{
    (void)state;
    refuse(WITH_BASE_SCORE("\"\""), "base_score is not a number or a list of them");
    refuse(WITH_BASE_SCORE("\"[]\""), "base_score is not a number or a list of them");
    refuse(WITH_BASE_SCORE("\"[1\""), "base_score is not a number or a list of them");
    refuse(WITH_BASE_SCORE("\"[1)\""), "base_score is not a number or a list of them");
    refuse(WITH_BASE_SCORE("\"[1,,2]\""), "base_score is not a number or a list of them");
    refuse(WITH_BASE_SCORE("\"half\""), "base_score is not a number or a list of them: 'half'");
    refuse(WITH_BASE_SCORE("true"), "base_score");
    refuse(WITH_BASE_SCORE("{}"), "base_score");
    refuse(WITH_BASE_SCORE("[]"), "base_score");
    refuse(WITH_BASE_SCORE("\"[1,2]\""), "base_score has 2 numbers for 1 outputs");
    refuse(WITH_BASE_SCORE("\"NaN\""), "base_score is not a number: the model was saved before");
}

/* Keys in the opposite order of what XGBoost writes. */
static void test_key_order(void **state)
{
    struct xgb_model *model = load(
        "{\"version\":[2,0,3],\"learner\":{" OBJECTIVE "," PARAM
        ",\"gradient_booster\":{\"model\":{\"weight_drop\":[1,0.5],\"tree_info\":[0,0],"
        "\"trees\":[" STUMP("0") "," STUMP("1") "],\"gbtree_model_param\":{\"num_trees\":\"2\"}},"
                                                "\"name\":\"gbtree\"},\"attributes\":{}}}");

    (void)state;
    assert_int_equal(model->version.major, 2);
    assert_true(model->dart);
    assert_true(model->tree_weight[1] == 0.5f);
    xgb_model_free(model);
}

/* Trees are placed by id. */
static void test_tree_order(void **state)
{
    struct xgb_model *model = load(MODEL(GBTREE("\"trees\":[" STUMP(
        "1") ",{\"id\":0,\"left_children\":[-1],\"right_children\":[-1],"
             "\"split_indices\":[0],\"split_conditions\":[7],\"default_left\":[0]}]")));

    (void)state;
    assert_int_equal(model->trees[0].nodes, 1);
    assert_true(model->trees[0].value[0] == 7.0f);
    assert_int_equal(model->trees[1].nodes, 3);
    xgb_model_free(model);
    refuse(MODEL(GBTREE("\"trees\":[" STUMP("1") "," STUMP("1") "]")), "tree id 1 comes twice");
    refuse(MODEL(GBTREE("\"trees\":[" STUMP("0") "," STUMP("2") "]")),
           "tree id 2, but there are 2 trees");
}

static void check_dart(const char *booster)
{
    char text[4096];
    struct xgb_model *model;

    snprintf(text, sizeof(text), "{\"learner\":{\"gradient_booster\":%s,%s,%s}}", booster, PARAM,
             OBJECTIVE);
    model = load(text);
    assert_true(model->dart);
    assert_int_equal(model->booster, XGB_GBTREE);
    assert_int_equal(model->tree_count, 2);
    assert_true(model->tree_weight[0] == 0.25f && model->tree_weight[1] == 0.5f);
    xgb_model_free(model);
}

static void test_dart(void **state)
{
    struct xgb_model *model;

    (void)state;
    check_dart("{\"name\":\"dart\",\"gbtree\":" GBTREE(TWO_TREES) ",\"weight_drop\":[2.5E-1,0.5]}");
    check_dart("{\"name\":\"gbtree\",\"model\":{" TWO_TREES "},\"weight_drop\":[2.5E-1,0.5]}");
    check_dart(GBTREE(TWO_TREES ",\"weight_drop\":[2.5E-1,0.5]"));
    model =
        load(MODEL("{\"name\":\"dart\",\"gbtree\":{\"model\":{\"trees\":[]}},\"weight_drop\":[]}"));
    assert_true(model->dart);
    xgb_model_free(model);
    refuse(MODEL(GBTREE(TWO_TREES ",\"weight_drop\":[1]")),
           "weight_drop has 1 elements for 2 trees");
    refuse(MODEL("{\"name\":\"dart\",\"gbtree\":" GBTREE(TWO_TREES) "}"),
           "a dart booster without weight_drop");
}

static void test_gblinear(void **state)
{
    struct xgb_model *model = load(
        MODEL("{\"name\":\"gblinear\",\"model\":{\"weights\":[1,2.5,-3],\"boosted_rounds\":30}}"));

    (void)state;
    assert_int_equal(model->booster, XGB_GBLINEAR);
    assert_int_equal(model->linear_weight_count, 3);
    assert_true(model->linear_weights[1] == 2.5f);
    assert_int_equal(model->iterations, 30);
    xgb_model_free(model);
    refuse(MODEL("{\"name\":\"gblinear\",\"model\":{\"weights\":[1,2.5]}}"),
           "2 weights, but 2 features and 1 outputs need 3");
    refuse(MODEL("{\"name\":\"gblinear\",\"model\":{}}"), "0 weights");
}

static void test_no_trees(void **state)
{
    struct xgb_model *model =
        load(MODEL("{\"name\":\"gbtree\",\"model\":{\"gbtree_model_param\":{\"num_trees\":\"0\"},"
                   "\"trees\":[],\"tree_info\":[],\"iteration_indptr\":[0]}}"));

    (void)state;
    assert_int_equal(model->tree_count, 0);
    assert_int_equal(model->iterations, 0);
    xgb_model_free(model);
}

static void test_iterations(void **state)
{
    struct xgb_model *model = load(MODEL(GBTREE(TWO_TREES ",\"iteration_indptr\":[0,2]")));

    (void)state;
    assert_int_equal(model->iterations, 1);
    assert_int_equal(model->iteration_start[1], 2);
    xgb_model_free(model);
    model = load(MODEL("{\"name\":\"gbtree\",\"model\":{\"gbtree_model_param\":"
                       "{\"num_trees\":\"2\",\"num_parallel_tree\":\"2\"}," TWO_TREES "}}"));
    assert_int_equal(model->iterations, 1);
    assert_int_equal(model->num_parallel_tree, 2);
    xgb_model_free(model);
    refuse(MODEL(GBTREE(TWO_TREES ",\"iteration_indptr\":[0,1]")), "iteration_indptr goes from");
    refuse(MODEL(GBTREE(TWO_TREES ",\"iteration_indptr\":[0,3,2]")), "iteration_indptr descends");
    refuse(MODEL(GBTREE(TWO_TREES ",\"iteration_indptr\":[-1,2]")), "iteration_indptr");
}

static void test_attributes(void **state)
{
    struct xgb_model *model = load(
        "{\"learner\":{\"attributes\":{\"best_iteration\":\"9\",\"best_ntree_limit\":\"30\","
        "\"best_score\":\"0.125\",\"scikit_learn\":\"{}\"},\"feature_names\":[\"a\\tb\",\"c\"],"
        "\"feature_types\":[\"float\",\"i\"],\"gradient_booster\":" GBTREE(TWO_TREES) "," PARAM
                                                                                      "," OBJECTIVE
                                                                                      "}}");

    (void)state;
    assert_int_equal(model->best_iteration, 9);
    assert_int_equal(model->best_ntree_limit, 30);
    assert_true(model->early_stopped);
    assert_string_equal(model->feature_names[0], "a\tb");
    assert_string_equal(model->feature_names[1], "c");
    assert_string_equal(model->feature_types[1], "i");
    xgb_model_free(model);
    /* names that are not one for each feature name nothing; an attribute that is no number is none
     */
    model = load("{\"learner\":{\"attributes\":{\"best_iteration\":\"last\"},"
                 "\"feature_names\":[\"a\"],\"feature_types\":null,\"gradient_booster\":" GBTREE(
                     TWO_TREES) "," PARAM "," OBJECTIVE "}}");
    assert_null(model->feature_names);
    assert_null(model->feature_types);
    assert_true(model->best_iteration < 0);
    assert_false(model->early_stopped);
    xgb_model_free(model);
}

/* Of two equal keys the later counts, whole. */
static void test_duplicate_keys(void **state)
{
    struct xgb_model *model = load(
        "{\"learner\":{\"attributes\":{\"best_iteration\":\"1\"}},\"learner\":{" PARAM
        ",\"objective\":"
        "{\"name\":\"x\",\"name\":\"reg:squarederror\"},\"gradient_booster\":" GBTREE(
            TWO_TREES ",\"weight_drop\":[1,2]") ",\"gradient_booster\":" GBTREE(TWO_TREES) "}}");

    (void)state;
    assert_true(model->best_iteration < 0);
    assert_int_equal(model->objective, OBJECTIVE_SQUARED_ERROR);
    assert_false(model->dart);
    xgb_model_free(model);
}

#define SNAPSHOT(config)                                                                           \
    "{\"Config\":{\"learner\":{\"gradient_booster\":" config "},\"version\":[1,5,2]},\"Model\":"   \
    "{\"learner\":{\"gradient_booster\":" GBTREE(TWO_TREES) "," PARAM "," OBJECTIVE "},"           \
                                                            "\"version\":[1,5,2]}}"

static void check_config(const char *text, uint32_t parallel, uint32_t iterations)
{
    struct xgb_model *model = load(text);

    assert_int_equal(model->version.minor, 5);
    assert_int_equal(model->num_parallel_tree, parallel);
    assert_int_equal(model->iterations, iterations);
    xgb_model_free(model);
}

static void test_snapshot(void **state)
{
    (void)state;
    check_config(SNAPSHOT("{\"gbtree_train_param\":{\"num_parallel_tree\":\"2\"}}"), 2, 1);
    check_config(SNAPSHOT("{\"gbtree\":{\"gbtree_train_param\":{\"num_parallel_tree\":\"2\"}}}"), 2,
                 1);
    check_config(SNAPSHOT("{\"updater\":{\"prune\":{\"x\":[{}]}}}"), 1, 2);
    /* the other order */
    check_config("{\"Model\":{\"version\":[1,5,0],\"learner\":{\"gradient_booster\":" GBTREE(
                     TWO_TREES) "," PARAM "," OBJECTIVE "}},\"Config\":{\"learner\":"
                                "{\"gradient_booster\":{\"gbtree_train_param\":"
                                "{\"num_parallel_tree\":\"2\"}}}}}",
                 2, 1);
}

static void test_config_alone(void **state)
{
    static const char config[] = "{\"learner\":{\"gradient_booster\":{\"gbtree_train_param\":"
                                 "{\"num_parallel_tree\":\"3\"}}},\"version\":[1,2,0]}";
    struct xgb_model *model = xgb_model_new(CAP);
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(xgb_json_config_read(bytes_text(config), 0, model, &err), 0);
    assert_int_equal(model->num_parallel_tree, 3);
    assert_int_equal(xgb_json_config_read(bytes_of(config, sizeof(config) / 2), 500, model, &err),
                     -1);
    assert_int_equal(err.kind, ERR_INPUT);
    xgb_model_free(model);
}

#define CATEGORICAL(types, nodes, segments, sizes, categories)                                     \
    "{" COLUMNS ",\"split_type\":" types ",\"categories_nodes\":" nodes                            \
    ",\"categories_segments\":" segments ",\"categories_sizes\":" sizes                            \
    ",\"categories\":" categories "}"
#define CATEGORICAL_MODEL(tree) MODEL(GBTREE("\"trees\":[" tree "," STUMP("1") "]"))

static void test_categories(void **state)
{
    struct xgb_model *model = load(
        CATEGORICAL_MODEL(CATEGORICAL("[1,0,0]", "[0]", "[1]", "[4]", "[99,5,2,16777215,5,99]")));
    const struct tree *tree = &model->trees[0];

    (void)state;
    assert_int_equal(tree->categorical[0], 1);
    assert_int_equal(tree->categorical[1], 0);
    assert_int_equal(tree->category_start[0], 0);
    assert_int_equal(tree->category_start[1], 3);
    assert_int_equal(tree->category_start[3], 3);
    assert_int_equal(tree->categories[0], 2);
    assert_int_equal(tree->categories[1], 5);
    assert_int_equal(tree->categories[2], 16777215);
    assert_null(model->trees[1].categorical);
    xgb_model_free(model);
    /* a leaf that once was a categorical split is a leaf */
    model = load(CATEGORICAL_MODEL(CATEGORICAL("[0,1,0]", "[1]", "[0]", "[1]", "[3]")));
    assert_int_equal(model->trees[0].categorical[1], 0);
    xgb_model_free(model);
    /* no categories at all */
    model = load(CATEGORICAL_MODEL(CATEGORICAL("[0,0,0]", "[]", "[]", "[]", "[]")));
    assert_null(model->trees[0].categorical);
    xgb_model_free(model);
}

static void test_bad_categories(void **state)
{
    (void)state;
    refuse(CATEGORICAL_MODEL(CATEGORICAL("[1,0,0]", "[0,0]", "[0,1]", "[1,1]", "[1,2]")),
           "tree 0: categories_nodes names node 0 twice");
    refuse(CATEGORICAL_MODEL(CATEGORICAL("[1,0,0]", "[3]", "[0]", "[1]", "[1]")),
           "categories_nodes names node 3 of 3");
    refuse(CATEGORICAL_MODEL(CATEGORICAL("[1,0,0]", "[-1]", "[0]", "[1]", "[1]")),
           "categories_nodes names node -1 of 3");
    refuse(CATEGORICAL_MODEL(CATEGORICAL("[1,0,0]", "[0]", "[0]", "[2]", "[1]")),
           "outside of the list");
    refuse(CATEGORICAL_MODEL(CATEGORICAL("[1,0,0]", "[0]", "[-1]", "[1]", "[1]")),
           "outside of the list");
    refuse(CATEGORICAL_MODEL(CATEGORICAL("[1,0,0]", "[0]", "[0]", "[-1]", "[1]")),
           "outside of the list");
    refuse(
        CATEGORICAL_MODEL(CATEGORICAL("[1,0,0]", "[0]", "[1]", "[9223372036854775807]", "[1,2]")),
        "outside of the list");
    refuse(CATEGORICAL_MODEL(CATEGORICAL("[1,1,0]", "[0,1]", "[0,0]", "[2,2]", "[1,2]")),
           "categories overlap");
    refuse(CATEGORICAL_MODEL(CATEGORICAL("[1,0,0]", "[0]", "[0]", "[]", "[1]")),
           "1 categories_nodes, 1 categories_segments, 0 categories_sizes");
    refuse(CATEGORICAL_MODEL(CATEGORICAL("[1,0,0]", "[]", "[]", "[]", "[]")),
           "node 0 is a split by category without categories");
    refuse(CATEGORICAL_MODEL(CATEGORICAL("[1,0,0]", "[0]", "[0]", "[1]", "[16777216]")),
           "category 16777216 is not in");
    refuse(CATEGORICAL_MODEL(CATEGORICAL("[1,0,0]", "[0]", "[0]", "[1]", "[-1]")),
           "category -1 is not in");
    refuse(CATEGORICAL_MODEL(CATEGORICAL("[2,0,0]", "[0]", "[0]", "[1]", "[1]")), "split_type 2");
}

#define VECTOR_MODEL(right, rest)                                                                  \
    "{\"learner\":{\"gradient_booster\":{\"name\":\"gbtree\",\"model\":{\"trees\":["               \
    "{\"base_weights\":[1,2,3,4,5,6],\"left_children\":[1,-1,-1],\"right_children\":" right        \
    ",\"split_indices\":[1,0,0],\"split_conditions\":[0.5,NaN,NaN],\"default_left\":[1,0,0]," rest \
    "\"tree_param\":{\"size_leaf_vector\":\"2\"}}],\"tree_info\":[0]}}," OBJECTIVE                 \
    ",\"learner_model_param\":{\"base_score\":\"0\",\"num_feature\":\"2\",\"num_target\":\"2\"}}}"

static void test_vector_leaves(void **state)
{
    static const char *const texts[] = {
        VECTOR_MODEL("[2,-1,-1]", ""),                          /* up to 3.1 */
        VECTOR_MODEL("[2,1,0]", "\"leaf_weights\":[5,6,3,4],"), /* from 3.2 */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        struct xgb_model *model = load(texts[i]);
        const struct tree *tree = &model->trees[0];

        assert_int_equal(model->outputs, 2);
        assert_int_equal(model->iterations, 1);
        assert_int_equal(tree->leaf_width, 2);
        assert_true(tree->leaf_vectors[2] == 3.0f && tree->leaf_vectors[3] == 4.0f);
        assert_true(tree->leaf_vectors[4] == 5.0f && tree->leaf_vectors[5] == 6.0f);
        assert_int_equal(tree->right[1], -1);
        xgb_model_free(model);
    }
    refuse(VECTOR_MODEL("[2,-1,-1]", "\"base_weights\":[1,2],"),
           "base_weights has 2 elements for 3 nodes with vectors of 2");
    refuse(VECTOR_MODEL("[2,2,0]", "\"leaf_weights\":[5,6,3,4],"), "leaf 1 has row 2 of 2");
    refuse(VECTOR_MODEL("[2,-1,0]", "\"leaf_weights\":[5,6,3,4],"), "leaf 1 has row -1 of 2");
    refuse(VECTOR_MODEL("[2,1,0]", "\"leaf_weights\":[5,6,3],"), "leaf_weights has 3 elements");
}

#define ONE_TREE(columns) MODEL("{\"name\":\"gbtree\",\"model\":{\"trees\":[{" columns "}]}}")
#define COLUMNS_BUT(left, right, feature, condition, default_left)                                 \
    "\"left_children\":" left ",\"right_children\":" right ",\"split_indices\":" feature           \
    ",\"split_conditions\":" condition ",\"default_left\":" default_left

static void test_bad_trees(void **state)
{
    (void)state;
    refuse(ONE_TREE(""), "tree 0: left_children is missing");
    refuse(ONE_TREE(COLUMNS_BUT("[]", "[]", "[]", "[]", "[]")), "tree 0: it has no nodes");
    refuse(ONE_TREE(COLUMNS_BUT("[-1]", "[]", "[0]", "[0]", "[0]")),
           "right_children has 0 elements for 1 nodes");
    refuse(ONE_TREE(COLUMNS_BUT("[-1]", "[-1]", "[0,0]", "[0]", "[0]")),
           "split_indices has 2 elements for 1 nodes");
    refuse(ONE_TREE(COLUMNS_BUT("[-1]", "[-1]", "[0]", "[0,1]", "[0]")),
           "split_conditions has 2 elements for 1 nodes");
    refuse(ONE_TREE(COLUMNS_BUT("[-1]", "[-1]", "[0]", "[0]", "[0,0]")),
           "default_left has 2 elements for 1 nodes");
    refuse(ONE_TREE(COLUMNS ",\"split_type\":[0]"), "split_type has 1 elements for 3 nodes");
    refuse(ONE_TREE(COLUMNS ",\"sum_hessian\":[0]"), "sum_hessian has 1 elements for 3 nodes");
    refuse(ONE_TREE(COLUMNS ",\"tree_param\":{\"num_nodes\":\"4\"}"), "num_nodes is 4");
    refuse(ONE_TREE(COLUMNS ",\"id\":-1"), "id must be a count");
    refuse(ONE_TREE(COLUMNS_BUT("[1,-1,-1]", "[2,-1,-1]", "[2,0,0]", "[0,0,0]", "[0,0,0]")),
           "tree 0: node 0");
    refuse(ONE_TREE(COLUMNS_BUT("[1,-1,-1]", "[3,-1,-1]", "[1,0,0]", "[0,0,0]", "[0,0,0]")),
           "tree 0: node 0");
    refuse(ONE_TREE(COLUMNS_BUT("[0,-1,-1]", "[2,-1,-1]", "[1,0,0]", "[0,0,0]", "[0,0,0]")),
           "tree 0: node 0");
}

static void test_bad_models(void **state)
{
    (void)state;
    refuse(MODEL("{\"name\":\"gbtree\"}"), "gradient_booster has no model");
    refuse(MODEL("{\"model\":{}}"), "the learner has no gradient_booster with a name");
    refuse("{\"learner\":{" PARAM "," OBJECTIVE "}}", "no gradient_booster");
    refuse("{\"learner\":{\"gradient_booster\":" GBTREE(TWO_TREES) "," PARAM "}}", "no objective");
    refuse("{\"learner\":{\"gradient_booster\":" GBTREE(TWO_TREES) "," OBJECTIVE "}}",
           "no base_score");
    refuse_kind(MODEL("{\"name\":\"gbforest\",\"model\":{}}"), ERR_UNSUPPORTED,
                "gradient_booster is 'gbforest'");
    refuse(MODEL(GBTREE("\"trees\":[" STUMP("0") "]")), "num_trees is 2, but there are 1 trees");
    refuse(
        MODEL("{\"name\":\"gbtree\",\"model\":{\"trees\":[" STUMP("0") "],\"tree_info\":[0,0]}}"),
        "tree_info has 2 elements for 1 trees");
    refuse(MODEL(GBTREE("\"trees\":[" STUMP("0") "," STUMP("1") "],\"tree_info\":[0,1]")),
           "tree 1: it is for output 1, the model has 1");
    refuse(MODEL(GBTREE("\"trees\":[1]")), "trees must be objects");
    refuse("{\"learner\":[]}", "learner must be an object, not an array");
    refuse_kind("{\"learner\":{\"learner_model_param\":{\"num_feature\":\"100000001\"}}}",
                ERR_LIMIT, "num_feature is 100000001, at most 100000000 is possible");
    refuse_kind("{\"learner\":{\"learner_model_param\":{\"num_class\":\"1000001\"}}}", ERR_LIMIT,
                "num_class is 1000001");
    refuse("{\"learner\":{\"learner_model_param\":{\"num_class\":\"two\"}}}",
           "num_class must be a count");
    refuse("{\"learner\":{\"learner_model_param\":{\"num_class\":\"1.5\"}}}",
           "num_class must be a count");
    refuse("{\"learner\":{\"learner_model_param\":{\"num_class\":1e30}}}",
           "num_class must be a count");
    refuse("{\"learner\":{\"feature_names\":[1]}}", "feature_names must be strings");
    refuse("{\"learner\":{\"feature_names\":\"a\"}}", "feature_names must be an array");
}

/* JSON that is something else says so. */
static void test_not_a_model(void **state)
{
    (void)state;
    refuse_kind(
        "[{\"nodeid\":0,\"leaf\":0.5}]", ERR_UNSUPPORTED,
        "offset 0: JSON without a learner: not a model (a dump_model() text has no objective");
    refuse_kind("{\"predictions\":[]}", ERR_UNSUPPORTED, "save with save_model()");
    refuse_kind("{\"Config\":{}}", ERR_UNSUPPORTED, "without a learner");
    refuse_kind("3", ERR_UNSUPPORTED, "a model is an object");
}

/* Errors name the place in the file, of which the model may be a part. */
static void test_base_offset(void **state)
{
    struct xgb_model *model = xgb_model_new(CAP);
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(xgb_json_read(bytes_text("{\"learner\":7}"), 100, model, &err), -1);
    assert_string_equal(err.text, "offset 111: learner must be an object, not an integer");
    xgb_model_free(model);
}

/* A small file cannot have much memory: vectors are no wider than what is there. */
static void test_memory_cap(void **state)
{
    static const char text[] = MODEL(GBTREE(TWO_TREES));
    struct err err = ERR_INIT;

    (void)state;
    assert_null(read_bytes(bytes_text(text), true, 300, &err));
    assert_int_equal(err.kind, ERR_LIMIT);
    assert_non_null(strstr(err.text, "than the 300 bytes that are allowed"));
}

/* Every allocation fails in turn: an error each time, and nothing is lost (the sanitizer looks). */
static void test_no_memory(void **state)
{
    static const char text[] = SNAPSHOT("{}");

    (void)state;
    for (long n = 1; n < 1000; n++) {
        struct err err = ERR_INIT;
        struct xgb_model *model;

        mem_fail_at(n);
        model = xgb_model_new(CAP);
        if (!model)
            continue;
        if (xgb_json_read(bytes_text(text), 0, model, &err) == 0 &&
            xgb_model_finish(model, &err) == 0) {
            xgb_model_free(model);
            mem_fail_at(0);
            assert_true(n > 2);
            return;
        }
        assert_int_equal(err.kind, ERR_MEMORY);
        xgb_model_free(model);
    }
    fail_msg("it never succeeds");
}

/* A file of `count` times `piece` between `head` and `tail` is read in linear time: these would
 * take minutes in quadratic. Whether it is a model is another matter. */
static void read_repeated(const char *head, const char *piece, size_t count, const char *tail)
{
    CLEANUP(buffer_fini) struct buffer text;
    struct err err = ERR_INIT;

    buffer_init(&text, CAP);
    add(&text, head, strlen(head));
    for (size_t i = 0; i < count; i++)
        add(&text, piece, strlen(piece));
    add(&text, tail, strlen(tail));
    xgb_model_free(read_bytes(bytes_of(text.data, text.size), true, CAP, &err));
}

static void test_repetition(void **state)
{
    (void)state;
    read_repeated("{", "\"learner\":{},", 300000, "\"learner\":{}}");
    read_repeated("{\"learner\":{\"gradient_booster\":{\"model\":{", "\"trees\":[],", 300000,
                  "\"trees\":[]}}}}");
    read_repeated("{\"learner\":{\"gradient_booster\":{\"model\":{\"trees\":[" STUMP("0"),
                  "," STUMP("0"), 10000, "]}}}}");
    read_repeated("{\"learner\":{\"gradient_booster\":{\"model\":{\"tree_info\":[", "[1,", 1000000,
                  "]}}}}");
    read_repeated("{\"learner\":{\"gradient_booster\":{\"model\":{\"tree_info\":[0", ",0", 1000000,
                  "");
    read_repeated("{\"learner\":{\"gradient_booster\":{\"model\":{", "\"weights\":[1,2,3],", 100000,
                  "\"weights\":[]}}}}");
    read_repeated("{\"learner\":{\"learner_model_param\":{\"base_score\":\"[0", ",0", 1000000,
                  "]\"}}}");
    read_repeated("{\"learner\":{\"feature_names\":[\"\"", ",\"\"", 300000, "]}}");
}

/* A file's bytes; false where it is not there. */
static bool read_file(const char *path, struct buffer *ret)
{
    FILE *file = fopen(path, "rb");
    char chunk[4096];
    size_t n;

    if (!file)
        return false;
    while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0)
        add(ret, chunk, n);
    fclose(file);
    return true;
}

/* A beginning of a model is never a model. The copy has no byte behind it. */
static void check_cuts(struct bytes data, bool text, const char *path)
{
    for (size_t i = 0; i < 64; i++) {
        size_t size = data.size * i / 64;
        CLEANUP(mem_cleanup) char *copy = mem_alloc(size, 1);
        struct err err = ERR_INIT;

        assert_non_null(copy);
        memcpy(copy, data.data, size);
        if (read_bytes(bytes_of(copy, size), text, CAP, &err))
            fail_msg("%s: accepted when cut to %zu bytes", path, size);
        if (strncmp(err.text, "offset ", 7) != 0)
            fail_msg("%s: cut to %zu bytes: %s", path, size, err.text);
    }
}

static struct xgb_model *load_file(const char *path, bool text)
{
    CLEANUP(buffer_fini) struct buffer data;
    struct err err = ERR_INIT;
    struct xgb_model *model;

    buffer_init(&data, CAP);
    if (!read_file(path, &data))
        return NULL;
    model = read_bytes(bytes_of(data.data, data.size), text, CAP, &err);
    if (!model)
        fail_msg("%s: %s", path, err.text);
    check_cuts(bytes_of(data.data, data.size), text, path);
    return model;
}

/* Every .json that XGBoost wrote loads, and its .ubj sibling gives the same model. */
static void test_fixtures(void **state)
{
    const char *root = getenv("ENDPOINTD_FIXTURES");
    char folder[2048];
    struct dirent *entry;
    size_t pairs = 0;
    DIR *directory;

    (void)state;
    snprintf(folder, sizeof(folder), "%s/xgboost", root ? root : ".");
    directory = opendir(folder);
    if (!directory) {
        print_message("no fixtures in %s\n", folder);
        skip();
    }
    while ((entry = readdir(directory))) {
        size_t n = strlen(entry->d_name);
        char path[4096];
        struct xgb_model *model;
        struct xgb_model *other;

        if (n < 5 || strcmp(entry->d_name + n - 5, ".json") != 0 ||
            strcmp(entry->d_name, "manifest.json") == 0)
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        model = load_file(path, true);
        assert_non_null(model);
        memcpy(path + strlen(path) - 5, ".ubj", 5);
        other = load_file(path, false);
        if (other && !same_model(model, other))
            fail_msg("%s differs from its .json", path);
        pairs += other != NULL;
        xgb_model_free(model);
        xgb_model_free(other);
    }
    closedir(directory);
    assert_true(pairs > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gbtree),        cmocka_unit_test(test_spellings),
        cmocka_unit_test(test_base_score),    cmocka_unit_test(test_bad_base_score),
        cmocka_unit_test(test_key_order),     cmocka_unit_test(test_tree_order),
        cmocka_unit_test(test_dart),          cmocka_unit_test(test_gblinear),
        cmocka_unit_test(test_no_trees),      cmocka_unit_test(test_iterations),
        cmocka_unit_test(test_attributes),    cmocka_unit_test(test_duplicate_keys),
        cmocka_unit_test(test_snapshot),      cmocka_unit_test(test_config_alone),
        cmocka_unit_test(test_categories),    cmocka_unit_test(test_bad_categories),
        cmocka_unit_test(test_vector_leaves), cmocka_unit_test(test_bad_trees),
        cmocka_unit_test(test_bad_models),    cmocka_unit_test(test_not_a_model),
        cmocka_unit_test(test_base_offset),   cmocka_unit_test(test_memory_cap),
        cmocka_unit_test(test_no_memory),     cmocka_unit_test(test_repetition),
        cmocka_unit_test(test_fixtures),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
