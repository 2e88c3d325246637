#!/usr/bin/env python3
"""Compares base/number_*.c and base/unicode.c with this Python's float(), int(), repr(), str.isspace(),
str.isprintable() and UTF-8 decoder.

    number_python.py PROGRAM [COUNT [SEED]]

PROGRAM is number_long; where an emulator runs it, meson names that in MESON_EXE_WRAPPER. COUNT (default
1,000,000) doubles are printed, and as many texts read, right and wrong ones. Every code point is
classified where this Python has Unicode 14 (3.11).
"""
import math
import os
import random
import shlex
import struct
import subprocess
import sys
import unicodedata

BATCH = 50000


def ask(program, questions):
    """The answers to the lines, which are bytes."""
    wrapper = shlex.split(os.environ.get("MESON_EXE_WRAPPER", ""))
    run = subprocess.run([*wrapper, program, "answer"], input=b"".join(q + b"\n" for q in questions),
                         stdout=subprocess.PIPE, check=True)
    answers = run.stdout.decode().split("\n")[:-1]
    assert len(answers) == len(questions), (len(answers), len(questions))
    return answers


def hex_of(value):
    return struct.pack(">d", math.nan if math.isnan(value) else value).hex()


def random_double(rng):
    kind = rng.randrange(6)
    if kind == 0:
        return struct.unpack("<f", rng.randbytes(4))[0]
    if kind == 1:
        return rng.uniform(-1, 1) * 10 ** rng.randrange(-6, 18)
    if kind == 2:
        return float(rng.randrange(10 ** rng.randrange(1, 18)))
    if kind == 3:
        return round(rng.uniform(-1000, 1000), rng.randrange(6))
    return struct.unpack("<d", rng.randbytes(8))[0]


DIGITS = [chr(code) for code in range(0x110000) if unicodedata.decimal(chr(code), -1) >= 0]
SPACES = [chr(code) for code in range(0x110000) if chr(code).isspace() and code != 10]
ODD = ["_", ".", "e", "E", "+", "-", "__", "inf", "nan", "Infinity", "NAN", "x", "\0", " ", "\x7f",
       "\xb2", "\u2212", "\U0001f600"]


def random_text(rng):
    """Mostly numbers, from the pieces of Python's grammar, in order or not."""
    value = random_double(rng)
    text = rng.choice([repr, str, "%.17g".__mod__, "%.18e".__mod__, "%.30f".__mod__, "%g".__mod__,
                       "%.0f".__mod__])(value)
    for _ in range(rng.choice([0, 0, 0, 1, 1, 2, 4])):
        at = rng.randrange(len(text) + 1)
        change = rng.randrange(7)
        if change == 0:
            text = rng.choice(SPACES) + text + rng.choice(SPACES)
        elif change == 1:
            text = text[:at] + rng.choice(ODD) + text[at:]
        elif change == 2:
            text = text[:at] + "_" + text[at:]
        elif change == 3:
            text = text[:at] + rng.choice(DIGITS) + text[at:]
        elif change == 4:
            text = text[:at] + text[at + 1:]
        elif change == 5:
            text = text.translate({ord("0") + i: rng.choice([chr(0x660 + i), chr(0xff10 + i)])
                                   for i in range(10)})
        else:
            text = text[:at] + "".join(rng.choice("0123456789") for _ in range(rng.randrange(30))) \
                + text[at:]
    return text


def expected_float(text):
    try:
        return hex_of(float(text))
    except ValueError:
        return "bad"


def expected_int(text):
    try:
        value = int(text)
    except ValueError:
        return "bad"
    return str(value) if -2 ** 63 <= value < 2 ** 63 else "large"


def expected_json(value):
    names = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
    return names.get(repr(value), repr(value))


def expected_utf8(data):
    try:
        data.decode()
        return "ok"
    except UnicodeDecodeError as error:
        return "%d %d %02x %s" % (error.start, error.end - 1, data[error.start], error.reason)


def random_bytes(rng):
    """A short text of a few scripts, cut or spoilt."""
    text = "".join(rng.choice(["a", "1,", "\xe9", "\u20ac", "\ud55c", "\U0001f600", "\uffff"])
                   for _ in range(rng.randrange(12)))
    data = bytearray(text.encode())
    for _ in range(rng.randrange(3)):
        if data:
            at = rng.randrange(len(data))
            edge = [0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xed,
                    0xef, 0xf0, 0xf4, 0xf5, 0xff]
            if rng.random() < 0.5:
                data[at] = rng.choice(edge)
            else:
                del data[at:at + rng.randrange(3)]
    return bytes(data)


def questions_and_answers(rng, count):
    for _ in range(count):
        value = random_double(rng)
        yield b"p " + hex_of(value).encode(), repr(value)
        yield b"j " + hex_of(value).encode(), expected_json(value)
        text = random_text(rng)
        yield b"f " + text.encode(), expected_float(text)
        yield b"i " + text.encode(), expected_int(text)
        text = str(rng.randrange(-10 ** rng.randrange(1, 22), 10 ** 19))
        yield b"i " + text.encode(), expected_int(text)
        data = random_bytes(rng)
        yield b"u " + data.hex().encode(), expected_utf8(data)


def classes():
    if unicodedata.unidata_version != "14.0.0":
        print("classes not compared: Unicode %s" % unicodedata.unidata_version)
        return
    for code in range(0x110000):
        c = chr(code)
        yield (b"c %x" % code,
               "%d %d %d" % (c.isspace(), unicodedata.decimal(c, -1), c.isprintable()))


def compare(program, pairs):
    pairs = list(pairs)
    bad = 0
    for (question, expected), answer in zip(pairs, ask(program, [q for q, _ in pairs])):
        if answer != expected:
            bad += 1
            if bad <= 20:
                print("%r: %s, not %s" % (question, answer, expected))
    return bad


def main():
    program = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1000000
    rng = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    bad = compare(program, classes())
    done = 0
    while done < count:
        batch = min(BATCH, count - done)
        bad += compare(program, questions_and_answers(rng, batch))
        done += batch
    print("%d doubles and %d texts: %d differences" % (count, 4 * count, bad))
    return bad != 0


if __name__ == "__main__":
    sys.exit(main())
