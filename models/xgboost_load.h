#pragma once
/*
 * Any XGBoost model file, told by its content (xgboost-models section 1): pickles and joblib files
 * (compressed ones too), the three snapshot wrappers, legacy binary, JSON, UBJSON. Names and
 * suffixes mean nothing. What is recognised but is not a model (a text or JSON dump, a bs64 file,
 * an unfitted wrapper, an empty file) is refused with what to save instead.
 */

#include "base/bytes.h"
#include "models/xgboost_model.h"

struct xgb_load_options {
    size_t memory_cap; /* bytes that the parsed model, or what is inflated for it, may take */
};

#define XGB_LOAD_DEFAULTS                                                                          \
    {                                                                                              \
        .memory_cap = (size_t)4 << 30                                                              \
    }

/* The model is finished (xgb_model_finish) and independent of `file`. ERR_INPUT and ERR_UNSUPPORTED
 * texts begin with "offset N: " where a place is known. */
int xgb_load(struct bytes file, const struct xgb_load_options *options, struct xgb_model **ret,
             struct err *err) MUST_CHECK;

/*
 * The readers behind it; each fills a new model that is not finished. `base` is the offset of
 * `data` within the file, added to the offsets that errors name.
 */
int xgb_legacy_read(struct bytes data, size_t base, struct xgb_model *model,
                    struct err *err) MUST_CHECK;
/* Raw model, or a {"Config", "Model"} snapshot around one. */
int xgb_json_read(struct bytes data, size_t base, struct xgb_model *model,
                  struct err *err) MUST_CHECK;
int xgb_ubjson_read(struct bytes data, size_t base, struct xgb_model *model,
                    struct err *err) MUST_CHECK;

/* Whether data passes the gate for a legacy file without `binf` (section 1). */
bool xgb_legacy_probe(struct bytes data);

/* The payload behind CONFIG-offset:, and raw models of all kinds above, by content. */
int xgb_raw_read(struct bytes data, size_t base, struct xgb_model *model,
                 struct err *err) MUST_CHECK;
