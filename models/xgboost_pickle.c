/*
 * The root object of the pickle has one of these shapes:
 *
 *   xgboost.core.Booster         state {handle: bytearray of the model, best_iteration,
 * best_ntree_limit, best_score, feature_names: list or None}; all but handle may be absent
 *   xgboost.sklearn.XGB...       state {_Booster: a Booster as above, or (before 0.7) its bytes,
 * missing, classes_, n_classes_, _le: LabelEncoder with classes_, best_...}
 */
#include "models/xgboost_pickle.h"

#include <math.h>

#include "models/pickle.h"

static const char *const wrappers[] = {
    "XGBModel", "XGBClassifier", "XGBRegressor", "XGBRanker", "XGBRFClassifier", "XGBRFRegressor",
};

#define SERVED                                                                                     \
    "served are pickles of xgboost.core.Booster and of the XGB classes of xgboost.sklearn"

static bool is_booster(const struct pickle_value *value)
{
    return value->type == PICKLE_OBJECT && pickle_is(value, "xgboost.core", "Booster");
}

static bool is_wrapper(const struct pickle_value *value)
{
    if (value->type != PICKLE_OBJECT)
        return false;
    for (size_t i = 0; i < ARRAY_LENGTH(wrappers); i++) {
        if (pickle_is(value, "xgboost.sklearn", wrappers[i]))
            return true;
    }
    return false;
}

static int refuse_root(const struct pickle_value *root, struct err *err)
{
    char name[256];

    pickle_class_name(root, name, sizeof(name));
    switch (root->type) {
    case PICKLE_OBJECT:
        return err_set(err, ERR_UNSUPPORTED, "%s is not a class that is served; " SERVED, name);
    case PICKLE_GLOBAL:
        return err_set(err, ERR_UNSUPPORTED,
                       "the file holds only the name %s, not an object; " SERVED, name);
    default:
        return err_set(err, ERR_UNSUPPORTED,
                       "the file holds a %s, not a Booster: pickle the Booster itself", name);
    }
}

/* A member of the state; NULL where it is absent or None, which Python code treats alike. */
static const struct pickle_value *member(const struct pickle_value *object, const char *key)
{
    const struct pickle_value *value = object ? pickle_get(object, key) : NULL;

    return value && value->type != PICKLE_NONE ? value : NULL;
}

/* Of the booster, else of the wrapper (NULL: there is none). */
static int read_count(const struct pickle_value *booster, const struct pickle_value *wrapper,
                      const char *key, int64_t *ret, struct err *err)
{
    const struct pickle_value *value = member(booster, key);
    char name[128];

    *ret = -1;
    if (!value)
        value = member(wrapper, key);
    if (!value)
        return 0;
    if (!pickle_integer(value, ret))
        return err_set(err, ERR_INPUT, "%s is of type %s, not an integer", key,
                       pickle_class_name(value, name, sizeof(name)));
    return 0;
}

/* A list, a tuple or a one-dimensional array, as texts. */
static int read_texts(const struct pickle_value *value, const char *key, struct arena *arena,
                      const char ***ret, size_t *ret_count, struct err *err)
{
    bool is_array = value->type == PICKLE_ARRAY && value->array->dimensions == 1;
    size_t count = is_array ? value->array->count : value->items.count;
    const char **texts;
    char name[128];

    if (!is_array && value->type != PICKLE_LIST && value->type != PICKLE_TUPLE)
        return err_set(err, ERR_UNSUPPORTED,
                       "%s is of type %s, not a list or an array of one dimension", key,
                       pickle_class_name(value, name, sizeof(name)));
    texts = arena_alloc(arena, count, sizeof(*texts));
    if (!texts)
        return err_set(err, ERR_LIMIT, "%s: %zu texts take more memory than is allowed", key,
                       count);
    for (size_t i = 0; i < count; i++) {
        if (is_array ? pickle_element_text(value->array, i, arena, &texts[i], err)
                     : pickle_text(value->items.at[i], arena, &texts[i], err))
            return err_wrap(err, "%s[%zu]", key, i);
    }
    *ret = texts;
    *ret_count = count;
    return 0;
}

