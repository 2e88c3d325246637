/*
 * The forest scorer against the reference walk of random_forest.h, bit for bit: every kind of tree,
 * dense and CSR, both sum rules, every category rule, by every kernel on every level of the
 * processor. And sums worked out by hand.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "base/memory.h"
#include "tests/unit/random_forest.h"

struct sample {
    struct forest_spec spec;
    struct tree *trees;
    int32_t *output;
    float *weight;
    float *base;
};

/* What a test varies; trees take the options in turn. */
struct sample_options {
    const struct tree_options *trees;
    uint32_t kinds;
    uint32_t tree_count;
    uint32_t features;
    uint32_t outputs;
    enum sum_rule sum_rule;
    enum category_rule category_rule;
    bool weights;
};

static struct sample make_sample(struct rng *rng, const struct sample_options *options)
{
    uint32_t n = options->tree_count;
    struct sample sample = {
        .trees = calloc(n + 1, sizeof(*sample.trees)),
        .output = calloc(n + 1, sizeof(*sample.output)),
        .weight = calloc(n + 1, sizeof(*sample.weight)),
        .base = calloc(options->outputs, sizeof(*sample.base)),
    };
    struct err err = ERR_INIT;

    for (uint32_t t = 0; t < n; t++) {
        struct tree_options tree = options->trees[t % options->kinds];

        tree.features = tree.features ? tree.features : options->features;
        tree.leaf_width = tree.leaf_width ? tree.leaf_width : 1;
        sample.trees[t] = random_tree(rng, &tree);
        assert_int_equal(tree_check(&sample.trees[t], options->features, &err), 0);
        sample.output[t] = (int32_t)rng_below(rng, options->outputs);
        sample.weight[t] = (float)rng_below(rng, 1000) / 999.0f;
    }
    for (uint32_t o = 0; o < options->outputs; o++)
        sample.base[o] = o % 3 == 1 ? -0.0f : rng_leaf(rng);
    sample.spec = (struct forest_spec){
        .trees = sample.trees,
        .tree_output = sample.output,
        .tree_weight = options->weights ? sample.weight : NULL,
        .tree_count = n,
        .features = options->features,
        .outputs = options->outputs,
        .base_margin = sample.base,
        .sum_rule = options->sum_rule,
        .category_rule = options->category_rule,
    };
    return sample;
}

static void free_sample(struct sample *sample)
{
    for (uint32_t t = 0; t < sample->spec.tree_count; t++)
        free_tree(&sample->trees[t]);
    free(sample->trees);
    free(sample->output);
    free(sample->weight);
    free(sample->base);
}

static float random_input(struct rng *rng, bool categories)
{
    static const float codes[] = {
        -0.5f, -1.0f, -0.99f, -7.0f, 3.7f,     -0.0f,     16777215,    16777216.0f,  1e9f,
        31.0f, 32.0f, 63.5f,  64.0f, INFINITY, -INFINITY, 16777214.0f, 4294967296.0f};

    if (!categories || rng_below(rng, 4) == 0)
        return rng_value(rng);
    if (rng_below(rng, 4) == 0)
        return codes[rng_below(rng, sizeof(codes) / sizeof(*codes))];
    return (float)rng_below(rng, 200);
}

static float *random_rows(struct rng *rng, size_t rows, size_t columns, uint32_t missing_of_10,
                          bool categories)
{
    float *x = malloc((rows * columns + 1) * sizeof(*x));

    for (size_t i = 0; i < rows * columns; i++)
        x[i] = rng_below(rng, 10) < missing_of_10 ? NAN : random_input(rng, categories);
    return x;
}

/* Dense rows as CSR. Every third missing value is stored as NaN, the others are absent. */
struct csr {
    struct matrix matrix;
    float *values;
    size_t *row_start;
    uint32_t *column;
};

static struct csr to_csr(const float *x, size_t rows, size_t columns)
{
    struct csr csr = {
        .values = malloc((rows * columns + 1) * sizeof(*csr.values)),
        .row_start = calloc(rows + 1, sizeof(*csr.row_start)),
        .column = malloc((rows * columns + 1) * sizeof(*csr.column)),
    };
    size_t n = 0;

    for (size_t i = 0; i < rows * columns; i++) {
        if (!isnan(x[i]) || i % 3 == 0) {
            csr.values[n] = x[i];
            csr.column[n++] = (uint32_t)(i % columns);
        }
        csr.row_start[i / columns + 1] = n;
    }
    csr.matrix = (struct matrix){MATRIX_CSR, rows, columns, csr.values, csr.row_start, csr.column};
    return csr;
}

