#include "base/number_round.h"

#include <float.h>
#include <string.h>

#include "base/compiler.h"
#include "base/number_tables.h"

_Static_assert(FLT_EVAL_METHOD == 0, "double arithmetic must round to double");

/*
 * Three ways from digits w and a power of ten q to the double next to w * 10^q, each for what the
 * one before it cannot do:
 *
 *   1. number_round_once(): w <= 2^53 and |q| <= 22 make both doubles, so that one multiplication
 *      or division rounds once (W. D. Clinger, How to read floating point numbers accurately, 1990)
 *   2. estimate(): the first 128 bits of w * 10^q, which nearly always decide the rounding
 *      (D. Lemire, Number parsing at a gigabyte per second, 2021)
 *   3. number_decimal_compare(): all digits against the midpoint of the two doubles in question
 */

const double number_double_tens[23] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

/* The double mantissa * 2^exponent at or next below a number, and whether that number rounds up
 * from there. mantissa >= 2^52 unless exponent is -1074; infinity is 0 * 2^973. */
struct estimate {
    uint64_t mantissa;
    int exponent;
    bool up;
    bool undecided; /* too close to a midpoint, or to the next double, to tell on which side */
};

/*
 * With T the table's entry for 10^q and w shifted to 2^63 or more, the number is w * T or, where T
 * is cut off, a little more: less than w units of the product's last place, of 192. So the
 * product's bits above the low 64 are right or one too small, the latter only where adding w
 * carries out of the low 64 and then only matters where all bits from there to the rounding bit are
 * ones.
 */
static inline struct estimate estimate(uint64_t w, int64_t q)
{
    const uint64_t *power;
    unsigned __int128 high, low;
    uint64_t top, middle, rest, mask;
    int zeros, upper, exponent, bits, shift;
    bool exact = q >= 0 && q <= NUMBER_POWER_EXACT, odd, above;
    struct estimate result = {0, -1074, false, false};

    if (w == 0 || q < NUMBER_POWER_MIN)
        return result;
    result.exponent = 973;
    if (q > 308)
        return result;
    power = number_powers[q - NUMBER_POWER_MIN];
    zeros = __builtin_clzll(w);
    w <<= zeros;
    low = (unsigned __int128)w * power[1];
    high = (unsigned __int128)w * power[0] + (uint64_t)(low >> 64);
    top = (uint64_t)(high >> 64);
    middle = (uint64_t)high;

    upper = (int)(top >> 63); /* top has 63 + upper bits */
    exponent = 63 + upper + number_log2_of_ten((int)q) - zeros;
    if (exponent > 1023)
        return result;
    bits =
        exponent >= -1022 ? 53 : 1075 + exponent; /* in the mantissa: subnormal ones have fewer */
    result.exponent = exponent >= -1022 ? exponent - 52 : -1074;
    if (bits < 0) {
        result.undecided =
            bits == -1; /* just below the midpoint of 0 and 2^-1074, or so it seems */
        return result;
    }
    shift = 62 + upper - bits; /* leaves the mantissa and the rounding bit */
    mask = (UINT64_C(1) << shift) - 1;
    rest = top & mask;
    result.mantissa = top >> shift >> 1;
    result.undecided = !exact && rest == mask && middle == UINT64_MAX && (uint64_t)low + w < w;
    /* no branch here, which would go either way half of the time */
    odd = result.mantissa & 1;
    above = !exact | ((rest | middle | (uint64_t)low) != 0);
    result.up = (top >> shift & 1) & (above | odd);
    return result;
}

static inline double estimate_double(const struct estimate *e, bool up)
{
    /* The mantissa's highest bit, 2^52, counts as 1 in the exponent's field; a carry out of the
     * mantissa raises the exponent as it should, up to infinity. */
    uint64_t bits = ((uint64_t)(e->exponent + 1074) << 52) + e->mantissa + up;
    double value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

bool number_round(uint64_t w, int64_t q, bool more, double *ret)
{
    struct estimate e = estimate(w, q);

    if (UNLIKELY(e.undecided))
        return false;
    *ret = estimate_double(&e, e.up);
    if (UNLIKELY(more)) {
        struct estimate next = estimate(w + 1, q);

        return !next.undecided && *ret == estimate_double(&next, next.up);
    }
    return true;
}

/* All digits decide. w, q: as above, for the decimal's first 19 digits. */
static double by_comparison(const struct number_decimal *decimal, uint64_t w, int64_t q)
{
    struct estimate e = estimate(w, q);
    int sign = number_decimal_compare(decimal, 2 * e.mantissa + 1, e.exponent - 1);

    return estimate_double(&e, sign > 0 || (sign == 0 && (e.mantissa & 1)));
}

double number_round_decimal(const struct number_decimal *decimal)
{
    int taken = decimal->count < 19 ? decimal->count : 19;
    int64_t q = decimal->exponent + decimal->count - taken;
    bool more = decimal->more || decimal->count > 19;
    uint64_t w = 0;
    double value;

    for (int i = 0; i < taken; i++)
        w = w * 10 + decimal->digits[i];
    if (more || !number_round_once(w, q, &value)) {
        if (!number_round(w, q, more, &value))
            value = by_comparison(decimal, w, q);
    }
    return number_signed(value, decimal->negative);
}
