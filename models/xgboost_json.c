/*
 * An XGBoost model in JSON, and the same in UBJSON (xgboost-models 4; layout of a tree in
 * xgboost_json_tree.c):
 *
 *   {"learner": {
 *      "attributes": {"best_iteration": "9", "best_ntree_limit": "10", "best_score": "0.1"},
 *      "feature_names": [...], "feature_types": [...],
 *      "gradient_booster": {"name": "gbtree" | "gblinear",
 *         "model": {"gbtree_model_param": {"num_trees": "30", "num_parallel_tree": "3"},
 *                   "trees": [...], "tree_info": [...], "iteration_indptr": [...],
 *                   "weight_drop": [...],                        DART from 3.4
 *                   "weights": [...], "boosted_rounds": 30},     gblinear
 *         "weight_drop": [...]}                                  DART of 3.3
 *      or "gradient_booster": {"name": "dart", "gbtree": {"model": ...}, "weight_drop": [...]},
 *      "learner_model_param": {"base_score": "5E-1" | "[1E0,2E0]", "num_class": "0",
 *                              "num_feature": "6", "num_target": "1"},
 *      "objective": {"name": "binary:logistic", ...}},
 *    "version": [1, 7, 4]}
 *
 * or a snapshot, {"Config": {...}, "Model": {as above}}. Of the Config only num_parallel_tree
 * counts, which models of 1.0 to 1.5 lack:
 *
 *   {"learner": {"gradient_booster": {"gbtree_train_param": {"num_parallel_tree": "3"}}}}
 *
 * with DART a level deeper, in "gbtree".
 */
#include "models/xgboost_json.h"

#include "base/number_parse.h"
#include "models/xgboost_load.h"

static int read_base_score(struct xgb_json *json, const struct xgb_json_field *field, void *target,
                           struct err *err);

