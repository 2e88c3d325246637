#pragma once
/*
 * The adapter of jansson: small JSON documents that the program makes for people and tools
 * (`inspect --json`). Never a body of rows and never an XGBoost model, which go through
 * base/json_reader.h. Names begin with json_doc_, because jansson's own begin with json_.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/memory.h"

struct json_doc; /* an object or an array under construction */

/* A value belongs to what it is added to. A failed allocation makes a NULL, adding to which does
 * nothing; json_doc_print finds the gap, so that building needs no checks. */
struct json_doc *json_doc_object(void);
struct json_doc *json_doc_array(void);
void json_doc_set_text(struct json_doc *object, const char *key, const char *text); /* NULL: null */
void json_doc_set_integer(struct json_doc *object, const char *key, int64_t value);
void json_doc_set_bool(struct json_doc *object, const char *key, bool value);
void json_doc_set(struct json_doc *object, const char *key, struct json_doc *value);
void json_doc_add_text(struct json_doc *array, const char *text);
void json_doc_add(struct json_doc *array, struct json_doc *value);

/* Appends the text, indented by two, keys in the order they were set, a line end last. Frees the
 * document. -1 where memory was short at any point. */
int json_doc_print(struct json_doc *document, struct buffer *ret) MUST_CHECK;
