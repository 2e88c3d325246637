/*
 * The portable kernel: plain C, no vector instructions. What makes it fast is that many walks are
 * in flight at a time, each a chain of dependent loads: the rows of a block go down one tree level
 * by level; for a single row the trees of a run do. The compiler must not turn "i + i + carry" into
 * something longer, hence the asm statement without instructions in double_and_carry.
 */

#include "algorithms/forest_layout.h"

/* Below this number of rows, one row at a time is faster. */
#define BLOCK_ROWS_MIN 5

/* Trees of a run that one row walks at a time. */
#define TREES_IN_FLIGHT 32

/* 2 * i + (key < threshold). GCC knows i + j + (a < b) as an addition with carry, but 2 * i only as
 * a shift; this hides that j is i. */
static inline size_t double_and_carry(size_t i, uint32_t key, uint32_t threshold)
{
    size_t j = i;

    __asm__("" : "+r"(j));
    return i + j + (key < threshold);
}

/* i + j + (key < threshold), kept from being added up in another order. */
static inline uint32_t add_and_carry(uint32_t i, uint32_t j, uint32_t key, uint32_t threshold)
{
    uint32_t sum = i + j;

    __asm__("" : "+r"(sum));
    return sum + (key < threshold);
}

/* Perfect trees of one depth. */
struct perfect {
    const uint32_t *thresholds;
    const uint16_t *words;
    const float *leaves;
    uint32_t depth;
};

static struct perfect perfect_of(const struct forest *forest, const struct forest_run *run)
{
    return (struct perfect){
        .thresholds = forest->thresholds + run->nodes,
        .words = forest->words + run->nodes,
        .leaves = forest->leaves + run->nodes,
        .depth = run->depth,
    };
}

static inline void skip_trees(struct perfect *perfect, size_t trees)
{
    perfect->thresholds += trees << perfect->depth;
    perfect->words += trees << perfect->depth;
    perfect->leaves += trees << perfect->depth;
}

/* Walks in flight: lane k is in tree k * tree_stride (0 or 1) with the row at row + k * row_stride.
 */
struct lanes {
    size_t count;
    size_t tree_stride;
    const uint32_t *row;
    size_t row_stride;
};

/* Every lane makes `steps` steps; at[k] is where lane k is, the root where `from_root`. The last
 * two are constants where this is inlined. */
static inline __attribute__((always_inline)) void perfect_steps(const struct perfect *perfect,
                                                                const struct lanes *lanes,
                                                                uint32_t *at, int steps,
                                                                bool from_root)
{
    const uint32_t *thresholds = perfect->thresholds;
    const uint16_t *words = perfect->words;
    const uint32_t *row = lanes->row;
    size_t stride = lanes->tree_stride << perfect->depth;
    size_t count = lanes->count;

#pragma GCC unroll 4
    for (size_t k = 0; k < count; k++) {
        size_t i = from_root ? 1 : at[k];

#pragma GCC unroll 4
        for (int s = 0; s < steps; s++)
            i = double_and_carry(i, row[words[i]], thresholds[i]);
        at[k] = (uint32_t)i;
        thresholds += stride;
        words += stride;
        row += lanes->row_stride;
    }
}

/* at[k] becomes 2^depth + the number of lane k's leaf. */
static inline __attribute__((always_inline)) void
walk_perfect(const struct perfect *perfect, const struct lanes *lanes, uint32_t *at)
{
    uint32_t level = 2 - (perfect->depth & 1);

    if (perfect->depth == 0) {
        for (size_t k = 0; k < lanes->count; k++)
            at[k] = 1;
        return;
    }
    if (level == 1)
        perfect_steps(perfect, lanes, at, 1, true);
    else
        perfect_steps(perfect, lanes, at, 2, true);
    for (; level < perfect->depth; level += 2)
        perfect_steps(perfect, lanes, at, 2, false);
}

