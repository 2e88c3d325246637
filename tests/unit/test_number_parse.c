#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>

#include "base/compiler.h"
#include "tests/number_check.h"

static void assert_reads(const char *text, double expected)
{
    assert_true(check_reads_as_library(text));
    if (check_bits(strtod(text, NULL)) != check_bits(expected))
        fail_msg("%s is not %.17g", text, expected);
}

static void simple_numbers(void **state)
{
    (void)state;
    assert_reads("0", 0.0);
    assert_reads("-0", -0.0);
    assert_reads("-0.0e5", -0.0);
    assert_reads("1", 1.0);
    assert_reads("+1", 1.0);
    assert_reads("-1", -1.0);
    assert_reads(".5", 0.5);
    assert_reads("-.5", -0.5);
    assert_reads("5.", 5.0);
    assert_reads("1.e1", 10.0);
    assert_reads("0.1", 0.1);
    assert_reads("1e-50", 1e-50);
    assert_reads("3.4028235e38", 3.4028235e38);
    assert_reads("1e1000", (double)INFINITY);
    assert_reads("-1e1000", -(double)INFINITY);
    assert_reads("1e-1000", 0.0);
    assert_reads("0e99999999999999999999999", 0.0);
    assert_reads("1e99999999999999999999999", (double)INFINITY);
    assert_reads("1e-99999999999999999999999", 0.0);
    assert_reads("0.05105557292699814", 0.05105557292699814);
    assert_reads("123456789012345678", 123456789012345678.0);
    assert_reads("3.000000000000000000e+00", 3.0);
    assert_reads("5.000000000000000000e-01", 0.5);
    assert_reads("1234567890123456.5", 1234567890123456.5);
}

/* What a number stops at, and where: text up to the bar is read. */
static void scanning_stops_where_the_number_ends(void **state)
{
    static const char *const cases[] = {
        "1.5|,2",
        "1|,",
        "-12.75|;",
        "1| ",
        "|",
        "|-",
        "|+",
        "|.",
        "|-.",
        "|,1",
        "|e5",
        "|.e5",
        "|nan",
        "|-inf",
        "| 1",
        "|_1",
        "1|_000",
        "1e5|x",
        "1|e",
        "1|e+",
        "1|e-,",
        "1.5|e,",
        "1.|.2",
        "1.2|.3",
        "1|-2",
        "|--1",
        "|+-1",
        "0|x1A",
        "1|d3",
        "1|\xc2\xa0",
        "1234567|,89",
        "12345678|,9",
        "123456789012345|,6",
        "1234567890123456|,7",
        "1.23456789012345|,6",
        "-1.2345678901234|,5",
        "1.234567890123456|,7",
        "1.2345678901234567890123456|,7",
        "-0.000000000000001e-5|,3",
        "12345678901234567890.|x",
        "0000000000000000000000000000001|,2",
        "1e0000000000000000000000001|,2",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        size_t before = strcspn(cases[i], "|"), size = strlen(cases[i]) - 1;

        /* whatever follows, near or far: the fast paths differ in how much they look at */
        for (size_t more = 0; more < 40; more++) {
            char *text = malloc(size + more + 1);
            double value = 7;

            memcpy(text, cases[i], before);
            memcpy(text + before, cases[i] + before + 1, size - before);
            memset(text + size, ',', more);
            assert_int_equal(number_scan_double(text, text + size + more, &value), before);
            if (before == 0)
                assert_true(value == 7); /* untouched */
            free(text);
        }
    }
}

/* Copies of exactly the text, so that the address sanitizer sees a read beyond it. */
static void nothing_beyond_the_end_is_read(void **state)
{
    struct check_random random = {5};
    char text[64];

    (void)state;
    for (int i = 0; i < 100000; i++) {
        size_t size, cut;
        double value, expected;
        char *copy;

        snprintf(text, sizeof(text), i % 2 ? "%.*e" : "%.*f", i % 21,
                 (double)(int64_t)check_next(&random) / (i % 3 ? 1e18 : 1e6));
        size = strlen(text);
        cut = check_next(&random) % size + 1;
        if (cut == 1 && *text == '-')
            continue;
        copy = malloc(cut);
        memcpy(copy, text, cut);
        text[cut] = '\0';
        expected = strtod(text, NULL);
        assert_true(number_scan_double(copy, copy + cut, &value) > 0);
        if (check_bits(value) != check_bits(expected))
            fail_msg("%s", text);
        free(copy);
    }
}

