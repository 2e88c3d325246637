#pragma once
/*
 * What a text is made of, in one pass at the speed of memory: how often each of two bytes occurs,
 * and whether all of it is ASCII.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

struct text_tally {
    uint64_t first;
    uint64_t second;
    bool ascii;
};

struct text_tally text_tally_of(struct bytes text, uint8_t first, uint8_t second);

/* The levels' (base/cpu.h), of the same outcome; for text_tally_of alone. */
struct text_tally text_tally_of_avx2(struct bytes text, uint8_t first, uint8_t second);
struct text_tally text_tally_of_avx512(struct bytes text, uint8_t first, uint8_t second);
