/*
 * The tables by which kernels find ranks (enum forest_rank_tables).
 */

#include <math.h>

#include "algorithms/forest_sweep.h"
#include "base/memory.h"

#define EIGHTS_LEVELS 5
#define EIGHT         8

static const float *thresholds_of(const struct forest_columns *columns,
                                  const struct forest_ranked *ranked)
{
    return columns->search + ranked->level[ranked->depth - 1];
}

/* Levels that so many thresholds need. */
static unsigned levels_for(uint32_t count)
{
    unsigned levels = 1;

    while ((1u << levels) <= count)
        levels++;
    return levels;
}

static size_t table_size(struct forest_sweep_rank *rank, enum forest_rank_tables tables,
                         uint32_t count)
{
    unsigned least = tables == FOREST_RANK_HEAP ? 4 : 3;
    unsigned levels = levels_for(count);

    rank->eights = tables == FOREST_RANK_EIGHTS && levels > EIGHTS_LEVELS;
    rank->levels = (uint8_t)(rank->eights ? EIGHTS_LEVELS : levels > least ? levels : least);
    if (rank->eights)
        return (1u << EIGHTS_LEVELS) + FOREST_WINDOW + 1;
    return rank->levels < 4 ? 16 : (size_t)1 << rank->levels; /* whole lines of the cache */
}

/* Node i of a heap of that many levels is number ... of the order, from 0 on. */
static size_t place_in_order(uint32_t node, unsigned levels)
{
    unsigned depth = 31 - (unsigned)__builtin_clz(node);
    size_t below = (size_t)1 << (levels - depth); /* numbers and one of a subtree of its depth */

    return (node - (1u << depth)) * below + below / 2 - 1;
}

/* Every `step`-th of the thresholds, counted from 1. */
static void fill_heap(float *heap, unsigned levels, const float *thresholds, uint32_t count,
                      size_t step)
{
    heap[0] = NAN;
    for (uint32_t node = 1; node < 1u << levels; node++) {
        size_t at = (place_in_order(node, levels) + 1) * step - 1;

        heap[node] = at < count ? thresholds[at] : NAN;
    }
}

static void fill_table(const struct forest_sweep_rank *rank, const float *thresholds,
                       uint32_t count, float *table)
{
    float *all = table + ((size_t)1 << EIGHTS_LEVELS);

    fill_heap(table, rank->levels, thresholds, count, rank->eights ? EIGHT : 1);
    for (size_t i = 0; rank->eights && i <= FOREST_WINDOW; i++)
        all[i] = i < count ? thresholds[i] : NAN;
}

int forest_sweep_add_ranks(struct forest_sweep *sweep, struct err *err)
{
    const struct forest_columns *columns = sweep->columns;
    enum forest_rank_tables tables = sweep->kernel->ranks;
    size_t size = 0;

    if (tables == FOREST_RANK_SEARCH)
        return 0;
    sweep->ranks = mem_zero(columns->ranked_count, sizeof(*sweep->ranks));
    if (!sweep->ranks)
        return err_memory(err, columns->ranked_count * sizeof(*sweep->ranks), "a forest's ranks");
    for (uint32_t i = 0; i < columns->ranked_count; i++) {
        if (columns->ranked[i].windows > 1)
            continue;
        sweep->ranks[i].table = size;
        size += table_size(&sweep->ranks[i], tables, columns->ranked[i].count);
    }
    sweep->rank_tables = mem_aligned(size, sizeof(*sweep->rank_tables));
    if (!sweep->rank_tables)
        return err_memory(err, size * sizeof(*sweep->rank_tables), "a forest's ranks");
    for (uint32_t i = 0; i < columns->ranked_count; i++) {
        const struct forest_ranked *ranked = &columns->ranked[i];

        if (ranked->windows == 1)
            fill_table(&sweep->ranks[i], thresholds_of(columns, ranked), ranked->count,
                       sweep->rank_tables + sweep->ranks[i].table);
    }
    return 0;
}