static void powers_of_ten(void **state)
{
    static const char *const digits[] = {"1",
                                         "9",
                                         "1.5",
                                         "9007199254740993",
                                         "1844674407370955161",
                                         "18446744073709551615",
                                         "4.9406564584124654417656879"};
    char text[64];

    (void)state;
    for (int e = -350; e <= 350; e++) {
        for (size_t i = 0; i < ARRAY_LENGTH(digits); i++) {
            snprintf(text, sizeof(text), "%se%d", digits[i], e);
            assert_true(check_reads_as_library(text));
        }
    }
}

static void every_count_of_digits(void **state)
{
    struct check_random random = {6};
    char text[1100];

    (void)state;
    for (size_t count = 1; count < 1000; count += count < 100 ? 1 : 97) {
        for (int i = 0; i < 200; i++) {
            size_t point = check_next(&random) % (count + 1), n = 0;

            if (i % 3 == 0)
                text[n++] = '-';
            for (size_t digit = 0; digit < count; digit++) {
                if (digit == point)
                    text[n++] = '.';
                text[n++] = (char)('0' + (i % 5 == 4 && digit > 3 ? 9 : check_next(&random) % 10));
            }
            sprintf(text + n, i % 2 ? "e%d" : "", (int)(check_next(&random) % 700) - 350);
            assert_true(check_reads_as_library(text));
        }
    }
}

/* Zeros before and after the digits change nothing but the exponent, however many. */
static void zeros_around_the_digits(void **state)
{
    char text[3100];

    (void)state;
    for (int zeros = 0; zeros < 3000; zeros = zeros < 50 ? zeros + 1 : zeros * 2) {
        snprintf(text, sizeof(text), "0.%0*d17976931348623157e%d", zeros, 0,
                 309 + (zeros ? zeros : 1));
        assert_reads(text, 1.7976931348623157e308);
        snprintf(text, sizeof(text), "12345678901234567%0*de-%d", zeros, 0, zeros ? zeros : 1);
        assert_reads(text, 12345678901234567.0);
        snprintf(text, sizeof(text), "%0*d12.5", zeros, 0);
        assert_reads(text, 12.5);
    }
}

#if LDBL_MANT_DIG >= 54

/* The number halfway between a double and the next larger one, with all its digits. */
static void halfway_text(char *out, size_t size, double below)
{
    int exponent = below < DBL_MIN ? -1021 : ilogb(below) + 1;
    long double half = ldexpl(1, exponent - 54);
    char *end;

    snprintf(out, size, "%.1100Le", (long double)below + half);
    end = strchr(out, 'e');
    for (char *p = end - 1; *p == '0'; p--) {
        memmove(p, end, strlen(end) + 1);
        end = p;
    }
}

static void assert_halfway(double below)
{
    double above = nextafter(below, (double)INFINITY);
    double even = check_bits(below) % 2 ? above : below;
    char text[1300], other[2300];
    char *exponent, *last;

    halfway_text(text, sizeof(text), below);
    assert_reads(text, even);

    exponent = strchr(text, 'e'); /* a digit more: above, however far behind */
    for (int zeros = 30; zeros <= 830; zeros += 400) {
        snprintf(other, sizeof(other), "%.*s%0*d1%s", (int)(exponent - text), text, zeros, 0,
                 exponent);
        assert_reads(other, above);
    }
    last = exponent - 1; /* the last digit less one, then nines: below */
    if (*last == '.' || last == text)
        return;
    assert_true(*last > '0');
    --*last;
    snprintf(other, sizeof(other), "%.*s99999999999999999999%s", (int)(exponent - text), text,
             exponent);
    assert_reads(other, below);
}

