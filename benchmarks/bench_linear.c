/*
 * Scorers of rows times weights, in nanoseconds a row: Linear Learner's kernels on each level of
 * the processor, in blocks for OpenBLAS too, beside a plain loop and beside one product of OpenBLAS
 * of the whole batch, which nothing pads; factorization machines and PCA.
 *
 *     bench_linear [SECONDS]
 *
 * Each figure takes about SECONDS (default 0.1): calls are made in slices of about 3 ms of this
 * thread's processor time, and the median of the slices counts. A line of JSON a figure:
 *
 *     {"scorer": "linear-loop-avx2", "algorithm": "linear", "features": 30, "outputs": 1,
 *      "batch": 100, "row_ns": 3.2, "rows_s": 312500000, "same_bits": true}
 *
 * same_bits: the answers are those of the plain loop to the bit; null where nothing is compared. A
 * batch of 10000 rows of 1000 features is more than a second cache holds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "algorithms/blas.h"
#include "algorithms/factorization.h"
#include "algorithms/linear.h"
#include "algorithms/projection.h"
#include "base/cpu.h"
#include "benchmarks/timing.h"

#define SLICE      0.003
#define SLICES_MAX 1000

struct shape {
    size_t features, outputs, batch;
};

struct work {
    struct shape shape;
    float *x, *weights, *bias;
    float *answers, *expected;
    const struct scorer *scorer;
    struct scratch scratch;
    void (*run)(struct work *work);
};

static double seconds = 0.1;

static void die(const char *what)
{
    fprintf(stderr, "bench_linear: %s\n", what);
    exit(1);
}

/* What one would write. */
static void plain_loop(struct work *work)
{
    size_t features = work->shape.features, outputs = work->shape.outputs;

    for (size_t row = 0; row < work->shape.batch; row++) {
        const float *x = work->x + row * features;

        for (size_t k = 0; k < outputs; k++) {
            float sum = 0;

            for (size_t f = 0; f < features; f++)
                sum += x[f] * work->weights[f * outputs + k];
            work->answers[row * outputs + k] = sum + work->bias[k];
        }
    }
}

static void one_product(struct work *work)
{
    const struct shape *shape = &work->shape;

    blas_product(shape->batch, shape->outputs, shape->features, work->x, shape->features,
                 work->weights, shape->outputs, 0, work->answers, shape->outputs);
}

static void score(struct work *work)
{
    struct err err = ERR_INIT;
    struct matrix matrix = {.kind = MATRIX_DENSE,
                            .rows = work->shape.batch,
                            .columns = work->shape.features,
                            .values = work->x};

    if (scorer_score(work->scorer, &matrix, &work->scratch, work->answers, &err))
        die(err.text);
}

static double slice(struct work *work, size_t calls)
{
    double start = cpu_seconds();

    for (size_t i = 0; i < calls; i++)
        work->run(work);
    return cpu_seconds() - start;
}

static double row_ns(struct work *work)
{
    static double times[SLICES_MAX];
    size_t calls = 1, count = 0;
    double took, sum = 0;

    while ((took = slice(work, calls)) < SLICE / 2)
        calls *= 2;
    while ((sum < seconds || count < 3) && count < SLICES_MAX) {
        took = slice(work, calls);
        sum += took;
        times[count++] = took * 1e9 / (double)(calls * work->shape.batch);
    }
    return median(times, count);
}

static void report(struct work *work, const char *scorer, const char *algorithm, int compare)
{
    const struct shape *shape = &work->shape;
    size_t bytes = shape->batch * shape->outputs * sizeof(float);
    const char *same = "null";
    double ns;

    work->run(work);
    if (compare)
        same = memcmp(work->answers, work->expected, bytes) == 0 ? "true" : "false";
    ns = row_ns(work);
    printf("{\"scorer\": \"%s\", \"algorithm\": \"%s\", \"features\": %zu, \"outputs\": %zu, "
           "\"batch\": %zu, \"row_ns\": %.2f, \"rows_s\": %.0f, \"same_bits\": %s}\n",
           scorer, algorithm, shape->features, shape->outputs, shape->batch, ns, 1e9 / ns, same);
    fflush(stdout);
}

