#pragma once
/*
 * Predictions to response bodies (xgboost-container 4.3, 4.4). Numbers are float32 widened to
 * double and printed as Python's repr does.
 *
 * Each appends to body. Errors: ERR_LIMIT beyond the body's max, ERR_MEMORY; the body then holds a
 * part of the text. Room is asked for before it is known how long the numbers are: a body that
 * comes within 8 KB of the max may be refused.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "algorithms/answer.h"
#include "algorithms/predictions.h"
#include "base/compiler.h"
#include "base/err.h"
#include "base/memory.h"

/* What the answers of the built-ins are made of (answer_encode.h). */
struct answer_shape {
    const struct answer_field *fields; /* in the order of application/json */
    size_t field_count;                /* up to ANSWER_FIELDS_MAX */
    const char *root;                  /* of application/json: "predictions"; PCA "projections" */
    uint32_t csv_first;                /* the columns of a line of text/csv */
    uint32_t csv_count;
    bool python2; /* as the first images write: labels are 1.0 */
    bool verbose; /* with the verbose fields */
};

/*
 * Bodies that are rows one after another, with a text before, between and after them. Such a body
 * can be made in parts, the rows of each part by another thread: `first` is true for the part that
 * has the body's first row.
 *
 * A small value, to be copied at will and otherwise left alone. Those of the XGBoost image are the
 * constants below; those of the built-ins are made by answer_encode.h.
 */
struct encoding {
    const struct encode_kind *kind; /* NULL: none */
    struct answer_shape answer;     /* of the built-ins */
};

/* text/csv: a line a row, columns joined by ',', each line ended by '\n'. */
extern const struct encoding encoding_csv;

/* The first images' text/csv: Python's str() of the rows, joined by ',' on one line that is not
 * ended: "0.5,1.0", or "[0.5, 0.5],[0.25, 0.75]". */
extern const struct encoding encoding_csv_joined;

/* A line a row of Python's str(): one column is a number, several are "[a, b]"; each line ended. */
extern const struct encoding encoding_batch;

/* {"predictions": [{"score": 0.5}, ...]}; a row of several columns is a list. */
extern const struct encoding encoding_json;

/* A bare list: [0.5, ...], or [[0.1, 0.9], ...] where a row has several columns. */
extern const struct encoding encoding_bare_json;

/* A line a row, {"score": 0.5}, each ended by '\n'; a row of several columns is a list. */
extern const struct encoding encoding_jsonlines;

/* encode_recordio of server/formats/recordio.h. */
extern const struct encoding encoding_recordio;

int encode_begin(const struct encoding *encoding, struct buffer *body, struct err *err) MUST_CHECK;
int encode_rows(const struct encoding *encoding, const struct predictions *predictions, bool first,
                struct buffer *body, struct err *err) MUST_CHECK;
int encode_end(const struct encoding *encoding, struct buffer *body, struct err *err) MUST_CHECK;

/* The three in one. */
int encode_body(const struct encoding *encoding, const struct predictions *predictions,
                struct buffer *body, struct err *err) MUST_CHECK;

/* application/x-npy: numpy's file format 1.0, float64, shape (rows,) or (rows, columns). */
int encode_npy(const struct predictions *predictions, struct buffer *body,
               struct err *err) MUST_CHECK;

/* For other encoders: tells that body has no room for `need` more bytes, as the encoders here do.
 * Returns -1. */
int encode_no_room(const struct buffer *body, size_t need, struct err *err);
