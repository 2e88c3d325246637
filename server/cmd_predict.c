/*
 * endpointd predict: rows of a file or of standard input to predictions, in blocks.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "algorithms/xgboost_backend.h"
#include "base/log.h"
#include "base/number_print.h"
#include "models/xgboost_writer.h"
#include "server/commands.h"
#include "server/container/policy.h"
#include "server/formats/encode.h"
#include "server/formats/media_type.h"
#include "server/output_file.h"
#include "server/predict_header.h"
#include "server/row_reader.h"

#define BLOCK_ROWS 256
#define NO_LIMIT   (SIZE_MAX / 4)

struct predict {
    const struct settings *settings;
    struct model *model;
    struct row_reader reader;
    struct xgboost_backend *backend; /* contributions, leaves */
    struct scratch scratch;
    struct predictions predictions;
    struct buffer text;
    struct output_file output;
    uint64_t rows;
    struct timespec started;
    double told; /* seconds, when progress was last shown */
    bool progress;
};

static bool has_suffix(const char *name, const char *suffix)
{
    size_t n = strlen(name);
    size_t m = strlen(suffix);

    return n > m && strcasecmp(name + n - m, suffix) == 0;
}

/* The input's type: the option, else the suffix, else CSV. */
static const char *find_content_type(const struct settings *settings)
{
    static const struct {
        const char *suffix;
        const char *type;
    } suffixes[] = {
        {".csv", "text/csv"},
        {".libsvm", "text/libsvm"},
        {".svm", "text/libsvm"},
        {".json", "application/json"},
        {".jsonl", "application/jsonlines"},
        {".recordio", "application/x-recordio-protobuf"},
        {".pbr", "application/x-recordio-protobuf"},
    };
    const char *file = settings->argument_count ? settings->arguments[0] : "-";

    if (settings->content_type)
        return settings->content_type;
    for (size_t i = 0; i < ARRAY_LENGTH(suffixes); i++) {
        if (has_suffix(file, suffixes[i].suffix))
            return suffixes[i].type;
    }
    return "text/csv";
}

/* What that type means to the model's family. */
static int find_type(const struct settings *settings, const struct model *model,
                     struct request_type *ret, struct err *err)
{
    static const struct invocation_rules rules = {.strict = false};
    const char *text = find_content_type(settings);
    const struct invocation request = {.has_content_type = true, .content_type = bytes_text(text)};
    enum content_type_result result;
    struct buffer message;

    buffer_init(&message, 4096);
    result = policy_of(model)->request_type(&rules, &request, ret, &message);
    if (result == CONTENT_TYPE_BAD_PARAMETER)
        err_set(err, ERR_INPUT, "input of type '%s': %.*s", text, (int)message.size, message.data);
    else if (result != CONTENT_TYPE_OK || ret->format == FORMAT_PARQUET)
        err_set(err, ERR_UNSUPPORTED,
                "input of type '%s' is not read: use text/csv, %sapplication/json, "
                "application/jsonlines or application/x-recordio-protobuf",
                text, model->builtin ? "" : "text/libsvm, ");
    buffer_fini(&message);
    return err->kind == ERR_NONE ? 0 : -1;
}

/* The options that not every model can do. */
static int check_outputs(const struct settings *settings, const struct model *model,
                         struct err *err)
{
    const char *family = family_name(model->family);

    if (model->builtin && (settings->contributions || settings->leaves))
        return err_set(err, ERR_UNSUPPORTED, "--%s: a %s model has none",
                       settings->leaves ? "leaves" : "contributions", family);
    if (settings->margin && !model_has_margin(model))
        return err_set(err, ERR_UNSUPPORTED, "--margin: a %s model has none", family);
    return 0;
}

