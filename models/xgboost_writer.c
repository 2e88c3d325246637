/* Schema 1.7 of XGBoost's model files (xgboost-models 4), as UBJSON. */
#include "models/xgboost_writer.h"

#include <inttypes.h>
#include <string.h>

#include "models/ubjson_writer.h"

#define ROOT_PARENT 2147483647 /* what XGBoost writes: -1 without the bit of a left child */

#define UNREACHED UINT32_MAX

/* What is known of a tree before it is written; the arrays fit the largest tree. */
struct plan {
    uint32_t *order; /* reachable nodes, parents before children */
    uint32_t *parent;
    uint32_t *depth; /* UNREACHED: the node is deleted */
    uint32_t *split; /* splits by category, ascending */
    uint32_t *words; /* one array of the tree, as it is to be written */
    uint32_t reachable;
    uint32_t splits;
};

static void plan_fini(struct plan *plan)
{
    free(plan->order);
    free(plan->parent);
    free(plan->depth);
    free(plan->split);
    free(plan->words);
}

static int plan_init(struct plan *plan, size_t nodes, struct err *err)
{
    plan->order = mem_alloc(nodes, sizeof(*plan->order));
    plan->parent = mem_alloc(nodes, sizeof(*plan->parent));
    plan->depth = mem_alloc(nodes, sizeof(*plan->depth));
    plan->split = mem_alloc(nodes, sizeof(*plan->split));
    plan->words = mem_alloc(nodes, sizeof(*plan->words));
    if (plan->order && plan->parent && plan->depth && plan->split && plan->words)
        return 0;
    return err_memory(err, nodes * 5 * sizeof(uint32_t), "writing a tree");
}

/* The parameters that 1.7.4 refuses an objective without; their values matter for training only. */
static const struct {
    enum objective objective;
    const char *object;
    const char *parameters[2][2];
} objective_objects[] = {
    {OBJECTIVE_SQUARED_ERROR, "reg_loss_param", {{"scale_pos_weight", "1"}}},
    {OBJECTIVE_SQUARED_LOG_ERROR, "reg_loss_param", {{"scale_pos_weight", "1"}}},
    {OBJECTIVE_REG_LOGISTIC, "reg_loss_param", {{"scale_pos_weight", "1"}}},
    {OBJECTIVE_BINARY_LOGISTIC, "reg_loss_param", {{"scale_pos_weight", "1"}}},
    {OBJECTIVE_LOGITRAW, "reg_loss_param", {{"scale_pos_weight", "1"}}},
    {OBJECTIVE_PSEUDO_HUBER, "pseudo_huber_param", {{"huber_slope", "1"}}},
    {OBJECTIVE_POISSON, "poisson_regression_param", {{"max_delta_step", "0.7"}}},
    {OBJECTIVE_TWEEDIE, "tweedie_regression_param", {{"tweedie_variance_power", "1.5"}}},
    {OBJECTIVE_AFT,
     "aft_loss_param",
     {{"aft_loss_distribution", "normal"}, {"aft_loss_distribution_scale", "1"}}},
    {OBJECTIVE_RANK_PAIRWISE,
     "lambda_rank_param",
     {{"fix_list_weight", "0"}, {"num_pairsample", "1"}}},
    {OBJECTIVE_RANK_NDCG, "lambda_rank_param", {{"fix_list_weight", "0"}, {"num_pairsample", "1"}}},
    {OBJECTIVE_RANK_MAP, "lambda_rank_param", {{"fix_list_weight", "0"}, {"num_pairsample", "1"}}},
};

static bool is_softmax(enum objective objective)
{
    return objective == OBJECTIVE_SOFTMAX || objective == OBJECTIVE_SOFTPROB;
}

static void put_objective(struct ubjson_writer *w, const struct xgb_model *model)
{
    enum objective objective = model->objective;

    if (objective == OBJECTIVE_UNKNOWN)
        objective = OBJECTIVE_SQUARED_ERROR;
    ubjson_object(w, "objective");
    ubjson_text(w, "name", objective_name(objective));
    for (size_t i = 0; i < ARRAY_LENGTH(objective_objects); i++) {
        if (objective_objects[i].objective != objective)
            continue;
        ubjson_object(w, objective_objects[i].object);
        for (size_t p = 0; p < 2 && objective_objects[i].parameters[p][0]; p++)
            ubjson_text(w, objective_objects[i].parameters[p][0],
                        objective_objects[i].parameters[p][1]);
        ubjson_end(w);
    }
    if (is_softmax(objective)) {
        ubjson_object(w, "softmax_multiclass_param");
        ubjson_parameter(w, "num_class", model->outputs);
        ubjson_end(w);
    }
    ubjson_end(w);
}

