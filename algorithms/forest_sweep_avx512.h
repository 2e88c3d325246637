#pragma once
/*
 * What the sweep's two files for AVX-512 share: vectors of 64 bytes, and answers in mask registers.
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
