/*
 * The sweep with 16 rows a vector, for AArch64, which always has these instructions. Leaves of up
 * to 64 are looked up as bytes: a table of 64 bytes is four registers, so the four bytes of 16
 * rows' leaves come from tables of the lowest bytes, the second ones and so on, and are
 * interleaved.
 */
#include "algorithms/forest_sweep.h"

#include <arm_neon.h>

#include "algorithms/forest_count16.h"

#define SWEEP_KERNEL     forest_sweep_neon
#define SWEEP_NAME       "sweep-neon"
#define SWEEP_LEAF_BYTES true
#define SWEEP_RANKS      FOREST_RANK_SEARCH
#define SWEEP_CUT        7
#define SWEEP_FLIP       0
#define GROUPS           4
#define GROUPS_FEW       1
#define VEC              16
#define PLACE(row)       (row)

typedef uint8x16_t vec;
typedef uint8x16_t mask;

static inline vec vec_load(const uint8_t *at)
{
    return vld1q_u8(at);
}

static inline void vec_store(uint8_t *at, vec v)
{
    vst1q_u8(at, v);
}

static inline vec vec_all(uint8_t byte)
{
    return vdupq_n_u8(byte);
}

static inline mask vec_reaches(vec level, const uint8_t *at)
{
    return vcgeq_u8(vld1q_u8(at), level);
}

static inline vec vec_pick(mask right, vec left_number, vec right_number)
{
    return vbslq_u8(right, right_number, left_number);
}

static inline vec vec_count(mask right, uint8_t n)
{
    return vsubq_u8(vdupq_n_u8(n), right);
}

static inline vec vec_add(mask right, vec v, uint8_t n)
{
    return vaddq_u8(v, vandq_u8(right, vdupq_n_u8(n)));
}

static inline vec vec_or(vec a, vec b)
{
    return vorrq_u8(a, b);
}

static inline vec vec_xor(vec a, vec b)
{
    return veorq_u8(a, b);
}

static inline vec vec_in_place(vec v)
{
    return v;
}

static inline mask vec_has(const uint8_t bits[32], vec codes)
{
    static const uint8_t powers[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    uint8x16x2_t table = {{vld1q_u8(bits), vld1q_u8(bits + 16)}};
    vec bit = vqtbl1q_u8(vld1q_u8(powers), vandq_u8(codes, vdupq_n_u8(7)));

    return vtstq_u8(vqtbl2q_u8(table, vshrq_n_u8(codes, 3)), bit);
}

/* One of the four tables, 64 bytes for each block of leaves. Beyond its table a number finds
 * nothing, and what an earlier block found stays. */
static inline vec leaf_bytes(const uint8_t *table, unsigned blocks, vec n)
{
    vec found = vqtbl4q_u8(vld1q_u8_x4(table), n);

    for (unsigned block = 1; block < blocks; block++) {
        n = vsubq_u8(n, vdupq_n_u8(64));
        found = vqtbx4q_u8(found, vld1q_u8_x4(table + (size_t)block * 64), n);
    }
    return found;
}

static inline void add_4(float *sums, uint16x8_t leaves)
{
    vst1q_f32(sums, vaddq_f32(vld1q_f32(sums), vreinterpretq_f32_u16(leaves)));
}

static inline void add_leaves(const float *leaves, unsigned blocks, vec n, float *sums)
{
    const uint8_t *table = (const uint8_t *)(const void *)leaves;
    size_t size = 64 * (size_t)blocks;
    vec byte0 = leaf_bytes(table, blocks, n);
    vec byte1 = leaf_bytes(table + size, blocks, n);
    vec byte2 = leaf_bytes(table + 2 * size, blocks, n);
    vec byte3 = leaf_bytes(table + 3 * size, blocks, n);
    uint8x16x2_t low = vzipq_u8(byte0, byte1);
    uint8x16x2_t high = vzipq_u8(byte2, byte3);

    for (int half = 0; half < 2; half++) {
        uint16x8x2_t both =
            vzipq_u16(vreinterpretq_u16_u8(low.val[half]), vreinterpretq_u16_u8(high.val[half]));

        add_4(sums + 8 * half, both.val[0]);
        add_4(sums + 8 * half + 4, both.val[1]);
    }
}

static void rank_rows(const struct forest_sweep_rank *rank, const struct forest_ranked *ranked,
                      const struct forest_sweep *sweep, const float *x, size_t rows, uint8_t *ret)
{
    (void)rank;
    for (size_t r = 0; r < rows; r++)
        ret[r] = (uint8_t)forest_rank(ranked, sweep->columns->search, x[r]);
}

#include "algorithms/forest_lay_out.h"
#include "algorithms/forest_sweep_template.h"
