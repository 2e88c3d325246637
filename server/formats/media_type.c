#include "server/formats/media_type.h"

#include <stdio.h>
#include <string.h>

#include "base/unicode.h"

/* A header is Latin-1 to the original: white space is what str.strip() removes from such text. */
static struct bytes trim(struct bytes text)
{
    while (text.size && unicode_is_space(text.data[0])) {
        text.data++;
        text.size--;
    }
    while (text.size && unicode_is_space(text.data[text.size - 1]))
        text.size--;
    return text;
}

/* Splits at the first `separator`; what follows it is *ret_rest, empty where there is none. */
static struct bytes split(struct bytes text, char separator, struct bytes *ret_rest)
{
    const uint8_t *at = text.size ? memchr(text.data, separator, text.size) : NULL;
    size_t size = at ? (size_t)(at - text.data) : text.size;

    *ret_rest = at ? bytes_of(at + 1, text.size - size - 1) : bytes_of(text.data, 0);
    return bytes_of(text.data, size);
}

/* The size of the first parameter: up to a ';' that is not between quotes. */
static size_t parameter_size(struct bytes text)
{
    bool quoted = false;
    size_t i;

    for (i = 0; i < text.size && (quoted || text.data[i] != ';'); i++) {
        if (text.data[i] == '"' && (i == 0 || text.data[i - 1] != '\\'))
            quoted = !quoted;
    }
    return i;
}

static struct bytes unquote(struct bytes value)
{
    if (value.size >= 2 && value.data[0] == '"' && value.data[value.size - 1] == '"')
        return bytes_of(value.data + 1, value.size - 2);
    return value;
}

/* The value of the parameter of that name, the last one where there are several. False where there
 * is none with a '='. */
static bool find_parameter(struct bytes parameters, const char *wanted, struct bytes *ret)
{
    bool found = false;

    for (;;) {
        size_t size = parameter_size(parameters);
        struct bytes value;
        struct bytes name = split(bytes_of(parameters.data, size), '=', &value);

        if (name.size < size && bytes_is_nocase(trim(name), wanted)) {
            *ret = unquote(trim(value));
            found = true;
        }
        if (size == parameters.size)
            return found;
        parameters.data += size + 1;
        parameters.size -= size + 1;
    }
}

/* Whether label_size, where it is given, is 1. */
static bool label_size_is_one(struct bytes parameters)
{
    struct bytes value;

    return !find_parameter(parameters, "label_size", &value) || bytes_is(value, "1");
}

/* Sets message to before, the header as it was sent, and after: in UTF-8. */
static int refuse(struct buffer *message, const char *before, struct bytes header,
                  const char *after)
{
    buffer_clear(message);
    if (buffer_append(message, before, strlen(before)))
        return -1;
    for (size_t i = 0; i < header.size; i++) {
        char character[4];

        if (buffer_append(message, character, unicode_encode(character, header.data[i])))
            return -1;
    }
    return buffer_append(message, after, strlen(after));
}

static enum content_type_result refuse_content(struct buffer *message, const char *before,
                                               struct bytes header, const char *after)
{
    return refuse(message, before, header, after) ? CONTENT_TYPE_NO_MEMORY : CONTENT_TYPE_REFUSED;
}

static const struct {
    const char *name;
    enum format format;
} content_types[] = {
    {"csv", FORMAT_CSV},
    {"text/csv", FORMAT_CSV},
    {"libsvm", FORMAT_LIBSVM},
    {"text/libsvm", FORMAT_LIBSVM},
    {"text/x-libsvm", FORMAT_LIBSVM},
    {"recordio-protobuf", FORMAT_RECORDIO},
    {"application/x-recordio-protobuf", FORMAT_RECORDIO},
    {"parquet", FORMAT_PARQUET},
    {"application/x-parquet", FORMAT_PARQUET},
    {"application/json", FORMAT_JSON},
    {"application/jsonlines", FORMAT_JSONLINES},
};

enum content_type_result content_type_parse(bool present, struct bytes header,
                                            const struct content_type_rules *rules,
                                            enum format *ret_format, struct buffer *message)
{
    struct bytes parameters;
    struct bytes type;

    if (!present) {
        *ret_format = FORMAT_LIBSVM;
        return CONTENT_TYPE_OK;
    }
    type = trim(split(header, ';', &parameters));
    if (bytes_is_nocase(type, "application/x-www-form-urlencoded") ||
        bytes_is_nocase(type, "multipart/form-data"))
        return CONTENT_TYPE_FORM;
    for (size_t i = 0; i < ARRAY_LENGTH(content_types); i++) {
        enum format format = content_types[i].format;

        if (!bytes_is_nocase(type, content_types[i].name))
            continue;
        if (!rules->json && (format == FORMAT_JSON || format == FORMAT_JSONLINES))
            break;
        if (format == FORMAT_PARQUET)
            return refuse_content(message, "Content-type ", header, " is not supported.");
        if (format == FORMAT_CSV && !label_size_is_one(parameters))
            return refuse_content(message, "", header,
                                  " is not an accepted csv ContentType. "
                                  "Optional parameter label_size must be equal to 1");
        *ret_format = format;
        return CONTENT_TYPE_OK;
    }
    return refuse_content(message, "", header,
                          " is not an accepted ContentType: csv, libsvm, parquet, "
                          "recordio-protobuf, text/csv, text/libsvm, text/x-libsvm, "
                          "application/x-parquet, application/x-recordio-protobuf.");
}

static const char *const accept_names[] = {
    [ACCEPT_CSV] = "text/csv",
    [ACCEPT_JSON] = "application/json",
    [ACCEPT_JSONLINES] = "application/jsonlines",
    [ACCEPT_RECORDIO] = "application/x-recordio-protobuf",
};

