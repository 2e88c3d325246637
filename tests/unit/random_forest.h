#pragma once
/*
 * Random forests for tests, and the reference they are scored by: a walk down the trees as the
 * specification words it, node by node.
 */

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "algorithms/forest.h"

/* A sequence that is the same in every run. */
struct rng {
    uint64_t state;
};

static inline uint32_t rng_u32(struct rng *rng)
{
    rng->state = rng->state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(rng->state >> 32);
}

static inline uint32_t rng_below(struct rng *rng, uint32_t n)
{
    return (uint32_t)((uint64_t)rng_u32(rng) * n >> 32);
}

/* Numbers between -4 and 4, few enough that values meet thresholds exactly, and the awkward ones.
 */
static inline float rng_value(struct rng *rng)
{
    static const float awkward[] = {
        0.0f, -0.0f, 1e-45f, -1e-45f, 1.17549435e-38f, 3.4e38f, -3.4e38f, INFINITY, -INFINITY,
    };

    if (rng_below(rng, 8) == 0)
        return awkward[rng_below(rng, sizeof(awkward) / sizeof(*awkward))];
    return (float)((int32_t)rng_below(rng, 513) - 256) / 64.0f;
}

/* Leaves that make sums round. */
static inline float rng_leaf(struct rng *rng)
{
    float x = (float)rng_u32(rng) / 4294967296.0f - 0.5f;

    return rng_below(rng, 16) == 0 ? -0.0f : rng_below(rng, 16) == 0 ? x * 1e-40f : x;
}

enum shape {
    SHAPE_FULL,   /* splits the oldest leaf: as flat as can be */
    SHAPE_RANDOM, /* splits any leaf */
    SHAPE_CHAIN,  /* splits the newest leaf: as deep as can be */
};

struct tree_options {
    enum shape shape;
    uint32_t splits;
    uint32_t features;
    uint32_t leaf_width;
    bool categorical;
    bool nan_thresholds;
};

static inline void random_categories(struct rng *rng, struct tree *tree, uint32_t node,
                                     uint32_t *count)
{
    uint32_t n = rng_below(rng, 6);
    int32_t category = (int32_t)rng_below(rng, 3);

    for (uint32_t i = 0; i < n; i++) {
        tree->categories[(*count)++] = category;
        category += 1 + (int32_t)rng_below(rng, 40);
        if (rng_below(rng, 20) == 0)
            category = TREE_CATEGORY_MAX;
        if (category >= TREE_CATEGORY_MAX)
            n = i + 2 < n ? i + 2 : n;
        if (category > TREE_CATEGORY_MAX)
            category = TREE_CATEGORY_MAX;
    }
    tree->category_start[node + 1] = *count;
}

static inline void make_split(struct rng *rng, const struct tree_options *options,
                              struct tree *tree, uint32_t node)
{
    tree->feature[node] = rng_below(rng, options->features);
    tree->default_left[node] = (uint8_t)rng_below(rng, 2);
    tree->value[node] = options->nan_thresholds && rng_below(rng, 10) == 0 ? NAN : rng_value(rng);
    if (options->categorical)
        tree->categorical[node] = rng_below(rng, 3) != 0;
}

/*
 * A tree whose nodes are numbered at random (but the root), with some numbers that nobody reaches;
 * so children are not behind their parents and siblings are not neighbours. tree_check has not seen
 * it.
 */
