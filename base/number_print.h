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
