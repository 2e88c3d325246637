#pragma once
/*
 * Verification: the same generated rows through our scorer and through libxgboost. A difference
 * that the versions' known differences (xgboost-models 6.4) do not explain means that one of the
 * two reads the file wrongly: the model must not be served.
 */

#include "base/compiler.h"
#include "base/err.h"
#include "models/model.h"

enum verify_result {
    VERIFY_EQUAL,
    VERIFY_IMPOSSIBLE, /* libxgboost 1.7.4 cannot hold the model: reason says why */
};

/*
 * Compared with libxgboost, bit for bit: the margins and values of the member's first trees_used
 * trees, scored by our code under the rules of 1.7.4. Where the member serves under another
 * version's rules, the margins of its own scorer are compared with those up to the rounding of
 * their sums. On AArch64 libxgboost adds products without rounding them first, so there the margins
 * of DART and of the linear booster are compared up to that.
 *
 * Rows: thresholds of the model and their neighbours, NaN, zeros of both signs, infinities,
 * denormals, categories in and out of range. 0 and *ret, `reason` filled for VERIFY_IMPOSSIBLE; or
 * -1 with the first difference (row, output, both numbers, the row's first numbers).
 */
int verify_member(const struct model_member *member, enum verify_result *ret, char *reason,
                  size_t reason_size, size_t *ret_rows, struct err *err) MUST_CHECK;
