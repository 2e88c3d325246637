#pragma once
/*
 * Where cells are, the same on every level but for three steps. The file of a level includes this
 * after it defined
 *
 *   look_at(text, copy, delimiter)    copies a chunk and tells its bytes' kinds (struct chunk)
 *   put_positions(out, mask, base)    base + the position of each bit of a mask, in order; there is
 *                                     room for 64
 *   gather_bits(bits, mask)           the bits that are at the mask's positions, moved together
 */

#include "base/number_cells_internal.h"

/* What goes on from one chunk to the next; each but the last two is 0 or 1. */
struct carry {
    uint64_t start;    /* a cell ended with the last byte, */
    uint64_t returned; /* which was the "\r" of "\r\n"; */
    uint64_t skip;     /* or that byte is skipped, and its cell starts behind it; */
    uint64_t stop;     /* or a cell goes on that has not come to its point or end */
    uint64_t odd;      /* that cell is odd */
    size_t ended;      /* cells that ended, */
    size_t lines;      /* and how many of them ended lines */
};

/* Adds 64 bits to an array that has `at` bits. */
static inline void append_bits(uint64_t *array, size_t at, uint64_t bits)
{
    array[at / 64] |= bits << at % 64;
    array[at / 64 + 1] = bits >> 1 >> (63 - at % 64);
}

/* From each bit of `from` up to the first bit of `to`, which may be that bit itself: an addition
 * carries through what is between them. *carry: from the chunk before, and to the one behind. */
static inline uint64_t next_of(uint64_t from, uint64_t to, uint64_t *carry)
{
    unsigned long long sum;

    *carry = __builtin_uaddll_overflow(~to, from | *carry, &sum);
    return sum & to;
}

/* Marks the cells with a bad byte. */
static inline void mark_odd(struct number_cells *cells, struct carry *carry, uint64_t bad,
                            uint64_t ends)
{
    /* a cell with several bad bytes carries once, too */
    uint64_t odd = next_of(bad & ~ends, ends, &carry->odd) | (bad & ends);
    size_t at = carry->ended;

    odd = gather_bits(odd, ends);
    cells->odd[at / 64] |= odd << at % 64;
    cells->odd[at / 64 + 1] |= odd >> 1 >> (63 - at % 64);
    cells->any_odd = true;
}

/*
 * One chunk. With with_skips, what is before cells and no part of them is skipped: the "\n" of
 * "\r\n", and a space before a number. Without, which is faster, nothing is done where the chunk
 * has such bytes, and false returned. `behind` is the byte behind the chunk.
 */
static inline __attribute__((always_inline)) bool index_chunk(struct number_cells *cells,
                                                              struct carry *carry, const char *text,
                                                              char *copy, char delimiter,
                                                              bool with_skips, char behind)
{
    struct chunk c = look_at(text, copy, delimiter);
    uint64_t ends = c.delimiter | c.feed, lines = c.feed, returns = 0, feeds = 0, skips = 0;
    uint64_t starts, negative, stop = carry->stop, stops, bad;
    size_t started = carry->ended + 1 - carry->start - carry->skip;
    size_t stopped = started - carry->stop;
    unsigned base = (unsigned)(copy - cells->copy);

    if (with_skips) {
        returns = c.returns & ~c.delimiter & (c.feed >> 1 | (uint64_t)(behind == '\n') << 63);
        feeds = returns << 1 | carry->returned;
        ends = (ends | returns) & ~feeds;
        lines = (lines | returns) & ~feeds;
    }
    starts = ends << 1 | carry->start;
    if (with_skips) {
        /* " " alone is no number: a space is skipped unless it is the whole cell */
        skips = c.space & ~c.delimiter & ~(ends >> 1);
        if (behind == delimiter || behind == '\n' || behind == '\r')
            skips &= ~UINT64_C(0) >> 1;
        skips = starts & (feeds | skips);
        append_bits(cells->skipped, carry->ended + 1 - carry->start, gather_bits(skips, starts));
        starts = (starts & ~skips) | skips << 1 | carry->skip;
    }
    negative = c.minus & starts;
    stops = next_of(starts, ends | c.point, &stop);
    bad = ~(c.digit | negative | stops | ends | skips) | (returns & starts);
    if (UNLIKELY(bad | carry->odd)) {
        if (!with_skips && (c.returns | c.space) & ~c.delimiter)
            return false;
        mark_odd(cells, carry, bad, ends);
    }
    put_positions(cells->ends + 1 + carry->ended, ends, base);
    put_positions(cells->stops + stopped, stops, base);
    append_bits(cells->negative, started, gather_bits(negative, starts));
    carry->start = ends >> 63;
    carry->returned = returns >> 63;
    carry->skip = skips >> 63;
    carry->stop = stop;
    carry->ended += (size_t)__builtin_popcountll(ends);
    carry->lines += (size_t)__builtin_popcountll(lines);
    return true;
}

/* number_cells_index_LEVEL */
static inline bool index_chunks(struct number_cells *cells, size_t whole, size_t chunks,
                                size_t wanted)
{
    char *copy = cells->copy + NUMBER_CELLS_SLACK;
    const char *text = cells->piece, delimiter = cells->delimiter;
    struct carry carry = {.start = 1};
    size_t i;

    for (i = 0; i < chunks && carry.ended < wanted; i++, text += 64, copy += 64) {
        const char *from = i < whole ? text : copy;

        if (LIKELY(!cells->with_skips) &&
            index_chunk(cells, &carry, from, copy, delimiter, false, '\0'))
            continue;
        cells->with_skips = true;
        index_chunk(cells, &carry, from, copy, delimiter, true,
                    i + 1 < whole ? text[64] : copy[64]);
    }
    cells->known = carry.ended;
    cells->lines = carry.lines;
    return i == chunks;
}
