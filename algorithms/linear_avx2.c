/* Vectors of 8. */
#define LANES     8
#define MOST      8
#define GROUPS    2
#define TILE_ROWS 4
#include "algorithms/linear_lanes.h"

const struct linear_kernels linear_avx2 = {
    .name = "linear-loop-avx2",
    .lanes = LANES,
    .most = MOST,
    .by_rows = by_rows,
    .by_outputs = by_outputs,
    .sparse = sparse,
};
