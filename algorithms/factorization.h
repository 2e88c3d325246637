#pragma once
/*
 * Factorization machines (linear-learner 7): of a row x
 *   z = w0 + x . w1 + 0.5 * sum over factors f of ((x . v_f)^2 - sum over i of x_i^2 * v_if^2)
 * A row's answer depends on nothing but the row.
 */

#include <stdint.h>

#include "algorithms/scorer.h"
#include "base/compiler.h"
#include "base/err.h"

enum factorization_answer {
    FACTORIZATION_MARGIN,   /* z: one number (a regressor's answer, and --margin) */
    FACTORIZATION_LOGISTIC, /* s = 1 / (1 + expf(-z)), s >= 0.5 ? 1 : 0: two numbers */
};

struct factorization_spec {
    float w0;
    const float *w1; /* [features]; stay, and are not copied */
    const float *v;  /* [features][factors]; the same */
    uint32_t features;
    uint32_t factors;
    enum factorization_answer answer;
};

int factorization_new(const struct factorization_spec *spec, struct scorer **ret,
                      struct err *err) MUST_CHECK;
