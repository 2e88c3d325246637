/*
 * Linear Learner (linear-learner 1): a zip of these members, or the members themselves:
 *
 *   manifest.json           {"additional-params.json": "json", "mx-mod": "mxnet_module",
 *                            "version": 1}
 *   additional-params.json  predictor_type, loss_type, threshold
 *   mx-mod-symbol.json      the graph
 *   mx-mod-0000.params      arg:fc0_weight [features, outputs], arg:fc0_bias
 *
 * What is computed follows from predictor_type and loss_type; the graph has to agree.
 */
#include <inttypes.h>
#include <stdio.h>

#include "algorithms/linear.h"
#include "models/builtin_arrays.h"
#include "models/builtin_files.h"
#include "models/linear_settings.h"
#include "models/loaders.h"

#define MANIFEST "manifest.json"
#define SETTINGS "additional-params.json"
#define PREFIX   "mx-mod"

/* What is known of the artifact while it is read. */
struct loading {
    const struct artifact *artifact;
    struct builtin *builtin;
    struct builtin_files files;
    struct builtin_arrays arrays;
    struct linear_settings settings;
    struct mxnet_symbol symbol;
    const char *symbol_name; /* of the builtin's arena */
    const char *params_name;
    const struct ndarray *weight;
    float *weights;
    float *bias;
};

static char *member_name(struct loading *loading, const char *prefix, const char *suffix)
{
    size_t size = strlen(prefix) + strlen(suffix) + 1;
    char *name = arena_alloc(&loading->builtin->arena, size, 1);

    if (name)
        snprintf(name, size, "%s%s", prefix, suffix);
    return name;
}

static int read_manifest(struct loading *loading, struct err *err)
{
    const struct artifact_file *manifest = builtin_files_find(loading->files.members, MANIFEST);
    const char *prefix = PREFIX;

    if (manifest && linear_manifest_read(manifest->bytes, &loading->builtin->arena, &prefix, err))
        return builtin_files_wrap(&loading->files, MANIFEST, err);
    loading->symbol_name = member_name(loading, prefix, "-symbol.json");
    loading->params_name = member_name(loading, prefix, "-0000.params");
    if (!loading->symbol_name || !loading->params_name)
        return err_memory(err, strlen(prefix), "a file's name");
    return 0;
}

static int read_members(struct loading *loading, const struct model_options *options,
                        struct err *err)
{
    const struct builtin_files *files = &loading->files;
    struct bytes settings;
    struct bytes symbol;
    struct bytes params;

    if (read_manifest(loading, err) ||
        builtin_files_need(files, SETTINGS, "predictor_type and threshold", &settings, err) ||
        builtin_files_need(files, loading->symbol_name, "the graph", &symbol, err) ||
        builtin_files_need(files, loading->params_name, "the weights", &params, err))
        return -1;
    if (linear_settings_read(settings, &loading->settings, err))
        return builtin_files_wrap(files, SETTINGS, err);
    if (mxnet_symbol_read(symbol, &loading->symbol, err))
        return builtin_files_wrap(files, loading->symbol_name, err);
    if (builtin_arrays_read(params, options->limits.bytes, &loading->arrays, err))
        return builtin_files_wrap(files, loading->params_name, err);
    return 0;
}

static int check_weight(struct loading *loading, struct err *err)
{
    const struct ndarray *weight;

    if (builtin_arrays_need(&loading->arrays, "fc0_weight", &weight, err) ||
        builtin_arrays_check(weight, "fc0_weight", BUILTIN_FEATURES_MAX, BUILTIN_OUTPUTS_MAX, err))
        return -1;
    if ((weight->shape[1] > 1) != (loading->settings.predictor == LINEAR_MULTICLASS))
        return err_set(err, ERR_INPUT,
                       "array 'fc0_weight': offset %zu: %" PRIu64 " outputs do not go with "
                       "predictor_type '%s'",
                       weight->offset, weight->shape[1],
                       linear_predictor_name(loading->settings.predictor));
    loading->weight = weight;
    return 0;
}

static int check_symbol(const struct loading *loading, struct err *err)
{
    const struct mxnet_symbol *symbol = &loading->symbol;
    const struct linear_settings *settings = &loading->settings;
    const uint64_t *shape = loading->weight->shape;

    if (symbol->link != settings->link)
        return err_set(err, ERR_INPUT,
                       "the graph ends in %s, but predictor_type '%s' with loss_type '%s' in %s",
                       mxnet_link_name(symbol->link), linear_predictor_name(settings->predictor),
                       settings->loss, mxnet_link_name(settings->link));
    if (!symbol->has_weight)
        return err_set(err, ERR_INPUT, "the graph has no variable fc0_weight");
    if ((symbol->weight_rows && symbol->weight_rows != shape[0]) ||
        (symbol->weight_columns && symbol->weight_columns != shape[1]))
        return err_set(err, ERR_INPUT,
                       "fc0_weight is (%" PRIu64 ", %" PRIu64 ") in the graph, but (%" PRIu64
                       ", %" PRIu64 ") in '%s'",
                       symbol->weight_rows, symbol->weight_columns, shape[0], shape[1],
                       loading->params_name);
    if (!symbol->has_bias && ndarray_find(&loading->arrays.list, "fc0_bias"))
        return err_set(err, ERR_INPUT, "the graph has no fc0_bias, but '%s' has one",
                       loading->params_name);
    return 0;
}

static int take_arrays(struct loading *loading, struct err *err)
{
    const struct ndarray *weight = loading->weight;

    if (builtin_arrays_take_or_zeros(&loading->arrays, "fc0_bias", weight->shape[1],
                                     loading->builtin, &loading->bias, err))
        return -1;
    return builtin_arrays_take(&loading->arrays, weight, "fc0_weight", weight->size,
                               loading->builtin, &loading->weights, err);
}

