/*
 * text_tally_of with masks, which are counted at once.
 */
#include <immintrin.h>

#include "base/text_tally.h"

static inline void tally_64(struct text_tally *tally, __m512i v, __mmask64 there, uint8_t first,
                            uint8_t second)
{
    __mmask64 firsts = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8((char)first)) & there;
    __mmask64 seconds = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8((char)second)) & there;

    tally->first += (unsigned)__builtin_popcountll(firsts);
    tally->second += (unsigned)__builtin_popcountll(seconds);
}

struct text_tally text_tally_of_avx512(struct bytes text, uint8_t first, uint8_t second)
{
    struct text_tally tally = {.first = 0};
    __m512i any = _mm512_setzero_si512(), v;
    size_t i = 0;

#pragma GCC unroll 4
    for (; i + 64 <= text.size; i += 64) {
        v = _mm512_loadu_si512(text.data + i);
        any = _mm512_or_si512(any, v);
        tally_64(&tally, v, ~UINT64_C(0), first, second);
    }
    if (i < text.size) { /* what is not there is not read */
        __mmask64 there = ~UINT64_C(0) >> (64 - (text.size - i));

        v = _mm512_maskz_loadu_epi8(there, text.data + i);
        any = _mm512_or_si512(any, v);
        tally_64(&tally, v, there, first, second);
    }
    tally.ascii = _mm512_movepi8_mask(any) == 0;
    return tally;
}
