#pragma once
/*
 * Profiles: which SageMaker image is imitated where images disagree: one table of data for XGBoost,
 * one for Linear Learner and its siblings; the code that serves asks a field, never a name.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "models/xgboost_model.h"

/* Where a limit on the trees used comes from (xgboost-models 5.9). */
enum best_limit {
    BEST_LIMIT_PICKLE,    /* the key best_ntree_limit of a pickled Booster */
    BEST_LIMIT_ATTRIBUTE, /* that, or the model attribute of the same name */
};

/* When the Accept header counts (xgboost-container 4.4: the older images ignored it). */
enum accept_rule {
    ACCEPT_HONOURED,
    ACCEPT_SELECTABLE, /* in selectable inference alone; otherwise the answer is text/csv */
    ACCEPT_IGNORED,
};

struct profile {
    const char *name;    /* "1.7-1" */
    const char *xgboost; /* the image's XGBoost: "1.7.4" */
    int xgboost_version; /* the same as major * 100 + minor: decides sums, sigmoid, categories */
    enum best_limit best_limit;
    enum accept_rule accept;
    bool limit_is_rounds; /* the limit counts rounds (XGBoost 2 and later), not an output's trees */
    bool joined_csv;      /* text/csv is one line, joined by ',', without a line end */
    bool selectable;      /* SAGEMAKER_INFERENCE_OUTPUT is known: 1.0-1 and later */
    bool selectable_absolute; /* ... for reg:absoluteerror too: 1.7-1 and later */
    bool infinite_ok;         /* infinities in a request are values: XGBoost up to 1.3 */
    bool extra_columns_ok;    /* columns beyond the model's features are ignored: up to 1.0 */
    bool libsvm_shift;        /* indices of a payload without a 0 are 1-based: 3.2-0 */
    bool recordio_stacked; /* strict: recordio rows are stacked as 3.2-0 does it, else by schema */
    bool html5_pages;      /* error pages of the newer framework: 3.2-0 */

    /* Linear Learner and its siblings (linear-learner 5.6); nothing above counts for them. */
    bool builtin;
    bool python2; /* labels are floats, JSON Lines are spaced, csv numbers have 12 digits */
};

/* NULL where there is none of that name ("auto" is none: see profile_for). */
const struct profile *profile_find(const char *name);

/* For messages. */
#define PROFILE_NAMES                                                                              \
    "auto, 0.90-1, 0.90-2, 1.0-1, 1.2-1, 1.2-2, 1.3-1, 1.5-1, 1.7-1, 3.0-5 or 3.2-0, or, for "     \
    "Linear Learner and its siblings, py2 or py3"

/* XGBoost's. */
const struct profile *profile_table(size_t *ret_count);

/* Linear Learner's and its siblings'; the first is what "auto" means. */
const struct profile *profile_builtin_table(size_t *ret_count);

/* What "auto" means: the profile that stands for the version that wrote a model (1.2 of the
 * container's description). Sums, sigmoid and categories are then the writer's own. */
const struct profile *profile_for(const struct xgb_model *model);
