#include "base/number_print.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/compiler.h"
#include "base/number_tables.h"

/*
 * The shortest digits, after R. Giulietti, The Schubfach way to render doubles (2020).
 *
 * A double v = c * 2^q is what reads back from every decimal of an interval around it: half a unit
 * of c to either side (below a power of two a quarter), ends included where c is even. With 10^k
 * the largest power of ten not above the interval's width, the interval holds at least one multiple
 * of 10^k and at most one of 10^(k+1). If it holds the latter, no other decimal in it is as short;
 * otherwise the shortest are the multiples of 10^k, and of these one of the two around v is
 * closest.
 *
 * All comparisons are of multiples of 10^k with v and the interval's ends. Scaled by 4 / 10^k all
 * of these are n * 2^q / 10^k with a whole n < 2^56, compared with whole numbers, and it is enough
 * to know the whole part and whether there is a fraction. scaled() finds both: number_tables.py
 * proves that a fraction which is not 0 is at least 2^-67 and at most 1 - 2^-67, and the error is
 * less than 2^-68.
 */

/* The whole part of n * 10^-k * 2^q, its lowest bit set where there is a fraction as well (what is
 * compared with it is even). high and low are the power of ten rounded up, n was shifted so that
 * the point is 128 bits from the right. */
static inline uint64_t scaled(uint64_t n, uint64_t high, uint64_t low)
{
    unsigned __int128 product = (unsigned __int128)n * low;
    uint64_t lowest = (uint64_t)product;

    product = (unsigned __int128)n * high + (uint64_t)(product >> 64);
    return (uint64_t)(product >> 64) | ((uint64_t)product != 0 || lowest >> 60 != 0);
}

/* The shortest digits of c * 2^q are digits * 10^*ret_exponent, with at most 17 digits; the last
 * ones may be zeros. lower_quarter: v is a power of two, and the next double below half as far away
 * as the one above. */
static inline __attribute__((always_inline)) uint64_t
shortest(uint64_t c, int q, bool lower_quarter, int *ret_exponent)
{
    int k = lower_quarter ? number_log10_of_three_quarters(q) : number_log10_of_two(q);
    const uint64_t *power = number_powers[-k - NUMBER_POWER_MIN];
    bool cut = -k < 0 || -k > NUMBER_POWER_EXACT;
    uint64_t high = power[0], low = power[1] + cut; /* number_tables.py: does not carry */
    int shift = q + number_log2_of_ten(-k) + 1;     /* 1 .. 4 */
    uint64_t value = scaled(4 * c << shift, high, low);
    uint64_t from = scaled((4 * c - (lower_quarter ? 1 : 2)) << shift, high, low) + (c & 1);
    uint64_t to = scaled((4 * c + 2) << shift, high, low) - (c & 1);
    uint64_t below = value / 4; /* the multiple of 10^k at or below v */
    uint64_t middle = 4 * below + 2, tens = below / 10 * 10;
    bool tens_down = 4 * tens >= from, tens_up = 4 * (tens + 10) <= to;
    bool down = 4 * below >= from, up = 4 * (below + 1) <= to;
    /* of two equally close ones the even one */
    bool closer_up = (value > middle) | ((value == middle) & below);

    /* without branches, which would go either way half of the time */
    up &= !down | closer_up;
    *ret_exponent = k;
    return (tens_down | tens_up) != 0 ? tens + 10 * tens_up : below + up;
}

/* The digits of a number below 10^8, as bytes 0 .. 9, the first digit in the lowest byte. */
static inline __attribute__((always_inline)) uint64_t split_digits(uint32_t number)
{
    uint64_t x = number / 10000 | (uint64_t)(number % 10000) << 32, upper;

    /* by 100 in both halves: v * 10486 >> 20 is v / 100 for v < 10000 */
    upper = x * 10486 >> 20 & 0x0000007f0000007fu;
    x = upper | (x - upper * 100) << 16;
    /* by 10 in four quarters: v * 103 >> 10 is v / 10 for v < 100 */
    upper = x * 103 >> 10 & 0x000f000f000f000fu;
    return upper | (x - upper * 10) << 8;
}

/* Bytes in memory in the order of their significance, lowest first. */
static void store(char *out, uint64_t bytes)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    bytes = __builtin_bswap64(bytes);
#endif
    memcpy(out, &bytes, sizeof(bytes));
}

/* Digits as text, in registers: writing them never waits for bytes that were just written. */
struct digits {
    char first;            /* not '0' */
    int count;             /* up to the last digit that is not '0' */
    uint64_t upper, lower; /* eight digits each, the first in the lowest byte */
};

