/*
 * Cells with AVX-512: 64 bytes in one register, 16 cells in four.
 */
#include <immintrin.h>

#include "base/number_cells_internal.h"
#include "base/number_cells_one.h"

static inline struct chunk look_at(const char *text, char *copy, char delimiter)
{
    __m512i v = _mm512_loadu_si512(text);

    _mm512_storeu_si512(copy, v);
    return (struct chunk){
        .delimiter = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(delimiter)),
        .feed = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('\n')),
        .returns = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('\r')),
        .space = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(' ')),
        .point = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('.')),
        .minus = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('-')),
        .digit =
            _mm512_cmplt_epu8_mask(_mm512_sub_epi8(v, _mm512_set1_epi8('0')), _mm512_set1_epi8(10)),
        .zero = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('0')),
    };
}

static inline __m512i positions(void)
{
    const __m512i low =
        _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));

    return _mm512_add_epi8(low, _mm512_setr_epi64(0, 0, 0x1010101010101010, 0x1010101010101010,
                                                  0x2020202020202020, 0x2020202020202020,
                                                  0x3030303030303030, 0x3030303030303030));
}

static inline void put_positions(uint16_t *out, uint64_t mask, unsigned base)
{
    __m512i bytes = _mm512_maskz_compress_epi8(mask, positions());
    __m512i bases = _mm512_set1_epi16((short)base);
    __m512i words = _mm512_cvtepu8_epi16(_mm512_castsi512_si256(bytes));

    _mm512_storeu_si512(out, _mm512_add_epi16(words, bases));
    if (UNLIKELY(__builtin_popcountll(mask) > 32)) {
        words = _mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(bytes, 1));
        _mm512_storeu_si512(out + 32, _mm512_add_epi16(words, bases));
    }
}

static inline uint64_t gather_bits(uint64_t bits, uint64_t mask)
{
    return _pext_u64(bits, mask);
}

#include "base/number_cells_index.h"

bool number_cells_index_vbmi(struct number_cells *cells, size_t whole, size_t chunks, size_t wanted)
{
    return index_chunks(cells, whole, chunks, wanted);
}

/* So many cells of a group must be wide for all to be read as such. */
#define WIDE_MIN 4

/* 16 cells. Positions are those in the 32 bytes before a cell's end. */
struct group {
    __m256i first; /* the first byte that is not the sign */
    __m256i point; /* -1: none */
    __m256i power; /* digits behind the point */
    __mmask16 negative;
    __mmask16 empty;
    __mmask16 simple; /* 1 to 15 digits: a double holds them */
    __mmask16 wide;   /* 1 to 32 bytes, with a digit */
};

static inline struct group look_at_group(const struct number_cells *cells, size_t cell)
{
    const __m256i one = _mm256_set1_epi16(1), all = _mm256_set1_epi16(32);
    const uint16_t *before = cells->ends + cell;
    __m256i end = _mm256_loadu_si256((const __m256i *)(const void *)(before + 1));
    __m256i start = _mm256_loadu_si256((const __m256i *)(const void *)before);
    __m256i stop = _mm256_loadu_si256((const __m256i *)(const void *)(cells->stops + cell));
    __mmask16 skipped = (__mmask16)number_cells_bits(cells->skipped, cell), pointed;
    __m256i size, count;
    struct group g;

    g.negative = (__mmask16)number_cells_bits(cells->negative, cell);
    start = _mm256_add_epi16(start, one);
    start = _mm256_mask_add_epi16(start, skipped, start, one);
    g.empty = _mm256_cmpeq_epi16_mask(end, start);
    size = _mm256_sub_epi16(end, start);
    size = _mm256_mask_sub_epi16(size, g.negative, size, one);
    stop = _mm256_sub_epi16(end, stop);
    pointed = _mm256_test_epi16_mask(stop, stop);
    count = _mm256_sub_epi16(_mm256_mask_sub_epi16(size, pointed, size, one), one);
    g.simple = _mm256_cmplt_epu16_mask(count, _mm256_set1_epi16(15));
    g.wide = _mm256_cmplt_epu16_mask(count, all) & _mm256_cmple_epu16_mask(size, all);
    g.first = _mm256_sub_epi16(all, size);
    g.point = _mm256_mask_sub_epi16(_mm256_set1_epi16(-1), pointed, all, stop);
    g.power = _mm256_maskz_sub_epi16(pointed, stop, one);
    return g;
}

