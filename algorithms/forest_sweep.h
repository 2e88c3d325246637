#pragma once
/*
 * The sweep kernels: many rows at a time, each lane of a vector a row, and every split of a tree is
 * asked of all of them. That a split off a row's path is asked in vain does not matter: 64 rows are
 * compared by one instruction, and nothing waits for memory or for a branch. Internal to
 * algorithms/forest*.c; one source (forest_sweep_template.h) for all instruction sets.
 *
 * Which leaf a row comes to is worked out from the leaves up. Leaves are numbered from left to
 * right, 0 .. 255; each split, after its children, picks for each row the number that came up from
 * the child that the row takes. So a tree of any shape with at most 256 leaves is a list of splits
 * in post-order. There are three forms:
 *
 * - Perfect, of depth 1 .. 8: a complete tree; a leaf that sits higher is repeated below. The shape
 *   is known to the compiler: numbers stay in registers.
 * - Program: the splits that there are, with a small stack of numbers in memory.
 * - Cut, for more leaves: a perfect tree of the upper levels, whose leaves are nodes that rows walk
 *   on from, many walks in flight, by the same bytes. The levels that all rows share cost most of
 *   a walk, and next to nothing in a sweep.
 *
 * A split goes right where the row's byte of its column is at least its level (forest_columns.h).
 * The columns of a block: row r of column c is bytes[c * FOREST_SWEEP_ROWS + place], where place is
 * r in the kernel's order of rows. After the forest's columns come those that a tree makes of its
 * sets, before it is swept.
 */

#include "algorithms/forest_columns.h"

#define FOREST_SWEEP_ROWS   256 /* of a block */
#define FOREST_SWEEP_DEPTH  8
#define FOREST_SWEEP_LEAVES 256
#define FOREST_SWEEP_STACK  9 /* places: the 0, and as many numbers as wait at a time at most */

/* Of a perfect tree: 2^depth - 1 of them, in post-order. */
struct forest_split {
    uint16_t column;
    uint8_t level;
    uint8_t unused;
};

/* Of a program: numbers[result] = goes right ? numbers[right] + left_leaves : numbers[left].
 * numbers[0] is 0: a leaf is the first one of its own. */
struct forest_step {
    uint16_t column;
    uint8_t level;
    uint8_t left_leaves;
    uint8_t left;
    uint8_t right;
    uint8_t result;
    uint8_t unused;
};

/* A split by category: a column of 1 where the code is in the set, else 0. */
struct forest_sweep_set {
    uint16_t codes; /* column */
    bool missing_right;
    uint8_t bits[32]; /* by code */
};

/* A node below a cut: the children are at next (right) and next + 1 (left) from here. A leaf's next
 * and level are 0: no byte is below. */
struct forest_walk_node {
    uint16_t column;
    uint8_t level; /* not flipped */
    uint8_t unused;
    uint32_t next;
};

struct forest_sweep_tree {
    uint8_t depth;       /* of a perfect tree; 0: a program */
    uint8_t leaf_blocks; /* of 64 leaves, with room: 1, 2 or 4 */
    uint16_t steps;      /* of a program; 0 where there is only a leaf */
    uint32_t sets;       /* how many; the columns from forest_columns.count on are theirs */
    uint32_t output;
    uint32_t leaf_width;
    size_t first; /* split or step */
    size_t first_set;
    size_t leaf; /* place in leaves; where leaf_width is not 1, in vectors: leaf_width a leaf */
    bool cut;
    uint32_t typical; /* of a cut tree: about as many steps below the cut are most walks long */
    size_t exit;      /* place in exits of 1 << depth nodes */
    size_t node;      /* place in walk_nodes of the root; leaf numbers count from here, too */
    uint32_t nodes;
};

struct forest_sweep;

/*
 * How a kernel finds the ranks of many numbers at a time, of features with one window.
 *
 * A heap holds 2^levels - 1 numbers in order, node i from 1 on with children 2 i and 2 i + 1: the
 * thresholds, then NaN. From i = 1, i = 2 i + (x >= heap[i]) `levels` times is 2^levels and the
 * rank. The numbers of a level are few enough to be looked up in registers, for a vector of rows at
 * a time.
 */
