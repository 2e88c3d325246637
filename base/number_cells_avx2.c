/*
 * Cells with AVX2: 64 bytes in two registers, 16 cells in eight pairs, cell i beside cell i + 8.
 */
#include <immintrin.h>

#include "base/number_cells_internal.h"
#include "base/number_cells_one.h"

static inline uint64_t join_masks(__m256i low, __m256i high)
{
    return (uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high)
                                                     << 32;
}

static inline uint64_t equal_mask(__m256i low, __m256i high, char c)
{
    __m256i all = _mm256_set1_epi8(c);

    return join_masks(_mm256_cmpeq_epi8(low, all), _mm256_cmpeq_epi8(high, all));
}

static inline __m256i are_digits(__m256i v)
{
    __m256i digit = _mm256_sub_epi8(v, _mm256_set1_epi8('0'));

    return _mm256_cmpeq_epi8(_mm256_min_epu8(digit, _mm256_set1_epi8(9)), digit);
}

static inline struct chunk look_at(const char *text, char *copy, char delimiter)
{
    __m256i low = _mm256_loadu_si256((const __m256i *)(const void *)text);
    __m256i high = _mm256_loadu_si256((const __m256i *)(const void *)(text + 32));

    _mm256_storeu_si256((__m256i *)(void *)copy, low);
    _mm256_storeu_si256((__m256i *)(void *)(copy + 32), high);
    return (struct chunk){
        .delimiter = equal_mask(low, high, delimiter),
        .feed = equal_mask(low, high, '\n'),
        .returns = equal_mask(low, high, '\r'),
        .space = equal_mask(low, high, ' '),
        .point = equal_mask(low, high, '.'),
        .minus = equal_mask(low, high, '-'),
        .digit = join_masks(are_digits(low), are_digits(high)),
        .zero = equal_mask(low, high, '0'),
    };
}

/* Five without looking whether there are as many, which is hard to guess. */
static inline void put_positions(uint16_t *out, uint64_t mask, unsigned base)
{
    do {
#pragma GCC unroll 5
        for (int i = 0; i < 5; i++) {
            *out++ = (uint16_t)(base + _tzcnt_u64(mask));
            mask = _blsr_u64(mask);
        }
    } while (mask);
}

static inline uint64_t gather_bits(uint64_t bits, uint64_t mask)
{
    return _pext_u64(bits, mask);
}

#include "base/number_cells_index.h"

bool number_cells_index_avx2(struct number_cells *cells, size_t whole, size_t chunks, size_t wanted)
{
    return index_chunks(cells, whole, chunks, wanted);
}

/* So many cells of a group must be wide for all to be read as such. */
#define WIDE_MIN 4

/* 16 cells. Positions are those in the 32 bytes before a cell's end, after the digits before the
 * point went up over it. */
struct group {
    /* first in the lower eight bytes of each half, behind in the upper ones: the position of the
     * first digit; and the first one that is behind the digits that went up, 0 where none did */
    __m256i places;
    __m256i power;    /* digits behind the point */
    __m256i negative; /* all ones or 0 */
    __m256i empty;
    unsigned done; /* 1 to 15 digits, which a double holds, or empty */
    unsigned wide; /* 1 to 32 bytes, with a digit */
};

/* A lane of 16 bits for each bit, all ones or 0. */
static inline __m256i lanes_of(unsigned bits)
{
    const __m256i lane = _mm256_setr_epi16(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096,
                                           8192, 16384, INT16_MIN);
    __m256i all = _mm256_set1_epi16((short)bits);

    return _mm256_cmpeq_epi16(_mm256_and_si256(all, lane), lane);
}

static inline unsigned bits_of(__m256i lanes)
{
    return _pext_u32((unsigned)_mm256_movemask_epi8(lanes), 0x55555555);
}

static inline __m256i no_more_than(__m256i a, int b)
{
    return _mm256_cmpeq_epi16(_mm256_min_epu16(a, _mm256_set1_epi16((short)b)), a);
}

