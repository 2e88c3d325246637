/* pickle_read, and what xgb_pickle_read makes of it. */
#include "models/pickle.h"
#include "models/xgboost_pickle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Touches what callers would: every view must lie in memory. */
static size_t touch(struct bytes bytes)
{
    size_t sum = 0;

    for (size_t i = 0; i < bytes.size; i++)
        sum += bytes.data[i];
    return sum;
}

static size_t touch_value(const struct pickle_value *value, struct arena *arena)
{
    struct err err = ERR_INIT;
    const char *text;
    char name[64];
    size_t sum = strlen(pickle_class_name(value, name, sizeof(name)));

    sum += touch(value->bytes) + touch(value->module) + touch(value->name);
    if (pickle_text(value, arena, &text, &err) == 0)
        sum += strlen(text);
    if (value->type == PICKLE_ARRAY) {
        sum += touch(value->array->data);
        for (size_t i = 0; i < value->array->count && i < 64; i++) {
            err_clear(&err);
            if (pickle_element_text(value->array, i, arena, &text, &err) == 0)
                sum += strlen(text);
        }
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = ERR_INIT;
    struct pickle_value *value;
    struct xgb_pickle pickle;
    struct arena arena;
    size_t sum = 0;

    arena_init(&arena, (size_t)64 * 1024 * 1024);
    sum += pickle_probe(bytes_of(data, size));
    if (pickle_read(bytes_of(data, size), &arena, &value, &err) == 0) {
        sum += touch_value(value, &arena);
        for (size_t i = 0; i < value->items.count && i < 64; i++)
            sum += touch_value(value->items.at[i], &arena);
        if (value->state)
            sum += touch_value(value->state, &arena);
    }
    arena_fini(&arena);

    err_clear(&err);
    arena_init(&arena, (size_t)64 * 1024 * 1024);
    if (xgb_pickle_read(bytes_of(data, size), &arena, &pickle, &err) == 0) {
        sum += touch(pickle.handle);
        for (size_t i = 0; i < pickle.class_count; i++)
            sum += strlen(pickle.classes[i]);
        for (size_t i = 0; i < pickle.feature_name_count; i++)
            sum += strlen(pickle.feature_names[i]);
    }
    arena_fini(&arena);
    return sum == SIZE_MAX; /* never, but the sum is used */
}