/* The library's opinion for --contributions and --leaves. */
static int open_backend(struct predict *predict, struct err *err)
{
    const struct model_member *member = &predict->model->members[0];
    struct buffer bytes;
    int result;

    if (predict->model->member_count > 1)
        return err_set(
            err, ERR_UNSUPPORTED,
            "an ensemble has no contributions or leaves of its own: name one of its files");
    for (uint32_t t = 0; predict->settings->contributions && t < member->trees_used; t++) {
        if (!member->source->trees[t].sum_hessian)
            return err_set(
                err, ERR_UNSUPPORTED,
                "--contributions: tree %u of the file has no covers (sum_hessian), which "
                "SHAP values need",
                t);
    }
    buffer_init(&bytes, NO_LIMIT);
    result = xgb_write(member->source, member->trees_used, &bytes, err);
    if (result == 0)
        result = xgboost_backend_new(bytes_of(bytes.data, bytes.size), member->base_margin,
                                     member->source->outputs, member->source->features,
                                     &predict->backend, err);
    buffer_fini(&bytes);
    return result ? err_wrap(err, "%s", predict->settings->leaves ? "--leaves" : "--contributions")
                  : 0;
}

static int put(struct predict *predict, const void *bytes, size_t size, struct err *err)
{
    if (size && fwrite(bytes, 1, size, predict->output.stream) != size)
        return err_system(err, errno, "cannot write the output");
    return 0;
}

static int put_header(struct predict *predict, size_t columns, struct err *err)
{
    buffer_clear(&predict->text);
    if (predict_header(predict->settings, predict->model, columns, &predict->text))
        return err_memory(err, columns, "the header");
    return put(predict, predict->text.data, predict->text.size, err);
}

static void show_progress(struct predict *predict, bool last)
{
    struct timespec now;
    double seconds;
    double rate;

    if (!predict->progress)
        return;
    clock_gettime(CLOCK_MONOTONIC, &now);
    seconds = (double)(now.tv_sec - predict->started.tv_sec) +
              (double)(now.tv_nsec - predict->started.tv_nsec) * 1e-9;
    if (!last && seconds - predict->told < 0.2)
        return;
    predict->told = seconds;
    rate = seconds > 0 ? (double)predict->rows / seconds : 0;
    if (predict->reader.size)
        fprintf(stderr, "\r%5.1f %%  %llu rows  %.0f rows/s\033[K",
                100.0 * (double)predict->reader.bytes_read / (double)predict->reader.size,
                (unsigned long long)predict->rows, rate);
    else
        fprintf(stderr, "\r%llu rows  %.0f rows/s\033[K", (unsigned long long)predict->rows, rate);
    if (last)
        fputc('\n', stderr);
}

/* Scores one block into predict->predictions. */
static int score_block(struct predict *predict, const struct matrix *block, struct err *err)
{
    const struct settings *settings = predict->settings;

    if (predict->backend)
        return xgboost_backend_predict(predict->backend, block,
                                       settings->leaves ? XGBOOST_LEAVES : XGBOOST_CONTRIBUTIONS,
                                       &predict->predictions, err);
    return model_score(predict->model, settings->margin ? MODEL_MARGIN : MODEL_VALUE, block,
                       &predict->scratch, &predict->predictions, err);
}

/* Leaf numbers are whole: they are printed so. */
static int encode_leaves(const struct predictions *predictions, struct buffer *text)
{
    for (size_t i = 0; i < predictions->rows; i++) {
        for (size_t j = 0; j < predictions->columns; j++) {
            long leaf = lrintf(predictions->values[i * predictions->columns + j]);

            if (buffer_print(text, "%s%ld", j ? "," : "", leaf))
                return -1;
        }
        if (buffer_append(text, "\n", 1))
            return -1;
    }
    return 0;
}

static int put_block(struct predict *predict, struct err *err)
{
    buffer_clear(&predict->text);
    if (predict->settings->leaves) {
        if (encode_leaves(&predict->predictions, &predict->text))
            return err_memory(err, predict->text.size, "the output");
    } else {
        struct encoding plain = predict_encoding(predict->settings, predict->model);

        if (encode_body(&plain, &predict->predictions, &predict->text, err))
            return -1;
    }
    return put(predict, predict->text.data, predict->text.size, err);
}

/* The columns that a row of a sparse block takes. */
static uint64_t row_width(const struct matrix *block, size_t row)
{
    uint64_t width = 0;

    for (size_t i = block->row_start[row]; i < block->row_start[row + 1]; i++) {
        if (width <= block->column[i])
            width = (uint64_t)block->column[i] + 1;
    }
    return width;
}

