#pragma once
/*
 * Selectable inference: the answer of an endpoint whose environment has SAGEMAKER_INFERENCE_OUTPUT
 * (xgboost-container section 5). The variable's value is a list of keys ("predicted_label,
 * probability"), parsed once at the start; each row of the answer then has those keys' values in
 * place of the bare prediction. A key that the model's objective cannot give, or that nobody knows,
 * has the value NaN.
 *
 * Where the original leaves the order of such keys in JSON to chance, they come as requested; where
 * its k-th RecordIO record repeats records 1 to k - 1, ours does not (section 12).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "algorithms/objective.h"
#include "algorithms/predictions.h"
#include "base/bytes.h"
#include "base/compiler.h"
#include "base/err.h"
#include "base/memory.h"
#include "server/formats/media_type.h"

/* Keys in one value of the variable, repeated ones included. */
#define SELECTABLE_KEYS_MAX 1024

/* In the order in which they stand in a JSON object. */
enum selectable_name {
    SELECTABLE_PREDICTED_LABEL,
    SELECTABLE_LABELS,
    SELECTABLE_PROBABILITY,
    SELECTABLE_PROBABILITIES,
    SELECTABLE_RAW_SCORE,
    SELECTABLE_RAW_SCORES,
    SELECTABLE_PREDICTED_SCORE,
    SELECTABLE_NAME_COUNT,
    SELECTABLE_UNKNOWN = SELECTABLE_NAME_COUNT,
};

struct selectable_key {
    enum selectable_name name;
    struct bytes text; /* as requested, lower case; may be empty */
    struct bytes json; /* the same as a JSON string, quotes included */
    bool repeated;     /* an equal key stands before it */
};

/* Immutable after selectable_init; any number of threads may encode with it. */
struct selectable {
    struct selectable_key *keys; /* as requested */
    size_t key_count;            /* at least 1 */
    struct arena arena;
};

/*
 * Parses the value of SAGEMAKER_INFERENCE_OUTPUT: spaces are dropped anywhere, ASCII letters become
 * lower case, commas separate; "" is one empty key. ERR_INPUT where the value is not UTF-8,
 * ERR_LIMIT beyond SELECTABLE_KEYS_MAX keys, ERR_MEMORY; nothing needs to be released then.
 */
int selectable_init(struct selectable *selectable, const char *value, struct err *err) MUST_CHECK;
void selectable_fini(struct selectable *selectable); /* an all-zero one is fine */

/* What the values depend on besides the predictions: of the model, or of an ensemble's first. */
struct selectable_model {
    enum objective objective;
    const char *objective_text; /* as the file has it; used only for OBJECTIVE_UNKNOWN; or NULL */
    uint32_t num_class;         /* of the multi-class objectives: `labels` counts up to it */
    bool absolute_error;        /* reg:absoluteerror is served: images 1.7-1 and later */
};

/*
 * Appends the body for `accept`: csv (no line end after the last row unless `batch`), JSON, JSON
 * Lines or RecordIO-protobuf. accept_text is what to call an `accept` that is none of these in the
 * refusal: the environment's default Accept; NULL is taken as "".
 *
 * -1 and ERR_UNSUPPORTED: the answer is a 500 whose body is then all that `refusal` holds, in the
 * original's words (an objective or an accept type that is not served, several outputs where the
 * key is one number). ERR_LIMIT beyond the body's max and ERR_MEMORY, as the encoders of
 * server/formats/encode.h. A failure may leave a part of the answer in `body`.
 */
int selectable_encode(const struct selectable *selectable, const struct selectable_model *model,
                      const struct predictions *predictions, enum accept_type accept,
                      const char *accept_text, bool batch, struct buffer *body,
                      struct buffer *refusal, struct err *err) MUST_CHECK;
