/*
 * The choice is by estimated times, from constants that were measured: nanoseconds on one core of
 * an AMD EPYC of the Zen 5 generation at 4.1 GHz, gcc 12, with benchmarks/bench_forest on its
 * models S (100 trees of depth 6, 30 features), L (1000 of depth 8, 100 features), deep and
 * lopsided ones. benchmarks/README.md has what comes of it. They need not be exact: near the number
 * of rows where two kernels meet, either will do.
 */
#include "algorithms/forest_choice.h"

#include <math.h>
#include <stdio.h>

#include "algorithms/forest_masks.h"
#include "algorithms/forest_sweep.h"
#include "base/cpu.h"

/* Scalar: a step of a perfect tree, of a linked one; with few rows, and with many. */
#define STEP_PERFECT      0.5
#define STEP_LINKED       1.7
#define STEP_PERFECT_MANY 0.43
#define STEP_LINKED_MANY  1.4
#define MANY_ROWS         5

/* Scalar: a value becomes a pair of keys. */
#define KEY 0.3

/* Masks: a value becomes bytes; a word of answers, a tree's walk and its leaf. */
#define MASK_VALUE 1.1
#define MASK_WORD  0.6
#define MASK_TREE  0.6

/* Sweep, by level of the processor (the first one is NEON, estimated: no such processor was at
 * hand): a value becomes a byte, with few thresholds and with many; a leaf is added, a row. At any
 * level: a byte more is stored; a value becomes a code. */
static const double sweep_value[][2] = {{1.0, 1.6}, {0.45, 0.95}, {0.22, 0.42}, {0.22, 0.42}};
static const double sweep_leaf[] = {0.3, 0.2, 0.1, 0.05};
#define FEW_THRESHOLDS 31
#define SWEEP_BYTE     0.03
#define SWEEP_CODE     2.0
#define SWEEP_COLUMN   18 /* of a block, whatever its rows */

/* And for all rows of a pass, of few (forest_sweep_kernel) and of many: a split of a perfect tree,
 * a step of a program; a set, the same for both. */
static const double sweep_split[][2] = {{0.6, 1.4}, {0.55, 1.3}, {0.8, 1.35}, {0.8, 1.35}};
static const double sweep_step[][2] = {{1.6, 3.4}, {1.6, 3.4}, {3.2, 4.8}, {3.2, 4.8}};
#define SWEEP_SET 4.0

/* A step below a cut, for every row that a pass has room for; about as many more than typical. */
#define WALK_STEP 1.2
#define WALK_MORE 3

#define SWEEP_ROWS_MAX 128 /* where that many rows are too few, the sweep is of no use */

static const char *const names[] = {
    [FOREST_AUTO] = "auto",
    [FOREST_SCALAR] = "scalar",
    [FOREST_SWEEP] = "sweep",
    [FOREST_MASKS] = "masks",
};

const char *forest_kernel_name(enum forest_kernel kernel)
{
    return names[kernel];
}

bool forest_kernel_find(const char *name, enum forest_kernel *ret)
{
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        if (strcmp(names[i], name) == 0) {
            *ret = (enum forest_kernel)i;
            return true;
        }
    }
    return false;
}

/* Nanoseconds of a row. */
static double scalar_cost(const struct forest *forest, const struct forest_measures *measures,
                          uint32_t trees, bool many)
{
    double perfect = many ? STEP_PERFECT_MANY : STEP_PERFECT;
    double linked = many ? STEP_LINKED_MANY : STEP_LINKED;
    double cost = forest->slots.count * KEY;

    for (uint32_t t = 0; t < trees; t++) {
        const struct forest_measured *tree = &measures->trees[t];

        cost += tree->kind == FOREST_PERFECT ? tree->depth * perfect : (tree->typical + 1) * linked;
    }
    return cost;
}

static double masks_cost(const struct forest_masks *masks)
{
    double cost = masks->columns->ranked_count * MASK_VALUE;

    for (size_t r = 0; r < masks->run_count; r++) {
        const struct forest_masks_run *run = &masks->runs[r];

        cost += run->trees * (MASK_TREE + run->words * MASK_WORD);
    }
    return cost;
}

static double sweep_row_cost(const struct forest_sweep *sweep)
{
    enum cpu_level level = cpu_level();
    const struct forest_columns *columns = sweep->columns;
    double cost = columns->count * SWEEP_BYTE + columns->coded_count * SWEEP_CODE;

    for (uint32_t i = 0; i < columns->ranked_count; i++)
        cost += sweep_value[level][columns->ranked[i].count > FEW_THRESHOLDS];
    for (uint32_t t = 0; t < sweep->tree_count; t++)
        cost += sweep_leaf[level] * sweep->trees[t].leaf_width;
    return cost;
}

