/*
 * PCA (linear-learner 7): model_algo-1 is a list of the arrays s [components], v [features,
 * components] and mean [1, features]. s, the strength of the components, is not needed.
 */
#include <stdio.h>

#include "algorithms/projection.h"
#include "models/builtin_files.h"
#include "models/builtin_list.h"
#include "models/loaders.h"

static int tell(struct builtin *builtin, const struct projection_spec *spec,
                const struct builtin_arrays *arrays, const struct ndarray *v, struct err *err)
{
    const struct ndarray *mean = ndarray_find(&arrays->list, "mean");
    char text[48];
    int length = snprintf(text, sizeof(text), "projection on %u components", spec->components);

    builtin->objective = arena_text(&builtin->arena, text, (size_t)length);
    if (!builtin->objective)
        return err_memory(err, (size_t)length, "the description of a model");
    builtin_tell_number(builtin, "components", spec->components);
    if (builtin_arrays_tell(builtin, "v", v, err))
        return -1;
    return mean ? builtin_arrays_tell(builtin, "mean", mean, err) : 0;
}

static int load_list(struct builtin *builtin, const struct builtin_arrays *arrays, struct err *err)
{
    const struct ndarray *v;
    struct projection_spec spec;
    float *values;

    if (builtin_arrays_need(arrays, "v", &v, err) ||
        builtin_arrays_check(v, "v", BUILTIN_FEATURES_MAX, BUILTIN_OUTPUTS_MAX, err))
        return -1;
    spec.features = (uint32_t)v->shape[0];
    spec.components = (uint32_t)v->shape[1];
    if (tell(builtin, &spec, arrays, v, err) ||
        builtin_arrays_take_or_zeros(arrays, "mean", spec.features, builtin, &values, err))
        return -1;
    spec.mean = values;
    if (builtin_arrays_take(arrays, v, "v", v->size, builtin, &values, err))
        return -1;
    spec.v = values;
    builtin->features = spec.features;
    builtin_add_field(
        builtin, &(struct answer_field){
                     .name = "projection", .first = 0, .count = spec.components, .list = true});
    builtin->plain_columns = spec.components;
    return projection_new(&spec, &builtin->scorer, err);
}

static int load(const struct artifact *artifact, const struct model_options *options,
                struct model *model, struct err *err)
{
    return builtin_list_load(FAMILY_PCA, artifact, options, model, load_list, err);
}

/* A list that has an array "v". What cannot be read is told by the k-means loader. */
static bool probe(const struct artifact *artifact)
{
    const struct artifact_file *file = builtin_files_model(artifact);
    struct builtin_arrays arrays;
    struct err err = ERR_INIT;
    bool found;

    if (!file || !ndarray_list_probe(file->bytes) ||
        builtin_arrays_read(file->bytes, SIZE_MAX, &arrays, &err))
        return false;
    found = ndarray_find(&arrays.list, "v");
    builtin_arrays_fini(&arrays);
    return found;
}

const struct loader pca_loader = {.name = "pca", .probe = probe, .load = load};
