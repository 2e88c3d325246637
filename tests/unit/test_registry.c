#include "models/registry.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#define MB ((uint64_t)1 << 20)

static const struct registry_attributes attributes = {1, 1, 1, 100};
static char example[4096];  /* a file that is a model */
static char directory[64];  /* with that file in it */
static char damaged[100];   /* a file that is none */
static uint64_t model_disk; /* bytes of the file */

static struct registry *registry_of(uint64_t memory, unsigned wait_ms)
{
    struct registry_settings settings = {
        .memory = memory,
        .loaders = 2,
        .remove_wait_ms = wait_ms,
        .options = MODEL_OPTIONS_DEFAULT,
    };
    struct registry *registry = NULL;
    struct err err = ERR_INIT;

    assert_int_equal(registry_new(&settings, &registry, &err), 0);
    return registry;
}

static enum registry_result reserve(struct registry *registry, const char *name, const char *url,
                                    struct registry_entry **ret)
{
    return registry_reserve(registry, bytes_text(name), bytes_text(url), &attributes, ret);
}

static enum registry_result load(struct registry *registry, const char *name, const char *url,
                                 struct err *err)
{
    struct registry_entry *entry = NULL;
    enum registry_result result = reserve(registry, name, url, &entry);

    err_clear(err);
    return result == REGISTRY_OK ? registry_load(entry, err) : result;
}

static void must_load(struct registry *registry, const char *name)
{
    struct err err = ERR_INIT;

    if (load(registry, name, directory, &err) != REGISTRY_OK)
        fail_msg("%s: %s", name, err.text);
}

static struct registry_usage usage_of(struct registry *registry)
{
    struct registry_usage usage;

    registry_usage(registry, &usage);
    return usage;
}

/* What `removed` told: -1 nothing yet, else whether the memory was freed. */
struct outcome {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int freed;
    unsigned calls;
};

#define OUTCOME_INIT                                                                               \
    {                                                                                              \
        .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .freed = -1        \
    }

static void on_removed(void *argument, bool freed)
{
    struct outcome *outcome = argument;

    pthread_mutex_lock(&outcome->lock);
    outcome->freed = freed;
    outcome->calls++;
    pthread_cond_signal(&outcome->changed);
    pthread_mutex_unlock(&outcome->lock);
}

static int wait_for(struct outcome *outcome)
{
    int freed;

    pthread_mutex_lock(&outcome->lock);
    while (outcome->freed < 0)
        pthread_cond_wait(&outcome->changed, &outcome->lock);
    freed = outcome->freed;
    assert_int_equal(outcome->calls, 1);
    pthread_mutex_unlock(&outcome->lock);
    return freed;
}

/* Unloads and waits for it; whether the memory was freed. */
static int unload(struct registry *registry, const char *name)
{
    struct outcome outcome = OUTCOME_INIT;

    assert_int_equal(registry_remove(registry, bytes_text(name), on_removed, &outcome),
                     REGISTRY_OK);
    return wait_for(&outcome);
}

static float score_zeros(const struct model *model, struct scratch *scratch,
                         struct predictions *predictions)
{
    static const float zeros[30];
    const struct matrix matrix = {.kind = MATRIX_DENSE, .rows = 1, .columns = 30, .values = zeros};
    struct err err = ERR_INIT;

    predictions_clear(predictions);
    if (model_score(model, MODEL_VALUE, &matrix, scratch, predictions, &err))
        return -1;
    return predictions->values[0];
}