static void report_scorer(struct work *work, int made, struct scorer *scorer, const char *algorithm,
                          int compare)
{
    if (made)
        die("out of memory");
    work->scorer = scorer;
    work->run = score;
    report(work, scorer->name, algorithm, compare);
    scorer_free(scorer);
}

static void linear_figures(struct work *work, enum linear_kernel kernel, int compare)
{
    struct linear_spec spec = {
        .weights = work->weights,
        .bias = work->bias,
        .features = (uint32_t)work->shape.features,
        .outputs = (uint32_t)work->shape.outputs,
        .kernel = kernel,
    };
    struct scorer *scorer = NULL;
    struct err err = ERR_INIT;
    int made = linear_new(&spec, &scorer, &err);

    report_scorer(work, made, scorer, "linear", compare);
}

/* The outputs are factors, of which the answer is one number, or components. */
static void sibling_figures(struct work *work)
{
    struct factorization_spec fm = {
        .w1 = work->x, /* any numbers */
        .v = work->weights,
        .features = (uint32_t)work->shape.features,
        .factors = (uint32_t)work->shape.outputs,
    };
    struct projection_spec pca = {
        .mean = work->x,
        .v = work->weights,
        .features = (uint32_t)work->shape.features,
        .components = (uint32_t)work->shape.outputs,
    };
    struct scorer *scorer = NULL;
    struct err err = ERR_INIT;
    int made = factorization_new(&fm, &scorer, &err);

    report_scorer(work, made, scorer, "factorization", 0);
    made = projection_new(&pca, &scorer, &err);
    report_scorer(work, made, scorer, "projection", 0);
}

static float *numbers(size_t count)
{
    float *values = malloc(count * sizeof(*values));

    if (!values)
        die("out of memory");
    for (size_t i = 0; i < count; i++)
        values[i] = (float)random_normal();
    return values;
}

static void figures(const struct shape *shape)
{
    struct work work = {.shape = *shape};
    enum cpu_level highest = CPU_BASELINE;

    work.x = numbers(shape->batch * shape->features);
    work.weights = numbers(shape->features * shape->outputs);
    work.bias = numbers(shape->outputs);
    work.answers = numbers(shape->batch * shape->outputs);
    work.expected = numbers(shape->batch * shape->outputs);
    scratch_init(&work.scratch);
    work.run = plain_loop;
    report(&work, "plain loop", "linear", 0);
    memcpy(work.expected, work.answers, shape->batch * shape->outputs * sizeof(float));
    for (int level = CPU_BASELINE; level <= CPU_AVX512 && cpu_limit((enum cpu_level)level);
         level++) {
        linear_figures(&work, LINEAR_LOOP, 1);
        highest = (enum cpu_level)level;
    }
    linear_figures(&work, LINEAR_BLAS, 0);
    work.run = one_product;
    report(&work, blas_name(), "product", 0);
    sibling_figures(&work);
    (void)!cpu_limit(highest);
    scratch_fini(&work.scratch);
    free(work.x);
    free(work.weights);
    free(work.bias);
    free(work.answers);
    free(work.expected);
}

int main(int argc, char **argv)
{
    static const size_t features[] = {30, 1000}, outputs[] = {1, 10}, batches[] = {1, 100, 10000};

    if (argc > 2 || (argc == 2 && (seconds = strtod(argv[1], NULL)) <= 0))
        die("usage: bench_linear [SECONDS]");
    for (size_t f = 0; f < ARRAY_LENGTH(features); f++) {
        for (size_t o = 0; o < ARRAY_LENGTH(outputs); o++) {
            for (size_t b = 0; b < ARRAY_LENGTH(batches); b++)
                figures(&(struct shape){features[f], outputs[o], batches[b]});
        }
    }
    return 0;
}
