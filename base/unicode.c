#include "base/unicode.h"

#include "base/bytes.h"
#include "base/unicode_tables.h"

/*
 * UTF-8, as RFC 3629 has it:
 *
 *   00-7F
 *   C2-DF  80-BF
 *   E0     A0-BF  80-BF      (80-9F would be overlong)
 *   E1-EF  80-BF  80-BF      (but ED 80-9F: A0-BF would be surrogates)
 *   F0     90-BF  80-BF 80-BF
 *   F1-F3  80-BF  80-BF 80-BF
 *   F4     80-8F  80-BF 80-BF (90-BF would be beyond 10FFFF)
 */

/* Bytes of the sequence that a byte begins; 0 where it begins none. */
static size_t sequence_size(uint8_t start)
{
    if (start < 0x80)
        return 1;
    if (start < 0xc2 || start > 0xf4)
        return 0;
    return start < 0xe0 ? 2 : start < 0xf0 ? 3 : 4;
}

static bool is_second(uint8_t start, uint8_t second)
{
    uint8_t low = start == 0xe0 ? 0xa0 : start == 0xf0 ? 0x90 : 0x80;
    uint8_t high = start == 0xed ? 0x9f : start == 0xf4 ? 0x8f : 0xbf;

    return second >= low && second <= high;
}

static size_t ascii_run(const uint8_t *text, size_t at, size_t size)
{
    while (size - at >= 8 && !(load_le64(text + at) & 0x8080808080808080u))
        at += 8;
    while (at < size && text[at] < 0x80)
        at++;
    return at;
}

/* Valid bytes of the sequence that begins at text: all of it, or up to what makes it invalid. */
static size_t valid_prefix(const uint8_t *text, size_t left, size_t want)
{
    size_t n = 1;

    while (n < want && n < left &&
           (n == 1 ? is_second(text[0], text[1]) : (text[n] & 0xc0) == 0x80))
        n++;
    return n;
}

size_t unicode_check(const char *text, size_t size, struct unicode_fault *ret_fault)
{
    const uint8_t *bytes = (const uint8_t *)text;
    size_t at = 0;

    while ((at = ascii_run(bytes, at, size)) < size) {
        size_t want = sequence_size(bytes[at]);
        size_t valid = want ? valid_prefix(bytes + at, size - at, want) : 1;

        if (want && valid == want) {
            at += want;
            continue;
        }
        *ret_fault = (struct unicode_fault){
            .first = at,
            .last = at + valid - 1,
            .reason = !want               ? "invalid start byte"
                      : at + valid < size ? "invalid continuation byte"
                                          : "unexpected end of data",
            .byte = bytes[at],
        };
        return at;
    }
    return size;
}

size_t unicode_decode(const char *text, size_t size, uint32_t *ret_code)
{
    const uint8_t *bytes = (const uint8_t *)text;
    size_t n = sequence_size(bytes[0]);
    uint32_t code;

    /* never so in valid text; a byte as it is harms nobody */
    if (n <= 1 || n > size) {
        *ret_code = bytes[0];
        return 1;
    }
    code = bytes[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++)
        code = code << 6 | (bytes[i] & 0x3f);
    *ret_code = code;
    return n;
}

size_t unicode_encode(char out[4], uint32_t code)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

bool unicode_is_space(uint32_t code)
{
    if (code < 0x80)
        return code == ' ' || (code >= 0x9 && code <= 0xd) || (code >= 0x1c && code <= 0x1f);
    switch (code) {
    case 0x85:
    case 0xa0:
    case 0x1680:
    case 0x2028:
    case 0x2029:
    case 0x202f:
    case 0x205f:
    case 0x3000:
        return true;
    default:
        return code >= 0x2000 && code <= 0x200a;
    }
}

int unicode_digit(uint32_t code)
{
    size_t low = 0, high = ARRAY_LENGTH(unicode_zeros); /* the last zero <= code is in low..high */

    if (code < 0x80)
        return code >= '0' && code <= '9' ? (int)(code - '0') : -1;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;

        if (unicode_zeros[middle] <= code)
            low = middle;
        else
            high = middle;
    }
    return code - unicode_zeros[low] < 10 ? (int)(code - unicode_zeros[low]) : -1;
}

bool unicode_is_printable(uint32_t code)
{
    size_t low = 0, high = ARRAY_LENGTH(unicode_unprintable); /* as above, of the ranges */

    if (code < 0x7f)
        return code >= 0x20;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;

        if (unicode_unprintable[middle][0] <= code)
            low = middle;
        else
            high = middle;
    }
    return code > unicode_unprintable[low][1] && code <= 0x10ffff;
}
