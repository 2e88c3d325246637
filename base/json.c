#include "base/json.h"

#include <math.h>

#include <jansson.h>
#include <string.h>

/* A json_doc is a json_t under another name. */
static json_t *unwrap(struct json_doc *document)
{
    return (json_t *)(void *)document;
}

static struct json_doc *wrap(json_t *value)
{
    return (struct json_doc *)(void *)value;
}

/* Set where an allocation failed while a document was built on this thread. */
static _Thread_local bool failed;

static json_t *checked(json_t *value)
{
    if (!value)
        failed = true;
    return value;
}

/* Text that is not UTF-8 cannot be JSON: it is shown as far as ASCII goes. */
static json_t *text_value(const char *text)
{
    json_t *value;
    char ascii[256];
    size_t i;

    if (!text)
        return json_null();
    value = json_string(text);
    if (value)
        return value;
    for (i = 0; text[i] && i < sizeof(ascii) - 1; i++)
        ascii[i] = (unsigned char)text[i] < 0x80 ? text[i] : '?';
    ascii[i] = '\0';
    return checked(json_string(ascii));
}

static void set(struct json_doc *object, const char *key, json_t *value)
{
    if (!object)
        json_decref(value);
    else if (json_object_set_new(unwrap(object), key, value))
        failed = true;
}

static void add(struct json_doc *array, json_t *value)
{
    if (!array)
        json_decref(value);
    else if (json_array_append_new(unwrap(array), value))
        failed = true;
}

struct json_doc *json_doc_object(void)
{
    return wrap(checked(json_object()));
}

struct json_doc *json_doc_array(void)
{
    return wrap(checked(json_array()));
}

void json_doc_set_text(struct json_doc *object, const char *key, const char *text)
{
    set(object, key, text_value(text));
}

void json_doc_set_integer(struct json_doc *object, const char *key, int64_t value)
{
    set(object, key, json_integer(value));
}

void json_doc_set_real(struct json_doc *object, const char *key, double value)
{
    set(object, key, isfinite(value) ? json_real(value) : json_null());
}

void json_doc_set_bool(struct json_doc *object, const char *key, bool value)
{
    set(object, key, json_boolean(value));
}

void json_doc_set(struct json_doc *object, const char *key, struct json_doc *value)
{
    set(object, key, unwrap(value));
}

void json_doc_add_text(struct json_doc *array, const char *text)
{
    add(array, text_value(text));
}

void json_doc_add_integer(struct json_doc *array, int64_t value)
{
    add(array, json_integer(value));
}

void json_doc_add(struct json_doc *array, struct json_doc *value)
{
    add(array, unwrap(value));
}

static int append(const char *text, size_t size, void *buffer)
{
    return buffer_append(buffer, text, size);
}

int json_doc_print(struct json_doc *document, struct buffer *ret)
{
    bool bad = failed || !document;

    failed = false;
    if (!bad)
        bad = json_dump_callback(unwrap(document), append, ret, JSON_INDENT(2)) ||
              buffer_append(ret, "\n", 1);
    json_decref(unwrap(document));
    return bad ? -1 : 0;
}

int json_doc_parse(struct bytes text, size_t max_size, struct json_doc **ret, struct err *err)
{
    json_error_t why;
    json_t *value;
    char *near;

    if (text.size > max_size)
        return err_set(err, ERR_LIMIT, "%zu bytes of JSON, more than %zu", text.size, max_size);
    value = json_loadb((const char *)text.data, text.size, 0, &why);
    if (value) {
        *ret = wrap(value);
        return 0;
    }
    if (json_error_code(&why) == json_error_out_of_memory)
        return err_memory(err, text.size, "a JSON document");
    near = strstr(why.text, " near '"); /* the bytes themselves may be anything */
    if (near)
        *near = '\0';
    return err_set(err, ERR_INPUT, "offset %d (line %d, column %d): %s", why.position, why.line,
                   why.column, why.text);
}

void json_doc_free(struct json_doc *document)
{
    json_decref(unwrap(document));
}

static const json_t *member(const struct json_doc *object, const char *key)
{
    return json_object_get((const json_t *)(const void *)object, key);
}

enum json_doc_kind json_doc_kind(const struct json_doc *object, const char *key)
{
    const json_t *value = member(object, key);

    if (!value)
        return JSON_DOC_ABSENT;
    switch (json_typeof(value)) {
    case JSON_NULL:
        return JSON_DOC_NULL;
    case JSON_TRUE:
    case JSON_FALSE:
        return JSON_DOC_BOOL;
    case JSON_INTEGER:
        return JSON_DOC_INTEGER;
    case JSON_REAL:
        return JSON_DOC_REAL;
    case JSON_STRING:
        return JSON_DOC_TEXT;
    case JSON_ARRAY:
        return JSON_DOC_ARRAY;
    case JSON_OBJECT:
        break;
    }
    return JSON_DOC_OBJECT;
}

bool json_doc_get_text(const struct json_doc *object, const char *key, struct bytes *ret)
{
    const json_t *value = member(object, key);

    if (!json_is_string(value))
        return false;
    *ret = bytes_of(json_string_value(value), json_string_length(value));
    return true;
}

bool json_doc_get_integer(const struct json_doc *object, const char *key, int64_t *ret)
{
    const json_t *value = member(object, key);

    if (!json_is_integer(value))
        return false;
    *ret = json_integer_value(value);
    return true;
}

bool json_doc_get_bool(const struct json_doc *object, const char *key, bool *ret)
{
    const json_t *value = member(object, key);

    if (!json_is_boolean(value))
        return false;
    *ret = json_is_true(value);
    return true;
}

const struct json_doc *json_doc_get_object(const struct json_doc *object, const char *key)
{
    const json_t *value = member(object, key);

    return json_is_object(value) ? (const struct json_doc *)(const void *)value : NULL;
}
