/*
 * Walks below a cut (forest_sweep.h): as those of the scalar kernel, many in flight, but by bytes,
 * of which many more fit the nearest cache than of keys.
 */

#include "algorithms/forest_sweep.h"

/* i + next + (byte < level), kept from being added up in another order: the comparison is an
 * addition with carry. */
static inline uint32_t step(const struct forest_walk_node *nodes, const uint8_t *bytes,
                            uint8_t flip, uint32_t i)
{
    const struct forest_walk_node *node = &nodes[i];
    uint8_t byte = bytes[(size_t)node->column * FOREST_SWEEP_ROWS] ^ flip;
    uint32_t sum = i + node->next;

    __asm__("" : "+r"(sum));
    return sum + (byte < node->level);
}

/* Two steps for every lane. Returns how many made the second one. */
static inline __attribute__((always_inline)) size_t steps(const struct forest_walk_node *nodes,
                                                          const uint8_t *bytes, uint8_t flip,
                                                          size_t lanes, uint32_t *at)
{
    size_t moving = 0;

#pragma GCC unroll 4
    for (size_t k = 0; k < lanes; k++) {
        uint32_t first = step(nodes, bytes + k, flip, at[k]);
        uint32_t second = step(nodes, bytes + k, flip, first);

        moving += first != second;
        at[k] = second;
    }
    return moving;
}

/* `flip` is a constant where this is inlined. */
static inline __attribute__((always_inline)) void walk(const struct forest_sweep_tree *tree,
                                                       const struct forest_walk_node *nodes,
                                                       const uint8_t *bytes, uint8_t flip,
                                                       size_t lanes, uint32_t *at)
{
    size_t moving = lanes;

    for (uint32_t level = 0; level < tree->typical; level += 2)
        steps(nodes, bytes, flip, lanes, at);
    while (moving > lanes / 4)
        moving = steps(nodes, bytes, flip, lanes, at);
    /* few are left: one by one, so that a long path does not hold up the others */
    for (size_t k = 0; moving && k < lanes; k++) {
        uint32_t i = at[k];

        do {
            at[k] = i;
            i = step(nodes, bytes + k, flip, i);
        } while (i != at[k]);
    }
}

/* A large forest comes from far: the next tree begins to come while this one is walked. */
static void fetch(const void *from, size_t size)
{
    const char *at = from;

    for (size_t i = 0; i < size; i += 64)
        __builtin_prefetch(at + i, 0, 2);
}

static void fetch_next(const struct forest_sweep *sweep, const struct forest_sweep_tree *tree)
{
    if (++tree == sweep->trees + sweep->tree_count || !tree->cut)
        return;
    fetch(sweep->walk_nodes + tree->node, tree->nodes * sizeof(*sweep->walk_nodes));
    if (tree->leaf_width == 1)
        fetch(sweep->leaves + tree->leaf, tree->nodes * sizeof(*sweep->leaves));
}

void forest_walk(const struct forest_sweep *sweep, const struct forest_sweep_tree *tree,
                 const uint8_t *bytes, size_t lanes, uint32_t *at)
{
    const struct forest_walk_node *nodes = sweep->walk_nodes + tree->node;

    fetch_next(sweep, tree);
    if (sweep->kernel->flip)
        walk(tree, nodes, bytes, 0x80, lanes, at);
    else
        walk(tree, nodes, bytes, 0, lanes, at);
}
