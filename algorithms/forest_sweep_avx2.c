/*
 * The sweep with 32 rows a vector. Bytes are compared as signed ones, so columns and levels have
 * their highest bit flipped; an answer is a byte, all ones where the row goes left. Leaves are
 * looked up one by one: a gather takes as long here, and on processors that guard against what
 * gathers reveal many times longer.
 */
#include "algorithms/forest_sweep.h"

#include <immintrin.h>

#define SWEEP_KERNEL     forest_sweep_avx2
#define SWEEP_NAME       "sweep-avx2"
#define SWEEP_LEAF_BYTES false
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

#include "algorithms/forest_sweep_template.h"
