/* k-NN's three files as a model: what is answered, what is told, what is refused. */
#include "tests/unit/unit.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "models/loaders.h"

/* Four vectors of two numbers, at (0, 0), (1, 0), (0, 3), (10, 10). */
static const uint8_t index_file[] = "IxF2"
                                    "\2\0\0\0"
                                    "\4\0\0\0\0\0\0\0"
                                    "\0\0\x10\0\0\0\0\0"
                                    "\0\0\x10\0\0\0\0\0"
                                    "\1"
                                    "\1\0\0\0"
                                    "\x8\0\0\0\0\0\0\0"
                                    "\0\0\0\0\0\0\0\0" /* */
                                    "\0\0\x80\x3f\0\0\0\0"
                                    "\0\0\0\0\0\0\x40\x40"
                                    "\0\0\x20\x41\0\0\x20\x41";

#define LABELS(shape, numbers)                                                                     \
    "\x93NUMPY\1\0\x43\0"                                                                          \
    "{'descr': '<i4', 'fortran_order': False, 'shape': " shape ", }         \n" numbers

static const uint8_t labels_file[] = LABELS("(4,)", "\7\0\0\0\5\0\0\0\7\0\0\0\5\0\0\0");

#define JSON(k, type)                                                                              \
    "{\"normalize\": false, \"dimension_reduction\": {\"type\": \"identity\", \"input_dim\": 2}, " \
    "\"k\": " k ", \"version\": \"1.0\", \"predictor_type\": \"" type "\"}"

struct part {
    const char *name;
    const void *data;
    size_t size;
};

#define INDEX                                                                                      \
    {                                                                                              \
        "model_algo-1", index_file, sizeof(index_file) - 1                                         \
    }
#define LABELS_PART                                                                                \
    {                                                                                              \
        "model_algo-1-labels.npy", labels_file, sizeof(labels_file) - 1                            \
    }
#define TEXT(name, text)                                                                           \
    {                                                                                              \
        name, text, sizeof(text) - 1                                                               \
    }

static struct artifact *make(const struct part *parts, size_t count)
{
    struct artifact *artifact = mem_zero(1, sizeof(*artifact));
    struct err err = ERR_INIT;

    assert_non_null(artifact);
    artifact->kind = ARTIFACT_DIRECTORY;
    artifact->path = strdup("/opt/ml/model");
    for (size_t i = 0; i < count; i++) {
        uint8_t *data = mem_alloc(parts[i].size, 1);

        assert_non_null(data);
        memcpy(data, parts[i].data, parts[i].size);
        assert_int_equal(artifact_add(artifact, parts[i].name, data, parts[i].size, &err), 0);
    }
    return artifact;
}

/* NULL where the loader refuses. */
static struct model *try_load(const struct part *parts, size_t count, struct err *err)
{
    struct artifact *artifact = make(parts, count);
    struct model_options options = MODEL_OPTIONS_DEFAULT;
    struct model *model = mem_zero(1, sizeof(*model));

    assert_ptr_equal(loaders_find(artifact), &knn_loader);
    if (!model) {
        artifact_free(artifact);
        return NULL;
    }
    atomic_init(&model->references, 1);
    if (knn_loader.load(artifact, &options, model, err)) {
        model_unref(model);
        model = NULL;
    }
    artifact_free(artifact);
    return model;
}

static void assert_refused(const struct part *parts, size_t count, enum err_kind kind,
                           const char *text)
{
    struct err err = ERR_INIT;

    assert_null(try_load(parts, count, &err));
    if (err.kind != kind || !strstr(err.text, text))
        fail_msg("kind %d, \"%s\" instead of \"%s\"", err.kind, err.text, text);
}

static struct model *load(const struct part *parts, size_t count)
{
    struct err err = ERR_INIT;
    struct model *model = try_load(parts, count, &err);

    if (!model)
        fail_msg("%s", err.text);
    return model;
}

static void score(const struct model *model, float x, float y, float *ret)
{
    const float row[] = {x, y};
    struct matrix matrix = {.kind = MATRIX_DENSE, .rows = 1, .columns = 2, .values = row};
    struct predictions predictions;
    struct scratch scratch;
    struct err err = ERR_INIT;

    scratch_init(&scratch);
    predictions_init(&predictions);
    if (model_score(model, MODEL_VALUE, &matrix, &scratch, &predictions, &err))
        fail_msg("%s", err.text);
    memcpy(ret, predictions.values, predictions.columns * sizeof(*ret));
    predictions_fini(&predictions);
    scratch_fini(&scratch);
}

