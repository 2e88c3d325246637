#pragma once
/*
 * The compiled forest, and the form of it that the scalar kernel reads; the others have their own
 * (forest_sweep.h, forest_masks.h). Internal to algorithms/forest*.c: forest.h is the interface.
 *
 * Rows are not compared as floats but as keys: 32-bit unsigned numbers in the order of the floats
 * (forest_key), so that a step down a tree is two loads, one integer comparison and one addition
 * with carry. Both zeros have one key, as x < 0.0 is false for both. NaN has no place in that
 * order, and that is what makes missing values free: every used feature has a *pair* of keys in the
 * row, equal where the value is present; where it is missing the first is FOREST_KEY_LOW (less than
 * every threshold: left) and the second FOREST_KEY_HIGH (less than none: right). A node's `word` is
 * the place in the row that it reads: 2 * slot, plus 1 where its missing values go right. After the
 * pairs comes one word that is always FOREST_KEY_HIGH: leaves read it and so stay where they are.
 *
 * A slot is a feature that some split uses. Where most of the low feature numbers are used, slot
 * and feature are the same number; else slots count the used features in ascending order.
 *
 * Children: `key < threshold` is the *odd* child, which for XGBoost is the left one. So a step adds
 * the comparison's carry to the index.
 *
 * Trees that follow each other, add to the same output and are of one kind form a run. Runs are in
 * such an order that every output receives its leaves in the order of the file.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "algorithms/forest.h"

#define FOREST_PERFECT_MAX 10
#define FOREST_RUN_MAX     128 /* trees in a run */
#define FOREST_BLOCK_MAX   128 /* rows in a block */
#define FOREST_KEY_LOW     0u
#define FOREST_KEY_HIGH    UINT32_MAX
#define FOREST_CATEGORICAL 0x80000000u
#define FOREST_SLOTS_MAX   0x3fffffffu /* 2 * slot + 1 leaves the top bit free */

enum forest_kind {
    /*
     * At most FOREST_PERFECT_MAX deep, numbers only. A complete tree of the run's depth d, in three
     * tables of 2^d entries, so that the tables of a tree fit vector registers: thresholds and
     * words of the nodes, and the leaves. The root is node 1 (entry 0 is unused), node i has the
     * children 2i (right) and 2i + 1 (left), and "node" 2^d + j is leaf j. A leaf of the file that
     * sits higher is repeated below.
     */
    FOREST_PERFECT,
    /*
     * Numbers only, any shape. Node i has the children i + next (right) and i + next + 1 (left).
     * next 0 is a leaf: its threshold is the bits of its value or, where the run's leaf_width is
     * not 1, the place of its values in `vectors`.
     */
    FOREST_NARROW,
    /* The same with fields of 32 bits. */
    FOREST_WIDE,
    /* Wide nodes, some of which split by category: FOREST_CATEGORICAL is set in their word, and the
     * threshold is a number in `sets`. */
    FOREST_MIXED,
};

struct forest_narrow {
    uint32_t threshold;
    uint16_t word;
    uint16_t next;
};

struct forest_wide {
    uint32_t threshold;
    uint32_t word;
    uint32_t next;
};

struct forest_run {
    enum forest_kind kind;
    uint32_t output;
    uint32_t leaf_width;
    uint32_t trees;
    uint32_t depth;   /* the longest path; of a perfect tree every path */
    uint32_t typical; /* others: about how long most rows' paths are */
    size_t nodes;   /* perfect: entry 0 of the first tree's tables; of tree k: k << depth further */
    uint32_t roots; /* others: place in `roots` of the first tree's root */
};

/* The categories that go right. A set with few and far members is a sorted list instead of bits. */
struct forest_set {
    size_t start;   /* in set_words */
    uint32_t words; /* of bits; 0: a list */
    uint32_t count; /* members */
    float limit;    /* capacity of the bit set as XGBoost 1.6 builds it: CATEGORY_DEFAULT only */
};

/* Feature to slot, by bits and the number of bits before each word. NULL where slot is feature. */
struct forest_slots {
    uint32_t count;
    uint32_t features; /* the largest used feature + 1 */
    uint32_t *feature; /* per slot, ascending */
    uint64_t *bits;
    uint32_t *before;
};

struct forest;

/* Rows as keys, `stride` apart. */
struct forest_block {
    const uint32_t *keys;
    size_t stride;
    size_t rows;
};

/* forest_scalar.c: adds every tree's leaves to rows * outputs sums, in the order of the runs. */
void forest_scalar_score(const struct forest *forest, const struct forest_block *block,
                         float *sums);

struct forest_columns;
struct forest_sweep;
struct forest_masks;

/* Which kernel scores how many rows (forest_choice.c). */
struct forest_choice {
    size_t sweep_rows; /* that many rows and more are swept; SIZE_MAX: never */
    size_t masks_rows; /* up to that many rows are scored by masks; the others by the scalar kernel
                        */
};