static void test_load_get_unload(void **state)
{
    struct registry *registry = registry_of(64 * MB, 10000);
    struct registry_entry *entry;
    struct registry_info info;

    (void)state;
    assert_null(registry_get(registry, bytes_text("a")));
    must_load(registry, "a");
    entry = registry_get(registry, bytes_text("a"));
    assert_non_null(entry);
    assert_true(bytes_is(registry_name(entry), "a"));
    assert_true(bytes_is(registry_url(entry), directory));
    assert_int_equal(registry_model(entry)->features, 30);
    registry_describe(entry, &info);
    assert_in_range(info.bytes, 1000, 10 * model_disk);
    assert_int_equal(info.bytes, usage_of(registry).bytes);
    assert_int_equal(info.attributes.max_batch_delay, 100);
    assert_true(info.loaded_at.tv_sec > 1000000000);
    registry_scale(entry, 2, 3);
    registry_describe(entry, &info);
    assert_int_equal(info.attributes.min_workers, 2);
    assert_int_equal(info.attributes.max_workers, 3);
    registry_put(entry);
    assert_true(unload(registry, "a"));
    assert_null(registry_get(registry, bytes_text("a")));
    assert_int_equal(usage_of(registry).bytes, 0);
    assert_int_equal(registry_remove(registry, bytes_text("a"), on_removed, NULL),
                     REGISTRY_NOT_THERE);
    registry_free(registry);
}

static void test_names_are_taken_once(void **state)
{
    struct registry *registry = registry_of(64 * MB, 10000);
    struct registry_entry *first = NULL;
    struct registry_entry *second = NULL;
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(reserve(registry, "a", directory, &first), REGISTRY_OK);
    /* loading: taken, and not yet there for requests */
    assert_int_equal(reserve(registry, "a", directory, &second), REGISTRY_EXISTS);
    assert_null(registry_get(registry, bytes_text("a")));
    assert_int_equal(usage_of(registry).loading, 1);
    assert_int_equal(registry_load(first, &err), REGISTRY_OK);
    assert_int_equal(reserve(registry, "a", directory, &second), REGISTRY_EXISTS);
    assert_int_equal(reserve(registry, "b", directory, &second), REGISTRY_OK);
    registry_cancel(second);
    assert_int_equal(reserve(registry, "b", directory, &second), REGISTRY_OK);
    registry_cancel(second);
    assert_int_equal(usage_of(registry).models, 1);
    registry_free(registry);
}

static void test_list_is_sorted_and_paged(void **state)
{
    static const char *const names[] = {"m", "b", "z", "aa", "a"};
    static const char *const sorted[] = {"a", "aa", "b", "m", "z"};
    struct registry *registry = registry_of(64 * MB, 10000);
    struct registry_entry *entries[5];
    struct registry_entry *loading = NULL;
    size_t total = 0;

    (void)state;
    for (size_t i = 0; i < 5; i++)
        must_load(registry, names[i]);
    assert_int_equal(reserve(registry, "ab", directory, &loading), REGISTRY_OK);
    assert_int_equal(registry_list(registry, 0, 5, entries, &total), 5);
    assert_int_equal(total, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_true(bytes_is(registry_name(entries[i]), sorted[i]));
        registry_put(entries[i]);
    }
    assert_int_equal(registry_list(registry, 3, 5, entries, &total), 2);
    assert_true(bytes_is(registry_name(entries[0]), "m"));
    registry_put(entries[0]);
    registry_put(entries[1]);
    assert_int_equal(registry_list(registry, 1, 1, entries, &total), 1);
    assert_true(bytes_is(registry_name(entries[0]), "aa"));
    registry_put(entries[0]);
    assert_int_equal(registry_list(registry, 5, 5, entries, &total), 0);
    registry_cancel(loading);
    registry_free(registry);
}

static void test_what_cannot_be_loaded(void **state)
{
    struct registry *registry = registry_of(64 * MB, 10000);
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(load(registry, "a", "/no/such/dir", &err), REGISTRY_NOT_THERE);
    assert_int_equal(load(registry, "a", damaged, &err), REGISTRY_BAD_MODEL);
    assert_non_null(strstr(err.text, damaged));
    assert_int_equal(usage_of(registry).bytes, 0);
    assert_int_equal(usage_of(registry).loading, 0);
    must_load(registry, "a"); /* the name is free */
    registry_free(registry);
}

