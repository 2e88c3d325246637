#pragma once
/*
 * What the files of the registry share.
 *
 *     registry.c         names, references
 *     registry_load.c    loading under the budget
 *     registry_remove.c  removal
 */

#include <pthread.h>
#include <stdatomic.h>

#include "models/background.h"
#include "models/registry.h"

/* Memory that was given back by at least so much is worth a walk through the allocator, which then
 * returns it to the system. */
#define REGISTRY_TRIM_BYTES ((uint64_t)1 << 20)

struct registry_entry {
    struct registry *registry;
    struct bytes name; /* with the url behind this struct */
    struct bytes url;
    char *path;          /* the url as a path, NUL terminated */
    struct model *model; /* set before it is published */
    uint64_t bytes;      /* of the budget */
    struct timespec loaded_at;
    atomic_uint references; /* the registry's one, and one a request; 0: to be freed */
    atomic_bool withdrawn;

    /* under the registry's lock: */
    bool ready;
    struct registry_attributes attributes;
    struct registry_entry *next_removed;
    uint64_t deadline; /* CLOCK_MONOTONIC ns: when `removed` is called in any case */
    void (*removed)(void *argument, bool freed); /* NULL once called */
    void *argument;
};

struct registry {
    struct registry_settings settings;
    atomic_uint_least64_t used; /* bytes of the budget */
    atomic_bool stopping;
    struct background *loading;
    struct background *freeing; /* apart: an unload does not wait for a load */
    pthread_t thread;           /* has it freed, what was removed */
    bool has_thread;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    struct registry_entry **entries; /* by name; also those that are loading */
    size_t count;
    size_t capacity;
    size_t ready;
    struct registry_entry *removed; /* off the list, not yet freed */
    uint64_t untrimmed;             /* the thread's own: bytes freed since the last trim */
    bool ending;                    /* the thread is to end when `removed` is empty */
};

/* registry.c: takes a reservation off the list, whose load failed; frees it. */
void registry_give_up(struct registry_entry *entry);

/* registry.c, under the lock: where the name is, or would be; and taking off what is there. */
size_t registry_place_of(const struct registry *registry, struct bytes name, bool *ret_found);
void registry_take_off(struct registry *registry, size_t place);

/* registry_remove.c: the registry's thread. */
int registry_start_removing(struct registry *registry, struct err *err) MUST_CHECK;
