/*
 * Any bytes as a number. Where the grammars agree, the value is the C library's; what is read and
 * printed reads back; and what one reader takes, the wider ones take with the same value.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/number_parse.h"
#include "base/number_print.h"
#include "base/unicode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static bool same(double a, double b)
{
    return (isnan(a) && isnan(b)) || memcmp(&a, &b, sizeof(a)) == 0;
}

static void check_print(double value)
{
    char text[NUMBER_PRINT_MAX];
    double back;
    size_t size = number_print_double(text, value);

    require(size <= NUMBER_PRINT_MAX);
    require(number_parse_python(text, size, &back) == NUMBER_OK && same(back, value));
    size = number_print_json(text, value);
    require(number_parse_json(text, size, &back) == NUMBER_OK && same(back, value));
}

static void check_scan(const char *text, size_t size)
{
    double value, python, json;
    size_t n = number_scan_double(text, text + size, &value);
    char *copy, *end;
    float narrow;

    require(n <= size);
    if (n == 0)
        return;
    copy = malloc(n + 1);
    require(copy != NULL);
    memcpy(copy, text, n);
    copy[n] = '\0';
    require(same(strtod(copy, &end), value) && end == copy + n);
    require(number_parse_python(text, n, &python) == NUMBER_OK && same(python, value));
    if (number_parse_json(text, n, &json) == NUMBER_OK) {
        float expected = strtof(copy, NULL);

        require(same(json, value));
        require(number_parse_json_f32(text, n, &narrow) == NUMBER_OK);
        require(memcmp(&narrow, &expected, sizeof(narrow)) == 0);
    }
    free(copy);
    check_print(value);
}

static void check_texts(const char *text, size_t size)
{
    struct unicode_fault fault;
    int64_t integer;
    double value;
    float narrow;

    if (number_parse_json(text, size, &value) == NUMBER_OK)
        check_print(value);
    require(number_parse_json_f32(text, size, &narrow) == number_parse_json(text, size, &value));
    if (unicode_check(text, size, &fault) != size) {
        require(fault.first <= fault.last && fault.last < size && fault.last - fault.first < 3);
        return;
    }
    if (number_parse_int(text, size, &integer) == NUMBER_OK) {
        require(number_parse_python(text, size, &value) == NUMBER_OK);
        require(same(value, (double)integer) || integer == 0); /* int has no -0 */
    }
    if (number_parse_python(text, size, &value) == NUMBER_OK)
        check_print(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    double value;

    if (size > 4096)
        size = 4096;
    if (size >= sizeof(value)) {
        memcpy(&value, data, sizeof(value));
        check_print(value);
    }
    check_scan((const char *)data, size);
    check_texts((const char *)data, size);
    return 0;
}
