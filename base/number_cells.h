#pragma once
/*
 * The cells of a rectangular text, such as a csv body, to float32:
 *
 *   text   = line { "\n" line }         the end of the text is a line end too
 *   line   = cell { delimiter cell }    `columns` cells; a "\r" before the "\n" is no part of them
 *   cell   = "" | [" "] number          NaN where it is empty
 *   number = [sign] digits [e [sign] digits]    with a point before, after or among the digits
 *
 * A number is rounded to double and then to float32, as the originals do. Any other cell is odd: a
 * word, one with more white space, one whose line ends too early or too late, "" before "\r\n". The
 * reader stops at it; the caller reads it, or refuses it, and has the reader go on behind it:
 *
 *   number_cells_init(&cells, text, end, columns, ',');
 *   while ((n += number_cells_read(&cells, values + n, count - n)) < count) {
 *       const char *next = read_odd_cell(cells.at, &values[n++]);
 *       number_cells_skip(&cells, next);
 *   }
 *
 * Where `no_empty` is set, an empty cell is odd, too.
 *
 * A list is another text, that of an array of JSON: one line of any number of cells
 *
 *   cell   = [" "] number                    never empty
 *   number = ["-"] digits ["." digits]       no 0 before another digit, as in JSON
 *
 * and all other cells are odd, also those with an exponent. The cell at the end of the text may be
 * odd and empty: behind a last delimiter.
 *
 * It is fast because nothing waits for the end of the cell before: a piece of the text is looked at
 * 64 bytes at a time, which tells where all its cells are, and these are converted several at a
 * time. How, depends on the processor's level (base/cpu.h); all levels give the same.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

#define NUMBER_CELLS_SPAN  2048 /* bytes of text that are looked at together */
#define NUMBER_CELLS_SLACK 128  /* for what vectors read and write before and behind them */
#define NUMBER_CELLS_MAX   (NUMBER_CELLS_SPAN + 2 * NUMBER_CELLS_SLACK)

/* A reader: 12 KB, for the stack or a scratch. It owns nothing. */
struct number_cells {
    const char *at;  /* the first cell that was not read, or `end` behind the last one */
    const char *end; /* of the text */
    size_t columns;
    uint64_t passed; /* cells that were read or skipped */
    char delimiter;
    bool infinite; /* a value that was read is infinite */
    bool no_empty; /* may be set after number_cells_init, before the first cell is read */
    bool list;     /* for the module alone, as what follows */

    /* For the module alone: a copy of the piece of the text that is being read, and where its cells
     * are, as offsets in the copy. Cell 0 begins the piece. */
    bool last;         /* the piece is the end of the text */
    bool with_skips;   /* an "\r" or ' ' was met */
    bool any_odd;      /* in `odd` */
    const char *piece; /* where it is in the text; its first byte is copy[SLACK] */
    size_t next;       /* the first cell that was not read */
    size_t known;      /* the cells before this one are known, and end as they should */
    size_t lines;      /* how many of them end lines */
    uint16_t ends[NUMBER_CELLS_MAX];  /* of cell i at [i + 1]: where its delimiter is */
    uint16_t stops[NUMBER_CELLS_MAX]; /* of cell i at [i]: its point, or else its end */
    /* of cell i bit i: */
    uint64_t negative[NUMBER_CELLS_MAX / 64]; /* begins with '-' */
    uint64_t skipped[NUMBER_CELLS_MAX / 64]; /* the byte behind the end of the one before is no part
                                              * of it: ' ', or the "\n" of "\r\n" */
    uint64_t odd[NUMBER_CELLS_MAX / 64];     /* is more than '-', digits and a point */
    char copy[NUMBER_CELLS_MAX];
};

/* `columns` is not 0; `delimiter` is no digit, sign, point, 'e', 'E' or '\n'. The text must stay.
 * Nothing outside of [text, end) is read. */
void number_cells_init(struct number_cells *cells, const char *text, const char *end,
                       size_t columns, char delimiter);

/* False where the level has no lists: there, readers of single numbers are as fast. */
bool number_cells_has_lists(void) MUST_CHECK;

/* A list with ',' between its cells; the text is not empty. */
void number_cells_init_list(struct number_cells *cells, const char *text, const char *end);

/* Reads up to `count` cells; returns how many, less than `count` only where the next one, at
 * cells->at, is odd or beyond the end. Of values, which has room for `count`, those that were not
 * read are undefined. */
size_t number_cells_read(struct number_cells *cells, float *values, size_t count) MUST_CHECK;

/* The cell at cells->at was read by the caller, and the next one is at `next`. */
void number_cells_skip(struct number_cells *cells, const char *next);
