/*
 * k-means, PCA and factorization machines: what is loaded answers as the formulas say, what is none
 * of them is told what it is taken for.
 */
#include <math.h>

#include "tests/unit/builtin_artifact.h"

static const float centroids[] = {0, 0, 3, 4, -1, 2};

static void kmeans_list(struct buffer *out, uint64_t clusters, uint64_t features)
{
    mx_list(out, 1);
    mx_matrix(out, MX_V2, clusters, features, centroids);
    mx_names(out, NULL, 0);
}

static void test_kmeans(void **state)
{
    struct mx_file files[2];
    struct model *model = NULL;
    struct err err = ERR_INIT;
    float answer[2];
    MX_BUFFER(list);

    (void)state;
    kmeans_list(&list, 3, 2);
    files[0] = mx_file("model_algo-1", &list);
    files[1] = (struct mx_file){"state_6a2e", bytes_text("anything")};
    model = artifact_model(files, 2);
    assert_int_equal(model->family, FAMILY_KMEANS);
    assert_string_equal(model->builtin->format, "ndarray-list");
    assert_string_equal(model->builtin->objective, "nearest of 3 centroids");
    assert_int_equal(model->features, 2);
    assert_int_equal(model->left_out_count, 1);
    assert_string_equal(model->left_out[0], "state_6a2e");
    assert_true(artifact_fact(model, "clusters")->number == 3);
    artifact_score(model, MODEL_VALUE, (const float[]){6, 8}, answer, 2);
    assert_true(answer[0] == 1 && answer[1] == 5);
    assert_false(model_has_margin(model));
    assert_int_equal(model->builtin->field_count, 2);
    artifact_field_is(model, 0, "closest_cluster", 0, 1, false, false);
    artifact_field_is(model, 1, "distance_to_cluster", 1, 1, false, false);
    assert_int_equal(model->builtin->plain_columns, 2);
    assert_int_equal(model->builtin->csv_first, 0);
    assert_int_equal(model->builtin->csv_count, 2);
    model_unref(model);
    files[0].name = "centres.params"; /* by its path, under any name */
    assert_int_equal(artifact_load(files, 1, true, NULL, &model, &err), 0);
    assert_int_equal(model->family, FAMILY_KMEANS);
    assert_string_equal(model->builtin->file, "centres.params");
    model_unref(model);
    for (size_t size = 8; size < list.size; size++) {
        files[0] = (struct mx_file){"model_algo-1", bytes_of(list.data, size)};
        artifact_refused(files, 1, "file 'model_algo-1': offset");
    }
}

static void test_lists_of_others(void **state)
{
    static const char *const linear[] = {"arg:fc0_weight", "arg:fc0_bias"};
    static const char *const state_names[] = {"0", "1"};
    struct mx_file file;
    MX_BUFFER(list);

    (void)state;
    mx_params(&list, MX_V2, 2, 1, centroids, centroids);
    file = mx_file("mx-mod-0000.params", &list);
    artifact_refused(&file, 1, "no file 'additional-params.json'");
    file.name = "model_algo-1";
    artifact_refused(&file, 1, "these are Linear Learner's parameters alone");
    for (int named = 0; named < 2; named++) {
        buffer_clear(&list);
        mx_list(&list, 2);
        mx_matrix(&list, MX_V2, 1, 2, centroids);
        mx_matrix(&list, MX_V2, 1, 2, centroids);
        mx_names(&list, named ? state_names : NULL, 2);
        file = mx_file("model_algo-1", &list);
        artifact_refused(&file, 1,
                         named ? "a list of 2 arrays with names ('0', ...)"
                               : "a list of 2 arrays without names: k-means has one, PCA has "
                                 "names, LDA is not served");
    }
    buffer_clear(&list);
    mx_list(&list, 0);
    mx_names(&list, linear, 0);
    file = mx_file("model_algo-1", &list);
    artifact_refused(&file, 1, "a list of 0 arrays");
    buffer_clear(&list);
    mx_list(&list, 1);
    mx_dense(&list, MX_V2, 0, 1, (const uint64_t[]){2}, centroids, 8);
    mx_names(&list, NULL, 0);
    file = mx_file("model_algo-1", &list);
    artifact_refused(&file, 1, "array 'centroids': offset 24: 1 dimensions, not 2");
}

