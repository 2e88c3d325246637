#pragma once
/*
 * The kernel for single rows: all splits of a tree at a time (AVX-512 VBMI). A row's bytes of all
 * columns (forest_columns.h) are one, two or four vectors; one permutation fetches for each of 64
 * splits the byte that it asks, one comparison answers them all in 64 bits. A tree of depth 6 is
 * one such word, of depth 7 two, of depth 8 four. Eight trees then walk down their words side by
 * side, a tree in each lane. Internal to algorithms/forest*.c.
 *
 * Trees are complete and numbered as a heap: the root is split 1, split i has the children 2 i
 * (left) and 2 i + 1 (right), and "split" 2^depth + j is leaf j. Bit i % 64 of word i / 64 is the
 * answer of split i. Trees that follow each other, add to the same output and have as many words
 * form a run, all as deep as the deepest.
 */

#include "algorithms/forest_columns.h"

#define FOREST_MASKS_COLUMNS 256
#define FOREST_MASKS_DEPTH   8
#define FOREST_MASKS_ROWS    16 /* that are scored at a time */

struct forest_masks_run {
    uint32_t trees;
    uint32_t output;
    uint32_t depth; /* 1 .. 8 */
    uint32_t words; /* 1, 2, 4: of depth 6 or less, 7, 8 */
    size_t first;   /* place in asked and levels: 64 * words a tree */
    size_t leaf;    /* place in leaves: 1 << depth a tree */
};

/* How a feature of one window becomes bytes, nothing left to decide: two levels of search (the
 * first without pivots where one would do), a byte for each default direction (a spare one where it
 * is not wanted). */
struct forest_masks_value {
    uint32_t feature;
    uint32_t slot;
    uint32_t pivots; /* places in forest_columns.search */
    uint32_t thresholds;
    uint16_t left; /* places in the row's bytes; FOREST_MASKS_COLUMNS: spare */
    uint16_t right;
};

struct forest_masks {
    const struct forest_columns *columns;
    struct forest_masks_value *values;
    uint32_t value_count; /* the other features of the columns have more windows */
    struct forest_masks_run *runs;
    size_t run_count;
    uint8_t *asked;  /* the column of each split; aligned to 64 bytes, as the next one is */
    uint8_t *levels; /* and its level */
    float *leaves;
};

/* *ret is NULL where the trees do not fit: deeper, with more columns, with sets or vectors in their
 * leaves, or so sparse that complete trees take many times their size. `columns` must stay.
 * ERR_MEMORY. */
int forest_masks_new(const struct forest_spec *spec, const struct forest_measures *measures,
                     const struct forest_columns *columns, struct forest_masks **ret,
                     struct err *err) MUST_CHECK;
void forest_masks_free(struct forest_masks *masks); /* NULL is fine */

/* Adds every tree's leaves to count * outputs sums, in the order of the trees; count is
 * FOREST_MASKS_ROWS at most. Only where the processor has CPU_VBMI. */
void forest_masks_score(const struct forest_masks *masks, const struct forest_rows *rows,
                        size_t count, size_t outputs, float *sums);
