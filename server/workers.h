#pragma once
/*
 * Scoring threads for work that would hold up an event loop, and the bound on how much of it may
 * wait. The bound is of requests: one enters, or is refused at once, then submits as many jobs as
 * it likes, at a time or one by one, and leaves. Jobs are taken in the order in which they came,
 * whosever they are: a request of many jobs leaves the others their turn.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/err.h"

struct workers;

/* Part of what the job is about; `run` is the last to touch it and may free it. */
struct worker_job {
    void (*run)(struct worker_job *job, unsigned worker);
    struct worker_job *next; /* the workers' */
};

/*
 * The niceness of threads that score: the loops go before. Beside a normal thread that wants the
 * processor all the time, such a one gets a sixth of it. Measured on two processors, of which the
 * clients have their share, 5 against 0: a single row beside one client that posts 20 MB bodies,
 * p99 1.4 in place of 2.0 ms; /ping beside four, p99 3.6 in place of 5.2 ms; a 20 MB body 11.8 in
 * place of 13.2 ms, since the loop that receives it keeps ahead. 7 against 5: the single row's
 * median 160 in place of 190 us. No more than that, for these threads take locks that the loops
 * take, too (models/background.h).
 */
#define WORKERS_NICE 7

/* nice: 0, or WORKERS_NICE. queue: requests that may wait while as many as there are threads are
 * worked on. */
int workers_new(unsigned threads, int nice, size_t queue, struct workers **ret,
                struct err *err) MUST_CHECK;

/* Lets a request in. False where the queue is full: answer 503. */
bool workers_enter(struct workers *workers) MUST_CHECK;

/* The same for one that was let in before and left because it had nothing to do: never refused. */
void workers_enter_again(struct workers *workers);

/* The request has no job any more, but for the one that calls this. */
void workers_leave(struct workers *workers);

/* Of a request that is in. No memory is taken. */
void workers_submit(struct workers *workers, struct worker_job *job);

/* Requests that wait now. */
size_t workers_waiting(struct workers *workers);

/* Whether no job waits and none runs. */
bool workers_idle(struct workers *workers);

/* Finishes what is queued, joins the threads. NULL is fine. */
void workers_free(struct workers *workers);
