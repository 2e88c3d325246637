#include "models/registry.h"

#include <malloc.h>

#include "models/registry_internal.h"

/* Names. */

static int compare(struct bytes a, struct bytes b)
{
    size_t shorter = a.size < b.size ? a.size : b.size;
    int order = memcmp(a.data, b.data, shorter);

    if (order)
        return order;
    return a.size < b.size ? -1 : a.size > b.size;
}

size_t registry_place_of(const struct registry *registry, struct bytes name, bool *ret_found)
{
    size_t low = 0;
    size_t high = registry->count;

    *ret_found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare(registry->entries[middle]->name, name);

        if (order == 0) {
            *ret_found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool grow(struct registry *registry)
{
    size_t capacity = registry->capacity ? registry->capacity * 2 : 64;
    struct registry_entry **entries;

    if (registry->count < registry->capacity)
        return true;
    entries = mem_resize(registry->entries, capacity, sizeof(struct registry_entry *));
    if (!entries)
        return false;
    registry->entries = entries;
    registry->capacity = capacity;
    return true;
}

static void insert(struct registry *registry, size_t place, struct registry_entry *entry)
{
    memmove(registry->entries + place + 1, registry->entries + place,
            (registry->count - place) * sizeof(struct registry_entry *));
    registry->entries[place] = entry;
    registry->count++;
}

void registry_take_off(struct registry *registry, size_t place)
{
    if (registry->entries[place]->ready)
        registry->ready--;
    registry->count--;
    memmove(registry->entries + place, registry->entries + place + 1,
            (registry->count - place) * sizeof(struct registry_entry *));
}

/* Struct, name and path in one block. */
static struct registry_entry *entry_new(struct registry *registry, struct bytes name,
                                        struct bytes url)
{
    size_t rooted = url.size && url.data[0] == '/' ? 0 : 1;
    struct registry_entry *entry;
    char *at;

    if (name.size == 0 || name.size > REGISTRY_NAME_MAX || url.size > REGISTRY_URL_MAX)
        return NULL;
    entry = mem_zero(1, sizeof(*entry) + name.size + rooted + url.size + 1);
    if (!entry)
        return NULL;
    at = (char *)(entry + 1);
    memcpy(at, name.data, name.size);
    entry->name = bytes_of(at, name.size);
    at += name.size;
    entry->path = at;
    if (rooted)
        *at++ = '/';
    if (url.size)
        memcpy(at, url.data, url.size);
    entry->url = bytes_of(at, url.size);
    entry->registry = registry;
    atomic_init(&entry->references, 1);
    return entry;
}

enum registry_result registry_reserve(struct registry *registry, struct bytes name,
                                      struct bytes url,
                                      const struct registry_attributes *attributes,
                                      struct registry_entry **ret)
{
    struct registry_entry *entry = entry_new(registry, name, url);
    enum registry_result result = REGISTRY_OK;
    bool found;
    size_t place;

    if (!entry)
        return REGISTRY_NO_ROOM;
    entry->attributes = *attributes;
    pthread_mutex_lock(&registry->lock);
    place = registry_place_of(registry, entry->name, &found);
    if (found)
        result = REGISTRY_EXISTS;
    else if (!grow(registry))
        result = REGISTRY_NO_ROOM;
    else
        insert(registry, place, entry);
    pthread_mutex_unlock(&registry->lock);
    if (result == REGISTRY_OK)
        *ret = entry;
    else
        free(entry);
    return result;
}

void registry_give_up(struct registry_entry *entry)
{
    struct registry *registry = entry->registry;
    bool found;
    size_t place;

    pthread_mutex_lock(&registry->lock);
    place = registry_place_of(registry, entry->name, &found);
    if (found && registry->entries[place] == entry) {
        registry_take_off(registry, place);
        pthread_mutex_unlock(&registry->lock);
        free(entry);
        return;
    }
    /* it was removed meanwhile: somebody waits for that */
    pthread_mutex_unlock(&registry->lock);
    registry_put(entry);
}

void registry_cancel(struct registry_entry *entry)
{
    registry_give_up(entry);
}

/* References. */

static struct registry_entry *ref(struct registry_entry *entry)
{
    atomic_fetch_add_explicit(&entry->references, 1, memory_order_relaxed);
    return entry;
}

struct registry_entry *registry_get(struct registry *registry, struct bytes name)
{
    struct registry_entry *entry = NULL;
    bool found;
    size_t place;

    pthread_mutex_lock(&registry->lock);
    place = registry_place_of(registry, name, &found);
    if (found && registry->entries[place]->ready)
        entry = ref(registry->entries[place]);
    pthread_mutex_unlock(&registry->lock);
    return entry;
}

void registry_put(struct registry_entry *entry)
{
    struct registry *registry = entry ? entry->registry : NULL;

    if (!entry || atomic_fetch_sub_explicit(&entry->references, 1, memory_order_acq_rel) != 1)
        return;
    /* The last one: whoever that is, the registry's thread does the work. It may be about to wait,
     * under the lock, and must not miss the signal; but who is woken should find the lock free. */
    pthread_mutex_lock(&registry->lock);
    pthread_mutex_unlock(&registry->lock);
    pthread_cond_signal(&registry->changed);
}

const struct model *registry_model(const struct registry_entry *entry)
{
    return entry->model;
}

struct bytes registry_name(const struct registry_entry *entry)
{
    return entry->name;
}

struct bytes registry_url(const struct registry_entry *entry)
{
    return entry->url;
}

void registry_describe(struct registry_entry *entry, struct registry_info *ret)
{
    ret->bytes = entry->bytes;
    ret->loaded_at = entry->loaded_at;
    pthread_mutex_lock(&entry->registry->lock);
    ret->attributes = entry->attributes;
    pthread_mutex_unlock(&entry->registry->lock);
}

void registry_scale(struct registry_entry *entry, int64_t min_workers, int64_t max_workers)
{
    pthread_mutex_lock(&entry->registry->lock);
    entry->attributes.min_workers = min_workers;
    entry->attributes.max_workers = max_workers;
    pthread_mutex_unlock(&entry->registry->lock);
}

size_t registry_list(struct registry *registry, size_t offset, size_t limit,
                     struct registry_entry **ret, size_t *ret_total)
{
    size_t count = 0;

    pthread_mutex_lock(&registry->lock);
    *ret_total = registry->ready;
    for (size_t i = 0; i < registry->count && count < limit; i++) {
        if (!registry->entries[i]->ready)
            continue;
        if (offset)
            offset--;
        else
            ret[count++] = ref(registry->entries[i]);
    }
    pthread_mutex_unlock(&registry->lock);
    return count;
}

void registry_usage(struct registry *registry, struct registry_usage *ret)
{
    pthread_mutex_lock(&registry->lock);
    ret->models = registry->ready;
    ret->loading = registry->count - registry->ready;
    pthread_mutex_unlock(&registry->lock);
    ret->bytes = atomic_load(&registry->used);
    ret->budget = registry->settings.memory;
}

/* The registry itself. */

/*
 * The allocator keeps what is freed at the top of a thread's heap, up to a threshold that it raises
 * by itself to 64 MB, out of malloc_trim's reach. Said outright, thresholds stay: large blocks are
 * the system's again when they are freed, and heaps shrink.
 */
static void tune_allocator(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, 1 << 20);
    (void)mallopt(M_TRIM_THRESHOLD, 1 << 20);
}

int registry_new(const struct registry_settings *settings, struct registry **ret, struct err *err)
{
    struct registry *registry = mem_zero(1, sizeof(*registry));
    pthread_condattr_t attributes;

    if (!registry)
        return err_memory(err, sizeof(*registry), "the registry of models");
    tune_allocator();
    registry->settings = *settings;
    pthread_mutex_init(&registry->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&registry->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    if (background_new(settings->loaders, &registry->loading, err) ||
        background_new(1, &registry->freeing, err) || registry_start_removing(registry, err)) {
        registry_free(registry);
        return -1;
    }
    *ret = registry;
    return 0;
}

void registry_stop(struct registry *registry)
{
    atomic_store(&registry->stopping, true);
    pthread_mutex_lock(&registry->lock);
    pthread_cond_signal(&registry->changed);
    pthread_mutex_unlock(&registry->lock);
}

void registry_free(struct registry *registry)
{
    if (!registry)
        return;
    if (registry->has_thread) {
        pthread_mutex_lock(&registry->lock);
        registry->ending = true;
        pthread_cond_signal(&registry->changed);
        pthread_mutex_unlock(&registry->lock);
        pthread_join(registry->thread, NULL);
    }
    background_free(registry->loading);
    background_free(registry->freeing);
    for (size_t i = 0; i < registry->count; i++) {
        model_unref(registry->entries[i]->model);
        free(registry->entries[i]);
    }
    free(registry->entries);
    pthread_cond_destroy(&registry->changed);
    pthread_mutex_destroy(&registry->lock);
    free(registry);
}
