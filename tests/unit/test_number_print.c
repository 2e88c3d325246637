#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "tests/number_check.h"

static void assert_prints(double value, const char *expected)
{
    char text[NUMBER_PRINT_MAX + 1];

    text[number_print_double(text, value)] = '\0';
    assert_string_equal(text, expected);
    text[number_print_json(text, value)] = '\0';
    assert_string_equal(text, expected);
}

/* Each as Python's repr() prints it */
static void layout_is_that_of_python(void **state)
{
    (void)state;
    assert_prints(0.0, "0.0");
    assert_prints(-0.0, "-0.0");
    assert_prints(1.0, "1.0");
    assert_prints(-1.5, "-1.5");
    assert_prints(100.0, "100.0");
    assert_prints(0.1, "0.1");
    assert_prints(0.001, "0.001");
    assert_prints(0.0001, "0.0001");
    assert_prints(0.00001, "1e-05");
    assert_prints(-0.000015, "-1.5e-05");
    assert_prints(0.00012345678901234567, "0.00012345678901234567");
    assert_prints(1.5e-07, "1.5e-07");
    assert_prints(1e15, "1000000000000000.0");
    assert_prints(9999999999999998.0, "9999999999999998.0");
    assert_prints(1e16, "1e+16");
    assert_prints(1.5e16, "1.5e+16");
    assert_prints(123456789012345.67, "123456789012345.67");
    assert_prints(1234567890123456.7, "1234567890123456.8");
    assert_prints(1.2345678806304932e+20, "1.2345678806304932e+20");
    assert_prints(1e22, "1e+22");
    assert_prints(1e23, "1e+23");
    assert_prints(9.5e-100, "9.5e-100");
    assert_prints(1e100, "1e+100");
}

static void assert_lines(double value, const char *expected)
{
    char text[NUMBER_PRINT_MAX + 1];

    text[number_print_lines(text, value)] = '\0';
    assert_string_equal(text, expected);
}

/* linear-learner 5.2 */
static void lines_are_cut(void **state)
{
    (void)state;
    assert_lines((double)0.9899773597717285f, "0.989977359771728");
    assert_lines((double)0.5041388273239136f, "0.504138827323913");
    assert_lines(17.886016845703125, "17.886016845703125");
    assert_lines(0.0, "0.0");
    assert_lines(-0.0, "-0.0");
    assert_lines(1.0, "1.0");
    assert_lines(-12.5, "-12.5");
    assert_lines(1e20, "100000000000000000000.0");
    assert_lines(123456789012345680000.0, "123456789012345680000.0");
    assert_lines(12345678901234567.0, "12345678901234568.0");
    assert_lines(1e15, "1000000000000000.0");
    assert_lines(0.0000123399995570, "0.000012339999557");
    assert_lines(0.00001233999955777777, "0.000012339999557");
    assert_lines(-0.000001, "-0.000001");
    assert_lines(1.5e21, "1.5e21");
    assert_lines(-1e21, "-1e21");
    assert_lines(1.25e100, "1.25e100");
    assert_lines(3.78048667926123e-08, "3.78048667926123e-8");
    assert_lines(2e-15, "2e-15");
    assert_lines(1.2345678901234568e-16, "1.2345678901234568e-16");
    assert_lines(9.99e-17, "0.0");
    assert_lines(-9.99e-17, "-0.0");
    assert_lines(5e-324, "0.0");
    /* what is cut leaves zeros, which go, too, but one */
    assert_lines(1.0000000000000002, "1.0");
    assert_lines(0.5000000000000001, "0.5");
    assert_lines(1.1000000000000003, "1.1");
    assert_lines(0.9999999999999999, "0.999999999999999");
    assert_lines((double)NAN, "NaN");
    assert_lines(-(double)INFINITY, "-Infinity");
}

/* A text that is cut is the shortest one without what is behind its fifteenth decimal; all others
 * read back. */
