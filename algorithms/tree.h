#pragma once
/*
 * A decision tree as a file holds it, checked and in plain arrays: what loaders make, what scorers
 * compile from, and what the second opinion (xgboost_backend) is given. Index = node number of the
 * file, root 0, so that leaf numbers mean what they mean in XGBoost.
 *
 * Invariants, established by tree_check:
 *   - left[n] == -1 is a leaf; else left[n] and right[n] are in 1 .. nodes-1;
 *   - every reachable node but the root has exactly one parent: no cycles, no sharing;
 *   - feature[n] < features for every reachable split;
 *   - an unreachable node is marked: left[n] == -1, feature[n] == TREE_DELETED;
 *   - leaf_width > 1: leaf_vectors has nodes * leaf_width numbers, row n being leaf n's values;
 *   - categorical: NULL, or per node 1 where the split is by category. Node n's set is
 *     categories[category_start[n] .. category_start[n + 1]), ascending, each 0 .. 16777215.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"

#define TREE_DELETED      0x7fffffffu
#define TREE_CATEGORY_MAX 16777215

struct tree {
    uint32_t nodes;
    uint32_t leaf_width;
    size_t file_offset; /* where it begins in its file, for messages; 0: not known */
    int32_t *left;
    int32_t *right;
    uint32_t *feature;
    float *value; /* threshold of a split; value of a leaf where leaf_width is 1 */
    uint8_t *default_left;
    float *leaf_vectors;
    uint8_t *categorical;
    uint32_t *category_start; /* nodes + 1; NULL where categorical is */
    int32_t *categories;
    float *sum_hessian; /* cover of each node, for SHAP; NULL where the file has none */
};

/* Checks the invariants and marks unreachable nodes. ERR_INPUT "node N: what is wrong". */
int tree_check(struct tree *tree, uint32_t features, struct err *err) MUST_CHECK;
