#pragma once
/*
 * Decimal text to binary floating point, correctly rounded (round to nearest, ties to even), for
 * any length of text, without locale and without strtod on the usual path. One for each grammar:
 *
 *   number_parse_python  what Python's float(str) takes: the cells of a request
 *   number_parse_json    what a JSON number or XGBoost's NaN and Infinity tokens are, as a double
 *   number_parse_json_f32  the same text rounded once, straight to float32 (XGBoost model files)
 *   number_parse_int     what Python's int(str) takes: libsvm indices
 *
 * A request is text -> double -> float32, in that order: it differs from text -> float32 in rare
 * halfway cases, and the originals do the former.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

enum number_result {
    NUMBER_OK = 0,
    NUMBER_BAD = -1,      /* the text is not of the grammar */
    NUMBER_TOO_LARGE = -2 /* number_parse_int alone: of the grammar, but outside int64 */
};

/*
 * The fast path of numbers that come one by one (number_cells.h is that of many): reads an
 * optionally signed plain ASCII decimal (digits[.digits][e[sign]digits]) that begins at text, stops
 * at the first byte that does not belong to it, and returns the number of bytes read, 0 where none
 * starts there (spaces, inf, nan,
 * '_' and non-ASCII text are for number_parse_python). Reads no byte at or after end, but looks
 * ahead: it is faster where end is the end of the body than where it is the end of the cell.
 */
size_t number_scan_double(const char *text, const char *end, double *ret_value);

/* The whole of text[0..size) as Python's float() reads it: surrounding Unicode white space (but not
 * 1c .. 1f, which str.strip() strips and float() does not), sign, digits of any script with single
 * '_' between them, fraction, exponent, inf, infinity, nan. The text is valid UTF-8. Trailing NULs
 * are the caller's to drop. */
enum number_result number_parse_python(const char *text, size_t size, double *ret_value) MUST_CHECK;

/* The whole of text[0..size): a JSON number, NaN, Infinity or -Infinity (XGBoost 1.0 and 1.1 wrote
 * nan, -nan, inf and -inf); also ".5", "5." and a leading '+', which some writers emit. Not "01".
 * Too large a number is infinity. */
enum number_result number_parse_json(const char *text, size_t size, double *ret_value) MUST_CHECK;
enum number_result number_parse_json_f32(const char *text, size_t size,
                                         float *ret_value) MUST_CHECK;

/* The whole of text[0..size) as Python's int(str) in base 10 (surrounding Unicode white space,
 * sign, digits of any script with single '_'). NUMBER_TOO_LARGE leaves INT64_MIN or INT64_MAX. */
enum number_result number_parse_int(const char *text, size_t size, int64_t *ret_value) MUST_CHECK;
