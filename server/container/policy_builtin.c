/*
 * Linear Learner and its siblings: linear-learner sections 4, 5 and 7. A request that cannot be
 * read, or whose records are not as wide as the model, is a 400 that begins with the original's
 * words; what is wrong and where is told behind them. Accept never fails.
 */
#include <inttypes.h>

#include "server/container/policy.h"
#include "server/formats/answer_encode.h"

#define UNREADABLE "unable to evaluate payload provided"

static enum content_type_result request_type(const struct invocation_rules *rules UNUSED,
                                             const struct invocation *request,
                                             struct request_type *ret, struct buffer *message)
{
    struct builtin_content_type type = {.format = FORMAT_JSON};
    enum content_type_result result = builtin_content_type_parse(
        request->has_content_type, request->content_type, &type, message);

    *ret = (struct request_type){type.format, type.label_size};
    return result;
}

static struct decode_rules decode_rules(const struct model *model, bool strict UNUSED,
                                        const struct request_type *type)
{
    return (struct decode_rules){
        .csv = {.builtin = true, .label_size = type->label_size, .columns = model->features},
        .infinite_ok = true,
        .json_one_width = true,
        .recordio = RECORDIO_ONE_WIDTH,
        .recordio_builtin = true,
    };
}

static bool columns_fit(const struct model *model, enum format format UNUSED, uint64_t columns,
                        struct buffer *message)
{
    if (columns == model->features)
        return true;
    (void)!buffer_print(message,
                        "The feature dimension of the input: %" PRIu64
                        " does not match the feature dimension of the model: %u.",
                        columns, model->features);
    return false;
}

/* "row 2, column 3: an empty cell"; JSON's message has its place in it. */
static int print_fault(enum format format UNUSED, const struct decode_fault *fault,
                       struct buffer *message)
{
    if (buffer_print(message, UNREADABLE ": ") ||
        (fault->row && buffer_print(message, "row %" PRIu64, fault->row)) ||
        (fault->row && fault->column &&
         buffer_print(message, ", column %" PRIu64, fault->column)) ||
        (fault->row && buffer_print(message, ": ")))
        return -1;
    return buffer_append(message, fault->message.data, fault->message.size);
}

static struct response_type response_type(const struct model *model,
                                          const struct invocation_rules *rules,
                                          const struct invocation *request,
                                          struct buffer *message UNUSED)
{
    struct builtin_accept accept = builtin_accept_parse(
        request->has_accept, request->accept, rules->default_accept, model->builtin->csv_count > 0);

    return (struct response_type){accept.type, accept_content_type(accept.type), accept.verbose};
}

static bool encoding(const struct model *model, const struct invocation_rules *rules UNUSED,
                     const struct response_type *type, struct encoding *ret)
{
    const struct builtin *builtin = model->builtin;
    const struct answer_shape shape = {
        .fields = builtin->fields,
        .field_count = builtin->field_count,
        .root = model->family == FAMILY_PCA ? "projections" : "predictions",
        .csv_first = builtin->csv_first,
        .csv_count = builtin->csv_count,
        .python2 = model->profile->python2,
        .verbose = type->verbose,
    };

    if (type->accept == ACCEPT_CSV)
        *ret = answer_encode_csv(&shape);
    else if (type->accept == ACCEPT_JSONLINES)
        *ret = answer_encode_jsonlines(&shape);
    else if (type->accept == ACCEPT_RECORDIO)
        *ret = answer_encode_recordio(&shape);
    else
        *ret = answer_encode_json(&shape);
    return true;
}

const struct policy policy_builtin = {
    .request_type = request_type,
    .decode_rules = decode_rules,
    .columns_fit = columns_fit,
    .columns_prefix = UNREADABLE ": ",
    .strict_refusal = UNREADABLE,
    .fault_status = 400,
    .print_fault = print_fault,
    .response_type = response_type,
    .encoding = encoding,
};
