#pragma once
/*
 * The adapter of jansson: small JSON documents that the program makes for people and tools
 * (`inspect --json`), and those that it is given to control it. Never a body of rows and never an
 * XGBoost model, which go through base/json_reader.h. Names begin with json_doc_, because jansson's
 * own begin with json_.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/err.h"
#include "base/memory.h"

struct json_doc; /* an object or an array, under construction or as it was read */

/* A value belongs to what it is added to. A failed allocation makes a NULL, adding to which does
 * nothing; json_doc_print finds the gap, so that building needs no checks. */
struct json_doc *json_doc_object(void);
struct json_doc *json_doc_array(void);
void json_doc_set_text(struct json_doc *object, const char *key, const char *text); /* NULL: null */
void json_doc_set_integer(struct json_doc *object, const char *key, int64_t value);
/* Printed with the digits that read back to the same number; null where it is not finite. */
void json_doc_set_real(struct json_doc *object, const char *key, double value);
void json_doc_set_bool(struct json_doc *object, const char *key, bool value);
void json_doc_set(struct json_doc *object, const char *key, struct json_doc *value);
void json_doc_add_text(struct json_doc *array, const char *text);
void json_doc_add_integer(struct json_doc *array, int64_t value);
void json_doc_add(struct json_doc *array, struct json_doc *value);

/* Appends the text, indented by two, keys in the order they were set, a line end last. Frees the
 * document. -1 where memory was short at any point. */
int json_doc_print(struct json_doc *document, struct buffer *ret) MUST_CHECK;

/*
 * Reads a whole text, an object or an array of at most max_size bytes; of two equal keys the last
 * one counts. ERR_INPUT: where it is no JSON; ERR_LIMIT: too large; ERR_MEMORY. Give back with
 * json_doc_free.
 */
int json_doc_parse(struct bytes text, size_t max_size, struct json_doc **ret,
                   struct err *err) MUST_CHECK;
void json_doc_free(struct json_doc *document); /* NULL is fine */

enum json_doc_kind {
    JSON_DOC_ABSENT, /* no such key, or no object at all */
    JSON_DOC_NULL,
    JSON_DOC_BOOL,
    JSON_DOC_INTEGER,
    JSON_DOC_REAL,
    JSON_DOC_TEXT,
    JSON_DOC_ARRAY,
    JSON_DOC_OBJECT,
};

enum json_doc_kind json_doc_kind(const struct json_doc *object, const char *key);

/* Members of an object; false, and nothing written, where the key is absent or of another kind.
 * A text is UTF-8 without NUL, and lives as long as the document. */
bool json_doc_get_text(const struct json_doc *object, const char *key, struct bytes *ret);
bool json_doc_get_integer(const struct json_doc *object, const char *key, int64_t *ret);
bool json_doc_get_bool(const struct json_doc *object, const char *key, bool *ret);

/* A member that is an object, as long as the document lives; NULL where it is none. */
const struct json_doc *json_doc_get_object(const struct json_doc *object, const char *key);
