/*
 * k-NN (linear-learner 7): model_algo-1 is an index of FAISS, model_algo-1-labels.npy has a label
 * for each of its vectors, model_algo-1.json how they are used:
 *
 *     {"k": 3, "predictor_type": "classifier", "normalize": false, "version": "1.0",
 *      "dimension_reduction": {"type": "identity", "input_dim": 5}}
 */
#include <math.h>
#include <stdio.h>

#include "algorithms/nearest.h"
#include "base/json.h"
#include "models/builtin_files.h"
#include "models/faiss_index.h"
#include "models/loaders.h"
#include "models/npy.h"

#define PARAMETERS_MAX ((size_t)1 << 20)
#define NAME_MAX_SIZE  256
#define QUOTED         96

/* The three files of a model. */
struct names {
    char labels[NAME_MAX_SIZE];
    char parameters[NAME_MAX_SIZE];
};

struct parameters {
    int64_t k;
    struct bytes predictor_type;
    struct bytes version;
    enum knn_answer answer;
    bool has_dimension;
    int64_t dimension;
};

static const char *quote(struct bytes text, char out[static QUOTED])
{
    return err_quote(out, QUOTED, text.data, text.size);
}

static int read_predictor(const struct json_doc *document, struct parameters *ret, struct err *err)
{
    char quoted[QUOTED];

    if (!json_doc_get_text(document, "predictor_type", &ret->predictor_type))
        return err_set(err, ERR_INPUT, "no predictor_type: classifier or regressor");
    if (bytes_is(ret->predictor_type, "classifier"))
        ret->answer = KNN_CLASS;
    else if (bytes_is(ret->predictor_type, "regressor"))
        ret->answer = KNN_MEAN;
    else
        return err_set(err, ERR_UNSUPPORTED, "predictor_type %s: classifier or regressor",
                       quote(ret->predictor_type, quoted));
    return 0;
}

/* What was done to the vectors before they went into the index, and would have to be done to rows.
 */
static int read_preparation(const struct json_doc *document, struct parameters *ret,
                            struct err *err)
{
    const struct json_doc *reduction = json_doc_get_object(document, "dimension_reduction");
    enum json_doc_kind normalize = json_doc_kind(document, "normalize");
    char quoted[QUOTED];
    struct bytes type;
    bool on = true;

    if (normalize != JSON_DOC_ABSENT && normalize != JSON_DOC_NULL &&
        (!json_doc_get_bool(document, "normalize", &on) || on))
        return err_set(err, ERR_UNSUPPORTED,
                       "normalize is set: vectors that are normalized (index_metric COSINE) are "
                       "not served");
    if (!reduction) {
        enum json_doc_kind kind = json_doc_kind(document, "dimension_reduction");

        if (kind == JSON_DOC_ABSENT || kind == JSON_DOC_NULL)
            return 0;
        return err_set(err, ERR_INPUT, "dimension_reduction is no object");
    }
    if (!json_doc_get_text(reduction, "type", &type))
        return err_set(err, ERR_INPUT, "dimension_reduction has no type");
    if (!bytes_is(type, "identity"))
        return err_set(err, ERR_UNSUPPORTED,
                       "dimension_reduction %s is not served: identity alone (none) is",
                       quote(type, quoted));
    if (!json_doc_get_integer(reduction, "input_dim", &ret->dimension))
        return err_set(err, ERR_INPUT, "dimension_reduction has no input_dim");
    ret->has_dimension = true;
    return 0;
}

static int read_document(const struct json_doc *document, struct parameters *ret, struct err *err)
{
    if (!json_doc_get_integer(document, "k", &ret->k))
        return err_set(err, ERR_INPUT, "no k, or it is no whole number");
    if (ret->k < 1)
        return err_set(err, ERR_INPUT, "k is %lld: it is 1 or more", (long long)ret->k);
    if (ret->k > (int64_t)(BUILTIN_OUTPUTS_MAX - 1) / 2)
        return err_set(err, ERR_LIMIT, "k is %lld, more than %u", (long long)ret->k,
                       (BUILTIN_OUTPUTS_MAX - 1) / 2);
    if (read_predictor(document, ret, err) || read_preparation(document, ret, err))
        return -1;
    if (!json_doc_get_text(document, "version", &ret->version))
        ret->version = bytes_text("");
    return 0;
}

/* The parameters that a model tells of, and how large it is. */
static int tell(struct builtin *builtin, const struct parameters *parameters,
                const struct faiss_index *index, struct err *err)
{
    const uint64_t shape[] = {index->count, index->dimension};
    char text[64];
    int length = snprintf(text, sizeof(text), "%s, %lld nearest",
                          parameters->answer == KNN_CLASS ? "classifier" : "regressor",
                          (long long)parameters->k);

    builtin->objective = arena_text(&builtin->arena, text, (size_t)length);
    if (!builtin->objective)
        return err_memory(err, (size_t)length, "the description of a model");
    if (builtin_tell_text(builtin, "predictor_type", parameters->predictor_type, err))
        return -1;
    builtin_tell_number(builtin, "k", (double)parameters->k);
    if (builtin_tell_shape(builtin, "vectors", shape, ARRAY_LENGTH(shape), err))
        return -1;
    return parameters->version.size
               ? builtin_tell_text(builtin, "version", parameters->version, err)
               : 0;
}

static int check_sizes(const struct parameters *parameters, const struct faiss_index *index,
                       struct err *err)
{
    if (parameters->has_dimension && parameters->dimension != (int64_t)index->dimension)
        return err_set(err, ERR_INPUT,
                       "input_dim is %lld, and the vectors of the index have %u numbers",
                       (long long)parameters->dimension, index->dimension);
    if ((uint64_t)parameters->k > index->count)
        return err_set(err, ERR_INPUT, "k is %lld, and the index has %llu vectors",
                       (long long)parameters->k, (unsigned long long)index->count);
    return 0;
}