static void free_csr(struct csr *csr)
{
    free(csr->values);
    free(csr->row_start);
    free(csr->column);
}

/* One forest by one kernel. */
struct variant {
    struct scorer *scorer;
    enum cpu_level level;
    enum forest_kernel kernel;
};

#define VARIANTS_MAX 16 /* four levels, four kernels */

/* How often each kernel was tried on each level. */
static unsigned tried[CPU_VBMI + 1][FOREST_MASKS + 1];

/* The forest by every kernel that can score it, on every level of the processor. */
static size_t make_variants(const struct forest_spec *spec, struct variant *ret)
{
    size_t count = 0;

    for (int level = CPU_BASELINE; level <= CPU_VBMI && cpu_limit((enum cpu_level)level); level++) {
        for (int kernel = FOREST_AUTO; kernel <= FOREST_MASKS; kernel++) {
            struct forest_spec varied = *spec;
            struct err err = ERR_INIT;

            varied.kernel = (enum forest_kernel)kernel;
            if (forest_new(&varied, &ret[count].scorer, &err)) {
                assert_int_equal(err.kind, ERR_UNSUPPORTED);
                continue;
            }
            assert_int_equal(ret[count].scorer->outputs, spec->outputs);
            assert_int_equal(ret[count].scorer->features, spec->features);
            ret[count].level = (enum cpu_level)level;
            ret[count++].kernel = (enum forest_kernel)kernel;
            tried[level][kernel]++;
        }
    }
    return count;
}

static void free_variants(struct variant *variants, size_t count)
{
    for (size_t v = 0; v < count; v++)
        scorer_free(variants[v].scorer);
}

static float *reference_rows(const struct forest_spec *spec, const float *x, size_t rows,
                             size_t columns)
{
    float *expected = malloc((rows * spec->outputs + 1) * sizeof(*expected));

    for (size_t row = 0; row < rows; row++)
        reference_score(spec, x + row * columns, columns, expected + row * spec->outputs);
    return expected;
}

static void expect_rows(const struct variant *variant, const struct matrix *matrix,
                        const float *expected, struct scratch *scratch)
{
    struct err err = ERR_INIT;
    size_t outputs = variant->scorer->outputs;
    float *margins = malloc((matrix->rows * outputs + 1) * sizeof(*margins));

    memset(margins, 0x5a, (matrix->rows * outputs + 1) * sizeof(*margins));
    assert_int_equal(scorer_score(variant->scorer, matrix, scratch, margins, &err), 0);
    for (size_t i = 0; i < matrix->rows * outputs; i++) {
        if (memcmp(&expected[i], &margins[i], sizeof(float)) != 0)
            fail_msg("%s (%s on %s), row %zu of %zu, %zu columns, matrix of kind %d: %a is not %a",
                     variant->scorer->name, forest_kernel_name(variant->kernel),
                     cpu_level_name(variant->level), i / outputs, matrix->rows, matrix->columns,
                     (int)matrix->kind, (double)margins[i], (double)expected[i]);
    }
    free(margins);
}

/* Rows around what kernels take at a time, and one that is several times that. */
static const size_t row_counts[] = {1, 7, 32, 33, 63, 64, 65, 129, 300, 1000};

/* Scores random rows of every count up to most_rows, with and without missing values, in both kinds
 * of matrix, by every kernel. */
static void expect_columns(struct rng *rng, const struct sample *sample, size_t columns,
                           size_t most_rows, bool categories)
{
    struct variant variants[VARIANTS_MAX];
    size_t count = make_variants(&sample->spec, variants);
    struct scratch scratch;

    scratch_init(&scratch);
    for (size_t i = 0; i < ARRAY_LENGTH(row_counts) && row_counts[i] <= most_rows; i++) {
        size_t rows = row_counts[i];
        uint32_t missing = (uint32_t)i % 4 * 3;
        float *x = random_rows(rng, rows, columns, missing, categories);
        float *expected = reference_rows(&sample->spec, x, rows, columns);
        struct matrix dense = {MATRIX_DENSE, rows, columns, x, NULL, NULL};
        struct csr csr = to_csr(x, rows, columns);

        for (size_t v = 0; v < count; v++) {
            expect_rows(&variants[v], &dense, expected, &scratch);
            expect_rows(&variants[v], &csr.matrix, expected, &scratch);
        }
        free_csr(&csr);
        free(expected);
        free(x);
    }
    free_variants(variants, count);
    scratch_fini(&scratch);
}

