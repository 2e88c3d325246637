#include "server/container/invocations.h"

#include "server/container/invocation_answer.h"
#include "server/container/policy.h"

/* Rows of a block: decoded, scored and dropped while they are in the cache; no more than pay, and
 * of wide ones still so many that kernels, which score up to 256 at a time, are well used. */
#define BLOCK_CELLS    65536
#define BLOCK_ROWS     256
#define BLOCK_ROWS_MAX 512

/* Messages repeat a cell of the body and wrap it: never longer than a body may be, escaped. */
#define MESSAGE_MAX ((size_t)1 << 31)

void invocation_scratch_init(struct invocation_scratch *scratch)
{
    decoder_init(&scratch->decoder);
    decode_fault_init(&scratch->fault);
    scratch_init(&scratch->scorer);
    predictions_init(&scratch->predictions);
    buffer_init(&scratch->message, MESSAGE_MAX);
}

void invocation_scratch_fini(struct invocation_scratch *scratch)
{
    decoder_fini(&scratch->decoder);
    decode_fault_fini(&scratch->fault);
    scratch_fini(&scratch->scorer);
    predictions_fini(&scratch->predictions);
    buffer_fini(&scratch->message);
}

uint64_t invocation_cost(const struct model *model, size_t body_size)
{
    /* a cell is seldom shorter than two bytes; parsing takes about 2 ns a byte */
    uint64_t rows = body_size / (2 * ((uint64_t)model->features + 1)) + 1;

    return 2 * (uint64_t)body_size + rows * model->row_ns;
}

/* Rows of a block, so that a block of any width stays small. */
static size_t block_rows(uint64_t columns)
{
    uint64_t rows =
        columns ? BLOCK_CELLS / (columns < BLOCK_CELLS ? columns : BLOCK_CELLS) : BLOCK_ROWS_MAX;

    if (rows > BLOCK_ROWS_MAX)
        rows = BLOCK_ROWS_MAX;
    return (size_t)(rows < BLOCK_ROWS ? rows : rows - rows % BLOCK_ROWS);
}

int invocation_score_rows(const struct model *model, struct decoder *decoder, bool wanted,
                          struct scratch *scratch, struct predictions *predictions,
                          struct decode_fault *fault, struct err *err)
{
    size_t rows = block_rows(decoder->columns);
    struct matrix block;

    do {
        if (decoder_next(decoder, rows, &block, fault))
            return -1;
        if (wanted && block.rows &&
            model_score(model, MODEL_VALUE, &block, scratch, predictions, err))
            return -1;
    } while (block.rows);
    return 0;
}

/* Decodes and scores the body. A wrong number of columns is told only when the whole body was found
 * readable, as the original does. Returns whether there are predictions. */
static bool score_body(const struct model *model, const struct invocation_rules *rules,
                       const struct request_type *type, struct bytes body,
                       struct invocation_scratch *scratch, const struct invocation_answer *answer)
{
    const struct policy *policy = policy_of(model);
    struct decode_rules decode_rules = policy->decode_rules(model, rules->strict, type);
    struct decoder *decoder = &scratch->decoder;
    struct decode_fault *fault = &scratch->fault;
    struct err err = ERR_INIT;
    bool fits = false;
    int failed;

    decode_fault_clear(fault);
    predictions_clear(&scratch->predictions);
    failed = decoder_open(decoder, type->format, body, &decode_rules, fault);
    if (!failed) {
        fits = policy->columns_fit(model, type->format, decoder->columns, &scratch->message);
        failed = invocation_score_rows(model, decoder, fits, &scratch->scorer,
                                       &scratch->predictions, fault, &err);
    }
    if (failed && err.kind == ERR_NONE)
        invocation_answer_fault(answer, policy, type->format, fault, &scratch->message);
    else if (failed)
        invocation_answer_failure(answer, &err);
    else if (!fits)
        invocation_answer_columns(answer, policy, &scratch->message);
    return !failed && fits;
}

/* The body from scratch->predictions; false: answered otherwise. */
static bool make_body(const struct invocation_answer *answer, const struct model *model,
                      const struct invocation_rules *rules, const struct response_type *type,
                      struct invocation_scratch *scratch)
{
    struct err err = ERR_INIT;

    if (invocation_encode(model, rules, type, &scratch->predictions, answer->body,
                          &scratch->message, &err) == 0)
        return true;
    if (err.kind != ERR_UNSUPPORTED)
        invocation_answer_no_memory(answer);
    else if (scratch->message.size)
        invocation_answer_text(answer, 500, "", &scratch->message);
    else
        invocation_answer_page(answer, 500, err.text);
    return false;
}

int invocation_encode(const struct model *model, const struct invocation_rules *rules,
                      const struct response_type *type, const struct predictions *predictions,
                      struct buffer *body, struct buffer *message, struct err *err)
{
    const struct policy *policy = policy_of(model);
    struct encoding encoding;

    buffer_clear(message);
    if (policy->encoding(model, rules, type, &encoding))
        return encode_body(&encoding, predictions, body, err);
    return policy->encode(model, rules, type, predictions, body, message, err);
}

