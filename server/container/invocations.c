#include "server/container/invocations.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "server/formats/encode.h"
#include "server/formats/media_type.h"
#include "server/formats/recordio.h"

/* Rows of a block: decoded, scored and dropped while they are in the cache. */
#define BLOCK_CELLS 16384

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

/* What a request is being made into: the answer's parts under one roof. */
struct answer {
    struct buffer *body;
    struct invocation_result *result;
    char *why;
    size_t why_size;
};

/* One line for the log: the text's first line, control characters as spaces. */
static void tell(const struct answer *answer, const char *what, struct bytes detail)
{
    size_t n;

    snprintf(answer->why, answer->why_size, "%s%.*s", what,
             (int)(detail.size < 400 ? detail.size : 400), (const char *)detail.data);
    n = strlen(answer->why);
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)answer->why[i] < 0x20 || answer->why[i] == 0x7f)
            answer->why[i] = ' ';
    }
}

static void answer_text(const struct answer *answer, int status, const char *prefix,
                        const struct buffer *text)
{
    answer->result->status = status;
    answer->result->content_type = "text/html; charset=utf-8";
    buffer_clear(answer->body);
    if (buffer_append(answer->body, prefix, strlen(prefix)) ||
        buffer_append(answer->body, text->data, text->size))
        buffer_clear(answer->body);
    tell(answer, "", bytes_of(answer->body->data, answer->body->size));
}

static void answer_page(const struct answer *answer, int status, const char *why)
{
    answer->result->status = status;
    answer->result->content_type = NULL;
    tell(answer, why, bytes_of("", 0));
}

static void answer_no_memory(const struct answer *answer)
{
    answer_page(answer, 503, "out of memory for this request");
}

/* The text of XGBoost's own check, up to where it stops being the same everywhere. */
static int print_library_check(struct buffer *message, uint32_t features, uint64_t columns)
{
    char clock[16] = "00:00:00";
    time_t now = time(NULL);
    struct tm tm;

    if (gmtime_r(&now, &tm))
        strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
    return buffer_print(message,
                        "[%s] ./src/learner.cc:1459: Check failed: "
                        "learner_model_param_.num_feature >= p_fmat->Info().num_col_ (%u vs. %llu) "
                        ": Number of columns does not match number of features in booster.\n"
                        "Stack trace:\n",
                        clock, features, (unsigned long long)columns);
}

/* What error texts call a format. */
static const char *format_name(enum format format)
{
    switch (format) {
    case FORMAT_CSV:
        return "csv";
    case FORMAT_LIBSVM:
        return "libsvm";
    case FORMAT_RECORDIO:
        return "recordio-protobuf";
    case FORMAT_JSON:
    case FORMAT_JSONLINES:
        return "json";
    case FORMAT_PARQUET:
        break;
    }
    return "parquet";
}

/*
 * 415: "Loading csv data failed with Exception, please ensure data is in csv format:\n <class ...".
 * The parts stand on lines of their own for csv and libsvm, else on one; JSON, which the original
 * does not read, has no exception class.
 */
static void answer_fault(const struct answer *answer, enum format format,
                         struct invocation_scratch *scratch)
{
    const char *between = format == FORMAT_CSV || format == FORMAT_LIBSVM ? "\n " : " ";
    bool json = format == FORMAT_JSON || format == FORMAT_JSONLINES;
    const char *name = format_name(format);
    struct buffer *message = &scratch->message;

    if (scratch->fault.out_of_memory) {
        answer_no_memory(answer);
        return;
    }
    buffer_clear(message);
    if (buffer_print(message,
                     "Loading %s data failed with Exception, please ensure data is in %s format:%s",
                     name, name, between) ||
        (!json && buffer_print(message, "<class '%s'>%s", scratch->fault.exception, between)) ||
        buffer_append(message, scratch->fault.message.data, scratch->fault.message.size)) {
        answer_no_memory(answer);
        return;
    }
    answer_text(answer, 415, "", message);
}

