#pragma once
/*
 * Named models in one process: loaded and unloaded while others serve, each shared by all threads.
 *
 * A model's life: registry_reserve takes its name, registry_load loads it (the
 * caller waits, for seconds perhaps) and publishes it, registry_get and registry_put are what a
 * request does, registry_remove takes the name away at once and frees the model when its last
 * request has given it back. Reading and freeing are done by threads of low priority
 * (models/background.h), and no lock is held meanwhile: lookups wait for nobody.
 *
 * Memory. What all models take, loads in progress included, stays within a budget. A load counts as
 * it goes (struct mem_meter): the bytes of the artifact's files, known before the first is read,
 * then what is parsed and compiled; what would pass the budget is not allocated, and the load fails
 * with REGISTRY_NO_ROOM. A loaded model counts with what it still holds: the parsed model's arena
 * and the scorer's tables. Not counted: what libarchive and, for settings.check, libxgboost take
 * for themselves meanwhile.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/err.h"
#include "models/model.h"

#define REGISTRY_NAME_MAX 1024 /* bytes */
#define REGISTRY_URL_MAX  4096

struct registry;
struct registry_entry;

struct registry_settings {
    uint64_t memory;         /* the budget, in bytes */
    unsigned loaders;        /* models that are loaded at a time */
    unsigned remove_wait_ms; /* the longest that registry_remove waits for requests */
    struct model_options options;
    int (*check)(const struct model *model, struct err *err); /* of a loaded model; or NULL */
};

/* What the caller wants kept with a model. */
struct registry_attributes {
    int64_t min_workers;
    int64_t max_workers;
    int64_t batch_size;
    int64_t max_batch_delay;
};

enum registry_result {
    REGISTRY_OK,
    REGISTRY_EXISTS,    /* the name is taken, perhaps by a model that is still loading */
    REGISTRY_NOT_THERE, /* no such path, no such model */
    REGISTRY_NO_ROOM,   /* beyond the budget, or no memory */
    REGISTRY_BAD_MODEL, /* there, but cannot be loaded */
    REGISTRY_WITHDRAWN, /* removed while it was loading, or the registry stops */
};

int registry_new(const struct registry_settings *settings, struct registry **ret,
                 struct err *err) MUST_CHECK;

/* Cuts loads short, calls what removals still wait to call, refuses what comes. Any thread. */
void registry_stop(struct registry *registry);

/* After the last registry_load and registry_put. NULL is fine. */
void registry_free(struct registry *registry);

/*
 * Takes a name: REGISTRY_OK, REGISTRY_EXISTS, REGISTRY_NO_ROOM (no memory for the entry). The
 * entry is invisible to registry_get until registry_load was done with it, which must follow.
 * name: 1 .. REGISTRY_NAME_MAX bytes; url: the path, from the root where it begins with no '/'.
 */
enum registry_result registry_reserve(struct registry *registry, struct bytes name,
                                      struct bytes url,
                                      const struct registry_attributes *attributes,
                                      struct registry_entry **ret) MUST_CHECK;

/* Loads and publishes; or gives the name up and describes why in one line. The entry is the
 * registry's after it, whatever the outcome. */
enum registry_result registry_load(struct registry_entry *entry, struct err *err) MUST_CHECK;

/* Gives up a reservation that is not to be loaded. */
void registry_cancel(struct registry_entry *entry);

/* A loaded model, to be given back with registry_put; NULL where there is none of that name. */
struct registry_entry *registry_get(struct registry *registry, struct bytes name);
void registry_put(struct registry_entry *entry); /* NULL is fine */

/* Of an entry that registry_get gave. */
const struct model *registry_model(const struct registry_entry *entry);
struct bytes registry_name(const struct registry_entry *entry);
struct bytes registry_url(const struct registry_entry *entry); /* as it was given */

struct registry_info {
    uint64_t bytes;            /* of memory */
    struct timespec loaded_at; /* CLOCK_REALTIME */
    struct registry_attributes attributes;
};

void registry_describe(struct registry_entry *entry, struct registry_info *ret);
void registry_scale(struct registry_entry *entry, int64_t min_workers, int64_t max_workers);

/* Up to `limit` loaded models in the order of their names, from the offset-th on; each to be given
 * back. *ret_total: how many there are in all. */
size_t registry_list(struct registry *registry, size_t offset, size_t limit,
                     struct registry_entry **ret, size_t *ret_total);

/*
 * Takes the name away, so that it may be used again, of a model that is loading too (its load then
 * ends with REGISTRY_WITHDRAWN). REGISTRY_NOT_THERE: nothing happens. REGISTRY_OK: `removed` will
 * be called once, by another thread: when the memory is the system's again (freed), or after
 * remove_wait_ms, while requests still use it.
 */
enum registry_result registry_remove(struct registry *registry, struct bytes name,
                                     void (*removed)(void *argument, bool freed), void *argument);

struct registry_usage {
    size_t models;  /* loaded */
    size_t loading; /* reserved */
    uint64_t bytes; /* of both, and of removed ones that are still in use */
    uint64_t budget;
};

void registry_usage(struct registry *registry, struct registry_usage *ret);
