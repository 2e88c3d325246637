#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/unicode.h"

/* A copy of exactly the text, so that a read beyond it is seen. */
static size_t check(const char *text, size_t size, struct unicode_fault *fault)
{
    char *copy = malloc(size ? size : 1);
    size_t result;

    assert_non_null(copy);
    memcpy(copy, text, size);
    result = unicode_check(copy, size, fault);
    free(copy);
    return result;
}

/* The faults that CPython's decoder tells for these bytes */
static void faults_are_those_of_cpython(void **state)
{
    static const struct {
        const char *text;
        size_t first, last;
        const char *reason;
    } cases[] = {
        {"\xff", 0, 0, "invalid start byte"},
        {"ab\x80", 2, 2, "invalid start byte"},
        {"\xc0\x80", 0, 0, "invalid start byte"},
        {"\xc1\xbf", 0, 0, "invalid start byte"},
        {"\xf5\x80\x80\x80", 0, 0, "invalid start byte"},
        {"\xc3(", 0, 0, "invalid continuation byte"},
        {"\xe0\x80\x80", 0, 0, "invalid continuation byte"},     /* overlong */
        {"\xed\xa0\x80", 0, 0, "invalid continuation byte"},     /* a surrogate */
        {"\xf0\x8f\xbf\xbf", 0, 0, "invalid continuation byte"}, /* overlong */
        {"\xf4\x90\x80\x80", 0, 0, "invalid continuation byte"}, /* beyond 10FFFF */
        {"\xe2\x82(", 0, 1, "invalid continuation byte"},
        {"\xf0\x9f\x98(", 0, 2, "invalid continuation byte"},
        {"\xf0\x9f(\x98", 0, 1, "invalid continuation byte"},
        {"\xe0\x80", 0, 0, "invalid continuation byte"},
        {"\xc3", 0, 0, "unexpected end of data"},
        {"1,2\xe2\x82", 3, 4, "unexpected end of data"},
        {"\xf0\x9f\x98", 0, 2, "unexpected end of data"},
        {"0123456789abcdef\xc3\xa9z\xe9", 19, 19, "unexpected end of data"},
        {"01234567\xe9tude", 8, 8, "invalid continuation byte"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct unicode_fault fault = {0};
        size_t size = strlen(cases[i].text);

        assert_int_equal(check(cases[i].text, size, &fault), cases[i].first);
        assert_int_equal(fault.first, cases[i].first);
        assert_int_equal(fault.last, cases[i].last);
        assert_string_equal(fault.reason, cases[i].reason);
        assert_int_equal(fault.byte, (uint8_t)cases[i].text[cases[i].first]);
    }
}

static void every_code_point_goes_round(void **state)
{
    struct unicode_fault fault;

    (void)state;
    for (uint32_t code = 0; code < 0x110000; code++) {
        char text[4];
        size_t size = unicode_encode(text, code), decoded;
        uint32_t back;

        if (code >= 0xd800 && code <= 0xdfff) {
            assert_int_equal(unicode_check(text, size, &fault), 0);
            continue;
        }
        decoded = unicode_decode(text, size, &back);
        if (decoded != size || back != code || unicode_check(text, size, &fault) != size ||
            size != (code < 0x80      ? 1u
                     : code < 0x800   ? 2u
                     : code < 0x10000 ? 3u
                                      : 4u))
            fail_msg("code point %x", code);
    }
}

static void a_fault_is_found_at_every_offset(void **state)
{
    (void)state;
    for (size_t at = 0; at < 40; at++) {
        char text[40];
        struct unicode_fault fault;

        memset(text, 'a', sizeof(text));
        assert_int_equal(check(text, at, &fault), at);
        text[at] = '\xff';
        assert_int_equal(check(text, sizeof(text), &fault), at);
    }
}

static void spaces(void **state)
{
    static const uint32_t all[] = {
        0x9,    0xa,    0xb,    0xc,    0xd,    0x1c,   0x1d,   0x1e,   0x1f,   0x20,
        0x85,   0xa0,   0x1680, 0x2000, 0x2001, 0x2002, 0x2003, 0x2004, 0x2005, 0x2006,
        0x2007, 0x2008, 0x2009, 0x200a, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000,
    };
    size_t next = 0;

    (void)state;
    for (uint32_t code = 0; code < 0x110000; code++) {
        bool expected = next < ARRAY_LENGTH(all) && all[next] == code;

        next += expected;
        if (unicode_is_space(code) != expected)
            fail_msg("code point %x", code);
    }
}

static void digits(void **state)
{
    int count = 0;

    (void)state;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(unicode_digit('0' + (uint32_t)i), i);
        assert_int_equal(unicode_digit(0x661 - 1 + (uint32_t)i), i);
        assert_int_equal(unicode_digit(0xff10 + (uint32_t)i), i);
        assert_int_equal(unicode_digit(0x1fbf0 + (uint32_t)i), i);
    }
    assert_int_equal(unicode_digit('/'), -1);
    assert_int_equal(unicode_digit(':'), -1);
    assert_int_equal(unicode_digit(0xb2), -1); /* a superscript is a digit, but not a decimal one */
    assert_int_equal(unicode_digit(0x65f), -1);
    assert_int_equal(unicode_digit(0x66a), -1);
    assert_int_equal(unicode_digit(0x1fbfa), -1);
    assert_int_equal(unicode_digit(0x11f50), -1); /* only since Unicode 15 */
    for (uint32_t code = 0; code < 0x110000; code++)
        count += unicode_digit(code) >= 0;
    assert_int_equal(count, 660);
}

static void printable(void **state)
{
    static const uint32_t no[] = {0,      0x1f,   0x7f,    0x80,    0xa0,    0xad,    0x378,
                                  0x200b, 0x200f, 0x2028,  0x202e,  0x3000,  0xd800,  0xe000,
                                  0xfeff, 0xffff, 0x1fbfa, 0xe0001, 0xfffff, 0x10ffff};
    static const uint32_t yes[] = {0x20, 'a', 0x7e, 0xa1, 0xe9, 0x20ac, 0x4e00, 0xff10, 0x1f600};
    int count = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(no); i++)
        assert_false(unicode_is_printable(no[i]));
    for (size_t i = 0; i < ARRAY_LENGTH(yes); i++)
        assert_true(unicode_is_printable(yes[i]));
    for (uint32_t code = 0; code < 0x110000; code++)
        count += unicode_is_printable(code);
    assert_int_equal(count, 144516); /* Python 3.11's count */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faults_are_those_of_cpython),
        cmocka_unit_test(every_code_point_goes_round),
        cmocka_unit_test(a_fault_is_found_at_every_offset),
        cmocka_unit_test(spaces),
        cmocka_unit_test(digits),
        cmocka_unit_test(printable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
