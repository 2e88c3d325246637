#pragma once
/*
 * The kernels of linear_kernels.h for vectors of LANES numbers: 4, 8 or 16. Before it the file that
 * includes this defines:
 *
 *   LANES
 *   MOST          outputs of by_rows: 6, 8 or 12
 *   GROUPS        groups of LANES rows that by_rows takes at a time where outputs are few, so that
 *                 sums do not wait for each other
 *   TILE_ROWS     rows of a tile: 4 or 8
 */

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "algorithms/linear_kernels.h"

#define INLINE       static inline __attribute__((always_inline))
#define EACH(i, n)   _Pragma("GCC unroll 16") for (int i = 0; i < (n); i++)
#define QUAD         4     /* features that are transposed at a time */
#define COPIED       64    /* features that are copied at a time */
#define TILE_BYTES   24576 /* weights of a tile's features: they stay in the first cache */
#define TILE_VECTORS 2
#define BLOCK_ROWS   64 /* rows that pass by all weights: they stay in the second */
#define CHAINS       4  /* sparse rows at a time */
#define SPARSE_MOST  4  /* vectors of a sparse row's sums */

typedef float lanes __attribute__((vector_size(LANES * 4)));
typedef int32_t lanes_int __attribute__((vector_size(LANES * 4)));
typedef float quad __attribute__((vector_size(16)));

INLINE lanes load(const float *at)
{
    lanes v;

    memcpy(&v, at, sizeof(v));
    return v;
}

INLINE quad load_quad(const float *at)
{
    quad v;

    memcpy(&v, at, sizeof(v));
    return v;
}

INLINE lanes load_some(const float *at, size_t count)
{
    lanes v = {0};

    if (count >= LANES)
        return load(at);
    memcpy(&v, at, count * sizeof(*at));
    return v;
}

INLINE void store_some(float *at, lanes v, size_t count)
{
    if (count >= LANES)
        memcpy(at, &v, sizeof(v));
    else
        memcpy(at, &v, count * sizeof(*at));
}

INLINE lanes all(float x)
{
    return x - (lanes){0}; /* -0 too stays as it is */
}

/* Sums to what is answered. */
INLINE lanes settle(lanes sums, lanes bias)
{
    lanes z = sums + bias;
    lanes_int number = z == z;

    return (lanes)(((lanes_int)z & number) | ((lanes_int)all(NAN) & ~number));
}

/* Four features of the rows from `at` on: lanes 4s to 4s + 3 of ret[j] are those of row 4s + j. */
INLINE void load_rows(const float *at, size_t stride, lanes *ret)
{
    EACH(j, QUAD)
    {
        const float *row = at + (size_t)j * stride;
#if LANES == 4
        (void)stride;
        ret[j] = load_quad(row);
#elif LANES == 8
        ret[j] = __builtin_shufflevector(load_quad(row), load_quad(row + 4 * stride), 0, 1, 2, 3, 4,
                                         5, 6, 7);
#else
        typedef float half __attribute__((vector_size(32)));
        half low = __builtin_shufflevector(load_quad(row), load_quad(row + 4 * stride), 0, 1, 2, 3,
                                           4, 5, 6, 7);
        half high = __builtin_shufflevector(load_quad(row + 8 * stride),
                                            load_quad(row + 12 * stride), 0, 1, 2, 3, 4, 5, 6, 7);
        ret[j] = __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,
                                         14, 15);
#endif
    }
}

/* Of each group of four lanes of a (0 to 3) and of b (4 to 7) the four that are named. */
#define LANE(s, i)              (((i) < 4 ? (i) : LANES + (i)-4) + 4 * (s))
#define FOUR(s, i0, i1, i2, i3) LANE(s, i0), LANE(s, i1), LANE(s, i2), LANE(s, i3)
#if LANES == 4
#define MIX(a, b, ...) __builtin_shufflevector(a, b, FOUR(0, __VA_ARGS__))
#elif LANES == 8
#define MIX(a, b, ...) __builtin_shufflevector(a, b, FOUR(0, __VA_ARGS__), FOUR(1, __VA_ARGS__))
#else
#define MIX(a, b, ...)                                                                             \
    __builtin_shufflevector(a, b, FOUR(0, __VA_ARGS__), FOUR(1, __VA_ARGS__),                      \
                            FOUR(2, __VA_ARGS__), FOUR(3, __VA_ARGS__))
