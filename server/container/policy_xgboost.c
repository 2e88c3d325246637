/*
 * The XGBoost images: xgboost-container sections 3 to 6, under the model's profile.
 */
#include <time.h>

#include "server/container/policy.h"

static enum content_type_result request_type(const struct invocation_rules *rules,
                                             const struct invocation *request,
                                             struct request_type *ret, struct buffer *message)
{
    const struct content_type_rules type_rules = {.json = !rules->strict};

    *ret = (struct request_type){.format = FORMAT_CSV};
    return content_type_parse(request->has_content_type, request->content_type, &type_rules,
                              &ret->format, message);
}

static struct decode_rules decode_rules(const struct model *model, bool strict,
                                        const struct request_type *type UNUSED)
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

/* Columns (xgboost-container 3.6). */

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

static bool columns_fit(const struct model *model, enum format format, uint64_t columns,
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

/*
 * "Loading csv data failed with Exception, please ensure data is in csv format:\n <class ...". The
 * parts stand on lines of their own for csv and libsvm, else on one; JSON, which the original does
 * not read, has no exception class.
 */
static int print_fault(enum format format, const struct decode_fault *fault, struct buffer *message)
{
    const char *between = format == FORMAT_CSV || format == FORMAT_LIBSVM ? "\n " : " ";
    bool json = format == FORMAT_JSON || format == FORMAT_JSONLINES;
    const char *name = format_name(format);

    if (buffer_print(message,
                     "Loading %s data failed with Exception, please ensure data is in %s format:%s",
                     name, name, between) ||
        (!json && buffer_print(message, "<class '%s'>%s", fault->exception, between)))
        return -1;
    return buffer_append(message, fault->message.data, fault->message.size);
}

/* Answers. */

static bool is_selectable(const struct model *model, const struct invocation_rules *rules)
{
    return rules->selectable && model->profile->selectable;
}

/* Older images look at Accept only in selectable mode. */
static struct response_type response_type(const struct model *model,
                                          const struct invocation_rules *rules,
                                          const struct invocation *request, struct buffer *message)
{
    const struct profile *profile = model->profile;
    struct response_type type = {.accept = ACCEPT_CSV};

    if (profile->accept == ACCEPT_HONOURED ||
        (profile->accept == ACCEPT_SELECTABLE && is_selectable(model, rules)))
        type.accept =
            accept_parse(request->has_accept, request->accept, rules->default_accept, message);
    type.content_type =
        type.accept == ACCEPT_NO_ENCODER ? rules->default_accept : accept_content_type(type.accept);
    return type;
}

static bool encoding(const struct model *model, const struct invocation_rules *rules,
                     const struct response_type *type, struct encoding *ret)
{
    if (is_selectable(model, rules))
        return false;
    if (rules->batch) {
        *ret = encoding_batch;
        return true;
    }
    switch (type->accept) {
    case ACCEPT_CSV:
        *ret = model->profile->joined_csv ? encoding_csv_joined : encoding_csv;
        return true;
    case ACCEPT_JSON:
        *ret = encoding_json;
        return true;
    case ACCEPT_JSONLINES:
        *ret = encoding_jsonlines;
        return !rules->strict;
    case ACCEPT_RECORDIO:
        *ret = encoding_recordio;
        return !rules->strict;
    case ACCEPT_NPY:
    case ACCEPT_REFUSED:
    case ACCEPT_NO_ENCODER:
    case ACCEPT_NO_MEMORY:
        break;
    }
    return false;
}

/* Selectable inference: keys in place of bare predictions. */
static int encode_selected(const struct model *model, const struct invocation_rules *rules,
                           enum accept_type accept, const struct predictions *predictions,
                           struct buffer *body, struct buffer *message, struct err *err)
{
    const struct xgb_model *source = model->members[0].source;
    struct selectable_model about = {
        .objective = source->objective,
        .objective_text = source->objective_text,
        .num_class = source->num_class,
        .absolute_error = model->profile->selectable_absolute,
    };

    return selectable_encode(rules->selectable, &about, predictions, accept, rules->default_accept,
                             rules->batch, body, message, err);
}

static int encode(const struct model *model, const struct invocation_rules *rules,
                  const struct response_type *type, const struct predictions *predictions,
                  struct buffer *body, struct buffer *message, struct err *err)
{
    if (is_selectable(model, rules))
        return encode_selected(model, rules, type->accept, predictions, body, message, err);
    if (type->accept == ACCEPT_NPY)
        return encode_npy(predictions, body, err);
    return err_set(err, ERR_UNSUPPORTED,
                   "no encoder for the response type that was asked for: use text/csv or "
                   "application/json");
}

const struct policy policy_xgboost = {
    .request_type = request_type,
    .decode_rules = decode_rules,
    .columns_fit = columns_fit,
    .columns_prefix = "Unable to evaluate payload provided: ",
    .fault_status = 415,
    .print_fault = print_fault,
    .response_type = response_type,
    .encoding = encoding,
    .encode = encode,
};
