#pragma once
/* Artifacts of built-in algorithms on disk, for as long as they are loaded, and rows for them. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "models/model.h"
#include "tests/unit/mxnet_builder.h"
#include "tests/unit/unit.h"

static inline void artifact_write(const char *path, struct bytes bytes)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes.data, 1, bytes.size, file), bytes.size);
    assert_int_equal(fclose(file), 0);
}

/* Loads a directory of these files; where `alone`, the first of them by its path. */
static inline int artifact_load(const struct mx_file *files, size_t count, bool alone,
                                const struct model_options *options, struct model **ret,
                                struct err *err)
{
    static const struct model_options usual = MODEL_OPTIONS_DEFAULT;
    const char *top = getenv("TMPDIR");
    char directory[128];
    char path[192];
    int status;

    snprintf(directory, sizeof(directory), "%s/builtin-XXXXXX", top ? top : "/tmp");
    assert_non_null(mkdtemp(directory));
    for (size_t i = 0; i < count; i++) {
        snprintf(path, sizeof(path), "%s/%s", directory, files[i].name);
        artifact_write(path, files[i].bytes);
    }
    snprintf(path, sizeof(path), "%s/%s", directory, files[0].name);
    status = model_load(alone ? path : directory, options ? options : &usual, ret, err);
    for (size_t i = 0; i < count; i++) {
        snprintf(path, sizeof(path), "%s/%s", directory, files[i].name);
        unlink(path);
    }
    rmdir(directory);
    return status;
}

static inline struct model *artifact_model(const struct mx_file *files, size_t count)
{
    struct model *model = NULL;
    struct err err = ERR_INIT;

    if (artifact_load(files, count, false, NULL, &model, &err))
        fail_msg("%s", err.text);
    assert_non_null(model->builtin);
    assert_int_equal(model->features, model->builtin->features);
    return model;
}

/* It is not loaded, and `why` is in the one line that tells so. */
static inline void artifact_refused(const struct mx_file *files, size_t count, const char *why)
{
    struct model *model = NULL;
    struct err err = ERR_INIT;

    if (artifact_load(files, count, false, NULL, &model, &err) == 0)
        fail_msg("loaded, but expected: %s", why);
    if (!strstr(err.text, why))
        fail_msg("\"%s\" does not say: %s", err.text, why);
    assert_null(strchr(err.text, '\n'));
}

/* One row of the model's features; what it is answered with. */
static inline void artifact_score(const struct model *model, enum model_output output,
                                  const float *row, float *ret, size_t columns)
{
    struct matrix matrix = {MATRIX_DENSE, 1, model->features, row, NULL, NULL};
    struct predictions predictions;
    struct scratch scratch;
    struct err err = ERR_INIT;

    assert_int_equal(model_columns(model, output), columns);
    scratch_init(&scratch);
    predictions_init(&predictions);
    if (model_score(model, output, &matrix, &scratch, &predictions, &err))
        fail_msg("%s", err.text);
    assert_int_equal(predictions.rows, 1);
    memcpy(ret, predictions.values, columns * sizeof(*ret));
    predictions_fini(&predictions);
    scratch_fini(&scratch);
}

static inline const struct builtin_fact *artifact_fact(const struct model *model, const char *name)
{
    for (size_t i = 0; i < model->builtin->fact_count; i++) {
        if (strcmp(model->builtin->facts[i].name, name) == 0)
            return &model->builtin->facts[i];
    }
    fail_msg("nothing is told of %s", name);
    return model->builtin->facts;
}

static inline void artifact_field_is(const struct model *model, size_t i, const char *name,
                                     uint32_t first, uint32_t count, bool list, bool whole)
{
    const struct answer_field *field = &model->builtin->fields[i];

    assert_true(i < model->builtin->field_count);
    assert_string_equal(field->name, name);
    assert_int_equal(field->first, first);
    assert_int_equal(field->count, count);
    assert_int_equal(field->list, list);
    assert_int_equal(field->whole, whole);
    assert_false(field->verbose);
}
