#include "base/number_parse.h"

#include <math.h>
#include <string.h>

#include "base/bytes.h"
#include "base/number_decimal.h"
#include "base/number_round.h"
#include "base/unicode.h"

/*
 * Plain ASCII numbers, eight bytes at a time: words have the first character in their lowest byte.
 */

#define ZEROS UINT64_C(0x3030303030303030)

/* Digits become 0 .. 9, any other byte something else. */
static inline uint64_t digit_bytes(const char *text)
{
    return load_le64((const uint8_t *)text) ^ ZEROS;
}

/* The highest bit of each byte that is not 0 .. 9 (0x76 is 0x80 - 10; no byte carries). */
static inline uint64_t other_bytes(uint64_t word)
{
    return (((word & 0x7f7f7f7f7f7f7f7fu) + 0x7676767676767676u) | word) & 0x8080808080808080u;
}

/* The highest bit of each byte that was a point. */
static inline uint64_t point_bytes(uint64_t word)
{
    word ^= 0x0101010101010101u * ('.' ^ '0');
    return ~(((word & 0x7f7f7f7f7f7f7f7fu) + 0x7f7f7f7f7f7f7f7fu) | word) & 0x8080808080808080u;
}

/* The number that eight bytes 0 .. 9 are, most significant first: neighbours join to bytes of two
 * digits, to halves of four, to a word of eight. */
static inline uint64_t join_digits(uint64_t word)
{
    word = word * (10 << 8 | 1) >> 8 & 0x00ff00ff00ff00ffu;
    word = word * (100 << 16 | 1) >> 16 & 0x0000ffff0000ffffu;
    return word * (UINT64_C(10000) << 32 | 1) >> 32;
}

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads e[sign]digits and adds it to *exponent; returns what follows, or p where there is none. */
static const char *scan_exponent(const char *p, const char *end, int64_t *exponent)
{
    const char *start = p;
    int64_t value = 0;
    bool negative;

    if (p == end || (*p != 'e' && *p != 'E'))
        return start;
    p++;
    negative = p != end && *p == '-';
    if (p != end && (*p == '-' || *p == '+'))
        p++;
    if (p == end || !is_digit(*p))
        return start;
    for (; p != end && is_digit(*p); p++) {
        if (value < INT64_MAX / 100) /* more than any text has digits; the sum stays in range */
            value = value * 10 + (*p - '0');
    }
    *exponent += negative ? -value : value;
    return p;
}

/* The beginning of a text: its digits, or 19 of them, as w * 10^exponent. */
struct scan {
    const char *at;
    const char *end;
    uint64_t w;
    int64_t exponent;
    int count; /* digits in w, without leading zeros */
    bool more; /* digits that are not 0 were left out */
};

/* Reads a run of digits; false where there is none. */
static bool scan_digits(struct scan *s, bool fraction)
{
    const char *start = s->at;
    const char *p = start;

    while (s->w == 0 && p != s->end && *p == '0')
        p++;
    if (fraction)
        s->exponent -= p - start;
    while (s->count <= 19 - 8 && s->end - p >= 8) {
        uint64_t word = digit_bytes(p);

        if (other_bytes(word))
            break;
        s->w = s->w * 100000000 + join_digits(word);
        s->count += 8;
        s->exponent -= fraction ? 8 : 0;
        p += 8;
    }
    for (; p != s->end && is_digit(*p); p++) {
        if (s->count < 19) {
            s->w = s->w * 10 + (uint64_t)(*p - '0');
            s->count++;
            s->exponent -= fraction;
        } else {
            s->more |= *p != '0';
            s->exponent += !fraction;
        }
    }
    s->at = p;
    return p != start;
}

