/*
 * Factorization machines (linear-learner 7): a zip of these members, or the members themselves:
 *
 *   meta.json    {"training_parameters": {"predictor_type": "regressor", ...}, ...}
 *   symbol.json  the graph
 *   params       arg:w0_weight [1], arg:w1_weight [features, 1], arg:v [features, factors]
 *
 * Topic models (NTM) have the same members, and other arrays.
 */
#include <inttypes.h>
#include <stdio.h>

#include "algorithms/factorization.h"
#include "models/builtin_arrays.h"
#include "models/builtin_files.h"
#include "models/linear_settings.h"
#include "models/loaders.h"

#define META   "meta.json"
#define SYMBOL "symbol.json"
#define PARAMS "params"

/* What is known of the artifact while it is read. */
struct loading {
    const struct artifact *artifact;
    struct builtin *builtin;
    struct builtin_files files;
    struct builtin_arrays arrays;
    bool has_predictor;
    enum linear_predictor predictor;
    struct mxnet_symbol symbol;
    const struct ndarray *w1;
    const struct ndarray *v;
    struct factorization_spec spec;
};

/* The members of an object: predictor_type, or the object training_parameters that has it. */
static int read_meta_object(struct loading *loading, struct json_source *source, bool outermost,
                            struct err *err)
{
    struct json_event event;
    struct bytes passed;
    int status;

    if (json_expect(source, JSON_OBJECT_BEGIN, outermost ? "the text" : "training_parameters",
                    &event, err))
        return -1;
    for (;;) {
        if (json_next(source, &event, err))
            return -1;
        if (event.type == JSON_OBJECT_END)
            return 0;
        if (outermost && json_text_is(&event, "training_parameters")) {
            status = read_meta_object(loading, source, false, err);
        } else if (!outermost && json_text_is(&event, "predictor_type")) {
            loading->has_predictor = true;
            status = linear_predictor_read(source, &loading->predictor, err);
        } else {
            status = json_skip(source, &passed, err);
        }
        if (status)
            return -1;
    }
}

static int read_meta(struct loading *loading, struct bytes text, struct err *err)
{
    struct json_reader reader;
    struct json_event event;

    json_reader_init_strict(&reader, text);
    if (read_meta_object(loading, &reader.source, true, err) ||
        json_expect(&reader.source, JSON_END, "the rest", &event, err))
        return -1;
    if (!loading->has_predictor)
        return err_set(err, ERR_INPUT, "no predictor_type among training_parameters");
    if (loading->predictor == LINEAR_MULTICLASS)
        return err_set(err, ERR_UNSUPPORTED,
                       "predictor_type '%s' is none of factorization machines",
                       linear_predictor_name(loading->predictor));
    return 0;
}

static int read_members(struct loading *loading, const struct model_options *options,
                        struct err *err)
{
    const struct builtin_files *files = &loading->files;
    struct bytes meta;
    struct bytes symbol;
    struct bytes params;

    if (builtin_files_need(files, META, "predictor_type", &meta, err) ||
        builtin_files_need(files, SYMBOL, "the graph", &symbol, err) ||
        builtin_files_need(files, PARAMS, "the weights", &params, err))
        return -1;
    if (builtin_arrays_read(params, options->limits.bytes, &loading->arrays, err))
        return builtin_files_wrap(files, PARAMS, err);
    if (ndarray_find(&loading->arrays.list, "projection_weight")) {
        err_set(err, ERR_UNSUPPORTED, "a neural topic model (NTM) is not served");
        return builtin_files_wrap(files, PARAMS, err);
    }
    if (read_meta(loading, meta, err))
        return builtin_files_wrap(files, META, err);
    if (mxnet_symbol_read(symbol, &loading->symbol, err))
        return builtin_files_wrap(files, SYMBOL, err);
    return 0;
}

/* How a classifier's graph ends was never seen: it may be in its loss, as Linear Learner's hinge
 * is. */
static int check_symbol(const struct loading *loading, struct err *err)
{
    bool binary = loading->predictor == LINEAR_BINARY;
    enum mxnet_link link = binary ? MXNET_SIGMOID : MXNET_IDENTITY;

    if (loading->symbol.link != link && !(binary && loading->symbol.link == MXNET_IDENTITY))
        return err_set(err, ERR_INPUT, "the graph ends in %s, but predictor_type '%s' in %s",
                       mxnet_link_name(loading->symbol.link),
                       linear_predictor_name(loading->predictor), mxnet_link_name(link));
    return 0;
}

