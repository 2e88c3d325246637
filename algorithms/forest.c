#include "algorithms/forest.h"

#include <math.h>
#include <string.h>

/* The plain form: copies of the trees, walked one by one. */
struct forest {
    struct scorer scorer;
    struct tree *trees;
    int32_t *output;
    float *base_margin;
    uint32_t tree_count;
    uint32_t used; /* trees whose copies are complete */
    enum sum_rule sum_rule;
    enum category_rule category_rule;
};

static bool category_right(const struct forest *forest, const struct tree *tree, int32_t n, float x)
{
    uint32_t start = tree->category_start[n];
    uint32_t end = tree->category_start[n + 1];
    int32_t category;

    if (forest->category_rule == CATEGORY_DEFAULT) {
        float limit = start == end ? 0 : (float)(32 * (tree->categories[end - 1] / 32 + 1));

        if (x < 0 || x >= 16777216.0f || x >= limit)
            return !tree->default_left[n];
    }
    if (x >= 16777216.0f || x <= -1 || (x < 0 && forest->category_rule != CATEGORY_ZERO))
        return false;
    category = (int32_t)x;
    for (uint32_t i = start; i < end; i++) {
        if (tree->categories[i] == category)
            return true;
    }
    return false;
}

static float value_of(const struct matrix *matrix, size_t row, uint32_t feature)
{
    if (matrix->kind == MATRIX_DENSE)
        return feature < matrix->columns ? matrix->values[row * matrix->columns + feature] : NAN;
    for (size_t i = matrix->row_start[row]; i < matrix->row_start[row + 1]; i++) {
        if (matrix->column[i] == feature)
            return matrix->values[i];
    }
    return NAN;
}

static int32_t walk(const struct forest *forest, const struct tree *tree,
                    const struct matrix *matrix, size_t row)
{
    int32_t n = 0;

    while (tree->left[n] != -1) {
        float x = value_of(matrix, row, tree->feature[n]);
        bool right;

        if (isnan(x))
            right = !tree->default_left[n];
        else if (tree->categorical && tree->categorical[n])
            right = category_right(forest, tree, n, x);
        else
            right = !(x < tree->value[n]);
        n = right ? tree->right[n] : tree->left[n];
    }
    return n;
}

static int forest_score(const struct scorer *scorer, const struct matrix *matrix,
                        struct scratch *scratch UNUSED, float *ret_margins, struct err *err UNUSED)
{
    const struct forest *forest = (const struct forest *)scorer;

    for (size_t row = 0; row < matrix->rows; row++) {
        float *s = ret_margins + row * scorer->outputs;

        for (uint32_t o = 0; o < scorer->outputs; o++)
            s[o] = forest->sum_rule == SUM_BASE_FIRST ? forest->base_margin[o] : 0;
        for (uint32_t t = 0; t < forest->tree_count; t++) {
            const struct tree *tree = &forest->trees[t];
            int32_t n = walk(forest, tree, matrix, row);

            if (tree->leaf_width == 1)
                s[forest->output[t]] += tree->value[n];
            for (uint32_t k = 0; tree->leaf_width > 1 && k < tree->leaf_width; k++)
                s[k] += tree->leaf_vectors[(size_t)n * tree->leaf_width + k];
        }
        for (uint32_t o = 0; forest->sum_rule == SUM_BASE_LAST && o < scorer->outputs; o++)
            s[o] = forest->base_margin[o] + s[o];
    }
    return 0;
}

static void forest_destroy(struct scorer *scorer)
{
    struct forest *forest = (struct forest *)scorer;

    for (uint32_t t = 0; forest->trees && t < forest->tree_count; t++) {
        struct tree *tree = &forest->trees[t];

        free(tree->left);
        free(tree->right);
        free(tree->feature);
        free(tree->value);
        free(tree->default_left);
        free(tree->leaf_vectors);
        free(tree->categorical);
        free(tree->category_start);
        free(tree->categories);
    }
    free(forest->trees);
    free(forest->output);
    free(forest->base_margin);
    free(forest);
}

static void *copy(const void *from, size_t count, size_t size, bool *failed)
{
    void *to;

    if (!from)
        return NULL;
    to = mem_alloc(count, size);
    if (to)
        memcpy(to, from, count * size);
    else
        *failed = true;
    return to;
}

static bool copy_tree(const struct tree *from, float weight, struct tree *to)
{
    size_t n = from->nodes;
    bool failed = false;

    to->nodes = from->nodes;
    to->leaf_width = from->leaf_width;
    to->left = copy(from->left, n, 4, &failed);
    to->right = copy(from->right, n, 4, &failed);
    to->feature = copy(from->feature, n, 4, &failed);
    to->value = copy(from->value, n, 4, &failed);
    to->default_left = copy(from->default_left, n, 1, &failed);
    if (from->leaf_width > 1)
        to->leaf_vectors = copy(from->leaf_vectors, n * from->leaf_width, 4, &failed);
    if (from->categorical) {
        to->categorical = copy(from->categorical, n, 1, &failed);
        to->category_start = copy(from->category_start, n + 1, 4, &failed);
        to->categories = copy(from->categories, from->category_start[n], 4, &failed);
    }
    if (failed)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (to->left[i] == -1)
            to->value[i] *= weight;
    }
    for (size_t i = 0; to->leaf_vectors && i < n * to->leaf_width; i++)
        to->leaf_vectors[i] *= weight;
    return true;
}

static int fill(struct forest *forest, const struct forest_spec *spec, struct err *err)
{
    forest->trees = mem_zero(spec->tree_count, sizeof(*forest->trees));
    forest->output = mem_zero(spec->tree_count, sizeof(*forest->output));
    forest->base_margin = mem_alloc(spec->outputs, sizeof(*forest->base_margin));
    if (!forest->trees || !forest->output || !forest->base_margin)
        return err_memory(err, spec->tree_count * sizeof(*forest->trees), "a forest");
    memcpy(forest->base_margin, spec->base_margin, spec->outputs * sizeof(float));
    for (uint32_t t = 0; t < spec->tree_count; t++) {
        const struct tree *tree = &spec->trees[t];

        if (tree->leaf_width > spec->outputs)
            return err_set(err, ERR_INPUT, "tree %u: leaves of %u values for %u outputs", t,
                           tree->leaf_width, spec->outputs);
        if (tree->leaf_width == 1 &&
            (spec->tree_output[t] < 0 || (uint32_t)spec->tree_output[t] >= spec->outputs))
            return err_set(err, ERR_INPUT, "tree %u: adds to output %d of %u", t,
                           (int)spec->tree_output[t], spec->outputs);
        forest->output[t] = spec->tree_output[t];
        if (!copy_tree(tree, spec->tree_weight ? spec->tree_weight[t] : 1.0f, &forest->trees[t]))
            return err_memory(err, tree->nodes * (size_t)20, "a forest");
    }
    return 0;
}

int forest_new(const struct forest_spec *spec, struct scorer **ret, struct err *err)
{
    struct forest *forest = mem_zero(1, sizeof(*forest));

    if (!forest)
        return err_memory(err, sizeof(*forest), "a forest");
    forest->scorer = (struct scorer){
        .name = "forest-plain",
        .features = spec->features,
        .outputs = spec->outputs,
        .score = forest_score,
        .destroy = forest_destroy,
    };
    forest->tree_count = spec->tree_count;
    forest->sum_rule = spec->sum_rule;
    forest->category_rule = spec->category_rule;
    if (fill(forest, spec, err)) {
        forest_destroy(&forest->scorer);
        return -1;
    }
    *ret = &forest->scorer;
    return 0;
}
