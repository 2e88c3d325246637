/*
 * Paths are split at '/' and then decoded, so that a name may hold an encoded one. A query is
 * NAME=VALUE joined by '&'.
 */
#include "server/container/mme_request.h"

#include <string.h>

#include "base/json.h"
#include "base/unicode.h"

static struct bytes next_segment(struct bytes *path)
{
    const uint8_t *slash;
    struct bytes segment;

    while (path->size && path->data[0] == '/')
        *path = bytes_of(path->data + 1, path->size - 1);
    slash = path->size ? memchr(path->data, '/', path->size) : NULL;
    segment = bytes_of(path->data, slash ? (size_t)(slash - path->data) : path->size);
    *path = bytes_of(path->data + segment.size, path->size - segment.size);
    return segment;
}

enum mme_route mme_route(struct bytes path, struct bytes *ret_name)
{
    struct bytes first = next_segment(&path);
    struct bytes second = next_segment(&path);
    struct bytes third = next_segment(&path);
    struct bytes fourth = next_segment(&path);
    bool one = second.size == 0;
    bool two = !one && third.size == 0;

    *ret_name = bytes_of("", 0);
    if (first.size == 0 || bytes_is(first, "*"))
        return one ? MME_ROUTE_ROOT : MME_ROUTE_NONE;
    if (one) {
        if (bytes_is(first, "ping"))
            return MME_ROUTE_PING;
        if (bytes_is(first, "execution-parameters"))
            return MME_ROUTE_EXECUTION_PARAMETERS;
        if (bytes_is(first, "invocations"))
            return MME_ROUTE_INVOCATIONS;
        return bytes_is(first, "models") ? MME_ROUTE_MODELS : MME_ROUTE_NONE;
    }
    *ret_name = second;
    if (two && bytes_is(first, "predictions"))
        return MME_ROUTE_INVOKE;
    if (two && bytes_is(first, "models"))
        return MME_ROUTE_MODEL;
    if (bytes_is(first, "models") && bytes_is(third, "invoke") && fourth.size == 0)
        return MME_ROUTE_INVOKE;
    return MME_ROUTE_NONE;
}

static int hex(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Whether it is UTF-8 without control characters: what may be shown in JSON, logs and paths. */
static bool is_clean(const char *text, size_t size)
{
    struct unicode_fault fault;

    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return false;
    }
    return unicode_check(text, size, &fault) == size;
}

enum mme_decoded mme_decode(struct bytes text, bool query, struct mme_text *ret)
{
    size_t n = 0;

    ret->size = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];

        if (c == '%') {
            int high = i + 2 < text.size ? hex(text.data[i + 1]) : -1;
            int low = high >= 0 ? hex(text.data[i + 2]) : -1;

            if (low < 0)
                return MME_MALFORMED;
            c = (uint8_t)(high << 4 | low);
            i += 2;
        } else if (c == '+' && query) {
            c = ' ';
        }
        if (n == sizeof(ret->data) - 1)
            return MME_TOO_LONG;
        ret->data[n++] = (char)c;
    }
    if (!is_clean(ret->data, n))
        return MME_MALFORMED;
    ret->data[n] = '\0';
    ret->size = n;
    return MME_DECODED;
}

enum mme_decoded mme_parameter(struct bytes query, const char *name, struct mme_text *ret)
{
    while (query.size) {
        const uint8_t *end = memchr(query.data, '&', query.size);
        size_t size = end ? (size_t)(end - query.data) : query.size;
        const uint8_t *equals = size ? memchr(query.data, '=', size) : NULL;
        size_t key = equals ? (size_t)(equals - query.data) : size;

        if (bytes_is(bytes_of(query.data, key), name)) {
            size_t skip = key < size ? key + 1 : key;

            return mme_decode(bytes_of(query.data + skip, size - skip), true, ret);
        }
        size += end ? 1 : 0;
        query = bytes_of(query.data + size, query.size - size);
    }
    ret->size = 0;
    return MME_NOT_THERE;
}

