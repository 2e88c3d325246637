#pragma once
/*
 * The forest scorer: sums of trees, bit-equal to XGBoost's CPU predictor (xgboost-models 5.3-5.5).
 * Everything that depends on the model alone is done here, once: forest_new compiles the trees into
 * its own layout and keeps no reference to what it was given.
 */

#include <stdbool.h>
#include <stdint.h>

#include "algorithms/scorer.h"
#include "algorithms/tree.h"

/* Where the base margin enters a float32 sum. */
enum sum_rule {
    SUM_BASE_FIRST, /* XGBoost 1.3 and later: s = base; s += leaf, tree by tree */
    SUM_BASE_LAST,  /* 1.2 and earlier, and DART of 1.3: p = 0; p += leaf; s = base + p */
};

/* What a categorical split does with a value that no category can be (xgboost-models 5.3). */
enum category_rule {
    CATEGORY_LEFT,    /* 1.7 and later: negative or too large goes left */
    CATEGORY_DEFAULT, /* 1.6: negative, too large or beyond the node's bit set goes the default way
                       */
    CATEGORY_ZERO,    /* 1.5: as 1.7, but a value in (-1, 0) is category 0 */
};

/* How a forest is scored. All give the same bits. */
enum forest_kernel {
    FOREST_AUTO,   /* for each number of rows what is fastest */
    FOREST_SCALAR, /* any forest on any processor */
    FOREST_SWEEP,  /* many rows at a time: trees of at most 256 leaves; AVX2, AVX-512 or NEON */
    FOREST_MASKS,  /* one row: trees of depth 8 at most, numbers only; AVX-512 VBMI */
};

struct forest_spec {
    const struct tree *trees;   /* checked by tree_check */
    const int32_t *tree_output; /* per tree: the output that a tree with leaf_width 1 adds to */
    const float *tree_weight;   /* DART; NULL: all 1. A leaf becomes fl32(leaf * weight) */
    uint32_t tree_count;
    uint32_t features;
    uint32_t outputs;
    const float *base_margin; /* `outputs` numbers */
    enum sum_rule sum_rule;
    enum category_rule category_rule;
    enum forest_kernel kernel;
};

/* "auto", "scalar", "sweep", "masks" */
const char *forest_kernel_name(enum forest_kernel kernel);

/* The kernel of that name. False where there is none. */
bool forest_kernel_find(const char *name, enum forest_kernel *ret) MUST_CHECK;

/* ERR_INPUT where a tree's output or leaf width does not fit `outputs`; ERR_UNSUPPORTED where the
 * kernel that was asked for cannot score this forest on this processor; ERR_MEMORY. The scorer's
 * name tells the kernels and from how many rows on they are used. */
int forest_new(const struct forest_spec *spec, struct scorer **ret, struct err *err) MUST_CHECK;