static inline struct group look_at_group(const struct number_cells *cells, size_t cell)
{
    const __m256i one = _mm256_set1_epi16(1), all = _mm256_set1_epi16(33);
    const uint16_t *before = cells->ends + cell;
    __m256i end = _mm256_loadu_si256((const __m256i *)(const void *)(before + 1));
    __m256i start = _mm256_loadu_si256((const __m256i *)(const void *)before);
    __m256i stop = _mm256_loadu_si256((const __m256i *)(const void *)(cells->stops + cell));
    __m256i skipped = lanes_of(number_cells_bits(cells->skipped, cell));
    __m256i size, whole, count, first, behind;
    struct group g;

    /* lanes of all ones are -1 */
    g.negative = lanes_of(number_cells_bits(cells->negative, cell));
    start = _mm256_sub_epi16(_mm256_add_epi16(start, one), skipped);
    g.empty = _mm256_cmpeq_epi16(end, start);
    size = _mm256_add_epi16(_mm256_sub_epi16(end, start), g.negative);
    stop = _mm256_sub_epi16(end, stop);
    whole = _mm256_cmpeq_epi16(stop, _mm256_setzero_si256());
    count = _mm256_sub_epi16(size, _mm256_add_epi16(one, whole)); /* digits */
    first = _mm256_sub_epi16(all, _mm256_sub_epi16(size, whole));
    behind = _mm256_andnot_si256(whole, _mm256_sub_epi16(all, stop));
    g.places = _mm256_packs_epi16(first, behind);
    g.power = _mm256_subs_epu16(stop, one);
    count = _mm256_sub_epi16(count, one);
    g.done = bits_of(_mm256_or_si256(no_more_than(count, 14), g.empty));
    g.wide = bits_of(_mm256_and_si256(no_more_than(count, 31), no_more_than(size, 32)));
    return g;
}

/* The 16 bytes that end `back` before the ends of cells 0 and 8. */
static inline __m256i windows(const char *copy, const uint16_t *ends, int back)
{
    const char *from = copy - back - 16;

    return _mm256_inserti128_si256(
        _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)(from + ends[0]))),
        _mm_loadu_si128((const __m128i *)(const void *)(from + ends[8])), 1);
}

/* The positions of the windows' bytes, from `low` on. */
static inline __m256i positions(int low)
{
    return _mm256_add_epi8(_mm256_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0,
                                            1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
                           _mm256_set1_epi8((char)low));
}

/* Numbers of four digits from the digits of each half. */
static inline __m256i join_fours(__m256i digits)
{
    __m256i pairs = _mm256_maddubs_epi16(digits, _mm256_set1_epi16(1 << 8 | 10));

    return _mm256_madd_epi16(pairs, _mm256_set1_epi32(1 << 16 | 100));
}

/* Numbers of eight digits. */
static inline __m256i join_eights(__m256i fours_a, __m256i fours_b)
{
    return _mm256_madd_epi16(_mm256_packus_epi32(fours_a, fours_b),
                             _mm256_set1_epi32(1 << 16 | 10000));
}

/* Cells i and i + 8, at most 16 bytes each: four numbers of four digits. */
static inline __m256i simple_fours(const char *copy, const uint16_t *ends, __m256i places, int i)
{
    __m256i first = _mm256_shuffle_epi8(places, _mm256_set1_epi8((char)i));
    __m256i behind = _mm256_shuffle_epi8(places, _mm256_set1_epi8((char)(i + 8)));
    __m256i outside = _mm256_cmpgt_epi8(first, positions(16));
    __m256i up = _mm256_cmpgt_epi8(behind, positions(16)); /* -1: takes the byte before it */
    __m256i v = _mm256_sub_epi8(windows(copy, ends + i, 0), _mm256_set1_epi8('0'));

    /* a byte that is taken from a negative position is 0 */
    up = _mm256_or_si256(_mm256_add_epi8(positions(0), up), outside);
    return join_fours(_mm256_shuffle_epi8(v, up));
}

/* Cells i and i + 8, at most 32 bytes each: four numbers of eight digits. */
static inline __m256i wide_eights(const char *copy, const uint16_t *ends, __m256i places, int i)
{
    const __m256i zero = _mm256_set1_epi8('0');
    __m256i first = _mm256_shuffle_epi8(places, _mm256_set1_epi8((char)i));
    __m256i behind = _mm256_shuffle_epi8(places, _mm256_set1_epi8((char)(i + 8)));
    __m256i high = windows(copy, ends + i, 16), low = windows(copy, ends + i, 0);

    low = _mm256_blendv_epi8(low, _mm256_alignr_epi8(low, high, 15),
                             _mm256_cmpgt_epi8(behind, positions(16)));
    high = _mm256_blendv_epi8(high, _mm256_slli_si256(high, 1),
                              _mm256_cmpgt_epi8(behind, positions(0)));
    low = _mm256_andnot_si256(_mm256_cmpgt_epi8(first, positions(16)), _mm256_sub_epi8(low, zero));
    high = _mm256_andnot_si256(_mm256_cmpgt_epi8(first, positions(0)), _mm256_sub_epi8(high, zero));
    return join_eights(join_fours(high), join_fours(low));
}

