#pragma once
/*
 * The powers of ten that reading and printing of numbers share, and exact integer forms of the
 * logarithms that go with them. number_tables.c is written by number_tables.py, which also proves
 * what is said here.
 */

#include <stdint.h>

#define NUMBER_POWER_MIN -342
#define NUMBER_POWER_MAX 324
#define NUMBER_POWER_EXACT                                                                         \
    55 /* 0 .. 55: the entry is the power of ten; elsewhere it is cut off                          \
        */

/* number_powers[e - NUMBER_POWER_MIN]: the first 128 bits of 10^e, high word first. With T for the
 * entry, T <= 10^e / 2^(number_log2_of_ten(e) - 127) < T + 1, and T >= 2^127. */
extern const uint64_t number_powers[NUMBER_POWER_MAX - NUMBER_POWER_MIN + 1][2];

/* floor(log2(10^e)), for the exponents of the table */
static inline int number_log2_of_ten(int e)
{
    return e * 217706 >> 16;
}

/* floor(log10(2^e)) and floor(log10(3/4 * 2^e)), for the exponents of a double, -1074 .. 971 */
static inline int number_log10_of_two(int e)
{
    return e * 315653 >> 20;
}

static inline int number_log10_of_three_quarters(int e)
{
    return (e * 315653 - 131072) >> 20;
}