static int read_parameters(struct bytes text, struct builtin *builtin,
                           const struct faiss_index *index, struct parameters *ret, struct err *err)
{
    struct json_doc *document = NULL;
    int status;

    if (json_doc_parse(text, PARAMETERS_MAX, &document, err))
        return -1;
    status = read_document(document, ret, err) || check_sizes(ret, index, err) ||
             tell(builtin, ret, index, err);
    json_doc_free(document);
    return status ? -1 : 0;
}

static int read_index(struct bytes data, struct faiss_index *ret, struct err *err)
{
    if (faiss_index_read(data, ret, err))
        return -1;
    if (ret->dimension > BUILTIN_FEATURES_MAX)
        return err_set(err, ERR_LIMIT, "vectors of %u numbers, more than %u", ret->dimension,
                       BUILTIN_FEATURES_MAX);
    return 0;
}

static int read_labels(struct bytes data, struct builtin *builtin, uint64_t expected, double **ret,
                       struct err *err)
{
    uint64_t count;

    if (npy_read_f64(data, &builtin->arena, ret, &count, err))
        return -1;
    if (count != expected)
        return err_set(err, ERR_INPUT, "%llu labels, and the index has %llu vectors",
                       (unsigned long long)count, (unsigned long long)expected);
    for (uint64_t i = 0; i < count; i++) {
        if (!isfinite((*ret)[i]))
            return err_set(err, ERR_INPUT, "label %llu is not a finite number",
                           (unsigned long long)i);
    }
    return 0;
}

/* The index's numbers, aligned, in the model's memory. */
static int copy_vectors(const struct faiss_index *index, struct builtin *builtin, float **ret,
                        struct err *err)
{
    size_t count = index->vectors.size / sizeof(float);
    float *vectors = arena_alloc(&builtin->arena, count, sizeof(*vectors));

    if (!vectors)
        return err_memory(err, index->vectors.size, "the vectors of an index");
    for (size_t i = 0; i < count; i++)
        vectors[i] = load_le_f32(index->vectors.data + i * sizeof(float));
    *ret = vectors;
    return 0;
}

static void describe(struct builtin *builtin, uint32_t features, uint32_t k)
{
    builtin->features = features;
    builtin->plain_columns = 1;
    builtin_add_field(builtin,
                      &(struct answer_field){.name = "predicted_label", .first = 0, .count = 1});
    builtin_add_field(
        builtin, &(struct answer_field){
                     .name = "distances", .first = 1, .count = k, .list = true, .verbose = true});
    builtin_add_field(
        builtin, &(struct answer_field){
                     .name = "labels", .first = 1 + k, .count = k, .list = true, .verbose = true});
}

static int wrap(const char *name, struct err *err)
{
    char quoted[QUOTED];

    return err_wrap(err, "file %s", quote(bytes_text(name), quoted));
}

static int load_files(const struct artifact *artifact, const struct names *names,
                      struct builtin *builtin, struct err *err)
{
    const struct builtin_files files = {.members = artifact};
    struct parameters parameters = {0};
    struct knn_spec spec = {0};
    struct faiss_index index;
    struct bytes data, text;
    double *labels = NULL;
    float *vectors = NULL;

    if (read_index(builtin_files_find(artifact, builtin->file)->bytes, &index, err))
        return wrap(builtin->file, err);
    if (builtin_files_need(&files, names->parameters, "k and what kind of predictor this is", &text,
                           err) ||
        builtin_files_need(&files, names->labels, "the labels of the index's vectors", &data, err))
        return -1;
    if (read_parameters(text, builtin, &index, &parameters, err))
        return wrap(names->parameters, err);
    if (read_labels(data, builtin, index.count, &labels, err))
        return wrap(names->labels, err);
    if (copy_vectors(&index, builtin, &vectors, err))
        return -1;
    spec.vectors = vectors;
    spec.labels = labels;
    spec.count = index.count;
    spec.features = index.dimension;
    spec.k = (uint32_t)parameters.k;
    spec.answer = parameters.answer;
    describe(builtin, spec.features, spec.k);
    return knn_new(&spec, &builtin->scorer, err);
}

static int load(const struct artifact *artifact, const struct model_options *options,
                struct model *model, struct err *err)
{
    const struct artifact_file *file = builtin_files_model(artifact);
    struct builtin *builtin = builtin_new(FAMILY_KNN, options->limits.bytes);
    const char *used[3];
    struct names names;

    if (!builtin)
        return err_memory(err, sizeof(*builtin), "a model");
    model->builtin = builtin; /* model_unref frees it */
    builtin->format = "faiss-flat";
    builtin->file = arena_text(&builtin->arena, file->name, strlen(file->name));
    if (!builtin->file)
        return err_memory(err, strlen(file->name), "a file's name");
    snprintf(names.labels, sizeof(names.labels), "%.200s-labels.npy", file->name);
    snprintf(names.parameters, sizeof(names.parameters), "%.200s.json", file->name);
    used[0] = file->name;
    used[1] = names.labels;
    used[2] = names.parameters;
    if (load_files(artifact, &names, builtin, err))
        return -1;
    return builtin_files_leave_out(artifact, used, ARRAY_LENGTH(used), model, err);
}

static bool probe(const struct artifact *artifact)
{
    const struct artifact_file *file = builtin_files_model(artifact);

    return file && faiss_index_probe(file->bytes);
}

const struct loader knn_loader = {.name = "knn", .probe = probe, .load = load};