/* s, v and mean in any order; mean may be absent, s is not looked at. */
static void pca_list(struct buffer *out, bool mean, uint64_t mean_size)
{
    static const char *const names[] = {"v", "s", "mean"};
    static const float v[] = {1, 0, 0, 2, 1, -1};
    static const float means[] = {1, 2, 3, 4};

    mx_list(out, mean ? 3 : 2);
    mx_matrix(out, MX_V2, 3, 2, v);
    mx_dense(out, MX_V2, 0, 1, (const uint64_t[]){2}, v, 8);
    if (mean)
        mx_matrix(out, MX_V2, 1, mean_size, means);
    mx_names(out, names, mean ? 3 : 2);
}

static void test_pca(void **state)
{
    struct mx_file file;
    struct model *model;
    float answer[2];
    MX_BUFFER(list);

    (void)state;
    pca_list(&list, true, 3);
    file = mx_file("model_algo-1", &list);
    model = artifact_model(&file, 1);
    assert_int_equal(model->family, FAMILY_PCA);
    assert_string_equal(model->builtin->format, "ndarray-list");
    assert_string_equal(model->builtin->objective, "projection on 2 components");
    assert_int_equal(model->features, 3);
    artifact_score(model, MODEL_VALUE, (const float[]){2, 4, 6}, answer, 2);
    assert_true(answer[0] == 1 + 3 && answer[1] == 4 - 3);
    assert_false(model_has_margin(model));
    assert_int_equal(model->builtin->field_count, 1);
    artifact_field_is(model, 0, "projection", 0, 2, true, false);
    assert_int_equal(model->builtin->plain_columns, 2);
    assert_int_equal(model->builtin->csv_count, 0);
    assert_true(artifact_fact(model, "components")->number == 2);
    model_unref(model);
    buffer_clear(&list);
    pca_list(&list, false, 0);
    file = mx_file("model_algo-1", &list);
    model = artifact_model(&file, 1);
    artifact_score(model, MODEL_VALUE, (const float[]){2, 4, 6}, answer, 2);
    assert_true(answer[0] == 2 + 6 && answer[1] == 8 - 6);
    model_unref(model);
    buffer_clear(&list);
    pca_list(&list, true, 4);
    file = mx_file("model_algo-1", &list);
    artifact_refused(&file, 1, "array 'mean': offset 128: 4 numbers, where 3 belong");
}

/* The members of a factorization machine, to be spoilt. */
struct machine {
    const char *meta;
    struct buffer symbol, params, zip;
};

static void machine_fini(struct machine *machine)
{
    buffer_fini(&machine->symbol);
    buffer_fini(&machine->params);
    buffer_fini(&machine->zip);
}

#define MACHINE(name)                                                                              \
    CLEANUP(machine_fini)                                                                          \
    struct machine name = {                                                                        \
        .symbol.max = BUILDER_MAX, .params.max = BUILDER_MAX, .zip.max = BUILDER_MAX}
#define META(predictor)                                                                            \
    "{\"x\": [1], \"training_parameters\": {\"k\": 2, \"predictor_type\": " predictor              \
    "}, \"predictor_type\": 3}"

static const float w1[] = {1, 0, -2};
static const float v[] = {1, 2, 0, 0, 3, -1};