/* One row down the next trees, and their leaves to the sum, in order. */
static inline __attribute__((always_inline)) float
perfect_trees(const struct perfect *perfect, const uint32_t *row, size_t trees, float sum)
{
    size_t size = (size_t)1 << perfect->depth;
    const float *leaves = perfect->leaves - size;
    uint32_t at[TREES_IN_FLIGHT];

    walk_perfect(perfect, &(struct lanes){trees, 1, row, 0}, at);
#pragma GCC unroll 32
    for (size_t k = 0; k < trees; k++)
        sum += leaves[k * size + at[k]];
    return sum;
}

static void perfect_row(const struct forest *forest, const struct forest_run *run,
                        const uint32_t *row, float *sums)
{
    struct perfect perfect = perfect_of(forest, run);
    float sum = sums[run->output];
    size_t left = run->trees;

    for (; left >= TREES_IN_FLIGHT; left -= TREES_IN_FLIGHT) {
        sum = perfect_trees(&perfect, row, TREES_IN_FLIGHT, sum);
        skip_trees(&perfect, TREES_IN_FLIGHT);
    }
    sums[run->output] = perfect_trees(&perfect, row, left, sum);
}

static void perfect_block(const struct forest *forest, const struct forest_run *run,
                          const struct forest_block *block, float *sums)
{
    struct perfect perfect = perfect_of(forest, run);
    const struct lanes lanes = {block->rows, 0, block->keys, block->stride};
    size_t outputs = forest->scorer.outputs;
    size_t size = (size_t)1 << run->depth;
    uint32_t at[FOREST_BLOCK_MAX];

    for (uint32_t t = 0; t < run->trees; t++, skip_trees(&perfect, 1)) {
        float *sum = sums + run->output;

        walk_perfect(&perfect, &lanes, at);
#pragma GCC unroll 4
        for (size_t k = 0; k < lanes.count; k++, sum += outputs)
            *sum += perfect.leaves[at[k] - size];
    }
}

/* Walks in flight: lane k is at node at[k] with the row at row + k * row_stride. */
struct linked {
    size_t count;
    const uint32_t *row;
    size_t row_stride;
    uint32_t typical;
    uint32_t *at;
};

/* One step of a walk. `kind` is a constant where this is inlined. */
static inline uint32_t step_linked(const struct forest *forest, enum forest_kind kind,
                                   const uint32_t *row, uint32_t i)
{
    const struct forest_wide *node;
    uint32_t word;
    uint32_t key;

    if (kind == FOREST_NARROW) {
        const struct forest_narrow *narrow = &forest->narrow[i];

        return add_and_carry(i, narrow->next, row[narrow->word], narrow->threshold);
    }
    node = &forest->wide[i];
    word = node->word;
    if (kind != FOREST_MIXED || !(word & FOREST_CATEGORICAL))
        return add_and_carry(i, node->next, row[word], node->threshold);
    key = row[word & ~FOREST_CATEGORICAL];
    if (key == FOREST_KEY_LOW)
        return i + node->next + 1;
    if (key == FOREST_KEY_HIGH)
        return i + node->next;
    return i + node->next +
           !forest_category_right(forest, &forest->sets[node->threshold], forest_unkey(key),
                                  word & 1);
}

/* Two steps for every lane. Returns how many made the second one, where `counted`. */
static inline __attribute__((always_inline)) size_t linked_steps(const struct forest *forest,
                                                                 enum forest_kind kind,
                                                                 const struct linked *linked,
                                                                 bool counted)
{
    const uint32_t *row = linked->row;
    uint32_t *at = linked->at;
    size_t moving = 0;

#pragma GCC unroll 4
    for (size_t k = 0; k < linked->count; k++) {
        uint32_t first = step_linked(forest, kind, row, at[k]);
        uint32_t second = step_linked(forest, kind, row, first);

        if (counted)
            moving += first != second;
        at[k] = second;
        row += linked->row_stride;
    }
    return moving;
}

/* Walks one lane to its leaf. */
static inline uint32_t linked_rest(const struct forest *forest, enum forest_kind kind,
                                   const uint32_t *row, uint32_t i)
{
    for (;;) {
        uint32_t next = step_linked(forest, kind, row, i);

        if (next == i)
            return i;
        i = next;
    }
}

