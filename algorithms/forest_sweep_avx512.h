#pragma once
/*
 * What the sweep's two files for AVX-512 share: vectors of 64 bytes, answers in mask registers, and
 * ranks.
 */

static inline vec vec_load(const uint8_t *at)
{
    return _mm512_load_si512(at);
}

static inline void vec_store(uint8_t *at, vec v)
{
    _mm512_store_si512(at, v);
}

static inline vec vec_all(uint8_t byte)
{
    return _mm512_set1_epi8((char)byte);
}

/* The level comes first so that the bytes need no load of their own. */
static inline mask vec_reaches(vec level, const uint8_t *at)
{
    return _mm512_cmple_epu8_mask(level, _mm512_load_si512(at));
}

static inline vec vec_pick(mask right, vec left_number, vec right_number)
{
    return _mm512_mask_blend_epi8(right, left_number, right_number);
}

static inline vec vec_count(mask right, uint8_t n)
{
    return _mm512_mask_sub_epi8(vec_all(n), right, vec_all(n), vec_all(255));
}

static inline vec vec_add(mask right, vec v, uint8_t n)
{
    return _mm512_mask_add_epi8(v, right, v, vec_all(n));
}

static inline vec vec_or(vec a, vec b)
{
    return _mm512_or_si512(a, b);
}

static inline vec vec_xor(vec a, vec b)
{
    return _mm512_xor_si512(a, b);
}

static inline mask vec_has(const uint8_t bits[32], vec codes)
{
    const vec powers = _mm512_set1_epi64((long long)0x8040201008040201u);
    vec byte = _mm512_and_si512(_mm512_srli_epi16(codes, 3), vec_all(31));
    vec bit = _mm512_shuffle_epi8(powers, _mm512_and_si512(codes, vec_all(7)));
    __m128i first = _mm_loadu_si128((const __m128i *)(const void *)bits);
    __m128i second = _mm_loadu_si128((const __m128i *)(const void *)(bits + 16));
    /* a shuffle looks at the lower four bits of a place, and at its highest */
    vec set = _mm512_mask_blend_epi8(_mm512_test_epi8_mask(byte, vec_all(16)),
                                     _mm512_shuffle_epi8(_mm512_broadcast_i32x4(first), byte),
                                     _mm512_shuffle_epi8(_mm512_broadcast_i32x4(second), byte));

    return _mm512_test_epi8_mask(set, bit);
}

/*
 * Ranks by a heap (enum forest_rank_tables). The first four levels are one register, the next one
 * another, and from then on a level has twice the registers of the one before. What is found in a
 * register or two depends on the lowest four or five bits of the node.
 */
struct heap {
    __m512 levels_0_to_3;
    __m512 level_4;
    __m512 level_5[2];
    __m512 level_6[4];
    __m512 level_7[8];
};

static inline void load_level(__m512 *ret, const float *table, unsigned registers)
{
    for (unsigned i = 0; i < registers; i++)
        ret[i] = _mm512_load_ps(table + 16 * (registers + i));
}

static inline __attribute__((always_inline)) struct heap load_heap(const float *table,
                                                                   unsigned levels)
{
    struct heap heap = {.levels_0_to_3 = _mm512_load_ps(table)};

    if (levels > 4)
        load_level(&heap.level_4, table, 1);
    if (levels > 5)
        load_level(heap.level_5, table, 2);
    if (levels > 6)
        load_level(heap.level_6, table, 4);
    if (levels > 7)
        load_level(heap.level_7, table, 8);
    return heap;
}

/* Of four registers. */
static inline __m512 look_up_64(const __m512 *level, __m512i node)
{
    __mmask16 second = _mm512_test_epi32_mask(node, _mm512_set1_epi32(32));

    return _mm512_mask_blend_ps(second, _mm512_permutex2var_ps(level[0], node, level[1]),
                                _mm512_permutex2var_ps(level[2], node, level[3]));
}

static inline __m512 look_up(const struct heap *heap, unsigned level, __m512i node)
{
    if (level < 4)
        return _mm512_permutexvar_ps(node, heap->levels_0_to_3);
    if (level == 4)
        return _mm512_permutexvar_ps(node, heap->level_4);
    if (level == 5)
        return _mm512_permutex2var_ps(heap->level_5[0], node, heap->level_5[1]);
    if (level == 6)
        return look_up_64(heap->level_6, node);
    return _mm512_mask_blend_ps(_mm512_test_epi32_mask(node, _mm512_set1_epi32(64)),
                                look_up_64(heap->level_7, node),
                                look_up_64(heap->level_7 + 4, node));
}