/* Every other one of 8 cells: the 16 bytes that end `back` before the cell's end. */
static inline __m512i windows(const char *copy, const uint16_t *ends, int back)
{
    const char *from = copy - back - 16;
    __m512i v =
        _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)(const void *)(from + ends[0])));

    v = _mm512_inserti32x4(v, _mm_loadu_si128((const __m128i *)(const void *)(from + ends[2])), 1);
    v = _mm512_inserti32x4(v, _mm_loadu_si128((const __m128i *)(const void *)(from + ends[4])), 2);
    return _mm512_inserti32x4(v, _mm_loadu_si128((const __m128i *)(const void *)(from + ends[6])),
                              3);
}

/* The low bytes of every other one of 8 cells' entries, from cell i on, each in 16 bytes. */
static inline __m512i spread(__m256i entries, int i)
{
    const __m512i lanes =
        _mm512_setr_epi64(0, 0, 0x0404040404040404, 0x0404040404040404, 0x0808080808080808,
                          0x0808080808080808, 0x0c0c0c0c0c0c0c0c, 0x0c0c0c0c0c0c0c0c);

    return _mm512_permutexvar_epi8(_mm512_add_epi8(lanes, _mm512_set1_epi8((char)(2 * i))),
                                   _mm512_castsi256_si512(entries));
}

/* Numbers of four digits from the digits of each lane. */
static inline __m512i join_fours(__m512i digits)
{
    __m512i pairs = _mm512_maddubs_epi16(digits, _mm512_set1_epi16(1 << 8 | 10));

    return _mm512_madd_epi16(pairs, _mm512_set1_epi32(1 << 16 | 100));
}

/* Numbers of 16 digits from four of four, as 64-bit integers. */
static inline __m512i join_sixteens(__m512i fours_a, __m512i fours_b)
{
    __m512i eights = _mm512_madd_epi16(_mm512_packus_epi32(fours_a, fours_b),
                                       _mm512_set1_epi32(1 << 16 | 10000));

    return _mm512_add_epi64(_mm512_mul_epu32(eights, _mm512_set1_epi64(100000000)),
                            _mm512_srli_epi64(eights, 32));
}

/* The last 16 positions of every other one of 8 cells, from cell i on, as numbers of four digits.
 * Digits before the point go up over it. */
static inline __m512i simple_fours(const char *copy, const uint16_t *ends, const struct group *g,
                                   int i)
{
    const __m512i position = _mm512_broadcast_i32x4(
        _mm_setr_epi8(16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31));
    const __m512i up =
        _mm512_broadcast_i32x4(_mm_setr_epi8(-1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14));
    __mmask64 inside = _mm512_cmpge_epi8_mask(position, spread(g->first, i));
    __mmask64 before = _mm512_cmple_epi8_mask(position, spread(g->point, i));
    __m512i v = windows(copy, ends + i, 0);

    v = _mm512_maskz_sub_epi8(inside, v, _mm512_set1_epi8('0'));
    return join_fours(_mm512_mask_shuffle_epi8(v, before, v, up));
}

/* 10^(power % 16) */
static inline __m512d tens(__m512i power)
{
    return _mm512_permutex2var_pd(_mm512_loadu_pd(number_double_tens), power,
                                  _mm512_loadu_pd(number_double_tens + 8));
}

static inline __m512i powers(const struct group *g, int i)
{
    return _mm512_cvtepu16_epi64(i ? _mm256_extracti128_si256(g->power, 1)
                                   : _mm256_castsi256_si128(g->power));
}

/* 8 cells, from cell i on. */
static inline __m256 convert_simple(const char *copy, const uint16_t *ends, const struct group *g,
                                    int i)
{
    __m512i w = join_sixteens(simple_fours(copy, ends, g, i), simple_fours(copy, ends, g, i + 1));

    return _mm512_cvtpd_ps(_mm512_div_pd(_mm512_cvtepi64_pd(w), tens(powers(g, i))));
}