static void halfway_between_doubles(void **state)
{
    static const double cases[] = {
        0.0,
        5e-324,
        1e-323,
        2.2250738585072009e-308,
        2.2250738585072014e-308,
        DBL_MIN,
        1.0,
        DBL_MAX,
        9007199254740992.0,
        4503599627370495.5,
        1e22,
        1e23,
        1e-5,
        0.1,
        8.98846567431158e307,
    };
    struct check_random random = {7};

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        assert_halfway(cases[i]);
    /* all the digits that a midpoint can have, 768 */
    assert_halfway(check_double(UINT64_C(0x001fffffffffffff)));
    for (int e = -1074; e < 1023; e++)
        assert_halfway(ldexp(1, e));
    for (int i = 0; i < 2000; i++)
        assert_halfway(fabs(check_random_double(&random)));
    for (int i = 0; i < 500; i++) /* subnormal ones */
        assert_halfway(check_double(check_next(&random) >> 12 >> i % 50));
}

#endif

/* Exactly between two floats, and a bit beside it that a double cannot hold */
static void json_rounds_once_to_float(void **state)
{
    struct check_random random = {8};
    char text[400], beside[500];
    float value;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        uint32_t bits = (uint32_t)check_next(&random) & 0x7fffffff;
        char *exponent;
        double halfway;
        float below, above;

        if (i < 300)
            bits = (uint32_t)i; /* subnormal */
        else if (i % 4 == 0)
            bits &= 0x00ffffff;
        if (bits >= 0x7f7fffff)
            bits = 0x7f7fffff;
        memcpy(&below, &bits, sizeof(below));
        above = nextafterf(below, INFINITY);
        halfway = bits == 0x7f7fffff ? 0x1.ffffffp127 : ((double)below + (double)above) / 2;
        snprintf(text, sizeof(text), "%.150e", halfway);
        assert_int_equal(number_parse_json_f32(text, strlen(text), &value), NUMBER_OK);
        assert_int_equal(check_bits_f32(value), check_bits_f32(bits % 2 ? above : below));

        exponent = strchr(text, 'e');
        snprintf(beside, sizeof(beside), "-%.*s000000000000000000001%s", (int)(exponent - text),
                 text, exponent);
        assert_int_equal(number_parse_json_f32(beside, strlen(beside), &value), NUMBER_OK);
        assert_int_equal(check_bits_f32(value), check_bits_f32(-above));

        for (char *p = exponent - 1;; p--) { /* less one in the last place */
            if (*p == '.')
                continue;
            if (*p != '0') {
                --*p;
                break;
            }
            *p = '9';
        }
        assert_int_equal(number_parse_json_f32(text, strlen(text), &value), NUMBER_OK);
        assert_int_equal(check_bits_f32(value), check_bits_f32(below));
    }
}

static void random_numbers(void **state)
{
    struct check_random random = {9};
    char text[64];

    (void)state;
    for (int i = 0; i < 300000; i++) {
        snprintf(text, sizeof(text), "%.*e", i % 25, check_random_double(&random));
        assert_true(check_reads_as_library(text));
    }
}

static void assert_python(const char *text, double expected)
{
    double value;

    if (number_parse_python(text, strlen(text), &value) != NUMBER_OK)
        fail_msg("'%s' is refused", text);
    if (check_bits(value) != check_bits(expected))
        fail_msg("'%s' is %.17g, not %.17g", text, value, expected);
}

