/*
 * The sweep with 32 rows a vector. Bytes are compared as signed ones, so columns and levels have
 * their highest bit flipped; an answer is a byte, all ones where the row goes left. Leaves are
 * looked up one by one: a gather takes as long here, and on processors that guard against what
 * gathers reveal many times longer.
 */
#include "algorithms/forest_count16.h"
#include "algorithms/forest_sweep.h"

#include <immintrin.h>

#define SWEEP_KERNEL     forest_sweep_avx2
#define SWEEP_NAME       "sweep-avx2"
#define SWEEP_LEAF_BYTES false
#define SWEEP_RANKS      FOREST_RANK_EIGHTS
#define SWEEP_CUT        7
#define SWEEP_FLIP       0x80
#define GROUPS           4
#define GROUPS_FEW       1
#define VEC              32
#define PLACE(row)       (row)

typedef __m256i vec;
typedef __m256i mask;

static inline vec vec_load(const uint8_t *at)
{
    return _mm256_load_si256((const __m256i *)(const void *)at);
}

static inline void vec_store(uint8_t *at, vec v)
{
    _mm256_store_si256((__m256i *)(void *)at, v);
}

static inline vec vec_all(uint8_t byte)
{
    return _mm256_set1_epi8((char)byte);
}

static inline mask vec_reaches(vec level, const uint8_t *at)
{
    return _mm256_cmpgt_epi8(level, vec_load(at));
}

static inline vec vec_pick(mask left, vec left_number, vec right_number)
{
    return _mm256_blendv_epi8(right_number, left_number, left);
}

static inline vec vec_count(mask left, uint8_t n)
{
    return _mm256_add_epi8(vec_all((uint8_t)(n + 1)), left);
}

static inline vec vec_add(mask left, vec v, uint8_t n)
{
    return _mm256_add_epi8(v, _mm256_andnot_si256(left, vec_all(n)));
}

static inline vec vec_or(vec a, vec b)
{
    return _mm256_or_si256(a, b);
}

static inline vec vec_xor(vec a, vec b)
{
    return _mm256_xor_si256(a, b);
}

static inline vec vec_in_place(vec v)
{
    return v;
}

/* 16 bytes in both halves */
static inline vec both_halves(const uint8_t *bytes)
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)bytes));
}

static inline mask vec_has(const uint8_t bits[32], vec codes)
{
    const vec powers = _mm256_set1_epi64x((long long)0x8040201008040201u);
    vec byte = _mm256_and_si256(_mm256_srli_epi16(codes, 3), vec_all(31));
    vec bit = _mm256_shuffle_epi8(powers, _mm256_and_si256(codes, vec_all(7)));
    /* a shuffle looks at the lower four bits of a place and at its highest, a blend at the highest
     */
    vec set = _mm256_blendv_epi8(_mm256_shuffle_epi8(both_halves(bits), byte),
                                 _mm256_shuffle_epi8(both_halves(bits + 16), byte),
                                 _mm256_slli_epi16(byte, 3));

    return _mm256_cmpeq_epi8(_mm256_and_si256(set, bit), vec_all(0));
}

static inline void add_leaves(const float *leaves, unsigned blocks, vec n, float *sums)
{
    uint8_t numbers[VEC] __attribute__((aligned(VEC)));

    (void)blocks;
    vec_store(numbers, n);
    for (int r = 0; r < VEC; r += 8) {
        const uint8_t *at = numbers + r;
        __m256 value = _mm256_setr_ps(leaves[at[0]], leaves[at[1]], leaves[at[2]], leaves[at[3]],
                                      leaves[at[4]], leaves[at[5]], leaves[at[6]], leaves[at[7]]);

        _mm256_store_ps(sums + r, _mm256_add_ps(_mm256_load_ps(sums + r), value));
    }
}

/* Ranks by a heap (enum forest_rank_tables): the first three levels are one register, the next one
 * another, the last one two. */
struct heap {
    __m256 levels_0_to_2;
    __m256 level_3;
    __m256 level_4[2];
};