static void lines_by_their_properties(void **state)
{
    struct check_random random = {.state = 3};

    (void)state;
    for (int i = 0; i < 300000; i++) {
        double value = i % 2 ? check_random_double(&random)
                             : (double)(int64_t)check_next(&random) / 9.3e18 * pow(10, i % 12 - 6);
        char text[NUMBER_PRINT_MAX + 1], whole[NUMBER_PRINT_MAX + 1];
        double size = fabs(value), back;
        const char *point;

        text[number_print_lines(text, value)] = '\0';
        whole[number_print_json(whole, value)] = '\0';
        if (!isfinite(value)) {
            assert_string_equal(text, whole);
            continue;
        }
        back = strtod(text, NULL);
        point = strchr(text, '.');
        assert_null(strchr(text, '+'));
        assert_true(signbit(back) == signbit(value) || isnan(value));
        if (size >= 1e-6 && size < 1e21) {
            assert_non_null(point);
            assert_null(strchr(text, 'e'));
            assert_true(strlen(point) >= 2 && strlen(point) <= 16);
            assert_true(strlen(point) == 2 || text[strlen(text) - 1] != '0');
            assert_true(fabs(back) <= size && size - fabs(back) < 1.001e-15 + size * 3e-16);
            if (back != value)
                assert_true(size < 100);
            if (!strchr(whole, 'e') && strlen(strchr(whole, '.')) <= 16)
                assert_string_equal(text, whole);
        } else if (size >= 1e-16) {
            assert_true(back == value);
            assert_non_null(strchr(text, 'e'));
        } else {
            assert_string_equal(text, signbit(value) ? "-0.0" : "0.0");
        }
    }
}

static void assert_python2(double value, const char *expected)
{
    char text[NUMBER_PRINT_MAX + 1];

    text[number_print_python2(text, value)] = '\0';
    assert_string_equal(text, expected);
}

static void python2_has_twelve_digits(void **state)
{
    struct check_random random = {.state = 5};

    (void)state;
    assert_python2((double)30.17342185974121f, "30.1734218597");
    assert_python2(1.0, "1.0");
    assert_python2(-0.0, "-0.0");
    assert_python2(0.1, "0.1");
    assert_python2(0.0001, "0.0001");
    assert_python2(0.00001, "1e-05");
    assert_python2(-1.25e-7, "-1.25e-07");
    assert_python2(12345678901.0, "12345678901.0");
    assert_python2(99999999999.9, "99999999999.9");
    assert_python2(1e11, "1e+11");
    assert_python2(123456789012.0, "1.23456789012e+11");
    assert_python2(999999999999.9, "1e+12");
    assert_python2(0.99999999999999, "1.0");
    assert_python2(1e100, "1e+100");
    assert_python2(5e-324, "4.94065645841e-324");
    assert_python2((double)NAN, "nan");
    assert_python2(-(double)INFINITY, "-inf");
    for (int i = 0; i < 100000; i++) {
        char text[NUMBER_PRINT_MAX + 1], expected[NUMBER_PRINT_MAX + 1];
        double value = check_random_double(&random);

        text[number_print_python2(text, value)] = '\0';
        sprintf(expected, "%.12g", value);
        if (isfinite(value) && strtod(text, NULL) != strtod(expected, NULL))
            fail_msg("%s, not %s", text, expected);
    }
}

static void labels(void **state)
{
    static const double others[] = {0.5, -1e-300, 0x1p53, -0x1p53, 1e300, NAN, INFINITY};
    char text[NUMBER_PRINT_MAX + 1];

    (void)state;
    for (int i = 0; i < 7; i++)
        assert_int_equal(number_print_whole(text, others[i]), 0);
    for (int64_t n = 1; n < INT64_C(1) << 53; n = n * 3 + 1) {
        for (int sign = -1; sign < 2; sign += 2) {
            char expected[32];

            sprintf(expected, "%lld", (long long)(sign * n));
            text[number_print_whole(text, (double)(sign * n))] = '\0';
            assert_string_equal(text, expected);
        }
    }
    text[number_print_whole(text, 0)] = '\0';
    assert_string_equal(text, "0");
    text[number_print_whole(text, -0.0)] = '\0';
    assert_string_equal(text, "0");
}

static void not_finite(void **state)
{
    char text[NUMBER_PRINT_MAX + 1];

    (void)state;
    text[number_print_double(text, (double)NAN)] = '\0';
    assert_string_equal(text, "nan");
    text[number_print_double(text, -(double)NAN)] = '\0';
    assert_string_equal(text, "nan");
    text[number_print_double(text, (double)INFINITY)] = '\0';
    assert_string_equal(text, "inf");
    text[number_print_double(text, -(double)INFINITY)] = '\0';
    assert_string_equal(text, "-inf");
    text[number_print_json(text, (double)NAN)] = '\0';
    assert_string_equal(text, "NaN");
    text[number_print_json(text, (double)INFINITY)] = '\0';
    assert_string_equal(text, "Infinity");
    text[number_print_json(text, -(double)INFINITY)] = '\0';
    assert_string_equal(text, "-Infinity");
}

