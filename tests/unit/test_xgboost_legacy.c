/* The legacy binary reader: a file of each era, built here field by field, and what such files can
 * lie about. */
#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "algorithms/forest.h"
#include "algorithms/gblinear.h"
#include "base/memory.h"
#include "models/xgboost_load.h"

/* A file in the making; at most 64 KB. */
struct file {
    uint8_t data[65536];
    size_t size;
    size_t learner; /* where the parts begin, for tests that falsify them */
    size_t booster;
    size_t tree;
    size_t trailer;
};

static void put(struct file *f, const void *bytes, size_t n)
{
    assert_true(f->size + n <= sizeof(f->data));
    memcpy(f->data + f->size, bytes, n);
    f->size += n;
}

static void store32(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
    at[2] = (uint8_t)(value >> 16);
    at[3] = (uint8_t)(value >> 24);
}

static void put32(struct file *f, uint32_t value)
{
    uint8_t bytes[4];

    store32(bytes, value);
    put(f, bytes, 4);
}

static void put64(struct file *f, uint64_t value)
{
    put32(f, (uint32_t)value);
    put32(f, (uint32_t)(value >> 32));
}

static void putf(struct file *f, float value)
{
    uint32_t bits;

    memcpy(&bits, &value, 4);
    put32(f, bits);
}

static void put_zeros(struct file *f, size_t n)
{
    static const uint8_t zeros[160];

    put(f, zeros, n);
}

static void put_text(struct file *f, const char *text)
{
    put64(f, strlen(text));
    put(f, text, strlen(text));
}

struct head {
    const char *prefix;
    float base_score;
    uint32_t features, num_class, attributes, metrics, major, minor, num_target;
    const char *objective, *booster;
    int padded; /* the 0.4 length */
};

static void put_head(struct file *f, struct head h)
{
    f->size = 0;
    put(f, h.prefix, strlen(h.prefix));
    f->learner = f->size;
    putf(f, h.base_score);
    put32(f, h.features);
    put32(f, h.num_class);
    put32(f, h.attributes);
    put32(f, h.metrics);
    put32(f, h.major);
    put32(f, h.minor);
    put32(f, h.num_target);
    put_zeros(f, 136 - 32);
    if (h.padded) {
        put64(f, (uint64_t)strlen(h.objective) << 32);
        put32(f, 0xabababab);
        put(f, h.objective, strlen(h.objective));
    } else {
        put_text(f, h.objective);
    }
    put_text(f, h.booster);
    f->booster = f->size;
}

static void put_forest(struct file *f, uint32_t trees, uint32_t roots, uint32_t output_groups)
{
    put32(f, trees);
    put32(f, roots);
    put32(f, 0);
    put_zeros(f, 12);
    put32(f, output_groups);
    put_zeros(f, 160 - 28);
    f->tree = f->size;
}

static void put_node(struct file *f, uint32_t parent, int32_t left, int32_t right, uint32_t split,
                     float value)
{
    put32(f, parent);
    put32(f, (uint32_t)left);
    put32(f, (uint32_t)right);
    put32(f, split);
    putf(f, value);
}

/* feature 1 < 2.5 (missing goes left): `low`, else `high`; a deleted node lies in between. */
static void put_tree(struct file *f, uint32_t size_leaf_vector, float low, float high)
{
    put32(f, 1);
    put32(f, 4);
    put32(f, 1);
    put32(f, 0);
    put32(f, 3);
    put32(f, size_leaf_vector);
    put_zeros(f, 148 - 24);
    put_node(f, 0xffffffffu, 2, 3, 0x80000001u, 2.5f);
    put_node(f, 0, 17, -9, 0xffffffffu, 7.0f);
    put_node(f, 0x80000000u, -1, -1, 0, low);
    put_node(f, 0, -1, -1, 0, high);
    for (int i = 0; i < 4; i++) {
        putf(f, 0.5f);
        putf(f, 10.0f + (float)i);
        putf(f, 0.25f);
        put32(f, 0);
    }
}

