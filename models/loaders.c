#include "models/loaders.h"

#include <stddef.h>

/* In the order in which they are asked; the last takes all. */
static const struct loader *const loaders[] = {
    &factorization_loader, &linear_loader, /* any other zip */
    &pca_loader,           &kmeans_loader, /* any other list of arrays */
    &knn_loader,           &xgboost_loader,
};

const struct loader *loaders_find(const struct artifact *artifact)
{
    for (size_t i = 0; i + 1 < ARRAY_LENGTH(loaders); i++) {
        if (loaders[i]->probe(artifact))
            return loaders[i];
    }
    return loaders[ARRAY_LENGTH(loaders) - 1];
}
