#pragma once
/*
 * The two negotiations of the XGBoost image, neither of which is RFC 9110's: what a Content-Type
 * header means (xgboost-container 3.2), and what an Accept header asks for (4.1). Headers are taken
 * as Latin-1, as the originals take them; a `message` replaces what the buffer held, and is UTF-8.
 */

#include <stdbool.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/memory.h"
#include "server/formats/decode.h"

enum content_type_result {
    CONTENT_TYPE_OK,      /* *ret_format is set */
    CONTENT_TYPE_FORM,    /* application/x-www-form-urlencoded or multipart/form-data */
    CONTENT_TYPE_REFUSED, /* `message` has the original's text; answer 415 */
    CONTENT_TYPE_NO_MEMORY,
    CONTENT_TYPE_BAD_PARAMETER, /* of the built-ins: `message` says what is wrong; answer 400 */
};

struct content_type_rules {
    bool json; /* application/json and application/jsonlines are read (ours: the original, and so
                * --strict, refuses them in the words for an unknown type) */
};

/* present is false where there is no such header (then libsvm). */
enum content_type_result content_type_parse(bool present, struct bytes header,
                                            const struct content_type_rules *rules,
                                            enum format *ret_format, struct buffer *message);

enum accept_type {
    ACCEPT_CSV,
    ACCEPT_JSON,
    ACCEPT_JSONLINES,
    ACCEPT_RECORDIO,
    ACCEPT_REFUSED,    /* `message` has the original's text; answer 406 */
    ACCEPT_NO_ENCODER, /* the environment's default is none that is known; answer 500 */
    ACCEPT_NO_MEMORY,
    ACCEPT_NPY, /* application/x-npy, by the environment's default only */
};

/*
 * default_accept: value of SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT, or NULL. Where a request does not
 * ask for anything, that value is taken to the letter: "TEXT/CSV", "text/csv; charset=utf-8" and ""
 * are ACCEPT_NO_ENCODER. With selectable inference neither that nor ACCEPT_NPY can be encoded, and
 * selectable_encode says so; without it, ACCEPT_JSONLINES and ACCEPT_RECORDIO are those that only a
 * deviation serves.
 */
enum accept_type accept_parse(bool present, struct bytes header, const char *default_accept,
                              struct buffer *message);

/*
 * The same for Linear Learner and its siblings (linear-learner 4.1 and 5.5).
 */

/* More columns than that are not skipped. */
#define BUILTIN_LABEL_SIZE_MAX 1000000u

struct builtin_content_type {
    enum format format;  /* CSV, JSON, JSONLINES or RECORDIO */
    uint32_t label_size; /* csv: for csv_rules.label_size */
};

/*
 * present is false where there is no such header (then, and where it names no type,
 * application/json). REFUSED: "content-type X
 * not supported", X in lower case and without parameters. BAD_PARAMETER: text/csv with a label_size
 * that is no whole number from 0 to BUILTIN_LABEL_SIZE_MAX (the last one counts); other parameters
 * are not looked at. Never FORM.
 */
enum content_type_result builtin_content_type_parse(bool present, struct bytes header,
                                                    struct builtin_content_type *ret,
                                                    struct buffer *message);

struct builtin_accept {
    enum accept_type type; /* CSV, JSON, JSONLINES or RECORDIO */
    bool verbose;          /* the parameter verbose=true */
};

/*
 * What is not supported is answered as JSON: this never fails. Of a list the first type that is
 * supported counts, or "any type" before it. default_accept: the value of
 * SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT, or NULL; read like a header where the request asks for any
 * type or for none. csv: the model has such answers.
 */
struct builtin_accept builtin_accept_parse(bool present, struct bytes header,
                                           const char *default_accept, bool csv);

/* The response's Content-Type: "text/csv; charset=utf-8", ... */
const char *accept_content_type(enum accept_type accept);