static const struct head head_09 = {.prefix = "",
                                    .base_score = 0.25f,
                                    .features = 3,
                                    .objective = "reg:linear",
                                    .booster = "gbtree"};

/* A file of 1.2, complete. */
static void put_whole(struct file *f)
{
    put_head(f, (struct head){.prefix = "binf",
                              .base_score = 0.5f,
                              .features = 3,
                              .attributes = 1,
                              .metrics = 1,
                              .major = 1,
                              .minor = 2,
                              .objective = "binary:logistic",
                              .booster = "gbtree"});
    put_forest(f, 2, 1, 0);
    put_tree(f, 0, -1.0f, 1.0f);
    put_tree(f, 0, -0.5f, 0.5f);
    put32(f, 0);
    put32(f, 0);
    f->trailer = f->size;
    put64(f, 4);
    put_text(f, "best_iteration");
    put_text(f, "7");
    put_text(f, "best_ntree_limit");
    put_text(f, "8");
    put_text(f, "best_score");
    put_text(f, "0.5");
    put_text(f, "scikit_learn");
    put_text(f, "{}");
}

static struct xgb_model *new_model(void)
{
    struct xgb_model *model = xgb_model_new(1 << 20);

    assert_non_null(model);
    return model;
}

/* The model of a file that must be good. */
static struct xgb_model *read_good(const struct file *f)
{
    struct xgb_model *model = new_model();
    struct err err = ERR_INIT;

    if (xgb_legacy_read(bytes_of(f->data, f->size), 0, model, &err) ||
        xgb_model_finish(model, &err))
        fail_msg("%s", err.text);
    return model;
}

/* Reads a copy of exactly `size` bytes, which must be refused with a text that has `text` in it. */
static void read_bad(const struct file *f, size_t size, enum err_kind kind, const char *text)
{
    struct xgb_model *model = new_model();
    struct err err = ERR_INIT;
    uint8_t *copy = malloc(size ? size : 1);

    assert_non_null(copy);
    memcpy(copy, f->data, size);
    assert_int_equal(xgb_legacy_read(bytes_of(copy, size), 100, model, &err), -1);
    if (err.kind != kind || !strstr(err.text, text) || strncmp(err.text, "offset ", 7) != 0)
        fail_msg("error %d '%s', not %d '%s'", (int)err.kind, err.text, (int)kind, text);
    /* a lie about a count has cost no memory to speak of */
    assert_true(model->arena.used <= 16384);
    xgb_model_free(model);
    free(copy);
}

static float margin(const struct xgb_model *model, float x1)
{
    float row[3] = {0, x1, 0};
    struct matrix matrix = {.rows = 1, .columns = 3, .values = row};
    float base[8] = {0};
    struct forest_spec spec = {.trees = model->trees,
                               .tree_output = model->tree_output,
                               .tree_weight = model->tree_weight,
                               .tree_count = model->tree_count,
                               .features = model->features,
                               .outputs = model->outputs,
                               .base_margin = base};
    struct scratch scratch;
    struct scorer *scorer;
    struct err err = ERR_INIT;
    float margins[8];

    assert_int_equal(forest_new(&spec, &scorer, &err), 0);
    scratch_init(&scratch);
    assert_int_equal(scorer_score(scorer, &matrix, &scratch, margins, &err), 0);
    scratch_fini(&scratch);
    scorer_free(scorer);
    return margins[0];
}

static void test_tree(void **state)
{
    struct file f;
    struct xgb_model *model;

    (void)state;
    put_whole(&f);
    model = read_good(&f);
    assert_string_equal(model->format, "legacy-binary");
    assert_string_equal(model->objective_text, "binary:logistic");
    assert_int_equal(model->tree_count, 2);
    assert_int_equal(model->trees[0].nodes, 4);
    assert_int_equal(model->trees[0].left[0], 2);
    assert_int_equal(model->trees[0].right[0], 3);
    assert_int_equal(model->trees[0].feature[0], 1);
    assert_int_equal(model->trees[0].default_left[0], 1);
    assert_int_equal(model->trees[0].feature[1], TREE_DELETED);
    assert_int_equal(model->trees[0].left[1], -1);
    assert_true(model->trees[0].sum_hessian[3] == 13.0f);
    assert_true(margin(model, 2.0f) == -1.5f);
    assert_true(margin(model, 2.5f) == 1.5f);
    assert_true(margin(model, NAN) == -1.5f);
    xgb_model_free(model);
}

