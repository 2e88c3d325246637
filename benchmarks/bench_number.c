/*
 * Reading and printing of numbers against the C library's: nanoseconds a number, and the ratio.
 * Each kind of text is 30,000 different numbers between commas, more than a branch predictor
 * remembers, and is read through once a run. The runs of the two sides take turns; each figure is
 * the median.
 *
 *   bench_number [RUNS]      (default 31)
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/number_parse.h"
#include "base/number_print.h"
#include "benchmarks/timing.h"

#define NUMBERS  30000
#define RUNS_MAX 1001

static char text[NUMBERS * 32 + 64];
static char *text_end;
static double numbers[NUMBERS];

static void fill(const char *format)
{
    char *p = text;

    for (int i = 0; i < NUMBERS; i++) {
        double value = random_feature();

        if (format) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            p += snprintf(p, 32, format, value);
#pragma GCC diagnostic pop
        } else {
            p += number_print_double(p, value);
        }
        *p++ = ',';
    }
    text_end = p;
    *p = '\0';
}

static double read_ours(void)
{
    const char *p = text;
    double sum = 0, value = 0;

    while (p != text_end) {
        p += number_scan_double(p, text_end, &value) + 1;
        sum += value;
    }
    return sum;
}

static double read_strtod(void)
{
    const char *p = text;
    double sum = 0;

    while (p != text_end) {
        char *end;

        sum += strtod(p, &end);
        p = end + 1;
    }
    return sum;
}

/* As a decoder does that knows the cells' ends */
static double read_cells(void)
{
    const char *p = text;
    double sum = 0, value = 0;

    while (p != text_end) {
        const char *comma = memchr(p, ',', (size_t)(text_end - p));

        if (number_parse_python(p, (size_t)(comma - p), &value) != NUMBER_OK)
            return 0;
        sum += value;
        p = comma + 1;
    }
    return sum;
}

static double print_ours(void)
{
    char out[NUMBER_PRINT_MAX];
    size_t size = 0;

    for (int i = 0; i < NUMBERS; i++)
        size += number_print_double(out, numbers[i]) + (uint8_t)out[1];
    return (double)size;
}

static double print_library(void)
{
    char out[NUMBER_PRINT_MAX];
    size_t size = 0;

    for (int i = 0; i < NUMBERS; i++)
        size += (size_t)snprintf(out, sizeof(out), "%.17g", numbers[i]) + (uint8_t)out[1];
    return (double)size;
}

static double nanoseconds(double (*run)(void), double *ret_check)
{
    double start = cpu_seconds();

    *ret_check = run();
    return (cpu_seconds() - start) * 1e9 / NUMBERS;
}

static void measure(const char *name, double (*ours)(void), double (*theirs)(void), int runs,
                    bool same)
{
    static double times[2][RUNS_MAX];
    double check[2], middle[2];

    for (int i = 0; i < runs; i++) {
        times[0][i] = nanoseconds(ours, &check[0]);
        times[1][i] = nanoseconds(theirs, &check[1]);
        if (same && (check[0] < check[1] || check[0] > check[1])) {
            fprintf(stderr, "%s: results differ, %.17g and %.17g\n", name, check[0], check[1]);
            exit(1);
        }
    }
    for (int side = 0; side < 2; side++)
        middle[side] = median(times[side], (size_t)runs);
    printf("%-34s %8.1f ns  %8.1f ns  %6.1fx\n", name, middle[0], middle[1], middle[1] / middle[0]);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        const char *format;
    } kinds[] = {
        {"read %.4g", "%.4g"},   {"read %.6f", "%.6f"},   {"read %.9g", "%.9g"},
        {"read %.0f", "%.0f"},   {"read %.17g", "%.17g"}, {"read shortest double", NULL},
        {"read %.18e", "%.18e"},
    };
    int runs = argc > 1 ? atoi(argv[1]) : 31;

    if (runs < 1 || runs > RUNS_MAX)
        return 2;
    printf("%-34s %11s  %11s  %7s\n", "", "ours", "C library", "ratio");
    for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
        char name[64];

        fill(kinds[i].format);
        measure(kinds[i].name, read_ours, read_strtod, runs, true);
        snprintf(name, sizeof(name), "%s, cell by cell", kinds[i].name);
        measure(name, read_cells, read_strtod, runs, true);
    }
    for (int i = 0; i < NUMBERS; i++)
        numbers[i] = random_feature();
    measure("print double, against %.17g", print_ours, print_library, runs, false);
    for (int i = 0; i < NUMBERS; i++)
        numbers[i] = (float)random_feature();
    measure("print float as double", print_ours, print_library, runs, false);
    for (int i = 0; i < NUMBERS; i++)
        numbers[i] = (double)(random_word() % 1000);
    measure("print small whole numbers", print_ours, print_library, runs, false);
    return 0;
}
