#pragma once
/*
 * text/csv in parts: what decoder_open and decoder_next would find in the whole body, to the byte
 * of the fault, from parts that any threads read in any order. The body's first line tells the
 * shape of all; a part is whole lines; and the original's order of faults (a character that is no
 * UTF-8 anywhere, then a ragged line anywhere, then the first bad cell, then the first infinity) is
 * restored when the parts' findings are put together in the order of the body. So is that of the
 * built-ins' rules (struct csv_rules).
 *
 *   csv_verdict_begin(&verdict, &shape);                        once the first line is there
 *   csv_part_open(&decoder, &part, &rules, &fault), decoder_next ...      each part
 *   csv_verdict_add(&verdict, decoder.rows, &fault);                      each, in order
 *   csv_verdict_end(&verdict);
 *
 * The body is what is left without the white space at its ends; see line_cut.h for where to cut.
 */

#include <stdint.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "server/formats/decode.h"

struct csv_shape {
    int delimiter; /* -1: it cannot be told */
    uint64_t columns;
};

struct csv_part {
    struct csv_shape shape;
    struct bytes text; /* lines, each ended by '\n' but for the body's last */
    uint64_t offset;   /* of the text in the body */
    /* Of a fault that an earlier part has: what it outranks is not looked for, and of rows that
     * nobody wants none are handed out. */
    enum decode_rank known;
};

/* By the body's first line, without its end. */
struct csv_shape csv_shape_of(struct bytes line, const struct decode_rules *rules);

/* Opens the decoder on a part. As decoder_open, but rows in faults count from the part's first, and
 * decoder->rows, the rows of the part, is set whatever the result is. */
int csv_part_open(struct decoder *decoder, const struct csv_part *part,
                  const struct decode_rules *rules, struct decode_fault *fault) MUST_CHECK;

/* What is known of the body: its fault so far, if fault.rank says that there is one, and its rows.
 * To be initialised and released as the fault it is. */
struct csv_verdict {
    struct decode_fault fault;
    uint64_t rows;
};

/* Sets fault.out_of_memory, as below, where memory for a message is short. */
void csv_verdict_begin(struct csv_verdict *verdict, const struct csv_shape *shape);

/* The next part has so many rows, and a fault where its rank says so, whose message is taken out of
 * it. A fault without memory is the verdict whatever comes. */
void csv_verdict_add(struct csv_verdict *verdict, uint64_t rows, struct decode_fault *fault);

/* All parts were added: some faults tell of the whole. Returns 0, or -1 where there is a fault. */
int csv_verdict_end(struct csv_verdict *verdict) MUST_CHECK;