static int take_arrays(struct loading *loading, struct err *err)
{
    const struct builtin_arrays *arrays = &loading->arrays;
    const struct ndarray *w0;
    struct factorization_spec *spec = &loading->spec;
    float *values;

    if (builtin_arrays_need(arrays, "w0_weight", &w0, err) ||
        builtin_arrays_need(arrays, "w1_weight", &loading->w1, err) ||
        builtin_arrays_need(arrays, "v", &loading->v, err) ||
        builtin_arrays_check(loading->v, "v", BUILTIN_FEATURES_MAX, BUILTIN_OUTPUTS_MAX, err))
        return -1;
    spec->features = (uint32_t)loading->v->shape[0];
    spec->factors = (uint32_t)loading->v->shape[1];
    if (builtin_arrays_take(arrays, w0, "w0_weight", 1, loading->builtin, &values, err))
        return -1;
    spec->w0 = values[0];
    if (builtin_arrays_take(arrays, loading->w1, "w1_weight", spec->features, loading->builtin,
                            &values, err))
        return -1;
    spec->w1 = values;
    if (builtin_arrays_take(arrays, loading->v, "v", loading->v->size, loading->builtin, &values,
                            err))
        return -1;
    spec->v = values;
    return 0;
}

static int tell(const struct loading *loading, struct err *err)
{
    struct builtin *builtin = loading->builtin;
    const char *predictor = linear_predictor_name(loading->predictor);
    const char *file = loading->files.zip ? loading->files.zip->name : PARAMS;

    builtin->format = loading->files.zip ? "mxnet-zip" : "mxnet-files";
    builtin->objective = predictor;
    builtin->file = arena_text(&builtin->arena, file, strlen(file));
    if (!builtin->file)
        return err_memory(err, strlen(file), "the description of a model");
    if (builtin_tell_text(builtin, "predictor_type", bytes_text(predictor), err))
        return -1;
    builtin_tell_number(builtin, "factors", loading->spec.factors);
    if (builtin_tell_version(builtin, loading->symbol.version, err) ||
        builtin_arrays_tell(builtin, "w1_weight", loading->w1, err))
        return -1;
    return builtin_arrays_tell(builtin, "v", loading->v, err);
}

static int make_scorers(struct loading *loading, struct err *err)
{
    struct builtin *builtin = loading->builtin;
    struct factorization_spec *spec = &loading->spec;

    builtin->features = spec->features;
    if (loading->predictor == LINEAR_BINARY)
        builtin_answer_class(builtin, false);
    else
        builtin_answer_score(builtin, false);
    spec->answer =
        loading->predictor == LINEAR_BINARY ? FACTORIZATION_LOGISTIC : FACTORIZATION_MARGIN;
    if (factorization_new(spec, &builtin->scorer, err))
        return -1;
    spec->answer = FACTORIZATION_MARGIN;
    return factorization_new(spec, &builtin->margin, err);
}

static int load_parts(struct loading *loading, const struct model_options *options,
                      struct model *model, struct err *err)
{
    const char *own[] = {META, SYMBOL, PARAMS};
    const char *zip[1];

    if (builtin_files_open(loading->artifact, &options->limits, &loading->files, err) ||
        read_members(loading, options, err))
        return -1;
    if (check_symbol(loading, err))
        return builtin_files_wrap(&loading->files, SYMBOL, err);
    if (take_arrays(loading, err))
        return builtin_files_wrap(&loading->files, PARAMS, err);
    zip[0] = loading->files.zip ? loading->files.zip->name : NULL;
    if (tell(loading, err) || builtin_files_leave_out(loading->artifact, zip[0] ? zip : own,
                                                      zip[0] ? 1 : ARRAY_LENGTH(own), model, err))
        return -1;
    return make_scorers(loading, err);
}

static int load(const struct artifact *artifact, const struct model_options *options,
                struct model *model, struct err *err)
{
    struct loading loading = {.artifact = artifact};
    int status;

    loading.builtin = builtin_new(FAMILY_FACTORIZATION_MACHINES, options->limits.bytes);
    if (!loading.builtin)
        return err_memory(err, sizeof(*loading.builtin), "a model");
    model->builtin = loading.builtin; /* model_unref frees it */
    status = load_parts(&loading, options, model, err);
    builtin_arrays_fini(&loading.arrays);
    builtin_files_fini(&loading.files);
    return status;
}

static bool probe(const struct artifact *artifact)
{
    const struct artifact_file *model = builtin_files_model(artifact);

    if (model && builtin_files_is_zip(model->bytes))
        return builtin_files_zip_has(model->bytes, META);
    return builtin_files_has(artifact, META) && builtin_files_has(artifact, PARAMS);
}

const struct loader factorization_loader = {
    .name = "factorization-machines", .probe = probe, .load = load};
