#pragma once
/*
 * The two logs of requests. The access log (off unless asked for) has every request in the combined
 * format that log tools read. Failed requests are told on standard error whatever the setting: one
 * line each with the reason, at most FAILURES_PER_SECOND, and then how many were left out.
 */

#include <stdbool.h>

#include "base/compiler.h"
#include "base/err.h"
#include "server/http/http_server.h"

#define FAILURES_PER_SECOND 10

struct access_log;

/* where: "off", "-" (standard output) or a path, opened for appending. */
int access_log_new(const char *where, struct access_log **ret, struct err *err) MUST_CHECK;
void access_log_free(struct access_log *log); /* NULL is fine */

/* Opens the file again: after a log rotation moved it (SIGHUP). */
void access_log_reopen(struct access_log *log);

/* One request that was answered, or not (sent false). Any thread. */
void access_log_request(struct access_log *log, const struct http_exchange *exchange, bool sent);
