#pragma once
/*
 * Decimal text of any length, exactly: the slow and certain way, on which number_parse.c falls back
 * where its fast paths do not apply or cannot decide. Not for use elsewhere.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

/* A number halfway between two doubles has at most 768 significant digits, (2^54 - 1) * 2^-1075
 * that many: a longer text compares with it as its first 768 digits and "something more" do. */
#define NUMBER_DECIMAL_DIGITS 768

/* The number digits[0] ... digits[count - 1] * 10^exponent, without its sign, or, where `more`, a
 * little more: less than one unit of the last digit. */
struct number_decimal {
    bool negative;
    bool more;
    int count;                             /* 0 for zero; digits[0] is not 0 */
    int64_t exponent;                      /* of the last digit; clamped far outside any double */
    uint8_t digits[NUMBER_DECIMAL_DIGITS]; /* 0 .. 9 */
};

/* Reads the whole of text[0..size) (valid UTF-8): sign, digits of any script with single '_'
 * between two of them, fraction, exponent; at least one digit before the exponent. False where the
 * text is of another form. */
bool number_decimal_read(const char *text, size_t size, struct number_decimal *ret) MUST_CHECK;

/* The sign of |decimal| - mantissa * 2^exponent. The two are close: they differ by less than a
 * factor of two, and neither is 0; mantissa < 2^54, exponent -1075 .. 971. */
int number_decimal_compare(const struct number_decimal *decimal, uint64_t mantissa, int exponent);