static void test_attributes(void **state)
{
    struct file f;
    struct xgb_model *model;

    (void)state;
    put_whole(&f);
    model = read_good(&f);
    assert_true(model->version.known);
    assert_int_equal(model->version.major, 1);
    assert_int_equal(model->version.minor, 2);
    assert_false(model->base_score_is_margin);
    assert_true(model->base_score[0] == 0.5f);
    assert_int_equal(model->best_iteration, 7);
    assert_int_equal(model->best_ntree_limit, 8);
    assert_int_equal(model->pickle_best_ntree_limit, -1);
    assert_true(model->early_stopped);
    xgb_model_free(model);
}

/* 0.4: "binf", no roots, padding before the objective, nothing after the trees. */
static void test_era_04(void **state)
{
    struct head head = head_09;
    struct file f;
    struct xgb_model *model;

    (void)state;
    head.prefix = "binf";
    head.padded = 1;
    head.num_class = 2;
    head.attributes = 1; /* 0.4 kept there whether a prediction buffer was saved */
    head.objective = "multi:softprob";
    put_head(&f, head);
    put_forest(&f, 2, 0, 2);
    put_tree(&f, 0, 1.0f, 2.0f);
    put_tree(&f, 0, 3.0f, 4.0f);
    put32(&f, 0);
    put32(&f, 1);
    model = read_good(&f);
    assert_false(model->version.known);
    assert_true(model->base_score_is_margin);
    assert_int_equal(model->outputs, 2);
    assert_int_equal(model->tree_output[1], 1);
    assert_string_equal(model->objective_text, "multi:softprob");
    xgb_model_free(model);
}

/* Before 1.0: a string for count:poisson, then the metrics. */
static void test_era_09(void **state)
{
    struct head head = head_09;
    struct file f;
    struct xgb_model *model;

    (void)state;
    head.attributes = head.metrics = 1;
    head.objective = "count:poisson";
    put_head(&f, head);
    put_forest(&f, 1, 1, 1);
    put_tree(&f, 0, 1.0f, 2.0f);
    put32(&f, 0);
    put64(&f, 1);
    put_text(&f, "count_poisson_max_delta_step");
    put_text(&f, "0.7");
    f.trailer = f.size;
    put_text(&f, "0.7");
    put64(&f, 2);
    put_text(&f, "rmse");
    put_text(&f, "poisson-nloglik");
    assert_true(xgb_legacy_probe(bytes_of(f.data, f.size)));
    model = read_good(&f);
    assert_false(model->version.known);
    assert_true(model->base_score_is_margin);
    assert_true(model->base_score[0] == 0.25f);
    assert_int_equal(model->num_parallel_tree, 1);
    assert_false(model->early_stopped);
    assert_int_equal(model->best_iteration, -1);
    assert_int_equal(model->best_ntree_limit, -1);
    xgb_model_free(model);
    read_bad(&f, f.size - 1, ERR_INPUT, "metrics");
    read_bad(&f, f.trailer + 9, ERR_INPUT, "max_delta_step");
    /* 0.6 may have neither */
    f.size = f.trailer;
    model = read_good(&f);
    assert_int_equal(model->tree_count, 1);
    xgb_model_free(model);
}