static void expect_forest(struct rng *rng, const struct sample_options *options, size_t most_rows)
{
    bool categories = false;

    for (uint32_t k = 0; k < options->kinds; k++)
        categories |= options->trees[k].categorical;
    for (int rule = 0; rule < 2; rule++) {
        struct sample_options varied = *options;
        struct sample sample;

        varied.sum_rule = rule ? SUM_BASE_LAST : SUM_BASE_FIRST;
        sample = make_sample(rng, &varied);
        expect_columns(rng, &sample, options->features, most_rows, categories);
        expect_columns(rng, &sample, options->features + 3, 64, categories);
        expect_columns(rng, &sample, (options->features + 1) / 2, 64, categories);
        free_sample(&sample);
    }
}

static void test_full_trees(void **state)
{
    struct rng rng = {1};

    (void)state;
    for (uint32_t depth = 0; depth <= 11; depth++) {
        const struct tree_options tree = {.shape = SHAPE_FULL, .splits = (1u << depth) - 1};
        const struct sample_options options = {.trees = &tree,
                                               .kinds = 1,
                                               .tree_count = depth < 9 ? 37 : 5,
                                               .features = 9,
                                               .outputs = 1};

        expect_forest(&rng, &options, depth == 6 || depth == 8 ? 1000 : 300);
    }
}

static void test_many_small_trees(void **state)
{
    struct rng rng = {2};
    const struct tree_options trees[] = {
        {.shape = SHAPE_RANDOM, .splits = 5},  {.shape = SHAPE_FULL, .splits = 1},
        {.shape = SHAPE_RANDOM, .splits = 20}, {.shape = SHAPE_FULL, .splits = 0},
        {.shape = SHAPE_CHAIN, .splits = 9},
    };
    const struct sample_options options = {.trees = trees,
                                           .kinds = ARRAY_LENGTH(trees),
                                           .tree_count = 600,
                                           .features = 20,
                                           .outputs = 1};

    (void)state;
    expect_forest(&rng, &options, 300);
}

/* Everything that a file can hold at a time. */
static void test_all_kinds_mixed(void **state)
{
    struct rng rng = {3};
    const struct tree_options trees[] = {
        {.shape = SHAPE_FULL, .splits = 63},
        {.shape = SHAPE_RANDOM, .splits = 100, .nan_thresholds = true},
        {.shape = SHAPE_CHAIN, .splits = 40},
        {.shape = SHAPE_RANDOM, .splits = 30, .categorical = true},
        {.shape = SHAPE_FULL, .splits = 0},
        {.shape = SHAPE_RANDOM, .splits = 300, .categorical = true, .nan_thresholds = true},
    };

    (void)state;
    for (uint32_t outputs = 1; outputs <= 5; outputs += 2) {
        for (int rule = CATEGORY_LEFT; rule <= CATEGORY_ZERO; rule++) {
            const struct sample_options options = {.trees = trees,
                                                   .kinds = ARRAY_LENGTH(trees),
                                                   .tree_count = 90,
                                                   .features = 17,
                                                   .outputs = outputs,
                                                   .category_rule = (enum category_rule)rule,
                                                   .weights = rule == CATEGORY_ZERO};

            expect_forest(&rng, &options, 300);
        }
    }
}

static void test_vector_leaves(void **state)
{
    struct rng rng = {4};
    const struct tree_options trees[] = {
        {.shape = SHAPE_FULL, .splits = 31, .leaf_width = 4},
        {.shape = SHAPE_RANDOM, .splits = 50, .leaf_width = 4, .categorical = true},
        {.shape = SHAPE_FULL, .splits = 7},
        {.shape = SHAPE_RANDOM, .splits = 0, .leaf_width = 3},
    };

    (void)state;
    for (int weights = 0; weights < 2; weights++) {
        const struct sample_options options = {.trees = trees,
                                               .kinds = weights ? ARRAY_LENGTH(trees) : 1,
                                               .tree_count = 50,
                                               .features = 8,
                                               .outputs = 4,
                                               .weights = weights != 0};

        expect_forest(&rng, &options, 300);
    }
}

