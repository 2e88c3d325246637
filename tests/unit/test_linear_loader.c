/*
 * Linear Learner's artifacts: every predictor and loss is loaded as what it is and answers what the
 * formulas say; every form that people pack them in is found; what is spoilt is refused with where.
 */
#include <math.h>

#include "tests/unit/linear_parts.h"
#include "tests/unit/unit.h"

/* linear-learner 2.1: the published multiclass model. */
static const float example_weight[] = {-0x1.7336acp-3f, -0x1.3a5b1p-3f, 0x1.e85766p-3f,
                                       -0x1.5bfe5ap-2f, 0x1.6befap-2f,  -0x1.f4b11ep-5f};
static const float example_bias[] = {-0x1.933b0ep-1f, -0x1.db5fp-5f, 0x1.12c11p-1f};

/* 3.4: the scores that its endpoint gave for [1.5, 2], to the bit. */
static void test_published_softmax(void **state)
{
    static const double expected[] = {0.04544410854578018, 0.3947080075740814, 0.5598478317260742};
    struct model *model;
    float answer[4];
    LINEAR_PARTS(parts);

    (void)state;
    linear_texts(&parts, "multiclass_classifier", "softmax_loss", "softmax", 2, 3);
    mx_params(&parts.params, MX_V2, 2, 3, example_weight, example_bias);
    assert_int_equal(parts.params.size, 190);
    model = linear_model(&parts);
    artifact_score(model, MODEL_VALUE, (const float[]){1.5f, 2}, answer, 4);
    assert_true(answer[0] == 2);
    for (size_t k = 0; k < 3; k++)
        assert_true((double)answer[k + 1] == expected[k]);
    artifact_score(model, MODEL_VALUE, (const float[]){0, 0}, answer, 4);
    assert_true(answer[0] == 2);
    artifact_score(model, MODEL_MARGIN, (const float[]){0, 0}, answer, 3);
    assert_memory_equal(answer, example_bias, sizeof(example_bias));
    assert_string_equal(model->builtin->objective, "multiclass_classifier, softmax_loss");
    assert_int_equal(model->builtin->field_count, 2);
    artifact_field_is(model, 0, "score", 1, 3, true, false);
    artifact_field_is(model, 1, "predicted_label", 0, 1, false, true);
    assert_int_equal(model->builtin->plain_columns, 4);
    assert_int_equal(model->builtin->csv_first, 0);
    assert_int_equal(model->builtin->csv_count, 1);
    model_unref(model);
}

