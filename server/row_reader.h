#pragma once
/*
 * The input of `predict`: a file or standard input of any size, read in pieces that end at a line
 * end and decoded piece by piece, so that memory does not grow with the input.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "algorithms/matrix.h"
#include "base/compiler.h"
#include "base/err.h"
#include "base/memory.h"
#include "server/formats/decode.h"

struct row_reader {
    const char *name; /* for messages: the path, or "standard input" */
    int fd;
    uint64_t size; /* of the file; 0 where not known */
    uint64_t bytes_read;
    enum format format;
    struct decode_rules rules;
    struct decoder decoder;
    struct decode_fault fault;
    struct buffer pending; /* read, not yet handed to the decoder whole */
    size_t taken;          /* of pending: what the decoder has now */
    bool whole;            /* one piece: the index base of libsvm may depend on the last row,
                            * and a JSON document has no lines */
    bool opened;
    bool in_piece;
    bool at_end;
};

/* path: NULL or "-" is standard input. */
int row_reader_open(struct row_reader *reader, const char *path, enum format format,
                    const struct decode_rules *rules, struct err *err) MUST_CHECK;
void row_reader_close(struct row_reader *reader);

/* The next rows; 0 rows at the end. The error reads "FILE: row N, column M: reason". */
int row_reader_next(struct row_reader *reader, size_t max_rows, struct matrix *ret,
                    struct err *err) MUST_CHECK;
