/*
 * k-means and k-NN in process: rows a second by the size of a batch, beside the loop that anybody
 * would write first, which keeps float sums of squared differences.
 *
 *     bench_nearest [--cpu LEVEL] [--seconds S] [SHAPE...]
 *
 * SHAPE: kmeans:POINTS:FEATURES or knn:POINTS:FEATURES:K; without any, those of the README. LEVEL:
 * no more than these instructions: baseline, avx2, avx512, vbmi. S: how long each figure is
 * measured (default 0.2). Points and rows are drawn around centres, as data mostly lie. Prints a
 * line of JSON a figure; loop_ns is the other loop's.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "algorithms/nearest.h"
#include "base/cpu.h"
#include "benchmarks/timing.h"

#define ROWS    2048
#define CENTRES 64
#define TIMES   4000

struct shape {
    bool knn;
    size_t points, features, k;
};

struct data {
    struct shape shape;
    float *points;
    double *labels;
    float *rows;
    float *answers;
};

static double seconds = 0.2;

static void die(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);

    if (!memory)
        die("bench_nearest", "out of memory");
    return memory;
}

/* `count` points around centres; scattered about as widely as the centres are. */
static float *draw(const float *centres, size_t count, size_t features)
{
    float *points = allocate(count * features, sizeof(*points));

    for (size_t i = 0; i < count; i++) {
        const float *centre = centres + random_word() % CENTRES * features;

        for (size_t f = 0; f < features; f++)
            points[i * features + f] = centre[f] + (float)random_normal();
    }
    return points;
}

static struct data make_data(const struct shape *shape)
{
    struct data data = {.shape = *shape};
    float *centres = allocate(CENTRES * shape->features, sizeof(*centres));

    for (size_t i = 0; i < CENTRES * shape->features; i++)
        centres[i] = (float)random_normal();
    data.points = draw(centres, shape->points, shape->features);
    data.rows = draw(centres, ROWS, shape->features);
    data.labels = allocate(shape->points, sizeof(*data.labels));
    for (size_t i = 0; i < shape->points; i++)
        data.labels[i] = (double)(random_word() % 10);
    data.answers = allocate(ROWS * (2 * shape->k + 1), sizeof(*data.answers));
    free(centres);
    return data;
}

/* The nearest alone: what a naive search for k has to do at least. */
static void naive(const struct data *data, const float *x, float *ret)
{
    size_t features = data->shape.features;
    float best = INFINITY;
    size_t which = 0;

    for (size_t i = 0; i < data->shape.points; i++) {
        const float *p = data->points + i * features;
        float sum = 0;

        for (size_t f = 0; f < features; f++)
            sum += (x[f] - p[f]) * (x[f] - p[f]);
        if (sum < best) {
            best = sum;
            which = i;
        }
    }
    ret[0] = (float)which;
    ret[1] = best;
}

/* Nanoseconds a row; scorer NULL: the naive loop. */
static double measure(const struct data *data, const struct scorer *scorer, struct scratch *scratch,
                      size_t batch)
{
    static double times[TIMES];
    size_t count = 0, at = 0;
    double sum = 0;

    while ((sum < seconds || count < 3) && count < TIMES) {
        double start = cpu_seconds();
        struct matrix matrix = {
            .kind = MATRIX_DENSE,
            .rows = batch,
            .columns = data->shape.features,
            .values = data->rows + at * data->shape.features,
        };
        size_t calls = batch < 16 && data->shape.points * data->shape.features < 100000 ? 64 : 1;
        struct err err = ERR_INIT;

        for (size_t i = 0; i < calls; i++) {
            if (scorer && scorer_score(scorer, &matrix, scratch, data->answers, &err))
                die("score", err.text);
            for (size_t row = 0; row < batch && !scorer; row++)
                naive(data, matrix.values + row * data->shape.features, data->answers);
        }
        times[count] = cpu_seconds() - start;
        sum += times[count];
        times[count++] /= (double)(calls * batch);
        at = (at + batch) % (ROWS - batch);
    }
    return median(times, count) * 1e9;
}

static void run(const struct shape *shape)
{
    static const size_t batches[] = {1, 100, 1000};
    struct data data = make_data(shape);
    struct scorer *scorer = NULL;
    struct scratch scratch;
    struct err err = ERR_INIT;
    double loop = measure(&data, NULL, NULL, 1);
    int failed;

    if (shape->knn)
        failed = knn_new(&(struct knn_spec){.vectors = data.points,
                                            .labels = data.labels,
                                            .count = shape->points,
                                            .features = (uint32_t)shape->features,
                                            .k = (uint32_t)shape->k},
                         &scorer, &err);
    else
        failed = kmeans_new(&(struct kmeans_spec){.centroids = data.points,
                                                  .clusters = (uint32_t)shape->points,
                                                  .features = (uint32_t)shape->features},
                            &scorer, &err);
    if (failed)
        die("make", err.text);
    scratch_init(&scratch);
    for (size_t i = 0; i < sizeof(batches) / sizeof(*batches); i++) {
        double ns = measure(&data, scorer, &scratch, batches[i]);

        printf("{\"scorer\": \"%s\", \"algorithm\": \"%s\", \"points\": %zu, \"features\": %zu, "
               "\"k\": %zu, \"batch\": %zu, \"row_ns\": %.1f, \"rows_s\": %.0f, "
               "\"estimate_ns\": %.0f, \"loop_ns\": %.1f}\n",
               scorer->name, shape->knn ? "knn" : "kmeans", shape->points, shape->features,
               shape->k, batches[i], ns, 1e9 / ns, scorer->row_ns, loop);
        fflush(stdout);
    }
    scratch_fini(&scratch);
    scorer_free(scorer);
    free(data.points);
    free(data.labels);
    free(data.rows);
    free(data.answers);
}

static struct shape parse_shape(const char *text)
{
    struct shape shape = {.k = 1};

    if (sscanf(text, "knn:%zu:%zu:%zu", &shape.points, &shape.features, &shape.k) == 3)
        shape.knn = true;
    else if (sscanf(text, "kmeans:%zu:%zu", &shape.points, &shape.features) != 2)
        die(text, "is no shape");
    if (!shape.points || !shape.features || !shape.k || shape.k > shape.points)
        die(text, "has a number that cannot be");
    return shape;
}

int main(int argc, char **argv)
{
    static const char *const usual[] = {
        "kmeans:10:30",    "kmeans:10:784",    "kmeans:1000:30",
        "kmeans:1000:784", "knn:10000:784:10", "knn:100000:30:10",
    };
    enum cpu_level level;
    int i = 1;

    for (; i + 1 < argc && strncmp(argv[i], "--", 2) == 0; i += 2) {
        if (strcmp(argv[i], "--seconds") == 0)
            seconds = atof(argv[i + 1]);
        else if (strcmp(argv[i], "--cpu") != 0 || !cpu_level_find(argv[i + 1], &level) ||
                 !cpu_limit(level))
            die(argv[i], "no such option, or not on this processor");
    }
    for (size_t n = 0; i == argc && n < sizeof(usual) / sizeof(*usual); n++)
        run(&(struct shape[]){parse_shape(usual[n])}[0]);
    for (; i < argc; i++)
        run(&(struct shape[]){parse_shape(argv[i])}[0]);
    return 0;
}
