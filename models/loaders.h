#pragma once
/*
 * Loaders: from an artifact to a model that is ready to serve. models/loaders.c lists them in the
 * order in which they are asked; adding an algorithm is one file and one line there.
 */

#include <stdbool.h>

#include "base/compiler.h"
#include "base/err.h"
#include "models/artifact.h"
#include "models/model.h"

struct loader {
    const char *name;
    /* Whether the artifact is one of this loader's, by content. */
    bool (*probe)(const struct artifact *artifact);
    /* Fills a model that model_load made (path, options applied by the loader). */
    int (*load)(const struct artifact *artifact, const struct model_options *options,
                struct model *model, struct err *err);
};

extern const struct loader linear_loader;
extern const struct loader factorization_loader;
extern const struct loader pca_loader;
extern const struct loader kmeans_loader;
extern const struct loader knn_loader;
extern const struct loader xgboost_loader;

/* The loader for an artifact: never NULL, since the last one takes what no other wants and says
 * what is wrong with it. */
const struct loader *loaders_find(const struct artifact *artifact);
