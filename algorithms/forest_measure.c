/*
 * The shapes of the trees, and the order that they are compiled in (forest_layout.h).
 */

#include "algorithms/forest_layout.h"
#include "base/memory.h"

/* Up to this depth a complete tree costs no more than a file spends on any tree so deep; a deeper
 * tree must have the given share of the nodes, else it is linked: slower a step, but smaller. */
#define SMALL_DEPTH 6
#define SPARSE_MAX  2

/* The share of walks that most means, for the typical depth. */
#define MOST 0.75

uint32_t forest_list_nodes(const struct tree *tree, uint32_t *queue)
{
    uint32_t count = 1;

    queue[0] = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t node = queue[i];

        if (forest_is_leaf(tree, node))
            continue;
        queue[count++] = (uint32_t)tree->right[node];
        queue[count++] = (uint32_t)tree->left[node];
    }
    return count;
}

static bool is_perfect(const struct forest_measured *measured)
{
    uint32_t size;

    if (measured->depth > FOREST_PERFECT_MAX)
        return false;
    size = 1u << measured->depth;
    return measured->depth <= SMALL_DEPTH || size <= measured->nodes * SPARSE_MAX;
}

static struct forest_measured measure_tree(const struct tree *tree,
                                           const struct forest_slots *slots, uint32_t *queue)
{
    struct forest_measured measured = {.nodes = forest_list_nodes(tree, queue)};
    uint32_t child = 1;     /* place of the next node's children */
    uint32_t level_end = 1; /* place where the next level begins */
    uint32_t farthest = 0;
    double share = 1.0; /* of the walks that come to a node of this level, if splits halve them */
    double ended = 0.0; /* share of the walks that have come to a leaf */

    for (uint32_t i = 0; i < measured.nodes; i++) {
        uint32_t node = queue[i];

        if (i == level_end) {
            measured.depth++;
            measured.typical += ended < MOST;
            level_end = child;
            share /= 2;
        }
        if (forest_is_leaf(tree, node)) {
            ended += share;
            continue;
        }
        if (child - i > farthest)
            farthest = child - i;
        child += 2;
        measured.sets += forest_is_set(tree, node);
    }
    if (measured.sets)
        measured.kind = FOREST_MIXED;
    else if (slots->count > UINT16_MAX / 2)
        measured.kind = FOREST_WIDE;
    else if (tree->leaf_width == 1 && is_perfect(&measured))
        measured.kind = FOREST_PERFECT;
    else
        measured.kind = farthest <= UINT16_MAX ? FOREST_NARROW : FOREST_WIDE;
    return measured;
}

static int check_tree(const struct forest_spec *spec, uint32_t number, struct err *err)
{
    const struct tree *tree = &spec->trees[number];

    if (tree->leaf_width == 0 || tree->leaf_width > spec->outputs)
        return err_set(err, ERR_INPUT, "tree %u: leaves of %u values in a model of %u outputs",
                       number, tree->leaf_width, spec->outputs);
    if (tree->leaf_width == 1 &&
        (spec->tree_output[number] < 0 || (uint32_t)spec->tree_output[number] >= spec->outputs))
        return err_set(err, ERR_INPUT, "tree %u: adds to output %d of %u", number,
                       (int)spec->tree_output[number], spec->outputs);
    return 0;
}

/*
 * Outputs are sums of their own: trees may be sorted by output as long as the order within an
 * output stays. Trees with vector leaves add to several outputs, so a forest with any keeps its
 * order.
 */
static int sort_by_output(const struct forest_spec *spec, uint32_t *order, struct err *err)
{
    CLEANUP(mem_cleanup) uint32_t *start = NULL;
    bool sort = spec->outputs > 1;

    for (uint32_t t = 0; t < spec->tree_count; t++) {
        order[t] = t;
        if (spec->trees[t].leaf_width > 1)
            sort = false;
    }
    if (!sort)
        return 0;
    start = mem_zero((size_t)spec->outputs + 1, sizeof(*start));
    if (!start)
        return err_memory(err, ((size_t)spec->outputs + 1) * sizeof(*start), "compiling a forest");
    for (uint32_t t = 0; t < spec->tree_count; t++)
        start[spec->tree_output[t] + 1]++;
    for (uint32_t o = 0; o < spec->outputs; o++)
        start[o + 1] += start[o];
    for (uint32_t t = 0; t < spec->tree_count; t++)
        order[start[spec->tree_output[t]]++] = t;
    return 0;
}

int forest_measure(const struct forest_spec *spec, const struct forest_slots *slots,
                   struct forest_measures *ret, struct err *err)
{
    uint32_t most = 1;

    for (uint32_t t = 0; t < spec->tree_count; t++) {
        if (check_tree(spec, t, err))
            return -1;
        if (spec->trees[t].nodes > most)
            most = spec->trees[t].nodes;
    }
    ret->trees = mem_zero(spec->tree_count, sizeof(*ret->trees));
    ret->order = mem_alloc(spec->tree_count, sizeof(*ret->order));
    ret->queue = mem_alloc(most, sizeof(*ret->queue));
    if (!ret->trees || !ret->order || !ret->queue)
        return err_memory(err, spec->tree_count * sizeof(*ret->trees), "compiling a forest");
    for (uint32_t t = 0; t < spec->tree_count; t++)
        ret->trees[t] = measure_tree(&spec->trees[t], slots, ret->queue);
    return sort_by_output(spec, ret->order, err);
}

void forest_measures_fini(struct forest_measures *measures)
{
    mem_release(measures->trees);
    mem_release(measures->order);
    mem_release(measures->queue);
    *measures = (struct forest_measures){.trees = NULL};
}
