#include "server/container/invocations.h"

#include "server/container/invocation_answer.h"
#include "server/formats/encode.h"
#include "server/formats/media_type.h"

/* Rows of a block: decoded, scored and dropped while they are in the cache. */
#define BLOCK_CELLS 16384

/* Kernels score so many rows at a time at most. */
#define BLOCK_ROWS 256

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

struct decode_rules invocation_decode_rules(const struct model *model, bool strict)
{
    return (struct decode_rules){
        .libsvm_shift = model->profile->libsvm_shift,
        .keep_trailing_rows = true, /* under --strict too: it never loses a row */
        .refuse_empty_cr = strict,
        .infinite_ok = model->profile->infinite_ok,
        .json_null_is_missing = true,
        .recordio = !strict                            ? RECORDIO_ANY
                    : model->profile->recordio_stacked ? RECORDIO_STACKED
                                                       : RECORDIO_ONE_SCHEMA,
    };
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
    size_t rows = columns ? BLOCK_CELLS / (columns < BLOCK_CELLS ? columns : BLOCK_CELLS) : 1024;

    if (rows > 1024)
        rows = 1024;
    return rows < BLOCK_ROWS ? rows : rows - rows % BLOCK_ROWS;
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
                       enum format format, struct bytes body, struct invocation_scratch *scratch,
                       const struct invocation_answer *answer)
{
    struct decode_rules decode_rules = invocation_decode_rules(model, rules->strict);
    struct decoder *decoder = &scratch->decoder;
    struct decode_fault *fault = &scratch->fault;
    struct err err = ERR_INIT;
    bool fits = false;
    int failed;

    decode_fault_clear(fault);
    predictions_clear(&scratch->predictions);
    failed = decoder_open(decoder, format, body, &decode_rules, fault);
    if (!failed) {
        fits = invocation_columns_fit(model, format, decoder->columns, &scratch->message);
        failed = invocation_score_rows(model, decoder, fits, &scratch->scorer,
                                       &scratch->predictions, fault, &err);
    }
    if (failed && err.kind == ERR_NONE)
        invocation_answer_fault(answer, format, fault, &scratch->message);
    else if (failed)
        invocation_answer_failure(answer, &err);
    else if (!fits)
        invocation_answer_columns(answer, &scratch->message);
    return !failed && fits;
}

static bool is_selectable(const struct model *model, const struct invocation_rules *rules)
{
    return rules->selectable && model->profile->selectable;
}

/* What the request wants, under the profile: older images look at Accept only in selectable mode.
 */
static enum accept_type negotiate(const struct model *model, const struct invocation_rules *rules,
                                  const struct invocation *request, struct buffer *message)
{
    const struct profile *profile = model->profile;

    if (profile->accept == ACCEPT_IGNORED ||
        (profile->accept == ACCEPT_SELECTABLE && !is_selectable(model, rules)))
        return ACCEPT_CSV;
    return accept_parse(request->has_accept, request->accept, rules->default_accept, message);
}

/* How that body is made, where it is one that can be made in parts; else NULL. */
static const struct encoding *encoding_of(const struct model *model,
                                          const struct invocation_rules *rules,
                                          enum accept_type accept)
{
    if (rules->batch)
        return &encoding_batch;
    switch (accept) {
    case ACCEPT_CSV:
        return model->profile->joined_csv ? &encoding_csv_joined : &encoding_csv;
    case ACCEPT_JSON:
        return &encoding_json;
    case ACCEPT_JSONLINES:
        return rules->strict ? NULL : &encoding_jsonlines;
    case ACCEPT_RECORDIO:
        return rules->strict ? NULL : &encoding_recordio;
    case ACCEPT_NPY:
    case ACCEPT_REFUSED:
    case ACCEPT_NO_ENCODER:
    case ACCEPT_NO_MEMORY:
        break;
    }
    return NULL;
}

int invocation_encode(const struct model *model, const struct invocation_rules *rules,
                      enum accept_type accept, const struct predictions *predictions,
                      struct buffer *body, struct err *err)
{
    const struct encoding *encoding = encoding_of(model, rules, accept);

    if (encoding)
        return encode_body(encoding, predictions, body, err);
    if (accept == ACCEPT_NPY)
        return encode_npy(predictions, body, err);
    return err_set(err, ERR_UNSUPPORTED,
                   "no encoder for the response type that was asked for: use text/csv or "
                   "application/json");
}

/* Selectable inference: keys in place of bare predictions. */
static int encode_selected(const struct model *model, const struct invocation_rules *rules,
                           enum accept_type accept, struct invocation_scratch *scratch,
                           struct buffer *body, struct err *err)
{
    const struct xgb_model *source = model->members[0].source;
    struct selectable_model about = {
        .objective = source->objective,
        .objective_text = source->objective_text,
        .num_class = source->num_class,
        .absolute_error = model->profile->selectable_absolute,
    };

