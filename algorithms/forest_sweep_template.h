#pragma once
/*
 * The sweep (forest_sweep.h) for one instruction set. Before it the file that includes this
 * defines:
 *
 *   SWEEP_KERNEL, SWEEP_NAME  the kernel and its name
 *   SWEEP_CUT                 levels above a cut
 *   SWEEP_LEAF_BYTES          whether leaves are tables of bytes
 *   GROUPS, GROUPS_FEW        vectors that are swept side by side: of many rows, of few
 *   vec, VEC                  a vector of bytes, and how many it has: GROUPS * VEC divides
 *                             FOREST_SWEEP_ROWS
 *   mask                      the answers to a split, a lane a row
 *   vec_load, vec_store, vec_all(byte)
 *   SWEEP_FLIP                what bytes of columns, and levels, are xored with to be compared
 *   vec_reaches(level, at)    the bytes at `at` that are at least the level, both flipped
 *   vec_pick(mask, left, right)
 *   vec_count(mask, n)        n + 1 where right, else n
 *   vec_add(mask, v, n)       v + n where right, else v
 *   vec_has(bits, codes)      the codes whose bit is set
 *   vec_or, vec_xor
 *   vec_in_place(v)           rows to the kernel's order
 *   PLACE(row)                the same for one row of a block
 *   SWEEP_RANKS               enum forest_rank_tables
 *   rank_rows(rank, search, x, rows, ret)  the ranks of `rows` numbers, rounded up to 64
 *   lay_out(x, stride, features, rows, ret)  see forest_sweep_fill.h
 *   add_leaves(leaves, blocks, n, sums)  sums[lane's row] += leaves[lane's number] for VEC rows
 */

#define INLINE static inline __attribute__((always_inline))
#define EACH   _Pragma("GCC unroll 8") for (int g = 0; g < groups; g++)

/* Where a split's column begins. */
INLINE const uint8_t *column_of(const uint8_t *bytes, uint16_t column)
{
    return bytes + (size_t)column * FOREST_SWEEP_ROWS;
}

/*
 * Perfect trees: sweep_1 is a split above two leaves, sweep_N one above two sweep_(N - 1). The
 * splits of a subtree stand together, so that all places are known. Numbers below sweep_3 begin at
 * `base`, a constant; above, the right half's get its size added.
 */
INLINE void sweep_1(int groups, const struct forest_split *split, const uint8_t *bytes,
                    uint8_t base, vec *ret)
{
    const uint8_t *at = column_of(bytes, split->column);
    vec level = vec_all(split->level);

    EACH ret[g] = vec_count(vec_reaches(level, at + g * VEC), base);
}

INLINE void pick(int groups, const struct forest_split *split, const uint8_t *bytes,
                 const vec *left, const vec *right, uint8_t add, vec *ret)
{
    const uint8_t *at = column_of(bytes, split->column);
    vec level = vec_all(split->level);

    EACH
    {
        mask m = vec_reaches(level, at + g * VEC);

        ret[g] = vec_pick(m, left[g], right[g]);
        if (add)
            ret[g] = vec_add(m, ret[g], add);
    }
}

#define SWEEP(depth, below, base_right, add)                                                       \
    INLINE void sweep_##depth(int groups, const struct forest_split *split, const uint8_t *bytes,  \
                              uint8_t base, vec *ret)                                              \
    {                                                                                              \
        vec left[GROUPS], right[GROUPS];                                                           \
                                                                                                   \
        sweep_##below(groups, split, bytes, base, left);                                           \
        sweep_##below(groups, split + (1 << below) - 1, bytes, (uint8_t)(base + base_right),       \
                      right);                                                                      \
        pick(groups, split + 2 * ((1 << below) - 1), bytes, left, right, add, ret);                \
    }

SWEEP(2, 1, 2, 0)
SWEEP(3, 2, 4, 0)
SWEEP(4, 3, 0, 8)
SWEEP(5, 4, 0, 16)
SWEEP(6, 5, 0, 32)

/* The largest subtree that is one piece of code, for GROUPS and for GROUPS_FEW. */
typedef void sweep_six(const struct forest_split *split, const uint8_t *bytes, vec *ret);

static __attribute__((noinline)) void six_many(const struct forest_split *split,
                                               const uint8_t *bytes, vec *ret)
{
    sweep_6(GROUPS, split, bytes, 0, ret);
}

