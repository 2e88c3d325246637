/*
 * The sweep with 64 rows a vector, and leaves looked up as bytes: vpermb finds 64 bytes in a table
 * of 64 at a time, so the four bytes of 64 rows' leaves come from tables of the lowest bytes, the
 * second ones and so on, and are interleaved. That leaves row 16 j + 4 k + m in the place of byte
 * 16 k + 4 j + m: columns have their rows in that order (PLACE), and the sums come out in the
 * rows' own.
 */
#include "algorithms/forest_sweep.h"

#include <immintrin.h>

#define SWEEP_KERNEL     forest_sweep_vbmi
#define SWEEP_NAME       "sweep-vbmi"
#define SWEEP_LEAF_BYTES true
#define SWEEP_RANKS      FOREST_RANK_HEAP
#define SWEEP_CUT        8
#define SWEEP_FLIP       0
#define GROUPS           4
#define GROUPS_FEW       2
#define VEC              64

typedef __m512i vec;
typedef __mmask64 mask;

#include "algorithms/forest_sweep_avx512.h"

#define PLACE(row)                                                                                 \
    (((row) & ~(size_t)63) | ((row) >> 2 & 3) << 4 | ((row) >> 4 & 3) << 2 | ((row)&3))

static inline vec vec_in_place(vec v)
{
    /* bytes as 16 groups of four rows, which change places as in a transposed 4 x 4 matrix */
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);

    return _mm512_permutexvar_epi32(order, v);
}

/* One of the four tables: 64 bytes for each block of leaves. */
static inline vec leaf_bytes(const uint8_t *table, unsigned blocks, vec n)
{
    const __m512i *t = (const __m512i *)(const void *)table;

    if (blocks == 1)
        return _mm512_permutexvar_epi8(n, t[0]);
    if (blocks == 2)
        return _mm512_permutex2var_epi8(t[0], n, t[1]);
    return _mm512_mask_blend_epi8(_mm512_movepi8_mask(n), _mm512_permutex2var_epi8(t[0], n, t[1]),
                                  _mm512_permutex2var_epi8(t[2], n, t[3]));
}

static inline void add_16(float *sums, vec leaves)
{
    _mm512_store_ps(sums, _mm512_add_ps(_mm512_load_ps(sums), _mm512_castsi512_ps(leaves)));
}

static inline void add_leaves(const float *leaves, unsigned blocks, vec n, float *sums)
{
    const uint8_t *table = (const uint8_t *)(const void *)leaves;
    size_t size = 64 * (size_t)blocks;
    vec byte0 = leaf_bytes(table, blocks, n);
    vec byte1 = leaf_bytes(table + size, blocks, n);
    vec byte2 = leaf_bytes(table + 2 * size, blocks, n);
    vec byte3 = leaf_bytes(table + 3 * size, blocks, n);
    vec low = _mm512_unpacklo_epi8(byte0, byte1);
    vec high = _mm512_unpacklo_epi8(byte2, byte3);

    add_16(sums, _mm512_unpacklo_epi16(low, high));
    add_16(sums + 16, _mm512_unpackhi_epi16(low, high));
    low = _mm512_unpackhi_epi8(byte0, byte1);
    high = _mm512_unpackhi_epi8(byte2, byte3);
    add_16(sums + 32, _mm512_unpacklo_epi16(low, high));
    add_16(sums + 48, _mm512_unpackhi_epi16(low, high));
}

#include "algorithms/forest_sweep_template.h"
