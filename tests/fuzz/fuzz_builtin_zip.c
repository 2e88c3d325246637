/*
 * Any bytes as an artifact of a built-in algorithm. The first byte tells the form: model_algo-1 by
 * itself, or an archive whose members are the artifact's files. What is loaded answers a row.
 */
#include <stdint.h>
#include <stdlib.h>

#include "models/loaders.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct artifact *open_artifact(uint8_t form, struct bytes bytes,
                                      const struct artifact_limits *limits)
{
    struct artifact *artifact = NULL;
    struct err err = ERR_INIT;
    uint8_t *copy;

    if (form & 1)
        return artifact_from_archive(bytes, "fuzz", limits, &artifact, &err) ? NULL : artifact;
    artifact = mem_zero(1, sizeof(*artifact));
    copy = mem_alloc(bytes.size, 1);
    if (!artifact || !copy)
        abort();
    if (bytes.size)
        memcpy(copy, bytes.data, bytes.size);
    artifact->kind = ARTIFACT_DIRECTORY;
    if (artifact_add(artifact, "model_algo-1", copy, bytes.size, &err))
        abort();
    return artifact;
}

static void score(const struct builtin *builtin)
{
    struct matrix row = {.kind = MATRIX_DENSE, .rows = 1, .columns = builtin->features};
    float *values = mem_zero(builtin->features, sizeof(*values));
    float *answer = mem_alloc(builtin->scorer->outputs, sizeof(*answer));
    struct scratch scratch;
    struct err err = ERR_INIT;

    if (!values || !answer)
        abort();
    row.values = values;
    scratch_init(&scratch);
    if (scorer_score(builtin->scorer, &row, &scratch, answer, &err))
        abort();
    if (builtin->margin && builtin->margin->features != builtin->features)
        abort();
    for (size_t i = 0; i < builtin->field_count; i++) {
        if (builtin->fields[i].first + builtin->fields[i].count > builtin->scorer->outputs)
            abort();
    }
    scratch_fini(&scratch);
    free(values);
    free(answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct model_options options = MODEL_OPTIONS_DEFAULT;
    struct artifact *artifact;
    struct model *model;
    const struct loader *loader;
    struct err err = ERR_INIT;

    if (size == 0)
        return 0;
    options.limits = (struct artifact_limits){.entries = 64, .bytes = 4 << 20, .ratio = 20};
    artifact = open_artifact(data[0], bytes_of(data + 1, size - 1), &options.limits);
    if (!artifact)
        return 0;
    model = mem_zero(1, sizeof(*model));
    if (model) {
        atomic_init(&model->references, 1);
        loader = loaders_find(artifact);
        /* XGBoost's parsers have targets of their own */
        if (loader != &xgboost_loader && loader->load(artifact, &options, model, &err)) {
            if (err.kind == ERR_NONE || err.text[0] == '\0')
                abort();
        } else if (loader != &xgboost_loader) {
            score(model->builtin);
        }
    }
    model_unref(model);
    artifact_free(artifact);
    return 0;
}
