#pragma once
/*
 * Request bodies to blocks of rows. A decoder checks the whole body as the original does (its
 * errors come in the original's order and words) and hands out blocks that fit the cache. One
 * decoder a format, parameterised by rules; formats know matrices, not models.
 *
 *   decoder_init(&d);                    once a thread: the memory is reused
 *   decoder_open(&d, kind, body, ...);   0, or -1 and the fault
 *   while (decoder_next(&d, max_rows, &matrix, &fault) == 0 && matrix.rows) score(...);
 *   decoder_fini(&d);
 *
 * Some faults are found only at the end (an infinity, which the original finds after all text was
 * parsed): a response may leave only after decoder_next has returned a block of 0 rows. After a
 * fault a decoder is good for nothing but decoder_open and decoder_fini.
 *
 * The views that a decoder is given (body, piece) must stay until it is opened or continued again.
 * Time and memory are in proportion to the body, whatever is in it (libsvm rows out of order cost a
 * sort). Memory is kept from one body to the next, but for buffers of more than 4 MB.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "algorithms/matrix.h"
#include "base/bytes.h"
#include "base/compiler.h"
#include "base/memory.h"

enum format {
    FORMAT_CSV,
    FORMAT_LIBSVM,
    FORMAT_RECORDIO,
    FORMAT_PARQUET, /* known by name; never decoded */
    FORMAT_JSON,
    FORMAT_JSONLINES,
};

/* Of a body's faults the original tells the one of the highest rank, of these the first. */
enum decode_rank {
    DECODE_RANK_NONE,
    DECODE_RANK_INFINITE,  /* an infinity */
    DECODE_RANK_CELL,      /* what should be a number is none */
    DECODE_RANK_SHAPE,     /* csv: a line of another number of cells than the first */
    DECODE_RANK_DELIMITER, /* csv: it cannot be told from the first line */
    DECODE_RANK_TEXT,      /* no UTF-8 */
};

/* Why a body cannot be read. `text` is the original's exception text after the "Loading ... failed"
 * prefix: "<class 'ValueError'>" and the message are kept apart, because formats join them with
 * different white space. JSON is ours, and so are its texts: one line that tells record and offset
 * itself, "record 3, offset 120: ..." (of JSON Lines the offset in the line), but for the
 * infinity's. */
struct decode_fault {
    bool out_of_memory;    /* we failed, not the body: nothing else is set */
    enum decode_rank rank; /* csv, libsvm; DECODE_RANK_NONE where it is none of these */
    const char *exception; /* "ValueError", "_csv.Error", "UnicodeDecodeError",
                            * "xgboost.core.XGBoostError", "OverflowError",
                            * "google.protobuf.message.DecodeError" */
    struct buffer message; /* UTF-8; quotes the cell, and so up to four times the body's size */
    uint64_t row;          /* 1-based line of the stripped body, counted on over what continues it;
                            * of recordio the row that the record is or would be; 0: not known,
                            * or told by the message */
    uint64_t column;       /* 1-based cell (csv), item between spaces (libsvm), column (recordio);
                            * 0: not known */
};

void decode_fault_init(struct decode_fault *fault);
void decode_fault_fini(struct decode_fault *fault);
void decode_fault_clear(struct decode_fault *fault);

/* What records may be together in a body of RecordIO (xgboost-container 3.5). */
enum decode_recordio_rows {
    /* What any image reads. A row without keys and values but with a shape is an empty sparse row;
     * sparse rows may be of any width, dense ones are of one; labels are not looked at; records may
     * come in parts, as MXNet writes them. */
    RECORDIO_ANY,
    /* 3.2-0, strict: one width for all (one without keys and values has none), labels are finite
     * and each row's or none's. */
    RECORDIO_STACKED,
    /* To 3.0-5, strict: every record is of the first one's type, width and density, sparse ones
     * have a shape, and no record is without values. */
    RECORDIO_ONE_SCHEMA,
    /* Linear Learner and its siblings: as any image reads them, but each record is a row, all are
     * of one width, sparse ones have a shape, and a shape of dense ones fits. */
    RECORDIO_ONE_WIDTH,
};

/*
 * csv of Linear Learner and its siblings (linear-learner 4.4). Rows are the lines that are not
 * blank. A cell is what Python's float() takes, white space around it and quotes around that
 * allowed ('"1.5"'); an empty one is a fault. The delimiter is ','; "\r" before a line's end is
 * part of that.
 *
 * The fault is the first in the body: a row of another number of cells, or a cell that is no number
 * (in a row of the right number), both of DECODE_RANK_CELL; but text that is no UTF-8 comes before
 * all others. A body without a row is a fault. Messages are ours and short: "3 columns, not 4",
 * "an empty cell", "'abc' is not a number". decode_fault.row counts rows, not lines.
 */
struct csv_rules {
    bool builtin; /* these rules; otherwise XGBoost's, and what follows is 0 */
    /* The first so many cells of each row are passed over, whatever is in them. They are no columns
     * of the matrix, but decode_fault.column counts them. */
    uint32_t label_size;
    uint64_t columns; /* of the matrix: other rows are faults. 0: as many as the first row has */
};

