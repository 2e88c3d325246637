/*
 * The values of the keys (xgboost-container 5.2) and the forms of text that they are answered in
 * (5.3):
 *
 *   csv         0,"[0, 1]",0.25,nan                  rows joined by line ends, keys as requested
 *   JSON        {"predictions": [{"labels": [0, 1], "probability": 0.25, "foo": NaN}]}
 *   JSON Lines  {"labels": [0, 1], "probability": 0.25, "foo": NaN}       each line ended
 */
#include "server/container/selectable.h"

#include <math.h>
#include <string.h>

#include "base/number_print.h"
#include "server/container/selectable_internal.h"
#include "server/formats/encode.h"

enum family {
    REGRESSION,
    LOGISTIC,
    LOGITRAW,
    HINGE,
    SOFTMAX,
    SOFTPROB,
    FAMILY_COUNT,
    UNSUPPORTED,
};

static const enum source sources[FAMILY_COUNT][SELECTABLE_NAME_COUNT + 1] = {
    /* the last: of SELECTABLE_UNKNOWN */
    [REGRESSION] =
        {
            [SELECTABLE_PREDICTED_SCORE] = VALUE,
        },
    [LOGISTIC] =
        {
            [SELECTABLE_PREDICTED_LABEL] = ABOVE_HALF,
            [SELECTABLE_LABELS] = CLASSES,
            [SELECTABLE_PROBABILITY] = VALUE,
            [SELECTABLE_PROBABILITIES] = COMPLEMENT,
            [SELECTABLE_RAW_SCORE] = VALUE,
            [SELECTABLE_RAW_SCORES] = COMPLEMENT,
        },
    [LOGITRAW] =
        {
            [SELECTABLE_PREDICTED_LABEL] = ABOVE_ZERO,
            [SELECTABLE_LABELS] = CLASSES,
            [SELECTABLE_RAW_SCORE] = VALUE,
            [SELECTABLE_RAW_SCORES] = COMPLEMENT,
        },
    [HINGE] =
        {
            [SELECTABLE_PREDICTED_LABEL] = VALUE,
            [SELECTABLE_LABELS] = CLASSES,
            [SELECTABLE_RAW_SCORE] = VALUE,
            [SELECTABLE_RAW_SCORES] = COMPLEMENT,
        },
    [SOFTMAX] =
        {
            [SELECTABLE_PREDICTED_LABEL] = VALUE,
            [SELECTABLE_LABELS] = CLASSES,
            [SELECTABLE_RAW_SCORE] = VALUE,
            [SELECTABLE_RAW_SCORES] = COMPLEMENT, /* nonsense, but so it is */
        },
    [SOFTPROB] =
        {
            [SELECTABLE_PREDICTED_LABEL] = LARGEST_INDEX,
            [SELECTABLE_LABELS] = CLASSES,
            [SELECTABLE_PROBABILITY] = LARGEST,
            [SELECTABLE_PROBABILITIES] = ALL_VALUES,
            [SELECTABLE_RAW_SCORE] = LARGEST,
            [SELECTABLE_RAW_SCORES] = ALL_VALUES,
        },
};

static enum family find_family(const struct selectable_model *model)
{
    switch (model->objective) {
    case OBJECTIVE_SQUARED_ERROR:
    case OBJECTIVE_REG_LOGISTIC:
    case OBJECTIVE_GAMMA:
    case OBJECTIVE_TWEEDIE:
        return REGRESSION;
    case OBJECTIVE_ABSOLUTE_ERROR:
        return model->absolute_error ? REGRESSION : UNSUPPORTED;
    case OBJECTIVE_BINARY_LOGISTIC:
        return LOGISTIC;
    case OBJECTIVE_LOGITRAW:
        return LOGITRAW;
    case OBJECTIVE_HINGE:
        return HINGE;
    case OBJECTIVE_SOFTMAX:
        return SOFTMAX;
    case OBJECTIVE_SOFTPROB:
        return SOFTPROB;
    default:
        return UNSUPPORTED;
    }
}

/* csv: as requested, repeated keys too. */
static void list_requested(const struct selectable *selectable, enum family family,
                           struct plan *plan)
{
    for (size_t i = 0; i < selectable->key_count; i++) {
        const struct selectable_key *key = &selectable->keys[i];

        plan->fields[plan->field_count++] = (struct field){key, sources[family][key->name]};
    }
}

/* Appends the first of the keys of that name, or, for SELECTABLE_NAME_COUNT, one each of those that
 * are not the objective's. */
