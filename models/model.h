#pragma once
/*
 * A model that is ready to serve: immutable, reference-counted, made of one or several files (an
 * ensemble), each with its scorer. Loading goes through models/loaders.c; requests only score.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "algorithms/objective.h"
#include "algorithms/predictions.h"
#include "algorithms/scorer.h"
#include "base/bytes.h"
#include "base/compiler.h"
#include "base/err.h"
#include "models/artifact.h"
#include "models/profile.h"
#include "models/xgboost_model.h"

struct model_member {
    char *file;                 /* its name in the artifact */
    struct xgb_model *source;   /* the parsed model: for inspect, contributions, verification */
    struct scorer *scorer;
    struct objective_rules rules;
    float *base_margin;         /* source->outputs numbers */
    uint32_t trees_used;        /* of source->tree_count, after the limit on iterations */
};

struct model {
    const char *algorithm;      /* "xgboost" */
    char *path;
    const struct profile *profile;
    bool profile_is_auto;
    bool vote;                  /* ensemble: majority vote instead of the mean */
    struct model_member *members;
    size_t member_count;
    uint32_t features;          /* of the first member */
    uint32_t columns;           /* numbers a row of predictions has */
    unsigned references;
};

struct model_options {
    const char *profile; /* NULL or "auto" */
    bool ensemble;       /* false: only the first file is served */
    struct artifact_limits limits;
};

/* Opens the artifact, finds a loader for it, loads. The error names the file. */
int model_load(const char *path, const struct model_options *options, struct model **ret,
               struct err *err) MUST_CHECK;

struct model *model_ref(struct model *model);
void model_unref(struct model *model); /* NULL is fine */

enum model_output {
    MODEL_VALUE,  /* what the endpoint answers */
    MODEL_MARGIN, /* before the objective's transform; an ensemble's mean of margins */
};

/* Columns of that output. */
size_t model_columns(const struct model *model, enum model_output output);

/* Scores a block and appends its rows to `predictions`. */
int model_score(const struct model *model, enum model_output output, const struct matrix *matrix,
                struct scratch *scratch, struct predictions *predictions,
                struct err *err) MUST_CHECK;

/* For error texts, settings lines and cost estimates. */
uint64_t model_row_cost(const struct model *model); /* about: tree levels walked for one row */