/* An optional sign and digits. False where it is anything else, or beyond 32 bits. */
static bool whole_number(struct bytes text, int64_t *ret)
{
    bool negative = text.size && text.data[0] == '-';
    size_t i = text.size && (negative || text.data[0] == '+') ? 1 : 0;
    int64_t value = 0;

    if (i == text.size)
        return false;
    for (; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        value = value * 10 + (text.data[i] - '0');
        if (value > (int64_t)INT32_MAX + negative)
            return false;
    }
    *ret = negative ? -value : value;
    return true;
}

int64_t mme_parameter_number(struct bytes query, const char *name, int64_t otherwise)
{
    struct mme_text text;
    int64_t value;

    if (mme_parameter(query, name, &text) != MME_DECODED ||
        !whole_number(bytes_of(text.data, text.size), &value))
        return otherwise;
    return value;
}

bool mme_parameter_bool(struct bytes query, const char *name, bool otherwise)
{
    struct mme_text text;

    if (mme_parameter(query, name, &text) != MME_DECODED)
        return otherwise;
    return bytes_is_nocase(bytes_of(text.data, text.size), "true");
}

/* POST /models. */

static bool is_json(struct bytes content_type)
{
    const uint8_t *end =
        content_type.size ? memchr(content_type.data, ';', content_type.size) : NULL;

    if (end)
        content_type.size = (size_t)(end - content_type.data);
    return bytes_is_nocase(bytes_trim(content_type), "application/json");
}

static enum mme_load_result bad_json(struct err *err, const char *key, const char *kind)
{
    err_set(err, ERR_INPUT, "%s must be %s", key, kind);
    return MME_LOAD_BAD_JSON;
}

static enum mme_load_result json_text(const struct json_doc *doc, const char *key,
                                      struct mme_text *ret, struct err *err)
{
    enum json_doc_kind kind = json_doc_kind(doc, key);
    struct bytes text;

    ret->size = 0;
    ret->data[0] = '\0';
    if (kind == JSON_DOC_ABSENT || kind == JSON_DOC_NULL)
        return MME_LOAD_OK;
    if (!json_doc_get_text(doc, key, &text))
        return bad_json(err, key, "a text");
    if (text.size > sizeof(ret->data) - 1 || !is_clean((const char *)text.data, text.size)) {
        err_set(err, ERR_INPUT, "Parameter %s has control characters or is longer than %zu bytes.",
                key, sizeof(ret->data) - 1);
        return MME_LOAD_BAD_PARAMETER;
    }
    memcpy(ret->data, text.data, text.size);
    ret->data[text.size] = '\0';
    ret->size = text.size;
    return MME_LOAD_OK;
}

/* A number or, as the original's reader allows, its text. */
static enum mme_load_result json_number(const struct json_doc *doc, const char *key, int64_t *ret,
                                        struct err *err)
{
    enum json_doc_kind kind = json_doc_kind(doc, key);
    struct bytes text;

    if (kind == JSON_DOC_ABSENT || kind == JSON_DOC_NULL || json_doc_get_integer(doc, key, ret) ||
        (json_doc_get_text(doc, key, &text) && whole_number(text, ret)))
        return MME_LOAD_OK;
    return bad_json(err, key, "a whole number");
}

static enum mme_load_result json_bool(const struct json_doc *doc, const char *key, bool *ret,
                                      struct err *err)
{
    enum json_doc_kind kind = json_doc_kind(doc, key);
    struct bytes text;

    if (kind == JSON_DOC_ABSENT || kind == JSON_DOC_NULL || json_doc_get_bool(doc, key, ret))
        return MME_LOAD_OK;
    if (!json_doc_get_text(doc, key, &text))
        return bad_json(err, key, "true or false");
    *ret = bytes_is_nocase(text, "true");
    return MME_LOAD_OK;
}

static enum mme_load_result from_members(const struct json_doc *doc, struct mme_load *ret,
                                         struct err *err)
{
    enum mme_load_result result = json_text(doc, "model_name", &ret->name, err);