static void test_deep_trees(void **state)
{
    struct rng rng = {5};
    const struct tree_options trees[] = {
        {.shape = SHAPE_CHAIN, .splits = 5000},
        {.shape = SHAPE_RANDOM, .splits = 3000},
    };
    const struct sample_options options = {
        .trees = trees, .kinds = ARRAY_LENGTH(trees), .tree_count = 6, .features = 4, .outputs = 1};

    (void)state;
    expect_forest(&rng, &options, 300);
}

/* More nodes in a level than the small nodes can reach over. */
static void test_wide_tree(void **state)
{
    struct rng rng = {6};
    const struct tree_options tree = {.shape = SHAPE_FULL, .splits = 150000};
    const struct sample_options options = {
        .trees = &tree, .kinds = 1, .tree_count = 2, .features = 50, .outputs = 2};

    (void)state;
    expect_forest(&rng, &options, 300);
}

/* A model of sparse text: a million features, of which the trees use some thousands. */
static void test_sparse_features(void **state)
{
    struct rng rng = {7};
    const struct tree_options tree = {.shape = SHAPE_RANDOM, .splits = 60};
    const struct sample_options options = {
        .trees = &tree, .kinds = 1, .tree_count = 40, .features = 1048330, .outputs = 1};
    struct sample sample = make_sample(&rng, &options);
    struct variant variants[VARIANTS_MAX];
    size_t count = make_variants(&sample.spec, variants);
    struct scratch scratch;
    enum { ROWS = 70, ENTRIES = 3000 };
    size_t *row_start = calloc(ROWS + 1, sizeof(*row_start));
    uint32_t *column = malloc(ROWS * ENTRIES * sizeof(*column));
    float *values = malloc(ROWS * ENTRIES * sizeof(*values));
    float *dense = malloc(options.features * sizeof(*dense));
    float *all = malloc(ROWS * sizeof(*all));
    size_t n = 0;

    (void)state;
    for (size_t row = 0; row < ROWS; row++) {
        uint32_t at = rng_below(&rng, 400);

        for (int i = 0; i < ENTRIES && at < options.features + 100; i++) {
            column[n] = at;
            values[n++] = rng_value(&rng);
            at += 1 + rng_below(&rng, 700);
        }
        row_start[row + 1] = n;
    }
    scratch_init(&scratch);
    for (size_t row = 0; row < ROWS; row++) {
        struct matrix one = {MATRIX_DENSE, 1, options.features, dense, NULL, NULL};

        for (uint32_t f = 0; f < options.features; f++)
            dense[f] = NAN;
        for (size_t i = row_start[row]; i < row_start[row + 1]; i++) {
            if (column[i] < options.features)
                dense[column[i]] = values[i];
        }
        reference_score(&sample.spec, dense, options.features, &all[row]);
        for (size_t v = 0; v < count && row % 16 == 0; v++)
            expect_rows(&variants[v], &one, &all[row], &scratch);
    }
    for (size_t v = 0; v < count; v++) {
        struct matrix matrix = {MATRIX_CSR, ROWS, options.features, values, row_start, column};

        scratch_fini(&scratch);
        expect_rows(&variants[v], &matrix, all, &scratch);
        assert_in_range(scratch.size, 1, 256 * 64 * 1024); /* not a million features a row */
    }
    scratch_fini(&scratch);
    free_variants(variants, count);
    free_sample(&sample);
    free(all);
    free(row_start);
    free(column);
    free(values);
    free(dense);
}

/* More used features than the small nodes can name. */
static void test_many_used_features(void **state)
{
    struct rng rng = {8};
    const struct tree_options tree = {.shape = SHAPE_FULL, .splits = 63};
    const struct sample_options options = {
        .trees = &tree, .kinds = 1, .tree_count = 1500, .features = 60000, .outputs = 1};
    struct sample sample = make_sample(&rng, &options);

    (void)state;
    expect_columns(&rng, &sample, options.features, 7, false);
    expect_columns(&rng, &sample, 1000, 7, false);
    free_sample(&sample);
}

static void test_no_trees(void **state)
{
    struct rng rng = {9};
    const struct sample_options options = {.tree_count = 0, .features = 3, .outputs = 2};
    struct sample sample = make_sample(&rng, &options);

    (void)state;
    expect_columns(&rng, &sample, 3, 65, false);
    sample.spec.sum_rule = SUM_BASE_LAST;
    expect_columns(&rng, &sample, 1, 65, false);
    free_sample(&sample);
}

/* Splits on thresholds that are all different, so that ranks take several bytes and search trees
 * several levels; rows hit the thresholds themselves and their neighbours. */