/* Outputs are classes only where the objective has them: with num_class and any other
 * objective 1.7.4 makes the objective multi:softmax. */
static void put_learner_parameters(struct ubjson_writer *w, const struct xgb_model *model)
{
    bool classes = is_softmax(model->objective);

    ubjson_object(w, "learner_model_param");
    ubjson_text(w, "base_score", "5E-1");
    ubjson_text(w, "boost_from_average", "1");
    ubjson_parameter(w, "num_class", classes ? model->outputs : 0);
    ubjson_parameter(w, "num_feature", model->features);
    ubjson_parameter(w, "num_target", classes ? 1 : model->outputs);
    ubjson_end(w);
}

static bool is_by_category(const struct tree *tree, uint32_t n)
{
    return tree->left[n] != -1 && tree->categorical && tree->categorical[n];
}

static int unsupported(struct err *err, uint32_t tree, uint32_t node, const char *what)
{
    return err_set(err, ERR_UNSUPPORTED, "tree %u, node %u: %s, which XGBoost 1.7 cannot hold",
                   tree, node, what);
}

/* 1.7.4 makes a bit set of each node's categories, as long as the largest one needs. */
static int plan_categories(const struct tree *tree, uint32_t number, uint32_t n, uint64_t *bytes,
                           struct err *err)
{
    uint32_t end = tree->category_start[n + 1];

    if (tree->category_start[n] == end)
        return unsupported(err, number, n, "a split by category without a category");
    *bytes += 4 * ((uint64_t)tree->categories[end - 1] / 32 + 1);
    if (*bytes > XGB_WRITE_CATEGORY_BYTES_MAX)
        return err_set(err, ERR_UNSUPPORTED,
                       "tree %u: XGBoost 1.7 would make bit sets of more than %" PRIu64
                       " bytes of the model's categories",
                       number, XGB_WRITE_CATEGORY_BYTES_MAX);
    return 0;
}

/* Fills the plan and checks that 1.7.4 can hold the tree; category_bytes counts over all trees. */
static int plan_tree(struct plan *plan, const struct tree *tree, uint32_t number,
                     uint64_t *category_bytes, struct err *err)
{
    if (tree->leaf_width > 1)
        return unsupported(err, number, 0, "leaves of several values");
    memset(plan->parent, 0, tree->nodes * sizeof(*plan->parent));
    memset(plan->depth, 0xff, tree->nodes * sizeof(*plan->depth)); /* UNREACHED */
    plan->parent[0] = ROOT_PARENT;
    plan->depth[0] = 0;
    plan->order[0] = 0;
    plan->reachable = 1;
    plan->splits = 0;
    for (uint32_t i = 0; i < plan->reachable; i++) {
        uint32_t n = plan->order[i];
        uint32_t children[2] = {(uint32_t)tree->left[n], (uint32_t)tree->right[n]};

        if (tree->left[n] == -1)
            continue;
        if (plan->depth[n] >= XGB_WRITE_DEPTH_MAX)
            return err_set(err, ERR_UNSUPPORTED, "tree %u is deeper than %d levels", number,
                           XGB_WRITE_DEPTH_MAX);
        if (is_by_category(tree, n)) {
            if (plan_categories(tree, number, n, category_bytes, err))
                return -1;
        } else if (children[1] != children[0] + 1) {
            return unsupported(err, number, n, "a split whose children are not neighbours");
        }
        for (int side = 0; side < 2; side++) {
            plan->parent[children[side]] = n;
            plan->depth[children[side]] = plan->depth[n] + 1;
            plan->order[plan->reachable++] = children[side];
        }
    }
    for (uint32_t n = 0; n < tree->nodes; n++) {
        if (plan->depth[n] != UNREACHED && is_by_category(tree, n))
            plan->split[plan->splits++] = n;
    }
    return 0;
}

