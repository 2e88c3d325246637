#pragma once
/*
 * text_tally_of for levels whose compares give vectors: lanes of bytes, as many as a register has,
 * each of which counts up to 255. Each level compiles it with its own instructions.
 */

#include "base/text_tally.h"

#if defined(__AVX2__)
#define LANES 32
#else
#define LANES 16
#endif

#define STEPS_MAX 255

typedef uint8_t lanes __attribute__((vector_size(LANES)));

struct tally_lanes {
    lanes first;
    lanes second;
    lanes any;
};

static inline void tally_step(struct tally_lanes *tally, const uint8_t *p, uint8_t first,
                              uint8_t second)
{
    lanes v;

    memcpy(&v, p, sizeof(v));
    tally->first -= (lanes)(v == first); /* all ones where true */
    tally->second -= (lanes)(v == second);
    tally->any |= v;
}

static inline uint64_t tally_sum(lanes counts)
{
    uint64_t words[LANES / 8], pairs = 0, mask = 0x00ff00ff00ff00ffu;

    memcpy(words, &counts, sizeof(words));
    for (size_t i = 0; i < LANES / 8; i++)
        pairs += (words[i] & mask) + (words[i] >> 8 & mask);
    return pairs * 0x0001000100010001u >> 48;
}

/* The last vector of a text: only its last `size` bytes count. */
static inline void tally_end(struct tally_lanes *tally, const uint8_t *end, size_t size,
                             uint8_t first, uint8_t second)
{
    static const uint8_t flags[2 * LANES] = {[LANES... 2 * LANES - 1] = 255};
    lanes v, counts;

    memcpy(&v, end - LANES, sizeof(v));
    memcpy(&counts, flags + size, sizeof(counts));
    tally->first -= (lanes)(v == first) & counts;
    tally->second -= (lanes)(v == second) & counts;
    tally->any |= v;
}

/* A text of less than a vector. */
static inline struct text_tally tally_few(struct bytes text, uint8_t first, uint8_t second)
{
    struct text_tally tally = {.ascii = true};

#pragma GCC unroll 1
    for (size_t i = 0; i < text.size; i++) {
        tally.first += text.data[i] == first;
        tally.second += text.data[i] == second;
        tally.ascii &= text.data[i] < 0x80;
    }
    return tally;
}

static inline struct text_tally tally_text(struct bytes text, uint8_t first, uint8_t second)
{
    struct text_tally tally = {.ascii = true};

    if (text.size < LANES)
        return tally_few(text, first, second);
    while (text.size) {
        size_t steps = text.size / LANES < STEPS_MAX ? text.size / LANES : STEPS_MAX;
        struct tally_lanes part = {{0}, {0}, {0}};

#pragma GCC unroll 4
        for (size_t i = 0; i < steps; i++)
            tally_step(&part, text.data + i * LANES, first, second);
        text = bytes_of(text.data + steps * LANES, text.size - steps * LANES);
        if (text.size < LANES && steps < STEPS_MAX) {
            tally_end(&part, text.data + text.size, text.size, first, second);
            text.size = 0;
        }
        tally.first += tally_sum(part.first);
        tally.second += tally_sum(part.second);
        tally.ascii &= tally_sum(part.any & (uint8_t)0x80) == 0;
    }
    return tally;
}