/*
 * Paths differ in length, and a lane that has come to its leaf stays there. So all lanes step side
 * by side for as long as a typical path, and then while many still move; what is left goes one by
 * one, so that a path of a thousand levels does not hold up the others.
 */
static inline __attribute__((always_inline)) void
walk_kind(const struct forest *forest, enum forest_kind kind, const struct linked *linked)
{
    size_t moving = linked->count;

    for (uint32_t level = 0; level < linked->typical; level += 2)
        linked_steps(forest, kind, linked, false);
    while (moving > linked->count / 4)
        moving = linked_steps(forest, kind, linked, true);
    for (size_t k = 0; moving && k < linked->count; k++)
        linked->at[k] =
            linked_rest(forest, kind, linked->row + k * linked->row_stride, linked->at[k]);
}

static void walk_linked(const struct forest *forest, enum forest_kind kind,
                        const struct linked *linked)
{
    if (kind == FOREST_NARROW)
        walk_kind(forest, FOREST_NARROW, linked);
    else if (kind == FOREST_WIDE)
        walk_kind(forest, FOREST_WIDE, linked);
    else
        walk_kind(forest, FOREST_MIXED, linked);
}

/* Adds what leaf i holds. */
static inline void add_leaf(const struct forest *forest, const struct forest_run *run, uint32_t i,
                            float *sums)
{
    uint32_t bits =
        run->kind == FOREST_NARROW ? forest->narrow[i].threshold : forest->wide[i].threshold;

    if (run->leaf_width == 1) {
        float value;

        memcpy(&value, &bits, sizeof(value));
        sums[run->output] += value;
    } else {
        const float *vector = forest->vectors + bits;

        for (uint32_t k = 0; k < run->leaf_width; k++)
            sums[k] += vector[k];
    }
}

static void linked_row(const struct forest *forest, const struct forest_run *run,
                       const uint32_t *row, float *sums)
{
    uint32_t at[FOREST_RUN_MAX];

    memcpy(at, forest->roots + run->roots, run->trees * sizeof(*at));
    walk_linked(forest, run->kind, &(struct linked){run->trees, row, 0, run->typical, at});
    for (uint32_t k = 0; k < run->trees; k++)
        add_leaf(forest, run, at[k], sums);
}

static void linked_block(const struct forest *forest, const struct forest_run *run,
                         const struct forest_block *block, float *sums)
{
    size_t outputs = forest->scorer.outputs;
    uint32_t at[FOREST_BLOCK_MAX];
    const struct linked linked = {block->rows, block->keys, block->stride, run->typical, at};

    for (uint32_t t = 0; t < run->trees; t++) {
        for (size_t k = 0; k < block->rows; k++)
            at[k] = forest->roots[run->roots + t];
        walk_linked(forest, run->kind, &linked);
        for (size_t k = 0; k < block->rows; k++)
            add_leaf(forest, run, at[k], sums + k * outputs);
    }
}

static void score_row(const struct forest *forest, const uint32_t *row, float *sums)
{
    for (size_t r = 0; r < forest->run_count; r++) {
        const struct forest_run *run = &forest->runs[r];

        if (run->kind == FOREST_PERFECT)
            perfect_row(forest, run, row, sums);
        else
            linked_row(forest, run, row, sums);
    }
}

void forest_scalar_score(const struct forest *forest, const struct forest_block *block, float *sums)
{
    if (block->rows < BLOCK_ROWS_MIN) {
        for (size_t k = 0; k < block->rows; k++)
            score_row(forest, block->keys + k * block->stride, sums + k * forest->scorer.outputs);
        return;
    }
    for (size_t r = 0; r < forest->run_count; r++) {
        const struct forest_run *run = &forest->runs[r];

        if (run->kind == FOREST_PERFECT)
            perfect_block(forest, run, block, sums);
        else
            linked_block(forest, run, block, sums);
    }
}