static int refuse(const struct model *model, struct err *err)
{
    (void)model;
    return err_set(err, ERR_INPUT, "differs");
}

static void test_check_refuses(void **state)
{
    struct registry_settings settings = {
        .memory = 64 * MB, .loaders = 1, .options = MODEL_OPTIONS_DEFAULT, .check = refuse};
    struct registry *registry = NULL;
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(registry_new(&settings, &registry, &err), 0);
    assert_int_equal(load(registry, "a", directory, &err), REGISTRY_BAD_MODEL);
    assert_string_equal(err.text, "differs");
    assert_int_equal(usage_of(registry).bytes, 0);
    registry_free(registry);
}

static void test_budget(void **state)
{
    struct registry *registry = registry_of(model_disk - 1, 10000);
    struct err err = ERR_INIT;
    uint64_t one;
    uint64_t two;

    (void)state;
    /* not even the file fits; then the file does, but not what is made of it */
    assert_int_equal(load(registry, "a", directory, &err), REGISTRY_NO_ROOM);
    assert_non_null(strstr(err.text, "--model-memory"));
    registry_free(registry);
    registry = registry_of(model_disk + 2000, 10000);
    assert_int_equal(load(registry, "a", directory, &err), REGISTRY_NO_ROOM);
    assert_int_equal(err.kind, ERR_LIMIT);
    assert_int_equal(usage_of(registry).bytes, 0);
    registry_free(registry);

    registry = registry_of(64 * MB, 10000);
    must_load(registry, "a");
    one = usage_of(registry).bytes;
    registry_free(registry);

    /* two, and what loading the second takes besides, but not three */
    registry = registry_of(3 * one + model_disk / 2, 10000);
    must_load(registry, "a");
    must_load(registry, "b");
    two = usage_of(registry).bytes;
    assert_in_range(two, 2 * one - 500, 2 * one + 500); /* the allocator rounds as it likes */
    assert_int_equal(load(registry, "c", directory, &err), REGISTRY_NO_ROOM);
    assert_int_equal(usage_of(registry).bytes, two);
    assert_true(unload(registry, "a"));
    must_load(registry, "c");
    registry_free(registry);
}

/* The promise: what is counted while a model loads is never more than the budget. */
static void test_every_budget_holds(void **state)
{
    struct err err = ERR_INIT;
    unsigned loaded = 0;
    unsigned refused = 0;

    (void)state;
    for (uint64_t budget = 0; budget < 6 * model_disk; budget += model_disk / 16) {
        struct registry *registry = registry_of(budget, 10000);
        enum registry_result result = load(registry, "a", directory, &err);

        assert_true(result == REGISTRY_OK || result == REGISTRY_NO_ROOM);
        assert_true(usage_of(registry).bytes <= budget);
        assert_true(result == REGISTRY_OK || usage_of(registry).bytes == 0);
        assert_true(result == REGISTRY_OK || !loaded); /* more budget never loads less */
        loaded += result == REGISTRY_OK;
        refused += result == REGISTRY_NO_ROOM;
        registry_free(registry);
    }
    assert_true(loaded > 10 && refused > 10);
}

static void test_unload_in_use_waits_for_the_last_request(void **state)
{
    struct registry *registry = registry_of(64 * MB, 60000);
    struct outcome outcome = OUTCOME_INIT;
    struct registry_entry *entry;

    (void)state;
    must_load(registry, "a");
    entry = registry_get(registry, bytes_text("a"));
    assert_int_equal(registry_remove(registry, bytes_text("a"), on_removed, &outcome), REGISTRY_OK);
    assert_null(registry_get(registry, bytes_text("a")));
    assert_true(usage_of(registry).bytes > 0); /* still there */
    assert_int_equal(registry_model(entry)->features, 30);
    must_load(registry, "a"); /* the name is free at once */
    usleep(20000);
    assert_int_equal(outcome.calls, 0);
    registry_put(entry);
    assert_true(wait_for(&outcome));
    assert_int_equal(usage_of(registry).models, 1);
    registry_free(registry);
}

