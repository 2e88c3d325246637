#pragma once
/*
 * Bodies of the multi-model API (xgboost-container 7.3 to 7.5). Control answers are JSON in the
 * layout of the original's writer: indented by two, ": ", a line end last, and the characters
 * < > & = ' as \u00XX.
 *
 * Each function appends to `body` and returns -1 where memory is short.
 */

#include <stdint.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/memory.h"
#include "models/registry.h"

/* A JSON text in its quotes. What is not UTF-8 becomes U+FFFD. */
int mme_answer_text(struct buffer *body, struct bytes text) MUST_CHECK;

/* {"status": TEXT} */
int mme_answer_status(struct buffer *body, struct bytes text) MUST_CHECK;

/* {"code": STATUS, "type": TYPE, "message": MESSAGE} */
int mme_answer_error(struct buffer *body, int status, const char *type,
                     struct bytes message) MUST_CHECK;

/* {"nextPageToken": "N", "models": [{"modelName": ..., "modelUrl": ...}, ...]}; next < 0: without
 * the token. */
int mme_answer_list(struct buffer *body, struct registry_entry *const *entries, size_t count,
                    int64_t next) MUST_CHECK;

/* One model in full. */
int mme_answer_model(struct buffer *body, struct registry_entry *entry) MUST_CHECK;

/* What GET /execution-parameters answers. */
int mme_answer_execution_parameters(struct buffer *body, uint64_t body_max) MUST_CHECK;

/* A short OpenAPI document: OPTIONS /. */
int mme_answer_api(struct buffer *body) MUST_CHECK;
