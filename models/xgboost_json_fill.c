/* From what was read of a JSON or UBJSON document to a model: where versions of XGBoost put the
 * same thing in different places (xgboost-models 4.2), this is where they come together. */
#include "base/number_parse.h"
#include "models/xgboost_json.h"

static void fill_version(struct xgb_model *model, const struct xgb_json_array *version)
{
    const int32_t *part = version->data;

    if (version->count < 2)
        return;
    model->version.known = true;
    model->version.major = part[0];
    model->version.minor = part[1];
    model->version.patch = version->count > 2 ? part[2] : 0;
}

/* What int(text) is in Python; -1 where it is nothing, or negative. */
static int64_t attribute_integer(const char *text)
{
    int64_t value;

    if (!text || number_parse_int(text, strlen(text), &value) != NUMBER_OK || value < 0)
        return -1;
    return value;
}

/* Names for all features, or none: what does not fit names nothing. */
static const char **texts_for(const struct xgb_json_array *texts, uint32_t features)
{
    return texts->count && texts->count == features ? (const char **)texts->data : NULL;
}

/* Each tree to its place: its id, or where it has none its place in the file. */
static int place_trees(struct xgb_json *json, const struct xgb_json_tree_list *list,
                       struct xgb_model *model, struct err *err)
{
    const struct xgb_json_tree *item;
    uint32_t place = 0;

    model->trees = arena_zero(json->arena, list->count, sizeof(*model->trees));
    if (!model->trees)
        return xgb_json_no_room(json, list->count * sizeof(*model->trees), "trees", err);
    for (item = list->first; item; item = item->next) {
        uint32_t id = item->id.present ? item->id.value : place;

        if (id >= list->count)
            return err_set(err, ERR_INPUT, "offset %zu: tree id %lu, but there are %lu trees",
                           item->offset, (unsigned long)id, (unsigned long)list->count);
        if (model->trees[id].nodes)
            return err_set(err, ERR_INPUT, "offset %zu: tree id %lu comes twice", item->offset,
                           (unsigned long)id);
        model->trees[id] = item->tree;
        place++;
    }
    model->tree_count = list->count;
    return 0;
}

/* An array that has an element a tree; an empty one is as good as none. */
static int check_per_tree(const struct xgb_json_array *array, const char *name, uint32_t trees,
                          struct err *err)
{
    if (array->count == 0 || array->count == trees)
        return 0;
    return err_set(err, ERR_INPUT, "offset %zu: %s has %zu elements for %lu trees", array->offset,
                   name, array->count, (unsigned long)trees);
}

static int fill_gbtree(struct xgb_json *json, const struct xgb_json_booster *booster, bool dart,
                       struct xgb_model *model, struct err *err)
{
    const struct xgb_json_model *object =
        booster->gbtree.present ? &booster->gbtree.model : &booster->model;
    const struct xgb_json_array *drop =
        booster->weight_drop.count ? &booster->weight_drop : &object->weight_drop;

    if (!object->present)
        return err_set(err, ERR_INPUT, "gradient_booster has no model");
    if (place_trees(json, &object->trees, model, err) ||
        check_per_tree(&object->tree_info, "tree_info", model->tree_count, err) ||
        check_per_tree(drop, "weight_drop", model->tree_count, err))
        return -1;
    if (object->param.trees.present && object->param.trees.value != model->tree_count)
        return err_set(err, ERR_INPUT, "num_trees is %lu, but there are %lu trees",
                       (unsigned long)object->param.trees.value, (unsigned long)model->tree_count);
    if (dart && drop->count == 0 && model->tree_count)
        return err_set(err, ERR_INPUT, "a dart booster without weight_drop");
    model->dart = dart || drop->count;
    model->tree_weight = drop->count ? drop->data : NULL;
    model->tree_output = object->tree_info.count ? object->tree_info.data : NULL;
    if (object->iteration_indptr.count) {
        model->iteration_start = object->iteration_indptr.data;
        model->iterations = (uint32_t)object->iteration_indptr.count - 1;
    }
    model->num_parallel_tree = object->param.parallel_tree.value;
    return 0;
}

static int fill_booster(struct xgb_json *json, const struct xgb_json_booster *booster,
                        struct xgb_model *model, struct err *err)
{
    char quoted[64];

    if (!booster->name)
        return err_set(err, ERR_INPUT, "the learner has no gradient_booster with a name");
    if (strcmp(booster->name, "gblinear") == 0) {
        model->booster = XGB_GBLINEAR;
        model->linear_weights = booster->model.weights.data;
        model->linear_weight_count = (uint32_t)booster->model.weights.count;
        model->iterations = booster->model.boosted_rounds.value;
        return 0;
    }
    if (strcmp(booster->name, "gbtree") != 0 && strcmp(booster->name, "dart") != 0)
        return err_set(err, ERR_UNSUPPORTED, "gradient_booster is %s, not gbtree, dart or gblinear",
                       err_quote(quoted, sizeof(quoted), booster->name, strlen(booster->name)));
    model->booster = XGB_GBTREE;
    return fill_gbtree(json, booster, strcmp(booster->name, "dart") == 0, model, err);
}

/* A dart Config has its gbtree_train_param within "gbtree". */
void xgb_json_fill_config(const struct xgb_json_config *config, struct xgb_model *model)
{
    const struct xgb_json_config_booster *booster = &config->learner.booster;
    const struct xgb_json_param *param =
        booster->gbtree.model.param.present ? &booster->gbtree.model.param : &booster->param;

    if (model->num_parallel_tree == 0)
        model->num_parallel_tree = param->parallel_tree.value;
}

/* From 3.1 on a model that has yet to fit its base_score, which is one without any round, answers
 * it without the link: also gblinear of 1.0 to 1.4 that was saved again, whose rounds were not
 * counted. */
static bool awaits_base_score(const struct xgb_json_learner *learner, const struct xgb_model *model)
{
    const struct xgb_version *v = &model->version;
    uint32_t rounds = model->booster == XGB_GBLINEAR ? model->iterations : model->tree_count;

    return v->known && v->major * 100 + v->minor >= 301 && rounds == 0 &&
           learner->param.boost_from_average.value != 0;
}

int xgb_json_fill(struct xgb_json *json, const struct xgb_json_document *document,
                  struct xgb_model *model, struct err *err)
{
    const struct xgb_json_root *root =
        document->root.learner.present ? &document->root : &document->snapshot;
    const struct xgb_json_learner *learner = &root->learner;

    model->format = json->text ? "json" : "ubjson";
    model->objective_text = learner->objective.name;
    model->features = learner->param.features.value;
    model->num_class = learner->param.classes.value;
    model->num_target = learner->param.targets.value;
    model->base_score = learner->param.base_score.data;
    model->base_score_count = (uint32_t)learner->param.base_score.count;
    model->feature_names = texts_for(&learner->feature_names, model->features);
    model->feature_types = texts_for(&learner->feature_types, model->features);
    model->best_iteration = attribute_integer(learner->attributes.best_iteration);
    model->best_ntree_limit = attribute_integer(learner->attributes.best_ntree_limit);
    model->early_stopped = learner->attributes.best_score != NULL;
    fill_version(model, &root->version);
    if (fill_booster(json, &learner->booster, model, err))
        return -1;
    model->base_score_is_margin = awaits_base_score(learner, model);
    xgb_json_fill_config(&document->config, model);
    return 0;
}