#endif

/* Four features of LANES rows, a feature a vector. */
INLINE void load_columns(const float *at, size_t stride, lanes *ret)
{
    lanes rows[QUAD];
    lanes low0, high0, low1, high1;

    load_rows(at, stride, rows);
    low0 = MIX(rows[0], rows[1], 0, 4, 1, 5);
    high0 = MIX(rows[0], rows[1], 2, 6, 3, 7);
    low1 = MIX(rows[2], rows[3], 0, 4, 1, 5);
    high1 = MIX(rows[2], rows[3], 2, 6, 3, 7);
    ret[0] = MIX(low0, low1, 0, 1, 4, 5);
    ret[1] = MIX(low0, low1, 2, 3, 6, 7);
    ret[2] = MIX(high0, high1, 0, 1, 4, 5);
    ret[3] = MIX(high0, high1, 2, 3, 6, 7);
}

/* Four features of `groups` times LANES rows to their sums of `n` outputs. */
INLINE void add_columns(int groups, int n, const struct linear_sum *sum, const float *w,
                        const float *x, size_t stride, lanes *sums)
{
    EACH(g, groups)
    {
        lanes v[QUAD];

        load_columns(x + (size_t)(g * LANES) * stride, stride, v);
        EACH(j, QUAD)
        EACH(o, n) sums[g * n + o] += v[j] * all(w[(size_t)j * sum->outputs + (size_t)o]);
    }
}

/* Whether rows compete for the same few places of the first cache, which throws them out before a
 * line was used up: where they are about a multiple of 1024 bytes apart. */
INLINE bool crowded(size_t stride)
{
    return (stride + 8) % 256 <= 16;
}

/* Sums of `groups` times LANES rows and of `n` outputs from `output` on. */
INLINE void sum_columns(int groups, int n, const struct linear_sum *sum, size_t output,
                        const float *x, size_t stride, float *z, size_t z_stride)
{
    lanes sums[GROUPS * 3 > MOST ? GROUPS * 3 : MOST];
    const float *w = sum->weights + output;
    size_t f = 0;

    EACH(i, groups * n) sums[i] = all(0);
    for (; crowded(stride) && f + COPIED <= sum->features; f += COPIED) {
        float copy[GROUPS * LANES][COPIED + LANES];

        for (size_t row = 0; row < (size_t)groups * LANES; row++)
            memcpy(copy[row], x + row * stride + f, COPIED * sizeof(float));
        for (size_t i = 0; i < COPIED; i += QUAD, w += QUAD * sum->outputs)
            add_columns(groups, n, sum, w, copy[0] + i, COPIED + LANES, sums);
    }
    for (; f + QUAD <= sum->features; f += QUAD, w += QUAD * sum->outputs)
        add_columns(groups, n, sum, w, x + f, stride, sums);
    for (; f < sum->features; f++, w += sum->outputs) {
        EACH(g, groups)
        {
            lanes v;

            EACH(l, LANES) v[l] = x[(size_t)(g * LANES + l) * stride + f];
            EACH(o, n) sums[g * n + o] += v * all(w[o]);
        }
    }
    EACH(g, groups)
    {
        EACH(o, n)
        {
            lanes done = settle(sums[g * n + o], all(sum->bias[output + (size_t)o]));
            float *to = z + (size_t)(g * LANES) * z_stride + output + (size_t)o;

            EACH(l, LANES) to[(size_t)l * z_stride] = done[l];
        }
    }
}

/* All rows: the last ones overlap those before them rather than being fewer. */
INLINE void sum_rows(int groups, int n, const struct linear_sum *sum, size_t output,
                     const struct linear_dense *dense, const struct linear_sums *ret)
{
    size_t step = (size_t)groups * LANES;
    size_t row = 0;

    for (; row + step <= dense->rows; row += step)
        sum_columns(groups, n, sum, output, dense->x + row * dense->stride, dense->stride,
                    ret->z + row * ret->stride, ret->stride);
    for (; row < dense->rows; row += LANES) {
        if (row + LANES > dense->rows)
            row = dense->rows - LANES;
        sum_columns(1, n, sum, output, dense->x + row * dense->stride, dense->stride,
                    ret->z + row * ret->stride, ret->stride);
    }
}