struct forest {
    struct scorer scorer;
    enum sum_rule sum_rule;
    enum category_rule category_rule;
    float *base_margin;
    struct forest_choice choice;
    char name[128];

    /* the other kernels' forms of the trees; NULL where they cannot have them or are not used */
    struct forest_columns *columns;
    struct forest_sweep *sweep;
    struct forest_masks *masks;

    struct forest_slots slots;
    size_t stride;     /* words of a row, the constant word and padding included */
    size_t block_rows; /* rows that are scored at a time */

    struct forest_run *runs;
    size_t run_count;
    uint32_t *thresholds; /* of perfect trees, as are the next two */
    uint16_t *words;
    float *leaves;
    struct forest_narrow *narrow;
    struct forest_wide *wide; /* also the nodes of mixed trees */
    uint32_t *roots;
    float *vectors;
    struct forest_set *sets;
    uint32_t *set_words;
};

/* The place of a number in the order of all numbers; x is not NaN. */
static inline uint32_t forest_key(float x)
{
    float positive_zero = x + 0.0f; /* turns -0.0 into 0.0 and nothing else into anything else */
    uint32_t bits;

    memcpy(&bits, &positive_zero, sizeof(bits));
    return bits ^ ((uint32_t) - (int32_t)(bits >> 31) | 0x80000000u);
}

/* The number with that key. */
static inline float forest_unkey(uint32_t key)
{
    uint32_t bits = key ^ (key >> 31 ? 0x80000000u : UINT32_MAX);
    float x;

    memcpy(&x, &bits, sizeof(x));
    return x;
}

#define FOREST_NO_SLOT UINT32_MAX

static inline uint32_t forest_slot(const struct forest_slots *slots, uint32_t feature)
{
    uint64_t word;

    if (feature >= slots->features)
        return FOREST_NO_SLOT;
    if (!slots->bits)
        return feature;
    word = slots->bits[feature >> 6];
    if (!(word >> (feature & 63) & 1))
        return FOREST_NO_SLOT;
    word &= ((uint64_t)1 << (feature & 63)) - 1;
    return slots->before[feature >> 6] + (uint32_t)__builtin_popcountll(word);
}

/* forest_rows.c: rows of a matrix to keys. */

int forest_slots_init(struct forest_slots *slots, const struct forest_spec *spec,
                      struct err *err) MUST_CHECK;
void forest_slots_fini(struct forest_slots *slots);

/* Prepares a block's memory for the matrix, before the first forest_rows_fill. */
void forest_rows_begin(const struct forest *forest, const struct matrix *matrix, uint32_t *keys,
                       size_t rows);

/* Keys of rows first .. first + rows - 1. */
void forest_rows_fill(const struct forest *forest, const struct matrix *matrix, size_t first,
                      size_t rows, uint32_t *keys);

/* Makes the memory ready for the next forest_rows_fill. */
void forest_rows_reset(const struct forest *forest, const struct matrix *matrix, size_t first,
                       size_t rows, uint32_t *keys);

/* forest_measure.c */

static inline bool forest_is_leaf(const struct tree *tree, uint32_t node)
{
    return tree->left[node] == -1;
}

/* Whether a split is by category. */
static inline bool forest_is_set(const struct tree *tree, uint32_t node)
{
    return tree->categorical && tree->categorical[node];
}

/* The shape of a tree: of the nodes that its root reaches. */
struct forest_measured {
    enum forest_kind kind;
    uint32_t depth;
    uint32_t typical; /* see forest_run */
    uint32_t nodes;
    uint32_t sets; /* splits by category */
};

struct forest_measures {
    struct forest_measured *trees; /* by number */
    uint32_t *order;               /* in which trees are compiled: by output, else as they came */
    uint32_t *queue;               /* room for the nodes of the largest tree */
};

/* Checks that the trees fit the outputs (forest_new says which errors) and measures them. The
 * measures are to be ended in any case. */
int forest_measure(const struct forest_spec *spec, const struct forest_slots *slots,
                   struct forest_measures *ret, struct err *err) MUST_CHECK;
void forest_measures_fini(struct forest_measures *measures); /* of zeros, too */

/* Lists the nodes of a tree level by level, right child before left, so that siblings are
 * neighbours and a place in the list is the node's number in a linked tree. Returns how many. */
uint32_t forest_list_nodes(const struct tree *tree, uint32_t *queue);

/* forest_compile.c: trees to runs, nodes and leaves; what is allocated is the forest's. */
int forest_compile(struct forest *forest, const struct forest_spec *spec,
                   const struct forest_measures *measures, struct err *err) MUST_CHECK;

/* forest_category.c */

/* How many entries of set_words a set takes. */
size_t forest_set_size(const int32_t *categories, uint32_t count);

/* Fills the set whose words begin at set_words[start]. */
struct forest_set forest_set_make(uint32_t *set_words, size_t start, const int32_t *categories,
                                  uint32_t count);

/* Whether a value that is not missing goes right at a split by category. */
bool forest_category_right(const struct forest *forest, const struct forest_set *set, float x,
                           bool missing_right);