/* The splits by category: their numbers ascending, and each one's piece of `categories`. */
static void put_categories(struct ubjson_writer *w, const struct tree *tree,
                           const struct plan *plan)
{
    const uint32_t *start = tree->category_start;
    size_t at = 0;
    uint8_t *p;

    ubjson_words(w, "categories_nodes", 'l', plan->split, plan->splits);
    p = ubjson_typed(w, "categories_segments", 'L', plan->splits);
    for (uint32_t i = 0; p && i < plan->splits; i++) {
        ubjson_store64(p + (size_t)8 * i, at);
        at += start[plan->split[i] + 1] - start[plan->split[i]];
    }
    p = ubjson_typed(w, "categories_sizes", 'L', plan->splits);
    for (uint32_t i = 0; p && i < plan->splits; i++)
        ubjson_store64(p + (size_t)8 * i, start[plan->split[i] + 1] - start[plan->split[i]]);
    p = ubjson_typed(w, "categories", 'l', at);
    for (uint32_t i = 0; p && i < plan->splits; i++) {
        for (uint32_t k = start[plan->split[i]]; k < start[plan->split[i] + 1]; k++, p += 4)
            ubjson_store32(p, (uint32_t)tree->categories[k]);
    }
}

static void put_split_types(struct ubjson_writer *w, const struct tree *tree,
                            const struct plan *plan)
{
    uint8_t *p = ubjson_typed(w, "split_type", 'U', tree->nodes);

    if (!p)
        return;
    memset(p, 0, tree->nodes);
    for (uint32_t i = 0; i < plan->splits; i++)
        p[plan->split[i]] = 1;
}

/* 1.7.4 tells a deleted node by split_indices and default_left, whose bits are all ones together,
 * and wants num_deleted to agree. A leaf's split index means nothing; it must not look like that.
 */
static void put_splits(struct ubjson_writer *w, const struct tree *tree, const struct plan *plan)
{
    uint8_t *p = ubjson_typed(w, "default_left", 'U', tree->nodes);

    for (uint32_t n = 0; p && n < tree->nodes; n++)
        p[n] = plan->depth[n] == UNREACHED || tree->default_left[n] != 0;
    for (uint32_t n = 0; n < tree->nodes; n++) {
        if (plan->depth[n] == UNREACHED)
            plan->words[n] = TREE_DELETED;
        else
            plan->words[n] = tree->left[n] == -1 ? 0 : tree->feature[n];
    }
    ubjson_words(w, "split_indices", 'l', plan->words, tree->nodes);
}

static void put_children(struct ubjson_writer *w, const char *key, const int32_t *children,
                         const struct tree *tree, struct plan *plan)
{
    for (uint32_t n = 0; n < tree->nodes; n++) {
        bool none = plan->depth[n] == UNREACHED || tree->left[n] == -1;

        plan->words[n] = none ? UINT32_MAX : (uint32_t)children[n];
    }
    ubjson_words(w, key, 'l', plan->words, tree->nodes);
}

static void put_tree(struct ubjson_writer *w, const struct xgb_model *model, uint32_t number,
                     struct plan *plan)
{
    const struct tree *tree = &model->trees[number];
    size_t nodes = tree->nodes;

    ubjson_begin(w);
    ubjson_key(w, "id");
    ubjson_integer(w, (int32_t)number);
    put_children(w, "left_children", tree->left, tree, plan);
    put_children(w, "right_children", tree->right, tree, plan);
    ubjson_words(w, "parents", 'l', plan->parent, nodes);
    put_splits(w, tree, plan);
    ubjson_words(w, "split_conditions", 'd', tree->value, nodes);
    ubjson_words(w, "sum_hessian", 'd', tree->sum_hessian, nodes);
    ubjson_words(w, "base_weights", 'd', NULL, nodes);
    ubjson_words(w, "loss_changes", 'd', NULL, nodes);
    put_split_types(w, tree, plan);
    put_categories(w, tree, plan);
    ubjson_object(w, "tree_param");
    ubjson_parameter(w, "num_nodes", tree->nodes);
    ubjson_parameter(w, "num_deleted", tree->nodes - plan->reachable);
    ubjson_parameter(w, "num_feature", model->features);
    ubjson_parameter(w, "size_leaf_vector", 0);
    ubjson_end(w);
    ubjson_end(w);
}

