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

/* The log is told the reason in any case. */
static void refuse(const struct invocation_answer *answer, const struct policy *policy, int status,
                   const char *prefix, const struct buffer *text)
{
    const char *shorter = answer->strict ? policy->strict_refusal : NULL;

    invocation_answer_text(answer, status, prefix, text);
    if (!shorter)
        return;
    buffer_clear(answer->body);
    if (buffer_append(answer->body, shorter, strlen(shorter)))
        invocation_answer_no_memory(answer);
}

void invocation_answer_fault(const struct invocation_answer *answer, const struct policy *policy,
                             enum format format, const struct decode_fault *fault,
                             struct buffer *message)
{
    buffer_clear(message);
    if (fault->out_of_memory || policy->print_fault(format, fault, message))
        invocation_answer_no_memory(answer);
    else
        refuse(answer, policy, policy->fault_status, "", message);
}

void invocation_answer_columns(const struct invocation_answer *answer, const struct policy *policy,
                               const struct buffer *message)
{
    if (message->size == 0)
        invocation_answer_no_memory(answer);
    else
        refuse(answer, policy, 400, policy->columns_prefix, message);
}