/* Of four cells each. */
struct quads {
    __m256d low;
    __m256d high;
};

/* a * 10^8 + b; the low quad from the low halves */
static inline struct quads join_quads(__m256i a, __m256i b)
{
    const __m256d e8 = _mm256_set1_pd(1e8);

    return (struct quads){
        _mm256_add_pd(_mm256_mul_pd(_mm256_cvtepi32_pd(_mm256_castsi256_si128(a)), e8),
                      _mm256_cvtepi32_pd(_mm256_castsi256_si128(b))),
        _mm256_add_pd(_mm256_mul_pd(_mm256_cvtepi32_pd(_mm256_extracti128_si256(a, 1)), e8),
                      _mm256_cvtepi32_pd(_mm256_extracti128_si256(b, 1))),
    };
}

/* The digits of cells i .. i + 3 and i + 8 .. i + 11. */
static inline struct quads simple_quads(const char *copy, const uint16_t *ends, __m256i places,
                                        int i)
{
    __m256 a = _mm256_castsi256_ps(
        join_eights(simple_fours(copy, ends, places, i), simple_fours(copy, ends, places, i + 1)));
    __m256 b = _mm256_castsi256_ps(join_eights(simple_fours(copy, ends, places, i + 2),
                                               simple_fours(copy, ends, places, i + 3)));

    return join_quads(_mm256_castps_si256(_mm256_shuffle_ps(a, b, 0x88)),
                      _mm256_castps_si256(_mm256_shuffle_ps(a, b, 0xdd)));
}

static inline struct quads wide_quads(const char *copy, const uint16_t *ends, __m256i places, int i)
{
    const __m256d e16 = _mm256_set1_pd(1e16);
    __m256i c0 = wide_eights(copy, ends, places, i), c1 = wide_eights(copy, ends, places, i + 1);
    __m256i c2 = wide_eights(copy, ends, places, i + 2);
    __m256i c3 = wide_eights(copy, ends, places, i + 3);
    __m256i high01 = _mm256_unpacklo_epi32(c0, c1), high23 = _mm256_unpacklo_epi32(c2, c3);
    __m256i low01 = _mm256_unpackhi_epi32(c0, c1), low23 = _mm256_unpackhi_epi32(c2, c3);
    struct quads high =
        join_quads(_mm256_unpacklo_epi64(high01, high23), _mm256_unpackhi_epi64(high01, high23));
    struct quads low =
        join_quads(_mm256_unpacklo_epi64(low01, low23), _mm256_unpackhi_epi64(low01, low23));

    return (struct quads){_mm256_add_pd(_mm256_mul_pd(high.low, e16), low.low),
                          _mm256_add_pd(_mm256_mul_pd(high.high, e16), low.high)};
}

/* 10^power of eight cells, up to 10^15, from floats, which hold 10^0 to 10^8. */
static inline struct quads tens(__m256i power)
{
    const __m256 table = _mm256_setr_ps(1e0f, 1e1f, 1e2f, 1e3f, 1e4f, 1e5f, 1e6f, 1e7f);
    __m256 low = _mm256_permutevar8x32_ps(table, power); /* by the last three bits */
    __m256 high = _mm256_blendv_ps(_mm256_set1_ps(1), _mm256_set1_ps(1e8f),
                                   _mm256_castsi256_ps(_mm256_slli_epi32(power, 28)));

    return (struct quads){_mm256_mul_pd(_mm256_cvtps_pd(_mm256_castps256_ps128(low)),
                                        _mm256_cvtps_pd(_mm256_castps256_ps128(high))),
                          _mm256_mul_pd(_mm256_cvtps_pd(_mm256_extractf128_ps(low, 1)),
                                        _mm256_cvtps_pd(_mm256_extractf128_ps(high, 1)))};
}

/* Up to 10^31; those above 10^22 are rounded. */
static inline struct quads wide_tens(__m256i power)
{
    const __m256d one = _mm256_set1_pd(1), e16 = _mm256_set1_pd(1e16);
    struct quads small = tens(power);
    __m256i low = _mm256_cvtepu32_epi64(_mm256_castsi256_si128(power));
    __m256i high = _mm256_cvtepu32_epi64(_mm256_extracti128_si256(power, 1));

    low = _mm256_slli_epi64(low, 59);
    high = _mm256_slli_epi64(high, 59);
    return (struct quads){
        _mm256_mul_pd(small.low, _mm256_blendv_pd(one, e16, _mm256_castsi256_pd(low))),
        _mm256_mul_pd(small.high, _mm256_blendv_pd(one, e16, _mm256_castsi256_pd(high))),
    };
}