/* Any length. Returns the bytes read, 0 where no number begins at text. */
static __attribute__((noinline)) size_t scan_long(const char *text, const char *end,
                                                  double *ret_value)
{
    struct scan s = {.at = text, .end = end};
    bool negative, any;
    double value;

    if (text == end)
        return 0;
    negative = *text == '-';
    if (*text == '-' || *text == '+')
        s.at++;
    any = scan_digits(&s, false);
    if (s.at != end && *s.at == '.') {
        s.at++;
        any |= scan_digits(&s, true);
    }
    if (!any)
        return 0;
    s.at = scan_exponent(s.at, end, &s.exponent);

    if (!s.more) { /* "%.18e" of a small whole number is worth the loop */
        while (s.w && s.w % 10 == 0 && s.exponent < 0) {
            s.w /= 10;
            s.exponent++;
        }
    }
    if ((s.more || !number_round_once(s.w, s.exponent, &value)) &&
        !number_round(s.w, s.exponent, s.more, &value)) {
        struct number_decimal decimal;

        if (!number_decimal_read(text, (size_t)(s.at - text), &decimal))
            return 0;
        value = fabs(number_round_decimal(&decimal));
    }
    *ret_value = number_signed(value, negative);
    return (size_t)(s.at - text);
}

/* The first n bytes at p (8 where n is larger) as digit_bytes() has them; what is missing is no
 * digit. */
static inline uint64_t digit_bytes_up_to(const char *p, size_t n)
{
    const uint8_t *bytes = (const uint8_t *)p;

    if (n >= 8)
        return digit_bytes(p);
    if (n >= 4)
        return (load_le32(bytes) | (uint64_t)load_le32(bytes + n - 4) << 8 * (n - 4)) ^ ZEROS;
    if (n == 0)
        return ZEROS;
    return (bytes[0] | (uint64_t)bytes[n / 2] << 8 * (n / 2) |
            (uint64_t)bytes[n - 1] << 8 * (n - 1)) ^
           ZEROS;
}

/*
 * The rest of scan_number: up to 19 digits, and an exponent. The number up to p is w * 10^exponent,
 * and more digits may follow if it goes on. Not inlined, as scan_long: both need the stack that
 * scan_number does without.
 */
static __attribute__((noinline)) size_t scan_rest(const char *text, const char *p, const char *end,
                                                  uint64_t w, int exponent, bool goes_on,
                                                  double *ret_value)
{
    static const uint64_t tens[8] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000};
    int64_t power = exponent;
    double value;

    if (goes_on) {
        uint64_t word = digit_bytes_up_to(p, (size_t)(end - p));
        uint64_t others = other_bytes(word);
        unsigned n = others ? (unsigned)__builtin_ctzll(others) / 8 : 8;

        if (n == 8 || __builtin_mul_overflow(w, tens[n], &w) ||
            __builtin_add_overflow(w, join_digits(word << 8 * (7 - n) << 8), &w))
            return scan_long(text, end, ret_value);
        p += n;
        power -= n;
    }
    if (p != end && (*p | 0x20) == 'e')
        p = scan_exponent(p, end, &power);
    if (!number_round_once(w, power, &value) && !number_round(w, power, false, &value))
        return scan_long(text, end, ret_value);
    *ret_value = number_signed(value, *text == '-');
    return (size_t)(p - text);
}

/*
 * Nearly all numbers of requests. Written without branches, for what costs time here is not
 * arithmetic but guessing wrongly where a number's point and end will be; and so that the end is
 * known soon, which is where the next number's work begins. first and second are the 16 bytes at
 * text as digit_bytes() has them. A sign counts as a leading 0.
 */