static inline struct tree random_tree(struct rng *rng, const struct tree_options *options)
{
    uint32_t used = 2 * options->splits + 1;
    uint32_t nodes = used + rng_below(rng, 4);
    uint32_t *number = calloc(nodes, sizeof(*number));
    uint32_t *leaf = calloc(used, sizeof(*leaf));
    uint32_t leaves = 1;
    uint32_t oldest = 0;
    uint32_t next = 1;
    uint32_t categories = 0;
    struct tree tree = {.nodes = nodes, .leaf_width = options->leaf_width};

    tree.left = malloc(nodes * sizeof(*tree.left));
    tree.right = malloc(nodes * sizeof(*tree.right));
    tree.feature = calloc(nodes, sizeof(*tree.feature));
    tree.value = calloc(nodes, sizeof(*tree.value));
    tree.default_left = calloc(nodes, 1);
    if (options->categorical) {
        tree.categorical = calloc(nodes, 1);
        tree.category_start = calloc(nodes + 1, sizeof(*tree.category_start));
        tree.categories = calloc((size_t)nodes * 6, sizeof(*tree.categories));
    }
    for (uint32_t i = 0; i < nodes; i++) {
        number[i] = i;
        tree.left[i] = -1;
        tree.right[i] = -1;
        tree.feature[i] = rng_u32(rng);
        tree.value[i] = rng_leaf(rng);
    }
    for (uint32_t i = nodes - 1; i > 1; i--) {
        uint32_t j = 1 + rng_below(rng, i);
        uint32_t other = number[i];

        number[i] = number[j];
        number[j] = other;
    }
    leaf[0] = 0;
    for (uint32_t s = 0; s < options->splits; s++) {
        uint32_t pick = options->shape == SHAPE_FULL    ? oldest++
                        : options->shape == SHAPE_CHAIN ? leaves - 1
                                                        : rng_below(rng, leaves);
        uint32_t node = leaf[pick];
        uint32_t left = number[next++];
        uint32_t right = number[next++];

        make_split(rng, options, &tree, node);
        tree.left[node] = (int32_t)left;
        tree.right[node] = (int32_t)right;
        if (options->shape == SHAPE_FULL) {
            leaf[leaves++] = left;
            leaf[leaves++] = right;
        } else {
            leaf[pick] = left;
            leaf[leaves++] = right;
        }
    }
    for (uint32_t n = 0; options->categorical && n < nodes; n++) {
        tree.category_start[n + 1] = categories;
        if (tree.categorical[n])
            random_categories(rng, &tree, n, &categories);
    }
    if (options->leaf_width > 1) {
        tree.leaf_vectors = malloc((size_t)nodes * options->leaf_width * sizeof(float));
        for (size_t i = 0; i < (size_t)nodes * options->leaf_width; i++)
            tree.leaf_vectors[i] = rng_leaf(rng);
    }
    free(number);
    free(leaf);
    return tree;
}

static inline void free_tree(struct tree *tree)
{
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

/* The reference. */

static inline bool reference_category_right(const struct tree *tree, int32_t n, float x,
                                            enum category_rule rule)
{
    uint32_t start = tree->category_start[n];
    uint32_t end = tree->category_start[n + 1];
    bool invalid = x < 0 || x >= 16777216.0f;
    int32_t category;

    if (rule == CATEGORY_DEFAULT) {
        if (invalid || start == end || (double)x >= 32.0 * (tree->categories[end - 1] / 32 + 1))
            return !tree->default_left[n];
    }
    if (rule == CATEGORY_ZERO && x > -1 && x < 0)
        x = 0;
    else if (invalid)
        return false;
    category = (int32_t)x;
    for (uint32_t i = start; i < end; i++) {
        if (tree->categories[i] == category)
            return true;
    }
    return false;
}

static inline int32_t reference_leaf(const struct tree *tree, const float *row, size_t columns,
                                     enum category_rule rule)
{
    int32_t n = 0;

    while (tree->left[n] != -1) {
        float x = tree->feature[n] < columns ? row[tree->feature[n]] : NAN;
        bool right;

        if (isnan(x))
            right = !tree->default_left[n];
        else if (tree->categorical && tree->categorical[n])
            right = reference_category_right(tree, n, x, rule);
        else
            right = !(x < tree->value[n]);
        n = right ? tree->right[n] : tree->left[n];
    }
    return n;
}

/* One row's margins. */
static inline void reference_score(const struct forest_spec *spec, const float *row, size_t columns,
                                   float *s)
{
    for (uint32_t o = 0; o < spec->outputs; o++)
        s[o] = spec->sum_rule == SUM_BASE_FIRST ? spec->base_margin[o] : 0.0f;
    for (uint32_t t = 0; t < spec->tree_count; t++) {
        const struct tree *tree = &spec->trees[t];
        int32_t leaf = reference_leaf(tree, row, columns, spec->category_rule);
        float weight = spec->tree_weight ? spec->tree_weight[t] : 1.0f;

        if (tree->leaf_width == 1) {
            float value = tree->value[leaf] * weight;

            s[spec->tree_output[t]] = s[spec->tree_output[t]] + value;
        }
        for (uint32_t k = 0; tree->leaf_width > 1 && k < tree->leaf_width; k++) {
            float value = tree->leaf_vectors[(size_t)leaf * tree->leaf_width + k] * weight;

            s[k] = s[k] + value;
        }
    }
    for (uint32_t o = 0; spec->sum_rule == SUM_BASE_LAST && o < spec->outputs; o++)
        s[o] = spec->base_margin[o] + s[o];
}
