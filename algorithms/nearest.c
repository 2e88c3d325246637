#include "algorithms/nearest.h"

#include <math.h>
#include <stdlib.h>

#include "algorithms/nearest_search.h"
#include "base/memory.h"

struct nearest_scorer {
    struct scorer scorer;
    struct nearest nearest;
    const double *labels; /* k-NN */
};

static const struct nearest_scorer *scorer_of(const struct scorer *scorer)
{
    return (const struct nearest_scorer *)scorer;
}

static void answer_cluster(const struct scorer *scorer UNUSED, struct neighbour *found, float *ret)
{
    ret[0] = (float)found->point;
    ret[1] = (float)sqrt(found->distance);
}

static int compare_distances(const void *a, const void *b)
{
    double x = ((const struct neighbour *)a)->distance;
    double y = ((const struct neighbour *)b)->distance;

    return (x > y) - (x < y);
}

/* The neighbours' labels are put in the place of their distances, which are written by then. */
static void take_labels(const struct nearest_scorer *knn, struct neighbour *found)
{
    for (uint32_t i = 0; i < knn->nearest.k; i++)
        found[i].distance = knn->labels[found[i].point];
}

/* Up to so many labels are sorted by insertion. */
#define INSERTION_MOST 32

static void sort_labels(struct neighbour *found, size_t k)
{
    if (k > INSERTION_MOST) {
        qsort(found, k, sizeof(*found), compare_distances);
        return;
    }
    for (size_t i = 1; i < k; i++) {
        struct neighbour n = found[i];
        size_t place = i;

        for (; place > 0 && found[place - 1].distance > n.distance; place--)
            found[place] = found[place - 1];
        found[place] = n;
    }
}

/* The longest run of equal labels; of several the first. */
static double vote(struct neighbour *found, size_t k)
{
    double winner = found[0].distance;
    size_t most = 0, run = 0;

    sort_labels(found, k);
    for (size_t i = 0; i < k; i++) {
        run = i && found[i].distance == found[i - 1].distance ? run + 1 : 1;
        if (run > most) {
            most = run;
            winner = found[i].distance;
        }
    }
    return winner;
}

static double mean(const struct neighbour *found, size_t k)
{
    double sum = 0;

    for (size_t i = 0; i < k; i++)
        sum += found[i].distance;
    return sum / (double)k;
}

static void write_neighbours(const struct nearest_scorer *knn, struct neighbour *found, float *ret)
{
    uint32_t k = knn->nearest.k;

    for (uint32_t i = 0; i < k; i++)
        ret[1 + i] = (float)found[i].distance;
    take_labels(knn, found);
    for (uint32_t i = 0; i < k; i++)
        ret[1 + k + i] = (float)found[i].distance;
}

static void answer_class(const struct scorer *scorer, struct neighbour *found, float *ret)
{
    write_neighbours(scorer_of(scorer), found, ret);
    ret[0] = (float)vote(found, scorer_of(scorer)->nearest.k);
}

static void answer_mean(const struct scorer *scorer, struct neighbour *found, float *ret)
{
    write_neighbours(scorer_of(scorer), found, ret);
    ret[0] = (float)mean(found, scorer_of(scorer)->nearest.k);
}

static int kmeans_score(const struct scorer *scorer, const struct matrix *matrix,
                        struct scratch *scratch, float *ret, struct err *err)
{
    return nearest_search(&scorer_of(scorer)->nearest, matrix, scratch, answer_cluster, scorer, ret,
                          err);
}

static int knn_score_class(const struct scorer *scorer, const struct matrix *matrix,
                           struct scratch *scratch, float *ret, struct err *err)
{
    return nearest_search(&scorer_of(scorer)->nearest, matrix, scratch, answer_class, scorer, ret,
                          err);
}

static int knn_score_mean(const struct scorer *scorer, const struct matrix *matrix,
                          struct scratch *scratch, float *ret, struct err *err)
{
    return nearest_search(&scorer_of(scorer)->nearest, matrix, scratch, answer_mean, scorer, ret,
                          err);
}

static void destroy(struct scorer *scorer)
{
    struct nearest_scorer *self = (struct nearest_scorer *)scorer;

    nearest_fini(&self->nearest);
    mem_release(self);
}

static int make(const struct scorer *scorer, const float *points, uint64_t count, uint32_t k,
                const double *labels, struct scorer **ret, struct err *err)
{
    struct nearest_scorer *self = mem_zero(1, sizeof(*self));

    if (!self)
        return err_memory(err, sizeof(*self), "a scorer");
    self->scorer = *scorer;
    self->scorer.destroy = destroy;
    self->labels = labels;
    if (nearest_init(&self->nearest, points, count, scorer->features, k, err)) {
        mem_release(self);
        return -1;
    }
    self->scorer.row_ns = nearest_row_ns(&self->nearest);
    *ret = &self->scorer;
    return 0;
}

int kmeans_new(const struct kmeans_spec *spec, struct scorer **ret, struct err *err)
{
    struct scorer scorer = {
        .name = "kmeans",
        .features = spec->features,
        .outputs = 2,
        .score = kmeans_score,
    };

    return make(&scorer, spec->centroids, spec->clusters, 1, NULL, ret, err);
}

int knn_new(const struct knn_spec *spec, struct scorer **ret, struct err *err)
{
    struct scorer scorer = {
        .name = "knn",
        .features = spec->features,
        .outputs = 2 * spec->k + 1,
        .score = spec->answer == KNN_CLASS ? knn_score_class : knn_score_mean,
    };

    return make(&scorer, spec->vectors, spec->count, spec->k, spec->labels, ret, err);
}
