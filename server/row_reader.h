#pragma once
/*
 * The input of `predict`: a file or standard input of any size, read in pieces of whole lines and
 * decoded piece by piece, so that memory does not grow with the input and time is in proportion to
 * it. White space at the end of the input is dropped as the original drops it; an input of nothing
 * else, or of no bytes, has no rows.
 *
 * Two inputs do not come in pieces: a JSON document, and libsvm under a profile that shifts indices
 * by what the smallest one anywhere is. The latter is read twice where it is a file, to know the
 * base before the first row, and whole where it is a pipe.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "algorithms/matrix.h"
#include "base/compiler.h"
#include "base/err.h"
#include "base/memory.h"
#include "server/formats/decode.h"
#include "server/formats/line_cut.h"

/* The longest line, run of blank lines, record of RecordIO, or input that is read whole: 1 GiB, a
 * row of a hundred million features. */
#define ROW_READER_LINE_MAX ((size_t)1 << 30)

struct row_reader {
    const char *name; /* for messages: the path, or "standard input" */
    int fd;
    uint64_t size; /* of the file; 0 where not known */
    uint64_t bytes_read;
    enum format format;
    struct decode_rules rules;
    struct decoder decoder;
    struct decode_fault fault;
    size_t line_max; /* ROW_READER_LINE_MAX; tests lower it */
    bool whole;      /* the input is one piece */
    bool opened;     /* the decoder has had a piece */
    bool in_piece;
    bool at_end;

    struct buffer pending; /* read; its first `taken` bytes are what the decoder has now */
    size_t taken;
    struct line_cut cut; /* of pending */
    size_t look_at; /* recordio: the size from which on it is worth looking for a whole record */
};

/* path: NULL or "-" is standard input. */
int row_reader_open(struct row_reader *reader, const char *path, enum format format,
                    const struct decode_rules *rules, struct err *err) MUST_CHECK;
void row_reader_close(struct row_reader *reader);

/* The next rows; 0 rows at the end. The error reads "FILE: row N, column M: reason". */
int row_reader_next(struct row_reader *reader, size_t max_rows, struct matrix *ret,
                    struct err *err) MUST_CHECK;
