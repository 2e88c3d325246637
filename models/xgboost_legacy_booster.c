/* The booster's part of a legacy binary file; its layout is at the head of models/xgboost_legacy.c.
 */
#include "models/xgboost_legacy.h"

#define GBTREE_SIZE 160
#define TREE_SIZE   148
#define NODE_SIZE   20
#define STAT_SIZE   16
#define LINEAR_SIZE 136

#define SPLIT_DEFAULT_LEFT 0x80000000u

/* An array of n little-endian 32-bit words, which the caller has found to be there. */
static void *take_words(struct legacy *l, size_t n)
{
    uint32_t *words = arena_alloc(&l->model->arena, n, sizeof(*words));
    struct bytes raw;

    if (!words || !cursor_take(&l->c, n * sizeof(*words), &raw))
        return NULL;
    for (size_t i = 0; i < n; i++)
        words[i] = load_le32(raw.data + 4 * i);
    return words;
}

static int allocate_tree(struct legacy *l, struct tree *tree)
{
    struct arena *arena = &l->model->arena;

    tree->left = arena_alloc(arena, tree->nodes, sizeof(*tree->left));
    tree->right = arena_alloc(arena, tree->nodes, sizeof(*tree->right));
    tree->feature = arena_alloc(arena, tree->nodes, sizeof(*tree->feature));
    tree->value = arena_alloc(arena, tree->nodes, sizeof(*tree->value));
    tree->default_left = arena_alloc(arena, tree->nodes, sizeof(*tree->default_left));
    tree->sum_hessian = arena_alloc(arena, tree->nodes, sizeof(*tree->sum_hessian));
    if (!tree->left || !tree->right || !tree->feature || !tree->value || !tree->default_left ||
        !tree->sum_hessian)
        return err_memory(l->err, (size_t)tree->nodes * (5 * 4 + 1), "a tree");
    return 0;
}

/* size_leaf_vector: 0 or 1 is a number a leaf. Larger ones were never saved in this format by 1.0
 * and later; before it they were kept beside leaf values that predictions came from all the same.
 */
static int read_leaf_vector(struct legacy *l, uint32_t size)
{
    size_t n;

    if (!l->model->base_score_is_margin) {
        if (size <= 1)
            return 0;
        return err_set(l->err, ERR_UNSUPPORTED,
                       "offset %zu: a tree with vector leaves in a legacy binary file; save the "
                       "model as JSON or UBJSON",
                       legacy_offset(l));
    }
    if (size == 0)
        return 0;
    if (!legacy_count(&l->c, sizeof(float), &n) || !cursor_skip(&l->c, n * sizeof(float)))
        return legacy_cut(l, "a tree's leaf vectors");
    return 0;
}

static int read_tree(struct legacy *l, struct tree *tree)
{
    struct bytes p, nodes, stats;
    uint32_t roots, count;

    if (!cursor_take(&l->c, TREE_SIZE, &p))
        return legacy_cut(l, "a tree's parameters");
    roots = load_le32(p.data);
    count = load_le32(p.data + 4);
    if (count == 0 || count > INT32_MAX)
        return legacy_fail(l, "a tree's number of nodes cannot be right");
    if (roots > 1)
        return err_set(l->err, ERR_UNSUPPORTED, "offset %zu: a tree with %u roots",
                       legacy_offset(l), roots);
    if (count > cursor_left(&l->c) / (NODE_SIZE + STAT_SIZE) ||
        !cursor_take(&l->c, (size_t)count * NODE_SIZE, &nodes) ||
        !cursor_take(&l->c, (size_t)count * STAT_SIZE, &stats))
        return legacy_cut(l, "a tree's nodes");
    tree->nodes = count;
    tree->file_offset = l->base + (size_t)(p.data - l->c.start);
    tree->leaf_width = 1;
    if (allocate_tree(l, tree))
        return -1;
    for (size_t n = 0; n < count; n++) {
        const uint8_t *node = nodes.data + n * NODE_SIZE;
        uint32_t split = load_le32(node + 12);

        tree->left[n] = (int32_t)load_le32(node + 4);
        tree->right[n] = (int32_t)load_le32(node + 8);
        tree->feature[n] = split & ~SPLIT_DEFAULT_LEFT;
        tree->default_left[n] = (split & SPLIT_DEFAULT_LEFT) != 0;
        tree->value[n] = load_le_f32(node + 16);
        tree->sum_hessian[n] = load_le_f32(stats.data + n * STAT_SIZE + 4);
    }
    return read_leaf_vector(l, load_le32(p.data + 20));
}

