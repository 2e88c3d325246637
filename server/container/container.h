#pragma once
/*
 * The container's contract over HTTP: /ping, /invocations, /execution-parameters, and what is
 * answered to everything else. Small requests are scored on the loop that read them, large ones by
 * workers, csv while it arrives (invocation_stream.h).
 */

#include <stdbool.h>

#include "base/err.h"
#include "models/store.h"
#include "server/access_log.h"
#include "server/container/invocations.h"
#include "server/counters.h"
#include "server/http/http_server.h"
#include "server/workers.h"

struct container;

struct container_settings {
    unsigned loops;
    unsigned workers;
    size_t queue;
    uint64_t body_max;
    size_t answer_max;        /* of a response body: the HTTP server's in_flight_max */
    unsigned cpus;            /* what /execution-parameters tells */
    bool omit_batch_strategy; /* for the SageMaker SDK's local mode, which cannot read the
                                 original's */
    struct invocation_rules rules;
};

/* store and log outlive the container. */
int container_new(const struct container_settings *settings, struct store *store,
                  struct access_log *log, struct container **ret, struct err *err) MUST_CHECK;

/* Finishes what the workers have: before http_server_free. Then container_free, after it. NULL is
 * fine for both. */
void container_stop(struct container *container);
void container_free(struct container *container);

/* What the HTTP server calls; self is the container. */
struct http_handler container_handler(struct container *container);

struct counters *container_counters(struct container *container);
size_t container_waiting(struct container *container);

/* Whether no request is with a worker. */
bool container_idle(struct container *container);
