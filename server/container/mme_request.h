#pragma once
/*
 * What a request to the multi-model API asks for (xgboost-container 7.4): its path, its query, and
 * the description of a model to load, from a JSON body or from the query.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/err.h"
#include "models/registry.h"

/* Bytes of a JSON body that describes a model. */
#define MME_LOAD_BODY_MAX ((size_t)65536)

enum mme_route {
    MME_ROUTE_PING,
    MME_ROUTE_EXECUTION_PARAMETERS,
    MME_ROUTE_ROOT,
    MME_ROUTE_MODELS,      /* /models */
    MME_ROUTE_MODEL,       /* /models/NAME */
    MME_ROUTE_INVOKE,      /* /models/NAME/invoke, /predictions/NAME */
    MME_ROUTE_INVOCATIONS, /* /invocations, the name in the query */
    MME_ROUTE_NONE,
};

/* *ret_name: the path's NAME, still encoded; empty where the route has none. */
enum mme_route mme_route(struct bytes path, struct bytes *ret_name);

/* A decoded text. */
struct mme_text {
    size_t size;
    char data[REGISTRY_URL_MAX + 1]; /* NUL after it */
};

enum mme_decoded {
    MME_DECODED,
    MME_NOT_THERE,
    MME_MALFORMED, /* a percent sign without two hexadecimal digits, not UTF-8, or a control
                    * character */
    MME_TOO_LONG,
};

/* Percent-decodes; in a query '+' is a space. */
enum mme_decoded mme_decode(struct bytes text, bool query, struct mme_text *ret);

/* The first parameter of that name in a query. */
enum mme_decoded mme_parameter(struct bytes query, const char *name, struct mme_text *ret);

/* The same as a whole number; `otherwise` where it is absent or is none, as the original does. */
int64_t mme_parameter_number(struct bytes query, const char *name, int64_t otherwise);

/* "true" in any case; `otherwise` where absent. */
bool mme_parameter_bool(struct bytes query, const char *name, bool otherwise);

/* POST /models. */
struct mme_load {
    struct mme_text name; /* size 0 where not given */
    struct mme_text url;
    int64_t initial_workers; /* -1 where not given */
    int64_t batch_size;
    int64_t max_batch_delay;
    bool synchronous;
};

enum mme_load_result {
    MME_LOAD_OK,
    MME_LOAD_BAD_PARAMETER, /* 400: err says which */
    MME_LOAD_RELATIVE,      /* 404: the url has ".." in it */
    MME_LOAD_BAD_JSON,      /* 500 JsonSyntaxException */
    MME_LOAD_NO_JSON,       /* 500 NullPointerException: JSON is announced and nothing there */
    MME_LOAD_NO_MEMORY,
};

/* Name and url are there and sound where the result is MME_LOAD_OK. The body is read as JSON where
 * content_type says so, or where it looks like it and the query names no url. */
enum mme_load_result mme_load_parse(struct bytes content_type, struct bytes query,
                                    struct bytes body, struct mme_load *ret, struct err *err);
