#include "models/xgboost_model.h"

#include <math.h>

struct xgb_model *xgb_model_new(size_t memory_cap)
{
    struct xgb_model *model = mem_zero(1, sizeof(*model));

    if (!model)
        return NULL;
    arena_init(&model->arena, memory_cap);
    model->best_iteration = -1;
    model->best_ntree_limit = -1;
    model->pickle_best_ntree_limit = -1;
    model->missing = NAN;
    return model;
}

void xgb_model_free(struct xgb_model *model)
{
    if (!model)
        return;
    arena_fini(&model->arena);
    free(model);
}

static int no_room(const struct xgb_model *model, size_t size, const char *what, struct err *err)
{
    size_t left = model->arena.cap - model->arena.used;

    /* 64: what the arena itself needs for a new chunk */
    if (left >= 64 && size <= left - 64)
        return err_memory(err, size, what);
    return err_set(err, ERR_LIMIT, "more memory is needed than the %zu bytes that are allowed (%s)",
                   model->arena.cap, what);
}

static int check_limit(const char *what, uint32_t value, uint32_t max, struct err *err)
{
    if (value <= max)
        return 0;
    return err_set(err, ERR_LIMIT, "%s is %lu, at most %lu is possible", what, (unsigned long)value,
                   (unsigned long)max);
}

