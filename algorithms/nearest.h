#pragma once
/*
 * The nearest of many points, for k-means (the nearest centroid) and k-NN (the k nearest vectors;
 * linear-learner 7). Distances are Euclidean. Candidates are found with a matrix product
 * (|x|^2 - 2 x . p + |p|^2 and a bound on its error); what is answered is computed from the
 * differences, so that it is exact to rounding. A row's answer depends on nothing but the row.
 *
 * Columns that a row lacks are 0. A distance that is no number, as from a row with a NaN, counts as
 * infinite: such a row's answer is cluster 0 at an infinite distance, or the first k vectors. A
 * scorer's row_ns is that of a row alone; of many, each may take a fifth of it.
 */

#include <stdint.h>

#include "algorithms/scorer.h"
#include "base/compiler.h"
#include "base/err.h"

/* Of several centroids at the same distance the first. */
struct kmeans_spec {
    const float *centroids; /* [clusters][features]; stay, and are not copied */
    uint32_t clusters;
    uint32_t features;
};

/* A row's answer: the cluster, the distance (not squared). */
int kmeans_new(const struct kmeans_spec *spec, struct scorer **ret, struct err *err) MUST_CHECK;

enum knn_answer {
    KNN_CLASS, /* the most frequent label of the k; of several the lowest */
    KNN_MEAN,
};

struct knn_spec {
    const float *vectors; /* [count][features]; stay, and are not copied */
    const double *labels; /* [count]; the same */
    uint64_t count;
    uint32_t features;
    uint32_t k; /* 1 to count */
    enum knn_answer answer;
};

/* A row's answer: the predicted label, k squared distances that ascend (of equal ones the vector
 * that comes first in the index), k labels in the same order: 2 * k + 1 numbers. */
int knn_new(const struct knn_spec *spec, struct scorer **ret, struct err *err) MUST_CHECK;