static void machine_build(struct machine *machine, const char *meta, const char *head, bool sparse)
{
    static const char *const names[] = {"arg:w1_weight", "arg:v", "arg:w0_weight"};

    machine->meta = meta;
    mx_symbol(&machine->symbol, head, 3, 1, NULL);
    mx_list(&machine->params, 3);
    if (sparse) {
        mx_row_sparse(&machine->params, 3, 1, 2, (const int64_t[]){0, 2}, (const float[]){1, -2});
        mx_row_sparse(&machine->params, 3, 2, 2, (const int64_t[]){0, 2},
                      (const float[]){1, 2, 3, -1});
    } else {
        mx_matrix(&machine->params, MX_V2, 3, 1, w1);
        mx_matrix(&machine->params, MX_V2, 3, 2, v);
    }
    mx_dense(&machine->params, MX_V2, 0, 1, (const uint64_t[]){1}, (const float[]){0.5f}, 4);
    mx_names(&machine->params, names, 3);
}

static void machine_members(const struct machine *machine, struct mx_file members[3])
{
    members[0] = mx_file("symbol.json", &machine->symbol);
    members[1] = (struct mx_file){"meta.json", bytes_text(machine->meta)};
    members[2] = mx_file("params", &machine->params);
}

static struct mx_file machine_zip(struct machine *machine)
{
    struct mx_file members[3];

    machine_members(machine, members);
    buffer_clear(&machine->zip);
    mx_zip(&machine->zip, members, 3, true);
    return mx_file("model_algo-1", &machine->zip);
}

/* x = {1, 5, 2}: 0.5 + (1 - 4) + x0 * x2 * <v0, v2> = 0.5 - 3 + 2 * (3 - 2) = -0.5 */
static const float machine_row[] = {1, 5, 2};
#define MACHINE_MARGIN -0.5f

static void test_factorization_regressor(void **state)
{
    (void)state;
    for (int form = 0; form < 4; form++) {
        struct mx_file members[3];
        struct mx_file zip;
        struct model *model;
        float answer[1];
        MACHINE(machine);

        machine_build(&machine, META("\"regressor\""), "LinearRegressionOutput", form & 1);
        machine_members(&machine, members);
        zip = machine_zip(&machine);
        model = artifact_model(form & 2 ? members : &zip, form & 2 ? 3 : 1);
        assert_int_equal(model->family, FAMILY_FACTORIZATION_MACHINES);
        assert_string_equal(model->builtin->format, form & 2 ? "mxnet-files" : "mxnet-zip");
        assert_string_equal(model->builtin->objective, "regressor");
        assert_int_equal(model->features, 3);
        assert_int_equal(model->left_out_count, 0);
        for (enum model_output output = MODEL_VALUE; output <= MODEL_MARGIN; output++) {
            artifact_score(model, output, machine_row, answer, 1);
            assert_true(answer[0] == MACHINE_MARGIN);
        }
        assert_int_equal(model->builtin->field_count, 1);
        artifact_field_is(model, 0, "score", 0, 1, false, false);
        assert_int_equal(model->builtin->plain_columns, 1);
        assert_int_equal(model->builtin->csv_count, 0);
        assert_true(artifact_fact(model, "factors")->number == 2);
        model_unref(model);
    }
}

static void test_factorization_binary(void **state)
{
    struct mx_file zip;
    struct model *model;
    float answer[2];
    MACHINE(machine);

    (void)state;
    machine_build(&machine, META("\"binary_classifier\""), "LogisticRegressionOutput", true);
    zip = machine_zip(&machine);
    model = artifact_model(&zip, 1);
    artifact_score(model, MODEL_VALUE, machine_row, answer, 2);
    assert_true(answer[0] == 1.0f / (1.0f + expf(-MACHINE_MARGIN)) && answer[1] == 0);
    artifact_score(model, MODEL_VALUE, (const float[]){0, 0, 0}, answer, 2);
    assert_true(answer[1] == 1);
    artifact_score(model, MODEL_MARGIN, machine_row, answer, 1);
    assert_true(answer[0] == MACHINE_MARGIN);
    assert_int_equal(model->builtin->field_count, 2);
    artifact_field_is(model, 0, "score", 0, 1, false, false);
    artifact_field_is(model, 1, "predicted_label", 1, 1, false, true);
    assert_int_equal(model->builtin->plain_columns, 2);
    assert_int_equal(model->builtin->csv_count, 0);
    model_unref(model);
}