/* `levels` is a constant where this is inlined. */
static inline __attribute__((always_inline)) void
rank_levels(const float *table, unsigned levels, const float *x, size_t rows, uint8_t *ret)
{
    const __m512i one = _mm512_set1_epi32(1);
    struct heap heap = load_heap(table, levels);

    for (size_t r = 0; r < rows; r += 64) {
        __m512i node[4];

        for (int v = 0; v < 4; v++)
            node[v] = one;
#pragma GCC unroll 8
        for (unsigned level = 0; level < levels; level++) {
#pragma GCC unroll 4
            for (int v = 0; v < 4; v++) {
                __mmask16 reached = _mm512_cmp_ps_mask(_mm512_load_ps(x + r + 16 * v),
                                                       look_up(&heap, level, node[v]), _CMP_GE_OQ);

                node[v] = _mm512_add_epi32(node[v], node[v]);
                node[v] = _mm512_mask_add_epi32(node[v], reached, node[v], one);
            }
        }
        for (int v = 0; v < 4; v++) { /* less 2^levels: what is left of 256 is cut off */
            node[v] = _mm512_sub_epi32(node[v], _mm512_set1_epi32(1 << levels));
            _mm_store_si128((__m128i *)(void *)(ret + r + 16 * v), _mm512_cvtepi32_epi8(node[v]));
        }
    }
}

static void rank_rows(const struct forest_sweep_rank *rank, const struct forest_ranked *ranked,
                      const struct forest_sweep *sweep, const float *x, size_t rows, uint8_t *ret)
{
    const float *table = sweep->rank_tables + rank->table;

    (void)ranked;
    switch (rank->levels) {
    case 4:
        rank_levels(table, 4, x, rows, ret);
        break;
    case 5:
        rank_levels(table, 5, x, rows, ret);
        break;
    case 6:
        rank_levels(table, 6, x, rows, ret);
        break;
    case 7:
        rank_levels(table, 7, x, rows, ret);
        break;
    default:
        rank_levels(table, 8, x, rows, ret);
    }
}

/* A 16 x 16 matrix, its rows and columns exchanged. */
static inline void transpose(__m512 *m)
{
    __m512 t[16];

    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_ps(m[i], m[i + 1]);
        t[i + 1] = _mm512_unpackhi_ps(m[i], m[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        for (int k = 0; k < 2; k++) {
            __m512d low = _mm512_castps_pd(t[i + k]), high = _mm512_castps_pd(t[i + k + 2]);

            m[i + 2 * k] = _mm512_castpd_ps(_mm512_unpacklo_pd(low, high));
            m[i + 2 * k + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low, high));
        }
    }
    for (int i = 0; i < 16; i += 8) {
        for (int k = 0; k < 4; k++) {
            t[i + k] = _mm512_shuffle_f32x4(m[i + k], m[i + k + 4], 0x88);
            t[i + k + 4] = _mm512_shuffle_f32x4(m[i + k], m[i + k + 4], 0xdd);
        }
    }
    for (int k = 0; k < 8; k++) {
        m[k] = _mm512_shuffle_f32x4(t[k], t[k + 8], 0x88);
        m[k + 8] = _mm512_shuffle_f32x4(t[k], t[k + 8], 0xdd);
    }
}

/* See forest_sweep_fill.h; at most 16 features. Behind the last row it stands again. */
static void lay_out(const float *x, size_t stride, size_t features, size_t rows,
                    float (*ret)[FOREST_SWEEP_ROWS])
{
    __mmask16 there = (__mmask16)((1u << features) - 1);

    for (size_t first = 0; first < rows; first += 16) {
        __m512 m[16];

        for (size_t r = 0; r < 16; r++) {
            size_t row = first + r < rows ? first + r : rows - 1;

            m[r] = _mm512_maskz_loadu_ps(there, x + row * stride);
        }
        transpose(m);
        for (size_t k = 0; k < features; k++)
            _mm512_store_ps(ret[k] + first, m[k]);
    }
}
