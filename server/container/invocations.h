#pragma once
/*
 * One scoring request, from body to body: POST /invocations. What is particular to the model's
 * family is in policy.h. Knows no socket; also what `predict --accept` runs.
 */

#include <stdbool.h>
#include <stdint.h>

#include "algorithms/predictions.h"
#include "algorithms/scorer.h"
#include "base/bytes.h"
#include "base/err.h"
#include "models/model.h"
#include "server/container/selectable.h"
#include "server/formats/decode.h"
#include "server/formats/encode.h"
#include "server/formats/media_type.h"

/* A thread's reusable memory for requests. */
struct invocation_scratch {
    struct decoder decoder;
    struct decode_fault fault;
    struct scratch scorer;
    struct predictions predictions;
    struct buffer message;
};

void invocation_scratch_init(struct invocation_scratch *scratch);
void invocation_scratch_fini(struct invocation_scratch *scratch);

struct invocation_rules {
    bool strict;
    bool batch;
    const char *default_accept;          /* or NULL */
    const struct selectable *selectable; /* SAGEMAKER_INFERENCE_OUTPUT, parsed; NULL: not set */
};

struct invocation {
    struct bytes body;
    bool has_content_type;
    struct bytes content_type;
    bool has_accept;
    struct bytes accept;
};

/* What a Content-Type means. */
struct request_type {
    enum format format;
    uint32_t label_size; /* csv: so many columns before the features are passed over */
};

/* What an Accept means. */
struct response_type {
    enum accept_type accept;
    const char *content_type;
    bool verbose; /* all that the model has to tell */
};

struct invocation_result {
    int status;
    const char *content_type; /* NULL: the framework's page for the status is wanted */
    uint64_t rows;            /* scored */
};

/*
 * Answers into `body` (cleared first). Every outcome is an answer: nothing fails. For a status
 * other than 200 and 204, why[] is one line for the log.
 */
void invocation_run(const struct model *model, const struct invocation_rules *rules,
                    const struct invocation *request, struct invocation_scratch *scratch,
                    struct buffer *body, struct invocation_result *ret, char *why, size_t why_size);

/*
 * The same up to the predictions, which 200 leaves in scratch->predictions with `body` empty and no
 * content type: for answers of another shape (multi-model mode). The request's Accept and what
 * `rules` says of answers are not looked at.
 */
void invocation_score(const struct model *model, const struct invocation_rules *rules,
                      const struct invocation *request, struct invocation_scratch *scratch,
                      struct buffer *body, struct invocation_result *ret, char *why,
                      size_t why_size);

/* Predictions as the body of that type; `message` is room for texts. As encode of policy.h. */
int invocation_encode(const struct model *model, const struct invocation_rules *rules,
                      const struct response_type *type, const struct predictions *predictions,
                      struct buffer *body, struct buffer *message, struct err *err) MUST_CHECK;

/* How the answer to a request is made, where it is one that can be made in parts; else false. The
 * message is room for texts. */
bool invocation_parts(const struct model *model, const struct invocation_rules *rules,
                      const struct invocation *request, struct buffer *message,
                      struct encoding *ret);

/* Appends a prediction for each row that the decoder has; where none are wanted, the rows are only
 * decoded. -1: the body's fault, or, where it is set, the error. */
int invocation_score_rows(const struct model *model, struct decoder *decoder, bool wanted,
                          struct scratch *scratch, struct predictions *predictions,
                          struct decode_fault *fault, struct err *err) MUST_CHECK;

/* Estimated nanoseconds beyond which a request goes to a worker. */
#define INVOCATION_INLINE_NS 500000

/* About how long a body takes, in nanoseconds: decides whether it is scored on the loop. */
uint64_t invocation_cost(const struct model *model, size_t body_size);