static void known_hard_numbers(void **state)
{
    (void)state;
    assert_prints(0.05105557292699814, "0.05105557292699814");
    assert_prints((double)2.4768719673f, "2.476871967315674");
    assert_prints(5e-324, "5e-324");
    assert_prints(1e-323, "1e-323");
    assert_prints(1.5e-323, "1.5e-323");
    assert_prints(2.2250738585072011e-308, "2.225073858507201e-308");
    assert_prints(-2.2250738585072014e-308, "-2.2250738585072014e-308");
    assert_prints(1.7976931348623157e308, "1.7976931348623157e+308");
    assert_prints(9007199254740992.0, "9007199254740992.0");
    assert_prints(9007199254740994.0, "9007199254740994.0");
    assert_prints(2e-44, "2e-44");
    /* two shortest ones, equally close: the even one */
    assert_prints(ldexp(1, -44), "5.684341886080802e-14");
    /* an end of the interval, which belongs to it */
    assert_prints(9.5367431640625e-07, "9.5367431640625e-07");
    assert_prints(2.0 * 4503599627370496, "9007199254740992.0");
    assert_prints(5.0e22, "5e+22");
}

static void powers_of_two_and_their_neighbours(void **state)
{
    (void)state;
    for (int e = -1074; e <= 1023; e++) {
        double value = ldexp(1, e);

        assert_true(check_prints_shortest(value));
        assert_true(check_prints_shortest(nextafter(value, (double)INFINITY)));
        if (e > -1074)
            assert_true(check_prints_shortest(nextafter(value, 0)));
    }
}

static void powers_of_ten_and_their_neighbours(void **state)
{
    char text[32];

    (void)state;
    for (int e = -323; e <= 308; e++) {
        double value;

        snprintf(text, sizeof(text), "1e%d", e);
        value = strtod(text, NULL);
        assert_true(check_prints_shortest(value));
        assert_true(check_prints_shortest(nextafter(value, (double)INFINITY)));
        assert_true(check_prints_shortest(nextafter(value, 0)));
    }
}

static void whole_numbers(void **state)
{
    struct check_random random = {3};
    char text[NUMBER_PRINT_MAX + 1], expected[64];

    (void)state;
    for (int i = 0; i < 100000; i++) {
        uint64_t number = check_next(&random) >> 11 >> i % 53;

        if (i < 2000)
            number = (uint64_t)i;
        if (number >= UINT64_C(10000000000000000))
            continue;
        snprintf(expected, sizeof(expected), "%llu.0", (unsigned long long)number);
        text[number_print_double(text, (double)number)] = '\0';
        assert_string_equal(text, expected);
    }
}

static void short_decimals(void **state)
{
    char expected[32], text[NUMBER_PRINT_MAX + 1];

    (void)state;
    for (int i = 1; i < 100000; i++) {
        snprintf(expected, sizeof(expected), "%d.%03d", i / 1000, i % 1000);
        for (size_t n = strlen(expected); expected[n - 1] == '0' && expected[n - 2] != '.';)
            expected[--n] = '\0';
        text[number_print_double(text, i / 1000.0)] = '\0';
        assert_string_equal(text, expected);
    }
}

static void random_doubles(void **state)
{
    struct check_random random = {1};

    (void)state;
    for (int i = 0; i < 300000; i++)
        assert_true(check_prints_shortest(check_random_double(&random)));
}

/* Nothing beyond NUMBER_PRINT_MAX bytes is written: the address sanitizer's, and the byte's, word.
 */
static void stays_in_its_room(void **state)
{
    struct check_random random = {2};
    char *out = malloc(NUMBER_PRINT_MAX);

    (void)state;
    for (int i = 0; i < 100000; i++) {
        double value = check_random_double(&random);

        if (i % 2) /* positional ones */
            value = ldexp(frexp(value, &(int){0}), i / 2 % 80 - 20);
        assert_in_range(number_print_double(out, value), 3, 24);
    }
    free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layout_is_that_of_python),
        cmocka_unit_test(not_finite),
        cmocka_unit_test(lines_are_cut),
        cmocka_unit_test(lines_by_their_properties),
        cmocka_unit_test(python2_has_twelve_digits),
        cmocka_unit_test(labels),
        cmocka_unit_test(known_hard_numbers),
        cmocka_unit_test(powers_of_two_and_their_neighbours),
        cmocka_unit_test(powers_of_ten_and_their_neighbours),
        cmocka_unit_test(whole_numbers),
        cmocka_unit_test(short_decimals),
        cmocka_unit_test(random_doubles),
        cmocka_unit_test(stays_in_its_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
