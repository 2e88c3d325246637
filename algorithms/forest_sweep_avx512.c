/*
 * The sweep with 64 rows a vector, for processors without permutations of bytes. Leaves of up to 64
 * are looked up in four vectors, 16 rows at a time; more of them one by one.
 */
#include "algorithms/forest_sweep.h"

#include <immintrin.h>

#define SWEEP_KERNEL     forest_sweep_avx512
#define SWEEP_NAME       "sweep-avx512"
#define SWEEP_LEAF_BYTES false
#define SWEEP_RANKS      FOREST_RANK_HEAP
#define SWEEP_CUT        8
#define SWEEP_FLIP       0
#define GROUPS           4
#define GROUPS_FEW       2
#define VEC              64
#define PLACE(row)       (row)

typedef __m512i vec;
typedef __mmask64 mask;

#include "algorithms/forest_sweep_avx512.h"

static inline vec vec_in_place(vec v)
{
    return v;
}

static inline __m512 leaves_of_64(const float *leaves, __m512i n)
{
    __m512 low = _mm512_permutex2var_ps(_mm512_load_ps(leaves), n, _mm512_load_ps(leaves + 16));
    __m512 high =
        _mm512_permutex2var_ps(_mm512_load_ps(leaves + 32), n, _mm512_load_ps(leaves + 48));

    return _mm512_mask_blend_ps(_mm512_test_epi32_mask(n, _mm512_set1_epi32(32)), low, high);
}

static inline void add_leaves(const float *leaves, unsigned blocks, vec n, float *sums)
{
    uint8_t numbers[VEC] __attribute__((aligned(64)));

    vec_store(numbers, n);
    if (blocks > 1) {
        for (int r = 0; r < VEC; r++)
            sums[r] += leaves[numbers[r]];
        return;
    }
    for (int r = 0; r < VEC; r += 16) {
        __m128i bytes = _mm_load_si128((const __m128i *)(const void *)(numbers + r));

        _mm512_store_ps(sums + r, _mm512_add_ps(_mm512_load_ps(sums + r),
                                                leaves_of_64(leaves, _mm512_cvtepu8_epi32(bytes))));
    }
}

#include "algorithms/forest_sweep_template.h"
