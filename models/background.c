#include "models/background.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>

#include "base/memory.h"

/* Of a processor that normal threads want all the time, such a thread gets about a tenth. */
#define BACKGROUND_NICE 10

struct job {
    void (*work)(void *argument);
    void *argument;
    bool done;
    pthread_cond_t changed;
    struct job *next;
};

struct background {
    pthread_t *threads;
    unsigned thread_count; /* that run */

    pthread_mutex_t lock; /* guards what follows; requests never take it */
    pthread_cond_t arrived;
    struct job *first;
    struct job **last; /* where the next one goes */
    bool closing;
};

void background_yield_on_wake(void)
{
    /* on Linux: of this thread alone */
    (void)sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){0});
}

static void *run(void *argument)
{
    struct background *background = argument;

    background_yield_on_wake();
    (void)setpriority(PRIO_PROCESS, 0, BACKGROUND_NICE); /* the same */
    pthread_mutex_lock(&background->lock);
    for (;;) {
        struct job *job = background->first;

        if (!job && background->closing)
            break;
        if (!job) {
            pthread_cond_wait(&background->arrived, &background->lock);
            continue;
        }
        background->first = job->next;
        if (!background->first)
            background->last = &background->first;
        pthread_mutex_unlock(&background->lock);
        job->work(job->argument);
        pthread_mutex_lock(&background->lock);
        job->done = true;
        pthread_cond_signal(&job->changed);
    }
    pthread_mutex_unlock(&background->lock);
    return NULL;
}

void background_run(struct background *background, void (*work)(void *argument), void *argument)
{
    struct job job = {.work = work, .argument = argument, .changed = PTHREAD_COND_INITIALIZER};

    pthread_mutex_lock(&background->lock);
    *background->last = &job;
    background->last = &job.next;
    pthread_cond_signal(&background->arrived);
    while (!job.done)
        pthread_cond_wait(&job.changed, &background->lock);
    pthread_mutex_unlock(&background->lock);
    pthread_cond_destroy(&job.changed);
}

int background_new(unsigned threads, struct background **ret, struct err *err)
{
    struct background *background = mem_zero(1, sizeof(*background));
    sigset_t all;
    sigset_t before;
    int failed = 0;

    if (!background)
        return err_memory(err, sizeof(*background), "background threads");
    pthread_mutex_init(&background->lock, NULL);
    pthread_cond_init(&background->arrived, NULL);
    background->last = &background->first;
    background->threads = mem_zero(threads, sizeof(*background->threads));
    if (!background->threads) {
        background_free(background);
        return err_memory(err, threads * sizeof(*background->threads), "background threads");
    }
    /* Signals are for the thread that waits for them. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (!failed && background->thread_count < threads) {
        pthread_t *thread = background->threads + background->thread_count;

        failed = pthread_create(thread, NULL, run, background);
        if (!failed) {
            pthread_setname_np(*thread, "background");
            background->thread_count++;
        }
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) {
        background_free(background);
        return err_system(err, failed, "start a background thread");
    }
    *ret = background;
    return 0;
}

void background_free(struct background *background)
{
    if (!background)
        return;
    pthread_mutex_lock(&background->lock);
    background->closing = true;
    pthread_cond_broadcast(&background->arrived);
    pthread_mutex_unlock(&background->lock);
    for (unsigned i = 0; i < background->thread_count; i++)
        pthread_join(background->threads[i], NULL);
    pthread_cond_destroy(&background->arrived);
    pthread_mutex_destroy(&background->lock);
    free(background->threads);
    free(background);
}