/* number has 17 digits. */
static inline __attribute__((always_inline)) struct digits split(uint64_t number)
{
    uint64_t upper = split_digits((uint32_t)(number / 100000000 % 100000000));
    uint64_t lower = split_digits((uint32_t)(number % 100000000));

    return (struct digits){
        .first = (char)('0' + number / UINT64_C(10000000000000000)),
        .count = lower   ? 17 - __builtin_clzll(lower) / 8
                 : upper ? 9 - __builtin_clzll(upper) / 8
                         : 1,
        .upper = upper | 0x3030303030303030u,
        .lower = lower | 0x3030303030303030u,
    };
}

/* 0.000ddd, exponent -4 .. -1 */
static inline __attribute__((always_inline)) size_t
print_fraction(char *out, const struct digits *d, int exponent)
{
    char *p = out + 1 - exponent;

    store(out, UINT64_C(0x3030303030302e30));
    *p = d->first;
    store(p + 1, d->upper);
    store(p + 9, d->lower);
    return (size_t)(1 - exponent + d->count);
}

/* ddd.ddd, exponent 0 .. 15 */
static inline __attribute__((always_inline)) size_t
print_positional(char *out, const struct digits *d, int exponent)
{
    unsigned __int128 after = ((unsigned __int128)d->lower << 64 | d->upper) >> 8 * exponent;

    *out = d->first;
    store(out + 1, d->upper);
    store(out + 9, d->lower);
    out[exponent + 1] = '.';
    store(out + exponent + 2, (uint64_t)after);
    if (exponent < 8)
        store(out + exponent + 10, (uint64_t)(after >> 64));
    return (size_t)(d->count > exponent + 1 ? d->count + 1 : exponent + 3);
}

/* d.ddde+XX; at least two digits of exponent */
static inline __attribute__((always_inline)) size_t
print_scientific(char *out, const struct digits *d, int exponent)
{
    unsigned magnitude = (unsigned)(exponent < 0 ? -exponent : exponent);
    char *p = out + (d->count > 1 ? d->count + 1 : 1);

    out[0] = d->first;
    out[1] = '.';
    store(out + 2, d->upper);
    store(out + 10, d->lower);
    *p++ = 'e';
    *p++ = exponent < 0 ? '-' : '+';
    if (magnitude >= 100)
        *p++ = (char)('0' + magnitude / 100);
    *p++ = (char)('0' + magnitude / 10 % 10);
    *p++ = (char)('0' + magnitude % 10);
    return (size_t)(p - out);
}

static size_t print_zero(char *out)
{
    memcpy(out, "0.0", 3);
    return 3;
}

/* The shortest digits of a finite number that is not 0, and the exponent of the first one. */
static inline __attribute__((always_inline)) struct digits find_digits(uint64_t bits,
                                                                       int *ret_exponent)
{
    uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1), number;
    int exponent = (int)(bits >> 52 & 0x7ff);
    uint64_t c = exponent ? fraction | UINT64_C(1) << 52 : fraction;
    int q = (exponent ? exponent : 1) - 1075;
    bool few;

    if (q <= 0 && q > -53 && (c & ((UINT64_C(1) << -q) - 1)) == 0) {
        number = c >> -q; /* a whole number below 2^53 is its own shortest text */
        exponent = 0;
    } else {
        number = shortest(c, q, fraction == 0 && exponent > 1, &exponent);
    }
    while (number < UINT64_C(1000000000000000)) { /* never but for whole and subnormal ones */
        number *= 10;
        exponent--;
    }
    few = number < UINT64_C(10000000000000000); /* 16 digits, which is as likely as 17 */
    number += number * 9 * few;
    *ret_exponent = exponent + 16 - few;
    return split(number);
}

static size_t print_shortest(char *out, uint64_t bits)
{
    struct digits d;
    int exponent;

    if (bits << 1 == 0)
        return print_zero(out);
    d = find_digits(bits, &exponent);
    if (exponent < -4 || exponent > 15)
        return print_scientific(out, &d, exponent);
    return exponent < 0 ? print_fraction(out, &d, exponent) : print_positional(out, &d, exponent);
}

#define LINES_DECIMALS 15

/* A number printed with its point at out[point], cut. */
static size_t cut_decimals(const char *out, size_t size, size_t point)
{
    if (size <= point + 1 + LINES_DECIMALS)
        return size;
    for (size = point + 1 + LINES_DECIMALS; size > point + 2 && out[size - 1] == '0';)
        size--;
    return size;
}

/* Exponent 16 .. 20: more digits than there may be. */
static size_t print_large(char *out, const struct digits *d, int exponent)
{
    out[0] = d->first;
    store(out + 1, d->upper);
    store(out + 9, d->lower);
    memcpy(out + 17, "0000", 4);
    memcpy(out + exponent + 1, ".0", 2);
    return (size_t)exponent + 3;
}