#define ROWS_OF(groups, n)                                                                         \
    static void rows_of_##n(const struct linear_sum *sum, size_t output,                           \
                            const struct linear_dense *dense, const struct linear_sums *ret)       \
    {                                                                                              \
        sum_rows(groups, n, sum, output, dense, ret);                                              \
    }
ROWS_OF(GROUPS, 1)
ROWS_OF(GROUPS, 2)
ROWS_OF(GROUPS, 3)
ROWS_OF(1, 4)
ROWS_OF(1, 5)
ROWS_OF(1, 6)
#if MOST > 6
ROWS_OF(1, 7)
ROWS_OF(1, 8)
#endif
#if MOST > 8
ROWS_OF(1, 9)
ROWS_OF(1, 10)
ROWS_OF(1, 11)
ROWS_OF(1, 12)
#endif

static void (*const rows_of[MOST])(const struct linear_sum *sum, size_t output,
                                   const struct linear_dense *dense,
                                   const struct linear_sums *ret) = {
    rows_of_1, rows_of_2,  rows_of_3,  rows_of_4,  rows_of_5, rows_of_6,
#if MOST > 6
    rows_of_7, rows_of_8,
#endif
#if MOST > 8
    rows_of_9, rows_of_10, rows_of_11, rows_of_12,
#endif
};

static void by_rows(const struct linear_sum *sum, const struct linear_dense *dense,
                    const struct linear_sums *ret)
{
    rows_of[sum->outputs - 1](sum, 0, dense, ret);
}

/* Where the weights of a feature are that may be read a vector at a time. */
INLINE const float *weights_of(const struct linear_sum *sum, size_t feature, size_t output)
{
    const float *from = feature < sum->safe ? sum->weights + feature * sum->outputs
                                            : sum->tail + (feature - sum->safe) * sum->outputs;

    return from + output;
}

/* A part of the features of a tile. */
struct part {
    size_t from, to;
    bool first, last;
};

/* Sums of `rows` rows and `n` vectors of outputs from `output` on, of which `count` numbers are
 * outputs. Between parts sums wait where the result will be. */
INLINE void sum_tile(int rows, int n, const struct linear_sum *sum, size_t output, size_t count,
                     const struct part *part, const float *x, size_t stride, float *z,
                     size_t z_stride)
{
    lanes sums[TILE_ROWS * TILE_VECTORS];
    size_t f = part->from;

#define LEFT(o) (count - (size_t)(o)*LANES) /* only the last vector may be in part outputs */
    EACH(r, rows)
    {
        EACH(o, n)
        {
            const float *at = z + (size_t)r * z_stride + (size_t)(o * LANES);

            sums[r * n + o] = part->first ? all(0) : load_some(at, LEFT(o));
        }
    }
    while (f < part->to) {
        size_t to = part->to > sum->safe && f < sum->safe ? sum->safe : part->to;
        const float *w = weights_of(sum, f, output);

        for (; f < to; f++, w += sum->outputs) {
            lanes v[TILE_VECTORS];

            EACH(o, n) v[o] = load(w + o * LANES);
            EACH(r, rows)
            {
                lanes factor = all(x[(size_t)r * stride + f]);

                EACH(o, n) sums[r * n + o] += factor * v[o];
            }
        }
    }
    EACH(r, rows)
    {
        EACH(o, n)
        {
            lanes v = sums[r * n + o];

            if (part->last)
                v = settle(v, load_some(sum->bias + output + o * LANES, LEFT(o)));
            store_some(z + (size_t)r * z_stride + (size_t)(o * LANES), v, LEFT(o));
        }
    }
}

/* All rows of a block, for a part of the features. */
INLINE void sum_tiles(int n, const struct linear_sum *sum, size_t output, size_t count,
                      const struct part *part, const struct linear_dense *dense,
                      const struct linear_sums *ret)
{
    const float *x = dense->x;
    float *z = ret->z + output;
    size_t left = dense->rows;

#define TILES(rows)                                                                                \
    for (; left >= (rows); left -= (rows)) {                                                       \
        sum_tile(rows, n, sum, output, count, part, x, dense->stride, z, ret->stride);             \
        x += (rows)*dense->stride;                                                                 \
        z += (rows)*ret->stride;                                                                   \
    }
#if TILE_ROWS > 4
    TILES(8)
#endif
    TILES(4)
    TILES(2)
    TILES(1)
}