static inline size_t scan_number(const char *text, const char *end, uint64_t first, uint64_t second,
                                 double *ret_value)
{
    bool negative = (first & 0xff) == ('-' ^ '0');
    uint64_t sign = negative | ((first & 0xff) == ('+' ^ '0'));
    uint64_t others1 = other_bytes(first) ^ sign << 7, others2 = other_bytes(second);
    /* the first byte that is no digit: in the first word, or, in_second (all ones), the second */
    uint64_t in_second = -(uint64_t)(others1 == 0);
    uint64_t others = others1 | (others2 & in_second), stop = others & -others;
    uint64_t point1 = stop & point_bytes(first) & ~in_second;
    uint64_t point2 = stop & point_bytes(second) & in_second;
    uint64_t ends_second, before, after, shift, joined1, joined2, w;
    unsigned point = (point1 | point2) != 0, whole, length;
    double value;

    /* and the next one, if that is a point */
    others1 ^= point1;
    others2 ^= point2;
    ends_second = -(uint64_t)(others1 == 0);
    others = others1 | (others2 & ends_second);
    if (UNLIKELY(others == 0)) {
        if (!point)
            return scan_long(text, end, ret_value);
        length = 16;
    } else {
        length = (unsigned)__builtin_ctzll(others) / 8 + (8 & (unsigned)ends_second);
    }
    if (UNLIKELY(length == sign + point))
        return 0;
    whole = (unsigned)__builtin_ctzll(stop) / 8 + (8 & (unsigned)in_second);

    /* Digits before the point move up over it, if there is one; then all move up to the end, and
     * zeros come in below. */
    before = (stop >> 7) - 1;
    after = -(stop << 1);
    shift = 8 * point;
    first &= ~(sign * 0xff);
    joined1 = first & (before | in_second);
    joined2 = second & before & in_second;
    joined2 = joined2 << shift | joined1 >> 1 >> (63 - shift);
    joined1 = joined1 << shift | (first & after & ~in_second);
    joined2 |= second & (after | ~in_second);
    {
        unsigned __int128 digits = (unsigned __int128)joined2 << 64 | joined1;

        digits <<= 8 * (16 - length);
        w = join_digits((uint64_t)digits) * 100000000 + join_digits((uint64_t)(digits >> 64));
    }
    if (UNLIKELY(length == 16) || (text + length != end && (text[length] | 0x20) == 'e'))
        return scan_rest(text, text + length, end, w, (int)(whole + point - length), length == 16,
                         ret_value);
    value = (double)w / number_double_tens[length - point - whole]; /* w < 10^15 */
    *ret_value = number_signed(value, negative);
    return length;
}

size_t number_scan_double(const char *text, const char *end, double *ret_value)
{
    size_t left = (size_t)(end - text);
    uint64_t first, second;

    if (LIKELY(left >= 16)) {
        first = digit_bytes(text);
        second = digit_bytes(text + 8);
    } else {
        first = digit_bytes_up_to(text, left);
        second = left > 8 ? digit_bytes_up_to(text + 8, left - 8) : ZEROS;
    }
    return scan_number(text, end, first, second, ret_value);
}

/*
 * Python's grammar.
 */

/* What float() and int() strip: str.isspace() without 1c .. 1f. */
static bool is_stripped(uint32_t code)
{
    return unicode_is_space(code) && !(code >= 0x1c && code <= 0x1f);
}

static struct bytes strip(const char *text, size_t size)
{
    const char *end = text + size;
    uint32_t code;

    while (text != end) {
        size_t n = unicode_decode(text, (size_t)(end - text), &code);

        if (!is_stripped(code))
            break;
        text += n;
    }
    while (end != text) {
        const char *last = end - 1;

        while (last != text && ((uint8_t)*last & 0xc0) == 0x80)
            last--;
        unicode_decode(last, (size_t)(end - last), &code);
        if (!is_stripped(code))
            break;
        end = last;
    }
    return bytes_of(text, (size_t)(end - text));
}

/* inf, infinity, nan */
static bool parse_word(struct bytes text, double *ret_value)
{
    bool negative = text.size && text.data[0] == '-';
    double value;

    if (text.size && (text.data[0] == '-' || text.data[0] == '+'))
        text = bytes_of(text.data + 1, text.size - 1);
    if (bytes_is_nocase(text, "inf") || bytes_is_nocase(text, "infinity"))
        value = (double)INFINITY;
    else if (bytes_is_nocase(text, "nan"))
        value = (double)NAN;
    else
        return false;
    *ret_value = number_signed(value, negative);
    return true;
}

enum number_result number_parse_python(const char *text, size_t size, double *ret_value)
{
    struct number_decimal decimal;
    struct bytes stripped;
    double value;

    if (size && number_scan_double(text, text + size, &value) == size) {
        *ret_value = value;
        return NUMBER_OK;
    }
    stripped = strip(text, size);
    if (parse_word(stripped, ret_value))
        return NUMBER_OK;
    if (!number_decimal_read((const char *)stripped.data, stripped.size, &decimal))
        return NUMBER_BAD;
    *ret_value = number_round_decimal(&decimal);
    return NUMBER_OK;
}

