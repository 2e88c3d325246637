#pragma once
/*
 * Rows as bytes, for the kernels that ask a whole tree's questions at once (forest_sweep.h,
 * forest_masks.h). Internal to algorithms/forest*.c.
 *
 * A split asks whether its feature is at least a threshold. Let t_1 < ... < t_n be the distinct
 * thresholds of a feature over the whole forest; the rank of a value is how many of them are not
 * above it. Then "x >= t_k" is "rank(x) >= k", exactly, and where n <= 255 a rank is a byte. A
 * column is such a byte for each row; a split names its column and a level, 1 .. 255, and goes
 * right where the row's byte is at least the level.
 *
 * - More than 255 thresholds take several columns: window w has clamp(rank - 255 w, 0, 255), and a
 *   split whose threshold is t_k asks window (k - 1) / 255 for level k - 255 w.
 * - Missing values have the byte 0 (no level: left) in a column for splits whose default is left,
 *   and 255 (every level: right) in one for splits whose default is right. A feature has whichever
 *   of the two its splits want.
 * - A threshold that is NaN (damaged files) sends every value right: it counts as -infinity.
 * - Splits by category ask for a bit of a set, which a byte cannot be compared with. Such a feature
 *   has a column of codes (a category that any of its sets has is a code, 0 .. 254; 255 is all
 *   others and missing) and one that is 255 where it is missing and else 0. From these a tree's
 *   kernel makes a column of 0 and 1 for each of its sets (forest_sweep.h).
 *
 * The rank of one value is found by a search tree of 16 pivots a level, which vector instructions
 * compare at a time (forest_count16.h); those of many rows by tables of the sweep's own. In the
 * search tree, pivot i of an inner node is the last threshold below its child i + 1. What is
 * missing to a full 16 is NaN, which no value is at least.
 */

#include "algorithms/forest.h"
#include "algorithms/forest_layout.h"

#define FOREST_WINDOW       255   /* ranks in a column */
#define FOREST_COLUMNS_MAX  8192  /* a block of 256 rows: 2 MB */
#define FOREST_RANK_DEPTH   6     /* 16^6 is more than FOREST_COLUMNS_MAX windows have */
#define FOREST_CODES        255   /* categories of a feature that have a code */
#define FOREST_CATEGORY_END 65536 /* beyond the largest category that has one */
#define FOREST_NO_COLUMN    UINT32_MAX

/* A feature that is compared with thresholds. */
struct forest_ranked {
    uint32_t feature;
    uint32_t slot;  /* forest_slots: its place in a row of the used features */
    uint32_t count; /* of distinct thresholds, at least 1 */
    uint32_t depth; /* levels of the search tree, at least 1 */
    uint32_t windows;
    uint32_t left; /* the first of `windows` columns with missing as 0; FOREST_NO_COLUMN: none */
    uint32_t right;
    size_t level[FOREST_RANK_DEPTH]; /* places of the levels in forest_columns.search; the last one
                                      * is the thresholds themselves */
};

/* A feature with splits by category. */
struct forest_coded {
    uint32_t feature;
    uint32_t slot;
    uint32_t column; /* of codes; the next one tells what is missing */
    uint32_t end;    /* categories from here on have no code */
    size_t codes;    /* place of `end` bytes in forest_columns.codes */
};

struct forest_columns {
    uint32_t count; /* columns */
    uint32_t ranked_count;
    uint32_t coded_count;
    struct forest_ranked *ranked; /* ascending by feature, as `coded` is */
    struct forest_coded *coded;
    float *search; /* aligned to 64 bytes; the first 16 are NaN: no pivots */
    uint8_t *codes;
    enum category_rule category_rule;
};

/* Rows that columns are made of: row r's feature f is x[r * stride + f], or its slot s
 * x[r * stride + s] where by_slot. What is at `width` and beyond is missing. */
struct forest_rows {
    const float *x;
    size_t stride;
    size_t width;
    bool by_slot;
};

/*
 * Finds the columns of a forest. *ret_fits is false, and there is nothing to free, where it cannot
 * have them: more than FOREST_COLUMNS_MAX of them, or sets of more, or larger, categories than
 * there are codes, or the category rule of XGBoost 1.6, which looks at the size of a set too.
 * ERR_MEMORY.
 */
int forest_columns_init(struct forest_columns *columns, const struct forest_spec *spec,
                        const struct forest_slots *slots, bool *ret_fits,
                        struct err *err) MUST_CHECK;
void forest_columns_fini(struct forest_columns *columns); /* of zeros, too */

/* What a split asks. */
struct forest_question {
    uint16_t column;
    uint8_t level;
};

/* The question of a numeric split. */
struct forest_question forest_columns_ask(const struct forest_columns *columns,
                                          const struct tree *tree, uint32_t node);

/* The codes of a node's set as 256 bits, and the column of codes that they are for. */
uint32_t forest_columns_set(const struct forest_columns *columns, const struct tree *tree,
                            uint32_t node, uint8_t ret_bits[32]);

/* The code of a value that is not missing. */
uint8_t forest_columns_code(const struct forest_columns *columns, const struct forest_coded *coded,
                            float x);