static void test_binary(void **state)
{
    static const struct {
        const char *loss, *head, *objective;
    } cases[] = {
        {"logistic", "LogisticRegressionOutput", "binary_classifier, logistic"},
        {"hinge_loss", "loss", "binary_classifier, hinge_loss"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        const float z = 0.5f * 2 - 0.25f * 8 + 0.125f; /* -0.875 */
        float score = i == 0 ? 1.0f / (1.0f + expf(-z)) : z;
        struct model *model;
        float answer[2];
        LINEAR_PARTS(parts);

        linear_texts(&parts, "binary_classifier", cases[i].loss, cases[i].head, 2, 1);
        mx_params(&parts.params, MX_V2, 2, 1, (const float[]){0.5f, -0.25f},
                  (const float[]){0.125f});
        model = linear_model(&parts);
        assert_int_equal(model->family, FAMILY_LINEAR_LEARNER);
        assert_string_equal(model->profile->name, "py3");
        assert_string_equal(model->builtin->objective, cases[i].objective);
        assert_string_equal(model->builtin->format, "mxnet-zip");
        assert_string_equal(model->builtin->file, "model_algo-1");
        artifact_score(model, MODEL_VALUE, (const float[]){2, 8}, answer, 2);
        assert_true(answer[0] == score && answer[1] == 0);
        artifact_score(model, MODEL_VALUE, (const float[]){2, 0}, answer, 2);
        assert_true(answer[1] == 1);
        assert_true(model_has_margin(model));
        artifact_score(model, MODEL_MARGIN, (const float[]){2, 8}, answer, 1);
        assert_true(answer[0] == z);
        assert_int_equal(model->builtin->field_count, 2);
        artifact_field_is(model, 0, "score", 0, 1, false, false);
        artifact_field_is(model, 1, "predicted_label", 1, 1, false, true);
        assert_int_equal(model->builtin->plain_columns, 2);
        assert_int_equal(model->builtin->csv_first, 1);
        assert_int_equal(model->builtin->csv_count, 1);
        model_unref(model);
    }
}

/* The cut is at the file's threshold, as float32, and the score that is equal to it is a 1. */
static void test_threshold(void **state)
{
    struct model *model;
    float answer[2];
    LINEAR_PARTS(parts);

    (void)state;
    linear_texts(&parts, "binary_classifier", "hinge_loss", "loss", 1, 1);
    mx_params(&parts.params, MX_V2, 1, 1, (const float[]){1}, NULL);
    for (int64_t whole = 0; whole < 2; whole++) {
        float cut = whole ? -3 : 0.1f;

        buffer_clear(&parts.settings);
        mx_settings(&parts.settings, "binary_classifier", "hinge_loss", whole ? "-3" : "0.1");
        model = linear_model(&parts);
        assert_true(artifact_fact(model, "threshold")->number == (whole ? -3 : 0.1));
        artifact_score(model, MODEL_VALUE, &cut, answer, 2);
        assert_true(answer[1] == 1);
        artifact_score(model, MODEL_VALUE, &(const float){nextafterf(cut, -10)}, answer, 2);
        assert_true(answer[1] == 0);
        model_unref(model);
    }
}

static void test_regressors(void **state)
{
    static const char *const losses[][2] = {
        {"squared_loss", "LinearRegressionOutput"},
        {"absolute_loss", "MAERegressionOutput"},
        {"absolute_loss", "loss"},
        {"eps_insensitive_squared_loss", "loss"},
        {"eps_insensitive_absolute_loss", "loss"},
        {"quantile_loss", "loss"},
        {"huber_loss", "loss"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(losses); i++) {
        struct model *model;
        float answer[1];
        LINEAR_PARTS(parts);

        linear_texts(&parts, "regressor", losses[i][0], losses[i][1], 1, 1);
        mx_params(&parts.params, MX_V2, 1, 1, (const float[]){-7.5f}, (const float[]){900});
        model = linear_model(&parts);
        for (enum model_output output = MODEL_VALUE; output <= MODEL_MARGIN; output++) {
            artifact_score(model, output, (const float[]){2}, answer, 1);
            assert_true(answer[0] == 885);
        }
        assert_int_equal(model->builtin->field_count, 1);
        artifact_field_is(model, 0, "score", 0, 1, false, false);
        assert_int_equal(model->builtin->plain_columns, 1);
        assert_int_equal(model->builtin->csv_first, 0);
        assert_int_equal(model->builtin->csv_count, 1);
        assert_string_equal(artifact_fact(model, "loss_type")->text, losses[i][0]);
        model_unref(model);
    }
}

static void test_facts(void **state)
{
    struct model *model;
    LINEAR_PARTS(parts);

    (void)state;
    linear_binary(&parts);
    model = linear_model(&parts);
    assert_string_equal(artifact_fact(model, "predictor_type")->text, "binary_classifier");
    assert_string_equal(artifact_fact(model, "loss_type")->text, "logistic");
    assert_true(artifact_fact(model, "threshold")->number == 0.46301859617233276);
    assert_string_equal(artifact_fact(model, "mxnet_version")->text, "1.3.1");
    assert_int_equal(artifact_fact(model, "fc0_weight")->dimensions, 2);
    assert_int_equal(artifact_fact(model, "fc0_weight")->shape[0], 2);
    assert_int_equal(artifact_fact(model, "fc0_weight")->shape[1], 1);
    assert_int_equal(artifact_fact(model, "fc0_bias")->shape[0], 1);
    model_unref(model);
}

/* use_bias=false; and a bias of another shape, with as many numbers. */
static void test_bias(void **state)
{
    static const char *const names[] = {"arg:fc0_bias", "aux:other", "arg:fc0_weight"};
    struct model *model;
    float answer[3];
    LINEAR_PARTS(parts);

    (void)state;
    linear_texts(&parts, "multiclass_classifier", "softmax_loss", "SoftmaxOutput", 2, 3);
    mx_params(&parts.params, MX_V2, 2, 3, example_weight, NULL);
    model = linear_model(&parts);
    artifact_score(model, MODEL_MARGIN, (const float[]){1, 0}, answer, 3);
    assert_memory_equal(answer, example_weight, sizeof(answer));
    model_unref(model);
    buffer_clear(&parts.params);
    mx_list(&parts.params, 3);
    mx_dense(&parts.params, MX_V2, 0, 1, (const uint64_t[]){3}, example_bias, 12);
    mx_magic(&parts.params, MX_V2); /* none, and not needed */
    put_le(&parts.params, 8, 0);
    mx_matrix(&parts.params, MX_V2, 2, 3, example_weight);
    mx_names(&parts.params, names, 3);
    model = linear_model(&parts);
    artifact_score(model, MODEL_MARGIN, (const float[]){0, 0}, answer, 3);
    assert_memory_equal(answer, example_bias, sizeof(answer));
    model_unref(model);
    buffer_clear(&parts.params);
    mx_list(&parts.params, 2);
    mx_dense(&parts.params, MX_V2, 0, 1, (const uint64_t[]){2}, example_bias, 8);
    mx_matrix(&parts.params, MX_V2, 2, 3, example_weight);
    mx_names(&parts.params, (const char *const[]){"fc0_bias", "fc0_weight"}, 2);
    linear_refused(&parts, "member 'mx-mod-0000.params': array 'fc0_bias': offset 24: 2 numbers, "
                           "where 3 belong");
    parts.params.data[24 + 12]++; /* a bias of 3 that lacks a number */
    linear_refused(&parts, "member 'mx-mod-0000.params': offset");
}

static void test_weights_in_all_forms(void **state)
{
    static const char *const names[] = {"arg:fc0_weight"};
    static const float expected[] = {0, 0, 0.5f, -2, 3, 0};
    static const double doubles[] = {0, 0, 0.5, -2, 3, 0};
    LINEAR_PARTS(parts);

    (void)state;
    linear_texts(&parts, "multiclass_classifier", "softmax_loss", "softmax", 3, 2);
    for (int form = 0; form < 7; form++) {
        struct model *model;
        float answer[2];

        buffer_clear(&parts.params);
        mx_list(&parts.params, 1);
        if (form < 4)
            mx_matrix(&parts.params, (enum mx_version)form, 3, 2, expected);
        else if (form == 4)
            mx_row_sparse(&parts.params, 3, 2, 2, (const int64_t[]){1, 2}, expected + 2);
        else if (form == 5)
            mx_csr(&parts.params, 3, 2, 3, (const int64_t[]){0, 0, 2, 3},
                   (const int64_t[]){0, 1, 0}, expected + 2);
        else
            mx_dense(&parts.params, MX_V2, 1, 2, (const uint64_t[]){3, 2}, doubles,
                     sizeof(doubles));
        mx_names(&parts.params, names, 1);
        model = linear_model(&parts);
        for (size_t i = 0; i < 3; i++) {
            float row[3] = {0};

            row[i] = 1;
            artifact_score(model, MODEL_MARGIN, row, answer, 2);
            assert_true(answer[0] == expected[2 * i] && answer[1] == expected[2 * i + 1]);
        }
        model_unref(model);
    }
}

static void settings_refused(const char *text, const char *why)
{
    LINEAR_PARTS(parts);

    linear_binary(&parts);
    linear_replace(&parts.settings, text);
    linear_refused(&parts, why);
}

#define SETTINGS(predictor, loss, threshold)                                                       \
    "{\"predictor_type\": " predictor ", \"loss_type\": " loss ", \"threshold\": " threshold "}"

static void test_settings_refused(void **state)
{
    static const char *const cases[][2] = {
        {"", "file 'model_algo-1': member 'additional-params.json': offset 0"},
        {"{}", "member 'additional-params.json': no predictor_type"},
        {"[1]", "the text must be an object"},
        {"{\"predictor_type\": \"regressor\", \"threshold\": 1}", "no loss_type"},
        {"{\"predictor_type\": \"regressor\", \"loss_type\": \"squared_loss\"}", "no threshold"},
        {SETTINGS("\"ranker\"", "\"logistic\"", "0.5"), "offset 19: predictor_type 'ranker' is"},
        {SETTINGS("null", "\"logistic\"", "0.5"), "predictor_type must be a string, not null"},
        {SETTINGS("\"regressor\"", "\"auto\"", "0.5"), "loss_type 'auto' is none"},
        {SETTINGS("\"regressor\"", "[]", "0.5"), "loss_type must be a string"},
        {SETTINGS("\"regressor\"", "\"logistic\"", "0.5"),
         "loss_type 'logistic' does not go with predictor_type 'regressor'"},
        {SETTINGS("\"binary_classifier\"", "\"logistic\"", "null"), "threshold must be a number"},
        {SETTINGS("\"binary_classifier\"", "\"logistic\"", "\"0.5\""), "threshold must be a numb"},
        {SETTINGS("\"binary_classifier\"", "\"logistic\"", "NaN"), "threshold must be a finite"},
        {SETTINGS("\"binary_classifier\"", "\"logistic\"", "-Infinity"), "must be a finite"},
        {SETTINGS("\"binary_classifier\"", "\"logistic\"", "1e39"), "must be a finite"},
        {SETTINGS("\"binary_classifier\"", "\"logistic\"", "0.5") "x", "offset"},
        {SETTINGS("\"regressor\"", "\"squared_loss\"", "0.5"),
         "member 'mx-mod-symbol.json': the graph ends in sigmoid, but predictor_type 'regressor' "
         "with loss_type 'squared_loss' in identity"},
        {SETTINGS("\"binary_classifier\"", "\"hinge_loss\"", "0.5"), "in sigmoid, but"},
        {SETTINGS("\"multiclass_classifier\"", "\"softmax_loss\"", "0.5"),
         "array 'fc0_weight': offset 24: 1 outputs do not go with predictor_type 'multicl"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        settings_refused(cases[i][0], cases[i][1]);
}

static void symbol_refused(const char *head, uint64_t features, uint64_t outputs, const char *why)
{
    LINEAR_PARTS(parts);

    linear_binary(&parts);
    buffer_clear(&parts.symbol);
    mx_symbol(&parts.symbol, head, features, outputs, NULL);
    linear_refused(&parts, why);
}

static void test_symbol_refused(void **state)
{
    LINEAR_PARTS(parts);

    (void)state;
    symbol_refused("LinearRegressionOutput", 2, 1, "the graph ends in identity, but predictor_ty");
    symbol_refused("softmax", 2, 1, "the graph ends in softmax");
    symbol_refused("LogisticRegressionOutput", 3, 1,
                   "fc0_weight is (3, 1) in the graph, but (2, 1) in 'mx-mod-0000.params'");
    symbol_refused("LogisticRegressionOutput", 2, 2, "fc0_weight is (2, 2) in the graph");
    linear_binary(&parts);
    build_append(&parts.symbol, "", 1);
    memcpy(strstr(parts.symbol.data, "fc0_bias"), "fc1_bias", 8);
    parts.symbol.size--;
    linear_refused(&parts, "the graph has no fc0_bias, but 'mx-mod-0000.params' has one");
    memcpy(strstr(parts.symbol.data, "fc0_weight"), "fc1_weight", 10);
    linear_refused(&parts, "the graph has no variable fc0_weight");
    linear_replace(&parts.symbol, "{\"nodes\": 1}");
    linear_refused(&parts, "file 'model_algo-1': member 'mx-mod-symbol.json': offset 10: nodes");
}

static void params_refused(uint64_t rows, uint64_t columns, uint32_t dimensions, const char *name,
                           const char *why)
{
    static float values[1000001];
    const char *const names[] = {name};
    LINEAR_PARTS(parts);

    linear_texts(&parts, columns > 1 ? "multiclass_classifier" : "binary_classifier",
                 columns > 1 ? "softmax_loss" : "logistic",
                 columns > 1 ? "softmax" : "LogisticRegressionOutput", rows, columns);
    mx_list(&parts.params, 1);
    mx_dense(&parts.params, MX_V2, 0, dimensions, (const uint64_t[]){rows, columns, 1}, values,
             rows * columns * sizeof(*values));
    mx_names(&parts.params, names, 1);
    if (why) {
        linear_refused(&parts, why);
    } else {
        struct model *model = linear_model(&parts);

        assert_int_equal(model_columns(model, MODEL_VALUE), columns + 1);
        model_unref(model);
    }
}

static void test_params_refused(void **state)
{
    LINEAR_PARTS(parts);

    (void)state;
    params_refused(2, 1, 2, "arg:fc1_weight", "no array 'fc0_weight' among 1");
    params_refused(2, 1, 1, "fc0_weight", "array 'fc0_weight': offset 24: 1 dimensions, not 2");
    params_refused(2, 1, 3, "fc0_weight", "array 'fc0_weight': offset 24: 3 dimensions, not 2");
    params_refused(0, 1, 2, "fc0_weight", "it is empty (0, 1)");
    params_refused(1, 1000000, 2, "fc0_weight", NULL);
    params_refused(1, 1000001, 2, "fc0_weight", "its shape is (1, 1000001), the limit (100000000");
    linear_texts(&parts, "binary_classifier", "logistic", "LogisticRegressionOutput", 100000001, 1);
    mx_list(&parts.params, 1);
    mx_row_sparse(&parts.params, 100000001, 1, 0, (const int64_t[]){0}, example_weight);
    mx_names(&parts.params, (const char *const[]){"fc0_weight"}, 1);
    linear_refused(&parts, "its shape is (100000001, 1)");
    buffer_clear(&parts.params);
    mx_list(&parts.params, 1);
    mx_magic(&parts.params, MX_V2);
    put_le(&parts.params, 8, 0);
    mx_names(&parts.params, (const char *const[]){"fc0_weight"}, 1);
    linear_refused(&parts, "array 'fc0_weight': offset 24: it is none");
    linear_replace(&parts.params, "PARAMS");
    linear_refused(&parts, "offset 0: it does not begin as a list of MXNet arrays");
}

/* A sparse array cannot name a shape beyond the memory that there is. */
static void test_memory_limit(void **state)
{
    struct model_options options = MODEL_OPTIONS_DEFAULT;
    struct model *model = NULL;
    struct err err = ERR_INIT;
    struct mx_file file;
    LINEAR_PARTS(parts);

    (void)state;
    options.limits.bytes = 1 << 20;
    linear_texts(&parts, "binary_classifier", "logistic", "LogisticRegressionOutput", 300000, 1);
    mx_list(&parts.params, 1);
    mx_row_sparse(&parts.params, 300000, 1, 0, (const int64_t[]){0}, example_weight);
    mx_names(&parts.params, (const char *const[]){"fc0_weight"}, 1);
    file = linear_zip(&parts);
    assert_int_equal(artifact_load(&file, 1, false, &options, &model, &err), -1);
    assert_int_equal(err.kind, ERR_LIMIT);
    assert_non_null(strstr(err.text, "an array of 300000 numbers, more than 262144"));
    err_clear(&err);
    options.limits.bytes = 1 << 21;
    assert_int_equal(artifact_load(&file, 1, false, &options, &model, &err), 0);
    model_unref(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_softmax),
        cmocka_unit_test(test_binary),
        cmocka_unit_test(test_threshold),
        cmocka_unit_test(test_regressors),
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_bias),
        cmocka_unit_test(test_weights_in_all_forms),
        cmocka_unit_test(test_settings_refused),
        cmocka_unit_test(test_symbol_refused),
        cmocka_unit_test(test_params_refused),
        cmocka_unit_test(test_memory_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
