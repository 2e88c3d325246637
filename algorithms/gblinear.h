#pragma once
/*
 * XGBoost's linear booster (xgboost-models 5.6): per output, s = fl(bias + base margin), then
 * s = fl(s + fl(x * w)) for each present feature in ascending order. Missing values are skipped.
 */

#include <stdint.h>

#include "algorithms/scorer.h"

/* weights: (features + 1) * outputs numbers, weight of feature f for output o at f * outputs + o,
 * the biases last; base_margin: `outputs` numbers. Both are copied. */
int gblinear_new(const float *weights, uint32_t features, uint32_t outputs,
                 const float *base_margin, struct scorer **ret, struct err *err) MUST_CHECK;