static __attribute__((noinline)) void six_few(const struct forest_split *split,
                                              const uint8_t *bytes, vec *ret)
{
    sweep_6(GROUPS_FEW, split, bytes, 0, ret);
}

INLINE void sweep_seven(int groups, sweep_six *six, const struct forest_split *split,
                        const uint8_t *bytes, vec *ret)
{
    vec left[GROUPS], right[GROUPS];

    six(split, bytes, left);
    six(split + 63, bytes, right);
    pick(groups, split + 126, bytes, left, right, 64, ret);
}

INLINE void sweep_eight(int groups, sweep_six *six, const struct forest_split *split,
                        const uint8_t *bytes, vec *ret)
{
    vec left[GROUPS], right[GROUPS];

    sweep_seven(groups, six, split, bytes, left);
    sweep_seven(groups, six, split + 127, bytes, right);
    pick(groups, split + 254, bytes, left, right, 128, ret);
}

/* `groups` and `six` are constants where this is inlined. */
INLINE void sweep_perfect(int groups, sweep_six *six, const struct forest_split *split,
                          unsigned depth, const uint8_t *bytes, vec *ret)
{
    switch (depth) {
    case 1:
        sweep_1(groups, split, bytes, 0, ret);
        break;
    case 2:
        sweep_2(groups, split, bytes, 0, ret);
        break;
    case 3:
        sweep_3(groups, split, bytes, 0, ret);
        break;
    case 4:
        sweep_4(groups, split, bytes, 0, ret);
        break;
    case 5:
        sweep_5(groups, split, bytes, 0, ret);
        break;
    case 6:
        six(split, bytes, ret);
        break;
    case 7:
        sweep_seven(groups, six, split, bytes, ret);
        break;
    default:
        sweep_eight(groups, six, split, bytes, ret);
    }
}

INLINE void sweep_program(int groups, const struct forest_step *step, unsigned steps,
                          const uint8_t *bytes, vec *ret)
{
    vec numbers[FOREST_SWEEP_STACK][GROUPS];

    EACH ret[g] = numbers[0][g] = vec_all(0);
    for (; steps; steps--, step++) {
        const uint8_t *at = column_of(bytes, step->column);
        const vec *left = numbers[step->left];
        const vec *right = numbers[step->right];
        vec level = vec_all(step->level);

        EACH
        {
            mask m = vec_reaches(level, at + g * VEC);

            ret[g] = vec_add(m, vec_pick(m, left[g], right[g]), step->left_leaves);
            numbers[step->result][g] = ret[g];
        }
    }
}

/* The columns of a tree's sets. */
static void make_sets(const struct forest_sweep *sweep, const struct forest_sweep_tree *tree,
                      size_t lanes, uint8_t *bytes)
{
    const struct forest_sweep_set *set = sweep->sets + tree->first_set;
    uint8_t *to = bytes + (size_t)sweep->columns->count * FOREST_SWEEP_ROWS;

    for (uint32_t s = 0; s < tree->sets; s++, set++, to += FOREST_SWEEP_ROWS) {
        const uint8_t *codes = column_of(bytes, set->codes);
        const uint8_t *missing = codes + FOREST_SWEEP_ROWS;

        for (size_t r = 0; r < lanes; r += VEC) {
            vec one = vec_pick(vec_has(set->bits, vec_load(codes + r)), vec_all(0), vec_all(1));

            if (set->missing_right)
                one = vec_or(one, vec_load(missing + r));
            vec_store(to + r, vec_xor(one, vec_all(SWEEP_FLIP)));
        }
    }
}

/* Where leaves go: one output's sums of the block's rows, or vectors to all. */
struct sweep_sums {
    size_t rows;
    size_t lanes; /* with those of rows that are not there */
    size_t outputs;
    float *sums;   /* rows * outputs */
    float *column; /* FOREST_SWEEP_ROWS, aligned */
};

/* Leaves that are not looked up by vectors: those below a cut, and vectors. numbers[] are those of
 * `lanes` rows from `first` on, in the kernel's order. */
