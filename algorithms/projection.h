#pragma once
/*
 * PCA (linear-learner 7): a row's answer is (x - mean) . v, `components` numbers in the columns'
 * order. A row's answer depends on nothing but the row.
 */

#include <stdint.h>

#include "algorithms/scorer.h"
#include "base/compiler.h"
#include "base/err.h"

struct projection_spec {
    const float *mean; /* [features]; stays, and is not copied */
    const float *v;    /* [features][components]; the same */
    uint32_t features;
    uint32_t components;
};

int projection_new(const struct projection_spec *spec, struct scorer **ret,
                   struct err *err) MUST_CHECK;
