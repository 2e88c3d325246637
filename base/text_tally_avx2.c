#include "base/text_tally_lanes.h"

struct text_tally text_tally_of_avx2(struct bytes text, uint8_t first, uint8_t second)
{
    return tally_text(text, first, second);
}