static void test_unload_in_use_waits_only_so_long(void **state)
{
    struct registry *registry = registry_of(64 * MB, 30);
    struct registry_entry *entry;

    (void)state;
    must_load(registry, "a");
    entry = registry_get(registry, bytes_text("a"));
    assert_false(unload(registry, "a"));
    assert_true(usage_of(registry).bytes > 0);
    registry_put(entry);
    for (int i = 0; i < 1000 && usage_of(registry).bytes; i++)
        usleep(5000);
    assert_int_equal(usage_of(registry).bytes, 0);
    registry_free(registry);
}

static void test_unload_while_loading(void **state)
{
    struct registry *registry = registry_of(64 * MB, 60000);
    struct outcome outcome = OUTCOME_INIT;
    struct registry_entry *entry = NULL;
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(reserve(registry, "a", directory, &entry), REGISTRY_OK);
    assert_int_equal(registry_remove(registry, bytes_text("a"), on_removed, &outcome), REGISTRY_OK);
    must_load(registry, "a"); /* another one of that name */
    assert_int_equal(registry_load(entry, &err), REGISTRY_WITHDRAWN);
    assert_true(wait_for(&outcome));
    assert_int_equal(usage_of(registry).models, 1);
    assert_true(unload(registry, "a"));
    assert_int_equal(usage_of(registry).bytes, 0);
    registry_free(registry);
}

static void test_stop_cuts_short(void **state)
{
    struct registry *registry = registry_of(64 * MB, 60000);
    struct outcome outcome = OUTCOME_INIT;
    struct registry_entry *entry;
    struct err err = ERR_INIT;

    (void)state;
    must_load(registry, "a");
    entry = registry_get(registry, bytes_text("a"));
    assert_int_equal(registry_remove(registry, bytes_text("a"), on_removed, &outcome), REGISTRY_OK);
    registry_stop(registry);
    assert_false(wait_for(&outcome));
    assert_int_equal(load(registry, "b", directory, &err), REGISTRY_WITHDRAWN);
    registry_put(entry);
    registry_free(registry);
}

/* Scoring, loading, unloading and listing at the same time. */

static struct {
    struct registry *registry;
    float expected;
    atomic_bool stop;
    atomic_uint scored;
    atomic_uint cycles;
    atomic_uint wrong;
} shared;

static void *score_thread(void *argument)
{
    static const char *const names[] = {"steady", "x0", "x1"};
    struct scratch scratch;
    struct predictions predictions;

    (void)argument;
    scratch_init(&scratch);
    predictions_init(&predictions);
    for (unsigned i = 0; !atomic_load(&shared.stop); i++) {
        struct registry_entry *entry = registry_get(shared.registry, bytes_text(names[i % 3]));

        if (!entry && i % 3 == 0)
            atomic_fetch_add(&shared.wrong, 1);
        if (!entry)
            continue;
        if (score_zeros(registry_model(entry), &scratch, &predictions) != shared.expected)
            atomic_fetch_add(&shared.wrong, 1);
        atomic_fetch_add(&shared.scored, 1);
        registry_put(entry);
    }
    predictions_fini(&predictions);
    scratch_fini(&scratch);
    return NULL;
}

static void *load_thread(void *argument)
{
    const char *name = argument;

    while (!atomic_load(&shared.stop)) {
        struct err err = ERR_INIT;

        if (load(shared.registry, name, directory, &err) != REGISTRY_OK ||
            !unload(shared.registry, name))
            atomic_fetch_add(&shared.wrong, 1);
        atomic_fetch_add(&shared.cycles, 1);
    }
    return NULL;
}