static void list_name(const struct selectable *selectable, enum family family, int name,
                      struct plan *plan)
{
    for (size_t i = 0; i < selectable->key_count; i++) {
        const struct selectable_key *key = &selectable->keys[i];
        enum source source = sources[family][key->name];
        int place = source == NOT_A_NUMBER ? SELECTABLE_NAME_COUNT : (int)key->name;

        if (place == name && !key->repeated)
            plan->fields[plan->field_count++] = (struct field){key, source};
    }
}

/* Objects: each key once, those of the objective first and in the fixed order, then the others as
 * requested. */
static void list_once(const struct selectable *selectable, enum family family, struct plan *plan)
{
    for (int name = 0; name <= SELECTABLE_NAME_COUNT; name++)
        list_name(selectable, family, name, plan);
}

/* Whether a field takes a row of one prediction for granted. */
static bool wants_one_value(const struct plan *plan)
{
    for (size_t i = 0; i < plan->field_count; i++) {
        switch (plan->fields[i].source) {
        case VALUE:
        case ABOVE_HALF:
        case ABOVE_ZERO:
        case COMPLEMENT:
            return true;
        case NOT_A_NUMBER:
        case LARGEST_INDEX:
        case LARGEST:
        case ALL_VALUES:
        case CLASSES:
            break;
        }
    }
    return false;
}

/* A body being written. After the first failure, which `err` tells, writing does nothing. */
struct text {
    struct buffer *body;
    struct err *err;
    bool failed;
    size_t (*print)(char *out, double value);
    const char *list_begin;
    const char *list_end;
};

/* Room for `need` bytes at the end of the body, or NULL. */
static char *room(struct text *text, size_t need)
{
    if (text->failed)
        return NULL;
    if (buffer_reserve(text->body, need)) {
        encode_no_room(text->body, need, text->err);
        text->failed = true;
        return NULL;
    }
    return text->body->data + text->body->size;
}

static void put_bytes(struct text *text, struct bytes bytes)
{
    char *at = room(text, bytes.size);

    if (at && bytes.size) {
        memcpy(at, bytes.data, bytes.size);
        text->body->size += bytes.size;
    }
}

static void put(struct text *text, const char *literal)
{
    put_bytes(text, bytes_text(literal));
}

static void put_number(struct text *text, double value)
{
    char *at = room(text, NUMBER_PRINT_MAX);

    if (at)
        text->body->size += text->print(at, value);
}

static void put_integer(struct text *text, size_t value)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    put_bytes(text, bytes_of(digits + at, sizeof(digits) - at));
}

static void put_classes(struct text *text, size_t classes)
{
    put(text, text->list_begin);
    for (size_t i = 0; i < classes && !text->failed; i++) {
        put(text, i ? ", " : "");
        put_integer(text, i);
    }
    put(text, text->list_end);
}

static void put_list(struct text *text, const float *row, size_t columns)
{
    put(text, text->list_begin);
    for (size_t i = 0; i < columns && !text->failed; i++) {
        put(text, i ? ", " : "");
        put_number(text, (double)row[i]);
    }
    put(text, text->list_end);
}

static void put_value(struct text *text, const struct plan *plan, enum source source,
                      const float *row)
{
    size_t columns = plan->predictions->columns;

    switch (source) {
    case NOT_A_NUMBER:
        put_number(text, (double)NAN);
        break;
    case VALUE:
        put_number(text, (double)row[0]);
        break;
    case ABOVE_HALF:
        put_integer(text, row[0] > 0.5f);
        break;
    case ABOVE_ZERO:
        put_integer(text, row[0] > 0.0f);
        break;
    case LARGEST_INDEX:
        put_integer(text, selectable_largest(row, columns));
        break;
    case LARGEST:
        put_number(text, (double)row[selectable_largest(row, columns)]);
        break;
    case ALL_VALUES:
        put_list(text, row, columns);
        break;
    case COMPLEMENT:
        put(text, text->list_begin);
        put_number(text, selectable_complement(row[0]));
        put(text, ", ");
        put_number(text, (double)row[0]);
        put(text, text->list_end);
        break;
    case CLASSES:
        put_classes(text, plan->classes);
        break;
    }
}

static int encode_csv_rows(const struct plan *plan, bool batch, struct buffer *body,
                           struct err *err)
{
    const struct predictions *predictions = plan->predictions;
    struct text text = {.body = body,
                        .err = err,
                        .print = number_print_double,
                        .list_begin = "\"[",
                        .list_end = "]\""};

