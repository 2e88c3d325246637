/*
 * endpointd predict: rows of a file or of standard input to predictions, in blocks.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "algorithms/xgboost_backend.h"
#include "base/log.h"
#include "base/number_print.h"
#include "models/xgboost_writer.h"
#include "server/commands.h"
#include "server/container/invocations.h"
#include "server/formats/encode.h"
#include "server/formats/media_type.h"
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
    FILE *out;
    char *aside; /* the file that becomes settings->output */
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
static int find_format(const struct settings *settings, enum format *ret, struct err *err)
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
    const struct content_type_rules rules = {.json = true};
    const char *type = settings->content_type;
    const char *file = settings->argument_count ? settings->arguments[0] : "-";
    struct buffer message;
    enum content_type_result result;

    for (size_t i = 0; !type && i < ARRAY_LENGTH(suffixes); i++) {
        if (has_suffix(file, suffixes[i].suffix))
            type = suffixes[i].type;
    }
    if (!type)
        type = "text/csv";
    buffer_init(&message, 4096);
    result = content_type_parse(true, bytes_text(type), &rules, ret, &message);
    buffer_fini(&message);
    if (result != CONTENT_TYPE_OK || *ret == FORMAT_PARQUET)
        return err_set(
            err, ERR_UNSUPPORTED,
            "input of type '%s' is not read: use text/csv, text/libsvm, application/json, "
            "application/jsonlines or application/x-recordio-protobuf",
            type);
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

static int open_output(struct predict *predict, struct err *err)
{
    const char *path = predict->settings->output;
    int fd;

    if (!path) {
        predict->out = stdout;
        return 0;
    }
    if (asprintf(&predict->aside, "%s.XXXXXX", path) < 0) {
        predict->aside = NULL;
        return err_memory(err, strlen(path), "a file name");
    }
    fd = mkostemp(predict->aside, O_CLOEXEC);
    if (fd < 0) {
        err_system(err, errno, "cannot write beside '%s'", path);
        free(TAKE(predict->aside));
        return -1;
    }
    fchmod(fd, 0644);
    predict->out = fdopen(fd, "w");
    if (!predict->out) {
        close(fd);
        return err_system(err, errno, "cannot write '%s'", path);
    }
    return 0;
}

/* Makes the output final, or removes it where the run failed. */
static int close_output(struct predict *predict, bool failed, struct err *err)
{
    const char *path = predict->settings->output;
    bool bad;

    if (!predict->out)
        return 0;
    if (!path)
        return fflush(predict->out) ? err_system(err, errno, "cannot write to standard output") : 0;
    bad = fflush(predict->out) || fsync(fileno(predict->out));
    bad = fclose(predict->out) || bad;
    if (!failed && (bad || rename(predict->aside, path)))
        failed = err_system(err, errno, "cannot write '%s'", path) != 0;
    if (failed)
        unlink(predict->aside);
    free(predict->aside);
    return failed ? -1 : 0;
}

static int put(struct predict *predict, const void *bytes, size_t size, struct err *err)
{
    if (size && fwrite(bytes, 1, size, predict->out) != size)
        return err_system(err, errno, "cannot write the output");
    return 0;
}

static const char *feature_name(const struct xgb_model *source, uint32_t feature, char *out,
                                size_t size)
{
    if (feature == source->features)
        return "bias";
    if (source->feature_names && source->feature_names[feature])
        return source->feature_names[feature];
    snprintf(out, size, "f%u", feature);
    return out;
}

/* One column's name of the header. */
static int print_name(struct predict *predict, size_t column)
{
    const struct xgb_model *source = predict->model->members[0].source;
    size_t width = (size_t)source->features + 1;
    char name[32];

    if (column && buffer_append(&predict->text, ",", 1))
        return -1;
    if (predict->settings->leaves)
        return buffer_print(&predict->text, "tree_%zu", column);
    if (predict->settings->contributions) {
        const char *feature = feature_name(source, (uint32_t)(column % width), name, sizeof(name));

        if (source->outputs > 1)
            return buffer_print(&predict->text, "%s_%zu", feature, column / width);
        return buffer_print(&predict->text, "%s", feature);
    }
    if (model_columns(predict->model, predict->settings->margin ? MODEL_MARGIN : MODEL_VALUE) > 1)
        return buffer_print(&predict->text, "score_%zu", column);
    return buffer_print(&predict->text, "score");
}

static int put_header(struct predict *predict, size_t columns, struct err *err)
{
    buffer_clear(&predict->text);
    for (size_t i = 0; i < columns; i++) {
        if (print_name(predict, i))
            return err_memory(err, columns, "the header");
    }
    if (buffer_append(&predict->text, "\n", 1))
        return err_memory(err, 1, "the header");
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
    } else if (encode_csv(&predict->predictions, &predict->text, err)) {
        return -1;
    }
    return put(predict, predict->text.data, predict->text.size, err);
}

/* A request's columns must fit, as they must over HTTP. */
static int check_columns(struct predict *predict, struct err *err)
{
    struct buffer message;
    int result = 0;

    buffer_init(&message, 4096);
    if (!invocation_columns_fit(predict->model, predict->reader.format,
                                predict->reader.decoder.columns, &message)) {
        result =
            err_set(err, ERR_INPUT, "%s: the rows have %llu columns, the model has %u features",
                    predict->reader.name, (unsigned long long)predict->reader.decoder.columns,
                    predict->model->features);
    }
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
            return 0;
        if (check_columns(predict, err) || score_block(predict, &block, err))
            return -1;
        predict->rows += block.rows;
        if (!keep) {
            if (first && predict->settings->header &&
                put_header(predict, predict->predictions.columns, err))
                return -1;
            if (put_block(predict, err))
                return -1;
        }
        first = false;
        show_progress(predict, false);
    }
}

/* The body that /invocations would answer. */
static int put_body(struct predict *predict, enum accept_type accept, struct err *err)
{
    const struct invocation_rules rules = {.strict = predict->settings->strict};

    buffer_clear(&predict->text);
    if (invocation_encode(predict->model, &rules, accept, &predict->predictions, &predict->text,
                          err))
        return -1;
    return put(predict, predict->text.data, predict->text.size, err);
}

static int find_accept(const struct settings *settings, enum accept_type *ret, struct err *err)
{
    struct buffer message;

    buffer_init(&message, 65536);
    *ret = accept_parse(true, bytes_text(settings->accept), NULL, &message);
    if (*ret == ACCEPT_REFUSED)
        err_set(err, ERR_INPUT, "%.*s", (int)message.size, message.data);
    buffer_fini(&message);
    return err->kind == ERR_NONE ? 0 : -1;
}

static int run(struct predict *predict, struct err *err)
{
    const struct settings *settings = predict->settings;
    struct model_options options = command_model_options(settings);
    enum accept_type accept = ACCEPT_CSV;
    struct decode_rules rules;
    enum format format;

    if (settings->accept && find_accept(settings, &accept, err))
        return -1;
    if (find_format(settings, &format, err) ||
        model_load(settings->model, &options, &predict->model, err))
        return -1;
    if ((settings->contributions || settings->leaves) && open_backend(predict, err))
        return -1;
    rules = invocation_decode_rules(predict->model, settings->strict);
    if (row_reader_open(&predict->reader, settings->argument_count ? settings->arguments[0] : NULL,
                        format, &rules, err) ||
        open_output(predict, err) || run_blocks(predict, settings->accept != NULL, err))
        return -1;
    if (settings->accept && put_body(predict, accept, err))
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
    failed = close_output(&predict, failed, &err) != 0 || failed;
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
