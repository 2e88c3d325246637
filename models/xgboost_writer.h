#pragma once
/*
 * A parsed model as UBJSON of XGBoost's schema 1.7, for the second opinion. Node numbers are kept.
 * DART weights and gblinear weights are written as 1.7 wants them; base_score is written as 0.5 (the
 * base margin is given per row, see algorithms/xgboost_backend.h); the objective is written so that
 * its transform is the model's.
 */

#include "base/memory.h"
#include "models/xgboost_model.h"

/* ERR_UNSUPPORTED, with the reason in words, for what 1.7.4 cannot hold: vector leaves, quantile and
 * expectile objectives. The first tree_count trees are written. */
int xgb_write(const struct xgb_model *model, uint32_t tree_count, struct buffer *ret,
              struct err *err) MUST_CHECK;
