#pragma once
/*
 * The rows of a JSON body while it is read: records become decoder->values and, once one of them is
 * sparse, CSR rows. For json_decode.c, which knows the grammar; this knows what a record may be.
 */

#include "base/json_numbers.h"
#include "server/formats/decode_internal.h"

struct json_rows {
    struct json_reader reader;
    struct decoder *decoder;
    struct err err;
    uint64_t rows;   /* read so far of this body or piece */
    uint64_t record; /* being read, 1-based, counted over all pieces; 0: none */
    size_t offset;   /* where it begins */
    uint64_t infinite_row, infinite_column; /* the first infinity; 1-based, 0 where there is none */
};

static inline struct json_source *json_rows_source(struct json_rows *in)
{
    return &in->reader.source;
}

/* Each ends a record whose values, from number `first` on in decoder->values, were read; the fault
 * is in->err. */
int json_rows_dense(struct json_rows *in, size_t first) MUST_CHECK;
/* The columns of the values are the uint64_t in decoder->scratch, in any order; `shape` is the
 * number of columns. */
int json_rows_sparse(struct json_rows *in, size_t first, uint64_t shape) MUST_CHECK;

/* Ends the body or piece. */
int json_rows_end(struct json_rows *in) MUST_CHECK;
