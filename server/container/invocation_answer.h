#pragma once
/*
 * What the two ways to score a request (invocations.h, invocation_stream.h) answer in place of
 * predictions: the parts of an answer under one roof, and the texts.
 */

#include <stddef.h>

#include "base/memory.h"
#include "models/model.h"
#include "server/container/invocations.h"
#include "server/container/policy.h"
#include "server/formats/decode.h"

struct invocation_answer {
    struct buffer *body;
    struct invocation_result *result;
    char *why; /* one line for the log */
    size_t why_size;
    bool strict; /* refusals as short as the original's */
};

void invocation_answer_begin(const struct invocation_answer *answer);

/* The prefix and the text as the body. */
void invocation_answer_text(const struct invocation_answer *answer, int status, const char *prefix,
                            const struct buffer *text);

/* The framework's page for the status. */
void invocation_answer_page(const struct invocation_answer *answer, int status, const char *why);

void invocation_answer_no_memory(const struct invocation_answer *answer);

/* 503 or 500: scoring failed. */
void invocation_answer_failure(const struct invocation_answer *answer, const struct err *err);

/* What request and profile want: of scratch->predictions the answer, or why there is none. Where
 * `made`, the body is there already, of so many rows, by invocation_parts. In invocations.c. */
void invocation_answer_predictions(const struct invocation_answer *answer,
                                   const struct model *model, const struct invocation_rules *rules,
                                   const struct invocation *request, bool made, uint64_t rows,
                                   struct invocation_scratch *scratch);

/* A body that cannot be read. `message` is room for the text. */
void invocation_answer_fault(const struct invocation_answer *answer, const struct policy *policy,
                             enum format format, const struct decode_fault *fault,
                             struct buffer *message);

/* 400: what policy->columns_fit said. */
void invocation_answer_columns(const struct invocation_answer *answer, const struct policy *policy,
                               const struct buffer *message);