static enum number_result parse_long_int(struct bytes text, int64_t *ret_value)
{
    struct number_decimal decimal;
    uint64_t magnitude = 0, limit = INT64_MAX;

    /* int()'s grammar is float()'s without point and exponent */
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '.' || text.data[i] == 'e' || text.data[i] == 'E')
            return NUMBER_BAD;
    }
    if (!number_decimal_read((const char *)text.data, text.size, &decimal))
        return NUMBER_BAD;
    limit += decimal.negative;
    if (decimal.count <= 19) {
        for (int i = 0; i < decimal.count; i++)
            magnitude = magnitude * 10 + decimal.digits[i];
    }
    if (decimal.count > 19 || magnitude > limit) {
        *ret_value = decimal.negative ? INT64_MIN : INT64_MAX;
        return NUMBER_TOO_LARGE;
    }
    *ret_value = (int64_t)(decimal.negative ? -magnitude : magnitude);
    return NUMBER_OK;
}

enum number_result number_parse_int(const char *text, size_t size, int64_t *ret_value)
{
    size_t i = size && *text == '-';
    int64_t value = 0;

    if (size - i - 1 < 18) { /* at least one digit, and few enough */
        for (; i < size && is_digit(text[i]); i++)
            value = value * 10 + (text[i] - '0');
        if (i == size) {
            *ret_value = *text == '-' ? -value : value;
            return NUMBER_OK;
        }
    }
    return parse_long_int(strip(text, size), ret_value);
}

/*
 * JSON.
 */

/* True for a leading 0 before another digit, which JSON has not. */
static bool has_extra_zero(const char *text, size_t size)
{
    size_t sign = size && (text[0] == '-' || text[0] == '+');

    return size >= sign + 2 && text[sign] == '0' && is_digit(text[sign + 1]);
}

/* Words for what is not finite: Python's json and XGBoost's of 1.2 on; printf's in 1.0 and 1.1. */
static bool is_json_word(struct bytes text)
{
    static const char *const words[] = {"NaN",  "Infinity", "-Infinity", "nan",
                                        "-nan", "inf",      "-inf"};

    for (size_t i = 0; i < ARRAY_LENGTH(words); i++) {
        if (bytes_is(text, words[i]))
            return true;
    }
    return false;
}

enum number_result number_parse_json(const char *text, size_t size, double *ret_value)
{
    struct bytes all = bytes_of(text, size);
    double value;

    if (size && number_scan_double(text, text + size, &value) == size) {
        if (has_extra_zero(text, size))
            return NUMBER_BAD;
    } else if (!is_json_word(all) || !parse_word(all, &value)) {
        return NUMBER_BAD;
    }
    *ret_value = value;
    return NUMBER_OK;
}

/*
 * Rounding to double and then to float is rounding once, except where the double is exactly between
 * two floats: then the text's part below the double decides.
 */
static bool is_between_floats(double value)
{
    uint64_t bits, rest;
    int exponent, dropped;

    memcpy(&bits, &value, sizeof(bits));
    exponent = (int)(bits >> 52 & 0x7ff) - 1023;
    if (exponent < -150 || exponent > 127)
        return false;
    dropped = exponent >= -126 ? 29 : 29 - 126 - exponent; /* subnormal floats have fewer bits */
    rest =
        ((bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52) & ((UINT64_C(1) << dropped) - 1);
    return rest == UINT64_C(1) << (dropped - 1);
}

enum number_result number_parse_json_f32(const char *text, size_t size, float *ret_value)
{
    struct number_decimal decimal;
    double value;

    if (number_parse_json(text, size, &value) != NUMBER_OK)
        return NUMBER_BAD;
    if (UNLIKELY(is_between_floats(value))) {
        int exponent;
        double fraction = frexp(fabs(value), &exponent);
        int sign;

        if (!number_decimal_read(text, size, &decimal))
            return NUMBER_BAD;
        sign = number_decimal_compare(&decimal, (uint64_t)ldexp(fraction, 53), exponent - 53);
        if (sign) /* any double on that side of the midpoint will do */
            value = nextafter(value, sign > 0 ? copysign((double)INFINITY, value) : 0.0);
    }
    *ret_value = (float)value;
    return NUMBER_OK;
}
