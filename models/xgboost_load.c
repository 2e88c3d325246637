/*
 * What a file is, told by its first bytes (xgboost-models section 1), and the reader for it. The
 * gate for a legacy file without prefix is the narrowest test (it looks at two names behind the
 * header), so it is asked first: the bytes of a float may look like anything.
 */
#include "models/xgboost_load.h"

#include <math.h>
#include <string.h>

#include "models/inflate.h"
#include "models/pickle.h"
#include "models/xgboost_json.h"
#include "models/xgboost_pickle.h"

#define CONFIG_PREFIX "CONFIG-offset:"

/* A compressed file in a compressed file is a mistake; one layer more than joblib makes is a bomb.
 */
#define LAYERS_MAX 2

/* `CONFIG-offset:`, i64 n, n bytes of legacy binary, JSON configuration to the end. */
static int read_config_snapshot(struct bytes data, size_t base, struct xgb_model *model,
                                struct err *err)
{
    const size_t prefix = strlen(CONFIG_PREFIX);
    struct bytes config;
    uint64_t size;

    if (data.size < prefix + 8)
        return err_set(err, ERR_INPUT, "offset %zu: the snapshot is cut short", base + data.size);
    size = load_le64(data.data + prefix);
    if (size > data.size - prefix - 8)
        return err_set(err, ERR_INPUT,
                       "offset %zu: the snapshot says its model has %llu bytes, %zu are there",
                       base + prefix, (unsigned long long)size, data.size - prefix - 8);
    config = bytes_of(data.data + prefix + 8 + size, data.size - prefix - 8 - (size_t)size);
    if (xgb_legacy_read(bytes_of(data.data + prefix + 8, (size_t)size), base + prefix + 8, model,
                        err))
        return -1;
    return xgb_json_config_read(config, base + data.size - config.size, model, err);
}

static int refuse_dump(struct err *err)
{
    return err_set(err, ERR_UNSUPPORTED,
                   "this is a text dump of dump_model(), which lacks the objective and the base "
                   "score: save the model with save_model() instead");
}

/* White space, and a byte order mark, that an editor or a hand put before JSON. */
static size_t before_json(struct bytes data)
{
    size_t i = bytes_starts(data, "\xef\xbb\xbf") ? 3 : 0;

    while (i < data.size && (data.data[i] == ' ' || (data.data[i] >= '\t' && data.data[i] <= '\r')))
        i++;
    return i < data.size && data.data[i] == '{' ? i : 0;
}

/* The first byte after `{` that is not white space. */
static uint8_t second_byte(struct bytes data)
{
    size_t i = 1;

    while (i < data.size && (data.data[i] == ' ' || (data.data[i] >= '\t' && data.data[i] <= '\r')))
        i++;
    return i < data.size ? data.data[i] : 0;
}

static int read_braced(struct bytes data, size_t base, struct xgb_model *model, struct err *err)
{
    uint8_t next = second_byte(data);

    if (data.size > 1 && ((data.data[1] >= 'A' && data.data[1] <= 'Z') ||
                          (data.data[1] >= 'a' && data.data[1] <= 'z')))
        return xgb_ubjson_read(data, base, model, err);
    if (next == '"' || next == '}')
        return xgb_json_read(data, base, model, err);
    return err_set(err, ERR_INPUT, "offset %zu: '{' begins neither JSON nor UBJSON here", base);
}

int xgb_raw_read(struct bytes data, size_t base, struct xgb_model *model, struct err *err)
{
    char quoted[64];

    if (data.size == 0)
        return err_set(err, ERR_INPUT, "offset %zu: there are no bytes where a model should be",
                       base);
    if (xgb_legacy_probe(data) || bytes_starts(data, "binf"))
        return xgb_legacy_read(data, base, model, err);
    if (bytes_starts(data, CONFIG_PREFIX))
        return read_config_snapshot(data, base, model, err);
    if (bytes_starts(data, "bs64"))
        return err_set(
            err, ERR_UNSUPPORTED,
            "this is a base64 model of XGBoost 0.4 (bs64), which no later version reads: "
            "save it as a binary file with that version");
    if (bytes_starts(data, "booster["))
        return refuse_dump(err);
    if (data.data[0] == '[')
        return refuse_dump(err);
    if (before_json(data) > 0)
        return xgb_json_read(bytes_of(data.data + before_json(data), data.size - before_json(data)),
                             base + before_json(data), model, err);
    if (data.data[0] == '{')
        return read_braced(data, base, model, err);
    /* a legacy model that is damaged or cut still shows its names: let its reader say what is wrong
     */
    if (bytes_contains(bytes_head(data, 600), "gbtree") ||
        bytes_contains(bytes_head(data, 600), "gblinear"))
        return xgb_legacy_read(data, base, model, err);
    err_quote(quoted, sizeof(quoted), data.data, data.size < 12 ? data.size : 12);
    return err_set(err, ERR_INPUT,
                   "offset %zu: not an XGBoost model: it begins with %s, which is no pickle, JSON, "
                   "UBJSON or binary model",
                   base, quoted);
}

