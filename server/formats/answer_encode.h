#pragma once
/*
 * The answers of Linear Learner and its siblings: encodings of predictions whose columns have names
 * (linear-learner 5.1 to 5.6 and 7). They are used as all others are, see encode.h.
 *
 *   struct encoding encoding = answer_encode_json(&shape);
 *   encode_body(&encoding, &predictions, &body, &err);
 *
 * The shape is copied; the fields and texts it refers to must outlive the encoding. Columns of its
 * fields are columns of the predictions; fields beyond ANSWER_FIELDS_MAX are left out. A field that
 * is `whole` is written as an integer where it is one, but for python2; one of another count than
 * 1, or with `list`, is an array.
 */

#include "server/formats/encode.h"

/* Names are ASCII without '"' and '\\', and not longer than this. */
#define ANSWER_NAME_MAX   32
#define ANSWER_FIELDS_MAX 8

/* {"predictions": [{"score": 0.5, "predicted_label": 1}, ...]}, as Python's json.dumps writes it;
 * NaN, Infinity, -Infinity. */
struct encoding answer_encode_json(const struct answer_shape *shape);

/* A line a record, {"predicted_label":1,"score":0.5}: names in the order of the alphabet, numbers
 * as number_print_lines has them. python2: as in JSON, {"score": 0.5, "predicted_label": 1.0}. Each
 * line is ended. */
struct encoding answer_encode_jsonlines(const struct answer_shape *shape);

/* A line a record: csv_count columns from csv_first on, joined by ','. python2: of 12 digits, as
 * number_print_python2. Each line is ended. The columns need not be of fields. */
struct encoding answer_encode_csv(const struct answer_shape *shape);

/* A record a row, whose label keys are the fields' names. Classes are floats here, too. */
struct encoding answer_encode_recordio(const struct answer_shape *shape);