    for (size_t r = 0; r < predictions->rows && !text.failed; r++) {
        put(&text, r ? "\n" : "");
        for (size_t i = 0; i < plan->field_count; i++) {
            put(&text, i ? "," : "");
            put_value(&text, plan, plan->fields[i].source,
                      predictions->values + r * predictions->columns);
        }
    }
    if (batch)
        put(&text, "\n");
    return text.failed ? -1 : 0;
}

/* JSON objects with something before, between and after them. */
static int encode_objects(const struct plan *plan, const char *begin, const char *between,
                          const char *end, struct buffer *body, struct err *err)
{
    const struct predictions *predictions = plan->predictions;
    struct text text = {
        .body = body, .err = err, .print = number_print_json, .list_begin = "[", .list_end = "]"};

    put(&text, begin);
    for (size_t r = 0; r < predictions->rows && !text.failed; r++) {
        put(&text, r ? between : "");
        for (size_t i = 0; i < plan->field_count; i++) {
            put(&text, i ? ", " : "{");
            put_bytes(&text, plan->fields[i].key->json);
            put(&text, ": ");
            put_value(&text, plan, plan->fields[i].source,
                      predictions->values + r * predictions->columns);
        }
        put(&text, "}");
    }
    put(&text, end);
    return text.failed ? -1 : 0;
}

static int encode_lines(const struct plan *plan, struct buffer *body, struct err *err)
{
    return encode_objects(plan, "", "\n", plan->predictions->rows ? "\n" : "", body, err);
}

/* Returns -1: the answer is a 500 with this text. */
static int refuse(struct buffer *refusal, struct err *err, const char *before, const char *what,
                  const char *after)
{
    size_t size = strlen(before) + strlen(what) + strlen(after);

    buffer_clear(refusal);
    if (buffer_append(refusal, before, strlen(before)) ||
        buffer_append(refusal, what, strlen(what)) || buffer_append(refusal, after, strlen(after)))
        return err_memory(err, size, "the answer's text");
    return err_set(err, ERR_UNSUPPORTED, "SAGEMAKER_INFERENCE_OUTPUT cannot be answered");
}

static int refuse_objective(const struct selectable_model *model, struct buffer *refusal,
                            struct err *err)
{
    const char *name = objective_name(model->objective);

    if (!name)
        name = model->objective_text ? model->objective_text : "";
    return refuse(refusal, err, "Objective `", name,
                  "` unsupported for selectable inference predictions.");
}

static bool has_encoder(enum accept_type accept)
{
    return accept == ACCEPT_CSV || accept == ACCEPT_JSON || accept == ACCEPT_JSONLINES ||
           accept == ACCEPT_RECORDIO;
}

int selectable_encode(const struct selectable *selectable, const struct selectable_model *model,
                      const struct predictions *predictions, enum accept_type accept,
                      const char *accept_text, bool batch, struct buffer *body,
                      struct buffer *refusal, struct err *err)
{
    enum family family = find_family(model);
    CLEANUP(mem_cleanup) struct field *fields = NULL;
    struct plan plan = {.predictions = predictions};

    if (family == UNSUPPORTED)
        return refuse_objective(model, refusal, err);
    fields = mem_alloc(selectable->key_count, sizeof(*fields));
    if (!fields)
        return err_memory(err, selectable->key_count * sizeof(*fields), "the response");
    plan.fields = fields;
    plan.classes = family == SOFTMAX || family == SOFTPROB ? model->num_class : 2;
    if (accept == ACCEPT_CSV)
        list_requested(selectable, family, &plan);
    else
        list_once(selectable, family, &plan);
    if (predictions->rows && predictions->columns != 1 && wants_one_value(&plan))
        return refuse(refusal, err, "can only convert an array of size 1 to a Python scalar", "",
                      "");
    if (!has_encoder(accept))
        return refuse(refusal, err, "Cannot encode selected predictions into accept type '",
                      accept_text ? accept_text : "", "'.");
    if (accept == ACCEPT_CSV)
        return encode_csv_rows(&plan, batch, body, err);
    if (accept == ACCEPT_JSON)
        return encode_objects(&plan, "{\"predictions\": [", ", ", "]}", body, err);
    if (accept == ACCEPT_JSONLINES)
        return encode_lines(&plan, body, err);
    return selectable_encode_records(&plan, body, err);
}