static void python_grammar(void **state)
{
    static const char *const bad[] = {
        "",
        " ",
        "-",
        "+",
        ".",
        "-.",
        "e5",
        ".e5",
        "1e",
        "1e+",
        "1_",
        "_1",
        "1__0",
        "1._0",
        "1_.0",
        "1e_1",
        "1e1_",
        "+ 1",
        "- 1",
        "+-1",
        "--1",
        "0x10",
        "1d3",
        "NA",
        "null",
        "None",
        "True",
        "nan(1)",
        "in",
        "infin",
        "infinityx",
        "- inf",
        "1,",
        "1 2",
        "1.2.3",
        "2019-1-1",
        "1\x1c",
        "\x1f"
        "1",
        "1e5.0",
        "\xc2\xb2",
        "a",
        "1\xc2\xa0"
        "2",
        "\xe2\x88\x92"
        "1",
        "1 _",
        "_",
        "._1",
        "\xef\xbd\x85",
        "1\x7f",
        "'1'",
        "\"1\"",
    };

    (void)state;
    assert_python("00012", 12);
    assert_python("1_000", 1000);
    assert_python("1_0.5_0e1_0", 105000000000.0);
    assert_python("  1.5\t\n", 1.5);
    assert_python("1\r", 1);
    assert_python("\xc2\xa0-1.5\xe3\x80\x80", -1.5);
    assert_python("\xe2\x80\x87+2\xc2\x85", 2);
    assert_python("\xef\xbc\x91", 1);                 /* full width */
    assert_python("\xd9\xa1\xd9\xa2.\xd9\xa3", 12.3); /* Arabic */
    assert_python("\xef\xbc\x91_\xef\xbc\x92"
                  "e\xef\xbc\x91",
                  120.0);                 /* mixed with ASCII */
    assert_python("\xf0\x9d\x9f\x8f", 1); /* mathematical bold */
    assert_python("inf", (double)INFINITY);
    assert_python("-Infinity", -(double)INFINITY);
    assert_python("+INF", (double)INFINITY);
    assert_python(" iNfInItY ", (double)INFINITY);
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        double value = 7;

        if (number_parse_python(bad[i], strlen(bad[i]), &value) != NUMBER_BAD || value < 7)
            fail_msg("'%s' is taken, or its value set", bad[i]);
    }
}

static void python_nan_and_nul(void **state)
{
    static const char *const nans[] = {"nan", "-NaN", "+nan", " NAN "};
    double value = 7;

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(nans); i++) {
        assert_int_equal(number_parse_python(nans[i], strlen(nans[i]), &value), NUMBER_OK);
        assert_true(isnan(value));
    }
    assert_int_equal(number_parse_python("1\0", 2, &value), NUMBER_BAD);
    assert_int_equal(number_parse_python("1\0"
                                         "2",
                                         3, &value),
                     NUMBER_BAD);
}

/* A cell of a megabyte takes the slow way, with the same result. */
static void python_reads_long_texts_of_any_script(void **state)
{
    size_t pairs = 500000, size = 0;
    char *text = malloc(pairs * 4 + 16);
    double value;

    (void)state;
    for (size_t i = 0; i < pairs; i++)
        size += (size_t)sprintf(text + size, "%s", i ? "_\xd9\xa0" : "\xd9\xa7"); /* 7_0_0... */
    size += (size_t)sprintf(text + size, "e-%zu", pairs - 1);
    assert_int_equal(number_parse_python(text, size, &value), NUMBER_OK);
    assert_true(value >= 7 && value <= 7);
    free(text);
}

static void json_grammar(void **state)
{
    static const char *const bad[] = {"",     "+nan", "INF", "-NaN", "infinity",  "01",
                                      "-00",  "1_0",  "1e",  "0x1",  " 1",        "1 ",
                                      "NaN ", "-",    "+",   ".",    "+Infinity", "\xd9\xa1"};
    double value = 7;
    float narrow = 7;

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        if (number_parse_json(bad[i], strlen(bad[i]), &value) != NUMBER_BAD || value < 7 ||
            number_parse_json_f32(bad[i], strlen(bad[i]), &narrow) != NUMBER_BAD || narrow < 7)
            fail_msg("'%s' is taken, or its value set", bad[i]);
    }
    assert_int_equal(number_parse_json("NaN", 3, &value), NUMBER_OK);
    assert_true(isnan(value));
    assert_int_equal(number_parse_json_f32("NaN", 3, &narrow), NUMBER_OK);
    assert_true(isnan(narrow));
    assert_int_equal(number_parse_json("Infinity", 8, &value), NUMBER_OK);
    assert_true(isinf(value) && value > 0);
    assert_int_equal(number_parse_json_f32("-Infinity", 9, &narrow), NUMBER_OK);
    assert_true(isinf(narrow) && narrow < 0);
    assert_int_equal(number_parse_json_f32("1e39", 4, &narrow), NUMBER_OK);
    assert_true(isinf(narrow) && narrow > 0);
    assert_int_equal(number_parse_json_f32("1E-1", 4, &narrow), NUMBER_OK);
    assert_int_equal(check_bits_f32(narrow), check_bits_f32(0.1f));
}

