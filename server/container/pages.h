#pragma once
/*
 * The error pages that the original's web framework makes (xgboost-container section 6), which
 * differ between its two generations, and what its front end answers for paths that it does not
 * know.
 */

#include <stdbool.h>

#include "base/bytes.h"
#include "server/http/http_server.h"

/* Fills status, content type and body: the framework's page where it has one for the status (404,
 * 405, 413, 500), else a plain line with `why`. */
void pages_fill(struct http_response *response, int status, bool html5, const char *why);

/* 404 `{}`, typed by the path's suffix. */
void pages_unknown_path(struct http_response *response, struct bytes path);

/* A plain text answer of the container itself: `text/html; charset=utf-8`. `text` is copied. */
void pages_text(struct http_response *response, int status, struct bytes text);