static uint32_t max2(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* num_output_group is 0 from 1.0 on, and in the files of 1.0.0rc1, which look older. */
static int derive_outputs(struct xgb_model *model, struct err *err)
{
    uint32_t outputs = model->num_output_group;

    if (outputs == 0)
        outputs = max2(1, max2(model->num_class, model->num_target));
    if (check_limit("num_feature", model->features, XGB_FEATURES_MAX, err) ||
        check_limit("the number of outputs", outputs, XGB_OUTPUTS_MAX, err) ||
        check_limit("the number of trees", model->tree_count, XGB_TREES_MAX, err))
        return -1;
    model->outputs = outputs;
    return 0;
}

static bool version_from(const struct xgb_version *version, int major, int minor)
{
    return version->known &&
           (version->major > major || (version->major == major && version->minor >= minor));
}

/* base_score becomes `outputs` numbers. From 3.1 on gblinear takes the first for all (5.2). */
static int broadcast_base_score(struct xgb_model *model, struct err *err)
{
    bool first_for_all = model->base_score_count == 1 ||
                         (model->booster == XGB_GBLINEAR && version_from(&model->version, 3, 1));
    float *scores;

    if (model->base_score_count == 0)
        return err_set(err, ERR_INPUT, "the model has no base_score");
    if (model->base_score_count != 1 && model->base_score_count != model->outputs)
        return err_set(err, ERR_INPUT, "base_score has %lu numbers for %lu outputs",
                       (unsigned long)model->base_score_count, (unsigned long)model->outputs);
    for (uint32_t i = 0; i < model->base_score_count; i++) {
        if (isnan(model->base_score[i]))
            return err_set(err, ERR_INPUT,
                           "base_score is not a number: the model was saved before it was trained");
    }
    if (!first_for_all)
        return 0;
    scores = arena_alloc(&model->arena, model->outputs, sizeof(*scores));
    if (!scores)
        return no_room(model, model->outputs * sizeof(*scores), "base_score", err);
    for (uint32_t i = 0; i < model->outputs; i++)
        scores[i] = model->base_score[0];
    model->base_score = scores;
    model->base_score_count = model->outputs;
    return 0;
}

/* Where the file does not tell, all trees are output 0's: possible only where no other is. */
static int default_tree_output(struct xgb_model *model, struct err *err)
{
    if (model->tree_output || model->tree_count == 0)
        return 0;
    for (uint32_t i = 0; i < model->tree_count; i++) {
        if (model->outputs > 1 && model->trees[i].leaf_width <= 1)
            return err_set(err, ERR_INPUT,
                           "tree %lu: no tree_info says which of %lu outputs it is for",
                           (unsigned long)i, (unsigned long)model->outputs);
    }
    model->tree_output = arena_zero(&model->arena, model->tree_count, sizeof(int32_t));
    if (!model->tree_output)
        return no_room(model, model->tree_count * sizeof(int32_t), "tree_info", err);
    return 0;
}

static int check_tree(const struct xgb_model *model, uint32_t i, struct err *err)
{
    struct tree *tree = &model->trees[i];
    int32_t output = model->tree_output[i];

    if (tree->leaf_width == 0)
        tree->leaf_width = 1;
    if (tree_check(tree, model->features, err))
        return err_wrap(err, "tree %lu", (unsigned long)i);
    if (output < 0 || (uint32_t)output >= model->outputs)
        return err_set(err, ERR_INPUT, "tree %lu: it is for output %ld, the model has %lu",
                       (unsigned long)i, (long)output, (unsigned long)model->outputs);
    if (tree->leaf_width > 1 && tree->leaf_width != model->outputs)
        return err_set(
            err, ERR_INPUT, "tree %lu: its leaves have %lu values, the model has %lu outputs",
            (unsigned long)i, (unsigned long)tree->leaf_width, (unsigned long)model->outputs);
    return 0;
}

static int check_trees(struct xgb_model *model, struct err *err)
{
    if (default_tree_output(model, err))
        return -1;
    for (uint32_t i = 0; i < model->tree_count; i++) {
        if (check_tree(model, i, err)) {
            if (model->trees[i].file_offset)
                err_wrap(err, "offset %zu", model->trees[i].file_offset);
            return -1;
        }
    }
    return 0;
}

static int check_iterations(const struct xgb_model *model, struct err *err)
{
    const uint32_t *start = model->iteration_start;

    for (uint32_t i = 0; i < model->iterations; i++) {
        if (start[i + 1] < start[i])
            return err_set(err, ERR_INPUT, "iteration_indptr descends at iteration %lu",
                           (unsigned long)i);
    }
    if (start[0] != 0 || start[model->iterations] != model->tree_count)
        return err_set(err, ERR_INPUT, "iteration_indptr goes from tree %lu to %lu of %lu",
                       (unsigned long)start[0], (unsigned long)start[model->iterations],
                       (unsigned long)model->tree_count);
    return 0;
}

/* Multiples of outputs * num_parallel_tree (5.8); a tree of vectors is for all outputs. */
static int derive_iterations(struct xgb_model *model, struct err *err)
{
    bool vector = model->tree_count && model->trees[0].leaf_width > 1;
    uint64_t step = (uint64_t)(vector ? 1 : model->outputs) * model->num_parallel_tree;
    uint64_t iterations = (model->tree_count + step - 1) / step;
    uint32_t *start = arena_alloc(&model->arena, iterations + 1, sizeof(*start));

    if (!start)
        return no_room(model, (iterations + 1) * sizeof(*start), "iterations", err);
    for (uint64_t i = 0; i < iterations; i++)
        start[i] = (uint32_t)(i * step);
    start[iterations] = model->tree_count;
    model->iteration_start = start;
    model->iterations = (uint32_t)iterations;
    return 0;
}

static int finish_gblinear(struct xgb_model *model, struct err *err)
{
    uint64_t want = ((uint64_t)model->features + 1) * model->outputs;

    if (model->tree_count)
        return err_set(err, ERR_INPUT, "a linear model with trees");
    if (!model->linear_weights || model->linear_weight_count != want)
        return err_set(err, ERR_INPUT, "%lu weights, but %lu features and %lu outputs need %llu",
                       (unsigned long)model->linear_weight_count, (unsigned long)model->features,
                       (unsigned long)model->outputs, (unsigned long long)want);
    return 0;
}

int xgb_model_finish(struct xgb_model *model, struct err *err)
{
    if (!model->objective_text)
        return err_set(err, ERR_INPUT, "the model has no objective");
    model->objective = objective_find(bytes_text(model->objective_text));
    if (model->num_parallel_tree == 0)
        model->num_parallel_tree = 1;
    if (derive_outputs(model, err) || broadcast_base_score(model, err))
        return -1;
    if (model->booster == XGB_GBLINEAR)
        return finish_gblinear(model, err);
    if (check_trees(model, err))
        return -1;
    return model->iteration_start ? check_iterations(model, err) : derive_iterations(model, err);
}
