#pragma once
/*
 * The second opinion: Debian's libxgboost, opened with dlopen on first need and never used to
 * serve. It is given only bytes that models/xgboost_writer made from a model that our own parser
 * accepted. Every call runs with one thread. Rows are passed as a DMatrix, whose sums are the
 * canonical ones (in place DART's are others, and gblinear has none); a block with infinities,
 * which a DMatrix refuses, is passed in place.
 *
 * The base margin is always given per row, so that the library's own reading of base_score never
 * matters. A backend is used by one thread at a time.
 */

#include <stddef.h>
#include <stdint.h>

#include "algorithms/matrix.h"
#include "algorithms/predictions.h"
#include "base/bytes.h"
#include "base/compiler.h"
#include "base/err.h"

struct xgboost_backend;

enum xgboost_output {
    XGBOOST_VALUE,         /* rows x columns after the objective's transform */
    XGBOOST_MARGIN,        /* rows x outputs */
    XGBOOST_CONTRIBUTIONS, /* rows x outputs x (features + 1), the bias last */
    XGBOOST_LEAVES,        /* rows x trees: node numbers */
};

/* model: UBJSON of schema 1.7; base_margin: `outputs` numbers, copied. ERR_UNSUPPORTED where the
 * library is not installed or not of version 1.7, ERR_SYSTEM with its first line where it refuses.
 */
int xgboost_backend_new(struct bytes model, const float *base_margin, uint32_t outputs,
                        uint32_t features, struct xgboost_backend **ret,
                        struct err *err) MUST_CHECK;
void xgboost_backend_free(struct xgboost_backend *backend);

/* "1.7.4", or NULL where the library cannot be opened. */
const char *xgboost_backend_version(void);

/* Appends to ret. The matrix has at most `features` columns (else ERR_INPUT). A matrix with
 * infinities is ERR_INPUT, but for XGBOOST_VALUE and XGBOOST_MARGIN of the booster gbtree.
 * ERR_SYSTEM where the library refuses; XGBOOST_LEAVES of a model without trees is such a case. */
int xgboost_backend_predict(struct xgboost_backend *backend, const struct matrix *matrix,
                            enum xgboost_output output, struct predictions *ret,
                            struct err *err) MUST_CHECK;
