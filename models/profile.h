#pragma once
/*
 * Profiles: which SageMaker XGBoost image is imitated where images disagree. One table of data; the
 * code that serves asks a field, never a name.
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

struct profile {
    const char *name;    /* "1.7-1" */
    const char *xgboost; /* the image's XGBoost: "1.7.4" */
    int xgboost_version; /* the same as major * 100 + minor: decides sums, sigmoid, categories */
    enum best_limit best_limit;
    bool
        limit_is_rounds; /* the limit counts rounds (XGBoost 2 and later), not trees of an output */
    bool libsvm_shift;   /* indices of a payload without a 0 are 1-based: 3.2-0 */
    bool html5_pages;    /* error pages of the newer framework: 3.2-0 */
};

/* NULL where there is none of that name ("auto" is none: see profile_for). */
const struct profile *profile_find(const char *name);

/* For messages: "auto, 1.7-1, 3.0-5 or 3.2-0". */
#define PROFILE_NAMES "auto, 1.7-1, 3.0-5 or 3.2-0"

const struct profile *profile_table(size_t *ret_count);

/*
 * What "auto" means: the profile that stands for the version that wrote a model. A file of before
 * XGBoost 1.5 is answered in 1.7-1's shape, with its writer's rules for sums and limits.
 */
const struct profile *profile_for(const struct xgb_model *model);
