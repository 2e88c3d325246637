#include "base/json.h"

#include <jansson.h>

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
