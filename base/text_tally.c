#include "base/text_tally.h"

#include "base/cpu.h"
#include "base/text_tally_lanes.h"

struct text_tally text_tally_of(struct bytes text, uint8_t first, uint8_t second)
{
#if defined(__x86_64__)
    if (cpu_level() >= CPU_AVX512)
        return text_tally_of_avx512(text, first, second);
    if (cpu_level() >= CPU_AVX2)
        return text_tally_of_avx2(text, first, second);
#endif
    return tally_text(text, first, second);
}