/* As simple_fours, but of all 32 positions: two numbers of 16 digits a cell. */
static inline __m512i wide_sixteens(const char *copy, const uint16_t *ends, const struct group *g,
                                    int i)
{
    const __m512i position =
        _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
    const __m512i zero = _mm512_set1_epi8('0'), half = _mm512_set1_epi8(16);
    __m512i first = spread(g->first, i), point = spread(g->point, i);
    __m512i high = windows(copy, ends + i, 16), low = windows(copy, ends + i, 0);
    __mmask64 before_high = _mm512_cmple_epi8_mask(position, point);
    __mmask64 before_low = _mm512_cmple_epi8_mask(_mm512_add_epi8(position, half), point);

    high = _mm512_maskz_sub_epi8(_mm512_cmpge_epi8_mask(position, first), high, zero);
    low = _mm512_maskz_sub_epi8(_mm512_cmpge_epi8_mask(_mm512_add_epi8(position, half), first), low,
                                zero);
    low = _mm512_mask_alignr_epi8(low, before_low, low, high, 15);
    high = _mm512_mask_alignr_epi8(high, before_high, high, _mm512_setzero_si512(), 15);
    return join_sixteens(join_fours(high), join_fours(low));
}

/* 8 cells, from cell i on; *ret_decided: see number_cells_decided. */
static inline __m256 convert_wide(const char *copy, const uint16_t *ends, const struct group *g,
                                  int i, __mmask8 *ret_decided)
{
    const __m512d e16 = _mm512_set1_pd(1e16);
    __m512d a = _mm512_cvtepi64_pd(wide_sixteens(copy, ends, g, i));
    __m512d b = _mm512_cvtepi64_pd(wide_sixteens(copy, ends, g, i + 1));
    __m512d value = _mm512_mul_pd(_mm512_unpacklo_pd(a, b), e16);
    __m512i power = powers(g, i), rest;
    __m512d ten = tens(power);

    value = _mm512_add_pd(value, _mm512_unpackhi_pd(a, b));
    ten = _mm512_mask_mul_pd(ten, _mm512_test_epi64_mask(power, _mm512_set1_epi64(16)), ten, e16);
    value = _mm512_div_pd(value, ten);
    rest = _mm512_and_si512(_mm512_castpd_si512(value), _mm512_set1_epi64(NUMBER_CELLS_REST));
    rest = _mm512_sub_epi64(rest, _mm512_set1_epi64(NUMBER_CELLS_MIDPOINT - NUMBER_CELLS_MARGIN));
    *ret_decided = _mm512_cmpgt_epu64_mask(rest, _mm512_set1_epi64(2 * NUMBER_CELLS_MARGIN));
    return _mm512_cvtpd_ps(value);
}

/* 16 cells; returns those that are left to be read one by one. */
static inline __mmask16 convert_group(struct number_cells *cells, size_t cell, __mmask16 wanted,
                                      float *values)
{
    const uint16_t *ends = cells->ends + cell + 1;
    struct group g = look_at_group(cells, cell);
    __mmask16 plain = ~(__mmask16)number_cells_bits(cells->odd, cell) & wanted;
    __mmask16 done = plain & (g.simple | g.empty);
    __m256 low, high;
    __m512 all;
    __m512i bits;

    if (UNLIKELY(!plain))
        return wanted;
    if (LIKELY(__builtin_popcount(plain & ~done & g.wide) < WIDE_MIN)) {
        low = convert_simple(cells->copy, ends, &g, 0);
        high = convert_simple(cells->copy, ends, &g, 8);
    } else {
        __mmask8 decided_low, decided_high;

        low = convert_wide(cells->copy, ends, &g, 0, &decided_low);
        high = convert_wide(cells->copy, ends, &g, 8, &decided_high);
        done |= plain & g.wide & (__mmask16)(decided_low | decided_high << 8);
    }
    all = _mm512_insertf32x8(_mm512_castps256_ps512(low), high, 1);
    bits = _mm512_castps_si512(all);
    bits = _mm512_mask_xor_epi32(bits, g.negative, bits, _mm512_set1_epi32(INT32_MIN));
    bits = _mm512_mask_mov_epi32(bits, g.empty, _mm512_set1_epi32(0x7fc00000)); /* NaN */
    _mm512_mask_storeu_epi32(values, wanted, bits);
    return wanted & ~done;
}

size_t number_cells_convert_vbmi(struct number_cells *cells, float *values, size_t count)
{
    for (size_t i = 0; i < count; i += 16) {
        __mmask16 wanted = count - i < 16 ? (__mmask16)((1u << (count - i)) - 1) : 0xffff;
        unsigned left = convert_group(cells, cells->next + i, wanted, values + i);

        for (; UNLIKELY(left); left &= left - 1) {
            size_t cell = i + (unsigned)__builtin_ctz(left);

            if (!convert_one(cells, cells->next + cell, &values[cell]))
                return cell;
        }
    }
    return count;
}