static inline struct heap load_heap(const float *table, unsigned levels)
{
    struct heap heap = {.levels_0_to_2 = _mm256_load_ps(table)};

    if (levels > 3)
        heap.level_3 = _mm256_load_ps(table + 8);
    if (levels > 4) {
        heap.level_4[0] = _mm256_load_ps(table + 16);
        heap.level_4[1] = _mm256_load_ps(table + 24);
    }
    return heap;
}

static inline __m256 look_up(const struct heap *heap, unsigned level, __m256i node)
{
    __m256 second;

    if (level < 3)
        return _mm256_permutevar8x32_ps(heap->levels_0_to_2, node);
    if (level == 3)
        return _mm256_permutevar8x32_ps(heap->level_3, node);
    second = _mm256_castsi256_ps(_mm256_slli_epi32(node, 28)); /* bit 3, where a blend looks */
    return _mm256_blendv_ps(_mm256_permutevar8x32_ps(heap->level_4[0], node),
                            _mm256_permutevar8x32_ps(heap->level_4[1], node), second);
}

/* What the heap makes of 32 numbers, four vectors of eight. `levels` is a constant where this is
 * inlined. */
static inline __attribute__((always_inline)) void descend(const struct heap *heap, unsigned levels,
                                                          const float *x, __m256i *ret)
{
    for (int v = 0; v < 4; v++)
        ret[v] = _mm256_set1_epi32(1);
#pragma GCC unroll 8
    for (unsigned level = 0; level < levels; level++) {
#pragma GCC unroll 4
        for (int v = 0; v < 4; v++) {
            __m256 reached =
                _mm256_cmp_ps(_mm256_load_ps(x + 8 * v), look_up(heap, level, ret[v]), _CMP_GE_OQ);

            ret[v] =
                _mm256_sub_epi32(_mm256_add_epi32(ret[v], ret[v]), _mm256_castps_si256(reached));
        }
    }
    for (int v = 0; v < 4; v++)
        ret[v] = _mm256_sub_epi32(ret[v], _mm256_set1_epi32(1 << levels));
}

static inline __attribute__((always_inline)) void
rank_levels(const float *table, unsigned levels, const float *x, size_t rows, uint8_t *ret)
{
    const __m256i in_order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    struct heap heap = load_heap(table, levels);

    for (size_t r = 0; r < rows; r += 32) {
        __m256i rank[4];
        __m256i bytes;

        descend(&heap, levels, x + r, rank);
        /* packing goes half by half */
        bytes = _mm256_packus_epi16(_mm256_packus_epi32(rank[0], rank[1]),
                                    _mm256_packus_epi32(rank[2], rank[3]));
        vec_store(ret + r, _mm256_permutevar8x32_epi32(bytes, in_order));
    }
}

static void rank_eights(const float *table, const float *x, size_t rows, uint8_t *ret)
{
    const float *thresholds = table + 32;
    struct heap heap = load_heap(table, 5);

    for (size_t r = 0; r < rows; r += 32) {
        uint32_t eights[32] __attribute__((aligned(32)));
        __m256i found[4];

        descend(&heap, 5, x + r, found);
        for (int v = 0; v < 4; v++)
            _mm256_store_si256((__m256i *)(void *)(eights + 8 * v), _mm256_slli_epi32(found[v], 3));
#pragma GCC unroll 4
        for (size_t k = 0; k < 32; k++)
            ret[r + k] =
                (uint8_t)(eights[k] + (uint32_t)__builtin_popcount(forest_reached8(
                                          thresholds + eights[k], _mm256_set1_ps(x[r + k]))));
    }
}

static void rank_rows(const struct forest_sweep_rank *rank, const struct forest_ranked *ranked,
                      const struct forest_sweep *sweep, const float *x, size_t rows, uint8_t *ret)
{
    const float *table = sweep->rank_tables + rank->table;

    (void)ranked;
    if (rank->eights)
        rank_eights(table, x, rows, ret);
    else if (rank->levels == 3)
        rank_levels(table, 3, x, rows, ret);
    else if (rank->levels == 4)
        rank_levels(table, 4, x, rows, ret);
    else
        rank_levels(table, 5, x, rows, ret);
}

#include "algorithms/forest_lay_out.h"
#include "algorithms/forest_sweep_template.h"