enum forest_rank_tables {
    FOREST_RANK_SEARCH, /* forest_columns.search, row by row */
    FOREST_RANK_HEAP,   /* a heap of all thresholds: 4 to 8 levels */
    /* A heap of up to 31 thresholds, 3 to 5 levels. Of more, a heap of the last ones of eight, and
     * behind it the thresholds, 256 with NaN: the heap leads to the eight that x is compared with.
     */
    FOREST_RANK_EIGHTS,
};

struct forest_sweep_rank {
    size_t table; /* place in rank_tables */
    uint8_t levels;
    bool eights; /* FOREST_RANK_EIGHTS: thresholds follow */
};

struct forest_sweep_kernel {
    const char *name;
    /* The leaves of a tree are stored as four tables of bytes, lowest first, instead of floats. */
    bool leaf_bytes;
    uint8_t flip; /* what levels are xored with */
    uint8_t cut;  /* levels above a cut: a level more costs more than a step of the walk */
    size_t many;  /* rows of a pass down a tree, where there are more than half as many left */
    size_t few;   /* of a pass where there are not */
    enum forest_rank_tables ranks;
    /* The columns of the first `count` rows, FOREST_SWEEP_ROWS at most. */
    void (*fill)(const struct forest_sweep *sweep, const struct forest_rows *rows, size_t count,
                 uint8_t *bytes);
    /* Adds every tree's leaves to rows * outputs sums, in the order of the trees. */
    void (*score)(const struct forest_sweep *sweep, uint8_t *bytes, size_t rows, size_t outputs,
                  float *sums);
};

struct forest_sweep {
    const struct forest_sweep_kernel *kernel;
    const struct forest_columns *columns;
    struct forest_sweep_tree *trees;
    uint32_t tree_count;
    uint32_t set_columns; /* the most that a tree makes */
    struct forest_split *splits;
    struct forest_step *steps;
    struct forest_sweep_set *sets;
    float *leaves; /* 64 * leaf_blocks a tree, aligned to 64 bytes; of a cut tree, one a node */
    float *vectors;
    struct forest_sweep_rank *ranks; /* of columns->ranked, where the kernel has tables */
    float *rank_tables;              /* aligned to 64 bytes, as each of them is */
    struct forest_walk_node *walk_nodes;
    uint32_t *exits; /* nodes, counted from the root's place */
};

/* forest_sweep_compile.c */

/* What this processor can run; NULL: none. */
const struct forest_sweep_kernel *forest_sweep_kernel(void);

/* Compiles the trees; `columns` must stay. *ret is NULL where there is no kernel, or a tree
 * has too many sets. ERR_MEMORY. */
int forest_sweep_new(const struct forest_spec *spec, const struct forest_measures *measures,
                     const struct forest_columns *columns, struct forest_sweep **ret,
                     struct err *err) MUST_CHECK;
void forest_sweep_free(struct forest_sweep *sweep); /* NULL is fine */

/* forest_walk.c: walks `lanes` rows of a block, whose first one has its bytes at `bytes`, from the
 * nodes at[] of a cut tree to their leaves. `flip` is the kernel's. */
void forest_walk(const struct forest_sweep *sweep, const struct forest_sweep_tree *tree,
                 const uint8_t *bytes, size_t lanes, uint32_t *at);

/* Bytes of a block: all columns. */
static inline size_t forest_sweep_bytes(const struct forest_sweep *sweep)
{
    return ((size_t)sweep->columns->count + sweep->set_columns) * FOREST_SWEEP_ROWS;
}

/* forest_sweep_ranks.c: fills ranks and rank_tables for the kernel. ERR_MEMORY. */
int forest_sweep_add_ranks(struct forest_sweep *sweep, struct err *err) MUST_CHECK;

/* Those of the instruction set's files that are compiled. */
extern const struct forest_sweep_kernel forest_sweep_avx2;
extern const struct forest_sweep_kernel forest_sweep_avx512;
extern const struct forest_sweep_kernel forest_sweep_vbmi;
extern const struct forest_sweep_kernel forest_sweep_neon;