static uint32_t largest_tree(const struct xgb_model *model, uint32_t tree_count)
{
    uint32_t nodes = 1;

    for (uint32_t i = 0; i < tree_count; i++) {
        if (model->trees[i].nodes > nodes)
            nodes = model->trees[i].nodes;
    }
    return nodes;
}

/* The value of the key "model" of a gbtree. */
static int put_trees(struct ubjson_writer *w, const struct xgb_model *model, uint32_t tree_count,
                     struct err *err)
{
    CLEANUP(plan_fini) struct plan plan = {0};
    uint64_t category_bytes = 0;

    if (plan_init(&plan, largest_tree(model, tree_count), err))
        return -1;
    ubjson_object(w, "gbtree_model_param");
    ubjson_parameter(w, "num_trees", tree_count);
    /* All trees are one iteration: 1.7.4 predicts with whole iterations only, and they need not be
     * a multiple of the outputs. */
    ubjson_parameter(w, "num_parallel_tree", tree_count ? tree_count : 1);
    ubjson_parameter(w, "size_leaf_vector", 0);
    ubjson_end(w);
    ubjson_array(w, "trees", tree_count);
    for (uint32_t i = 0; i < tree_count && !w->failed; i++) {
        if (plan_tree(&plan, &model->trees[i], i, &category_bytes, err))
            return -1;
        put_tree(w, model, i, &plan);
    }
    ubjson_array(w, "tree_info", tree_count);
    for (uint32_t i = 0; i < tree_count; i++)
        ubjson_integer(w, model->tree_output[i]);
    return 0;
}

static int put_gbtree(struct ubjson_writer *w, const struct xgb_model *model, uint32_t tree_count,
                      struct err *err)
{
    ubjson_text(w, "name", "gbtree");
    ubjson_object(w, "model");
    if (put_trees(w, model, tree_count, err))
        return -1;
    ubjson_end(w);
    return 0;
}

static int put_dart(struct ubjson_writer *w, const struct xgb_model *model, uint32_t tree_count,
                    struct err *err)
{
    ubjson_text(w, "name", "dart");
    ubjson_object(w, "gbtree");
    if (put_gbtree(w, model, tree_count, err))
        return -1;
    ubjson_end(w);
    ubjson_array(w, "weight_drop", tree_count);
    for (uint32_t i = 0; i < tree_count; i++)
        ubjson_real(w, model->tree_weight[i]);
    return 0;
}

static void put_linear(struct ubjson_writer *w, const struct xgb_model *model)
{
    ubjson_text(w, "name", "gblinear");
    ubjson_object(w, "model");
    ubjson_words(w, "weights", 'd', model->linear_weights, model->linear_weight_count);
    ubjson_key(w, "boosted_rounds");
    ubjson_integer(w, 1);
    ubjson_end(w);
}

static int put_booster(struct ubjson_writer *w, const struct xgb_model *model, uint32_t tree_count,
                       struct err *err)
{
    if (model->booster == XGB_GBLINEAR) {
        put_linear(w, model);
        return 0;
    }
    return model->tree_weight ? put_dart(w, model, tree_count, err)
                              : put_gbtree(w, model, tree_count, err);
}

int xgb_write(const struct xgb_model *model, uint32_t tree_count, struct buffer *ret,
              struct err *err)
{
    struct ubjson_writer w = {.out = ret};

    if (model->objective == OBJECTIVE_QUANTILE || model->objective == OBJECTIVE_EXPECTILE)
        return err_set(err, ERR_UNSUPPORTED, "XGBoost 1.7 does not know the objective %s",
                       objective_name(model->objective));
    if (model->features == 0)
        return err_set(err, ERR_UNSUPPORTED, "XGBoost 1.7 takes no model without features");
    ubjson_begin(&w);
    ubjson_object(&w, "learner");
    ubjson_object(&w, "attributes");
    ubjson_end(&w);
    ubjson_object(&w, "gradient_booster");
    if (put_booster(&w, model, tree_count, err))
        return -1;
    ubjson_end(&w);
    put_learner_parameters(&w, model);
    put_objective(&w, model);
    ubjson_end(&w);
    ubjson_array(&w, "version", 3);
    ubjson_integer(&w, 1);
    ubjson_integer(&w, 7);
    ubjson_integer(&w, 4);
    ubjson_end(&w);
    return ubjson_finish(&w, err);
}