/* Copies text views of a pickle into the model. */
static const char **copy_names(struct xgb_model *model, const char *const *names, size_t count)
{
    const char **copy = arena_alloc(&model->arena, count, sizeof(*copy));

    for (size_t i = 0; copy && i < count; i++) {
        copy[i] = arena_text(&model->arena, names[i], strlen(names[i]));
        if (!copy[i])
            return NULL;
    }
    return copy;
}

/* What the pickle knows and the payload does not. */
static int merge_pickle(struct xgb_model *model, const struct xgb_pickle *pickle, struct err *err)
{
    model->pickle_class = arena_text(&model->arena, pickle->class_name, strlen(pickle->class_name));
    model->is_wrapper = pickle->is_wrapper;
    model->missing = (float)pickle->missing;
    model->pickle_best_ntree_limit = pickle->best_ntree_limit;
    if (pickle->best_iteration >= 0)
        model->best_iteration = pickle->best_iteration;
    model->early_stopped = model->early_stopped || pickle->early_stopped;
    if (!model->pickle_class)
        return err_memory(err, strlen(pickle->class_name), "a class name");
    if (!model->feature_names && pickle->feature_names &&
        pickle->feature_name_count == model->features) {
        model->feature_names = copy_names(model, pickle->feature_names, model->features);
        if (!model->feature_names)
            return err_memory(err, model->features * sizeof(char *), "feature names");
    }
    return 0;
}

static int read_pickle(struct bytes file, const struct xgb_load_options *options,
                       struct xgb_model *model, struct err *err)
{
    struct xgb_pickle pickle;
    struct arena arena;
    size_t base;
    int result;

    arena_init(&arena, options->memory_cap);
    result = xgb_pickle_read(file, &arena, &pickle, err);
    if (result == 0) {
        /* a payload that stands in the file as it is has offsets of its own there */
        bool in_file =
            pickle.handle.data >= file.data && pickle.handle.data <= file.data + file.size;

        base = in_file ? (size_t)(pickle.handle.data - file.data) : 0;
        result = xgb_raw_read(pickle.handle, base, model, err);
        if (result)
            err_wrap(err, in_file ? "pickled model" : "pickled model (offsets within its bytes)");
        else
            result = merge_pickle(model, &pickle, err);
    }
    arena_fini(&arena);
    return result;
}

static int read_any(struct bytes file, const struct xgb_load_options *options, unsigned layer,
                    struct xgb_model *model, struct err *err)
{
    const char *compression;
    struct buffer plain;
    int result;

    if (file.size == 0)
        return err_set(err, ERR_INPUT, "the file is empty");
    if (xgb_legacy_probe(file))
        return xgb_raw_read(file, 0, model, err);
    if (pickle_probe(file))
        return read_pickle(file, options, model, err);
    compression = inflate_probe(file);
    if (!compression)
        return xgb_raw_read(file, 0, model, err);
    if (layer == LAYERS_MAX)
        return err_set(err, ERR_LIMIT, "compressed %d times over", LAYERS_MAX + 1);
    buffer_init(&plain, options->memory_cap);
    result = inflate_all(file, &plain, err);
    if (result == 0)
        result = read_any(bytes_of(plain.data, plain.size), options, layer + 1, model, err);
    if (result)
        err_wrap(err, "%s stream", compression);
    buffer_fini(&plain);
    return result;
}

int xgb_load(struct bytes file, const struct xgb_load_options *options, struct xgb_model **ret,
             struct err *err)
{
    struct xgb_model *model = xgb_model_new(options->memory_cap);

    if (!model)
        return err_memory(err, sizeof(*model), "a model");
    if (read_any(file, options, 0, model, err) || xgb_model_finish(model, err)) {
        xgb_model_free(model);
        return -1;
    }
    *ret = model;
    return 0;
}
