#include "server/container/mme_answer.h"

#include <string.h>
#include <time.h>

#include "base/unicode.h"

static int put(struct buffer *body, const char *text)
{
    return buffer_append(body, text, strlen(text));
}

/* Whether a character is written as \uXXXX, beyond those with an escape of their own. */
static bool is_escaped(uint32_t code)
{
    return code < 0x20 || code == '<' || code == '>' || code == '&' || code == '=' ||
           code == '\'' || code == 0x2028 || code == 0x2029;
}

static int put_character(struct buffer *body, const char *text, size_t size, uint32_t code)
{
    static const char plain[] = "\"\\\b\f\n\r\t";
    static const char letters[] = "\"\\bfnrt";
    const char *at = code && code < 0x80 ? strchr(plain, (int)code) : NULL;

    if (at) {
        char escape[2] = {'\\', letters[at - plain]};

        return buffer_append(body, escape, 2);
    }
    if (is_escaped(code))
        return buffer_print(body, "\\u%04x", code);
    return buffer_append(body, text, size);
}

int mme_answer_text(struct buffer *body, struct bytes text)
{
    const char *at = (const char *)text.data;
    size_t left = text.size;

    if (put(body, "\""))
        return -1;
    while (left) {
        struct unicode_fault fault;
        size_t valid = unicode_check(at, left, &fault);

        left -= valid;
        while (valid) {
            uint32_t code;
            size_t size = unicode_decode(at, valid, &code);

            if (put_character(body, at, size, code))
                return -1;
            at += size;
            valid -= size;
        }
        if (left) { /* one bad byte */
            if (put(body, "\xef\xbf\xbd"))
                return -1;
            at++;
            left--;
        }
    }
    return put(body, "\"");
}

/* BEFORE "text" AFTER */
static int put_quoted(struct buffer *body, const char *before, struct bytes text, const char *after)
{
    if (put(body, before) || mme_answer_text(body, text))
        return -1;
    return put(body, after);
}

int mme_answer_status(struct buffer *body, struct bytes text)
{
    return put_quoted(body, "{\n  \"status\": ", text, "\n}\n");
}

int mme_answer_error(struct buffer *body, int status, const char *type, struct bytes message)
{
    if (buffer_print(body, "{\n  \"code\": %d,\n  \"type\": \"%s\",\n", status, type))
        return -1;
    return put_quoted(body, "  \"message\": ", message, "\n}\n");
}

int mme_answer_list(struct buffer *body, struct registry_entry *const *entries, size_t count,
                    int64_t next)
{
    if (put(body, "{\n"))
        return -1;
    if (next >= 0 && buffer_print(body, "  \"nextPageToken\": \"%lld\",\n", (long long)next))
        return -1;
    if (put(body, "  \"models\": ["))
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (put(body, i ? ",\n    {\n" : "\n    {\n") ||
            put_quoted(body, "      \"modelName\": ", registry_name(entries[i]), ",\n") ||
            put_quoted(body, "      \"modelUrl\": ", registry_url(entries[i]), "\n    }"))
            return -1;
    }
    return put(body, count ? "\n  ]\n}\n" : "]\n}\n");
}

/* Workers, as the original counts them. Here every thread serves every model: they are told as many
 * as were asked for, all alike. */
#define WORKERS_SHOWN_MAX 100

static int put_workers(struct buffer *body, const struct registry_info *info)
{
    int64_t count = info->attributes.min_workers;
    char when[32] = "";
    struct tm tm;

    if (count > WORKERS_SHOWN_MAX)
        count = WORKERS_SHOWN_MAX;
    if (gmtime_r(&info->loaded_at.tv_sec, &tm))
        strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
    if (put(body, "  \"workers\": ["))
        return -1;
    for (int64_t i = 0; i < count; i++) {
        if (buffer_print(body,
                         "%s\n    {\n      \"id\": \"%lld\",\n      \"startTime\": \"%s.%03ldZ\",\n"
                         "      \"status\": \"READY\",\n      \"gpu\": false,\n"
                         "      \"memoryUsage\": %llu\n    }",
                         i ? "," : "", (long long)(9000 + i), when,
                         info->loaded_at.tv_nsec / 1000000, (unsigned long long)info->bytes))
            return -1;
    }
    return put(body, count > 0 ? "\n  ]\n}\n" : "]\n}\n");
}

int mme_answer_model(struct buffer *body, struct registry_entry *entry)
{
    struct registry_info info;

    registry_describe(entry, &info);
    if (put(body, "{\n") || put_quoted(body, "  \"modelName\": ", registry_name(entry), ",\n") ||
        put_quoted(body, "  \"modelUrl\": ", registry_url(entry), ",\n") ||
        buffer_print(body,
                     "  \"runtime\": \"python\",\n  \"minWorkers\": %lld,\n"
                     "  \"maxWorkers\": %lld,\n  \"batchSize\": %lld,\n"
                     "  \"maxBatchDelay\": %lld,\n  \"loadedAtStartup\": false,\n",
                     (long long)info.attributes.min_workers, (long long)info.attributes.max_workers,
                     (long long)info.attributes.batch_size,
                     (long long)info.attributes.max_batch_delay))
        return -1;
    return put_workers(body, &info);
}

int mme_answer_execution_parameters(struct buffer *body, uint64_t body_max)
{
    return buffer_print(body,
                        "{\n  \"MaxConcurrentTransforms\": 1,\n"
                        "  \"BatchStrategy\": \"MULTI_RECORD\",\n  \"MaxPayloadInMB\": %llu\n}",
                        (unsigned long long)(body_max / 1048576));
}

int mme_answer_api(struct buffer *body)
{
    static const struct {
        const char *path;
        const char *methods[4];
    } paths[] = {
        {"/ping", {"get"}},
        {"/execution-parameters", {"get"}},
        {"/models", {"get", "post"}},
        {"/models/{model_name}", {"get", "put", "delete"}},
        {"/models/{model_name}/invoke", {"post"}},
        {"/invocations", {"post"}},
        {"/predictions/{model_name}", {"post"}},
    };

    if (put(body, "{\n  \"openapi\": \"3.0.1\",\n  \"info\": {\n    \"title\": \"endpointd\",\n"
                  "    \"version\": \"" ENDPOINTD_VERSION "\"\n  },\n  \"paths\": {"))
        return -1;
    for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
        if (buffer_print(body, "%s\n    \"%s\": {", i ? "," : "", paths[i].path))
            return -1;
        for (size_t k = 0; k < ARRAY_LENGTH(paths[i].methods) && paths[i].methods[k]; k++) {
            if (buffer_print(body, "%s\n      \"%s\": {}", k ? "," : "", paths[i].methods[k]))
                return -1;
        }
        if (put(body, "\n    }"))
            return -1;
    }
    return put(body, "\n  }\n}\n");
}