struct decode_rules {
    bool libsvm_shift;       /* see models/profile.h */
    bool keep_trailing_rows; /* libsvm: trailing rows without a feature are rows (the original drops
                              * them; --strict) */
    bool refuse_empty_cr;    /* csv: a last cell of "\r" alone is an error as in the original
                              * (--strict), not a missing value */
    bool more_follows;       /* the body is the first piece of several (`predict`): its end is taken
                              * as decoder_continue takes a piece's, not stripped of white space;
                              * that it has no row, or no feature (libsvm), is no fault. With
                              * libsvm_shift the first piece shows the base of all: whoever gives
                              * pieces has to know it */

    bool infinite_ok; /* an infinity is a value, as in images up to 1.3; otherwise a fault */

    /* JSON and JSON Lines. Unless told otherwise, null is no number, and a sparse record may be of
     * another width than others. What absent entries mean is the scorer's to say. */
    bool json_null_is_missing;
    bool json_one_width; /* all records, dense or sparse, are of one width */

    enum decode_recordio_rows recordio;
    /* RecordIO of Linear Learner (linear-learner 4.5): a sparse row's width is the product of its
     * shape's dimensions, not the first one; a key beyond it is a fault, not an entry that is
     * missing; values of the same key are added up. */
    bool recordio_builtin;

    struct csv_rules csv;
};

/* recordio: the first row that is not as wide as it must be. Rows from 0. */
struct decode_misfit {
    bool found;
    uint64_t row;
    uint64_t width;
};

/* recordio: what the records have shown so far. Rows from 0. */
struct decode_records {
    uint64_t offset; /* of the piece in the input */
    uint64_t piece;  /* its size */
    int type;        /* of the first row's numbers */
    bool sparse;     /* a row is sparse: blocks are CSR */
    bool dense;      /* a row is dense: */
    uint64_t dense_row;
    uint64_t dense_width;
    uint64_t width; /* the largest; with RECORDIO_STACKED the first that is not 0 */
    struct decode_misfit misfit;
    struct decode_misfit dense_misfit; /* among the dense rows */
    uint64_t labels;                   /* rows that have one (RECORDIO_STACKED) */
    uint64_t bad_label;                /* 1-based row of the first that is not finite */
};

struct decoder {
    enum format format;
    struct decode_rules rules;
    struct bytes body;  /* what is left to hand out */
    uint64_t columns;   /* of the request; known after decoder_open (libsvm, json, recordio: the
                         * largest so far, where pieces follow) */
    uint64_t rows;      /* of the body and of what continued it; known after decoder_open */
    uint64_t rows_done; /* handed out, over all continuations */
    bool continued;     /* decoder_continue was called */

    char delimiter;        /* csv */
    bool by_line;          /* csv: what is left is read by csv_line.c */
    uint64_t infinite_row; /* csv: where the first infinity is, 0 where there is none */
    uint64_t infinite_column;

    bool shifted;       /* libsvm: indices were decreased by 1 */
    uint64_t rows_held; /* libsvm: trailing rows without a feature, dropped unless one follows */
    size_t next_row;    /* libsvm, json: the first row not yet handed out, in row_size */
    size_t next_entry;  /* libsvm, json: its first entry, in values and column_index */

    uint64_t width; /* json: of the dense rows; 0 before the first */
    bool sparse;    /* json: the rows are handed out as CSR */

    struct decode_records records; /* recordio */

    /* reused memory; not all of it for each format, nor for what the name says */
    struct buffer values, row_start, column_index, row_size, scratch;
};

void decoder_init(struct decoder *decoder);
void decoder_fini(struct decoder *decoder);

/* A fault with out_of_memory set may be met anywhere. FORMAT_PARQUET is refused. */
int decoder_open(struct decoder *decoder, enum format format, struct bytes body,
                 const struct decode_rules *rules, struct decode_fault *fault) MUST_CHECK;

/* For input that comes in pieces (`predict`): `piece` is whole lines that follow what was handed
 * out, to the last row; delimiter and columns stay (csv), and so does the shift of indices (libsvm:
 * an index 0 after shifted ones is a fault) and the width of dense rows (JSON Lines). Leading and
 * trailing blank lines are not stripped, except that one final line end is no row; in JSON Lines
 * blank lines are nothing. FORMAT_JSON is one piece: to continue it is a fault. Of recordio a piece
 * is whole records (recordio_whole in recordio.h), whose dense rows are as wide as those before;
 * offsets in faults count on. */
int decoder_continue(struct decoder *decoder, struct bytes piece,
                     struct decode_fault *fault) MUST_CHECK;

/* At most max_rows rows, as views of the decoder's memory that hold until the next call; 0 rows at
 * the end. */
int decoder_next(struct decoder *decoder, size_t max_rows, struct matrix *ret,
                 struct decode_fault *fault) MUST_CHECK;
