#pragma once
/*
 * An XGBoost model as read from a file of any version: what every loader fills and everything else
 * (scorers, `inspect`, the writer for the second opinion) reads. All memory is the model's arena's.
 *
 * A loader fills what its format holds and then calls xgb_model_finish, which checks what formats
 * have in common, derives the rest and establishes the invariants below. Nothing may use a model
 * before that.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "algorithms/objective.h"
#include "algorithms/tree.h"
#include "base/compiler.h"
#include "base/err.h"
#include "base/memory.h"

/* Caps that keep a lying file from costing memory; documented in the README. */
#define XGB_FEATURES_MAX 100000000u
#define XGB_OUTPUTS_MAX  1000000u
#define XGB_TREES_MAX    10000000u

enum xgb_booster {
    XGB_GBTREE, /* also dart: tree_weight is set then */
    XGB_GBLINEAR,
};

#define XGB_PATCH_UNKNOWN (-1)

/* Version that wrote the file. Before 1.0 files do not tell: known is false, all is 0. */
struct xgb_version {
    bool known;
    int major;
    int minor;
    int patch; /* XGB_PATCH_UNKNOWN in binary files */
};

struct xgb_model {
    struct arena arena;

    /* filled by the loader */
    const char *format; /* innermost: "legacy-binary", "json", "ubjson" */
    struct xgb_version version;
    enum xgb_booster booster;
    bool dart;
    const char *objective_text; /* as the file has it */
    uint32_t features;
    uint32_t num_class;         /* 0 or 1: not multi-class */
    uint32_t num_target;        /* 0 or 1: one target */
    uint32_t num_output_group;  /* legacy before 1.0: outputs; else 0 */
    uint32_t num_parallel_tree; /* 0 where the file does not tell (then 1) */
    float *base_score;          /* base_score_count numbers, as in the file */
    uint32_t base_score_count;
    bool base_score_is_margin; /* no link: legacy before 1.0; from 3.1 on, a model without any round
                                * whose base_score was yet to be fitted */

    struct tree *trees;
    uint32_t tree_count;
    int32_t *tree_output;      /* tree_info: per tree */
    float *tree_weight;        /* DART; NULL: all 1 */
    uint32_t *iteration_start; /* iterations + 1 tree indices; NULL where the file has none */
    uint32_t iterations;

    float *linear_weights; /* gblinear: (features + 1) * outputs, see algorithms/gblinear.h */
    uint32_t linear_weight_count;

    const char **feature_names; /* `features` texts, or NULL */
    const char **feature_types; /* the same */

    /* model attributes and, from a pickle, keys of the Booster's state; < 0: absent */
    int64_t best_iteration;
    int64_t best_ntree_limit;        /* attribute of the file */
    int64_t pickle_best_ntree_limit; /* key of the pickle */
    bool early_stopped;              /* a best_score is there */

    /* from a pickle or a wrapper */
    const char *pickle_class; /* "xgboost.core.Booster", "xgboost.sklearn.XGBClassifier"; or NULL */
    bool is_wrapper;          /* pickle_class is one of xgboost.sklearn */
    float missing;            /* value that means missing besides NaN; NaN: none */

    /* derived by xgb_model_finish */
    enum objective objective;
    uint32_t outputs; /* margins a row */
};

/* An empty model whose arena holds at most memory_cap bytes. NULL where memory is short. */
struct xgb_model *xgb_model_new(size_t memory_cap) MUST_CHECK;
void xgb_model_free(struct xgb_model *model);

/*
 * Checks and derives: objective by name, outputs = max(num_class, num_target, 1) or
 * num_output_group, base_score_count 1 or outputs (broadcast to `outputs` numbers), every tree
 * (tree_check), tree_output < outputs, leaf widths, gblinear's weight count, iteration_start (from
 * num_parallel_tree where the file has none). ERR_INPUT says what is wrong and in which tree.
 */
int xgb_model_finish(struct xgb_model *model, struct err *err) MUST_CHECK;