static double sweep_pass_cost(const struct forest_sweep *sweep, bool many)
{
    enum cpu_level level = cpu_level();
    size_t rows = many ? sweep->kernel->many : sweep->kernel->few;
    double cost = 0;

    for (uint32_t t = 0; t < sweep->tree_count; t++) {
        const struct forest_sweep_tree *tree = &sweep->trees[t];

        cost += tree->depth ? ((1u << tree->depth) - 1) * sweep_split[level][many]
                            : tree->steps * sweep_step[level][many];
        cost += tree->sets * SWEEP_SET;
        if (tree->cut)
            cost += (double)rows * (tree->typical + WALK_MORE) * WALK_STEP;
    }
    return cost;
}

/* From how many rows on the sweep is faster; SIZE_MAX: never. */
static size_t sweep_from(const struct forest_sweep *sweep, double one_row, double many_rows)
{
    const struct forest_sweep_kernel *kernel = sweep->kernel;
    double row = sweep_row_cost(sweep);
    double few = sweep_pass_cost(sweep, false);
    double many = sweep_pass_cost(sweep, true);

    for (size_t rows = 1; rows <= SWEEP_ROWS_MAX; rows++) {
        double passes =
            rows > kernel->many / 2 ? many : (double)((rows + kernel->few - 1) / kernel->few) * few;
        double other = (double)rows * (rows < MANY_ROWS ? one_row : many_rows);

        passes += sweep->columns->count * SWEEP_COLUMN;
        if ((double)rows * row + passes < other)
            return rows;
    }
    return SIZE_MAX;
}

/* Of the kernels that the forest has: how long a row takes with few of them, and with many. */
struct costs {
    double one_row;
    double many_rows;
    double masks;
};

static struct costs costs_of(const struct forest *forest, const struct forest_measures *measures,
                             uint32_t trees)
{
    return (struct costs){
        .one_row = scalar_cost(forest, measures, trees, false),
        .many_rows = scalar_cost(forest, measures, trees, true),
        .masks = forest->masks ? masks_cost(forest->masks) : HUGE_VAL,
    };
}

static void choose(struct forest *forest, struct costs costs)
{
    struct forest_choice *choice = &forest->choice;

    if (costs.masks < costs.many_rows) {
        choice->masks_rows = SIZE_MAX;
        costs.one_row = costs.many_rows = costs.masks;
    } else if (costs.masks < costs.one_row) {
        choice->masks_rows = MANY_ROWS - 1;
        costs.one_row = costs.masks;
    }
    if (forest->sweep)
        choice->sweep_rows = sweep_from(forest->sweep, costs.one_row, costs.many_rows);
}

/* What the choice makes of many rows. */
static double row_cost(const struct forest *forest, const struct costs *costs)
{
    if (forest->choice.sweep_rows != SIZE_MAX)
        return sweep_row_cost(forest->sweep) +
               sweep_pass_cost(forest->sweep, true) / (double)forest->sweep->kernel->many;
    return forest->choice.masks_rows == SIZE_MAX ? costs->masks : costs->many_rows;
}

static void drop_unused(struct forest *forest)
{
    if (forest->choice.sweep_rows == SIZE_MAX)
        forest_drop_sweep(forest);
    if (forest->choice.masks_rows == 0 || forest->choice.sweep_rows == 1)
        forest_drop_masks(forest);
}

/* "forest-masks, from 28 rows on forest-sweep-vbmi" */
static void name(struct forest *forest)
{
    const struct forest_choice *choice = &forest->choice;
    const char *few = choice->masks_rows ? "forest-masks" : "forest-scalar";
    char between[64] = "";
    char many[64] = "";

    if (choice->masks_rows && choice->masks_rows != SIZE_MAX &&
        choice->sweep_rows > choice->masks_rows + 1)
        snprintf(between, sizeof(between), ", from %zu rows on forest-scalar",
                 choice->masks_rows + 1);
    if (choice->sweep_rows == 1)
        few = "";
    if (choice->sweep_rows == 1)
        snprintf(many, sizeof(many), "forest-%s", forest->sweep->kernel->name);
    else if (choice->sweep_rows != SIZE_MAX)
        snprintf(many, sizeof(many), ", from %zu rows on forest-%s", choice->sweep_rows,
                 forest->sweep->kernel->name);
    snprintf(forest->name, sizeof(forest->name), "%s%s%s", few, between, many);
}

int forest_choose(struct forest *forest, enum forest_kernel kernel,
                  const struct forest_measures *measures, uint32_t trees)
{
    struct costs costs = costs_of(forest, measures, trees);

    forest->choice = (struct forest_choice){.sweep_rows = SIZE_MAX};
    if ((kernel == FOREST_SWEEP && !forest->sweep) || (kernel == FOREST_MASKS && !forest->masks))
        return -1;
    if (kernel == FOREST_SWEEP)
        forest->choice.sweep_rows = 1;
    if (kernel == FOREST_MASKS)
        forest->choice.masks_rows = SIZE_MAX;
    if (kernel == FOREST_AUTO)
        choose(forest, costs);
    forest->scorer.row_ns = row_cost(forest, &costs);
    drop_unused(forest);
    name(forest);
    return 0;
}
