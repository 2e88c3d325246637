#pragma once
/*
 * Ranks (forest_columns.h): the search tree of a feature, 16 comparisons at a time. For files that
 * are compiled for an instruction set of their own.
 */

#include "algorithms/forest_columns.h"

#if defined(__AVX512F__)

#include <immintrin.h>

/* How many of 16 numbers are at most x; 0 for NaN. */
static inline uint32_t forest_count16(const float *numbers, float x)
{
    __mmask16 reached = _mm512_cmp_ps_mask(_mm512_set1_ps(x), _mm512_load_ps(numbers), _CMP_GE_OQ);

    return (uint32_t)__builtin_popcount(reached);
}

#elif defined(__AVX2__)

#include <immintrin.h>

static inline uint32_t forest_reached8(const float *numbers, __m256 x)
{
    __m256 reached = _mm256_cmp_ps(x, _mm256_load_ps(numbers), _CMP_GE_OQ);

    return (uint32_t)_mm256_movemask_ps(reached);
}

static inline uint32_t forest_count16(const float *numbers, float x)
{
    __m256 all = _mm256_set1_ps(x);

    return (uint32_t)__builtin_popcount(forest_reached8(numbers, all) |
                                        forest_reached8(numbers + 8, all) << 8);
}

#elif defined(__ARM_NEON)

#include <arm_neon.h>

static inline uint32_t forest_count16(const float *numbers, float x)
{
    float32x4_t all = vdupq_n_f32(x);
    uint32x4_t first =
        vaddq_u32(vcgeq_f32(all, vld1q_f32(numbers)), vcgeq_f32(all, vld1q_f32(numbers + 4)));
    uint32x4_t second =
        vaddq_u32(vcgeq_f32(all, vld1q_f32(numbers + 8)), vcgeq_f32(all, vld1q_f32(numbers + 12)));

    return 0 - vaddvq_u32(vaddq_u32(first, second)); /* a true is -1 */
}

#endif

/* How many of the feature's thresholds are at most x; 0 for NaN. */
static inline uint32_t forest_rank(const struct forest_ranked *ranked, const float *search, float x)
{
    size_t at = forest_count16(search + ranked->level[0], x);

    if (ranked->depth == 2) /* nearly always, if it is not 1 */
        return (uint32_t)at * 16 + forest_count16(search + ranked->level[1] + at * 16, x);
    for (uint32_t d = 1; d < ranked->depth; d++)
        at = at * 16 + forest_count16(search + ranked->level[d] + at * 16, x);
    return (uint32_t)at;
}
