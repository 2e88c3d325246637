/*
 * Trees of a file to the tables of forest_masks.h.
 */

#include "algorithms/forest_masks.h"

#include "base/memory.h"

/* A run of complete trees may take so many times the splits that there are, and 64 a tree. */
#define PADDING_MAX 4

static uint32_t words_of(uint32_t depth)
{
    return depth <= 6 ? 1 : depth == 7 ? 2 : 4;
}

static bool fits(const struct forest_spec *spec, const struct forest_measures *measures,
                 const struct forest_columns *columns)
{
    size_t splits = 0;
    size_t room = 0;

    if (columns->coded_count || columns->count > FOREST_MASKS_COLUMNS)
        return false;
    for (uint32_t t = 0; t < spec->tree_count; t++) {
        const struct forest_measured *measured = &measures->trees[t];

        if (measured->depth > FOREST_MASKS_DEPTH || spec->trees[t].leaf_width != 1)
            return false;
        splits += measured->nodes / 2 + 64;
        room += 64 * (size_t)words_of(measured->depth);
    }
    return room <= PADDING_MAX * splits;
}

/* Groups the trees; with runs NULL it only counts them. */
static size_t make_runs(const struct forest_spec *spec, const struct forest_measures *measures,
                        struct forest_masks_run *runs)
{
    struct forest_masks_run run = {.trees = 0};
    size_t count = 0;

    for (uint32_t i = 0; i < spec->tree_count; i++) {
        uint32_t number = measures->order[i];
        uint32_t depth = measures->trees[number].depth;
        uint32_t output = (uint32_t)spec->tree_output[number];

        if (count == 0 || run.output != output || run.words != words_of(depth)) {
            run = (struct forest_masks_run){.output = output, .depth = 1, .words = words_of(depth)};
            count++;
        }
        run.trees++;
        if (depth > run.depth)
            run.depth = depth;
        if (runs)
            runs[count - 1] = run;
    }
    return count;
}

/* What a tree's tables are filled from and to. */
struct table {
    const struct forest_columns *columns;
    const struct tree *tree;
    uint32_t depth;
    float weight;
    bool weighted;
    uint8_t *asked;
    uint8_t *levels;
    float *leaves;
};

/* The complete tree below split i, which is `node` or what a leaf above it is repeated as. */
static void fill(const struct table *table, uint32_t i, uint32_t node)
{
    const struct tree *tree = table->tree;
    bool leaf = forest_is_leaf(tree, node);
    struct forest_question question = {.level = 0};

    if (i >> table->depth) {
        float value = tree->value[node];

        table->leaves[i - (1u << table->depth)] = table->weighted ? value * table->weight : value;
        return;
    }
    if (!leaf)
        question = forest_columns_ask(table->columns, tree, node);
    table->asked[i] = (uint8_t)question.column;
    table->levels[i] = question.level;
    fill(table, 2 * i, leaf ? node : (uint32_t)tree->left[node]);
    fill(table, 2 * i + 1, leaf ? node : (uint32_t)tree->right[node]);
}

static void fill_run(struct forest_masks *masks, const struct forest_spec *spec,
                     const struct forest_masks_run *run, const uint32_t *order)
{
    size_t size = 64 * (size_t)run->words;

    for (uint32_t k = 0; k < run->trees; k++) {
        struct table table = {
            .columns = masks->columns,
            .tree = &spec->trees[order[k]],
            .depth = run->depth,
            .weighted = spec->tree_weight != NULL,
            .asked = masks->asked + run->first + k * size,
            .levels = masks->levels + run->first + k * size,
            .leaves = masks->leaves + run->leaf + ((size_t)k << run->depth),
        };

        if (table.weighted)
            table.weight = spec->tree_weight[order[k]];
        memset(table.asked, 0, size);
        memset(table.levels, 0, size);
        fill(&table, 1, 0);
    }
}

static uint16_t place_of(uint32_t column)
{
    return column == FOREST_NO_COLUMN ? FOREST_MASKS_COLUMNS : (uint16_t)column;
}

static int list_values(struct forest_masks *masks, struct err *err)
{
    const struct forest_columns *columns = masks->columns;

    masks->values = mem_alloc(columns->ranked_count, sizeof(*masks->values));
    if (!masks->values)
        return err_memory(err, columns->ranked_count * sizeof(*masks->values), "a forest");
    for (uint32_t i = 0; i < columns->ranked_count; i++) {
        const struct forest_ranked *ranked = &columns->ranked[i];

        if (ranked->windows > 1)
            continue;
        masks->values[masks->value_count++] = (struct forest_masks_value){
            .feature = ranked->feature,
            .slot = ranked->slot,
            .pivots = ranked->depth == 1 ? 0 : (uint32_t)ranked->level[0],
            .thresholds = (uint32_t)ranked->level[ranked->depth - 1],
            .left = place_of(ranked->left),
            .right = place_of(ranked->right),
        };
    }
    return 0;
}

static int compile(struct forest_masks *masks, const struct forest_spec *spec,
                   const struct forest_measures *measures, struct err *err)
{
    const uint32_t *order = measures->order;
    size_t splits = 0;
    size_t leaves = 0;

    masks->run_count = make_runs(spec, measures, NULL);
    masks->runs = mem_alloc(masks->run_count, sizeof(*masks->runs));
    if (!masks->runs)
        return err_memory(err, masks->run_count * sizeof(*masks->runs), "a forest's runs");
    make_runs(spec, measures, masks->runs);
    for (size_t r = 0; r < masks->run_count; r++) {
        struct forest_masks_run *run = &masks->runs[r];

        run->first = splits;
        run->leaf = leaves;
        splits += (size_t)run->trees * run->words * 64;
        leaves += (size_t)run->trees << run->depth;
    }
    masks->asked = mem_aligned(splits, 1);
    masks->levels = mem_aligned(splits, 1);
    masks->leaves = mem_alloc(leaves, sizeof(*masks->leaves));
    if (!masks->asked || !masks->levels || !masks->leaves)
        return err_memory(err, 2 * splits + leaves * sizeof(*masks->leaves),
                          "the splits of a forest");
    for (size_t r = 0; r < masks->run_count; r++) {
        fill_run(masks, spec, &masks->runs[r], order);
        order += masks->runs[r].trees;
    }
    return 0;
}

int forest_masks_new(const struct forest_spec *spec, const struct forest_measures *measures,
                     const struct forest_columns *columns, struct forest_masks **ret,
                     struct err *err)
{
    struct forest_masks *masks;

    *ret = NULL;
    if (!fits(spec, measures, columns))
        return 0;
    masks = mem_zero(1, sizeof(*masks));
    if (!masks)
        return err_memory(err, sizeof(*masks), "a forest");
    masks->columns = columns;
    if (list_values(masks, err) || compile(masks, spec, measures, err)) {
        forest_masks_free(masks);
        return -1;
    }
    *ret = masks;
    return 0;
}

void forest_masks_free(struct forest_masks *masks)
{
    if (!masks)
        return;
    mem_release(masks->values);
    mem_release(masks->runs);
    mem_release(masks->asked);
    mem_release(masks->levels);
    mem_release(masks->leaves);
    mem_release(masks);
}
