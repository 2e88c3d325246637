#!/usr/bin/env python3
"""Writes base/number_tables.c: the powers of ten that number_parse.c and number_print.c share.

    python3 base/number_tables.py > base/number_tables.c

Exact integer arithmetic only. Before it writes anything it proves what the C code relies on: the
three integer forms of the logarithms in number_tables.h, that a table entry plus one fits 128 bits,
and, for every binary exponent of a double, that 67 bits below the point are enough to tell a
whole number of decimal units from one that is not (the argument in number_print.c).
"""
from fractions import Fraction
from math import floor

POWER_MIN, POWER_MAX = -342, 324
EXACT_MAX = 55  # the largest n with 5**n < 2**128


def floor_log2(x):
    """floor(log2(x)) of a positive fraction."""
    n = x.numerator.bit_length() - x.denominator.bit_length()
    return n if x >= Fraction(2) ** n else n - 1


def significand(power):
    """The 128-bit integer T with T <= 10**power / 2**(floor_log2 - 127) < T + 1."""
    ten = Fraction(10) ** power
    exact = ten / Fraction(2) ** (floor_log2(ten) - 127)
    result = floor(exact)
    assert 1 << 127 <= result < 1 << 128
    assert (exact == result) == (0 <= power <= EXACT_MAX)
    assert exact == result or result & (2 ** 64 - 1) != 2 ** 64 - 1
    return result


def prove_logarithms():
    for power in range(POWER_MIN, POWER_MAX + 1):
        assert power * 217706 >> 16 == floor_log2(Fraction(10) ** power)
    for q in range(-1074, 972):
        for k, x in ((q * 315653 >> 20, Fraction(2) ** q),
                     (q * 315653 - 131072 >> 20, Fraction(2) ** q * 3 / 4)):
            assert Fraction(10) ** k <= x < Fraction(10) ** (k + 1)


def nearest_approach(x, limit):
    """The least distance of n * x from a whole number over 1 <= n <= limit, where it is none: it is
    found at the denominator of a convergent of x's continued fraction."""
    if x.denominator <= limit:
        return Fraction(1, x.denominator)
    a, b = x.numerator, x.denominator
    before, denominator = 1, 0
    while b:
        quotient, rest = divmod(a, b)
        if quotient * denominator + before > limit:
            break
        before, denominator = denominator, quotient * denominator + before
        a, b = b, rest
    distance = denominator * x - floor(denominator * x)
    return min(distance, 1 - distance)


def prove_fractions():
    for q in range(-1074, 972):
        for k in {q * 315653 >> 20, q * 315653 - 131072 >> 20}:
            approach = nearest_approach(Fraction(2) ** q / Fraction(10) ** k, 2 ** 55 + 2)
            assert approach > Fraction(1, 2 ** 67)


prove_logarithms()
prove_fractions()
print("/* Written by number_tables.py: do not edit. */")
print('#include "base/number_tables.h"\n')
print("const uint64_t number_powers[NUMBER_POWER_MAX - NUMBER_POWER_MIN + 1][2] = {")
for power in range(POWER_MIN, POWER_MAX + 1):
    value = significand(power)
    print("    {0x%016x, 0x%016x}, /* 10^%d */" % (value >> 64, value % 2 ** 64, power))
print("};")
