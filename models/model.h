#pragma once
/*
 * A model that is ready to serve: immutable, reference-counted. One of XGBoost is made of one or
 * several files (an ensemble), each with its scorer; any other is a `struct builtin`. Loading goes
 * through models/loaders.h; requests only score.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "algorithms/forest.h"
#include "algorithms/objective.h"
#include "algorithms/predictions.h"
#include "algorithms/scorer.h"
#include "base/bytes.h"
#include "base/compiler.h"
#include "base/err.h"
#include "models/artifact.h"
#include "models/builtin.h"
#include "models/family.h"
#include "models/profile.h"
#include "models/xgboost_model.h"

struct model_member {
    char *file;               /* its name in the artifact */
    struct xgb_model *source; /* the parsed model: for inspect, contributions, verification */
    struct scorer *scorer;
    struct objective_rules rules;
    float *base_margin;  /* source->outputs numbers */
    uint32_t trees_used; /* of source->tree_count, after the limit on iterations */
};

struct model {
    enum family family;
    char *path;
    const struct profile *profile;
    bool profile_is_auto;
    struct builtin *builtin; /* of every family but XGBoost, which has members in its place */
    bool vote;               /* ensemble: majority vote instead of the mean */
    struct model_member *members;
    size_t member_count;
    char **left_out; /* files of the artifact that are no models */
    size_t left_out_count;
    uint32_t features; /* of an ensemble the first member's */
    uint64_t row_ns;   /* about how long a row takes, one of many */
    atomic_uint references;
};

struct model_options {
    const char *profile; /* NULL or "auto": by the version that wrote the file */
    bool ensemble;       /* false: only the first file is served */
    bool strict;         /* every file must be a model, as in the original */
    enum forest_kernel kernel;
    struct artifact_limits limits;
};

#define MODEL_OPTIONS_DEFAULT                                                                      \
    {                                                                                              \
        .profile = NULL, .ensemble = true, .strict = false, .limits = ARTIFACT_LIMITS_DEFAULT      \
    }

/* Opens the artifact, finds a loader for it, loads. The error names the path and the file. */
int model_load(const char *path, const struct model_options *options, struct model **ret,
               struct err *err) MUST_CHECK;

struct model *model_ref(struct model *model);
void model_unref(struct model *model); /* NULL is fine */

/* For loaders: notes a file of the artifact as none of the model. ERR_MEMORY. */
int model_leave_out(struct model *model, const char *name, struct err *err) MUST_CHECK;

enum model_output {
    MODEL_VALUE,  /* what the endpoint answers */
    MODEL_MARGIN, /* before the objective's transform or the link; of an ensemble, the mean */
};

/* Not every model has margins. */
bool model_has_margin(const struct model *model);

/* Numbers a row of that output has. */
size_t model_columns(const struct model *model, enum model_output output);

/* Scores a block and appends its rows to `predictions`. */
int model_score(const struct model *model, enum model_output output, const struct matrix *matrix,
                struct scratch *scratch, struct predictions *predictions,
                struct err *err) MUST_CHECK;