static void *list_thread(void *argument)
{
    (void)argument;
    while (!atomic_load(&shared.stop)) {
        struct registry_entry *entries[8];
        struct registry_info info;
        size_t total;
        size_t count = registry_list(shared.registry, 0, 8, entries, &total);

        if (count == 0 || count > 3)
            atomic_fetch_add(&shared.wrong, 1);
        for (size_t i = 0; i < count; i++) {
            registry_describe(entries[i], &info);
            registry_put(entries[i]);
        }
        usleep(100);
    }
    return NULL;
}

static void test_everything_at_once(void **state)
{
    static char x0[] = "x0";
    static char x1[] = "x1";
    pthread_t threads[5];
    struct scratch scratch;
    struct predictions predictions;
    struct registry_entry *entry;
    uint64_t before;

    (void)state;
    shared.registry = registry_of(64 * MB, 60000);
    must_load(shared.registry, "steady");
    before = usage_of(shared.registry).bytes;
    scratch_init(&scratch);
    predictions_init(&predictions);
    entry = registry_get(shared.registry, bytes_text("steady"));
    shared.expected = score_zeros(registry_model(entry), &scratch, &predictions);
    registry_put(entry);
    predictions_fini(&predictions);
    scratch_fini(&scratch);
    pthread_create(&threads[0], NULL, score_thread, NULL);
    pthread_create(&threads[1], NULL, score_thread, NULL);
    pthread_create(&threads[2], NULL, load_thread, x0);
    pthread_create(&threads[3], NULL, load_thread, x1);
    pthread_create(&threads[4], NULL, list_thread, NULL);
    for (int i = 0; i < 400 && (i < 60 || atomic_load(&shared.cycles) < 20); i++)
        usleep(10000);
    atomic_store(&shared.stop, true);
    for (size_t i = 0; i < 5; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&shared.wrong), 0);
    assert_true(atomic_load(&shared.scored) > 100);
    assert_true(atomic_load(&shared.cycles) >= 20);
    assert_int_equal(usage_of(shared.registry).models, 1);
    assert_int_equal(usage_of(shared.registry).bytes, before);
    registry_free(shared.registry);
}

static int set_up(void **state)
{
    const char *source = getenv("ENDPOINTD_SOURCE");
    struct stat status;
    char link_path[200];
    FILE *file;

    (void)state;
    snprintf(example, sizeof(example), "%s/docker/example/model.json", source ? source : ".");
    if (stat(example, &status))
        return -1;
    model_disk = (uint64_t)status.st_size;
    snprintf(directory, sizeof(directory), "/tmp/test_registry.XXXXXX");
    if (!mkdtemp(directory))
        return -1;
    snprintf(link_path, sizeof(link_path), "%s/xgboost-model", directory);
    snprintf(damaged, sizeof(damaged), "%s.damaged", directory);
    file = fopen(damaged, "w");
    if (!file || fputs("{\"learner\": {}}", file) < 0 || fclose(file) ||
        symlink(example, link_path))
        return -1;
    return 0;
}

static int tear_down(void **state)
{
    char link_path[200];

    (void)state;
    snprintf(link_path, sizeof(link_path), "%s/xgboost-model", directory);
    unlink(link_path);
    unlink(damaged);
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load_get_unload),
        cmocka_unit_test(test_names_are_taken_once),
        cmocka_unit_test(test_list_is_sorted_and_paged),
        cmocka_unit_test(test_what_cannot_be_loaded),
        cmocka_unit_test(test_check_refuses),
        cmocka_unit_test(test_budget),
        cmocka_unit_test(test_every_budget_holds),
        cmocka_unit_test(test_unload_in_use_waits_for_the_last_request),
        cmocka_unit_test(test_unload_in_use_waits_only_so_long),
        cmocka_unit_test(test_unload_while_loading),
        cmocka_unit_test(test_stop_cuts_short),
        cmocka_unit_test(test_everything_at_once),
    };

    return cmocka_run_group_tests_name("registry", tests, set_up, tear_down);
}