static void test_many_thresholds(void **state)
{
    struct rng rng = {11};
    const struct tree_options tree = {.shape = SHAPE_FULL, .splits = 255};
    static const struct {
        uint32_t trees;
        uint32_t features;
    } sizes[] = {{1, 1}, {2, 1}, {4, 4}, {9, 2}, {40, 2}, {40, 40}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
        const struct sample_options options = {.trees = &tree,
                                               .kinds = 1,
                                               .tree_count = sizes[i].trees,
                                               .features = sizes[i].features,
                                               .outputs = 1};
        struct sample sample = make_sample(&rng, &options);
        struct variant variants[VARIANTS_MAX];
        size_t rows = 600;
        size_t columns = sizes[i].features;
        float *x = malloc(rows * columns * sizeof(*x));
        struct matrix matrix = {MATRIX_DENSE, rows, columns, x, NULL, NULL};
        struct scratch scratch;
        float *expected;
        size_t count;

        for (uint32_t t = 0; t < options.tree_count; t++) {
            for (uint32_t n = 0; n < sample.trees[t].nodes; n++) {
                if (sample.trees[t].left[n] != -1)
                    sample.trees[t].value[n] = (float)rng_u32(&rng) / 65536.0f - 20000.0f;
            }
        }
        for (size_t k = 0; k < rows * columns; k++) {
            const struct tree *from = &sample.trees[rng_below(&rng, options.tree_count)];
            float threshold = from->value[rng_below(&rng, from->nodes)];

            x[k] = k % 3 == 0   ? threshold
                   : k % 3 == 1 ? nextafterf(threshold, -INFINITY)
                   : k % 7      ? nextafterf(threshold, INFINITY)
                                : NAN;
        }
        expected = reference_rows(&sample.spec, x, rows, columns);
        count = make_variants(&sample.spec, variants);
        scratch_init(&scratch);
        for (size_t v = 0; v < count; v++)
            expect_rows(&variants[v], &matrix, expected, &scratch);
        scratch_fini(&scratch);
        free_variants(variants, count);
        free_sample(&sample);
        free(expected);
        free(x);
    }
}

/* As many columns of bytes as the kernel for one row has for its registers, and one more. */
static void test_numbers_of_features(void **state)
{
    struct rng rng = {12};
    static const uint32_t numbers[] = {31, 32, 33, 64, 65, 127, 128, 129, 256, 257};

    (void)state;
    for (uint32_t depth = 5; depth <= 8; depth++) {
        const struct tree_options tree = {.shape = SHAPE_FULL, .splits = (1u << depth) - 1};

        for (size_t i = 0; i < ARRAY_LENGTH(numbers); i++) {
            const struct sample_options options = {
                .trees = &tree, .kinds = 1, .tree_count = 70, .features = numbers[i], .outputs = 1};
            struct sample sample = make_sample(&rng, &options);

            expect_columns(&rng, &sample, options.features, 33, false);
            free_sample(&sample);
        }
    }
}

/* The most leaves that have numbers, one more, and many more, in trees of all shapes. */
static void test_numbers_of_leaves(void **state)
{
    struct rng rng = {13};
    static const uint32_t splits[] = {62, 63, 64, 126, 127, 128, 254, 255, 256, 257, 700, 2000};

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(splits); i++) {
        const struct tree_options trees[] = {
            {.shape = SHAPE_FULL, .splits = splits[i]},
            {.shape = SHAPE_RANDOM, .splits = splits[i]},
            {.shape = SHAPE_CHAIN, .splits = splits[i]},
            {.shape = SHAPE_RANDOM, .splits = splits[i], .categorical = true},
            {.shape = SHAPE_RANDOM, .splits = splits[i], .leaf_width = 3},
        };

        for (size_t k = 0; k < ARRAY_LENGTH(trees); k++) {
            const struct sample_options options = {
                .trees = &trees[k], .kinds = 1, .tree_count = 7, .features = 5, .outputs = 3};
            struct sample sample = make_sample(&rng, &options);

            expect_columns(&rng, &sample, 5, 300, trees[k].categorical);
            free_sample(&sample);
        }
    }
}

/* A split by category on feature 0. */
struct category_split {
    struct tree tree;
    int32_t left[3];
    int32_t right[3];
    uint32_t feature[3];
    float value[3];
    uint8_t default_left[3];
    uint8_t categorical[3];
    uint32_t start[4];
};

