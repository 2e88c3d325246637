#pragma once
/*
 * Binary floating point to the shortest decimal text that reads back to the same double, the
 * closest one where several are shortest, in the layout of Python's repr(): positional where the
 * decimal exponent is in -4 .. 15, always with a digit on both sides of the point ("1.0"), else
 * scientific with at least two exponent digits ("1e-05", "1.5e+16").
 */

#include <stddef.h>

/* Room that any number fits in, "-2.2250738585072014e-308" and a spare byte included. */
#define NUMBER_PRINT_MAX 32

/* Writes to out, which has NUMBER_PRINT_MAX bytes, without a NUL; returns the length. Not finite:
 * "nan", "inf", "-inf". */
size_t number_print_double(char *out, double value);

/* The same, but "NaN", "Infinity", "-Infinity", as Python's json module writes them. */
size_t number_print_json(char *out, double value);

/*
 * As RapidJSON writes with at most 15 decimals (linear-learner 5.2). By the shortest decimal's
 * exponent: -6 .. 20 positional, what is behind the fifteenth digit after the point cut off, not
 * rounded, then trailing zeros but one; other ones scientific, with all digits and without '+' or
 * padding ("1.5e21", "2e-15"); below -16 "0.0", or "-0.0". Not finite: as number_print_json.
 */
size_t number_print_lines(char *out, double value);

/* As Python 2's str(): 12 significant digits, scientific where the exponent is below -4 or above
 * 10 ("1e+11", "30.1734218597", "1.0"). Not finite: as number_print_double. */
size_t number_print_python2(char *out, double value);

/* A whole number of less than 2^53 without a point: "2", "-1"; -0.0 is "0". Returns 0 for all other
 * values, and has written nothing of use then. */
size_t number_print_whole(char *out, double value);