static int tell(const struct loading *loading, struct err *err)
{
    const struct linear_settings *settings = &loading->settings;
    const char *predictor = linear_predictor_name(settings->predictor);
    const struct ndarray *bias = ndarray_find(&loading->arrays.list, "fc0_bias");
    struct builtin *builtin = loading->builtin;
    const char *file = loading->files.zip ? loading->files.zip->name : loading->params_name;
    char text[96];
    int length;

    builtin->format = loading->files.zip ? "mxnet-zip" : "mxnet-files";
    builtin->file = arena_text(&builtin->arena, file, strlen(file));
    length = snprintf(text, sizeof(text), "%s, %s", predictor, settings->loss);
    builtin->objective = arena_text(&builtin->arena, text, (size_t)length);
    if (!builtin->file || !builtin->objective)
        return err_memory(err, sizeof(text), "the description of a model");
    if (builtin_tell_text(builtin, "predictor_type", bytes_text(predictor), err) ||
        builtin_tell_text(builtin, "loss_type", bytes_text(settings->loss), err))
        return -1;
    builtin_tell_number(builtin, "threshold", settings->threshold);
    if (builtin_tell_version(builtin, loading->symbol.version, err) ||
        builtin_arrays_tell(builtin, "fc0_weight", loading->weight, err))
        return -1;
    return bias ? builtin_arrays_tell(builtin, "fc0_bias", bias, err) : 0;
}

static enum linear_answer answer_of(const struct linear_settings *settings)
{
    switch (settings->predictor) {
    case LINEAR_BINARY:
        return settings->link == MXNET_SIGMOID ? LINEAR_LOGISTIC : LINEAR_CUT;
    case LINEAR_MULTICLASS:
        return LINEAR_SOFTMAX;
    case LINEAR_REGRESSOR:
        break;
    }
    return LINEAR_MARGIN;
}

static void answer_classes(struct builtin *builtin, uint32_t classes)
{
    builtin_add_field(builtin, &(struct answer_field){
                                   .name = "score", .first = 1, .count = classes, .list = true});
    builtin_add_field(
        builtin,
        &(struct answer_field){.name = "predicted_label", .first = 0, .count = 1, .whole = true});
    builtin->plain_columns = classes + 1;
    builtin->csv_first = 0;
    builtin->csv_count = 1;
}

static int make_scorers(const struct loading *loading, struct err *err)
{
    struct builtin *builtin = loading->builtin;
    struct linear_spec spec = {
        .weights = loading->weights,
        .bias = loading->bias,
        .features = (uint32_t)loading->weight->shape[0],
        .outputs = (uint32_t)loading->weight->shape[1],
        .answer = answer_of(&loading->settings),
        .threshold = (float)loading->settings.threshold,
        .kernel = LINEAR_AUTO,
    };

    builtin->features = spec.features;
    if (loading->settings.predictor == LINEAR_REGRESSOR)
        builtin_answer_score(builtin, true);
    else if (loading->settings.predictor == LINEAR_BINARY)
        builtin_answer_class(builtin, true);
    else
        answer_classes(builtin, spec.outputs);
    if (linear_new(&spec, &builtin->scorer, err))
        return -1;
    spec.answer = LINEAR_MARGIN;
    return linear_new(&spec, &builtin->margin, err);
}

static int note_left_out(const struct loading *loading, struct model *model, struct err *err)
{
    const char *own[] = {loading->params_name, loading->symbol_name, SETTINGS, MANIFEST};

    if (loading->files.zip)
        return builtin_files_leave_out(loading->artifact,
                                       (const char *[]){loading->files.zip->name}, 1, model, err);
    return builtin_files_leave_out(loading->artifact, own, ARRAY_LENGTH(own), model, err);
}

static int load_parts(struct loading *loading, const struct model_options *options,
                      struct model *model, struct err *err)
{
    if (builtin_files_open(loading->artifact, &options->limits, &loading->files, err) ||
        read_members(loading, options, err))
        return -1;
    if (check_weight(loading, err))
        return builtin_files_wrap(&loading->files, loading->params_name, err);
    if (check_symbol(loading, err))
        return builtin_files_wrap(&loading->files, loading->symbol_name, err);
    if (tell(loading, err) || note_left_out(loading, model, err))
        return -1;
    if (take_arrays(loading, err))
        return builtin_files_wrap(&loading->files, loading->params_name, err);
    return make_scorers(loading, err);
}

static int load(const struct artifact *artifact, const struct model_options *options,
                struct model *model, struct err *err)
{
    struct loading loading = {.artifact = artifact};
    int status;

    loading.builtin = builtin_new(FAMILY_LINEAR_LEARNER, options->limits.bytes);
    if (!loading.builtin)
        return err_memory(err, sizeof(*loading.builtin), "a model");
    model->builtin = loading.builtin; /* model_unref frees it */
    status = load_parts(&loading, options, model, err);
    builtin_arrays_fini(&loading.arrays);
    builtin_files_fini(&loading.files);
    return status;
}

/* Any zip that is the model: what is missing in it, load() tells. */
static bool probe(const struct artifact *artifact)
{
    const struct artifact_file *model = builtin_files_model(artifact);

    return (model && builtin_files_is_zip(model->bytes)) || builtin_files_has(artifact, SETTINGS) ||
           builtin_files_has(artifact, PREFIX "-symbol.json") ||
           builtin_files_has(artifact, PREFIX "-0000.params");
}

const struct loader linear_loader = {.name = "linear-learner", .probe = probe, .load = load};