static void integers(void **state)
{
    static const struct {
        const char *text;
        enum number_result result;
        int64_t value;
    } cases[] = {
        {"0", NUMBER_OK, 0},
        {"-0", NUMBER_OK, 0},
        {"12", NUMBER_OK, 12},
        {"+12", NUMBER_OK, 12},
        {"-7", NUMBER_OK, -7},
        {" 1_000\t", NUMBER_OK, 1000},
        {"00012", NUMBER_OK, 12},
        {"\xd9\xa1\xd9\xa2", NUMBER_OK, 12},
        {"\xc2\xa0-\xef\xbc\x91_0", NUMBER_OK, -10},
        {"999999999999999999", NUMBER_OK, 999999999999999999},
        {"-999999999999999999", NUMBER_OK, -999999999999999999},
        {"9223372036854775807", NUMBER_OK, INT64_MAX},
        {"-9223372036854775808", NUMBER_OK, INT64_MIN},
        {"0000000000000000000000000009223372036854775807", NUMBER_OK, INT64_MAX},
        {"9223372036854775808", NUMBER_TOO_LARGE, INT64_MAX},
        {"-9223372036854775809", NUMBER_TOO_LARGE, INT64_MIN},
        {"9999999999999999999", NUMBER_TOO_LARGE, INT64_MAX},
        {"-100000000000000000000000000000000000000", NUMBER_TOO_LARGE, INT64_MIN},
        {"", NUMBER_BAD, 7},
        {" ", NUMBER_BAD, 7},
        {"-", NUMBER_BAD, 7},
        {"+ 1", NUMBER_BAD, 7},
        {"1.0", NUMBER_BAD, 7},
        {"1.", NUMBER_BAD, 7},
        {"1e1", NUMBER_BAD, 7},
        {"1E1", NUMBER_BAD, 7},
        {"_1", NUMBER_BAD, 7},
        {"1_", NUMBER_BAD, 7},
        {"1__0", NUMBER_BAD, 7},
        {"0x1", NUMBER_BAD, 7},
        {"nan", NUMBER_BAD, 7},
        {"1 2", NUMBER_BAD, 7},
        {"--1", NUMBER_BAD, 7},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        int64_t value = 7;

        if (number_parse_int(cases[i].text, strlen(cases[i].text), &value) != cases[i].result ||
            value != cases[i].value)
            fail_msg("'%s'", cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(simple_numbers),
        cmocka_unit_test(scanning_stops_where_the_number_ends),
        cmocka_unit_test(nothing_beyond_the_end_is_read),
        cmocka_unit_test(powers_of_ten),
        cmocka_unit_test(every_count_of_digits),
        cmocka_unit_test(zeros_around_the_digits),
#if LDBL_MANT_DIG >= 54
        cmocka_unit_test(halfway_between_doubles),
#endif
        cmocka_unit_test(json_rounds_once_to_float),
        cmocka_unit_test(random_numbers),
        cmocka_unit_test(python_grammar),
        cmocka_unit_test(python_nan_and_nul),
        cmocka_unit_test(python_reads_long_texts_of_any_script),
        cmocka_unit_test(json_grammar),
        cmocka_unit_test(integers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