/* d.dddeXX or d.ddde-XX */
static size_t print_bare_exponent(char *out, const struct digits *d, int exponent)
{
    size_t size = d->count > 1 ? (size_t)d->count + 1 : 1;
    unsigned magnitude = (unsigned)(exponent < 0 ? -exponent : exponent);

    out[0] = d->first;
    out[1] = '.';
    store(out + 2, d->upper);
    store(out + 10, d->lower);
    out[size++] = 'e';
    if (exponent < 0)
        out[size++] = '-';
    if (magnitude >= 100)
        out[size++] = (char)('0' + magnitude / 100);
    if (magnitude >= 10)
        out[size++] = (char)('0' + magnitude / 10 % 10);
    out[size++] = (char)('0' + magnitude % 10);
    return size;
}

static size_t print_lines(char *out, uint64_t bits)
{
    struct digits d;
    int exponent;

    if (bits << 1 == 0)
        return print_zero(out);
    d = find_digits(bits, &exponent);
    if (exponent >= 0 && exponent <= 15)
        return cut_decimals(out, print_positional(out, &d, exponent), (size_t)exponent + 1);
    if (exponent < 0 && exponent >= -6)
        return cut_decimals(out, print_fraction(out, &d, exponent), 1);
    if (exponent < -16)
        return print_zero(out);
    return exponent < 0 || exponent > 20 ? print_bare_exponent(out, &d, exponent)
                                         : print_large(out, &d, exponent);
}

#define PYTHON2_DIGITS 12

static size_t print_python2(char *out, uint64_t bits)
{
    char text[NUMBER_PRINT_MAX];
    uint64_t number;
    struct digits d;
    double value;
    int exponent;

    bits = bits << 1 >> 1;
    if (bits == 0)
        return print_zero(out);
    memcpy(&value, &bits, sizeof(value));
    /* D.DDDDDDDDDDDe+XX, rounded as Python rounds */
    snprintf(text, sizeof(text), "%.*e", PYTHON2_DIGITS - 1, value);
    number = (uint64_t)(text[0] - '0');
    for (int i = 2; i <= PYTHON2_DIGITS; i++)
        number = number * 10 + (uint64_t)(text[i] - '0');
    exponent = 0;
    for (const char *p = text + PYTHON2_DIGITS + 3; *p; p++)
        exponent = exponent * 10 + (*p - '0');
    if (text[PYTHON2_DIGITS + 2] == '-')
        exponent = -exponent;
    d = split(number * 100000); /* 17 digits */
    if (exponent < -4 || exponent > PYTHON2_DIGITS - 2)
        return print_scientific(out, &d, exponent);
    return exponent < 0 ? print_fraction(out, &d, exponent) : print_positional(out, &d, exponent);
}

static inline __attribute__((always_inline)) size_t
print(char *out, double value, const char *nan, const char *infinity,
      size_t (*print_finite)(char *out, uint64_t bits))
{
    uint64_t bits;
    size_t sign;

    memcpy(&bits, &value, sizeof(bits));
    sign = bits >> 63;
    if (UNLIKELY((bits >> 52 & 0x7ff) == 0x7ff)) {
        const char *word = bits << 12 ? nan : infinity;

        sign = bits << 12 ? 0 : sign;
        *out = '-';
        memcpy(out + sign, word, strlen(word));
        return sign + strlen(word);
    }
    *out = '-';
    return sign + print_finite(out + sign, bits);
}

size_t number_print_double(char *out, double value)
{
    return print(out, value, "nan", "inf", print_shortest);
}

size_t number_print_json(char *out, double value)
{
    return print(out, value, "NaN", "Infinity", print_shortest);
}

size_t number_print_lines(char *out, double value)
{
    return print(out, value, "NaN", "Infinity", print_lines);
}

size_t number_print_python2(char *out, double value)
{
    return print(out, value, "nan", "inf", print_python2);
}

size_t number_print_whole(char *out, double value)
{
    char digits[20];
    uint64_t magnitude;
    size_t size = 0, sign;

    if (!(value > -0x1p53 && value < 0x1p53) || value != (double)(int64_t)value)
        return 0;
    sign = value < 0;
    magnitude = (uint64_t)(int64_t)(value < 0 ? -value : value);
    do {
        digits[sizeof(digits) - ++size] = (char)('0' + magnitude % 10);
        magnitude /= 10;
    } while (magnitude);
    *out = '-';
    memcpy(out + sign, digits + sizeof(digits) - size, size);
    return sign + size;
}
