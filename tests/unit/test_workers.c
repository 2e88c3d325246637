#include "server/workers.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"

/* A gate that holds workers in their jobs until it is opened. */
struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool open;
    unsigned inside;
};

#define GATE_INIT                                                                                  \
    {                                                                                              \
        .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER                     \
    }

struct gate_job {
    struct worker_job base;
    struct gate *gate;
};

static void wait_in_gate(struct worker_job *job, unsigned worker)
{
    struct gate *gate = ((struct gate_job *)job)->gate;

    (void)worker;
    pthread_mutex_lock(&gate->lock);
    gate->inside++;
    pthread_cond_broadcast(&gate->changed);
    while (!gate->open)
        pthread_cond_wait(&gate->changed, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
}

static void wait_for_inside(struct gate *gate, unsigned n)
{
    pthread_mutex_lock(&gate->lock);
    while (gate->inside < n)
        pthread_cond_wait(&gate->changed, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
}

static void open_gate(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->open = true;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

#define JOBS 2000

static struct {
    struct workers *leaves; /* of which each job is a request; NULL: none is */
    _Atomic unsigned count;
    _Atomic unsigned worst_worker;
    unsigned order[JOBS];
} seen;

static struct note_job {
    struct worker_job base;
    unsigned number;
} notes[JOBS];

static void note(struct worker_job *job, unsigned worker)
{
    unsigned n = atomic_fetch_add(&seen.count, 1);

    seen.order[n] = ((struct note_job *)job)->number;
    if (worker > atomic_load(&seen.worst_worker))
        atomic_store(&seen.worst_worker, worker);
    if (seen.leaves)
        workers_leave(seen.leaves);
}

static int reset(void **state)
{
    (void)state;
    memset(&seen, 0, sizeof(seen));
    for (unsigned i = 0; i < JOBS; i++)
        notes[i] = (struct note_job){{note}, i};
    return 0;
}

static void test_one_thread_keeps_the_order(void **state)
{
    struct workers *workers;
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(workers_new(1, 0, JOBS, &workers, &err), 0);
    for (unsigned i = 0; i < JOBS; i++)
        workers_submit(workers, &notes[i].base);
    workers_free(workers); /* finishes what is queued */
    assert_int_equal(seen.count, JOBS);
    for (unsigned i = 0; i < JOBS; i++)
        assert_int_equal(seen.order[i], i);
}

static void test_full_queue_refuses_at_once(void **state)
{
    struct gate gate = GATE_INIT;
    struct gate_job jobs[2] = {{{wait_in_gate}, &gate}, {{wait_in_gate}, &gate}};
    struct workers *workers;
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(workers_new(2, 0, 3, &workers, &err), 0);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(workers_enter(workers));
        workers_submit(workers, &jobs[i].base);
    }
    wait_for_inside(&gate, 2); /* both threads are busy, nothing waits */
    assert_int_equal(workers_waiting(workers), 0);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(workers_enter(workers));
        workers_submit(workers, &notes[i].base);
    }
    assert_int_equal(workers_waiting(workers), 3);
    assert_false(workers_idle(workers));
    assert_false(workers_enter(workers));
    assert_int_equal(workers_waiting(workers), 3);
    /* those that are in may submit what they like, and come again */
    for (unsigned i = 3; i < 50; i++)
        workers_submit(workers, &notes[i].base);
    workers_leave(workers);
    workers_enter_again(workers);
    workers_enter_again(workers);
    assert_int_equal(workers_waiting(workers), 4);
    assert_false(workers_enter(workers));
    workers_leave(workers);
    workers_leave(workers);
    assert_true(workers_enter(workers));
    assert_int_equal(seen.count, 0);
    open_gate(&gate);
    workers_free(workers);
    assert_int_equal(seen.count, 50);
}

static void test_all_threads_work(void **state)
{
    struct gate gate = GATE_INIT;
    struct gate_job jobs[4];
    struct workers *workers;
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(workers_new(4, 0, 8, &workers, &err), 0);
    for (unsigned i = 0; i < 4; i++) {
        jobs[i] = (struct gate_job){{wait_in_gate}, &gate};
        workers_submit(workers, &jobs[i].base);
    }
    wait_for_inside(&gate, 4); /* all at the same time, or this would never return */
    open_gate(&gate);
    workers_free(workers);
}

struct submitter {
    struct workers *workers;
    unsigned from;
    unsigned to;
};

static void *submit_all(void *argument)
{
    struct submitter *submitter = argument;

    for (unsigned i = submitter->from; i < submitter->to; i++) {
        while (!workers_enter(submitter->workers))
            usleep(100);
        workers_submit(submitter->workers, &notes[i].base);
    }
    return NULL;
}

static void test_many_submitters_lose_nothing(void **state)
{
    static bool found[JOBS];
    struct submitter submitters[4];
    pthread_t threads[4];
    struct workers *workers;
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(workers_new(3, 0, 16, &workers, &err), 0);
    seen.leaves = workers;
    for (unsigned i = 0; i < 4; i++) {
        submitters[i] = (struct submitter){workers, i * JOBS / 4, (i + 1) * JOBS / 4};
        assert_int_equal(pthread_create(threads + i, NULL, submit_all, submitters + i), 0);
    }
    for (unsigned i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    workers_free(workers);
    assert_int_equal(seen.count, JOBS);
    assert_true(seen.worst_worker < 3);
    memset(found, 0, sizeof(found));
    for (unsigned i = 0; i < JOBS; i++) {
        assert_false(found[seen.order[i]]);
        found[seen.order[i]] = true;
    }
}

static void test_senseless_sizes_are_refused(void **state)
{
    struct workers *workers = NULL;
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(workers_new(0, 0, 1, &workers, &err), -1);
    assert_int_equal(err.kind, ERR_INPUT);
    err_clear(&err);
    assert_int_equal(workers_new(1, 0, 0, &workers, &err), -1);
    assert_int_equal(err.kind, ERR_INPUT);
    err_clear(&err);
    assert_int_equal(workers_new(1, 0, SIZE_MAX, &workers, &err), 0);
    assert_true(workers_enter(workers));
    workers_free(workers);
    workers_free(NULL);
}

static void test_no_memory(void **state)
{
    (void)state;
    for (long n = 1; n <= 2; n++) {
        struct workers *workers = NULL;
        struct err err = ERR_INIT;

        mem_fail_at(n);
        assert_int_equal(workers_new(1, 0, 1, &workers, &err), -1);
        mem_fail_at(0);
        assert_int_equal(err.kind, ERR_MEMORY);
        assert_null(workers);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_one_thread_keeps_the_order, reset),
        cmocka_unit_test_setup(test_full_queue_refuses_at_once, reset),
        cmocka_unit_test(test_all_threads_work),
        cmocka_unit_test_setup(test_many_submitters_lose_nothing, reset),
        cmocka_unit_test(test_senseless_sizes_are_refused),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
