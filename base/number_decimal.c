#include "base/number_decimal.h"

#include "base/unicode.h"

/*
 * Reading. A text is taken one code point at a time; a digit of any script counts as its value.
 */

/* Beyond any text's length and any double's exponent, and far from the ends of an int64 */
#define EXPONENT_CLAMP (INT64_C(1) << 60)

struct reader {
    const char *at;
    const char *end;
};

/* The digit at the reader, without moving; -1 for anything else. */
static int peek_digit(const struct reader *r, size_t *ret_size)
{
    uint32_t code;

    if (r->at == r->end)
        return -1;
    *ret_size = unicode_decode(r->at, (size_t)(r->end - r->at), &code);
    return unicode_digit(code);
}

/* The next digit of a run of digits, -1 at the run's end. '_' is passed over where it stands
 * between two digits; anywhere else it is left, and ends the number. */
static int next_digit(struct reader *r, bool first)
{
    struct reader ahead = *r;
    size_t size;
    int digit;

    if (!first && ahead.at != ahead.end && *ahead.at == '_')
        ahead.at++;
    digit = peek_digit(&ahead, &size);
    if (digit >= 0)
        r->at = ahead.at + size;
    return digit;
}

static bool take(struct reader *r, char a, char b)
{
    if (r->at == r->end || (*r->at != a && *r->at != b))
        return false;
    r->at++;
    return true;
}

static bool read_sign(struct reader *r)
{
    bool negative = r->at != r->end && *r->at == '-';

    take(r, '-', '+');
    return negative;
}

static void append_digit(struct number_decimal *d, int digit)
{
    if (d->count == NUMBER_DECIMAL_DIGITS) {
        d->more |= digit != 0;
        d->exponent++;
    } else if (d->count || digit) {
        d->digits[d->count++] = (uint8_t)digit;
    }
}

/* Reads a run of digits; true where there was one. */
static bool read_digits(struct reader *r, struct number_decimal *d, bool fraction)
{
    bool any = false;
    int digit;

    while ((digit = next_digit(r, !any)) >= 0) {
        append_digit(d, digit);
        d->exponent -= fraction;
        any = true;
    }
    return any;
}

static bool read_exponent(struct reader *r, int64_t *ret)
{
    bool negative = read_sign(r), any = false;
    int64_t value = 0;
    int digit;

    while ((digit = next_digit(r, !any)) >= 0) {
        if (value < EXPONENT_CLAMP / 10 - 1)
            value = value * 10 + digit;
        any = true;
    }
    *ret = negative ? -value : value;
    return any;
}

bool number_decimal_read(const char *text, size_t size, struct number_decimal *ret)
{
    struct reader r = {text, text + size};
    int64_t exponent;
    bool any;

    ret->negative = read_sign(&r);
    ret->more = false;
    ret->count = 0;
    ret->exponent = 0;
    any = read_digits(&r, ret, false);
    if (take(&r, '.', '.'))
        any |= read_digits(&r, ret, true);
    if (!any)
        return false;
    if (take(&r, 'e', 'E')) {
        if (!read_exponent(&r, &exponent))
            return false;
        ret->exponent += exponent;
    }
    return r.at == r.end;
}

/*
 * Comparing: whole numbers of up to BIG_WORDS words. The longest that occur are 768 digits (2552
 * bits) and a mantissa times a power of five, cut of its powers of two (54 + 2496 bits); then one
 * side is shifted to within a bit of the length of the other.
 */
#define BIG_WORDS 44

struct big {
    int count; /* words in use; the highest of them is not 0 */
    uint64_t words[BIG_WORDS];
};

static void big_set(struct big *b, uint64_t value)
{
    b->count = value != 0;
    b->words[0] = value;
}

static void big_push(struct big *b, uint64_t word)
{
    if (word && b->count < BIG_WORDS)
        b->words[b->count++] = word;
}

/* b = b * factor + addend */
static void big_multiply(struct big *b, uint64_t factor, uint64_t addend)
{
    uint64_t carry = addend;

    for (int i = 0; i < b->count; i++) {
        unsigned __int128 product = (unsigned __int128)b->words[i] * factor + carry;

        b->words[i] = (uint64_t)product;
        carry = (uint64_t)(product >> 64);
    }
    big_push(b, carry);
}

static void big_multiply_power_of_five(struct big *b, int power)
{
    static const uint64_t five_to_27 = UINT64_C(7450580596923828125);
    uint64_t rest = 1;

    for (; power >= 27; power -= 27)
        big_multiply(b, five_to_27, 0);
    for (; power > 0; power--)
        rest *= 5;
    big_multiply(b, rest, 0);
}

static void big_shift_left(struct big *b, int bits)
{
    int words = bits / 64;

    big_multiply(b, UINT64_C(1) << bits % 64, 0);
    if (!b->count || words > BIG_WORDS - b->count)
        return;
    for (int i = b->count - 1; i >= 0; i--)
        b->words[i + words] = b->words[i];
    for (int i = 0; i < words; i++)
        b->words[i] = 0;
    b->count += words;
}

static int big_compare(const struct big *a, const struct big *b)
{
    if (a->count != b->count)
        return a->count < b->count ? -1 : 1;
    for (int i = a->count - 1; i >= 0; i--) {
        if (a->words[i] != b->words[i])
            return a->words[i] < b->words[i] ? -1 : 1;
    }
    return 0;
}

static void big_set_digits(struct big *b, const struct number_decimal *d)
{
    int i = 0;

    big_set(b, 0);
    while (i < d->count) {
        uint64_t part = 0, unit = 1;

        for (int stop = i + 19; i < d->count && i < stop; i++) {
            part = part * 10 + d->digits[i];
            unit *= 10;
        }
        big_multiply(b, unit, part);
    }
}

int number_decimal_compare(const struct number_decimal *decimal, uint64_t mantissa, int exponent)
{
    /* both sides times what makes them whole: 10^exponent is 5^exponent and a shift */
    struct big left, right;
    int power = (int)decimal->exponent;
    int shift = power - exponent;
    int sign;

    big_set_digits(&left, decimal);
    big_set(&right, mantissa);
    big_multiply_power_of_five(power >= 0 ? &left : &right, power >= 0 ? power : -power);
    big_shift_left(shift >= 0 ? &left : &right, shift >= 0 ? shift : -shift);
    sign = big_compare(&left, &right);
    return sign == 0 && decimal->more ? 1 : sign;
}
