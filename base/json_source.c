/* What the sources of JSON events have in common: errors, texts, arrays of numbers. */
#include <stdarg.h>
#include <stdio.h>

#include "base/json_reader.h"
#include "base/number_parse.h"

int json_fail(const struct json_source *source, size_t offset, struct err *err, const char *format,
              ...)
{
    char text[ERR_TEXT_SIZE];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return err_set(err, ERR_INPUT, "offset %zu: %s", source->base + offset, text);
}

int json_expect(struct json_source *source, enum json_type type, const char *what,
                struct json_event *ret, struct err *err)
{
    static const char *const names[] = {
        [JSON_END] = "nothing",        [JSON_OBJECT_BEGIN] = "an object",
        [JSON_OBJECT_END] = "nothing", [JSON_ARRAY_BEGIN] = "an array",
        [JSON_ARRAY_END] = "nothing",  [JSON_KEY] = "a key",
        [JSON_STRING] = "a string",    [JSON_INTEGER] = "an integer",
        [JSON_REAL] = "a real number", [JSON_TRUE] = "true",
        [JSON_FALSE] = "false",        [JSON_NULL] = "null",
    };
    struct json_event event;

    if (json_next(source, &event, err))
        return -1;
    if (event.type != type)
        return json_fail(source, event.offset, err, "%s must be %s, not %s", what, names[type],
                         names[event.type]);
    *ret = event;
    return 0;
}

/* What may follow a backslash, but for 'u', and the character that it stands for. */
static const char escapes[] = "nrtbf\"\\/";
static const char escaped[] = "\n\r\t\b\f\"\\/";

char *json_text(const struct json_event *event, struct arena *arena)
{
    char *text = arena_text(arena, event->text.data, event->text.size);
    size_t used = 0;

    if (!text || !event->escaped)
        return text;
    for (size_t i = 0; i < event->text.size; i++) {
        char next = text[i + 1]; /* of the last byte: the NUL */
        const char *found = text[i] == '\\' && next ? strchr(escapes, next) : NULL;

        if (found) {
            text[used++] = escaped[found - escapes];
            i++;
        } else {
            text[used++] = text[i];
        }
    }
    text[used] = '\0';
    return text;
}

/* The code of an escape at text[0], a backslash, and the bytes it has. 0 of them where it is none.
 */
static size_t read_escape(struct bytes text, uint32_t *ret_code)
{
    const char *found = text.size > 1 && text.data[1] ? strchr(escapes, text.data[1]) : NULL;

    *ret_code = 0;
    if (found) {
        *ret_code = (uint8_t)escaped[found - escapes];
        return 2;
    }
    if (text.size < 6 || text.data[1] != 'u')
        return 0;
    for (size_t i = 2; i < 6; i++) {
        uint8_t c = text.data[i];
        uint8_t letter = c | 0x20;

        if (c >= '0' && c <= '9')
            *ret_code = *ret_code << 4 | (uint32_t)(c - '0');
        else if (letter >= 'a' && letter <= 'f')
            *ret_code = *ret_code << 4 | (uint32_t)(letter - 'a' + 10);
        else
            return 0;
    }
    return 6;
}

bool json_text_is(const struct json_event *event, const char *ascii)
{
    struct bytes text = event->text;

    if (!event->escaped)
        return bytes_is(text, ascii);
    for (; *ascii && text.size; ascii++) {
        uint32_t code = text.data[0];
        size_t n = code == '\\' ? read_escape(text, &code) : 1;

        if (n == 0 || code != (uint8_t)*ascii)
            return false;
        text = bytes_of(text.data + n, text.size - n);
    }
    return !*ascii && text.size == 0;
}

int json_no_room(const struct json_source *source, const struct arena *arena, size_t size,
                 const char *what, struct err *err)
{
    size_t left = arena->cap - arena->used;

    /* 64: what the arena itself needs for a new chunk */
    if (left >= 64 && size <= left - 64)
        return err_memory(err, size, what);
    return err_set(err, ERR_LIMIT,
                   "offset %zu: more memory is needed than the %zu bytes that are allowed (%s)",
                   source->base + cursor_offset(&source->cursor), arena->cap, what);
}

int json_array_new(const struct json_source *source, enum json_element element, size_t count,
                   size_t max, struct arena *arena, void **ret, struct err *err)
{
    static const size_t sizes[] = {
        [JSON_F32] = sizeof(float),   [JSON_F64] = sizeof(double), [JSON_I32] = sizeof(int32_t),
        [JSON_I64] = sizeof(int64_t), [JSON_U8] = sizeof(uint8_t),
    };
    size_t size = sizes[element];
    void *array;

    if (count > max)
        return json_fail(source, cursor_offset(&source->cursor), err,
                         "an array of %zu numbers where at most %zu may be", count, max);
    array = arena_alloc(arena, count, size);
    if (!array)
        return json_no_room(source, arena, count * size, "an array of numbers", err);
    *ret = array;
    return 0;
}

/* The event as an integer in min..max. */
static bool whole_number(const struct json_event *event, int64_t min, int64_t max, int64_t *ret)
{
    int64_t value;

    switch (event->type) {
    case JSON_INTEGER:
        value = event->integer;
        break;
    case JSON_REAL:
        if (!(event->real > -0x1p53 && event->real < 0x1p53))
            return false;
        value = (int64_t)event->real;
        if ((double)value != event->real)
            return false;
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        value = event->type == JSON_TRUE;
        break;
    default:
        return false;
    }
    *ret = value;
    return value >= min && value <= max;
}

static bool real_number(const struct json_event *event)
{
    return event->type == JSON_REAL || event->type == JSON_INTEGER;
}

int json_array_set(const struct json_source *source, enum json_element element, void *array,
                   size_t i, const struct json_event *event, struct err *err)
{
    int64_t integer = 0;
    bool good = false;
    char quoted[64];

    switch (element) {
    case JSON_F32:
        good = real_number(event);
        if (!good)
            break;
        if (event->text.size) /* rounded once: from the decimal text, not from the double */
            good = number_parse_json_f32((const char *)event->text.data, event->text.size,
                                         (float *)array + i) == NUMBER_OK;
        else if (event->type == JSON_INTEGER)
            ((float *)array)[i] = (float)event->integer;
        else
            ((float *)array)[i] = (float)event->real;
        break;
    case JSON_F64:
        good = real_number(event);
        ((double *)array)[i] = event->real;
        break;
    case JSON_I32:
        good = whole_number(event, INT32_MIN, INT32_MAX, &integer);
        ((int32_t *)array)[i] = (int32_t)integer;
        break;
    case JSON_I64:
        good = whole_number(event, INT64_MIN, INT64_MAX, &integer);
        ((int64_t *)array)[i] = integer;
        break;
    case JSON_U8:
        good = whole_number(event, 0, UINT8_MAX, &integer);
        ((uint8_t *)array)[i] = (uint8_t)integer;
        break;
    }
    if (good)
        return 0;
    if (!event->text.size)
        return json_fail(source, event->offset, err, "element %zu is not a number in range", i);
    return json_fail(source, event->offset, err, "element %zu, %s, is not a number in range", i,
                     err_quote(quoted, sizeof(quoted), event->text.data, event->text.size));
}
