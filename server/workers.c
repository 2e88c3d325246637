#include "server/workers.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

#include "base/memory.h"

struct worker {
    struct workers *workers;
    pthread_t thread;
    unsigned index;
};

struct workers {
    struct worker *threads;
    unsigned thread_count; /* that run */
    int nice;

    size_t most;            /* requests that may be in */
    atomic_size_t requests; /* that are */

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    struct worker_job *first;
    struct worker_job **last; /* where the next one goes */
    atomic_size_t queued;     /* how many these are; changed under the lock */
    size_t running;
    bool closing;
};

/*
 * A thread that has ended a job looks for the next one for so long before it sleeps. The blocks of
 * a body come faster than that, and to be woken from an idle processor takes as long on a virtual
 * machine: 85 in place of 79 bodies of 20 MB a second on two processors, at the same processor time
 * a body. Whoever else wants the processor gets it.
 */
#define LINGER_NS 60000

static uint64_t nanoseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void linger(struct workers *workers)
{
    uint64_t until = nanoseconds() + LINGER_NS;

    while (!atomic_load_explicit(&workers->queued, memory_order_relaxed) && nanoseconds() < until)
        sched_yield();
}

/* Waits for a job; `ended`: after another one. NULL: there will be none any more. */
static struct worker_job *take(struct workers *workers, bool ended)
{
    struct worker_job *job;

    pthread_mutex_lock(&workers->lock);
    if (ended) {
        workers->running--;
        pthread_mutex_unlock(&workers->lock);
        linger(workers);
        pthread_mutex_lock(&workers->lock);
    }
    while (!workers->first && !workers->closing)
        pthread_cond_wait(&workers->changed, &workers->lock);
    job = workers->first;
    if (job) {
        workers->first = job->next;
        if (!workers->first)
            workers->last = &workers->first;
        atomic_fetch_sub(&workers->queued, 1);
        workers->running++;
    }
    pthread_mutex_unlock(&workers->lock);
    return job;
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    struct worker_job *job;

    if (worker->workers->nice) /* on Linux: of this thread alone */
        (void)setpriority(PRIO_PROCESS, 0, worker->workers->nice);
    job = take(worker->workers, false);
    while (job) {
        job->run(job, worker->index);
        job = take(worker->workers, true);
    }
    return NULL;
}

bool workers_enter(struct workers *workers)
{
    if (atomic_fetch_add(&workers->requests, 1) < workers->most)
        return true;
    workers_leave(workers);
    return false;
}

void workers_enter_again(struct workers *workers)
{
    atomic_fetch_add(&workers->requests, 1);
}

void workers_leave(struct workers *workers)
{
    atomic_fetch_sub(&workers->requests, 1);
}

void workers_submit(struct workers *workers, struct worker_job *job)
{
    job->next = NULL;
    pthread_mutex_lock(&workers->lock);
    *workers->last = job;
    workers->last = &job->next;
    atomic_fetch_add(&workers->queued, 1);
    pthread_cond_signal(&workers->changed);
    pthread_mutex_unlock(&workers->lock);
}

size_t workers_waiting(struct workers *workers)
{
    size_t requests = atomic_load(&workers->requests);

    return requests > workers->thread_count ? requests - workers->thread_count : 0;
}

bool workers_idle(struct workers *workers)
{
    bool idle;

    pthread_mutex_lock(&workers->lock);
    idle = !workers->first && workers->running == 0;
    pthread_mutex_unlock(&workers->lock);
    return idle;
}

void workers_free(struct workers *workers)
{
    if (!workers)
        return;
    pthread_mutex_lock(&workers->lock);
    workers->closing = true;
    pthread_cond_broadcast(&workers->changed);
    pthread_mutex_unlock(&workers->lock);
    for (unsigned i = 0; i < workers->thread_count; i++)
        pthread_join(workers->threads[i].thread, NULL);
    pthread_cond_destroy(&workers->changed);
    pthread_mutex_destroy(&workers->lock);
    free(workers->threads);
    free(workers);
}

static int start(struct workers *workers, unsigned threads, struct err *err)
{
    sigset_t all;
    sigset_t before;
    int failed = 0;

    /* Signals are for the thread that waits for them. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (!failed && workers->thread_count < threads) {
        struct worker *worker = workers->threads + workers->thread_count;

        worker->workers = workers;
        worker->index = workers->thread_count;
        failed = pthread_create(&worker->thread, NULL, work, worker);
        if (!failed) {
            char name[16];

            snprintf(name, sizeof(name), "worker-%u", worker->index % 1000);
            pthread_setname_np(worker->thread, name);
            workers->thread_count++;
        }
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed ? err_system(err, failed, "start worker thread %u", workers->thread_count + 1)
                  : 0;
}

int workers_new(unsigned threads, int nice, size_t queue, struct workers **ret, struct err *err)
{
    struct workers *workers;

    if (threads == 0 || queue == 0)
        return err_set(err, ERR_INPUT, "workers need at least one thread and room for one request");
    workers = mem_zero(1, sizeof(*workers));
    if (!workers)
        return err_memory(err, sizeof(*workers), "the workers");
    pthread_mutex_init(&workers->lock, NULL);
    pthread_cond_init(&workers->changed, NULL);
    workers->nice = nice;
    workers->most = queue < SIZE_MAX - threads ? queue + threads : SIZE_MAX;
    workers->last = &workers->first;
    workers->threads = mem_zero(threads, sizeof(*workers->threads));
    if (!workers->threads)
        err_memory(err, threads * sizeof(*workers->threads), "the workers");
    else if (start(workers, threads, err) == 0) {
        *ret = workers;
        return 0;
    }
    workers_free(workers);
    return -1;
}