static void classifier(void **state)
{
    static const struct part parts[] = {
        INDEX,
        TEXT("model_algo-1.json", JSON("3", "classifier")),
        LABELS_PART,
        TEXT("notes.txt", "about this model"),
        TEXT("model_algo-2", "IxF2 of another host"),
    };
    struct model *model = load(parts, ARRAY_LENGTH(parts));
    const struct builtin *builtin;
    float got[7];

    (void)state;
    builtin = model->builtin;
    assert_int_equal(builtin->family, FAMILY_KNN);
    assert_string_equal(builtin->file, "model_algo-1");
    assert_string_equal(builtin->format, "faiss-flat");
    assert_string_equal(builtin->objective, "classifier, 3 nearest");
    assert_int_equal(builtin->features, 2);
    assert_null(builtin->margin);
    assert_int_equal(builtin->plain_columns, 1);
    assert_int_equal(builtin->csv_count, 0);
    assert_int_equal(model->left_out_count, 2);
    assert_string_equal(model->left_out[0], "notes.txt");
    assert_string_equal(model->left_out[1], "model_algo-2");
    score(model, 2, 0, got); /* (1, 0), (0, 0), (0, 3) */
    assert_true(got[0] == 7);
    assert_true(got[1] == 1 && got[2] == 4 && got[3] == 13);
    assert_true(got[4] == 5 && got[5] == 7 && got[6] == 7);
    model_unref(model);
}

static void fields_and_facts(void **state)
{
    static const struct part parts[] = {LABELS_PART,
                                        TEXT("model_algo-1.json", JSON("2", "classifier")), INDEX};
    struct model *model = load(parts, ARRAY_LENGTH(parts));
    const struct answer_field *fields;
    const struct builtin_fact *facts;

    (void)state;
    fields = model->builtin->fields;
    assert_int_equal(model->builtin->field_count, 3);
    assert_string_equal(fields[0].name, "predicted_label");
    assert_true(fields[0].first == 0 && fields[0].count == 1 && !fields[0].list);
    assert_true(!fields[0].whole && !fields[0].verbose);
    assert_string_equal(fields[1].name, "distances");
    assert_true(fields[1].first == 1 && fields[1].count == 2);
    assert_true(fields[1].list && fields[1].verbose && !fields[1].whole);
    assert_string_equal(fields[2].name, "labels");
    assert_true(fields[2].first == 3 && fields[2].count == 2);
    assert_true(fields[2].list && fields[2].verbose && !fields[2].whole);
    facts = model->builtin->facts;
    assert_int_equal(model->builtin->fact_count, 4);
    assert_string_equal(facts[0].name, "predictor_type");
    assert_string_equal(facts[0].text, "classifier");
    assert_string_equal(facts[1].name, "k");
    assert_true(facts[1].number == 2);
    assert_string_equal(facts[2].name, "vectors");
    assert_int_equal(facts[2].dimensions, 2);
    assert_true(facts[2].shape[0] == 4 && facts[2].shape[1] == 2);
    assert_string_equal(facts[3].name, "version");
    assert_string_equal(facts[3].text, "1.0");
    model_unref(model);
}

static void regressor(void **state)
{
    static const struct part parts[] = {INDEX, LABELS_PART,
                                        TEXT("model_algo-1.json", JSON("4", "regressor"))};
    struct model *model = load(parts, ARRAY_LENGTH(parts));
    float got[9];

    (void)state;
    assert_string_equal(model->builtin->objective, "regressor, 4 nearest");
    assert_int_equal(model->left_out_count, 0);
    score(model, 0, 0, got);
    assert_true(got[0] == 6);
    assert_true(got[4] == 200);
    model_unref(model);
}

/* Of another host's files alone, and parameters of older versions. */
static void other_names_and_parameters(void **state)
{
    static const struct part parts[] = {
        {"model_algo-2", index_file, sizeof(index_file) - 1},
        {"model_algo-2-labels.npy", labels_file, sizeof(labels_file) - 1},
        TEXT("model_algo-2.json",
             "{\"k\": 1, \"predictor_type\": \"classifier\", \"dimension_reduction\": null}"),
    };
    struct model *model = load(parts, ARRAY_LENGTH(parts));

    (void)state;
    assert_string_equal(model->builtin->file, "model_algo-2");
    assert_int_equal(model->builtin->fact_count, 3);
    assert_int_equal(model->left_out_count, 0);
    model_unref(model);
}

