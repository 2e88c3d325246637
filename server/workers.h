#pragma once
/*
 * Scoring threads for requests that would hold up an event loop: a bounded queue and a fixed number
 * of threads. Jobs of one queue are taken in order.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/err.h"

struct workers;

typedef void (*worker_job)(void *argument, unsigned worker);

int workers_new(unsigned threads, size_t queue, struct workers **ret, struct err *err) MUST_CHECK;

/* False, at once, where the queue is full: answer 503. */
bool workers_submit(struct workers *workers, worker_job job, void *argument) MUST_CHECK;

/* Jobs that wait now. */
size_t workers_waiting(struct workers *workers);

/* Whether nothing waits and nothing runs. */
bool workers_idle(struct workers *workers);

/* Finishes what is queued, joins the threads. NULL is fine. */
void workers_free(struct workers *workers);
