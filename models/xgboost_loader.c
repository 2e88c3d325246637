/*
 * The XGBoost family's loader: every file of the artifact is a model, several are an ensemble. Here
 * the rules that depend on the version that wrote a file are chosen (xgboost-models 5 and 6.4).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "algorithms/forest.h"
#include "algorithms/gblinear.h"
#include "models/loaders.h"
#include "models/xgboost_load.h"

/* major * 100 + minor of the writer; 0 before 1.0. */
static int writer(const struct xgb_model *source)
{
    const struct xgb_version *v = &source->version;

    return v->known ? v->major * 100 + v->minor : 0;
}

/*
 * The version whose scoring is imitated: the writer's, or that of the image which a profile names.
 * What a file means (its links, its layout) stays the writer's in any case.
 */
static int answerer(const struct xgb_model *source, const struct model *model)
{
    return model->profile_is_auto ? writer(source) : model->profile->xgboost_version;
}

static struct objective_rules rules_of(const struct xgb_model *source, const struct model *model)
{
    int version = writer(source);

    return (struct objective_rules){
        .logitraw_link = version >= 100 && version < 103,
        .clamp_link = answerer(source, model) >= 302,
        .old_sigmoid = answerer(source, model) < 106,
        .sort_quantiles = version >= 304,
    };
}

static enum category_rule category_rule_of(const struct xgb_model *source,
                                           const struct model *model)
{
    switch (answerer(source, model)) {
    case 105:
        return CATEGORY_ZERO;
    case 106:
        return CATEGORY_DEFAULT;
    default:
        return CATEGORY_LEFT;
    }
}

static enum sum_rule sum_rule_of(const struct xgb_model *source, const struct model *model)
{
    int version = answerer(source, model);

    return version < 103 || (source->dart && version == 103) ? SUM_BASE_LAST : SUM_BASE_FIRST;
}

/* Trees of the first `rounds` iterations. */
static uint32_t trees_of_rounds(const struct xgb_model *source, int64_t rounds)
{
    if (rounds <= 0 || rounds >= source->iterations)
        return source->tree_count;
    return source->iteration_start[rounds];
}

/* best_ntree_limit in trees per output, as XGBoost before 2 counts it. */
static uint32_t trees_of_limit(const struct xgb_model *source, int64_t limit)
{
    uint32_t parallel = source->num_parallel_tree ? source->num_parallel_tree : 1;

    return trees_of_rounds(source, limit / parallel);
}

/* How many trees count: xgboost-models 5.9, the rows of the wrappers and of the container. */
static uint32_t trees_used(const struct xgb_model *source, const struct profile *profile)
{
    int64_t limit = source->pickle_best_ntree_limit;

    if (source->is_wrapper) {
        if (writer(source) >= 104)
            return trees_of_rounds(source, source->best_iteration + 1);
        return source->early_stopped ? trees_of_limit(source, limit) : source->tree_count;
    }
    if (limit <= 0 && profile->best_limit == BEST_LIMIT_ATTRIBUTE)
        limit = source->best_ntree_limit;
    if (limit <= 0)
        return source->tree_count;
    return profile->limit_is_rounds ? trees_of_rounds(source, limit)
                                    : trees_of_limit(source, limit);
}

/* The margin that every row starts from, one number an output. */
static int make_base_margin(struct model_member *member, struct err *err)
{
    const struct xgb_model *source = member->source;

    member->base_margin = mem_alloc(source->outputs, sizeof(float));
    if (!member->base_margin)
        return err_memory(err, source->outputs * sizeof(float), "base margins");
    memcpy(member->base_margin, source->base_score, source->outputs * sizeof(float));
    if (!source->base_score_is_margin)
        objective_link(source->objective, &member->rules, member->base_margin, source->outputs);
    return 0;
}

static int make_scorer(struct model_member *member, const struct model *model,
                       enum forest_kernel kernel, struct err *err)
{
    const struct xgb_model *source = member->source;

    if (source->booster == XGB_GBLINEAR)
        return gblinear_new(source->linear_weights, source->features, source->outputs,
                            member->base_margin, &member->scorer, err);
    return forest_new(
        &(struct forest_spec){
            .trees = source->trees,
            .tree_output = source->tree_output,
            .tree_weight = source->tree_weight,
            .tree_count = member->trees_used,
            .features = source->features,
            .outputs = source->outputs,
            .base_margin = member->base_margin,
            .sum_rule = sum_rule_of(source, model),
            .category_rule = category_rule_of(source, model),
            .kernel = kernel,
        },
        &member->scorer, err);
}

