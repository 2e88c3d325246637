#include "server/workers.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#include "base/memory.h"

struct job {
    worker_job run;
    void *argument;
};

struct worker {
    struct workers *workers;
    pthread_t thread;
    unsigned index;
};

struct workers {
    struct worker *threads;
    unsigned thread_count; /* that run */

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    struct job *jobs; /* a ring: waiting ones from `first` on */
    size_t capacity;
    size_t first;
    size_t waiting;
    size_t running;
    bool closing;
};

/* Waits for a job. False: there will be none any more. */
static bool take(struct workers *workers, struct job *ret)
{
    bool got;

    pthread_mutex_lock(&workers->lock);
    while (workers->waiting == 0 && !workers->closing)
        pthread_cond_wait(&workers->changed, &workers->lock);
    got = workers->waiting > 0;
    if (got) {
        *ret = workers->jobs[workers->first];
        workers->first = (workers->first + 1) % workers->capacity;
        workers->waiting--;
        workers->running++;
    }
    pthread_mutex_unlock(&workers->lock);
    return got;
}

static void ended(struct workers *workers)
{
    pthread_mutex_lock(&workers->lock);
    workers->running--;
    pthread_mutex_unlock(&workers->lock);
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    struct job job;

    while (take(worker->workers, &job)) {
        job.run(job.argument, worker->index);
        ended(worker->workers);
    }
    return NULL;
}

bool workers_submit(struct workers *workers, worker_job job, void *argument)
{
    bool room;

    pthread_mutex_lock(&workers->lock);
    room = workers->waiting < workers->capacity && !workers->closing;
    if (room) {
        size_t last = (workers->first + workers->waiting) % workers->capacity;

        workers->jobs[last] = (struct job){job, argument};
        workers->waiting++;
        pthread_cond_signal(&workers->changed);
    }
    pthread_mutex_unlock(&workers->lock);
    return room;
}

size_t workers_waiting(struct workers *workers)
{
    size_t waiting;

    pthread_mutex_lock(&workers->lock);
    waiting = workers->waiting;
    pthread_mutex_unlock(&workers->lock);
    return waiting;
}

bool workers_idle(struct workers *workers)
{
    bool idle;

    pthread_mutex_lock(&workers->lock);
    idle = workers->waiting == 0 && workers->running == 0;
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
    free(workers->jobs);
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

int workers_new(unsigned threads, size_t queue, struct workers **ret, struct err *err)
{
    struct workers *workers;

    if (threads == 0 || queue == 0)
        return err_set(err, ERR_INPUT, "workers need at least one thread and room for one job");
    workers = mem_zero(1, sizeof(*workers));
    if (!workers)
        return err_memory(err, sizeof(*workers), "the workers");
    pthread_mutex_init(&workers->lock, NULL);
    pthread_cond_init(&workers->changed, NULL);
    workers->capacity = queue;
    workers->jobs = mem_alloc(queue, sizeof(*workers->jobs));
    workers->threads = mem_zero(threads, sizeof(*workers->threads));
    if (!workers->jobs || !workers->threads)
        err_memory(err, threads * sizeof(*workers->threads), "the workers' queue");
    else if (start(workers, threads, err) == 0) {
        *ret = workers;
        return 0;
    }
    workers_free(workers);
    return -1;
}
