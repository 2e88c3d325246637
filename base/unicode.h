#pragma once
/*
 * The little of Unicode that requests need: strict UTF-8, and the three character classes on which
 * Python's float(), int() and repr() depend (Unicode 14).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Why and where UTF-8 is invalid, as CPython's decoder tells it. */
struct unicode_fault {
    size_t first;       /* offset of the first byte of the bad sequence */
    size_t last;        /* offset of its last byte that was still valid, == first where only one */
    const char *reason; /* "invalid start byte", "invalid continuation byte" or
                         * "unexpected end of data" */
    uint8_t byte;       /* the byte at first */
};

/* Offset of the first invalid sequence (and *ret_fault), or size where the text is valid. ASCII is
 * checked eight bytes at a time. */
size_t unicode_check(const char *text, size_t size, struct unicode_fault *ret_fault);

/* Decodes the code point at text; the text is valid UTF-8 and size > 0. Returns its bytes, 1 to 4.
 */
size_t unicode_decode(const char *text, size_t size, uint32_t *ret_code);

/* Encodes a code point; returns 1 to 4 bytes. */
size_t unicode_encode(char out[4], uint32_t code);

bool unicode_is_space(uint32_t code);     /* str.isspace(): what str.strip() strips */
int unicode_digit(uint32_t code);         /* 0-9 for a decimal digit of any script, else -1 */
bool unicode_is_printable(uint32_t code); /* str.isprintable(): not of category C* or Z*, or ' ' */