/* The container's own check, which pickled models get. */
static bool pickle_columns_fit(uint64_t features, enum format format, uint64_t columns,
                               struct buffer *message)
{
    if (format == FORMAT_LIBSVM) {
        if (columns <= features + 1)
            return true;
        (void)!buffer_print(message,
                            "Feature size of libsvm inference data %llu is larger than feature "
                            "size of trained model %llu.",
                            (unsigned long long)columns, (unsigned long long)features);
        return false;
    }
    if (columns == features || columns + 1 == features)
        return true;
    (void)!buffer_print(message,
                        "Feature size of %s inference data %llu is not consistent with feature "
                        "size of trained model %llu.",
                        format_name(format), (unsigned long long)columns,
                        (unsigned long long)features);
    return false;
}

bool invocation_columns_fit(const struct model *model, enum format format, uint64_t columns,
                            struct buffer *message)
{
    buffer_clear(message);
    if (model->members[0].source->pickle_class &&
        !pickle_columns_fit(model->features, format, columns, message))
        return false;
    for (size_t i = 0; !model->profile->extra_columns_ok && i < model->member_count; i++) {
        if (columns > model->members[i].source->features) {
            (void)!print_library_check(message, model->members[i].source->features, columns);
            return false;
        }
    }
    return true;
}

/* Rows of a block, so that a block of any width stays small. */
static size_t block_rows(uint64_t columns)
{
    size_t rows = columns ? BLOCK_CELLS / (columns < BLOCK_CELLS ? columns : BLOCK_CELLS) : 1024;

    return rows < 1024 ? rows : 1024;
}

/*
 * Decodes and scores the body block by block. A wrong number of columns is told only when the whole
 * body was found readable, as the original does. Returns whether there are predictions.
 */
static bool score_body(const struct model *model, const struct invocation_rules *rules,
                       enum format format, struct bytes body, struct invocation_scratch *scratch,
                       const struct answer *answer)
{
    struct decode_rules decode_rules = invocation_decode_rules(model, rules->strict);
    struct decoder *decoder = &scratch->decoder;
    struct matrix block = {.rows = 0};
    struct err err = ERR_INIT;
    size_t rows;
    bool fits;

    decode_fault_clear(&scratch->fault);
    predictions_clear(&scratch->predictions);
    if (decoder_open(decoder, format, body, &decode_rules, &scratch->fault)) {
        answer_fault(answer, format, scratch);
        return false;
    }
    fits = invocation_columns_fit(model, format, decoder->columns, &scratch->message);
    rows = block_rows(decoder->columns);
    do {
        if (decoder_next(decoder, rows, &block, &scratch->fault)) {
            answer_fault(answer, format, scratch);
            return false;
        }
        if (fits && block.rows &&
            model_score(model, MODEL_VALUE, &block, &scratch->scorer, &scratch->predictions,
                        &err)) {
            if (err.kind == ERR_MEMORY)
                answer_no_memory(answer);
            else
                answer_page(answer, 500, err.text);
            return false;
        }
    } while (block.rows);
    if (!fits) {
        if (scratch->message.size == 0)
            answer_no_memory(answer);
        else
            answer_text(answer, 400, "Unable to evaluate payload provided: ", &scratch->message);
        return false;
    }
    return true;
}

/* What the request wants, under the profile: older images look at Accept only in selectable mode.
 */
static enum accept_type negotiate(const struct profile *profile,
                                  const struct invocation_rules *rules,
                                  const struct invocation *request, struct buffer *message)
{
    bool selectable = rules->selectable && profile->selectable;

    if (profile->accept == ACCEPT_IGNORED || (profile->accept == ACCEPT_SELECTABLE && !selectable))
        return ACCEPT_CSV;
    return accept_parse(request->has_accept, request->accept, rules->default_accept, message);
}

