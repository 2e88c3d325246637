#pragma once
/*
 * What base/number_cells.c and the files of the levels share. Not for use elsewhere.
 *
 * Chunks are 64 bytes; in a mask of a chunk's bytes the first one is the lowest bit.
 */

#include <string.h>

#include "base/number_cells.h"

/* Masks of the bytes of each kind; all others belong to odd cells. */
struct chunk {
    uint64_t delimiter; /* the text's */
    uint64_t feed;      /* "\n" */
    uint64_t returns;   /* "\r" */
    uint64_t space;     /* ' ' */
    uint64_t point;
    uint64_t minus;
    uint64_t digit;
    uint64_t zero; /* for lists */
};

/* number_cells_read for levels with vectors. */
size_t number_cells_read_pieces(struct number_cells *cells, float *values, size_t count);

/* Passes the odd cell that stopped it; false where the next one is not known, or not at `next`. */
bool number_cells_skip_known(struct number_cells *cells, const char *next);

/* The first of its two steps: finds the cells that end in the piece. Of its `chunks` chunks the
 * first `whole` are at cells->piece, from where they are copied; a rest was already copied, with
 * '\n' behind the text. Stops where `wanted` cells are known; returns whether it did not. */
bool number_cells_index_avx2(struct number_cells *cells, size_t whole, size_t chunks,
                             size_t wanted);
bool number_cells_index_vbmi(struct number_cells *cells, size_t whole, size_t chunks,
                             size_t wanted);

/* The second step: reads `count` cells from cells->next on, which are known. Returns how many it
 * read, less than `count` where the next one is odd. The entries of the 16 cells behind the known
 * ones may be looked at: their ends and stops are offsets in the copy. */
size_t number_cells_convert_avx2(struct number_cells *cells, float *values, size_t count);
size_t number_cells_convert_vbmi(struct number_cells *cells, float *values, size_t count);

/* One known cell, whatever kind of number it is: false where it is none. */
bool number_cells_convert_one(struct number_cells *cells, size_t cell, float *ret_value);

static inline bool number_cells_bit(const uint64_t *array, size_t at)
{
    return array[at / 64] >> at % 64 & 1;
}

/* Offset of the first byte of a known cell. */
static inline size_t number_cells_start(const struct number_cells *cells, size_t cell)
{
    return cells->ends[cell] + 1u + number_cells_bit(cells->skipped, cell);
}

/* 16 bits of an array from `at` on. */
static inline unsigned number_cells_bits(const uint64_t *array, size_t at)
{
    uint64_t low = array[at / 64] >> at % 64, high = array[at / 64 + 1] << 1 << (63 - at % 64);

    return (low | high) & 0xffff;
}

/*
 * What is rounded to float32 needs not be the double that is nearest to the number, if only no
 * midpoint of two floats is between: such a midpoint has 2^28 in the last 29 bits of its double.
 * Numbers of more than 15 digits are computed with at most 8 roundings, each of less than a unit in
 * the double's last place, and are right where these bits are not that close to 2^28. The double
 * is 0, or a normal float32's.
 */
#define NUMBER_CELLS_REST     ((UINT64_C(1) << 29) - 1)
#define NUMBER_CELLS_MIDPOINT (UINT64_C(1) << 28)
#define NUMBER_CELLS_MARGIN   UINT64_C(16)

static inline bool number_cells_decided(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return (bits & NUMBER_CELLS_REST) - (NUMBER_CELLS_MIDPOINT - NUMBER_CELLS_MARGIN) >
           2 * NUMBER_CELLS_MARGIN;
}
