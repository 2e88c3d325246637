/*
 * Loading under the registry's budget.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <sys/stat.h>
#include <unistd.h>

#include "models/registry_internal.h"

/* What a load takes of the budget at a time: so that it is not asked for every tree. */
#define GRAIN_BYTES ((uint64_t)256 << 10)

/* Of the budget, for a load that counts from here on. */
static bool take_budget(struct registry *registry, uint64_t bytes)
{
    uint_least64_t used = atomic_load(&registry->used);

    do {
        if (used > registry->settings.memory || bytes > registry->settings.memory - used)
            return false;
    } while (!atomic_compare_exchange_weak(&registry->used, &used, used + bytes));
    return true;
}

static bool given_up(const struct registry_entry *entry)
{
    return atomic_load(&entry->withdrawn) || atomic_load(&entry->registry->stopping);
}

/* The meter's question, from wherever the load allocates. */
static bool ask(struct mem_meter *meter, uint64_t more)
{
    struct registry_entry *entry = meter->self;
    uint64_t grain = more < GRAIN_BYTES ? GRAIN_BYTES : more;

    if (given_up(entry))
        return false;
    if (!take_budget(entry->registry, grain)) {
        grain = more;
        if (!take_budget(entry->registry, grain))
            return false;
    }
    meter->granted += grain;
    return true;
}

/* Bytes of the files that an artifact of that path will read: a lower bound of what it takes. -1
 * where there is nothing, or nothing that may be looked at (errno). */
static int disk_bytes(const char *path, uint64_t *ret)
{
    struct dirent *file;
    struct stat status;
    DIR *directory;

    *ret = 0;
    if (stat(path, &status))
        return -1;
    if (!S_ISDIR(status.st_mode)) {
        *ret = S_ISREG(status.st_mode) ? (uint64_t)status.st_size : 0;
        return 0;
    }
    directory = opendir(path);
    if (!directory)
        return -1;
    while ((file = readdir(directory))) {
        if (file->d_name[0] != '.' && fstatat(dirfd(directory), file->d_name, &status, 0) == 0 &&
            S_ISREG(status.st_mode))
            *ret += (uint64_t)status.st_size;
    }
    closedir(directory);
    return 0;
}

static int no_room(const struct registry_entry *entry, uint64_t need, struct err *err)
{
    const struct registry *registry = entry->registry;
    char quoted[64];
    struct err why = ERR_INIT;

    err_quote(quoted, sizeof(quoted), entry->name.data, entry->name.size);
    err_set(&why, ERR_LIMIT,
            "no room for model %s: it takes more than %llu bytes, and %llu of %llu are in use: "
            "unload others or raise --model-memory",
            quoted, (unsigned long long)need, (unsigned long long)atomic_load(&registry->used),
            (unsigned long long)registry->settings.memory);
    *err = why;
    return -1;
}

/* The load itself. *ret_model only on success. */
static enum registry_result load(struct registry_entry *entry, struct mem_meter *meter,
                                 struct model **ret_model, struct err *err)
{
    struct registry *registry = entry->registry;
    struct model *model = NULL;
    uint64_t bytes;
    int failed;

    if (disk_bytes(entry->path, &bytes) && (errno == ENOENT || errno == ENOTDIR)) {
        char quoted[200];

        err_set(err, ERR_INPUT, "there is no file or directory %s",
                err_quote(quoted, sizeof(quoted), entry->path, strlen(entry->path)));
        return REGISTRY_NOT_THERE;
    }
    if (bytes > registry->settings.memory ||
        atomic_load(&registry->used) > registry->settings.memory - bytes) {
        no_room(entry, bytes, err);
        return REGISTRY_NO_ROOM;
    }
    mem_meter_set(meter);
    failed = model_load(entry->path, &registry->settings.options, &model, err);
    entry->bytes = meter->held;
    if (!failed && registry->settings.check)
        failed = registry->settings.check(model, err);
    mem_meter_set(NULL);
    if (!failed && !meter->refused) {
        *ret_model = model;
        return REGISTRY_OK;
    }
    model_unref(model);
    if (given_up(entry)) {
        err_clear(err);
        err_set(err, ERR_INPUT, "the model was unloaded while it was loading");
        return REGISTRY_WITHDRAWN;
    }
    if (meter->refused || err->kind == ERR_MEMORY) {
        no_room(entry, meter->held, err);
        return REGISTRY_NO_ROOM;
    }
    return REGISTRY_BAD_MODEL;
}

/* Sets what the load took of the budget to `bytes`, for good. */
static void settle_budget(struct registry *registry, uint64_t taken, uint64_t bytes)
{
    if (bytes <= taken)
        atomic_fetch_sub(&registry->used, taken - bytes);
    else
        atomic_fetch_add(&registry->used, bytes - taken);
}

/* False where the model was withdrawn at the last moment. */
static bool publish(struct registry_entry *entry)
{
    struct registry *registry = entry->registry;
    bool published;

    pthread_mutex_lock(&registry->lock);
    published = !atomic_load(&entry->withdrawn);
    if (published) {
        entry->ready = true;
        registry->ready++;
    }
    pthread_mutex_unlock(&registry->lock);
    return published;
}

/* A load as it is handed to the thread that does it. */
struct load_work {
    struct registry_entry *entry;
    struct mem_meter meter;
    struct err *err;
    enum registry_result result;
};

static void run_load(void *argument)
{
    struct load_work *work = argument;

    work->result = load(work->entry, &work->meter, &work->entry->model, work->err);
    if (work->meter.granted >= REGISTRY_TRIM_BYTES)
        malloc_trim(0); /* the files' bytes, and what parsing took besides */
}

enum registry_result registry_load(struct registry_entry *entry, struct err *err)
{
    struct registry *registry = entry->registry;
    struct load_work work = {.entry = entry, .meter = {.ask = ask, .self = entry}, .err = err};
    enum registry_result result;

    background_run(registry->loading, run_load, &work);
    result = work.result;
    if (result == REGISTRY_OK) {
        settle_budget(registry, work.meter.granted, entry->bytes);
        clock_gettime(CLOCK_REALTIME, &entry->loaded_at);
        if (publish(entry))
            return REGISTRY_OK;
        err_set(err, ERR_INPUT, "the model was unloaded while it was loading");
        registry_put(entry);
        return REGISTRY_WITHDRAWN;
    }
    settle_budget(registry, work.meter.granted, 0);
    entry->bytes = 0;
    registry_give_up(entry);
    return result;
}