/* Leaf vectors beside the leaf values that count. */
static void test_leaf_vector_before_10(void **state)
{
    struct file f;
    struct xgb_model *model;

    (void)state;
    put_head(&f, head_09);
    put_forest(&f, 1, 1, 1);
    put_tree(&f, 2, 1.0f, 2.0f);
    put64(&f, 3);
    put_zeros(&f, 12);
    put32(&f, 0);
    model = read_good(&f);
    assert_true(margin(model, 9.0f) == 2.0f);
    xgb_model_free(model);
    store32(f.data + f.tree + 148 + 4 * 36, 0x10000000);
    read_bad(&f, f.size, ERR_INPUT, "leaf vectors");
}

/* Release candidates of 1.0 say version 0.0, but are of 1.0. */
static void test_era_10rc(void **state)
{
    for (int with_version = 0; with_version < 2; with_version++) {
        struct head head = head_09;
        struct file f;
        struct xgb_model *model;

        (void)state;
        head.base_score = 0.5f;
        head.attributes = 1;
        head.objective = "multi:softmax";
        put_head(&f, head);
        put_forest(&f, 3, 1, 0);
        for (int i = 0; i < 3; i++)
            put_tree(&f, 0, 1.0f, 2.0f);
        for (uint32_t i = 0; i < 3; i++)
            put32(&f, i);
        put64(&f, with_version ? 2 : 1);
        put_text(&f, "objective");
        put_text(&f, "{\"name\":\"multi:softmax\",\"softmax_multiclass_param\":"
                     "{\"num_class\":\"3\"}}");
        if (with_version) {
            put_text(&f, "version");
            put_text(&f, "1.0.0");
        }
        model = read_good(&f);
        assert_true(model->version.known);
        assert_int_equal(model->version.major, 1);
        assert_int_equal(model->version.minor, 0);
        assert_false(model->base_score_is_margin);
        assert_int_equal(model->outputs, 3);
        xgb_model_free(model);
    }
}

/* 1.6 and later: num_parallel_tree in the header, targets, DART weights; size_leaf_vector 1 in 2.x.
 */
static void test_era_2x(void **state)
{
    struct file f;
    struct xgb_model *model;

    (void)state;
    put_head(&f, (struct head){.prefix = "binf",
                               .base_score = 0.5f,
                               .features = 3,
                               .attributes = 1,
                               .major = 2,
                               .minor = 1,
                               .num_target = 2,
                               .objective = "reg:squarederror",
                               .booster = "dart"});
    put_forest(&f, 4, 2, 0);
    for (int i = 0; i < 4; i++)
        put_tree(&f, 1, 1.0f, 2.0f);
    for (uint32_t i = 0; i < 4; i++)
        put32(&f, i / 2);
    f.trailer = f.size;
    put64(&f, 4);
    putf(&f, 0.5f);
    putf(&f, 0.25f);
    putf(&f, 1.0f);
    putf(&f, 2.0f);
    put64(&f, 0);
    model = read_good(&f);
    assert_true(model->dart);
    assert_int_equal(model->outputs, 2);
    assert_int_equal(model->num_parallel_tree, 2);
    assert_int_equal(model->iterations, 1);
    assert_true(model->tree_weight[1] == 0.25f);
    assert_true(margin(model, 0.0f) == 0.75f);
    xgb_model_free(model);
    store32(f.data + f.trailer, 3);
    read_bad(&f, f.size, ERR_INPUT, "weights");
    store32(f.data + f.trailer, 4);
    store32(f.data + f.tree + 20, 2);
    read_bad(&f, f.size, ERR_UNSUPPORTED, "vector leaves");
}

/* num_target and num_parallel_tree were something else, or nothing, before 1.6. */
static void test_fields_before_16(void **state)
{
    struct file f;
    struct xgb_model *model;

    (void)state;
    put_whole(&f);
    store32(f.data + f.learner + 28, 5);
    store32(f.data + f.booster + 4, 9);
    model = read_good(&f);
    assert_int_equal(model->outputs, 1);
    assert_int_equal(model->num_parallel_tree, 1);
    xgb_model_free(model);
}

