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