static int read_tree_outputs(struct legacy *l)
{
    struct xgb_model *model = l->model;
    size_t count = model->tree_count;
    size_t n;

    if (cursor_left(&l->c) / sizeof(int32_t) < count)
        return legacy_cut(l, "the outputs of the trees");
    model->tree_output = take_words(l, count);
    if (!model->tree_output)
        return err_memory(l->err, count * sizeof(int32_t), "the outputs of the trees");
    if (!model->dart)
        return 0;
    if (!legacy_count(&l->c, sizeof(float), &n))
        return legacy_cut(l, "the weights of the trees");
    if (n != count)
        return legacy_fail(l, "the number of weights is not the number of trees");
    model->tree_weight = take_words(l, n);
    if (!model->tree_weight)
        return err_memory(l->err, n * sizeof(float), "the weights of the trees");
    return 0;
}

static int read_forest(struct legacy *l)
{
    struct xgb_model *model = l->model;
    struct bytes p;
    uint32_t count, parallel;

    if (!cursor_take(&l->c, GBTREE_SIZE, &p))
        return legacy_cut(l, "the booster's parameters");
    count = load_le32(p.data);
    parallel = load_le32(p.data + 4);
    l->output_groups = load_le32(p.data + 24);
    if (load_le64(p.data + 16) != 0)
        return err_set(
            l->err, ERR_UNSUPPORTED,
            "offset %zu: the file holds a prediction buffer (XGBoost 0.4); save the model "
            "without it",
            legacy_offset(l));
    /* no tree is smaller than one node: the count cannot cost more memory than the file is long */
    if (count > XGB_TREES_MAX || count > cursor_left(&l->c) / (TREE_SIZE + NODE_SIZE + STAT_SIZE))
        return legacy_fail(l, "the number of trees is larger than the file");
    if (legacy_version_from(&l->learner, 1, 6) && parallel <= INT32_MAX)
        model->num_parallel_tree = parallel;
    model->trees = arena_zero(&model->arena, count, sizeof(*model->trees));
    if (!model->trees)
        return err_memory(l->err, count * sizeof(*model->trees), "the trees");
    model->tree_count = count;
    for (uint32_t i = 0; i < count; i++) {
        if (read_tree(l, &model->trees[i]))
            return -1;
    }
    return count ? read_tree_outputs(l) : 0;
}

static int read_linear(struct legacy *l)
{
    struct xgb_model *model = l->model;
    struct bytes p;
    size_t n;

    if (!cursor_take(&l->c, LINEAR_SIZE, &p))
        return legacy_cut(l, "the booster's parameters");
    l->output_groups = load_le32(p.data + 4);
    if (!legacy_count(&l->c, sizeof(float), &n))
        return legacy_cut(l, "the weights");
    if (n > UINT32_MAX)
        return legacy_fail(l, "the number of weights cannot be right");
    model->linear_weights = take_words(l, n);
    if (!model->linear_weights)
        return err_memory(l->err, n * sizeof(float), "the weights");
    model->linear_weight_count = (uint32_t)n;
    return 0;
}

int legacy_booster_read(struct legacy *l)
{
    if (l->model->booster == XGB_GBLINEAR ? read_linear(l) : read_forest(l))
        return -1;
    if (l->output_groups > XGB_OUTPUTS_MAX)
        return legacy_fail(l, "the number of outputs cannot be right");
    return 0;
}