static void test_gblinear(void **state)
{
    static const uint32_t majors[] = {0, 1};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct head head = head_09;
        struct file f;
        struct xgb_model *model;

        head.booster = "gblinear";
        head.major = majors[i];
        head.num_class = 2;
        put_head(&f, head);
        put32(&f, majors[i] ? 0 : 3);
        put32(&f, majors[i] ? 0 : 2);
        put_zeros(&f, 136 - 8);
        f.tree = f.size;
        put64(&f, 8);
        for (int w = 0; w < 8; w++)
            putf(&f, (float)w);
        model = read_good(&f);
        assert_int_equal(model->booster, XGB_GBLINEAR);
        assert_int_equal(model->outputs, 2);
        assert_int_equal(model->linear_weight_count, 8);
        assert_true(model->linear_weights[7] == 7.0f);
        assert_int_equal(model->base_score_is_margin, majors[i] == 0);
        xgb_model_free(model);
        read_bad(&f, f.size - 1, ERR_INPUT, "weights");
        store32(f.data + f.tree + 4, 0x40000000);
        read_bad(&f, f.size, ERR_INPUT, "weights");
    }
}

static void test_no_trees(void **state)
{
    struct head head = head_09;
    struct file f;
    struct xgb_model *model;

    (void)state;
    head.booster = "dart";
    put_head(&f, head);
    put_forest(&f, 0, 1, 1);
    model = read_good(&f);
    assert_int_equal(model->tree_count, 0);
    xgb_model_free(model);
}

static void test_every_cut(void **state)
{
    struct file f;

    (void)state;
    put_whole(&f);
    for (size_t size = 0; size < f.size; size++)
        read_bad(&f, size, ERR_INPUT, "");
    /* the offset is that of the file, of which these bytes begin at 100 */
    read_bad(&f, 50, ERR_INPUT, "offset 104: the file ends within the learner's parameters");
    put(&f, "x", 1);
    read_bad(&f, f.size, ERR_INPUT, "1 bytes after the end of the model");
}

