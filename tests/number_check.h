#pragma once
/*
 * What the unit tests and the long test share: random numbers that are the same in every run, and
 * the C library's exact conversions as the judge of ours.
 */

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number_parse.h"
#include "base/number_print.h"

struct check_random {
    uint64_t state; /* not 0 */
};

static inline uint64_t check_next(struct check_random *random)
{
    random->state ^= random->state << 13;
    random->state ^= random->state >> 7;
    random->state ^= random->state << 17;
    return random->state * 0x2545f4914f6cdd1du;
}

static inline uint64_t check_bits(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static inline double check_double(uint64_t bits)
{
    double value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

static inline uint32_t check_bits_f32(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

/* Any finite double; one in four is a widened float, as scores are. */
static inline double check_random_double(struct check_random *random)
{
    for (;;) {
        uint64_t word = check_next(random);
        double value = check_double(word);

        if (check_next(random) % 4 == 0) {
            uint32_t low = (uint32_t)word;
            float narrow;

            memcpy(&narrow, &low, sizeof(narrow));
            value = (double)narrow;
        }
        if (isfinite(value))
            return value;
    }
}

/* Whether all of text, a plain number, is read as strtod and strtof read it. */
static inline bool check_reads_as_library(const char *text)
{
    size_t size = strlen(text);
    double scanned, python, json, expected = strtod(text, NULL);
    float narrow, expected_narrow = strtof(text, NULL);

    if (number_scan_double(text, text + size, &scanned) != size ||
        check_bits(scanned) != check_bits(expected) ||
        number_parse_python(text, size, &python) != NUMBER_OK ||
        check_bits(python) != check_bits(expected)) {
        printf("read as double: %s\n", text);
        return false;
    }
    if (number_parse_json(text, size, &json) != NUMBER_OK)
        return *text == '0' || text[1] == '0'; /* a leading zero, which JSON has not */
    if (number_parse_json_f32(text, size, &narrow) != NUMBER_OK ||
        check_bits(json) != check_bits(expected) ||
        check_bits_f32(narrow) != check_bits_f32(expected_narrow)) {
        printf("read from JSON: %s\n", text);
        return false;
    }
    return true;
}

/* The digits and the exponent of "%.*e", without point and trailing zeros. */
static inline int check_digits(double value, int count, char *ret_digits)
{
    char text[64];
    int n = 0;

    snprintf(text, sizeof(text), "%.*e", count - 1, fabs(value));
    for (const char *p = text; *p != 'e'; p++) {
        if (*p != '.')
            ret_digits[n++] = *p;
    }
    while (n > 1 && ret_digits[n - 1] == '0')
        n--;
    ret_digits[n] = '\0';
    return atoi(strchr(text, 'e') + 1);
}

/* Python's layout of digits with an exponent, by the rule as it is written down. */
static inline void check_layout(char *out, bool negative, const char *digits, int exponent)
{
    int n = (int)strlen(digits);

    if (negative)
        *out++ = '-';
    if (exponent >= 16 || exponent < -4) {
        *out++ = digits[0];
        if (n > 1)
            out += sprintf(out, ".%s", digits + 1);
        sprintf(out, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
        return;
    }
    if (exponent < 0) {
        out += sprintf(out, "0.");
        for (int i = -1; i > exponent; i--)
            *out++ = '0';
        sprintf(out, "%s", digits);
        return;
    }
    for (int i = 0; i < n || i < exponent + 2; i++) {
        if (i == exponent + 1)
            *out++ = '.';
        *out++ = i < n ? digits[i] : '0';
    }
    *out = '\0';
}

static inline bool check_reads_back(double value, const char *digits, int exponent)
{
    char text[64];

    snprintf(text, sizeof(text), "%.1s.%se%d", digits, digits + 1, exponent);
    return check_bits(strtod(text, NULL)) == check_bits(fabs(value));
}

/* Whether a decimal of `count` digits reads back: the nearest one, or one next to that. */
static inline bool check_count_reads_back(double value, int count)
{
    char digits[32], text[64];
    int exponent = check_digits(value, count, digits);
    uint64_t number;

    while ((int)strlen(digits) < count)
        strcat(digits, "0");
    number = strtoull(digits, NULL, 10);
    for (uint64_t i = number - 1; i <= number + 1; i++) {
        snprintf(text, sizeof(text), "%llue%d", (unsigned long long)i, exponent - count + 1);
        if (check_bits(strtod(text, NULL)) == check_bits(fabs(value)))
            return true;
    }
    return false;
}

/* Whether value, finite and not 0, is printed as it should be: reads back, in as few digits as
 * possible, the closest of these, in Python's layout. */
static inline bool check_prints_shortest(double value)
{
    char text[NUMBER_PRINT_MAX + 1], expected[64], digits[32];
    size_t size = number_print_double(text, value);
    int count = 0, exponent;
    double back;

    text[size] = '\0';
    if (number_scan_double(text, text + size, &back) != size ||
        check_bits(back) != check_bits(value) ||
        check_bits(strtod(text, NULL)) != check_bits(value)) {
        printf("does not read back: %s for %.17g\n", text, value);
        return false;
    }
    for (size_t i = 0, zeros = 0; i < size && text[i] != 'e'; i++) {
        if (text[i] == '0')
            zeros++;
        else if (text[i] > '0' && text[i] <= '9') {
            count += count ? 1 + (int)zeros : 1;
            zeros = 0;
        }
    }
    if (count > 1 && check_count_reads_back(value, count - 1)) {
        printf("not the shortest: %s for %.17g\n", text, value);
        return false;
    }
    exponent = check_digits(value, count, digits);
    check_layout(expected, value < 0, digits, exponent);
    if (strcmp(text, expected) == 0)
        return true;
    /* Above a power of two there is more room than below it: the nearest may not read back. */
    if (!(check_bits(value) << 12) && !check_reads_back(value, digits, exponent))
        return true;
    printf("not the closest, or laid out wrongly: %s, not %s\n", text, expected);
    return false;
}