/* Parses one file into the next member. */
static int parse_member(struct model *model, const struct artifact_file *file,
                        const struct model_options *options, struct err *err)
{
    struct model_member *member = &model->members[model->member_count];
    struct xgb_load_options load = {.memory_cap = options->limits.bytes};

    if (xgb_load(file->bytes, &load, &member->source, err))
        return -1;
    model->member_count++; /* from here on model_unref frees it */
    member->file = strdup(file->name);
    if (!member->file)
        return err_memory(err, strlen(file->name), "a file name");
    return 0;
}

/* Models first; the files that are none are decided on when it is known whether there is a model.
 */
static int parse_all(const struct artifact *artifact, const struct model_options *options,
                     struct model *model, struct err *err)
{
    struct err first_stray = ERR_INIT;

    for (size_t i = 0; i < artifact->count; i++) {
        const struct artifact_file *file = &artifact->files[i];
        struct err why = ERR_INIT;
        char name[160];

        err_quote(name, sizeof(name), file->name, strlen(file->name));
        if (!options->ensemble && model->member_count == 1)
            break;
        if (parse_member(model, file, options, &why)) {
            if (artifact->kind != ARTIFACT_FILE)
                err_wrap(&why, "file %s", name);
            if (options->strict || artifact->count == 1 || why.kind == ERR_MEMORY ||
                !artifact_is_stray_text(file->bytes)) {
                *err = why;
                return -1;
            }
            if (first_stray.kind == ERR_NONE)
                first_stray = why;
            if (model_leave_out(model, file->name, err))
                return -1;
        }
    }
    if (model->member_count == 0) {
        *err = first_stray;
        return err_wrap(err, "no model among %zu files", artifact->count);
    }
    return 0;
}

static int finish_member(struct model *model, struct model_member *member,
                         enum forest_kernel kernel, struct err *err)
{
    member->rules = rules_of(member->source, model);
    member->trees_used = trees_used(member->source, model->profile);
    if (make_base_margin(member, err) || make_scorer(member, model, kernel, err))
        return err_wrap(err, "file '%s'", member->file);
    model->row_ns += (uint64_t)member->scorer->row_ns + 1;
    return 0;
}

/* Members of an ensemble answer together: their rows must have the same shape. */
static int check_ensemble(const struct model *model, struct err *err)
{
    size_t columns = model_columns(model, MODEL_VALUE);

    for (size_t i = 1; i < model->member_count; i++) {
        const struct model_member *member = &model->members[i];
        size_t own = objective_columns(member->source->objective, member->source->outputs);

        if (own != columns || member->source->outputs != model->members[0].source->outputs)
            return err_set(
                err, ERR_INPUT,
                "the models do not belong together: '%s' answers %zu numbers a row, '%s' "
                "%zu; serve them apart, or only the first with --no-ensemble",
                model->members[0].file, columns, member->file, own);
    }
    return 0;
}

static bool probe(const struct artifact *artifact)
{
    (void)artifact;
    return true;
}

static int load(const struct artifact *artifact, const struct model_options *options,
                struct model *model, struct err *err)
{
    enum objective objective;

    model->family = FAMILY_XGBOOST;
    model->members = mem_zero(artifact->count, sizeof(*model->members));
    if (!model->members)
        return err_memory(err, artifact->count * sizeof(*model->members), "models");
    if (parse_all(artifact, options, model, err))
        return -1;
    model->profile_is_auto = !options->profile || strcmp(options->profile, "auto") == 0;
    model->profile = model->profile_is_auto ? profile_for(model->members[0].source)
                                            : profile_find(options->profile);
    if (!model->profile || model->profile->builtin)
        return err_set(err, ERR_INPUT, "profile '%s' is none of an XGBoost model: use %s",
                       options->profile, PROFILE_NAMES);
    for (size_t i = 0; i < model->member_count; i++) {
        if (finish_member(model, &model->members[i], options->kernel, err))
            return -1;
    }
    objective = model->members[0].source->objective;
    model->vote = objective == OBJECTIVE_SOFTMAX || objective == OBJECTIVE_HINGE;
    model->features = model->members[0].source->features;
    return check_ensemble(model, err);
}

const struct loader xgboost_loader = {.name = "xgboost", .probe = probe, .load = load};
