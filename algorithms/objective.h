#pragma once
/*
 * XGBoost's learning objectives, as far as prediction knows them: the link from base_score to the
 * margin, and the transform from margins to predictions, both float32 and to the bit as XGBoost's
 * CPU code computes them with glibc's expf and logf. Where versions of XGBoost differ, the version
 * whose answer is wanted decides (enum members of struct objective_rules).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/compiler.h"

enum objective {
    OBJECTIVE_UNKNOWN = 0,   /* a user's own objective: margins are the predictions */
    OBJECTIVE_SQUARED_ERROR, /* reg:squarederror, reg:linear */
    OBJECTIVE_SQUARED_LOG_ERROR,
    OBJECTIVE_PSEUDO_HUBER,
    OBJECTIVE_ABSOLUTE_ERROR,
    OBJECTIVE_QUANTILE,
    OBJECTIVE_EXPECTILE,
    OBJECTIVE_REG_LOGISTIC,
    OBJECTIVE_BINARY_LOGISTIC,
    OBJECTIVE_LOGITRAW,
    OBJECTIVE_HINGE,
    OBJECTIVE_SOFTMAX,
    OBJECTIVE_SOFTPROB,
    OBJECTIVE_POISSON,
    OBJECTIVE_GAMMA,
    OBJECTIVE_TWEEDIE,
    OBJECTIVE_COX,
    OBJECTIVE_AFT,
    OBJECTIVE_RANK_PAIRWISE,
    OBJECTIVE_RANK_NDCG,
    OBJECTIVE_RANK_MAP,
    OBJECTIVE_COUNT
};

struct objective_rules {
    bool logitraw_link;  /* binary:logitraw has the logit link: files of 1.0, 1.1, 1.2 */
    bool clamp_link;     /* the logit link clamps p to [1e-6, 1-1e-6]: 3.2 and later */
    bool old_sigmoid;    /* 1/(1+exp(-x)): 1.5 and earlier */
    bool sort_quantiles; /* a row's quantiles ascend: 3.4 and later */
};

/* By the name in a file; "gpu:" before it is dropped and reg:linear is reg:squarederror. */
enum objective objective_find(struct bytes name);

/* The canonical name ("reg:squarederror"); NULL for OBJECTIVE_UNKNOWN. */
const char *objective_name(enum objective objective);

/* Prediction space to margin, in place, for all `count` outputs of a model (expectiles need their
 * neighbours; see xgboost-models 5.2 for the formulas). */
void objective_link(enum objective objective, const struct objective_rules *rules, float *scores,
                    size_t count);

/* Numbers a row of `outputs` margins becomes: 1 for multi:softmax, else `outputs`. */
size_t objective_columns(enum objective objective, size_t outputs);

/* rows x outputs margins to predictions, in place; where objective_columns is smaller, the result
 * is packed at the front. */
void objective_transform(enum objective objective, const struct objective_rules *rules,
                         float *values, size_t rows, size_t outputs);