#define OBJECT(key, holder, name, table)                                                           \
    {                                                                                              \
        key, xgb_json_object, offsetof(struct xgb_json_##holder, name),                            \
            .size = sizeof(((struct xgb_json_##holder *)NULL)->name), .fields = table              \
    }
#define FIELD(key, holder, name, ...)                                                              \
    {                                                                                              \
        key, .offset = offsetof(struct xgb_json_##holder, name), .read = __VA_ARGS__               \
    }

static const struct xgb_json_field param_fields[] = {
    FIELD("num_trees", param, trees, xgb_json_number, .max = XGB_TREES_MAX),
    FIELD("num_parallel_tree", param, parallel_tree, xgb_json_number, .max = INT32_MAX),
    {NULL},
};

static const struct xgb_json_field model_fields[] = {
    OBJECT("gbtree_model_param", model, param, param_fields),
    FIELD("trees", model, trees, xgb_json_trees),
    FIELD("tree_info", model, tree_info, xgb_json_numbers, .element = JSON_I32),
    FIELD("iteration_indptr", model, iteration_indptr, xgb_json_numbers, .element = JSON_I32),
    FIELD("weight_drop", model, weight_drop, xgb_json_numbers, .element = JSON_F32),
    FIELD("weights", model, weights, xgb_json_numbers, .element = JSON_F32),
    FIELD("boosted_rounds", model, boosted_rounds, xgb_json_number, .max = INT32_MAX),
    {NULL},
};

static const struct xgb_json_field gbtree_fields[] = {
    OBJECT("model", gbtree, model, model_fields),
    {NULL},
};

static const struct xgb_json_field booster_fields[] = {
    FIELD("name", booster, name, xgb_json_string),
    OBJECT("model", booster, model, model_fields),
    OBJECT("gbtree", booster, gbtree, gbtree_fields),
    FIELD("weight_drop", booster, weight_drop, xgb_json_numbers, .element = JSON_F32),
    {NULL},
};

static const struct xgb_json_field attributes_fields[] = {
    FIELD("best_iteration", attributes, best_iteration, xgb_json_string),
    FIELD("best_ntree_limit", attributes, best_ntree_limit, xgb_json_string),
    FIELD("best_score", attributes, best_score, xgb_json_string),
    {NULL},
};

static const struct xgb_json_field learner_param_fields[] = {
    FIELD("base_score", learner_param, base_score, read_base_score),
    FIELD("num_feature", learner_param, features, xgb_json_number, .max = XGB_FEATURES_MAX),
    FIELD("num_class", learner_param, classes, xgb_json_number, .max = XGB_OUTPUTS_MAX),
    FIELD("num_target", learner_param, targets, xgb_json_number, .max = XGB_OUTPUTS_MAX),
    FIELD("boost_from_average", learner_param, boost_from_average, xgb_json_number,
          .max = INT32_MAX),
    {NULL},
};

static const struct xgb_json_field objective_fields[] = {
    FIELD("name", objective, name, xgb_json_string),
    {NULL},
};

static const struct xgb_json_field learner_fields[] = {
    OBJECT("attributes", learner, attributes, attributes_fields),
    FIELD("feature_names", learner, feature_names, xgb_json_strings),
    FIELD("feature_types", learner, feature_types, xgb_json_strings),
    OBJECT("gradient_booster", learner, booster, booster_fields),
    OBJECT("learner_model_param", learner, param, learner_param_fields),
    OBJECT("objective", learner, objective, objective_fields),
    {NULL},
};

#define ROOT_FIELDS                                                                                \
    OBJECT("learner", root, learner, learner_fields),                                              \
        FIELD("version", root, version, xgb_json_numbers, .element = JSON_I32)

static const struct xgb_json_field snapshot_fields[] = {
    ROOT_FIELDS,
    {NULL},
};

static const struct xgb_json_field config_gbtree_fields[] = {
    OBJECT("gbtree_train_param", gbtree, model.param, param_fields),
    {NULL},
};

static const struct xgb_json_field config_booster_fields[] = {
    OBJECT("gbtree_train_param", config_booster, param, param_fields),
    OBJECT("gbtree", config_booster, gbtree, config_gbtree_fields),
    {NULL},
};

static const struct xgb_json_field config_learner_fields[] = {
    OBJECT("gradient_booster", config_learner, booster, config_booster_fields),
    {NULL},
};

static const struct xgb_json_field config_fields[] = {
    OBJECT("learner", config, learner, config_learner_fields),
    {NULL},
};

/* `root` is the first member of struct xgb_json_document, so its fields are the document's too. */
static const struct xgb_json_field document_fields[] = {
    ROOT_FIELDS,
    OBJECT("Model", document, snapshot, snapshot_fields),
    OBJECT("Config", document, config, config_fields),
    {NULL},
};

/* "5E-1", "[1E0,2E0]" or "(1.0, 2.0)" to numbers; ret has room for one more than there are commas.
 */
static int scan_base_score(struct bytes text, float *ret, size_t *ret_count)
{
    size_t count = 0;

    text = bytes_trim(text);
    if (text.size >= 2 && (text.data[0] == '[' || text.data[0] == '(')) {
        if (text.data[text.size - 1] != (text.data[0] == '[' ? ']' : ')'))
            return -1;
        text = bytes_trim(bytes_of(text.data + 1, text.size - 2));
    }
    while (text.size) {
        const uint8_t *comma = memchr(text.data, ',', text.size);
        size_t size = comma ? (size_t)(comma - text.data) : text.size;
        struct bytes number = bytes_trim(bytes_of(text.data, size));

        if (number_parse_json_f32((const char *)number.data, number.size, &ret[count++]) !=
            NUMBER_OK)
            return -1;
        size += comma != NULL;
        text = bytes_trim(bytes_of(text.data + size, text.size - size));
    }
    *ret_count = count;
    return count && count <= XGB_OUTPUTS_MAX ? 0 : -1;
}

/* A list of numbers as text (from 3.1), a number as text, a number, or an array. */
static int read_base_score(struct xgb_json *json, const struct xgb_json_field *field, void *target,
                           struct err *err)
{
    struct xgb_json_array *ret = (void *)((char *)target + field->offset);
    struct xgb_json_array array = {.count = 1};
    union xgb_json_reader reader;
    struct json_event event;
    struct bytes slice;
    char quoted[64];

    if (json_skip(json->source, &slice, err) ||
        json_next(xgb_json_reopen(json, &reader, slice), &event, err))
        return -1;
    if (event.type == JSON_ARRAY_BEGIN)
        return xgb_json_slice_f32(json, slice, ret, err);
    array.offset = json->source->base + (size_t)(slice.data - json->source->cursor.start);
    for (size_t i = 0; i < event.text.size; i++)
        array.count += event.text.data[i] == ',';
    array.data = arena_alloc(json->arena, array.count, sizeof(float));
    if (!array.data)
        return xgb_json_no_room(json, array.count * sizeof(float), field->key, err);
    if ((event.type == JSON_REAL || event.type == JSON_INTEGER) && !event.text.size)
        *(float *)array.data = (float)event.real;
    else if (scan_base_score(event.text, array.data, &array.count))
        return err_set(err, ERR_INPUT, "offset %zu: %s is not a number or a list of them: %s",
                       array.offset, field->key,
                       err_quote(quoted, sizeof(quoted), event.text.data, event.text.size));
    *ret = array;
    return 0;
}

static int refuse(const struct xgb_json *json, size_t offset, const char *what, struct err *err)
{
    return err_set(err, ERR_UNSUPPORTED,
                   "offset %zu: %s without a learner: not a model (%s; save with save_model())",
                   json->source->base + offset, json->text ? "JSON" : "UBJSON", what);
}

/* The document up to its end; `fields` are those of its object. */
static int read_document(struct xgb_json *json, const struct xgb_json_field *fields, void *target,
                         struct err *err)
{
    struct json_event event;

    if (json_next(json->source, &event, err))
        return -1;
    if (event.type == JSON_ARRAY_BEGIN)
        return refuse(json, event.offset, "a dump_model() text has no objective and no base score",
                      err);
    if (event.type != JSON_OBJECT_BEGIN)
        return refuse(json, event.offset, "a model is an object", err);
    if (xgb_json_members(json, fields, target, err))
        return -1;
    return json_expect(json->source, JSON_END, "the end of the document", &event, err);
}

static int read_model(struct bytes data, size_t base, bool text, struct xgb_model *model,
                      struct err *err)
{
    union xgb_json_reader reader;
    struct xgb_json json = {xgb_json_open(&reader, text, data, base), &model->arena, text};
    struct xgb_json_document document = {.root.present = true};

    if (read_document(&json, document_fields, &document, err))
        return -1;
    if (!document.root.learner.present && !document.snapshot.learner.present)
        return refuse(&json, 0, "a dump_model() text has no objective and no base score", err);
    return xgb_json_fill(&json, &document, model, err);
}

int xgb_json_read(struct bytes data, size_t base, struct xgb_model *model, struct err *err)
{
    return read_model(data, base, true, model, err);
}

int xgb_ubjson_read(struct bytes data, size_t base, struct xgb_model *model, struct err *err)
{
    return read_model(data, base, false, model, err);
}

int xgb_json_config_read(struct bytes config, size_t base, struct xgb_model *model, struct err *err)
{
    union xgb_json_reader reader;
    struct xgb_json json = {xgb_json_open(&reader, true, config, base), &model->arena, true};
    struct xgb_json_config object = {.present = true};

    if (read_document(&json, config_fields, &object, err))
        return -1;
    xgb_json_fill_config(&object, model);
    return 0;
}
