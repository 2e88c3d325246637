#pragma once
/*
 * One cell by itself, for the levels that have AVX2: an exponent, or digits that are too many for
 * several cells at once.
 */

#include <immintrin.h>

#include "base/number_cells_internal.h"
#include "base/number_round.h"

/* A cell without its sign: digits and a point, then e[sign]digits or nothing. */
struct cell_parts {
    const char *text;
    const char *end;  /* of digits and point */
    const char *stop; /* the point, or end */
    int exponent;
};

/* Takes an exponent of up to four digits from the end, if there is one. */
static inline void take_exponent(struct cell_parts *parts)
{
    const char *p = parts->end;
    int value = 0, ten = 1;
    bool negative;

    for (; p != parts->text && parts->end - p < 4 && (uint8_t)(p[-1] - '0') < 10; ten *= 10)
        value += ten * (*--p - '0');
    if (p == parts->end || p == parts->text)
        return;
    negative = p[-1] == '-';
    p -= negative || p[-1] == '+';
    if (p == parts->text || (p[-1] | 0x20) != 'e')
        return;
    parts->end = p - 1;
    parts->exponent = negative ? -value : value;
    if (parts->stop > parts->end)
        parts->stop = parts->end;
}

/* The number that digits and point are without the point, nearly: see number_cells_decided. False
 * where they are none, or in more than 32 bytes. */
static inline bool join_parts(const struct cell_parts *parts, double *ret)
{
    const __m256i position =
        _mm256_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20,
                         21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31);
    const __m256d weights = _mm256_setr_pd(1e24, 1e16, 1e8, 1);
    size_t size = (size_t)(parts->end - parts->text);
    int pointed = parts->stop != parts->end;
    /* in the 32 bytes that end with the digits; those before the point go up over it */
    int first = 32 - (int)size + pointed,
        point = pointed ? 32 - (int)(parts->end - parts->stop) : -1;
    __m256i digits, moved, pairs;
    __m128i eights;
    __m256d value;
    __m128d half;

    if (size - 1 > 31 || first == 32)
        return false;
    digits = _mm256_loadu_si256((const __m256i *)(const void *)(parts->end - 32));
    moved = _mm256_loadu_si256((const __m256i *)(const void *)(parts->end - 33));
    digits = _mm256_blendv_epi8(moved, digits,
                                _mm256_cmpgt_epi8(position, _mm256_set1_epi8((char)point)));
    digits = _mm256_sub_epi8(digits, _mm256_set1_epi8('0'));
    digits =
        _mm256_and_si256(digits, _mm256_cmpgt_epi8(position, _mm256_set1_epi8((char)(first - 1))));
    if (_mm256_movemask_epi8(
            _mm256_cmpeq_epi8(_mm256_min_epu8(digits, _mm256_set1_epi8(9)), digits)) != -1)
        return false;
    pairs = _mm256_maddubs_epi16(digits, _mm256_set1_epi16(1 << 8 | 10));
    pairs = _mm256_madd_epi16(pairs, _mm256_set1_epi32(1 << 16 | 100));
    eights = _mm_packus_epi32(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1));
    eights = _mm_madd_epi16(eights, _mm_set1_epi32(1 << 16 | 10000));
    value = _mm256_mul_pd(_mm256_cvtepi32_pd(eights), weights);
    half = _mm_add_pd(_mm256_castpd256_pd128(value), _mm256_extractf128_pd(value, 1));
    *ret = _mm_cvtsd_f64(_mm_add_sd(half, _mm_unpackhi_pd(half, half)));
    return true;
}

/* As number_cells_convert_one, which it leaves the rest to. */
static inline bool convert_one(struct number_cells *cells, size_t cell, float *ret_value)
{
    const char *text = cells->copy + number_cells_start(cells, cell);
    bool negative = *text == '-';
    struct cell_parts parts = {
        .text = text + (negative || *text == '+'),
        .end = cells->copy + cells->ends[cell + 1],
        .stop = cells->copy + cells->stops[cell],
    };
    long power;
    double value;

    if (number_cells_bit(cells->odd, cell)) {
        if (cells->list)
            return false;
        take_exponent(&parts);
    }
    if (parts.text >= parts.end)
        goto other;
    if (!join_parts(&parts, &value))
        goto other;
    power = parts.exponent;
    if (parts.stop != parts.end)
        power -= parts.end - parts.stop - 1;
    if (power < -22 || power > 22)
        goto other;
    value = power < 0 ? value / number_double_tens[-power] : value * number_double_tens[power];
    if (value > 1e38 || !number_cells_decided(value))
        goto other;
    *ret_value = (float)number_signed(value, negative);
    return true;
other:
    return number_cells_convert_one(cells, cell, ret_value);
}