    if (result == MME_LOAD_OK)
        result = json_text(doc, "url", &ret->url, err);
    if (result == MME_LOAD_OK)
        result = json_number(doc, "initial_workers", &ret->initial_workers, err);
    if (result == MME_LOAD_OK)
        result = json_number(doc, "batch_size", &ret->batch_size, err);
    if (result == MME_LOAD_OK)
        result = json_number(doc, "max_batch_delay", &ret->max_batch_delay, err);
    if (result == MME_LOAD_OK)
        result = json_bool(doc, "synchronous", &ret->synchronous, err);
    return result;
}

static enum mme_load_result from_json(struct bytes body, struct mme_load *ret, struct err *err)
{
    struct json_doc *doc = NULL;
    enum mme_load_result result;

    if (body.size == 0 || body.data[0] != '{') {
        err_set(err, ERR_INPUT,
                "the body must be a JSON object, such as {\"model_name\": \"NAME\", \"url\": "
                "\"/PATH\"}");
        return body.size ? MME_LOAD_BAD_JSON : MME_LOAD_NO_JSON;
    }
    if (json_doc_parse(body, MME_LOAD_BODY_MAX, &doc, err))
        return err->kind == ERR_MEMORY ? MME_LOAD_NO_MEMORY : MME_LOAD_BAD_JSON;
    result = from_members(doc, ret, err);
    json_doc_free(doc);
    return result;
}

static enum mme_load_result query_text(struct bytes query, const char *key, struct mme_text *ret,
                                       struct err *err)
{
    enum mme_decoded decoded = mme_parameter(query, key, ret);

    if (decoded == MME_DECODED || decoded == MME_NOT_THERE)
        return MME_LOAD_OK;
    err_set(err, ERR_INPUT, "Parameter %s is %s.", key,
            decoded == MME_TOO_LONG ? "too long" : "not percent-encoded UTF-8 text");
    return MME_LOAD_BAD_PARAMETER;
}

static enum mme_load_result from_query(struct bytes query, struct mme_load *ret, struct err *err)
{
    enum mme_load_result result = query_text(query, "model_name", &ret->name, err);

    if (result == MME_LOAD_OK)
        result = query_text(query, "url", &ret->url, err);
    ret->initial_workers = mme_parameter_number(query, "initial_workers", -1);
    ret->batch_size = mme_parameter_number(query, "batch_size", ret->batch_size);
    ret->max_batch_delay = mme_parameter_number(query, "max_batch_delay", ret->max_batch_delay);
    ret->synchronous = mme_parameter_bool(query, "synchronous", true);
    return result;
}

static enum mme_load_result check(const struct mme_load *load, struct err *err)
{
    const char *missing = load->url.size == 0 ? "url" : load->name.size == 0 ? "model_name" : NULL;

    if (missing) {
        err_set(err, ERR_INPUT, "Parameter %s is required.", missing);
        return MME_LOAD_BAD_PARAMETER;
    }
    if (bytes_contains(bytes_of(load->url.data, load->url.size), ".."))
        return MME_LOAD_RELATIVE;
    if (load->name.size > REGISTRY_NAME_MAX) {
        err_set(err, ERR_INPUT, "Parameter model_name is longer than %d bytes.", REGISTRY_NAME_MAX);
        return MME_LOAD_BAD_PARAMETER;
    }
    return MME_LOAD_OK;
}

enum mme_load_result mme_load_parse(struct bytes content_type, struct bytes query,
                                    struct bytes body, struct mme_load *ret, struct err *err)
{
    enum mme_load_result result;

    ret->name.size = ret->url.size = 0;
    ret->initial_workers = -1;
    ret->batch_size = 1;
    ret->max_batch_delay = 100;
    ret->synchronous = true;
    body = bytes_trim(body);
    result = from_query(query, ret, err);
    if (result == MME_LOAD_OK && ret->url.size == 0 &&
        (is_json(content_type) || (body.size && body.data[0] == '{')))
        result = from_json(body, ret, err);
    return result == MME_LOAD_OK ? check(ret, err) : result;
}