static void parameters_refused(void **state)
{
    static const struct {
        const char *text;
        enum err_kind kind;
        const char *why;
    } cases[] = {
        {JSON("5", "classifier"), ERR_INPUT, "k is 5, and the index has 4 vectors"},
        {JSON("0", "classifier"), ERR_INPUT, "k is 0"},
        {JSON("-3", "classifier"), ERR_INPUT, "k is -3"},
        {JSON("1.5", "classifier"), ERR_INPUT, "no k"},
        {JSON("\"3\"", "classifier"), ERR_INPUT, "no k"},
        {JSON("500000", "classifier"), ERR_LIMIT, "k is 500000"},
        {JSON("9223372036854775807", "classifier"), ERR_LIMIT, "k is"},
        {JSON("3", "multi_classifier"), ERR_UNSUPPORTED, "predictor_type 'multi_classifier'"},
        {"{\"k\": 3}", ERR_INPUT, "no predictor_type"},
        {"{\"predictor_type\": \"classifier\"}", ERR_INPUT, "no k"},
        {"{\"k\": 3, \"predictor_type\": \"classifier\", \"normalize\": true}", ERR_UNSUPPORTED,
         "normalize is set"},
        {"{\"k\": 3, \"predictor_type\": \"classifier\", \"normalize\": \"l2\"}", ERR_UNSUPPORTED,
         "normalize is set"},
        {"{\"k\": 3, \"predictor_type\": \"classifier\", \"dimension_reduction\": {\"type\": "
         "\"sign\", \"input_dim\": 9}}",
         ERR_UNSUPPORTED, "dimension_reduction 'sign'"},
        {"{\"k\": 3, \"predictor_type\": \"classifier\", \"dimension_reduction\": {\"type\": "
         "\"identity\", \"input_dim\": 3}}",
         ERR_INPUT, "input_dim is 3, and the vectors of the index have 2"},
        {"{\"k\": 3, \"predictor_type\": \"classifier\", \"dimension_reduction\": {\"type\": "
         "\"identity\"}}",
         ERR_INPUT, "no input_dim"},
        {"{\"k\": 3, \"predictor_type\": \"classifier\", \"dimension_reduction\": {}}", ERR_INPUT,
         "no type"},
        {"{\"k\": 3, \"predictor_type\": \"classifier\", \"dimension_reduction\": \"sign\"}",
         ERR_INPUT, "no object"},
        {"[3]", ERR_INPUT, "no k"},
        {"{\"k\": 3", ERR_INPUT, "line 1"},
        {"", ERR_INPUT, "file 'model_algo-1.json'"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct part parts[] = {
            INDEX, LABELS_PART, {"model_algo-1.json", cases[i].text, strlen(cases[i].text)}};

        assert_refused(parts, ARRAY_LENGTH(parts), cases[i].kind, cases[i].why);
        assert_refused(parts, ARRAY_LENGTH(parts), cases[i].kind, "file 'model_algo-1.json'");
    }
}

static void labels_refused(void **state)
{
    static const struct {
        const char *data;
        size_t size;
        enum err_kind kind;
        const char *why;
    } cases[] = {
#define CASE(text, kind, why) {text, sizeof(text) - 1, kind, why}
        CASE(LABELS("(3,)", "\7\0\0\0\5\0\0\0\7\0\0\0"), ERR_INPUT,
             "3 labels, and the index has 4 vectors"),
        CASE(LABELS("(5,)", "\7\0\0\0\5\0\0\0\7\0\0\0\7\0\0\0\7\0\0\0"), ERR_INPUT, "5 labels"),
        CASE(LABELS("(4,)", "\7\0\0\0"), ERR_INPUT, "4 elements of 4 bytes in 4 bytes"),
        CASE("\x93NUMPY\1\0\x43\0"
             "{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }         \n"
             "\0\0\0\0\0\0\0\0\0\0\xc0\x7f\0\0\0\0",
             ERR_INPUT, "label 2 is not a finite number"),
        CASE("none", ERR_INPUT, "not an array of numpy"),
#undef CASE
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct part parts[] = {INDEX,
                               {"model_algo-1-labels.npy", cases[i].data, cases[i].size},
                               TEXT("model_algo-1.json", JSON("3", "classifier"))};

        assert_refused(parts, ARRAY_LENGTH(parts), cases[i].kind, cases[i].why);
        assert_refused(parts, ARRAY_LENGTH(parts), cases[i].kind, "file 'model_algo-1-labels.npy'");
    }
}

static void files_missing(void **state)
{
    static const struct part no_labels[] = {INDEX,
                                            TEXT("model_algo-1.json", JSON("3", "classifier"))};
    static const struct part no_parameters[] = {INDEX, LABELS_PART};
    static const struct part alone[] = {INDEX};

    (void)state;
    assert_refused(no_labels, 2, ERR_INPUT, "no file 'model_algo-1-labels.npy'");
    assert_refused(no_parameters, 2, ERR_INPUT, "no file 'model_algo-1.json'");
    assert_refused(alone, 1, ERR_INPUT, "no file 'model_algo-1.json'");
}

static void index_refused(void **state)
{
    static const struct {
        const char *data;
        enum err_kind kind;
        const char *why;
    } cases[] = {
        {"IwFl\2\1\1\1\1\1\1\1", ERR_UNSUPPORTED, "IVFFlat"},
        {"IxFI\2\1\1\1\1\1\1\1", ERR_UNSUPPORTED, "inner product"},
        {"IwPQ", ERR_UNSUPPORTED, "IVFPQ"},
        {"IxF2\2", ERR_INPUT, "cut"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct part parts[] = {{"model_algo-1", cases[i].data, strlen(cases[i].data)},
                               LABELS_PART,
                               TEXT("model_algo-1.json", JSON("3", "classifier"))};

        assert_refused(parts, ARRAY_LENGTH(parts), cases[i].kind, cases[i].why);
        assert_refused(parts, ARRAY_LENGTH(parts), cases[i].kind, "file 'model_algo-1'");
    }
}

/* An XGBoost model, whatever lies beside it, is none of k-NN's. */
static void not_ours(void **state)
{
    static const struct part parts[] = {TEXT("xgboost-model", "{\"learner\": {}}"), LABELS_PART,
                                        TEXT("model_algo-1.json", JSON("3", "classifier"))};
    struct artifact *artifact = make(parts, ARRAY_LENGTH(parts));

    (void)state;
    assert_false(knn_loader.probe(artifact));
    artifact_free(artifact);
}

static void no_memory(void **state)
{
    static const struct part parts[] = {INDEX, LABELS_PART,
                                        TEXT("model_algo-1.json", JSON("3", "classifier")),
                                        TEXT("notes.txt", "about this model")};
    struct artifact *artifact = make(parts, ARRAY_LENGTH(parts));
    struct model_options options = MODEL_OPTIONS_DEFAULT;
    int status = -1;
    long n = 1;

    (void)state;
    for (; status; n++) {
        struct model *model = mem_zero(1, sizeof(*model));
        struct err err = ERR_INIT;

        assert_non_null(model);
        atomic_init(&model->references, 1);
        mem_fail_at(n);
        status = knn_loader.load(artifact, &options, model, &err);
        mem_fail_at(0);
        assert_true(status == 0 || err.kind == ERR_MEMORY);
        model_unref(model);
    }
    assert_true(n > 4);
    artifact_free(artifact);
}

/* The real one, from the data of which it was made: 42 vectors of 5 numbers. */
static void golden(void **state)
{
    const char *fixtures = getenv("ENDPOINTD_FIXTURES");
    struct model_options options = MODEL_OPTIONS_DEFAULT;
    static const float zeros[5] = {0};
    struct matrix matrix = {.kind = MATRIX_DENSE, .rows = 1, .columns = 5, .values = zeros};
    struct predictions predictions;
    struct scratch scratch;
    struct model *model = NULL;
    struct err err = ERR_INIT;
    char path[1024];
    FILE *file;

    (void)state;
    snprintf(path, sizeof(path), "%s/linear-learner/knn-classifier.model.tar.gz",
             fixtures ? fixtures : "");
    file = fopen(path, "rb");
    if (!file) {
        print_message("skipped: no %s\n", path);
        skip();
    }
    fclose(file);
    if (model_load(path, &options, &model, &err))
        fail_msg("%s", err.text);
    assert_int_equal(model->family, FAMILY_KNN);
    assert_string_equal(model->builtin->objective, "classifier, 3 nearest");
    assert_int_equal(model->features, 5);
    assert_int_equal(model->builtin->facts[2].shape[0], 42);
    assert_int_equal(model->left_out_count, 0);
    scratch_init(&scratch);
    predictions_init(&predictions);
    assert_int_equal(model_score(model, MODEL_VALUE, &matrix, &scratch, &predictions, &err), 0);
    assert_int_equal(predictions.columns, 7);
    assert_true(predictions.values[0] == 0 || predictions.values[0] == 1);
    assert_true(predictions.values[1] <= predictions.values[2] &&
                predictions.values[2] <= predictions.values[3]);
    predictions_fini(&predictions);
    scratch_fini(&scratch);
    model_unref(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classifier),
        cmocka_unit_test(fields_and_facts),
        cmocka_unit_test(regressor),
        cmocka_unit_test(other_names_and_parameters),
        cmocka_unit_test(parameters_refused),
        cmocka_unit_test(labels_refused),
        cmocka_unit_test(files_missing),
        cmocka_unit_test(index_refused),
        cmocka_unit_test(not_ours),
        cmocka_unit_test(no_memory),
        cmocka_unit_test(golden),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
