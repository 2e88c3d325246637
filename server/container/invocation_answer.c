#include "server/container/invocation_answer.h"

#include <stdio.h>
#include <string.h>

void invocation_answer_begin(const struct invocation_answer *answer)
{
    *answer->result = (struct invocation_result){.status = 0};
    answer->why[0] = '\0';
    buffer_clear(answer->body);
}

/* One line for the log: the text's first line, control characters as spaces. */
static void tell(const struct invocation_answer *answer, const char *what, struct bytes detail)
{
    size_t n;

    snprintf(answer->why, answer->why_size, "%s%.*s", what,
             (int)(detail.size < 400 ? detail.size : 400), (const char *)detail.data);
    n = strlen(answer->why);
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)answer->why[i] < 0x20 || answer->why[i] == 0x7f)
            answer->why[i] = ' ';
    }
}

void invocation_answer_text(const struct invocation_answer *answer, int status, const char *prefix,
                            const struct buffer *text)
{
    answer->result->status = status;
    answer->result->content_type = "text/html; charset=utf-8";
    buffer_clear(answer->body);
    if (buffer_append(answer->body, prefix, strlen(prefix)) ||
        buffer_append(answer->body, text->data, text->size))
        buffer_clear(answer->body);
    tell(answer, "", bytes_of(answer->body->data, answer->body->size));
}

void invocation_answer_page(const struct invocation_answer *answer, int status, const char *why)
{
    answer->result->status = status;
    answer->result->content_type = NULL;
    tell(answer, why, bytes_of("", 0));
}

void invocation_answer_no_memory(const struct invocation_answer *answer)
{
    invocation_answer_page(answer, 503, "out of memory for this request");
}

void invocation_answer_failure(const struct invocation_answer *answer, const struct err *err)
{
    if (err->kind == ERR_MEMORY)
        invocation_answer_no_memory(answer);
    else
        invocation_answer_page(answer, 500, err->text);
}

const char *invocation_format_name(enum format format)
{
    switch (format) {
    case FORMAT_CSV:
        return "csv";
    case FORMAT_LIBSVM:
        return "libsvm";
    case FORMAT_RECORDIO:
        return "recordio-protobuf";
    case FORMAT_JSON:
    case FORMAT_JSONLINES:
        return "json";
    case FORMAT_PARQUET:
        break;
    }
    return "parquet";
}

/*
 * 415: "Loading csv data failed with Exception, please ensure data is in csv format:\n <class ...".
 * The parts stand on lines of their own for csv and libsvm, else on one; JSON, which the original
 * does not read, has no exception class.
 */
void invocation_answer_fault(const struct invocation_answer *answer, enum format format,
                             const struct decode_fault *fault, struct buffer *message)
{
    const char *between = format == FORMAT_CSV || format == FORMAT_LIBSVM ? "\n " : " ";
    bool json = format == FORMAT_JSON || format == FORMAT_JSONLINES;
    const char *name = invocation_format_name(format);

    if (fault->out_of_memory) {
        invocation_answer_no_memory(answer);
        return;
    }
    buffer_clear(message);
    if (buffer_print(message,
                     "Loading %s data failed with Exception, please ensure data is in %s format:%s",
                     name, name, between) ||
        (!json && buffer_print(message, "<class '%s'>%s", fault->exception, between)) ||
        buffer_append(message, fault->message.data, fault->message.size)) {
        invocation_answer_no_memory(answer);
        return;
    }
    invocation_answer_text(answer, 415, "", message);
}

void invocation_answer_columns(const struct invocation_answer *answer, const struct buffer *message)
{
    if (message->size == 0)
        invocation_answer_no_memory(answer);
    else
        invocation_answer_text(answer, 400, "Unable to evaluate payload provided: ", message);
}