static void make_category_split(struct category_split *split, int32_t *categories, uint32_t count)
{
    *split = (struct category_split){
        .left = {1, -1, -1},
        .right = {2, -1, -1},
        .value = {0, -1.0f, 1.0f},
        .categorical = {1},
        .start = {0, count, count, count},
    };
    split->tree = (struct tree){
        .nodes = 3,
        .leaf_width = 1,
        .left = split->left,
        .right = split->right,
        .feature = split->feature,
        .value = split->value,
        .default_left = split->default_left,
        .categorical = split->categorical,
        .category_start = split->start,
        .categories = categories,
    };
}

/* Sets of so many categories, `step` apart; every kernel tells them from their neighbours. Returns
 * whether the sweep can, where there is one. */
static bool expect_categories(uint32_t count, int32_t step)
{
    int32_t *categories = malloc((count + 1) * sizeof(*categories));
    size_t rows = 3 * (size_t)count + 2;
    float *x = malloc(rows * sizeof(*x));
    const int32_t output = 0;
    const float base = 0;
    struct matrix matrix = {MATRIX_DENSE, rows, 1, x, NULL, NULL};
    struct variant variants[VARIANTS_MAX];
    struct category_split split;
    struct forest_spec spec = {.trees = &split.tree,
                               .tree_output = &output,
                               .tree_count = 1,
                               .features = 1,
                               .outputs = 1,
                               .base_margin = &base};
    struct scratch scratch;
    bool swept = false;
    float *expected;
    size_t n;

    for (uint32_t i = 0; i < count; i++) {
        categories[i] = (int32_t)i * step;
        x[3 * i] = (float)categories[i];
        x[3 * i + 1] = (float)categories[i] + 1.0f;
        x[3 * i + 2] = (float)categories[i] - 1.0f;
    }
    x[rows - 2] = 16777215.0f;
    x[rows - 1] = NAN;
    make_category_split(&split, categories, count);
    expected = reference_rows(&spec, x, rows, 1);
    n = make_variants(&spec, variants);
    scratch_init(&scratch);
    for (size_t v = 0; v < n; v++) {
        expect_rows(&variants[v], &matrix, expected, &scratch);
        swept |= variants[v].kernel == FOREST_SWEEP;
    }
    scratch_fini(&scratch);
    free_variants(variants, n);
    free(expected);
    free(categories);
    free(x);
    return swept;
}

static void test_numbers_of_categories(void **state)
{
    bool sweep = expect_categories(1, 1);

    (void)state;
    assert_int_equal(expect_categories(0, 1), sweep);
    assert_int_equal(expect_categories(255, 1), sweep);
    assert_false(expect_categories(256, 1)); /* more than there are codes */
    assert_int_equal(expect_categories(2, 65535), sweep);
    assert_false(expect_categories(2, 65536)); /* larger than any that has a code */
}

static bool has_sweep(int level)
{
#if defined(__aarch64__)
    return level == CPU_BASELINE;
#else
    return level >= CPU_AVX2;
#endif
}

/* Every kernel of this processor was tried, many times. */
static void test_all_kernels_were_tried(void **state)
{
    (void)state;
    for (int level = CPU_BASELINE; level <= (int)cpu_level(); level++) {
        assert_in_range(tried[level][FOREST_AUTO], 100, 100000);
        assert_in_range(tried[level][FOREST_SCALAR], 100, 100000);
        if (has_sweep(level))
            assert_in_range(tried[level][FOREST_SWEEP], 50, 100000);
        if (level >= CPU_VBMI)
            assert_in_range(tried[level][FOREST_MASKS], 20, 100000);
    }
}

static void test_kernel_names(void **state)
{
    static const char *const names[] = {"auto", "scalar", "sweep", "masks"};
    enum forest_kernel kernel = FOREST_MASKS;

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        assert_true(forest_kernel_find(names[i], &kernel));
        assert_int_equal(kernel, i);
        assert_string_equal(forest_kernel_name(kernel), names[i]);
    }
    assert_false(forest_kernel_find("avx2", &kernel));
    assert_false(forest_kernel_find("", &kernel));
}

/* A kernel that is asked for and cannot score the forest is an error that says so. */
static void test_kernel_that_does_not_fit(void **state)
{
    struct rng rng = {14};
    const struct tree_options tree = {.shape = SHAPE_CHAIN, .splits = 20};
    const struct sample_options options = {
        .trees = &tree, .kinds = 1, .tree_count = 3, .features = 4, .outputs = 1};
    struct sample sample = make_sample(&rng, &options);
    struct err err = ERR_INIT;
    struct scorer *scorer = NULL;

    (void)state;
    sample.spec.kernel = FOREST_MASKS; /* which takes no tree so deep */
    assert_int_equal(forest_new(&sample.spec, &scorer, &err), -1);
    assert_null(scorer);
    assert_int_equal(err.kind, ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "kernel 'masks' cannot score this forest"));
    free_sample(&sample);
}

