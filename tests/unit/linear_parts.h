#pragma once
/* The four members of a Linear Learner artifact, to be spoilt one by one. */
#include "tests/unit/builtin_artifact.h"

struct linear_parts {
    struct buffer manifest, settings, symbol, params;
    struct buffer zip; /* of linear_zip */
};

static inline void linear_parts_fini(struct linear_parts *parts)
{
    buffer_fini(&parts->manifest);
    buffer_fini(&parts->settings);
    buffer_fini(&parts->symbol);
    buffer_fini(&parts->params);
    buffer_fini(&parts->zip);
}

#define LINEAR_PARTS(name)                                                                         \
    CLEANUP(linear_parts_fini)                                                                     \
    struct linear_parts name = {.manifest.max = BUILDER_MAX,                                       \
                                .settings.max = BUILDER_MAX,                                       \
                                .symbol.max = BUILDER_MAX,                                         \
                                .params.max = BUILDER_MAX,                                         \
                                .zip.max = BUILDER_MAX}

/* All but the parameters. */
static inline void linear_texts(struct linear_parts *parts, const char *predictor, const char *loss,
                                const char *head, uint64_t features, uint64_t outputs)
{
    mx_print(&parts->manifest, "%s", MX_MANIFEST);
    mx_settings(&parts->settings, predictor, loss, "0.46301859617233276");
    mx_symbol(&parts->symbol, head, features, outputs, NULL);
}

/* A binary classifier of two features. */
static inline void linear_binary(struct linear_parts *parts)
{
    linear_texts(parts, "binary_classifier", "logistic", "LogisticRegressionOutput", 2, 1);
    mx_params(&parts->params, MX_V2, 2, 1, (const float[]){0.5f, -0.25f}, (const float[]){0.125f});
}

static inline void linear_replace(struct buffer *part, const char *text)
{
    buffer_clear(part);
    build_append(part, text, strlen(text));
}

static inline void linear_members(const struct linear_parts *parts, struct mx_file members[4])
{
    members[0] = mx_file("additional-params.json", &parts->settings);
    members[1] = mx_file("mx-mod-0000.params", &parts->params);
    members[2] = mx_file("manifest.json", &parts->manifest);
    members[3] = mx_file("mx-mod-symbol.json", &parts->symbol);
}

/* model_algo-1 of the parts. */
static inline struct mx_file linear_zip(struct linear_parts *parts)
{
    struct mx_file members[4];

    linear_members(parts, members);
    buffer_clear(&parts->zip);
    mx_zip(&parts->zip, members, 4, false);
    return mx_file("model_algo-1", &parts->zip);
}

static inline struct model *linear_model(struct linear_parts *parts)
{
    struct mx_file file = linear_zip(parts);

    return artifact_model(&file, 1);
}

static inline void linear_refused(struct linear_parts *parts, const char *why)
{
    struct mx_file file = linear_zip(parts);

    artifact_refused(&file, 1, why);
}