/* A bit for each of four; see number_cells_decided. */
static inline unsigned are_decided(__m256d values)
{
    __m256i rest =
        _mm256_and_si256(_mm256_castpd_si256(values), _mm256_set1_epi32((int)NUMBER_CELLS_REST));

    rest = _mm256_abs_epi32(_mm256_sub_epi32(rest, _mm256_set1_epi32((int)NUMBER_CELLS_MIDPOINT)));
    rest = _mm256_cmpgt_epi32(rest, _mm256_set1_epi32((int)NUMBER_CELLS_MARGIN));
    return (unsigned)_mm256_movemask_pd(_mm256_castsi256_pd(_mm256_slli_epi64(rest, 32)));
}

/* Eight cells with their signs, or NaN. */
static inline void put_values(float *values, __m256d low, __m256d high, __m128i negative,
                              __m128i empty)
{
    __m256i v = _mm256_castps_si256(_mm256_set_m128(_mm256_cvtpd_ps(high), _mm256_cvtpd_ps(low)));
    __m256i sign = _mm256_slli_epi32(_mm256_cvtepi16_epi32(negative), 31);
    __m256i nan = _mm256_set1_epi32(0x7fc00000);

    v = _mm256_blendv_epi8(_mm256_xor_si256(v, sign), nan, _mm256_cvtepi16_epi32(empty));
    _mm256_storeu_si256((__m256i *)(void *)values, v);
}

/* 16 cells; returns a bit for each that was not read. */
static inline unsigned convert_group(const struct number_cells *cells, size_t cell, float *values)
{
    const uint16_t *ends = cells->ends + cell + 1;
    struct group g = look_at_group(cells, cell);
    __m256i power_low = _mm256_cvtepu16_epi32(_mm256_castsi256_si128(g.power));
    __m256i power_high = _mm256_cvtepu16_epi32(_mm256_extracti128_si256(g.power, 1));
    unsigned odd = number_cells_bits(cells->odd, cell);
    bool wide = __builtin_popcount(g.wide & ~g.done & ~odd) >= WIDE_MIN;
    struct quads a, b, ten_low, ten_high;

    if (UNLIKELY(odd == 0xffff))
        return odd;
    if (LIKELY(!wide)) {
        a = simple_quads(cells->copy, ends, g.places, 0);
        b = simple_quads(cells->copy, ends, g.places, 4);
        ten_low = tens(power_low);
        ten_high = tens(power_high);
    } else {
        a = wide_quads(cells->copy, ends, g.places, 0);
        b = wide_quads(cells->copy, ends, g.places, 4);
        ten_low = wide_tens(power_low);
        ten_high = wide_tens(power_high);
    }
    a.low = _mm256_div_pd(a.low, ten_low.low);
    b.low = _mm256_div_pd(b.low, ten_low.high);
    a.high = _mm256_div_pd(a.high, ten_high.low);
    b.high = _mm256_div_pd(b.high, ten_high.high);
    if (UNLIKELY(wide))
        g.done |= g.wide & (are_decided(a.low) | are_decided(b.low) << 4 |
                            are_decided(a.high) << 8 | are_decided(b.high) << 12);
    put_values(values, a.low, b.low, _mm256_castsi256_si128(g.negative),
               _mm256_castsi256_si128(g.empty));
    put_values(values + 8, a.high, b.high, _mm256_extracti128_si256(g.negative, 1),
               _mm256_extracti128_si256(g.empty, 1));
    return (~g.done | odd) & 0xffff;
}

size_t number_cells_convert_avx2(struct number_cells *cells, float *values, size_t count)
{
    for (size_t i = 0; i < count; i += 16) {
        size_t n = count - i < 16 ? count - i : 16;
        float some[16], *out = n == 16 ? values + i : some;
        unsigned left = convert_group(cells, cells->next + i, out) & ((1u << n) - 1);

        if (UNLIKELY(n < 16))
            memcpy(values + i, some, n * sizeof(*some));
        for (; UNLIKELY(left); left &= left - 1) {
            size_t cell = i + (unsigned)__builtin_ctz(left);

            if (!convert_one(cells, cells->next + cell, &values[cell]))
                return cell;
        }
    }
    return count;
}