static bool columns_fit(const struct model *model, enum format format, uint64_t columns,
                        struct buffer *message)
{
    buffer_clear(message);
    return policy_of(model)->columns_fit(model, format, columns, message);
}

/* The first row of libsvm, in this block or below it, that is wider than the model. The decoder
 * knew from some row of the piece; *ret_row is 0 where its index is too large for a matrix. */
static int find_wide_row(struct predict *predict, struct matrix *block, struct buffer *message,
                         uint64_t *ret_row, struct err *err)
{
    uint64_t last = predict->reader.decoder.rows;
    uint64_t row = predict->rows;

    *ret_row = 0;
    while (block->rows) {
        for (size_t r = 0; r < block->rows; r++) {
            row++;
            if (!columns_fit(predict->model, FORMAT_LIBSVM, row_width(block, r), message)) {
                *ret_row = row;
                return 0;
            }
        }
        if (row >= last)
            return 0;
        if (row_reader_next(&predict->reader, BLOCK_ROWS, block, err))
            return -1;
    }
    return 0;
}

/* The features of the member that has fewest. */
static uint32_t features_least(const struct model *model)
{
    uint32_t least = model->features;

    for (size_t i = 0; i < model->member_count; i++) {
        if (least > model->members[i].source->features)
            least = model->members[i].source->features;
    }
    return least;
}

static int fail_columns(struct predict *predict, struct matrix *block, struct buffer *message,
                        struct err *err)
{
    unsigned long long columns = predict->reader.decoder.columns;
    uint32_t features = features_least(predict->model);
    char place[80] = "";
    uint64_t row = 0;
    size_t used = 0;

    if (predict->reader.format == FORMAT_LIBSVM) {
        if (find_wide_row(predict, block, message, &row, err))
            return -1;
    } else if (block->kind == MATRIX_DENSE) {
        row = predict->rows + 1; /* all rows are as wide */
    }
    if (row)
        used = (size_t)snprintf(place, sizeof(place), "row %llu", (unsigned long long)row);
    if (row && block->kind == MATRIX_DENSE && columns > features)
        used += (size_t)snprintf(place + used, sizeof(place) - used, ", column %llu",
                                 (unsigned long long)features + 1);
    return err_set(err, ERR_INPUT, "%s: %s%sthe rows have %llu columns, the model has %u features",
                   predict->reader.name, place, used ? ": " : "", columns, features);
}

/* A request's columns must fit, as they must over HTTP. */
static int check_columns(struct predict *predict, struct matrix *block, struct err *err)
{
    struct buffer message;
    int result = 0;

    buffer_init(&message, 4096);
    if (!columns_fit(predict->model, predict->reader.format, predict->reader.decoder.columns,
                     &message))
        result = fail_columns(predict, block, &message, err);
    buffer_fini(&message);
    return result;
}

/* The whole input, block by block; with --accept predictions are kept and encoded at the end. */
static int run_blocks(struct predict *predict, bool keep, struct err *err)
{
    bool first = true;
    struct matrix block;

    for (;;) {
        if (row_reader_next(&predict->reader, BLOCK_ROWS, &block, err))
            return -1;
        if (!keep)
            predictions_clear(&predict->predictions);
        if (block.rows == 0)
            break;
        if (check_columns(predict, &block, err) || score_block(predict, &block, err))
            return -1;
        predict->rows += block.rows;
        if (!keep) {
            if (first && predict->settings->header &&
                put_header(predict, predict_columns(predict->settings, predict->model), err))
                return -1;
            if (put_block(predict, err))
                return -1;
        }
        first = false;
        show_progress(predict, false);
    }
    return first && predict->settings->header
               ? put_header(predict, predict_columns(predict->settings, predict->model), err)
               : 0;
}

