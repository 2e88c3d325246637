#pragma once
/*
 * Predictions to response bodies (xgboost-container 4.3, 4.4). Numbers are float32 widened to
 * double and printed as Python's repr does.
 *
 * Each appends to body. Errors: ERR_LIMIT beyond the body's max, ERR_MEMORY; the body then holds a
 * part of the text. Room is asked for before it is known how long the numbers are: a body that
 * comes within 8 KB of the max may be refused.
 */

#include "algorithms/predictions.h"
#include "base/compiler.h"
#include "base/err.h"
#include "base/memory.h"

/* text/csv: a line a row, columns joined by ',', each line ended by '\n'. */
int encode_csv(const struct predictions *predictions, struct buffer *body,
               struct err *err) MUST_CHECK;

/* {"predictions": [{"score": 0.5}, ...]}; a row of several columns is a list. */
int encode_json(const struct predictions *predictions, struct buffer *body,
                struct err *err) MUST_CHECK;

/* A line a row of Python's str(): one column is a number, several are "[a, b]"; each line ended. */
int encode_batch(const struct predictions *predictions, struct buffer *body,
                 struct err *err) MUST_CHECK;

/* A line a row, {"score": 0.5}, each ended by '\n'; a row of several columns is a list. */
int encode_jsonlines(const struct predictions *predictions, struct buffer *body,
                     struct err *err) MUST_CHECK;

/* The first images' text/csv: Python's str() of the rows, joined by ',' on one line that is not
 * ended: "0.5,1.0", or "[0.5, 0.5],[0.25, 0.75]". */
int encode_csv_joined(const struct predictions *predictions, struct buffer *body,
                      struct err *err) MUST_CHECK;

/* application/x-npy: numpy's file format 1.0, float64, shape (rows,) or (rows, columns). */
int encode_npy(const struct predictions *predictions, struct buffer *body,
               struct err *err) MUST_CHECK;

/* For other encoders: tells that body has no room for `need` more bytes, as the encoders here do.
 * Returns -1. */
int encode_no_room(const struct buffer *body, size_t need, struct err *err);
