/*
 * Reading text/csv against the C library's strtod over the same text: nanoseconds of CPU time a
 * cell, and how many times as fast. For each kind of text, 1000 different rows (more than a branch
 * predictor remembers) are read by
 *
 *   cells    number_cells_read alone, on each of the processor's levels
 *   decoder  decoder_open and decoder_next, in blocks of 128 rows
 *   1 row    the same for each row by itself, as single-row requests are
 *
 * and by strtod, cell by cell. All take turns, and each figure is the median. Values are compared.
 *
 *   bench_csv [RUNS [COLUMNS]]      (default 31 and 30; at least 2 columns, or a row by itself has
 *                                    no delimiter to be found)
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/compiler.h"
#include "base/cpu.h"
#include "base/number_cells.h"
#include "base/number_print.h"
#include "benchmarks/timing.h"
#include "server/formats/decode.h"

#define ROWS        1000
#define BLOCK       128
#define COLUMNS_MAX 1000
#define CELL_MAX    32
#define RUNS_MAX    1001
#define LEVELS      4

struct kind {
    const char *name;
    const char *format; /* NULL: the shortest decimal of the double; "": small whole numbers */
    unsigned missing;   /* percent */
    bool padded;
    bool returns;
};

static const struct kind kinds[] = {
    {"%.4g", .format = "%.4g"},
    {"%.6f", .format = "%.6f"},
    {"%.9g", .format = "%.9g"},
    {"%.0f", .format = "%.0f"},
    {"0 .. 255, most 0", .format = ""},
    {"%.17g", .format = "%.17g"},
    {"shortest double"},
    {"%.18e", .format = "%.18e"},
    {"%.4g, 10 % missing", .format = "%.4g", .missing = 10},
    {"%.4g, \\r\\n", .format = "%.4g", .returns = true},
    {"%.4g, padded", .format = "%.4g", .padded = true},
};

static char text[ROWS * COLUMNS_MAX * CELL_MAX];
static size_t lines[ROWS + 1]; /* where they begin */
static float expected[ROWS * COLUMNS_MAX], values[ROWS * COLUMNS_MAX];
static size_t columns = 30;
static struct decoder decoder;

static size_t put_cell(char *out, const struct kind *kind)
{
    double value = random_feature();

    if (kind->missing && random_word() % 100 < kind->missing)
        return 0;
    if (!kind->format)
        return number_print_double(out, value);
    if (!*kind->format)
        return (size_t)snprintf(out, CELL_MAX, "%u",
                                random_word() % 5 ? 0 : (unsigned)(random_word() % 256));
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    return (size_t)snprintf(out, CELL_MAX, kind->format, value);
#pragma GCC diagnostic pop
}

static void fill(const struct kind *kind)
{
    char *p = text;

    for (size_t r = 0; r < ROWS; r++) {
        lines[r] = (size_t)(p - text);
        for (size_t c = 0; c < columns; c++) {
            if (kind->padded && c)
                *p++ = ' ';
            p += put_cell(p, kind);
            if (kind->returns && c + 1 == columns)
                *p++ = '\r';
            *p++ = c + 1 < columns ? ',' : '\n';
        }
    }
    lines[ROWS] = (size_t)(p - text);
    *p = '\0';
}

static void read_strtod(void)
{
    char *p = text;

    for (size_t i = 0; i < ROWS * columns; i++) {
        char *end = p;

        expected[i] = *p == ',' || *p == '\n' ? NAN : (float)strtod(p, &end);
        p = end + (*end == '\r') + 1;
    }
}

static void read_cells(void)
{
    size_t count = ROWS * columns, n = 0;
    struct number_cells cells;

    number_cells_init(&cells, text, text + lines[ROWS] - 1, columns, ',');
    while ((n += number_cells_read(&cells, values + n, count - n)) < count) {
        char *end;

        values[n++] = (float)strtod(cells.at, &end); /* a padded cell */
        number_cells_skip(&cells, end + 1);
    }
}

/* Rows [first, last) as a body. */
static void decode(size_t first, size_t last)
{
    const struct decode_rules rules = {.more_follows = false};
    struct bytes body = bytes_of(text + lines[first], lines[last] - lines[first]);
    struct decode_fault fault;
    struct matrix matrix = {.rows = 0};
    size_t done = first * columns;

    decode_fault_init(&fault);
    if (decoder_open(&decoder, FORMAT_CSV, body, &rules, &fault))
        return;
    do {
        if (decoder_next(&decoder, BLOCK, &matrix, &fault))
            return;
        memcpy(values + done, matrix.values, matrix.rows * columns * sizeof(*values));
        done += matrix.rows * columns;
    } while (matrix.rows);
    decode_fault_fini(&fault);
}

static void read_body(void)
{
    decode(0, ROWS);
}

static void read_rows(void)
{
    for (size_t r = 0; r < ROWS; r++)
        decode(r, r + 1);
}

static double nanoseconds(void (*run)(void))
{
    double start = cpu_seconds();

    run();
    return (cpu_seconds() - start) * 1e9 / (double)(ROWS * columns);
}

static bool same(const char *name)
{
    for (size_t i = 0; i < ROWS * columns; i++) {
        if (memcmp(&values[i], &expected[i], sizeof(*values)) &&
            !(isnan(values[i]) && isnan(expected[i]))) {
            fprintf(stderr, "%s: value %zu differs: %.9g, not %.9g\n", name, i, (double)values[i],
                    (double)expected[i]);
            return false;
        }
    }
    return true;
}

static bool measure(const struct kind *kind, int runs, enum cpu_level most)
{
    static void (*const ways[])(void) = {read_cells, read_body, read_rows};
    static double times[LEVELS][3][RUNS_MAX], strtod_times[RUNS_MAX];
    double theirs;

    fill(kind);
    for (int i = 0; i < runs; i++) {
        strtod_times[i] = nanoseconds(read_strtod);
        for (int level = 0; level <= (int)most; level++) {
            if (!cpu_limit((enum cpu_level)level))
                return false;
            for (size_t way = 0; way < 3; way++) {
                memset(values, 0, ROWS * columns * sizeof(*values));
                times[level][way][i] = nanoseconds(ways[way]);
                if (!same(kind->name))
                    return false;
            }
        }
    }
    theirs = median(strtod_times, (size_t)runs);
    for (int level = 0; level <= (int)most; level++) {
        printf("%-19s %-8s %6.1f", level ? "" : kind->name, cpu_level_name((enum cpu_level)level),
               theirs);
        for (size_t way = 0; way < 3; way++) {
            double ours = median(times[level][way], (size_t)runs);

            printf("  %6.2f %5.1fx", ours, theirs / ours);
        }
        printf("\n");
    }
    return true;
}

int main(int argc, char **argv)
{
    int runs = argc > 1 ? atoi(argv[1]) : 31;
    enum cpu_level most = cpu_level();

    if (argc > 2)
        columns = (size_t)atoi(argv[2]);
    if (runs < 1 || runs > RUNS_MAX || columns < 2 || columns > COLUMNS_MAX)
        return 2;
    decoder_init(&decoder);
    printf("%-19s %-8s %6s  %14s %14s %14s\n", "ns a cell", "level", "strtod", "cells", "decoder",
           "1 row");
    for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
        if (!measure(&kinds[i], runs, most))
            return 1;
    }
    decoder_fini(&decoder);
    return 0;
}