static void machine_refused(const char *meta, const char *head, const char *why)
{
    struct mx_file zip;
    MACHINE(machine);

    machine_build(&machine, meta, head, true);
    zip = machine_zip(&machine);
    artifact_refused(&zip, 1, why);
}

static void test_factorization_refused(void **state)
{
    static const char *const linear = "LinearRegressionOutput";
    static const char *const names[] = {"arg:projection_weight"};
    struct mx_file zip;
    struct mx_file members[3];
    MACHINE(machine);

    (void)state;
    machine_refused("{}", linear, "member 'meta.json': no predictor_type among training_param");
    machine_refused("{\"training_parameters\": {\"training_parameters\": {\"predictor_type\": "
                    "\"regressor\"}}}",
                    linear, "member 'meta.json': no predictor_type");
    machine_refused("", linear, "member 'meta.json': offset 0");
    machine_refused("{\"training_parameters\": 1}", linear, "training_parameters must be an obj");
    machine_refused(META("\"x\""), linear, "predictor_type 'x' is none");
    machine_refused(META("\"multiclass_classifier\""), linear, "is none of factorization machines");
    machine_refused(META("\"binary_classifier\""), "softmax",
                    "member 'symbol.json': the graph ends in softmax, but predictor_type "
                    "'binary_classifier' in sigmoid");
    machine_refused(META("\"regressor\""), "LogisticRegressionOutput", "the graph ends in sigmoid");
    machine_build(&machine, META("\"regressor\""), linear, false);
    for (size_t size = 0; size < machine.params.size; size++) {
        size_t whole = machine.params.size;

        machine.params.size = size;
        zip = machine_zip(&machine);
        artifact_refused(&zip, 1, "file 'model_algo-1': member 'params': offset");
        machine.params.size = whole;
    }
    machine_members(&machine, members);
    buffer_clear(&machine.zip);
    mx_zip(&machine.zip, members, 2, true);
    zip = mx_file("model_algo-1", &machine.zip);
    artifact_refused(&zip, 1, "no member 'params', which has the weights");
    buffer_clear(&machine.params);
    mx_list(&machine.params, 1);
    mx_matrix(&machine.params, MX_V2, 3, 1, w1);
    mx_names(&machine.params, names, 1);
    zip = machine_zip(&machine);
    artifact_refused(&zip, 1, "a neural topic model (NTM) is not served");
}

/* Each allocation fails in turn. */
static void test_failing_memory(void **state)
{
    struct mx_file files[3];
    MX_BUFFER(kmeans);
    MX_BUFFER(pca);
    MACHINE(machine);

    (void)state;
    kmeans_list(&kmeans, 3, 2);
    pca_list(&pca, true, 3);
    machine_build(&machine, META("\"regressor\""), "LinearRegressionOutput", true);
    files[0] = mx_file("model_algo-1", &kmeans);
    files[1] = mx_file("model_algo-1", &pca);
    files[2] = machine_zip(&machine);
    for (size_t i = 0; i < ARRAY_LENGTH(files); i++) {
        long n;

        for (n = 1; n < 1000; n++) {
            struct model *model = NULL;
            struct err err = ERR_INIT;
            int status;

            mem_fail_at(n);
            status = artifact_load(&files[i], 1, false, NULL, &model, &err);
            mem_fail_at(0);
            model_unref(model);
            if (status == 0 && n > 5)
                break;
            if (status)
                assert_int_equal(err.kind, ERR_MEMORY);
        }
        assert_in_range(n, 6, 999);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kmeans),
        cmocka_unit_test(test_lists_of_others),
        cmocka_unit_test(test_pca),
        cmocka_unit_test(test_factorization_regressor),
        cmocka_unit_test(test_factorization_binary),
        cmocka_unit_test(test_factorization_refused),
        cmocka_unit_test(test_failing_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
