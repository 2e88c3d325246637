/*
 * Microseconds a row of the forest scorer, for one row at a time and for blocks of 1000 rows, on
 * full trees with random splits over normal values. Thread CPU time, median of slices.
 */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "algorithms/forest.h"
#include "base/memory.h"
#include "benchmarks/timing.h"

#define ROWS   1000
#define SLICES 31

struct shape {
    const char *name;
    uint32_t trees;
    uint32_t depth;
    uint32_t features;
    float missing; /* share of values */
};

static const struct shape shapes[] = {
    {"100 trees, depth 6, 30 features", 100, 6, 30, 0.0f},
    {"the same, 10 % missing", 100, 6, 30, 0.1f},
    {"100 trees, depth 6, 784 features", 100, 6, 784, 0.0f},
    {"1000 trees, depth 8, 100 features", 1000, 8, 100, 0.0f},
    {"1 tree, depth 1, 30 features", 1, 1, 30, 0.0f},
    {"500 trees, depth 10, 100 features", 500, 10, 100, 0.0f},
};

static uint64_t random_state = 88172645463325252u;

static float uniform(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (float)(random_state >> 40) / 16777216.0f;
}

/* About normal. */
static float normal(void)
{
    return uniform() + uniform() + uniform() + uniform() + uniform() + uniform() - 3.0f;
}

static void *need(void *memory)
{
    if (!memory) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    return memory;
}

static struct tree full_tree(uint32_t depth, uint32_t features)
{
    uint32_t splits = (1u << depth) - 1;
    uint32_t nodes = 2 * splits + 1;
    struct tree tree = {
        .nodes = nodes,
        .leaf_width = 1,
        .left = need(mem_alloc(nodes, sizeof(*tree.left))),
        .right = need(mem_alloc(nodes, sizeof(*tree.right))),
        .feature = need(mem_alloc(nodes, sizeof(*tree.feature))),
        .value = need(mem_alloc(nodes, sizeof(*tree.value))),
        .default_left = need(mem_alloc(nodes, sizeof(*tree.default_left))),
    };

    for (uint32_t n = 0; n < nodes; n++) {
        bool leaf = n >= splits;

        tree.left[n] = leaf ? -1 : (int32_t)(2 * n + 1);
        tree.right[n] = leaf ? -1 : (int32_t)(2 * n + 2);
        tree.feature[n] = (uint32_t)(uniform() * (float)features) % features;
        tree.value[n] = leaf ? normal() * 0.1f : normal();
        tree.default_left[n] = uniform() < 0.5f;
    }
    return tree;
}

static double time_rows(const struct scorer *scorer, const float *x, size_t columns, size_t block,
                        float *margins)
{
    struct err err = ERR_INIT;
    struct scratch scratch;
    double slices[SLICES];

    scratch_init(&scratch);
    for (int s = 0; s < SLICES; s++) {
        double start = cpu_seconds();

        for (size_t row = 0; row < ROWS; row += block) {
            struct matrix matrix = {
                .kind = MATRIX_DENSE,
                .rows = block,
                .columns = columns,
                .values = x + row * columns,
            };

            if (scorer_score(scorer, &matrix, &scratch, margins + row, &err)) {
                fprintf(stderr, "%s\n", err.text);
                exit(1);
            }
        }
        slices[s] = (cpu_seconds() - start) * 1e6 / ROWS;
    }
    scratch_fini(&scratch);
    return median(slices, SLICES);
}

static void run(const struct shape *shape)
{
    struct tree *trees = need(mem_alloc(shape->trees, sizeof(*trees)));
    int32_t *output = need(mem_zero(shape->trees, sizeof(*output)));
    float *x = need(mem_alloc((size_t)ROWS * shape->features, sizeof(*x)));
    float *margins = need(mem_alloc(ROWS, sizeof(*margins)));
    float base = 0.5f;
    struct err err = ERR_INIT;
    struct scorer *scorer;
    struct forest_spec spec = {
        .trees = trees,
        .tree_output = output,
        .tree_count = shape->trees,
        .features = shape->features,
        .outputs = 1,
        .base_margin = &base,
    };
    double compile;
    double single;

    for (uint32_t t = 0; t < shape->trees; t++)
        trees[t] = full_tree(shape->depth, shape->features);
    for (size_t i = 0; i < (size_t)ROWS * shape->features; i++)
        x[i] = uniform() < shape->missing ? NAN : normal();
    compile = cpu_seconds();
    if (forest_new(&spec, &scorer, &err)) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    compile = cpu_seconds() - compile;
    single = time_rows(scorer, x, shape->features, 1, margins);
    printf("%-36s %s  1 row %7.3f  1000 rows %7.3f us/row  compile %.1f ms\n", shape->name,
           scorer->name, single, time_rows(scorer, x, shape->features, ROWS, margins),
           compile * 1e3);
    scorer_free(scorer);
    for (uint32_t t = 0; t < shape->trees; t++) {
        free(trees[t].left);
        free(trees[t].right);
        free(trees[t].feature);
        free(trees[t].value);
        free(trees[t].default_left);
    }
    free(trees);
    free(output);
    free(x);
    free(margins);
}

/* Without arguments all shapes, else those whose numbers (from 1) are given. */
int main(int argc, char **argv)
{
    for (size_t i = 0; i < ARRAY_LENGTH(shapes); i++) {
        bool wanted = argc < 2;

        for (int a = 1; a < argc; a++)
            wanted |= (size_t)atoi(argv[a]) == i + 1;
        if (wanted)
            run(&shapes[i]);
    }
    return 0;
}
