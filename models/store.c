#include "models/store.h"

void store_init(struct store *store)
{
    pthread_mutex_init(&store->mutex, NULL);
    store->model = NULL;
}

void store_fini(struct store *store)
{
    model_unref(store->model);
    store->model = NULL;
    pthread_mutex_destroy(&store->mutex);
}

void store_put(struct store *store, struct model *model)
{
    struct model *old;

    pthread_mutex_lock(&store->mutex);
    old = store->model;
    store->model = model;
    pthread_mutex_unlock(&store->mutex);
    model_unref(old);
}

struct model *store_get(struct store *store)
{
    struct model *model;

    pthread_mutex_lock(&store->mutex);
    model = store->model ? model_ref(store->model) : NULL;
    pthread_mutex_unlock(&store->mutex);
    return model;
}
