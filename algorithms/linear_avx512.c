/* Vectors of 16. */
#define LANES     16
#define MOST      12
#define GROUPS    2
#define TILE_ROWS 8
#include "algorithms/linear_lanes.h"

const struct linear_kernels linear_avx512 = {
    .name = "linear-loop-avx512",
    .lanes = LANES,
    .most = MOST,
    .by_rows = by_rows,
    .by_outputs = by_outputs,
    .sparse = sparse,
};
