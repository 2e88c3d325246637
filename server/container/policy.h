#pragma once
/*
 * What a model's family makes of a scoring request: its types, the rules of decoding, which columns
 * fit, the texts of refusals, the shape of the answer. One table, an entry a family; invocations.c
 * and invocation_stream.c know the order of things and ask here for the rest.
 *
 *     policy_xgboost.c  the XGBoost images (xgboost-container sections 3 to 6)
 *     policy_builtin.c  Linear Learner and its siblings (linear-learner sections 4 and 5)
 */

#include <stdbool.h>
#include <stdint.h>

#include "algorithms/predictions.h"
#include "base/compiler.h"
#include "base/err.h"
#include "base/memory.h"
#include "models/model.h"
#include "server/container/invocations.h"
#include "server/formats/decode.h"
#include "server/formats/encode.h"
#include "server/formats/media_type.h"

struct policy {
    /* What the body is; a `message` as content_type_parse leaves it. */
    enum content_type_result (*request_type)(const struct invocation_rules *rules,
                                             const struct invocation *request,
                                             struct request_type *ret, struct buffer *message);

    struct decode_rules (*decode_rules)(const struct model *model, bool strict,
                                        const struct request_type *type);

    /* False where the request's columns do not fit the model: 400 with this prefix and the text
     * that `message` then has. */
    bool (*columns_fit)(const struct model *model, enum format format, uint64_t columns,
                        struct buffer *message);
    const char *columns_prefix; /* a bad parameter of the type is told with it, too */

    /* Under --strict all that is said of a body that cannot be read, or does not fit; NULL: what
     * is said otherwise. */
    const char *strict_refusal;

    /* A body that cannot be read: the status, and what replaces `message`. -1 where memory is
     * short. */
    int fault_status;
    int (*print_fault)(enum format format, const struct decode_fault *fault,
                       struct buffer *message);

    /* The type of the answer; a `message` as accept_parse leaves it. */
    struct response_type (*response_type)(const struct model *model,
                                          const struct invocation_rules *rules,
                                          const struct invocation *request, struct buffer *message);

    /* How that answer is made, where it is one that can be made in parts; else false, and `encode`
     * makes it. */
    bool (*encoding)(const struct model *model, const struct invocation_rules *rules,
                     const struct response_type *type, struct encoding *ret);

    /* Appends the body. -1: ERR_LIMIT, ERR_MEMORY, or ERR_UNSUPPORTED: a 500 whose body is what
     * `message` then has, or, where that is empty, the framework's page. NULL: there is no other
     * answer than one in parts. */
    int (*encode)(const struct model *model, const struct invocation_rules *rules,
                  const struct response_type *type, const struct predictions *predictions,
                  struct buffer *body, struct buffer *message, struct err *err);
};

const struct policy *policy_of(const struct model *model);

extern const struct policy policy_xgboost;
extern const struct policy policy_builtin;
