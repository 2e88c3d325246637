/* What the writer writes, libxgboost loads and scores as we do; and the backend's own rules.
 * Skipped where libxgboost is not installed. */
#include <dirent.h>
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "algorithms/xgboost_backend.h"
#include "models/xgboost_writer.h"
#include "tests/unit/build_model.h"

#define NEED_LIBRARY()                                                                             \
    do {                                                                                           \
        if (!xgboost_backend_version()) {                                                          \
            print_message("# libxgboost is not installed\n");                                      \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

static struct xgboost_backend *open_model(const struct xgb_model *model, uint32_t trees,
                                          const float *base_margin)
{
    struct xgboost_backend *backend = NULL;
    struct err err = ERR_INIT;
    struct buffer document;

    buffer_init(&document, 1 << 20);
    if (xgb_write(model, trees, &document, &err) ||
        xgboost_backend_new(bytes_of(document.data, document.size), base_margin, model->outputs,
                            model->features, &backend, &err))
        fail_msg("%s: %s", model->objective_text, err.text);
    buffer_fini(&document);
    return backend;
}

/* rows x columns dense values -> numbers; returns the columns of the answer. */
static size_t predict(struct xgboost_backend *backend, const float *values, size_t rows,
                      size_t columns, enum xgboost_output output, float *ret, size_t room)
{
    struct matrix matrix = {
        .kind = MATRIX_DENSE, .rows = rows, .columns = columns, .values = values};
    struct predictions predictions;
    struct err err = ERR_INIT;
    size_t answer;

    predictions_init(&predictions);
    if (xgboost_backend_predict(backend, &matrix, output, &predictions, &err))
        fail_msg("%s", err.text);
    answer = predictions.columns;
    assert_int_equal(predictions.rows, rows);
    assert_true(rows * answer <= room);
    memcpy(ret, predictions.values, rows * answer * sizeof(float));
    predictions_fini(&predictions);
    return answer;
}

static void predict_fails(struct xgboost_backend *backend, const struct matrix *matrix,
                          enum xgboost_output output, enum err_kind kind, const char *text)
{
    struct predictions predictions;
    struct err err = ERR_INIT;

    predictions_init(&predictions);
    assert_int_equal(xgboost_backend_predict(backend, matrix, output, &predictions, &err), -1);
    if (err.kind != kind || !strstr(err.text, text))
        fail_msg("error %d '%s'", (int)err.kind, err.text);
    assert_int_equal(predictions.rows, 0);
    predictions_fini(&predictions);
}

/* Node 1 is deleted; 4 is by category {1, 31}. */
static const struct build_node with_all[] = {
    {.left = 2, .feature = 0, .value = 0.0f, .default_left = 1},
    {.left = -1, .feature = 5, .value = 3.0f},
    {.left = -1, .value = -1.25f},
    {.left = 4, .feature = 2, .value = -0.0f},
    {.left = 6, .feature = 1, .value = NAN, .default_left = 0, .categories = 0x80000002},
    {.left = -1, .value = 10.0f},
    {.left = -1, .value = 0.1f},
    {.left = -1, .value = 0.7f},
};

static void test_leaves_and_margins(void **state)
{
    static const float rows[][3] = {
        {-1e-45f, 0, 0},      /* 2 */
        {NAN, 1, -1},         /* missing: 2 */
        {0, 1, -1},           /* {1}: 7 */
        {-0.0f, 31.9f, -1},   /* {31}: 7 */
        {0, 0, -1},           /* 6 */
        {0, 32, -1},          /* 6 */
        {0, -0.5f, -1},       /* 6 */
        {0, 16777216.0f, -1}, /* 6 */
        {0, NAN, -1},         /* missing: 7 */
        {0, 1, -0.0f},        /* 5 */
        {FLT_MAX, 1, 0},      /* 5 */
    };
    static const float leaves[] = {2, 2, 7, 7, 6, 6, 6, 6, 7, 5, 5};
    struct xgb_model *model = build_model("reg:squarederror", 3, 1);
    struct xgboost_backend *backend;
    float base = 0.3f;
    float got[11];

    (void)state;
    NEED_LIBRARY();
    build_tree(model, 0, with_all, 8);
    build_finish(model);
    backend = open_model(model, 1, &base);
    assert_int_equal(predict(backend, rows[0], 11, 3, XGBOOST_LEAVES, got, 11), 1);
    assert_memory_equal(got, leaves, sizeof(leaves));
    assert_int_equal(predict(backend, rows[0], 11, 3, XGBOOST_MARGIN, got, 11), 1);
    for (size_t i = 0; i < 11; i++)
        assert_true(got[i] == base + with_all[(size_t)leaves[i]].value);
    xgboost_backend_free(backend);
    xgb_model_free(model);
}

/* Every objective that 1.7 has loads, and transforms as ours. */
static void test_objectives(void **state)
{
    (void)state;
    NEED_LIBRARY();
    for (int o = OBJECTIVE_UNKNOWN; o < OBJECTIVE_COUNT; o++) {
        bool multi = o % 2 || o == OBJECTIVE_SOFTMAX || o == OBJECTIVE_SOFTPROB;
        const char *name = o == OBJECTIVE_UNKNOWN ? "my:own" : objective_name((enum objective)o);
        struct xgb_model *model = build_model(name, 2, 3);
        struct objective_rules rules = {0};
        static const float rows[] = {-1, -1, 0, 0.5f, 1, NAN, NAN, -3};
        static const float base[] = {0.25f, -0.5f, 0.125f};
        struct xgboost_backend *backend;
        float margins[12], values[12];
        size_t columns;

        if (o == OBJECTIVE_QUANTILE || o == OBJECTIVE_EXPECTILE) {
            xgb_model_free(model);
            continue;
        }
        for (uint32_t t = 0; t < 3; t++) {
            build_full_tree(model, t);
            model->tree_output[t] = multi ? (int32_t)t : 0;
        }
        model->num_class = multi ? 3 : 0;
        build_finish(model);
        backend = open_model(model, 3, base);
        assert_int_equal(predict(backend, rows, 4, 2, XGBOOST_MARGIN, margins, 12), model->outputs);
        columns = predict(backend, rows, 4, 2, XGBOOST_VALUE, values, 12);
        assert_int_equal(columns, objective_columns((enum objective)o, model->outputs));
        objective_transform((enum objective)o, &rules, margins, 4, model->outputs);
        assert_memory_equal(values, margins, 4 * columns * sizeof(float));
        xgboost_backend_free(backend);
        xgb_model_free(model);
    }
}

static const struct build_node stump[] = {
    {.left = 1, .feature = 0, .value = 0.5f},
    {.left = -1, .value = 1.0f},
    {.left = -1, .value = 2.0f},
};

static void test_targets(void **state)
{
    static const float rows[] = {0, 1};
    static const float base[] = {10, 20};
    static const float want[] = {11, 22, 12, 24};
    struct xgb_model *model = build_model("reg:squarederror", 1, 3);
    struct xgboost_backend *backend;
    static const float leaves[] = {1, 1, 1, 2, 2, 2};
    float got[8];

    (void)state;
    NEED_LIBRARY();
    for (uint32_t t = 0; t < 3; t++) {
        build_tree(model, t, stump, 3);
        model->tree_output[t] = t > 0;
    }
    model->num_target = 2;
    build_finish(model);
    backend = open_model(model, 3, base);
    assert_int_equal(predict(backend, rows, 2, 1, XGBOOST_MARGIN, got, 4), 2);
    assert_memory_equal(got, want, sizeof(want));
    assert_int_equal(predict(backend, rows, 2, 1, XGBOOST_LEAVES, got, 8), 3);
    assert_memory_equal(got, leaves, sizeof(leaves));
    assert_int_equal(predict(backend, rows, 2, 1, XGBOOST_CONTRIBUTIONS, got, 8), 4);
    for (int i = 0; i < 4; i++)
        assert_true(fabsf(got[2 * i] + got[2 * i + 1] - want[i]) < 1e-5f);
    xgboost_backend_free(backend);
    xgb_model_free(model);
}

/* The first trees only, and none. */
static void test_tree_count(void **state)
{
    struct xgb_model *model = build_model("binary:logitraw", 1, 3);
    float base = 0.5f, row = 0, got[3];

    (void)state;
    NEED_LIBRARY();
    for (uint32_t t = 0; t < 3; t++)
        build_tree(model, t, stump, 3);
    build_finish(model);
    for (uint32_t trees = 0; trees <= 3; trees++) {
        struct xgboost_backend *backend = open_model(model, trees, &base);
        struct matrix matrix = {.rows = 1, .columns = 1, .values = &row};

        assert_int_equal(predict(backend, &row, 1, 1, XGBOOST_MARGIN, got, 3), 1);
        assert_true(got[0] == 0.5f + (float)trees);
        if (trees == 0)
            predict_fails(backend, &matrix, XGBOOST_LEAVES, ERR_SYSTEM, "0 numbers for 1 rows");
        else
            assert_int_equal(predict(backend, &row, 1, 1, XGBOOST_LEAVES, got, 3), trees);
        xgboost_backend_free(backend);
    }
    xgb_model_free(model);
}

static void test_dart(void **state)
{
    static float weights[] = {0.5f, 0.25f};
    struct xgb_model *model = build_model("reg:squarederror", 1, 2);
    struct xgboost_backend *backend;
    float base = 1, row = 0, infinite = INFINITY, got[2];
    struct matrix matrix = {.rows = 1, .columns = 1, .values = &infinite};

    (void)state;
    NEED_LIBRARY();
    build_tree(model, 0, stump, 3);
    build_tree(model, 1, stump, 3);
    model->dart = true;
    model->tree_weight = weights;
    build_finish(model);
    backend = open_model(model, 2, &base);
    assert_int_equal(predict(backend, &row, 1, 1, XGBOOST_MARGIN, got, 1), 1);
    assert_true(got[0] == 1.75f);
    predict_fails(backend, &matrix, XGBOOST_MARGIN, ERR_INPUT, "dart");
    assert_int_equal(predict(backend, &row, 1, 1, XGBOOST_CONTRIBUTIONS, got, 2), 2);
    assert_true(fabsf(got[0] + got[1] - 1.75f) < 1e-6f);
    xgboost_backend_free(backend);
    xgb_model_free(model);
}

static void test_gblinear(void **state)
{
    /* 2 features, 2 outputs, then the biases */
    static float weights[] = {1, 2, 10, 20, 100, 200};
    static const float base[] = {0.5f, 0.25f};
    static const float rows[] = {2, 3, NAN, 1};
    static const float want[] = {132.5f, 264.25f, 110.5f, 220.25f};
    static const char *const objectives[] = {"multi:softprob", "reg:squarederror", "my:own"};
    float infinite[] = {INFINITY, 0};
    struct matrix matrix = {.rows = 1, .columns = 2, .values = infinite};
    float got[4];

    (void)state;
    NEED_LIBRARY();
    for (int i = 0; i < 3; i++) {
        struct xgb_model *model = build_model(objectives[i], 2, 0);
        struct xgboost_backend *backend;

        model->booster = XGB_GBLINEAR;
        model->num_class = 2;
        model->linear_weights = weights;
        model->linear_weight_count = 6;
        build_finish(model);
        backend = open_model(model, 0, base);
        assert_int_equal(predict(backend, rows, 2, 2, XGBOOST_MARGIN, got, 4), 2);
        assert_memory_equal(got, want, sizeof(want));
        assert_int_equal(predict(backend, rows, 2, 2, XGBOOST_VALUE, got, 4), 2);
        if (i > 0)
            assert_memory_equal(got, want, sizeof(want));
        predict_fails(backend, &matrix, XGBOOST_VALUE, ERR_INPUT, "gblinear");
        xgboost_backend_free(backend);
        xgb_model_free(model);
    }
}

/* In place, margin and value, with a base margin per output; and a matrix narrower than the model.
 */
static void test_infinities(void **state)
{
    static const float rows[] = {INFINITY, -INFINITY, 0.25f};
    static const float base[] = {10, 20};
    static const float want[] = {12, 22, 11, 21, 11, 21};
    struct xgb_model *model = build_model("reg:squarederror", 70000, 2);
    struct matrix matrix = {.rows = 3, .columns = 1, .values = rows};
    struct xgboost_backend *backend;
    float got[6];

    (void)state;
    NEED_LIBRARY();
    build_tree(model, 0, stump, 3);
    build_tree(model, 1, stump, 3);
    model->tree_output[1] = 1;
    model->num_target = 2;
    build_finish(model);
    backend = open_model(model, 2, base);
    assert_int_equal(predict(backend, rows, 3, 1, XGBOOST_MARGIN, got, 6), 2);
    assert_memory_equal(got, want, sizeof(want));
    assert_int_equal(predict(backend, rows, 3, 1, XGBOOST_VALUE, got, 6), 2);
    assert_memory_equal(got, want, sizeof(want));
    predict_fails(backend, &matrix, XGBOOST_LEAVES, ERR_INPUT, "infinite");
    predict_fails(backend, &matrix, XGBOOST_CONTRIBUTIONS, ERR_INPUT, "infinite");
    xgboost_backend_free(backend);
    xgb_model_free(model);
}

/* A stored 0 is a value; an absent entry and a NaN are missing. */
static void test_csr(void **state)
{
    static const float values[] = {0, NAN, 1};
    static const size_t row_start[] = {0, 1, 2, 2, 3};
    static const uint32_t column[] = {1, 1, 1};
    static const uint32_t beyond[] = {1, 1, 2};
    static const struct build_node tree[] = {
        {.left = 1, .feature = 1, .value = 0.5f, .default_left = 0},
        {.left = -1, .value = 1.0f},
        {.left = -1, .value = 2.0f},
    };
    static const float want[] = {1, 2, 2, 2};
    struct xgb_model *model = build_model("reg:squarederror", 2, 1);
    struct matrix matrix = {.kind = MATRIX_CSR,
                            .rows = 4,
                            .columns = 2,
                            .values = values,
                            .row_start = row_start,
                            .column = column};
    struct predictions predictions;
    struct xgboost_backend *backend;
    struct err err = ERR_INIT;
    float base = 0;

    (void)state;
    NEED_LIBRARY();
    build_tree(model, 0, tree, 3);
    build_finish(model);
    backend = open_model(model, 1, &base);
    predictions_init(&predictions);
    assert_int_equal(xgboost_backend_predict(backend, &matrix, XGBOOST_MARGIN, &predictions, &err),
                     0);
    assert_memory_equal(predictions.values, want, sizeof(want));
    predictions_fini(&predictions);
    matrix.column = beyond;
    predict_fails(backend, &matrix, XGBOOST_MARGIN, ERR_INPUT, "row 3: column 2");
    matrix = (struct matrix){.rows = 1, .columns = 3, .values = want};
    predict_fails(backend, &matrix, XGBOOST_MARGIN, ERR_INPUT, "3 columns");
    xgboost_backend_free(backend);
    xgb_model_free(model);
}

/* SHAP: with the covers right, the contributions of a stump are known, and they sum to the margin.
 */
static void test_contributions(void **state)
{
    static const float rows[] = {0, NAN, 7};
    struct xgb_model *model = build_model("binary:logistic", 3, 1);
    struct xgboost_backend *backend;
    float base = 0.25f, got[12];

    (void)state;
    NEED_LIBRARY();
    build_tree(model, 0, stump, 3);
    model->trees[0].sum_hessian[0] = 4;
    model->trees[0].sum_hessian[1] = 3;
    build_finish(model);
    backend = open_model(model, 1, &base);
    /* the mean leaf is (3 * 1 + 1 * 2) / 4 */
    assert_int_equal(predict(backend, rows, 1, 3, XGBOOST_CONTRIBUTIONS, got, 12), 4);
    assert_true(got[0] == -0.25f && got[1] == 0 && got[2] == 0 && got[3] == 1.5f);
    /* a narrower matrix is answered for all features */
    assert_int_equal(predict(backend, rows, 1, 1, XGBOOST_CONTRIBUTIONS, got, 12), 4);
    assert_true(got[0] == -0.25f && got[3] == 1.5f);
    xgboost_backend_free(backend);
    xgb_model_free(model);
}

static int threads(void)
{
    DIR *directory = opendir("/proc/self/task");
    int count = 0;

    if (!directory)
        skip();
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

/* Neither loading nor predicting starts a thread. */
static void test_one_thread(void **state)
{
    struct xgb_model *model = build_model("reg:squarederror", 3, 64);
    float rows[3000] = {0}, got[1000], base = 0;
    struct xgboost_backend *backend;
    int before = threads();

    (void)state;
    NEED_LIBRARY();
    for (uint32_t t = 0; t < 64; t++)
        build_full_tree(model, t);
    build_finish(model);
    backend = open_model(model, 64, &base);
    assert_int_equal(predict(backend, rows, 1000, 3, XGBOOST_MARGIN, got, 1000), 1);
    rows[0] = INFINITY;
    assert_int_equal(predict(backend, rows, 1000, 3, XGBOOST_MARGIN, got, 1000), 1);
    assert_int_equal(threads(), before);
    xgboost_backend_free(backend);
    xgb_model_free(model);
}

static void write_fails(const struct xgb_model *model, size_t max, enum err_kind kind,
                        const char *text)
{
    struct buffer document;
    struct err err = ERR_INIT;

    buffer_init(&document, max);
    assert_int_equal(xgb_write(model, model->tree_count, &document, &err), -1);
    if (err.kind != kind || !strstr(err.text, text))
        fail_msg("error %d '%s', not '%s'", (int)err.kind, err.text, text);
    buffer_fini(&document);
}

static void test_unsupported_model(void **state)
{
    static const char *const objectives[] = {"reg:quantileerror", "reg:expectileerror"};
    struct xgb_model *model;

    (void)state;
    for (int i = 0; i < 2; i++) {
        model = build_model(objectives[i], 1, 0);
        build_finish(model);
        write_fails(model, 1 << 20, ERR_UNSUPPORTED, objectives[i]);
        xgb_model_free(model);
    }
    model = build_model("reg:squarederror", 0, 0);
    build_finish(model);
    write_fails(model, 1 << 20, ERR_UNSUPPORTED, "without features");
    xgb_model_free(model);
    model = build_model("reg:squarederror", 1, 1);
    build_tree(model, 0, stump, 3);
    model->num_target = 2;
    model->trees[0].leaf_width = 2;
    model->trees[0].leaf_vectors = arena_zero(&model->arena, 6, sizeof(float));
    build_finish(model);
    write_fails(model, 1 << 20, ERR_UNSUPPORTED, "leaves of several values");
    xgb_model_free(model);
}

static void test_unsupported_tree(void **state)
{
    struct build_node chain[2 * (XGB_WRITE_DEPTH_MAX + 1) + 1];
    struct xgb_model *model = build_model("reg:squarederror", 3, 1);
    uint32_t nodes = ARRAY_LENGTH(chain);

    (void)state;
    build_tree(model, 0, with_all, 8);
    model->trees[0].left[3] = 5;
    model->trees[0].right[3] = 4;
    build_finish(model);
    write_fails(model, 1 << 20, ERR_UNSUPPORTED, "tree 0, node 3");
    build_tree(model, 0, with_all, 8);
    for (int n = 5; n <= 8; n++)
        model->trees[0].category_start[n] = 0;
    build_finish(model);
    write_fails(model, 1 << 20, ERR_UNSUPPORTED, "without a category");
    /* one level deeper than the limit; without its last two nodes it is at the limit */
    for (uint32_t n = 0; n < nodes; n++)
        chain[n] = (struct build_node){.left = n % 2 == 0 && n + 2 < nodes ? (int32_t)n + 1 : -1};
    build_tree(model, 0, chain, nodes);
    build_finish(model);
    write_fails(model, 1 << 24, ERR_UNSUPPORTED, "deeper");
    chain[nodes - 3].left = -1;
    build_tree(model, 0, chain, nodes - 2);
    build_finish(model);
    write_fails(model, 1 << 10, ERR_LIMIT, "larger than 1024 bytes");
    if (xgboost_backend_version()) {
        float base = 0, row[3] = {-1, 0, 0}, got[4];
        struct xgboost_backend *backend = open_model(model, 1, &base);

        assert_int_equal(predict(backend, row, 1, 3, XGBOOST_CONTRIBUTIONS, got, 4), 4);
        xgboost_backend_free(backend);
    }
    xgb_model_free(model);
}

/* 1.7.4 makes a bit set of up to 2 MB of each such split. */
static void test_many_categories(void **state)
{
    struct xgb_model *model = build_model("reg:squarederror", 3, 129);

    (void)state;
    for (uint32_t t = 0; t < 129; t++) {
        build_tree(model, t, with_all, 8);
        model->trees[t].categories[1] = TREE_CATEGORY_MAX;
    }
    build_finish(model);
    write_fails(model, 1 << 20, ERR_UNSUPPORTED, "tree 128: ");
    xgb_model_free(model);
}

static void test_memory(void **state)
{
    struct xgb_model *model = build_model("reg:squarederror", 3, 1);
    long n;

    (void)state;
    build_tree(model, 0, with_all, 8);
    build_finish(model);
    for (n = 1;; n++) {
        struct buffer document;
        struct err err = ERR_INIT;
        int result;

        buffer_init(&document, 1 << 20);
        mem_fail_at(n);
        result = xgb_write(model, 1, &document, &err);
        mem_fail_at(0);
        buffer_fini(&document);
        if (result == 0)
            break;
        assert_int_equal(err.kind, ERR_MEMORY);
    }
    assert_true(n > 6);
    xgb_model_free(model);
}

/* The library's own words, without time and path. */
static void test_refusal(void **state)
{
    static const char text[] = "{L\0\0\0\0\0\0\0\7learner{}}";
    struct xgboost_backend *backend = NULL;
    struct err err = ERR_INIT;
    float base = 0;

    (void)state;
    NEED_LIBRARY();
    assert_int_equal(
        xgboost_backend_new(bytes_of(text, sizeof(text) - 1), &base, 1, 1, &backend, &err), -1);
    assert_int_equal(err.kind, ERR_SYSTEM);
    assert_null(backend);
    assert_non_null(strstr(err.text, "libxgboost cannot load the model: "));
    assert_null(strchr(err.text, '\n'));
    assert_null(strstr(err.text, ".cc:"));
    assert_null(strstr(err.text, "["));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* first: threads of earlier work would stay */
        cmocka_unit_test(test_one_thread),
        cmocka_unit_test(test_leaves_and_margins),
        cmocka_unit_test(test_objectives),
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_tree_count),
        cmocka_unit_test(test_dart),
        cmocka_unit_test(test_gblinear),
        cmocka_unit_test(test_infinities),
        cmocka_unit_test(test_csr),
        cmocka_unit_test(test_contributions),
        cmocka_unit_test(test_unsupported_model),
        cmocka_unit_test(test_unsupported_tree),
        cmocka_unit_test(test_many_categories),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_refusal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