/* The name tells which kernel scores how many rows. */
static void test_scorer_names(void **state)
{
    struct rng rng = {15};
    const struct tree_options tree = {.shape = SHAPE_FULL, .splits = 63};
    const struct sample_options options = {
        .trees = &tree, .kinds = 1, .tree_count = 100, .features = 30, .outputs = 1};
    struct sample sample = make_sample(&rng, &options);
    struct variant variants[VARIANTS_MAX];
    size_t count = make_variants(&sample.spec, variants);

    (void)state;
    for (size_t v = 0; v < count; v++) {
        const char *name = variants[v].scorer->name;
        bool sweep = strstr(name, "forest-sweep-") != NULL;
        bool masks = strstr(name, "forest-masks") != NULL;

        if (variants[v].kernel == FOREST_SCALAR)
            assert_string_equal(name, "forest-scalar");
        if (variants[v].kernel == FOREST_MASKS)
            assert_string_equal(name, "forest-masks");
        if (variants[v].kernel == FOREST_SWEEP)
            assert_true(sweep && !masks && !strstr(name, "scalar"));
        if (variants[v].kernel == FOREST_AUTO && has_sweep(variants[v].level))
            assert_true(sweep && strstr(name, " rows on "));
#if defined(__aarch64__)
        assert_int_equal(sweep, strstr(name, "forest-sweep-neon") != NULL);
#endif
        if (variants[v].kernel == FOREST_AUTO && variants[v].level >= CPU_VBMI)
            assert_true(masks);
    }
    free_variants(variants, count);
    free_sample(&sample);
}

/* A stump: feature 0 < 0.5 ? left : right. */
struct stump {
    int32_t left[3];
    int32_t right[3];
    uint32_t feature[3];
    float value[3];
    uint8_t default_left[3];
};

static struct tree stump_tree(struct stump *stump, float left, float right)
{
    *stump = (struct stump){
        .left = {1, -1, -1},
        .right = {2, -1, -1},
        .value = {0.5f, left, right},
        .default_left = {1},
    };
    return (struct tree){.nodes = 3,
                         .leaf_width = 1,
                         .left = stump->left,
                         .right = stump->right,
                         .feature = stump->feature,
                         .value = stump->value,
                         .default_left = stump->default_left};
}

static float score_one(const struct forest_spec *spec, float x)
{
    struct matrix matrix = {MATRIX_DENSE, 1, 1, &x, NULL, NULL};
    struct err err = ERR_INIT;
    struct scratch scratch;
    struct scorer *scorer;
    float margin;

    scratch_init(&scratch);
    assert_int_equal(forest_new(spec, &scorer, &err), 0);
    assert_int_equal(scorer_score(scorer, &matrix, &scratch, &margin, &err), 0);
    scorer_free(scorer);
    scratch_fini(&scratch);
    return margin;
}

/* 2^24 + 1 + 1 in float32: adding the ones one by one loses both, adding their sum does not. */
static void test_sum_rules_by_hand(void **state)
{
    struct stump a;
    struct stump b;
    struct tree trees[] = {stump_tree(&a, 1.0f, -1.0f), stump_tree(&b, 1.0f, 3.0f)};
    const int32_t output[] = {0, 0};
    const float base = 16777216.0f;
    const float weight[] = {0.1f, 0.3f};
    const float zero = 0.0f;
    struct forest_spec spec = {.trees = trees,
                               .tree_output = output,
                               .tree_count = 2,
                               .features = 1,
                               .outputs = 1,
                               .base_margin = &base};

    (void)state;
    assert_true(score_one(&spec, 0.0f) == 16777216.0f);
    spec.sum_rule = SUM_BASE_LAST;
    assert_true(score_one(&spec, 0.0f) == 16777218.0f);
    assert_true(score_one(&spec, NAN) == 16777218.0f);
    spec.base_margin = &zero;
    assert_true(score_one(&spec, 0.5f) == 2.0f); /* the threshold itself goes right */
    assert_true(score_one(&spec, nextafterf(0.5f, 0.0f)) == 2.0f);
    spec.tree_weight = weight; /* -1 * 0.1f + 3 * 0.3f, each product rounded */
    assert_true(score_one(&spec, 1.0f) == (float)(-0.1f) + (float)(3.0f * 0.3f));
}

