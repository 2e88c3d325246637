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
#include <time.h>

#include "base/compiler.h"
#include "base/number_parse.h"
#include "base/number_print.h"

#define NUMBERS  30000
#define RUNS_MAX 1001

static char text[NUMBERS * 32 + 64];
static char *text_end;
static double numbers[NUMBERS];

static uint64_t random_word(void)
{
    static uint64_t state = 0x9e3779b97f4a7c15u;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state * 0x2545f4914f6cdd1du;
}

/* Like a column of features: of either sign, of magnitudes from 0.001 to 1000 */
static double random_feature(void)
{
    static const double scales[] = {0.01, 0.1, 1, 10, 100, 1000};
    uint64_t word = random_word();

    return ((double)(word >> 11) / (double)(UINT64_C(1) << 52) - 1) * scales[word % 6];
}

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
    struct timespec start, stop;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
    *ret_check = run();
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &stop);
    return ((double)(stop.tv_sec - start.tv_sec) * 1e9 + (double)(stop.tv_nsec - start.tv_nsec)) /
           NUMBERS;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void measure(const char *name, double (*ours)(void), double (*theirs)(void), int runs,
                    bool same)
{
    static double times[2][RUNS_MAX];
    double check[2];

    for (int i = 0; i < runs; i++) {
        times[0][i] = nanoseconds(ours, &check[0]);
        times[1][i] = nanoseconds(theirs, &check[1]);
        if (same && (check[0] < check[1] || check[0] > check[1])) {
            fprintf(stderr, "%s: results differ, %.17g and %.17g\n", name, check[0], check[1]);
            exit(1);
        }
    }
    for (int side = 0; side < 2; side++)
        qsort(times[side], (size_t)runs, sizeof(double), compare);
    printf("%-34s %8.1f ns  %8.1f ns  %6.1fx\n", name, times[0][runs / 2], times[1][runs / 2],
           times[1][runs / 2] / times[0][runs / 2]);
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