void invocation_answer_predictions(const struct invocation_answer *answer,
                                   const struct model *model, const struct invocation_rules *rules,
                                   const struct invocation *request, bool made, uint64_t rows,
                                   struct invocation_scratch *scratch)
{
    struct response_type type;

    buffer_clear(&scratch->message);
    type = policy_of(model)->response_type(model, rules, request, &scratch->message);
    if (type.accept == ACCEPT_REFUSED) {
        invocation_answer_text(answer, 406, "", &scratch->message);
    } else if (type.accept == ACCEPT_NO_MEMORY) {
        invocation_answer_no_memory(answer);
    } else if (made || make_body(answer, model, rules, &type, scratch)) {
        answer->result->status = 200;
        answer->result->content_type = type.content_type;
        answer->result->rows = rows;
    }
}

bool invocation_parts(const struct model *model, const struct invocation_rules *rules,
                      const struct invocation *request, struct buffer *message,
                      struct encoding *ret)
{
    const struct policy *policy = policy_of(model);
    struct response_type type;

    buffer_clear(message);
    type = policy->response_type(model, rules, request, message);
    return type.accept != ACCEPT_REFUSED && type.accept != ACCEPT_NO_MEMORY &&
           policy->encoding(model, rules, &type, ret);
}

/* A form's type is what `curl -d` and load testers send unasked; the original loses the body. */
static void answer_form(const struct invocation_answer *answer, const struct invocation *request,
                        struct invocation_scratch *scratch)
{
    buffer_clear(&scratch->message);
    if (buffer_print(&scratch->message,
                     "%.*s is the content type of a web form: say what the body is, such as "
                     "curl -H 'Content-Type: text/csv' --data-binary @FILE",
                     (int)request->content_type.size, (const char *)request->content_type.data))
        invocation_answer_no_memory(answer);
    else
        invocation_answer_text(answer, 415, "", &scratch->message);
}

static void answer_nothing(const struct invocation_answer *answer)
{
    answer->result->status = 204;
    answer->result->content_type = "text/html; charset=utf-8";
}

/* The original's words for a type that it knows and does not serve. */
static void answer_parquet(const struct invocation_answer *answer, const struct invocation *request,
                           struct invocation_scratch *scratch)
{
    if (buffer_print(&scratch->message, "Content-type %.*s is not supported.",
                     (int)request->content_type.size, (const char *)request->content_type.data))
        invocation_answer_no_memory(answer);
    else
        invocation_answer_text(answer, 415, "", &scratch->message);
}

/* Answers a request whose Content-Type is none that is read. */
static void answer_type(const struct invocation_answer *answer, const struct policy *policy,
                        const struct invocation_rules *rules, const struct invocation *request,
                        enum content_type_result result, struct invocation_scratch *scratch)
{
    switch (result) {
    case CONTENT_TYPE_FORM:
        if (rules->strict)
            answer_nothing(answer);
        else
            answer_form(answer, request, scratch);
        break;
    case CONTENT_TYPE_REFUSED:
        invocation_answer_text(answer, 415, "", &scratch->message);
        break;
    case CONTENT_TYPE_BAD_PARAMETER:
        invocation_answer_columns(answer, policy, &scratch->message);
        break;
    case CONTENT_TYPE_OK:
    case CONTENT_TYPE_NO_MEMORY:
        invocation_answer_no_memory(answer);
    }
}

/* From the body to predictions in scratch; false where the answer is another than these. */
static bool predict(const struct model *model, const struct invocation_rules *rules,
                    const struct invocation *request, struct invocation_scratch *scratch,
                    const struct invocation_answer *answer)
{
    const struct policy *policy = policy_of(model);
    enum content_type_result result;
    struct request_type type;

    if (request->body.size == 0) {
        answer_nothing(answer);
        return false;
    }
    buffer_clear(&scratch->message);
    result = policy->request_type(rules, request, &type, &scratch->message);
    if (result == CONTENT_TYPE_OK && type.format != FORMAT_PARQUET)
        return score_body(model, rules, &type, request->body, scratch, answer);
    if (result == CONTENT_TYPE_OK)
        answer_parquet(answer, request, scratch);
    else
        answer_type(answer, policy, rules, request, result, scratch);
    return false;
}

void invocation_score(const struct model *model, const struct invocation_rules *rules,
                      const struct invocation *request, struct invocation_scratch *scratch,
                      struct buffer *body, struct invocation_result *ret, char *why,
                      size_t why_size)
{
    struct invocation_answer answer = {
        .body = body, .result = ret, .why = why, .why_size = why_size, .strict = rules->strict};

    invocation_answer_begin(&answer);
    if (predict(model, rules, request, scratch, &answer)) {
        ret->status = 200;
        ret->rows = scratch->predictions.rows;
    }
}

void invocation_run(const struct model *model, const struct invocation_rules *rules,
                    const struct invocation *request, struct invocation_scratch *scratch,
                    struct buffer *body, struct invocation_result *ret, char *why, size_t why_size)
{
    struct invocation_answer answer = {
        .body = body, .result = ret, .why = why, .why_size = why_size, .strict = rules->strict};

    invocation_answer_begin(&answer);
    if (predict(model, rules, request, scratch, &answer))
        invocation_answer_predictions(&answer, model, rules, request, false,
                                      scratch->predictions.rows, scratch);
}