static void add_slowly(const struct forest_sweep *sweep, const struct forest_sweep_tree *tree,
                       const uint8_t *bytes, const uint8_t *numbers, size_t first, size_t lanes,
                       const struct sweep_sums *sums)
{
    uint32_t at[GROUPS * VEC];
    size_t count = sums->rows - first < lanes ? sums->rows - first : lanes;
    uint32_t width = tree->leaf_width;

    for (size_t k = 0; k < lanes; k++)
        at[k] = tree->cut ? sweep->exits[tree->exit + numbers[k]] : numbers[k];
    if (tree->cut)
        forest_walk(sweep, tree, bytes, lanes, at);
    for (size_t r = 0; r < count; r++) {
        uint32_t leaf = at[PLACE(r)];

        if (width == 1)
            sums->column[first + r] += sweep->leaves[tree->leaf + leaf];
        for (uint32_t k = 0; width != 1 && k < width; k++)
            sums->sums[(first + r) * sums->outputs + k] +=
                sweep->vectors[tree->leaf + (size_t)leaf * width + k];
    }
}

/* Rows from `first` on down one tree: as many as there are, `groups` vectors at most. */
INLINE void sweep_rows(int groups, const struct forest_sweep *sweep,
                       const struct forest_sweep_tree *tree, const uint8_t *bytes, size_t first,
                       const struct sweep_sums *sums)
{
    vec n[GROUPS];

    if (!tree->depth)
        sweep_program(groups, sweep->steps + tree->first, tree->steps, bytes + first, n);
    else
        sweep_perfect(groups, groups == GROUPS ? six_many : six_few, sweep->splits + tree->first,
                      tree->depth, bytes + first, n);
    if (tree->leaf_width == 1 && !tree->cut) {
        EACH add_leaves(sweep->leaves + tree->leaf, tree->leaf_blocks, n[g],
                        sums->column + first + g * VEC);
    } else {
        uint8_t numbers[GROUPS * VEC] __attribute__((aligned(VEC)));

        EACH vec_store(numbers + g * VEC, n[g]);
        add_slowly(sweep, tree, bytes + first, numbers, first, (size_t)groups * VEC, sums);
    }
}

static void sweep_tree(const struct forest_sweep *sweep, const struct forest_sweep_tree *tree,
                       uint8_t *bytes, const struct sweep_sums *sums)
{
    size_t first = 0;

    if (tree->sets)
        make_sets(sweep, tree, sums->lanes, bytes);
    for (; first + GROUPS * VEC / 2 < sums->rows; first += GROUPS * VEC)
        sweep_rows(GROUPS, sweep, tree, bytes, first, sums);
    for (; first < sums->rows; first += GROUPS_FEW * VEC)
        sweep_rows(GROUPS_FEW, sweep, tree, bytes, first, sums);
}

/* As many as sweep_tree goes through. */
static size_t lanes_of(size_t rows)
{
    size_t lanes = 0;

    while (lanes + GROUPS * VEC / 2 < rows)
        lanes += GROUPS * VEC;
    while (lanes < rows)
        lanes += GROUPS_FEW * VEC;
    return lanes;
}

static void sweep_score(const struct forest_sweep *sweep, uint8_t *bytes, size_t rows,
                        size_t outputs, float *sums)
{
    const struct forest_sweep_tree *tree = sweep->trees;
    const struct forest_sweep_tree *end = tree + sweep->tree_count;
    /* one output's sums, with room for rows that are not there */
    float column[FOREST_SWEEP_ROWS] __attribute__((aligned(64)));
    const struct sweep_sums all = {rows, lanes_of(rows), outputs, sums, column};

    while (tree < end) {
        uint32_t output = tree->output;

        for (size_t r = 0; r < FOREST_SWEEP_ROWS; r++)
            column[r] = r < rows ? sums[r * outputs + output] : 0.0f;
        for (; tree < end && tree->output == output && tree->leaf_width == 1; tree++)
            sweep_tree(sweep, tree, bytes, &all);
        for (size_t r = 0; r < rows; r++)
            sums[r * outputs + output] = column[r];
        for (; tree < end && tree->leaf_width != 1; tree++)
            sweep_tree(sweep, tree, bytes, &all);
    }
}

#include "algorithms/forest_sweep_fill.h"

const struct forest_sweep_kernel SWEEP_KERNEL = {
    .name = SWEEP_NAME,
    .leaf_bytes = SWEEP_LEAF_BYTES,
    .flip = SWEEP_FLIP,
    .cut = SWEEP_CUT,
    .ranks = SWEEP_RANKS,
    .many = GROUPS * VEC,
    .few = GROUPS_FEW * VEC,
    .fill = sweep_fill,
    .score = sweep_score,
};
