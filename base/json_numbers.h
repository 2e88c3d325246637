#pragma once
/*
 * Arrays of numbers of JSON text, read straight into memory that is reused: what makes a body of
 * rows fast to read. For a strict reader; the array's '[' was just read (JSON_ARRAY_BEGIN), its ']'
 * is taken too. On an error what was appended so far is of no use.
 */

#include "base/json_reader.h"

/* Appends the elements to `values`, each rounded to a double and then to a float; too large a
 * number is infinity. null is NaN where null_is_nan, and else an error as any other word is. Errors
 * are those of json_next, and ERR_MEMORY. */
int json_numbers_f32(struct json_reader *reader, bool null_is_nan, struct buffer *values,
                     struct err *err) MUST_CHECK;

/* Appends the elements, whole numbers from 0 up to INT64_MAX, to `values` as uint64_t. One with a
 * fraction or an exponent is as good while it is whole and below 2^53. */
int json_numbers_index(struct json_reader *reader, struct buffer *values,
                       struct err *err) MUST_CHECK;
