#pragma once
/*
 * Multi-model mode: the API that the SageMaker platform uses to load, list, describe, invoke and
 * unload many models in one container (xgboost-container section 7), on the same port.
 *
 * All models are shared by all threads. Invocations are scored as in single-model mode: small ones
 * on the loop that read them, large ones by a worker. Loading has threads of its own, of low
 * priority, so that one model's loading does not disturb another's invocations.
 *
 * Better than the original: a model that cannot be loaded fails at its load (500 with the reason),
 * and a bad invocation is answered with the single-model status (204, 400, 406, 415, 500) and text,
 * where the original answers 503.
 */

#include <stdbool.h>

#include "base/err.h"
#include "models/registry.h"
#include "server/access_log.h"
#include "server/container/invocations.h"
#include "server/counters.h"
#include "server/http/http_server.h"

struct multi_model;

struct multi_model_settings {
    unsigned loops;
    unsigned workers;
    size_t queue;             /* large requests that may wait for a worker */
    size_t load_queue;        /* models that may wait to be loaded */
    unsigned default_workers; /* only told: minWorkers of a model whose load names none */
    uint64_t body_max;
    size_t answer_max; /* of a response body: the HTTP server's in_flight_max */
    struct registry_settings registry;
    struct invocation_rules rules; /* no default_accept: application/json */
};

/* log outlives it. */
int multi_model_new(const struct multi_model_settings *settings, struct access_log *log,
                    struct multi_model **ret, struct err *err) MUST_CHECK;

/* Cuts loads short and finishes what the threads have: before http_server_free. Then
 * multi_model_free, after it. NULL is fine for both. */
void multi_model_stop(struct multi_model *self);
void multi_model_free(struct multi_model *self);

/* What the HTTP server calls; self is the multi_model. */
struct http_handler multi_model_handler(struct multi_model *self);

struct counters *multi_model_counters(struct multi_model *self);
size_t multi_model_waiting(struct multi_model *self); /* large requests */

/* Whether no request is with another thread. */
bool multi_model_idle(struct multi_model *self);

/* "models=2 loading=0 model_bytes=1048576 ...": for the line on SIGUSR1. */
void multi_model_usage(struct multi_model *self, struct registry_usage *ret);
