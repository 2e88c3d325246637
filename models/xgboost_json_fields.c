#include <stdio.h>

#include "base/number_parse.h"
#include "models/xgboost_json.h"

static void *member(void *target, const struct xgb_json_field *field)
{
    return (char *)target + field->offset;
}

static size_t offset_of(const struct xgb_json *json)
{
    return cursor_offset(&json->source->cursor);
}

int xgb_json_no_room(struct xgb_json *json, size_t size, const char *what, struct err *err)
{
    return json_no_room(json->source, json->arena, size, what, err);
}

struct json_source *xgb_json_open(union xgb_json_reader *reader, bool text, struct bytes data,
                                  size_t base)
{
    if (!text) {
        ubjson_reader_init(&reader->binary, data, base);
        return &reader->binary.source;
    }
    json_reader_init(&reader->text, data, base);
    return &reader->text.source;
}

struct json_source *xgb_json_reopen(struct xgb_json *json, union xgb_json_reader *reader,
                                    struct bytes slice)
{
    size_t at = (size_t)(slice.data - json->source->cursor.start);

    return xgb_json_open(reader, json->text, slice, json->source->base + at);
}

int xgb_json_members(struct xgb_json *json, const struct xgb_json_field *fields, void *target,
                     struct err *err)
{
    for (;;) {
        const struct xgb_json_field *field = fields;
        struct json_event event;
        struct bytes ignored;

        if (json_next(json->source, &event, err))
            return -1;
        if (event.type == JSON_OBJECT_END)
            return 0;
        while (field->key && !bytes_is(event.text, field->key))
            field++;
        if (field->key ? field->read(json, field, target, err)
                       : json_skip(json->source, &ignored, err))
            return -1;
    }
}

int xgb_json_object(struct xgb_json *json, const struct xgb_json_field *field, void *target,
                    struct err *err)
{
    bool *present = member(target, field);
    struct json_event event;

    if (json_expect(json->source, JSON_OBJECT_BEGIN, field->key, &event, err))
        return -1;
    memset(present, 0, field->size);
    *present = true;
    return xgb_json_members(json, field->fields, present, err);
}

int xgb_json_slice(struct xgb_json *json, const struct xgb_json_field *field, void *target,
                   struct err *err)
{
    return json_skip(json->source, member(target, field), err);
}

static int read_numbers(struct xgb_json *json, struct json_source *source,
                        enum json_element element, struct xgb_json_array *ret, struct err *err)
{
    struct xgb_json_array array = {.offset = source->base + cursor_offset(&source->cursor)};

    if (source->ops->read(source, element, INT32_MAX, json->arena, &array.data, &array.count, err))
        return -1;
    *ret = array;
    return 0;
}

int xgb_json_numbers(struct xgb_json *json, const struct xgb_json_field *field, void *target,
                     struct err *err)
{
    return read_numbers(json, json->source, field->element, member(target, field), err);
}

int xgb_json_slice_f32(struct xgb_json *json, struct bytes slice, struct xgb_json_array *ret,
                       struct err *err)
{
    union xgb_json_reader reader;

    return read_numbers(json, xgb_json_reopen(json, &reader, slice), JSON_F32, ret, err);
}

/* The event as a number; XGBoost writes its parameters as text. */
static bool event_number(const struct json_event *event, double *ret)
{
    struct bytes text = bytes_trim(event->text);

    if (event->type == JSON_STRING)
        return number_parse_json((const char *)text.data, text.size, ret) == NUMBER_OK;
    *ret = event->real;
    return event->type == JSON_INTEGER || event->type == JSON_REAL;
}

int xgb_json_number(struct xgb_json *json, const struct xgb_json_field *field, void *target,
                    struct err *err)
{
    struct xgb_json_count *count = member(target, field);
    struct json_event event;
    double value = 0;

    if (json_next(json->source, &event, err))
        return -1;
    if (!event_number(&event, &value) || !(value >= 0 && value < 0x1p53) ||
        value != (double)(uint64_t)value)
        return json_fail(json->source, event.offset, err, "%s must be a count", field->key);
    if (value > (double)field->max)
        return err_set(err, ERR_LIMIT, "offset %zu: %s is %.0f, at most %lu is possible",
                       json->source->base + event.offset, field->key, value,
                       (unsigned long)field->max);
    count->present = true;
    count->value = (uint32_t)value;
    return 0;
}

int xgb_json_string(struct xgb_json *json, const struct xgb_json_field *field, void *target,
                    struct err *err)
{
    const char **text = member(target, field);
    struct json_event event;

    if (json_expect(json->source, JSON_STRING, field->key, &event, err))
        return -1;
    *text = json_text(&event, json->arena);
    return *text ? 0 : xgb_json_no_room(json, event.text.size, field->key, err);
}

/* The strings up to the end of the array, as pointers into the arena. */
static int read_strings(struct xgb_json *json, const char *what, struct buffer *list,
                        struct err *err)
{
    for (;;) {
        struct json_event event;
        const char *text;

        if (json_next(json->source, &event, err))
            return -1;
        if (event.type == JSON_ARRAY_END)
            return 0;
        if (event.type != JSON_STRING)
            return json_fail(json->source, event.offset, err, "%s must be strings", what);
        text = json_text(&event, json->arena);
        if (!text || buffer_append(list, &text, sizeof(text)))
            return xgb_json_no_room(json, event.text.size, what, err);
    }
}

int xgb_json_strings(struct xgb_json *json, const struct xgb_json_field *field, void *target,
                     struct err *err)
{
    struct xgb_json_array array = {.offset = json->source->base + offset_of(json)};
    CLEANUP(buffer_fini) struct buffer list;
    struct json_event event;

    buffer_init(&list, json->arena->cap);
    if (json_next(json->source, &event, err))
        return -1;
    if (event.type != JSON_NULL) {
        if (event.type != JSON_ARRAY_BEGIN)
            return json_fail(json->source, event.offset, err, "%s must be an array", field->key);
        if (read_strings(json, field->key, &list, err))
            return -1;
    }
    if (list.size) {
        array.count = list.size / sizeof(const char *);
        array.data = arena_alloc(json->arena, list.size, 1);
        if (!array.data)
            return xgb_json_no_room(json, list.size, field->key, err);
        memcpy(array.data, list.data, list.size);
    }
    *(struct xgb_json_array *)member(target, field) = array;
    return 0;
}