int invocation_encode(const struct model *model, const struct invocation_rules *rules,
                      enum accept_type accept, const struct predictions *predictions,
                      struct buffer *body, struct err *err)
{
    if (rules->batch)
        return encode_batch(predictions, body, err);
    switch (accept) {
    case ACCEPT_CSV:
        return model->profile->joined_csv ? encode_csv_joined(predictions, body, err)
                                          : encode_csv(predictions, body, err);
    case ACCEPT_JSON:
        return encode_json(predictions, body, err);
    case ACCEPT_NPY:
        return encode_npy(predictions, body, err);
    case ACCEPT_JSONLINES:
        if (!rules->strict)
            return encode_jsonlines(predictions, body, err);
        break;
    case ACCEPT_RECORDIO:
        if (!rules->strict)
            return encode_recordio(predictions, body, err);
        break;
    case ACCEPT_REFUSED:
    case ACCEPT_NO_ENCODER:
    case ACCEPT_NO_MEMORY:
        break;
    }
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

static void encode_answer(const struct model *model, const struct invocation_rules *rules,
                          const struct invocation *request, struct invocation_scratch *scratch,
                          const struct answer *answer)
{
    bool selectable = rules->selectable && model->profile->selectable;
    struct err err = ERR_INIT;
    enum accept_type accept;
    int result;

    buffer_clear(&scratch->message);
    accept = negotiate(model->profile, rules, request, &scratch->message);
    if (accept == ACCEPT_REFUSED) {
        answer_text(answer, 406, "", &scratch->message);
        return;
    }
    if (accept == ACCEPT_NO_MEMORY) {
        answer_no_memory(answer);
        return;
    }
    if (selectable)
        result = encode_selected(model, rules, accept, scratch, answer->body, &err);
    else
        result = invocation_encode(model, rules, accept, &scratch->predictions, answer->body, &err);
    if (result && err.kind != ERR_UNSUPPORTED) {
        answer_no_memory(answer);
    } else if (result && selectable) {
        answer_text(answer, 500, "", &scratch->message);
    } else if (result) {
        answer_page(answer, 500, err.text);
    } else {
        answer->result->status = 200;
        answer->result->content_type =
            accept == ACCEPT_NO_ENCODER ? rules->default_accept : accept_content_type(accept);
        answer->result->rows = scratch->predictions.rows;
    }
}

/* A form's type is what `curl -d` and load testers send unasked; the original loses the body. */
static void answer_form(const struct answer *answer, const struct invocation *request,
                        struct invocation_scratch *scratch)
{
    buffer_clear(&scratch->message);
    if (buffer_print(&scratch->message,
                     "%.*s is the content type of a web form: say what the body is, such as "
                     "curl -H 'Content-Type: text/csv' --data-binary @FILE",
                     (int)request->content_type.size, (const char *)request->content_type.data))
        answer_no_memory(answer);
    else
        answer_text(answer, 415, "", &scratch->message);
}

static void answer_nothing(const struct answer *answer)
{
    answer->result->status = 204;
    answer->result->content_type = "text/html; charset=utf-8";
}

static void answer_begin(const struct answer *answer)
{
    *answer->result = (struct invocation_result){.status = 0};
    answer->why[0] = '\0';
    buffer_clear(answer->body);
}

/* From the body to predictions in scratch; false where the answer is another than these. */
static bool predict(const struct model *model, const struct invocation_rules *rules,
                    const struct invocation *request, struct invocation_scratch *scratch,
                    const struct answer *answer)
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
        answer_text(answer, 415, "", &scratch->message);
        return false;
    case CONTENT_TYPE_NO_MEMORY:
        answer_no_memory(answer);
        return false;
    }
    if (format == FORMAT_PARQUET) {
        /* the original's words for a type that it knows and does not serve */
        if (buffer_print(&scratch->message, "Content-type %.*s is not supported.",
                         (int)request->content_type.size, (const char *)request->content_type.data))
            answer_no_memory(answer);
        else
            answer_text(answer, 415, "", &scratch->message);
        return false;
    }
    return score_body(model, rules, format, request->body, scratch, answer);
}

void invocation_score(const struct model *model, const struct invocation_rules *rules,
                      const struct invocation *request, struct invocation_scratch *scratch,
                      struct buffer *body, struct invocation_result *ret, char *why,
                      size_t why_size)
{
    struct answer answer = {.body = body, .result = ret, .why = why, .why_size = why_size};

    answer_begin(&answer);
    if (predict(model, rules, request, scratch, &answer)) {
        ret->status = 200;
        ret->rows = scratch->predictions.rows;
    }
}

void invocation_run(const struct model *model, const struct invocation_rules *rules,
                    const struct invocation *request, struct invocation_scratch *scratch,
                    struct buffer *body, struct invocation_result *ret, char *why, size_t why_size)
{
    struct answer answer = {.body = body, .result = ret, .why = why, .why_size = why_size};

    answer_begin(&answer);
    if (predict(model, rules, request, scratch, &answer))
        encode_answer(model, rules, request, scratch, &answer);
}
