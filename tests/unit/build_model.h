#pragma once
/* Models made in code, for the tests of what reads models. A failure ends the test. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "models/xgboost_model.h"

/* A node; a leaf has left -1. by_category: the set is the given bits, category i being bit i. */
struct build_node {
    int32_t left;
    uint32_t feature;
    float value;
    uint8_t default_left;
    uint32_t categories;
};

static inline struct xgb_model *build_model(const char *objective, uint32_t features,
                                            uint32_t trees)
{
    struct xgb_model *model = xgb_model_new((size_t)64 << 20);

    assert_non_null(model);
    model->format = "json";
    model->version = (struct xgb_version){.known = true, .major = 1, .minor = 7};
    model->objective_text = objective;
    model->features = features;
    model->base_score = arena_alloc(&model->arena, 1, sizeof(float));
    assert_non_null(model->base_score);
    model->base_score[0] = 0.5f;
    model->base_score_count = 1;
    model->tree_count = trees;
    model->trees = arena_zero(&model->arena, trees, sizeof(*model->trees));
    model->tree_output = arena_zero(&model->arena, trees, sizeof(*model->tree_output));
    assert_true(model->trees && model->tree_output);
    return model;
}

static inline void build_categories(struct xgb_model *model, struct tree *tree,
                                    const struct build_node *nodes)
{
    tree->categorical = arena_zero(&model->arena, tree->nodes, 1);
    tree->category_start = arena_zero(&model->arena, tree->nodes + 1, sizeof(uint32_t));
    tree->categories = arena_alloc(&model->arena, 32 * (size_t)tree->nodes, sizeof(int32_t));
    assert_true(tree->categorical && tree->category_start && tree->categories);
    for (uint32_t n = 0; n < tree->nodes; n++) {
        uint32_t at = tree->category_start[n];

        tree->categorical[n] = nodes[n].categories != 0;
        for (int32_t i = 0; i < 32; i++) {
            if (nodes[n].categories >> i & 1)
                tree->categories[at++] = i;
        }
        tree->category_start[n + 1] = at;
    }
}

/* Tree number t of `count` nodes; right children are left + 1, the cover of a leaf is 1. */
static inline void build_tree(struct xgb_model *model, uint32_t t, const struct build_node *nodes,
                              uint32_t count)
{
    struct tree *tree = &model->trees[t];
    struct arena *arena = &model->arena;
    bool categorical = false;

    *tree = (struct tree){.nodes = count, .leaf_width = 1};
    tree->left = arena_alloc(arena, count, sizeof(int32_t));
    tree->right = arena_alloc(arena, count, sizeof(int32_t));
    tree->feature = arena_alloc(arena, count, sizeof(uint32_t));
    tree->value = arena_alloc(arena, count, sizeof(float));
    tree->default_left = arena_alloc(arena, count, 1);
    tree->sum_hessian = arena_alloc(arena, count, sizeof(float));
    assert_true(tree->left && tree->right && tree->feature && tree->value && tree->default_left &&
                tree->sum_hessian);
    for (uint32_t n = 0; n < count; n++) {
        tree->left[n] = nodes[n].left;
        tree->right[n] = nodes[n].left < 0 ? -1 : nodes[n].left + 1;
        tree->feature[n] = nodes[n].feature;
        tree->value[n] = nodes[n].value;
        tree->default_left[n] = nodes[n].default_left;
        categorical |= nodes[n].categories != 0;
    }
    for (uint32_t n = count; n-- > 0;)
        tree->sum_hessian[n] = nodes[n].left < 0 ? 1.0f
                                                 : tree->sum_hessian[nodes[n].left] +
                                                       tree->sum_hessian[nodes[n].left + 1];
    if (categorical)
        build_categories(model, tree, nodes);
}

/* A full tree of 15 nodes over all features, whose numbers depend on t. */
static inline void build_full_tree(struct xgb_model *model, uint32_t t)
{
    struct build_node nodes[15];

    for (uint32_t n = 0; n < 15; n++) {
        uint32_t mix = (t * 15 + n + 1) * 2654435761u;

        nodes[n] = (struct build_node){
            .left = n < 7 ? (int32_t)(2 * n + 1) : -1,
            .feature = n < 7 ? (mix >> 8) % model->features : 0,
            .value = ((float)(mix >> 12) - 524288.0f) / (n < 7 ? 262144.0f : 1048576.0f),
            .default_left = mix >> 31 & 1,
        };
    }
    build_tree(model, t, nodes, 15);
}

static inline void build_finish(struct xgb_model *model)
{
    struct err err = ERR_INIT;

    if (xgb_model_finish(model, &err))
        fail_msg("%s", err.text);
}
