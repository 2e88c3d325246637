#pragma once
/*
 * A parsed model as UBJSON of XGBoost's schema 1.7, for the second opinion. Node numbers are kept.
 * DART weights and gblinear weights are written as 1.7 wants them; base_score is written as 0.5
 * (the base margin is given per row, see algorithms/xgboost_backend.h); the objective is written so
 * that its transform is the model's (reg:squarederror, whose transform is none, for one nobody
 * knows). What only training and approximate contributions need is written as zeros: loss changes
 * and the weights of inner nodes. Iterations are not kept: all trees are one.
 */

#include "base/memory.h"
#include "models/xgboost_model.h"

/* Deepest tree that is written: libxgboost walks trees by recursion for contributions, with memory
 * that grows with the square of the depth. */
#define XGB_WRITE_DEPTH_MAX 1024

/* Bytes of bit sets that libxgboost may make of the model's categories. */
#define XGB_WRITE_CATEGORY_BYTES_MAX ((uint64_t)256 << 20)

/*
 * Appends to ret; the first tree_count trees are written. ERR_UNSUPPORTED, with the reason in
 * words, for what 1.7.4 cannot hold: vector leaves, quantile and expectile objectives, no features,
 * a split by category without a category, a split by threshold whose children are not neighbours
 * (it takes the right child to be the left one's number plus one), and the two limits above.
 * ERR_LIMIT beyond ret->max.
 */
int xgb_write(const struct xgb_model *model, uint32_t tree_count, struct buffer *ret,
              struct err *err) MUST_CHECK;
