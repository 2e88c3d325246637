#!/usr/bin/env python3
"""Writes base/unicode_tables.h from Python's unicodedata, which must be of Unicode 14 (Python 3.11).

    python3 base/unicode_tables.py > base/unicode_tables.h
"""
import unicodedata

assert unicodedata.unidata_version == "14.0.0", unicodedata.unidata_version
COUNT = 0x110000


def ranges(member):
    """The inclusive ranges of the code points that are members."""
    first = None
    for code in range(COUNT + 1):
        if code < COUNT and member(code):
            first = code if first is None else first
        elif first is not None:
            yield first, code - 1
            first = None


def print_table(comment, declaration, entries):
    print("\n/* %s */\nstatic const %s = {" % (comment, declaration))
    line = "   "
    for entry in entries:
        if len(line) + len(entry) + 2 > 100:
            print(line)
            line = "   "
        line += " " + entry + ","
    print(line + "\n};")


def unprintable(code):
    return code != 0x20 and unicodedata.category(chr(code))[0] in "CZ"


zeros = [code for code in range(COUNT) if unicodedata.decimal(chr(code), -1) == 0]
for zero in zeros:
    assert [unicodedata.decimal(chr(zero + i)) for i in range(10)] == list(range(10))
assert 10 * len(zeros) == sum(unicodedata.decimal(chr(c), -1) >= 0 for c in range(COUNT))

print("#pragma once")
print("/* Written by unicode_tables.py from Unicode %s: do not edit. */\n" %
      unicodedata.unidata_version)
print("#include <stdint.h>\n\n/* clang-format off */")
print_table("First and last code point of what is of a category C* or Z* and not a space",
            "uint32_t unicode_unprintable[][2]",
            ["{0x%x, 0x%x}" % r for r in ranges(unprintable)])
print_table("The digits 0 of all scripts; 1 to 9 follow each", "uint32_t unicode_zeros[]",
            ["0x%x" % zero for zero in zeros])
print("/* clang-format on */")
