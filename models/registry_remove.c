/*
 * Removal: the name goes at once, the model with its last request, on the registry's thread.
 */
#include <malloc.h>
#include <signal.h>

#include "models/registry_internal.h"

static uint64_t clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

enum registry_result registry_remove(struct registry *registry, struct bytes name,
                                     void (*removed)(void *argument, bool freed), void *argument)
{
    struct registry_entry *entry;
    bool loading;
    bool found;
    size_t place;

    pthread_mutex_lock(&registry->lock);
    place = registry_place_of(registry, name, &found);
    if (!found) {
        pthread_mutex_unlock(&registry->lock);
        return REGISTRY_NOT_THERE;
    }
    entry = registry->entries[place];
    loading = !entry->ready;
    registry_take_off(registry, place);
    atomic_store(&entry->withdrawn, true);
    entry->removed = removed;
    entry->argument = argument;
    entry->deadline = clock_ns() + (uint64_t)registry->settings.remove_wait_ms * 1000000u;
    entry->next_removed = registry->removed;
    registry->removed = entry;
    if (!loading) /* a load gives its reference back itself */
        atomic_fetch_sub_explicit(&entry->references, 1, memory_order_acq_rel);
    pthread_mutex_unlock(&registry->lock);
    pthread_cond_signal(&registry->changed);
    return REGISTRY_OK;
}

static void free_model(void *argument)
{
    struct registry_entry *entry = argument;
    struct registry *registry = entry->registry;

    model_unref(entry->model);
    registry->untrimmed += entry->bytes;
    if (registry->untrimmed >= REGISTRY_TRIM_BYTES) {
        malloc_trim(0);
        registry->untrimmed = 0;
    }
}

/* Frees what nobody uses any more, tells who waits. Without the lock. */
static void free_entry(struct registry_entry *entry)
{
    struct registry *registry = entry->registry;

    if (entry->bytes + registry->untrimmed >= REGISTRY_TRIM_BYTES)
        background_run(registry->freeing, free_model, entry);
    else
        free_model(entry);
    atomic_fetch_sub(&registry->used, entry->bytes);
    if (entry->removed)
        entry->removed(entry->argument, true);
    free(entry);
}

/* Takes a removed entry that nobody uses off the list. */
static struct registry_entry *take_unused(struct registry *registry)
{
    for (struct registry_entry **link = &registry->removed; *link; link = &(*link)->next_removed) {
        struct registry_entry *entry = *link;

        if (atomic_load_explicit(&entry->references, memory_order_acquire) == 0) {
            *link = entry->next_removed;
            return entry;
        }
    }
    return NULL;
}

/* An entry still in use whose remover has waited long enough; else when that will be. */
static struct registry_entry *find_overdue(const struct registry *registry, uint64_t *ret_deadline)
{
    uint64_t now = clock_ns();

    *ret_deadline = UINT64_MAX;
    for (struct registry_entry *entry = registry->removed; entry; entry = entry->next_removed) {
        if (!entry->removed)
            continue;
        if (entry->deadline <= now || atomic_load(&registry->stopping))
            return entry;
        if (entry->deadline < *ret_deadline)
            *ret_deadline = entry->deadline;
    }
    return NULL;
}

static void wait_until(struct registry *registry, uint64_t deadline)
{
    struct timespec until = {(time_t)(deadline / 1000000000u), (long)(deadline % 1000000000u)};

    if (deadline == UINT64_MAX)
        pthread_cond_wait(&registry->changed, &registry->lock);
    else
        pthread_cond_timedwait(&registry->changed, &registry->lock, &until);
}

/* The registry's thread. */
static void *run(void *argument)
{
    struct registry *registry = argument;

    background_yield_on_wake();
    pthread_mutex_lock(&registry->lock);
    for (;;) {
        struct registry_entry *entry = take_unused(registry);
        uint64_t deadline;

        if (entry) {
            pthread_mutex_unlock(&registry->lock);
            free_entry(entry);
            pthread_mutex_lock(&registry->lock);
            continue;
        }
        entry = find_overdue(registry, &deadline);
        if (entry) {
            void (*removed)(void *, bool) = TAKE(entry->removed);
            void *who = entry->argument;

            pthread_mutex_unlock(&registry->lock);
            removed(who, false);
            pthread_mutex_lock(&registry->lock);
            continue;
        }
        if (registry->ending && !registry->removed)
            break;
        wait_until(registry, deadline);
    }
    pthread_mutex_unlock(&registry->lock);
    return NULL;
}

int registry_start_removing(struct registry *registry, struct err *err)
{
    sigset_t all;
    sigset_t before;
    int failed;

    /* Signals are for the thread that waits for them. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&registry->thread, NULL, run, registry);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed)
        return err_system(err, failed, "start the thread that frees models");
    registry->has_thread = true;
    pthread_setname_np(registry->thread, "unload");
    return 0;
}
