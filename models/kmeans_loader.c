/*
 * k-means (linear-learner 7): model_algo-1 is a list of one array without a name, the centroids
 * [clusters, features]. Lists that are no model of any kind come here too, to be told so. Beside it
 * may lie state_<uuid>, what training would go on with.
 */
#include <stdio.h>

#include "algorithms/nearest.h"
#include "models/builtin_files.h"
#include "models/builtin_list.h"
#include "models/loaders.h"

static int check_list(const struct ndarray_list *list, struct err *err)
{
    char name[64];

    if (ndarray_find(list, "fc0_weight"))
        return err_set(err, ERR_INPUT,
                       "these are Linear Learner's parameters alone: additional-params.json and "
                       "the graph must lie beside them");
    if (ndarray_find(list, "v")) /* the PCA loader would have it, had it been able to look */
        return err_memory(err, list->count * sizeof(*list->arrays), "a list of arrays");
    if (list->named && list->count > 0)
        return err_set(
            err, ERR_UNSUPPORTED, "a list of %zu arrays with names (%s, ...): no k-means, no PCA",
            list->count,
            err_quote(name, sizeof(name), list->arrays[0].name.data, list->arrays[0].name.size));
    if (list->count != 1)
        return err_set(err, ERR_UNSUPPORTED,
                       "a list of %zu arrays without names: k-means has one, PCA has names%s",
                       list->count, list->count == 2 ? ", LDA is not served" : "");
    return 0;
}

static int tell(struct builtin *builtin, const struct kmeans_spec *spec,
                const struct ndarray *centroids, struct err *err)
{
    char text[48];
    int length = snprintf(text, sizeof(text), "nearest of %u centroids", spec->clusters);

    builtin->objective = arena_text(&builtin->arena, text, (size_t)length);
    if (!builtin->objective)
        return err_memory(err, (size_t)length, "the description of a model");
    builtin_tell_number(builtin, "clusters", spec->clusters);
    return builtin_arrays_tell(builtin, "centroids", centroids, err);
}

static int load_list(struct builtin *builtin, const struct builtin_arrays *arrays, struct err *err)
{
    const struct ndarray *centroids = arrays->list.arrays;
    struct kmeans_spec spec;
    float *values;

    if (check_list(&arrays->list, err) ||
        builtin_arrays_check(centroids, "centroids", BUILTIN_OUTPUTS_MAX, BUILTIN_FEATURES_MAX,
                             err))
        return -1;
    spec.clusters = (uint32_t)centroids->shape[0];
    spec.features = (uint32_t)centroids->shape[1];
    if (tell(builtin, &spec, centroids, err) ||
        builtin_arrays_take(arrays, centroids, "centroids", centroids->size, builtin, &values, err))
        return -1;
    spec.centroids = values;
    builtin->features = spec.features;
    builtin_add_field(builtin,
                      &(struct answer_field){.name = "closest_cluster", .first = 0, .count = 1});
    builtin_add_field(
        builtin, &(struct answer_field){.name = "distance_to_cluster", .first = 1, .count = 1});
    builtin->plain_columns = 2;
    builtin->csv_first = 0;
    builtin->csv_count = 2;
    return kmeans_new(&spec, &builtin->scorer, err);
}

static int load(const struct artifact *artifact, const struct model_options *options,
                struct model *model, struct err *err)
{
    return builtin_list_load(FAMILY_KMEANS, artifact, options, model, load_list, err);
}

static bool probe(const struct artifact *artifact)
{
    const struct artifact_file *file = builtin_files_model(artifact);

    return file && ndarray_list_probe(file->bytes);
}

const struct loader kmeans_loader = {.name = "kmeans", .probe = probe, .load = load};
