#pragma once
/*
 * Which kernel scores how many rows of a forest. Internal to algorithms/forest*.c.
 */

#include "algorithms/forest_layout.h"

/*
 * Decides for the forms of the trees that the forest has, frees those that are not used, and fills
 * in forest->choice and forest->name. -1 where the kernel that is asked for is not there.
 */
int forest_choose(struct forest *forest, enum forest_kernel kernel,
                  const struct forest_measures *measures, uint32_t trees) MUST_CHECK;

/* Frees what kernels on bytes use and nobody needs. */
void forest_drop_sweep(struct forest *forest);
void forest_drop_masks(struct forest *forest);
