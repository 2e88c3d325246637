#pragma once
/*
 * Decimal digits to the nearest double, ties to even. Not for use outside base/number_*.c.
 */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/number_decimal.h"

extern const double number_double_tens[23]; /* 10^0 .. 10^22, which are doubles */

/* -value where negative, without a branch: signs are hard to predict. */
static inline double number_signed(double value, bool negative)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    bits ^= (uint64_t)negative << 63;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

/* w * 10^q by one operation on doubles; false where it might not round once. */
static inline bool number_round_once(uint64_t w, int64_t q, double *ret)
{
    if (w > UINT64_C(1) << 53 || q < -22 || q > 22)
        return false;
    *ret = q < 0 ? (double)w / number_double_tens[-q] : (double)w * number_double_tens[q];
    return true;
}

/* w * 10^q or, with `more`, any number between that and (w + 1) * 10^q (w is not 0 then); false
 * where these digits do not decide the rounding. */
bool number_round(uint64_t w, int64_t q, bool more, double *ret);

/* Always decides; with the decimal's sign. */
double number_round_decimal(const struct number_decimal *decimal);
