/* Vectors of 4: SSE2, NEON. */
#define LANES     4
#define MOST      6
#define GROUPS    4
#define TILE_ROWS 4
#include "algorithms/linear_lanes.h"

const struct linear_kernels linear_baseline = {
    .name = "linear-loop-baseline",
    .lanes = LANES,
    .most = MOST,
    .by_rows = by_rows,
    .by_outputs = by_outputs,
    .sparse = sparse,
};
