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
    /* of lists: the last byte was */
    uint64_t digit;
    uint64_t point;
    uint64_t minus; /* a number's first */
    uint64_t zero;  /* a number's first digit */
    size_t ended;   /* cells that ended, */
    size_t lines;   /* and how many of them ended lines */
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

/* Bytes that JSON does not have where they are: a point without a digit on either side (where there
 * is none behind it, the byte that is), and a digit behind a 0 that is a number's first one. */
static inline uint64_t find_unlisted(const struct chunk *c, struct carry *carry, uint64_t starts,
                                     uint64_t negative)
{
    uint64_t first = (starts & ~negative) | negative << 1 | carry->minus;
    uint64_t zeros = first & c->zero;
    uint64_t bad = (c->point & ~(c->digit << 1 | carry->digit)) |
                   ((c->point << 1 | carry->point) & ~c->digit) |
                   ((zeros << 1 | carry->zero) & c->digit);

    carry->digit = c->digit >> 63;
    carry->point = c->point >> 63;
    carry->minus = negative >> 63;
    carry->zero = zeros >> 63;
    return bad;
}

/*
 * One chunk. With with_skips, what is before cells and no part of them is skipped: the "\n" of
 * "\r\n", and a space before a number. Without, which is faster, nothing is done where the chunk
 * has such bytes, and false returned. `behind` is the byte behind the chunk.
 */
static inline __attribute__((always_inline)) bool
index_chunk(struct number_cells *cells, struct carry *carry, const char *text, char *copy,
            char delimiter, bool with_skips, char behind, bool list)
{
    struct chunk c = look_at(text, copy, delimiter);
    uint64_t ends = c.delimiter | c.feed, lines = c.feed, returns = 0, feeds = 0, skips = 0;
    uint64_t starts, negative, stop = carry->stop, stops, bad;
    size_t started = carry->ended + 1 - carry->start - carry->skip;
    size_t stopped = started - carry->stop;
    unsigned base = (unsigned)(copy - cells->copy);
    struct carry before = *carry;

    if (list)
        ends = c.delimiter;
    if (with_skips && !list) {
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
    bad |= starts & ends & -(uint64_t)cells->no_empty;
    if (list)
        bad |= find_unlisted(&c, carry, starts, negative);
    if (UNLIKELY(bad | carry->odd)) {
        if (!with_skips && (c.returns | c.space) & ~c.delimiter) {
            *carry = before;
            return false;
        }
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

static inline __attribute__((always_inline)) bool
index_all(struct number_cells *cells, size_t whole, size_t chunks, size_t wanted, bool list)
{
    char *copy = cells->copy + NUMBER_CELLS_SLACK;
    const char *text = cells->piece, delimiter = cells->delimiter;
    struct carry carry = {.start = 1};
    size_t i;

    for (i = 0; i < chunks && carry.ended < wanted; i++, text += 64, copy += 64) {
        const char *from = i < whole ? text : copy;

        if (LIKELY(!cells->with_skips) &&
            index_chunk(cells, &carry, from, copy, delimiter, false, '\0', list))
            continue;
        cells->with_skips = true;
        index_chunk(cells, &carry, from, copy, delimiter, true, i + 1 < whole ? text[64] : copy[64],
                    list);
    }
    cells->known = carry.ended;
    cells->lines = carry.lines;
    return i == chunks;
}

/* number_cells_index_LEVEL */
static inline bool index_chunks(struct number_cells *cells, size_t whole, size_t chunks,
                                size_t wanted)
{
    return cells->list ? index_all(cells, whole, chunks, wanted, true)
                       : index_all(cells, whole, chunks, wanted, false);
}