/* The body that /invocations would answer. */
static int put_body(struct predict *predict, const struct response_type *type, struct err *err)
{
    const struct invocation_rules rules = {.strict = predict->settings->strict};
    struct buffer message;
    int result;

    buffer_init(&message, 65536);
    buffer_clear(&predict->text);
    result = invocation_encode(predict->model, &rules, type, &predict->predictions, &predict->text,
                               &message, err);
    buffer_fini(&message);
    return result ? -1 : put(predict, predict->text.data, predict->text.size, err);
}

/* Of XGBoost under every profile: also those that do not look at Accept. */
static int find_accept(const struct settings *settings, const struct model *model,
                       struct response_type *ret, struct err *err)
{
    static const struct invocation_rules rules = {.strict = false};
    const struct invocation request = {.has_accept = true, .accept = bytes_text(settings->accept)};
    struct buffer message;

    buffer_init(&message, 65536);
    if (model->builtin)
        *ret = policy_of(model)->response_type(model, &rules, &request, &message);
    else
        ret->accept = accept_parse(true, request.accept, NULL, &message);
    if (ret->accept == ACCEPT_REFUSED)
        err_set(err, ERR_INPUT, "%.*s", (int)message.size, message.data);
    buffer_fini(&message);
    return err->kind == ERR_NONE ? 0 : -1;
}

static int run(struct predict *predict, struct err *err)
{
    const struct settings *settings = predict->settings;
    struct model_options options = command_model_options(settings);
    struct response_type accept = {.accept = ACCEPT_CSV};
    struct decode_rules rules;
    struct request_type type;

    if (model_load(settings->model, &options, &predict->model, err) ||
        (settings->accept && find_accept(settings, predict->model, &accept, err)) ||
        find_type(settings, predict->model, &type, err) ||
        check_outputs(settings, predict->model, err))
        return -1;
    if ((settings->contributions || settings->leaves) && open_backend(predict, err))
        return -1;
    rules = policy_of(predict->model)->decode_rules(predict->model, settings->strict, &type);
    if (row_reader_open(&predict->reader, settings->argument_count ? settings->arguments[0] : NULL,
                        type.format, &rules, err) ||
        output_file_open(&predict->output, settings->output, err) ||
        run_blocks(predict, settings->accept != NULL, err))
        return -1;
    /* the endpoint, too, answers an empty body with none */
    if (settings->accept && predict->rows && put_body(predict, &accept, err))
        return -1;
    show_progress(predict, true);
    return 0;
}

/* Options that contradict each other, or are another family's. Returns the complaint. */
static const char *contradiction(const struct settings *settings)
{
    int outputs =
        settings->margin + settings->contributions + settings->leaves + settings->probabilities;

    if (outputs > 1)
        return "--margin, --contributions, --leaves and --probabilities exclude each other";
    if (settings->probabilities || settings->top)
        return "--probabilities and --top are for model families that are not served yet";
    if (settings->accept && outputs)
        return "--accept writes what the endpoint answers: it goes with none of --margin, "
               "--contributions, --leaves";
    if (settings->accept && settings->header)
        return "--accept writes what the endpoint answers, which has no --header";
    return NULL;
}

int command_predict(const struct settings *settings)
{
    struct predict predict = {.settings = settings, .reader = {.fd = -1}};
    struct err err = ERR_INIT;
    bool failed;

    if (contradiction(settings)) {
        log_line("%s", contradiction(settings));
        return 2;
    }
    scratch_init(&predict.scratch);
    predictions_init(&predict.predictions);
    buffer_init(&predict.text, NO_LIMIT);
    clock_gettime(CLOCK_MONOTONIC, &predict.started);
    predict.progress = isatty(STDERR_FILENO) && (settings->output || !isatty(STDOUT_FILENO));
    failed = run(&predict, &err) != 0;
    if (failed && predict.progress && predict.rows)
        fputc('\n', stderr);
    failed = output_file_close(&predict.output, failed, &err) != 0;
    if (failed)
        log_line("%s", err.text);
    xgboost_backend_free(predict.backend);
    row_reader_close(&predict.reader);
    scratch_fini(&predict.scratch);
    predictions_fini(&predict.predictions);
    buffer_fini(&predict.text);
    model_unref(predict.model);
    return failed ? 1 : 0;
}
