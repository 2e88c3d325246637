#pragma once
/*
 * The model that is being served, replaced in one step by a reload. Requests take a reference and
 * give it back; an old model goes when its last request ends.
 */

#include <pthread.h>

#include "models/model.h"

struct store {
    pthread_mutex_t mutex;
    struct model *model;
};

void store_init(struct store *store);
void store_fini(struct store *store);

/* Takes over the caller's reference. */
void store_put(struct store *store, struct model *model);

/* A reference that the caller gives back with model_unref; NULL while there is no model. */
struct model *store_get(struct store *store);