static void expect_refused(const struct forest_spec *spec, const char *text)
{
    struct err err = ERR_INIT;
    struct scorer *scorer = NULL;

    assert_int_equal(forest_new(spec, &scorer, &err), -1);
    assert_int_equal(err.kind, ERR_INPUT);
    assert_string_equal(err.text, text);
    assert_null(scorer);
}

static void test_what_does_not_fit_is_refused(void **state)
{
    struct stump stump;
    struct tree tree = stump_tree(&stump, 1.0f, 2.0f);
    int32_t output = 2;
    const float base[2] = {0.0f, 0.0f};
    struct forest_spec spec = {.trees = &tree,
                               .tree_output = &output,
                               .tree_count = 1,
                               .features = 1,
                               .outputs = 2,
                               .base_margin = base};

    (void)state;
    expect_refused(&spec, "tree 0: adds to output 2 of 2");
    output = -1;
    expect_refused(&spec, "tree 0: adds to output -1 of 2");
    output = 1;
    tree.leaf_width = 3;
    expect_refused(&spec, "tree 0: leaves of 3 values in a model of 2 outputs");
}

/* Each allocation of loading and of scoring fails in turn: an error, nothing leaks (ASan). */
static void test_memory_failures(void **state)
{
    struct rng rng = {10};
    const struct tree_options trees[] = {
        {.shape = SHAPE_FULL, .splits = 15},
        {.shape = SHAPE_CHAIN, .splits = 15, .categorical = true},
        {.shape = SHAPE_CHAIN, .splits = 15, .leaf_width = 2},
        {.shape = SHAPE_FULL, .splits = 15},
    };
    /* used features far apart, so that the table of slots is made */
    const struct sample_options options = {
        .trees = trees, .kinds = 4, .tree_count = 8, .features = 100000, .outputs = 2};
    long failures = 0;

    (void)state;
    for (int variant = 0; variant < 2; variant++) {
        struct sample sample = make_sample(&rng, &options);
        struct scorer *scorer = NULL;

        sample.spec.tree_count = variant ? 1 : 8; /* one tree: sorted by output */
        for (long n = 1; !scorer; n++) {
            struct err err = ERR_INIT;

            mem_fail_at(n);
            if (forest_new(&sample.spec, &scorer, &err)) {
                assert_int_equal(err.kind, ERR_MEMORY);
                assert_null(scorer);
                failures++;
            }
            mem_fail_at(0);
        }
        {
            float x[1] = {1.0f};
            float margins[2];
            struct matrix matrix = {MATRIX_DENSE, 1, 1, x, NULL, NULL};
            struct err err = ERR_INIT;
            struct scratch scratch;

            scratch_init(&scratch);
            mem_fail_at(1);
            assert_int_equal(scorer_score(scorer, &matrix, &scratch, margins, &err), -1);
            mem_fail_at(0);
            assert_int_equal(err.kind, ERR_MEMORY);
            err_clear(&err);
            assert_int_equal(scorer_score(scorer, &matrix, &scratch, margins, &err), 0);
            scratch_fini(&scratch);
        }
        scorer_free(scorer);
        sample.spec.tree_count = 8;
        free_sample(&sample);
    }
    assert_in_range(failures, 20, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_trees),
        cmocka_unit_test(test_many_small_trees),
        cmocka_unit_test(test_all_kinds_mixed),
        cmocka_unit_test(test_vector_leaves),
        cmocka_unit_test(test_deep_trees),
        cmocka_unit_test(test_wide_tree),
        cmocka_unit_test(test_sparse_features),
        cmocka_unit_test(test_many_used_features),
        cmocka_unit_test(test_no_trees),
        cmocka_unit_test(test_sum_rules_by_hand),
        cmocka_unit_test(test_what_does_not_fit_is_refused),
        cmocka_unit_test(test_memory_failures),
        cmocka_unit_test(test_many_thresholds),
        cmocka_unit_test(test_numbers_of_features),
        cmocka_unit_test(test_numbers_of_leaves),
        cmocka_unit_test(test_numbers_of_categories),
        cmocka_unit_test(test_kernel_names),
        cmocka_unit_test(test_kernel_that_does_not_fit),
        cmocka_unit_test(test_scorer_names),
        cmocka_unit_test(test_all_kernels_were_tried),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