static const char npy_name[] = "application/x-npy";

enum accept_type accept_parse(bool present, struct bytes header, const char *default_accept,
                              struct buffer *message)
{
    struct bytes parameters;
    struct bytes type = present ? trim(split(header, ';', &parameters)) : bytes_text("");
    bool use_default = type.size == 0 || bytes_is(type, "*/*");

    if (use_default && !default_accept)
        return ACCEPT_CSV;
    for (size_t i = 0; i < ARRAY_LENGTH(accept_names); i++) {
        /* the environment's value is the name of an encoder, not a header */
        if (use_default ? strcmp(default_accept, accept_names[i]) == 0
                        : bytes_is_nocase(type, accept_names[i]))
            return (enum accept_type)i;
    }
    /* an encoder of the original's framework: the environment may name it, a header may not */
    if (use_default)
        return strcmp(default_accept, npy_name) == 0 ? ACCEPT_NPY : ACCEPT_NO_ENCODER;
    if (refuse(message, "Accept type ", type,
               " is not supported. Please use supported accept types: ['application/json', "
               "'application/jsonlines', 'application/x-recordio-protobuf', 'text/csv']."))
        return ACCEPT_NO_MEMORY;
    return ACCEPT_REFUSED;
}

const char *accept_content_type(enum accept_type accept)
{
    switch (accept) {
    case ACCEPT_CSV:
        return "text/csv; charset=utf-8";
    case ACCEPT_JSON:
    case ACCEPT_JSONLINES:
    case ACCEPT_RECORDIO:
        return accept_names[accept];
    case ACCEPT_NPY:
        return npy_name;
    case ACCEPT_REFUSED:
    case ACCEPT_NO_ENCODER:
    case ACCEPT_NO_MEMORY:
        break;
    }
    return "text/html; charset=utf-8";
}

/* An accept_type is the format of the same name. */
static const enum format builtin_formats[] = {
    [ACCEPT_CSV] = FORMAT_CSV,
    [ACCEPT_JSON] = FORMAT_JSON,
    [ACCEPT_JSONLINES] = FORMAT_JSONLINES,
    [ACCEPT_RECORDIO] = FORMAT_RECORDIO,
};

/* False where the text is no number from 0 to BUILTIN_LABEL_SIZE_MAX. */
static bool read_label_size(struct bytes text, uint32_t *ret)
{
    uint32_t value = 0;

    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        value = value * 10 + (uint32_t)(text.data[i] - '0');
        if (value > BUILTIN_LABEL_SIZE_MAX)
            return false;
    }
    *ret = value;
    return text.size > 0;
}

static void to_lower(struct buffer *text)
{
    for (size_t i = 0; i < text->size; i++) {
        if (text->data[i] >= 'A' && text->data[i] <= 'Z')
            text->data[i] += 'a' - 'A';
    }
}

enum content_type_result builtin_content_type_parse(bool present, struct bytes header,
                                                    struct builtin_content_type *ret,
                                                    struct buffer *message)
{
    struct bytes parameters = bytes_of(header.data, 0), value;
    struct bytes type = present ? trim(split(header, ';', &parameters)) : bytes_text("");
    struct builtin_content_type found = {.format = FORMAT_JSON};
    size_t i;

    for (i = 0; type.size && i < ARRAY_LENGTH(accept_names); i++) {
        if (bytes_is_nocase(type, accept_names[i]))
            break;
    }
    if (i == ARRAY_LENGTH(accept_names)) {
        if (refuse(message, "content-type ", type, " not supported"))
            return CONTENT_TYPE_NO_MEMORY;
        to_lower(message);
        return CONTENT_TYPE_REFUSED;
    }
    if (type.size)
        found.format = builtin_formats[i];
    if (found.format == FORMAT_CSV && find_parameter(parameters, "label_size", &value) &&
        !read_label_size(value, &found.label_size)) {
        char limit[64];

        snprintf(limit, sizeof(limit), "\" is not a whole number from 0 to %u",
                 BUILTIN_LABEL_SIZE_MAX);
        return refuse(message, "label_size \"", value, limit) ? CONTENT_TYPE_NO_MEMORY
                                                              : CONTENT_TYPE_BAD_PARAMETER;
    }
    *ret = found;
    return CONTENT_TYPE_OK;
}

/* The first type of a list that is supported. False where none is, or any will do: *ret_any. */
static bool find_accept(struct bytes list, bool csv, bool *ret_any, struct builtin_accept *ret)
{
    while (list.size) {
        struct bytes parameters, rest, value = bytes_of(NULL, 0);
        struct bytes type = trim(split(split(list, ',', &rest), ';', &parameters));
        bool verbose =
            find_parameter(parameters, "verbose", &value) && bytes_is_nocase(value, "true");

        for (size_t i = 0; i < ARRAY_LENGTH(accept_names); i++) {
            if (bytes_is_nocase(type, accept_names[i]) && (csv || i != ACCEPT_CSV)) {
                ret->type = (enum accept_type)i;
                ret->verbose |= verbose;
                return true;
            }
        }
        if (bytes_is(type, "*/*")) {
            ret->verbose |= verbose;
            *ret_any = true;
            return false;
        }
        list = rest;
    }
    return false;
}

struct builtin_accept builtin_accept_parse(bool present, struct bytes header,
                                           const char *default_accept, bool csv)
{
    struct builtin_accept accept = {.type = ACCEPT_JSON};
    bool any = !present || trim(header).size == 0;

    if (!any && find_accept(header, csv, &any, &accept))
        return accept;
    if (any && default_accept)
        (void)find_accept(bytes_text(default_accept), csv, &any, &accept);
    return accept;
}
