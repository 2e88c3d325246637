#pragma once
/*
 * What a pickle or joblib file holds of XGBoost: a Booster, or a wrapper of xgboost.sklearn around
 * one (xgboost-models 2.1). Any other root class is refused by its name.
 */

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/err.h"
#include "base/memory.h"

struct xgb_pickle {
    const char *class_name; /* "xgboost.core.Booster", "xgboost.sklearn.XGBClassifier", ... */
    bool is_wrapper;
    struct bytes handle;        /* the model bytes: any raw or snapshot form */
    int64_t best_iteration;     /* of the Booster's state, else of the wrapper's; < 0: absent */
    int64_t best_ntree_limit;   /* the same */
    bool early_stopped;         /* best_score is there, and not None */
    double missing;             /* the wrapper's `missing`; NaN: none */
    const char **feature_names; /* of the Booster's state (before 1.4), or NULL */
    size_t feature_name_count;
    /* Labels of a classifier, as text (what Python's str() makes of them), in class order; NULL and
     * 0: the file has none, they are 0 .. n-1. */
    const char **classes;
    size_t class_count;
    int64_t n_classes; /* the wrapper's n_classes_; < 0: absent */
};

/* Memory is the arena's and data's. ERR_UNSUPPORTED: a class that is not served, an unfitted
 * wrapper. ERR_INPUT: not a sound pickle. ERR_LIMIT: the arena's cap. */
int xgb_pickle_read(struct bytes data, struct arena *arena, struct xgb_pickle *ret,
                    struct err *err) MUST_CHECK;