static void test_lies(void **state)
{
    /* word at `part` + offset becomes `value` */
    static const struct {
        const char *part;
        size_t offset;
        uint32_t value;
        enum err_kind kind;
        const char *text;
    } lies[] = {
        {"learner", 8, 0xffffffff, ERR_INPUT, "classes"},
        {"learner", 8, 1000001, ERR_INPUT, "classes"},
        {"learner", 20, 1001, ERR_INPUT, "version"},
        {"learner", 136, 0x7fffffff, ERR_INPUT, "learner"},
        {"learner", 140, 0xffffffff, ERR_INPUT, "learner"},
        {"booster", 0, 0x7fffffff, ERR_INPUT, "number of trees"},
        {"booster", 0, 0xffffffff, ERR_INPUT, "number of trees"},
        {"booster", 0, 3, ERR_INPUT, "tree's"},
        {"booster", 16, 1, ERR_UNSUPPORTED, "prediction buffer"},
        {"booster", 24, 0x7fffffff, ERR_INPUT, "outputs"},
        {"tree", 0, 2, ERR_UNSUPPORTED, "2 roots"},
        {"tree", 4, 0, ERR_INPUT, "number of nodes"},
        {"tree", 4, 0xffffffff, ERR_INPUT, "number of nodes"},
        {"tree", 4, 0x7fffffff, ERR_INPUT, "tree's nodes"},
        {"tree", 20, 3, ERR_UNSUPPORTED, "vector leaves"},
        {"trailer", 0, 0xffffffff, ERR_INPUT, "attributes"},
        {"trailer", 4, 0xffffffff, ERR_INPUT, "attributes"},
        {"trailer", 8, 0xffffff00, ERR_INPUT, "attributes"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        struct file f;
        size_t part;

        put_whole(&f);
        part = lies[i].part[0] == 'l'                             ? f.learner
               : lies[i].part[0] == 'b'                           ? f.booster
               : lies[i].part[1] == 'r' && lies[i].part[2] == 'e' ? f.tree
                                                                  : f.trailer;
        store32(f.data + part + lies[i].offset, lies[i].value);
        read_bad(&f, f.size, lies[i].kind, lies[i].text);
    }
}

static void test_names(void **state)
{
    struct head head = head_09;
    struct file f;

    (void)state;
    head.booster = "gbforest\n";
    put_head(&f, head);
    put_forest(&f, 0, 1, 1);
    read_bad(&f, f.size, ERR_UNSUPPORTED, "unknown booster 'gbforest\\x0a'");
    head = head_09;
    head.objective =
        "reg:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    put_head(&f, head);
    put_forest(&f, 0, 1, 1);
    read_bad(&f, f.size, ERR_INPUT, "too long");
}

static void test_probe(void **state)
{
    struct head head = head_09;
    struct file f;

    (void)state;
    put_head(&f, head);
    assert_true(xgb_legacy_probe(bytes_of(f.data, f.size)));
    assert_false(xgb_legacy_probe(bytes_of(f.data, f.size - 1)));
    assert_false(xgb_legacy_probe(bytes_of("", 0)));
    head.objective = "gpu:reg:linear";
    head.padded = 1;
    put_head(&f, head);
    assert_true(xgb_legacy_probe(bytes_of(f.data, f.size)));
    head = head_09;
    head.base_score = INFINITY;
    put_head(&f, head);
    assert_false(xgb_legacy_probe(bytes_of(f.data, f.size)));
    head = head_09;
    head.features = 0;
    put_head(&f, head);
    assert_false(xgb_legacy_probe(bytes_of(f.data, f.size)));
    head = head_09;
    head.num_class = 1000001;
    put_head(&f, head);
    assert_false(xgb_legacy_probe(bytes_of(f.data, f.size)));
    head = head_09;
    head.objective = "Reg:linear";
    put_head(&f, head);
    assert_false(xgb_legacy_probe(bytes_of(f.data, f.size)));
    head.objective = "reg:";
    put_head(&f, head);
    assert_false(xgb_legacy_probe(bytes_of(f.data, f.size)));
    head = head_09;
    head.booster = "gbm";
    put_head(&f, head);
    assert_false(xgb_legacy_probe(bytes_of(f.data, f.size)));
}

/* Each allocation fails in turn. */
static void test_memory(void **state)
{
    struct file f;
    int failures = 0;

    (void)state;
    put_whole(&f);
    for (size_t cap = 64;; cap += 64) {
        struct xgb_model *model = xgb_model_new(cap);
        struct err err = ERR_INIT;
        int result;

        assert_non_null(model);
        result = xgb_legacy_read(bytes_of(f.data, f.size), 0, model, &err);
        xgb_model_free(model);
        if (result == 0)
            break;
        assert_int_equal(err.kind, ERR_MEMORY);
        failures++;
    }
    assert_true(failures > 0);
}

static float *read_floats(const char *directory, const char *name, size_t *ret_count)
{
    char path[4096];
    FILE *file;
    float *values;
    long size;

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    file = fopen(path, "rb");
    if (!file)
        return NULL;
    fseek(file, 0, SEEK_END);
    size = ftell(file);
    rewind(file);
    values = malloc((size_t)size + 1);
    assert_non_null(values);
    assert_int_equal(fread(values, 1, (size_t)size, file), size);
    fclose(file);
    *ret_count = (size_t)size;
    return values;
}

static struct scorer *make_scorer(const struct xgb_model *model)
{
    struct objective_rules rules = {0};
    float base[8];
    struct scorer *scorer = NULL;
    struct err err = ERR_INIT;
    int minor = model->version.major > 1 ? 99 : model->version.minor;
    bool old = !model->version.known || minor < 3 || (model->dart && minor < 4);
    struct forest_spec spec = {.trees = model->trees,
                               .tree_output = model->tree_output,
                               .tree_weight = model->tree_weight,
                               .tree_count = model->tree_count,
                               .features = model->features,
                               .outputs = model->outputs,
                               .base_margin = base,
                               .sum_rule = old ? SUM_BASE_LAST : SUM_BASE_FIRST};

    assert_true(model->outputs <= 8);
    for (uint32_t i = 0; i < model->outputs; i++)
        base[i] = model->base_score[model->base_score_count > 1 ? i : 0];
    rules.logitraw_link = model->version.known && minor < 3;
    if (!model->base_score_is_margin)
        objective_link(model->objective, &rules, base, model->outputs);
    if (model->booster == XGB_GBLINEAR) {
        if (gblinear_new(model->linear_weights, model->features, model->outputs, base, &scorer,
                         &err))
            fail_msg("%s", err.text);
        return scorer;
    }
    if (forest_new(&spec, &scorer, &err))
        fail_msg("%s", err.text);
    return scorer;
}

/* Margins of a file for 400 rows of 6 features, against those that the version that saved it gave.
 * False where the file is not a legacy one or its margins are not known. */
static bool check_fixture(const char *directory, const char *name, const char *stem)
{
    struct xgb_model *model = xgb_model_new(64 << 20);
    struct err err = ERR_INIT;
    struct scratch scratch;
    struct scorer *scorer;
    size_t file_size, input_size, margin_size;
    char margin_name[512];
    float *file = read_floats(directory, name, &file_size);
    float *input, *want, *got;
    struct matrix matrix;

    snprintf(margin_name, sizeof(margin_name), "%s.margin.f32", stem);
    input = read_floats(directory, "X.f32", &input_size);
    want = read_floats(directory, margin_name, &margin_size);
    assert_non_null(model);
    assert_non_null(file);
    assert_non_null(input);
    if (!want || file_size < 4 || memcmp(file, "{L", 2) == 0) {
        free(file);
        free(input);
        free(want);
        xgb_model_free(model);
        return false;
    }
    if (xgb_legacy_read(bytes_of(file, file_size), 0, model, &err) || xgb_model_finish(model, &err))
        fail_msg("%s: %s", name, err.text);
    scorer = make_scorer(model);
    assert_int_equal(margin_size, 400 * 4 * model->outputs);
    matrix = (struct matrix){.rows = 400, .columns = 6, .values = input};
    assert_int_equal(input_size, 400 * 6 * 4);
    got = malloc(margin_size);
    assert_non_null(got);
    scratch_init(&scratch);
    assert_int_equal(scorer_score(scorer, &matrix, &scratch, got, &err), 0);
    if (memcmp(got, want, margin_size) != 0)
        fail_msg("%s: margins differ", name);
    scratch_fini(&scratch);
    scorer_free(scorer);
    xgb_model_free(model);
    free(file);
    free(input);
    free(want);
    free(got);
    return true;
}

static void test_fixtures(void **state)
{
    const char *fixtures = getenv("ENDPOINTD_FIXTURES");
    char directory[4096];
    struct dirent *entry;
    int checked = 0;
    DIR *dir;

    (void)state;
    snprintf(directory, sizeof(directory), "%s/xgboost", fixtures ? fixtures : ".");
    dir = opendir(directory);
    if (!dir) {
        print_message("# no fixtures at %s\n", directory);
        skip();
    }
    while ((entry = readdir(dir))) {
        char stem[300];
        char *dot;

        snprintf(stem, sizeof(stem), "%s", entry->d_name);
        dot = strrchr(stem, '.');
        if (!dot || (strcmp(dot, ".bin") != 0 && strcmp(dot, ".deprecated") != 0))
            continue;
        *dot = '\0';
        checked += check_fixture(directory, entry->d_name, stem);
    }
    closedir(dir);
    print_message("# %d files\n", checked);
    assert_true(checked >= 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree),
        cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_era_04),
        cmocka_unit_test(test_era_09),
        cmocka_unit_test(test_leaf_vector_before_10),
        cmocka_unit_test(test_era_10rc),
        cmocka_unit_test(test_era_2x),
        cmocka_unit_test(test_fields_before_16),
        cmocka_unit_test(test_gblinear),
        cmocka_unit_test(test_no_trees),
        cmocka_unit_test(test_every_cut),
        cmocka_unit_test(test_lies),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_probe),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_fixtures),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
