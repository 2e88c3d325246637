#include "models/linear_settings.h"

#include <float.h>
#include <math.h>

#define NAME_QUOTED 96

static const char *const predictors[] = {
    [LINEAR_BINARY] = "binary_classifier",
    [LINEAR_MULTICLASS] = "multiclass_classifier",
    [LINEAR_REGRESSOR] = "regressor",
};

static const struct {
    const char *name;
    enum linear_predictor predictor;
    enum mxnet_link link;
} losses[] = {
    {"logistic", LINEAR_BINARY, MXNET_SIGMOID},
    {"hinge_loss", LINEAR_BINARY, MXNET_IDENTITY},
    {"softmax_loss", LINEAR_MULTICLASS, MXNET_SOFTMAX},
    {"squared_loss", LINEAR_REGRESSOR, MXNET_IDENTITY},
    {"absolute_loss", LINEAR_REGRESSOR, MXNET_IDENTITY},
    {"eps_insensitive_squared_loss", LINEAR_REGRESSOR, MXNET_IDENTITY},
    {"eps_insensitive_absolute_loss", LINEAR_REGRESSOR, MXNET_IDENTITY},
    {"quantile_loss", LINEAR_REGRESSOR, MXNET_IDENTITY},
    {"huber_loss", LINEAR_REGRESSOR, MXNET_IDENTITY},
};

const char *linear_predictor_name(enum linear_predictor predictor)
{
    return predictors[predictor];
}

int linear_predictor_read(struct json_source *source, enum linear_predictor *ret, struct err *err)
{
    struct json_event event;
    char quoted[NAME_QUOTED];

    if (json_expect(source, JSON_STRING, "predictor_type", &event, err))
        return -1;
    for (size_t i = 0; i < ARRAY_LENGTH(predictors); i++) {
        if (json_text_is(&event, predictors[i])) {
            *ret = (enum linear_predictor)i;
            return 0;
        }
    }
    return json_fail(source, event.offset, err, "predictor_type %s is none of %s, %s, %s",
                     err_quote(quoted, sizeof(quoted), event.text.data, event.text.size),
                     predictors[0], predictors[1], predictors[2]);
}

/* Index of the loss that is the next value. */
static int read_loss(struct json_source *source, size_t *ret, struct err *err)
{
    struct json_event event;
    char quoted[NAME_QUOTED];

    if (json_expect(source, JSON_STRING, "loss_type", &event, err))
        return -1;
    for (size_t i = 0; i < ARRAY_LENGTH(losses); i++) {
        if (json_text_is(&event, losses[i].name)) {
            *ret = i;
            return 0;
        }
    }
    return json_fail(source, event.offset, err, "loss_type %s is none that is known",
                     err_quote(quoted, sizeof(quoted), event.text.data, event.text.size));
}

static int read_threshold(struct json_source *source, double *ret, struct err *err)
{
    struct json_event event;

    if (json_next(source, &event, err))
        return -1;
    if (event.type != JSON_INTEGER && event.type != JSON_REAL)
        return json_fail(source, event.offset, err, "threshold must be a number");
    if (!(fabs(event.real) <= (double)FLT_MAX))
        return json_fail(source, event.offset, err, "threshold must be a finite number of float32");
    *ret = event.real;
    return 0;
}

/* What has been read; which of the three are still missing shows at the end. */
struct found {
    bool predictor, loss, threshold;
    size_t loss_index;
};

static int read_setting(struct json_source *source, const struct json_event *key,
                        struct linear_settings *settings, struct found *found, struct err *err)
{
    struct bytes passed;

    if (json_text_is(key, "predictor_type")) {
        found->predictor = true;
        return linear_predictor_read(source, &settings->predictor, err);
    }
    if (json_text_is(key, "loss_type")) {
        found->loss = true;
        return read_loss(source, &found->loss_index, err);
    }
    if (json_text_is(key, "threshold")) {
        found->threshold = true;
        return read_threshold(source, &settings->threshold, err);
    }
    return json_skip(source, &passed, err);
}

int linear_settings_read(struct bytes text, struct linear_settings *ret, struct err *err)
{
    struct linear_settings settings = {.threshold = 0};
    struct found found = {.predictor = false};
    struct json_reader reader;
    struct json_event event;

    json_reader_init_strict(&reader, text);
    if (json_expect(&reader.source, JSON_OBJECT_BEGIN, "the text", &event, err))
        return -1;
    for (;;) {
        if (json_next(&reader.source, &event, err))
            return -1;
        if (event.type == JSON_OBJECT_END)
            break;
        if (read_setting(&reader.source, &event, &settings, &found, err))
            return -1;
    }
    if (json_expect(&reader.source, JSON_END, "the rest", &event, err))
        return -1;
    if (!found.predictor || !found.loss || !found.threshold)
        return err_set(err, ERR_INPUT, "no %s",
                       !found.predictor ? "predictor_type"
                       : !found.loss    ? "loss_type"
                                        : "threshold");
    settings.loss = losses[found.loss_index].name;
    settings.link = losses[found.loss_index].link;
    if (losses[found.loss_index].predictor != settings.predictor)
        return err_set(err, ERR_INPUT, "loss_type '%s' does not go with predictor_type '%s'",
                       settings.loss, predictors[settings.predictor]);
    *ret = settings;
    return 0;
}

int linear_manifest_read(struct bytes text, struct arena *arena, const char **ret, struct err *err)
{
    struct json_reader reader;
    struct json_event event;
    struct json_event key;
    struct json_event prefix = {.type = JSON_NULL};
    struct bytes passed;
    size_t count = 0;

    json_reader_init_strict(&reader, text);
    if (json_expect(&reader.source, JSON_OBJECT_BEGIN, "the text", &event, err))
        return -1;
    for (;;) {
        if (json_next(&reader.source, &key, err))
            return -1;
        if (key.type == JSON_OBJECT_END)
            break;
        if (json_text_is(&key, "version")) {
            if (json_skip(&reader.source, &passed, err))
                return -1;
            continue;
        }
        if (json_expect(&reader.source, JSON_STRING, "the kind of an object", &event, err))
            return -1;
        if (!json_text_is(&event, "mxnet_module"))
            continue;
        count++;
        if (count == 1 || json_text_is(&key, "mx-mod"))
            prefix = key;
    }
    if (json_expect(&reader.source, JSON_END, "the rest", &event, err))
        return -1;
    if (count == 0)
        return err_set(err, ERR_INPUT, "it names no object of the kind mxnet_module");
    if (count > 1 && !json_text_is(&prefix, "mx-mod"))
        return err_set(err, ERR_INPUT, "it names %zu objects of the kind mxnet_module", count);
    *ret = json_text(&prefix, arena);
    return *ret ? 0 : err_memory(err, prefix.text.size, "a file's name");
}