    buffer_clear(&scratch->message);
    return selectable_encode(rules->selectable, &about, &scratch->predictions, accept,
                             rules->default_accept, rules->batch, body, &scratch->message, err);
}

/* The body from scratch->predictions; false: answered otherwise. */
static bool make_body(const struct invocation_answer *answer, const struct model *model,
                      const struct invocation_rules *rules, enum accept_type accept,
                      struct invocation_scratch *scratch)
{
    bool selectable = is_selectable(model, rules);
    struct err err = ERR_INIT;
    int result;

    if (selectable)
        result = encode_selected(model, rules, accept, scratch, answer->body, &err);
    else
        result = invocation_encode(model, rules, accept, &scratch->predictions, answer->body, &err);
    if (result && err.kind != ERR_UNSUPPORTED)
        invocation_answer_no_memory(answer);
    else if (result && selectable)
        invocation_answer_text(answer, 500, "", &scratch->message);
    else if (result)
        invocation_answer_page(answer, 500, err.text);
    return result == 0;
}

void invocation_answer_predictions(const struct invocation_answer *answer,
                                   const struct model *model, const struct invocation_rules *rules,
                                   const struct invocation *request, bool made, uint64_t rows,
                                   struct invocation_scratch *scratch)
{
    enum accept_type accept;

    buffer_clear(&scratch->message);
    accept = negotiate(model, rules, request, &scratch->message);
    if (accept == ACCEPT_REFUSED) {
        invocation_answer_text(answer, 406, "", &scratch->message);
    } else if (accept == ACCEPT_NO_MEMORY) {
        invocation_answer_no_memory(answer);
    } else if (made || make_body(answer, model, rules, accept, scratch)) {
        answer->result->status = 200;
        answer->result->content_type =
            accept == ACCEPT_NO_ENCODER ? rules->default_accept : accept_content_type(accept);
        answer->result->rows = rows;
    }
}

const struct encoding *invocation_parts(const struct model *model,
                                        const struct invocation_rules *rules,
                                        const struct invocation *request, struct buffer *message)
{
    enum accept_type accept;

    buffer_clear(message);
    accept = negotiate(model, rules, request, message);
    if (is_selectable(model, rules) || accept == ACCEPT_REFUSED || accept == ACCEPT_NO_MEMORY)
        return NULL;
    return encoding_of(model, rules, accept);
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

/* From the body to predictions in scratch; false where the answer is another than these. */
static bool predict(const struct model *model, const struct invocation_rules *rules,
                    const struct invocation *request, struct invocation_scratch *scratch,
                    const struct invocation_answer *answer)
{
    enum format format = FORMAT_CSV;

    if (request->body.size == 0) {
        answer_nothing(answer);
        return false;
    }
    buffer_clear(&scratch->message);
    switch (content_type_parse(request->has_content_type, request->content_type,
                               &(struct content_type_rules){.json = !rules->strict}, &format,
                               &scratch->message)) {
    case CONTENT_TYPE_OK:
        break;
    case CONTENT_TYPE_FORM:
        if (rules->strict) {
            answer_nothing(answer);
            return false;
        }
        answer_form(answer, request, scratch);
        return false;
    case CONTENT_TYPE_REFUSED:
        invocation_answer_text(answer, 415, "", &scratch->message);
        return false;
    case CONTENT_TYPE_BAD_PARAMETER:
        invocation_answer_text(answer, 400, "", &scratch->message);
        return false;
    case CONTENT_TYPE_NO_MEMORY:
        invocation_answer_no_memory(answer);
        return false;
    }
    if (format == FORMAT_PARQUET) {
        /* the original's words for a type that it knows and does not serve */
        if (buffer_print(&scratch->message, "Content-type %.*s is not supported.",
                         (int)request->content_type.size, (const char *)request->content_type.data))
            invocation_answer_no_memory(answer);
        else
            invocation_answer_text(answer, 415, "", &scratch->message);
        return false;
    }
    return score_body(model, rules, format, request->body, scratch, answer);
}

void invocation_score(const struct model *model, const struct invocation_rules *rules,
                      const struct invocation *request, struct invocation_scratch *scratch,
                      struct buffer *body, struct invocation_result *ret, char *why,
                      size_t why_size)
{
    struct invocation_answer answer = {
        .body = body, .result = ret, .why = why, .why_size = why_size};

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
        .body = body, .result = ret, .why = why, .why_size = why_size};

    invocation_answer_begin(&answer);
    if (predict(model, rules, request, scratch, &answer))
        invocation_answer_predictions(&answer, model, rules, request, false,
                                      scratch->predictions.rows, scratch);
}