static int read_missing(const struct pickle_value *wrapper, double *ret, struct err *err)
{
    const struct pickle_value *missing = member(wrapper, "missing");
    char name[128];

    *ret = (double)NAN;
    if (missing && !pickle_number(missing, ret))
        return err_set(err, ERR_UNSUPPORTED, "missing is of type %s, not a number",
                       pickle_class_name(missing, name, sizeof(name)));
    return 0;
}

static int read_classes(const struct pickle_value *wrapper, struct arena *arena,
                        struct xgb_pickle *pickle, struct err *err)
{
    const struct pickle_value *classes = member(member(wrapper, "_le"), "classes_");

    if (!classes)
        classes = member(wrapper, "classes_");
    if (read_count(wrapper, NULL, "n_classes_", &pickle->n_classes, err))
        return -1;
    if (!classes)
        return 0;
    if (read_texts(classes, "classes_", arena, &pickle->classes, &pickle->class_count, err))
        return -1;
    if (pickle->n_classes >= 0 && (uint64_t)pickle->n_classes != pickle->class_count)
        return err_set(err, ERR_INPUT, "classes_ has %zu labels, n_classes_ says %lld",
                       pickle->class_count, (long long)pickle->n_classes);
    return 0;
}

static int read_booster(const struct pickle_value *booster, const struct pickle_value *wrapper,
                        struct arena *arena, struct xgb_pickle *pickle, struct err *err)
{
    const struct pickle_value *handle = member(booster, "handle");
    const struct pickle_value *names = member(booster, "feature_names");

    if (!handle)
        return err_set(err, ERR_UNSUPPORTED, "it holds no model: train it before it is pickled");
    if (handle->type != PICKLE_BYTES || handle->bytes.size == 0)
        return err_set(err, ERR_INPUT, "the handle of the Booster is not the bytes of a model");
    pickle->handle = handle->bytes;
    pickle->early_stopped = member(booster, "best_score") || member(wrapper, "best_score");
    if (read_count(booster, wrapper, "best_iteration", &pickle->best_iteration, err) ||
        read_count(booster, wrapper, "best_ntree_limit", &pickle->best_ntree_limit, err))
        return -1;
    if (names && read_texts(names, "feature_names", arena, &pickle->feature_names,
                            &pickle->feature_name_count, err))
        return -1;
    return 0;
}

static int read_wrapper(const struct pickle_value *wrapper, struct arena *arena,
                        struct xgb_pickle *pickle, struct err *err)
{
    const struct pickle_value *booster = member(wrapper, "_Booster");
    char name[256];

    pickle->is_wrapper = true;
    if (!booster)
        return err_set(err, ERR_UNSUPPORTED,
                       "it was never fitted: call its fit() before it is pickled");
    if (read_missing(wrapper, &pickle->missing, err) || read_classes(wrapper, arena, pickle, err))
        return -1;
    if (is_booster(booster))
        return read_booster(booster, wrapper, arena, pickle, err);
    if (booster->type != PICKLE_BYTES || booster->bytes.size == 0)
        return err_set(err, ERR_UNSUPPORTED, "_Booster is of type %s, not a Booster",
                       pickle_class_name(booster, name, sizeof(name)));
    pickle->handle = booster->bytes;
    pickle->early_stopped = member(wrapper, "best_score") != NULL;
    if (read_count(wrapper, NULL, "best_iteration", &pickle->best_iteration, err) ||
        read_count(wrapper, NULL, "best_ntree_limit", &pickle->best_ntree_limit, err))
        return -1;
    return 0;
}

int xgb_pickle_read(struct bytes data, struct arena *arena, struct xgb_pickle *ret, struct err *err)
{
    struct xgb_pickle pickle = {.missing = (double)NAN, .n_classes = -1};
    struct pickle_value *root;
    char name[256];

    if (pickle_read(data, arena, &root, err))
        return -1;
    if (!is_booster(root) && !is_wrapper(root))
        return refuse_root(root, err);
    pickle_class_name(root, name, sizeof(name));
    pickle.class_name = arena_text(arena, name, strlen(name));
    if (!pickle.class_name)
        return err_memory(err, strlen(name) + 1, "a class name");
    if (is_booster(root) ? read_booster(root, NULL, arena, &pickle, err)
                         : read_wrapper(root, arena, &pickle, err))
        return err_wrap(err, "%s", pickle.class_name);
    *ret = pickle;
    return 0;
}