#define TILES_OF(n)                                                                                \
    static void tiles_of_##n(const struct linear_sum *sum, size_t output, size_t count,            \
                             const struct part *part, const struct linear_dense *dense,            \
                             const struct linear_sums *ret)                                        \
    {                                                                                              \
        sum_tiles(n, sum, output, count, part, dense, ret);                                        \
    }
TILES_OF(1)
TILES_OF(2)

static void (*const tiles_of[TILE_VECTORS])(const struct linear_sum *sum, size_t output,
                                            size_t count, const struct part *part,
                                            const struct linear_dense *dense,
                                            const struct linear_sums *ret) = {
    tiles_of_1,
    tiles_of_2,
};

static void sum_block(const struct linear_sum *sum, const struct linear_dense *dense,
                      const struct linear_sums *ret)
{
    size_t vectors;

    for (size_t output = 0; output < sum->outputs; output += vectors * LANES) {
        size_t count = sum->outputs - output;
        struct part part = {.to = 0, .first = true};

        vectors = (count + LANES - 1) / LANES;
        if (vectors > TILE_VECTORS)
            vectors = TILE_VECTORS;
        do {
            part.from = part.to;
            part.to += TILE_BYTES / (vectors * LANES * sizeof(float));
            if (part.to > sum->features)
                part.to = sum->features;
            part.last = part.to == sum->features;
            tiles_of[vectors - 1](sum, output, count, &part, dense, ret);
            part.first = false;
        } while (!part.last);
    }
}

static void by_outputs(const struct linear_sum *sum, const struct linear_dense *dense,
                       const struct linear_sums *ret)
{
    for (size_t row = 0; row < dense->rows; row += BLOCK_ROWS) {
        struct linear_dense block = *dense;
        struct linear_sums to = *ret;

        block.x += row * dense->stride;
        block.rows = dense->rows - row < BLOCK_ROWS ? dense->rows - row : BLOCK_ROWS;
        to.z += row * ret->stride;
        sum_block(sum, &block, &to);
    }
}

/* One row, `n` vectors of outputs. */
INLINE void sum_sparse(int n, const struct linear_sum *sum, size_t output,
                       const struct matrix *matrix, size_t row, float *z)
{
    size_t count = sum->outputs - output;
    size_t end = linear_row_end(sum, matrix, row);
    lanes sums[SPARSE_MOST];

    EACH(o, n) sums[o] = all(0);
    for (size_t i = matrix->row_start[row]; i < end; i++) {
        const float *w = weights_of(sum, matrix->column[i], output);
        lanes factor = all(matrix->values[i]);

        EACH(o, n) sums[o] += factor * load(w + o * LANES);
    }
    EACH(o, n)
    store_some(z + o * LANES, settle(sums[o], load_some(sum->bias + output + o * LANES, LEFT(o))),
               LEFT(o));
}

static void sparse_row(const struct linear_sum *sum, const struct matrix *matrix, size_t row,
                       float *z)
{
    size_t output = 0;

    for (; sum->outputs - output > 3 * LANES; output += 4 * LANES) {
        sum_sparse(4, sum, output, matrix, row, z + output);
        if (sum->outputs - output <= 4 * LANES)
            return;
    }
    if (sum->outputs - output > 2 * LANES)
        sum_sparse(3, sum, output, matrix, row, z + output);
    else if (sum->outputs - output > LANES)
        sum_sparse(2, sum, output, matrix, row, z + output);
    else
        sum_sparse(1, sum, output, matrix, row, z + output);
}

typedef lanes chain;

INLINE chain chain_begin(void)
{
    return all(0);
}

INLINE chain chain_step(chain sums, const struct linear_sum *sum, float value, size_t column)
{
    return sums + all(value) * load(weights_of(sum, column, 0));
}

INLINE void chain_end(chain sums, const struct linear_sum *sum, float *z)
{
    store_some(z, settle(sums, load_some(sum->bias, sum->outputs)), sum->outputs);
}

#include "algorithms/linear_chains.h"

static void sparse(const struct linear_sum *sum, const struct matrix *matrix,
                   const struct linear_sums *ret)
{
    if (sum->outputs <= LANES) {
        sum_chains(sum, matrix, ret);
        return;
    }
    for (size_t row = 0; row < matrix->rows; row++)
        sparse_row(sum, matrix, row, ret->z + row * ret->stride);
}
