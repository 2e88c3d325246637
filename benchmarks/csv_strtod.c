/*
 * Reading csv: the decoder that requests go through, from text to float32 rows, against glibc's
 * strtod over the same text, which only makes doubles of it. Nanoseconds a number, medians of
 * turns.
 *
 *     csv_strtod [--cpu LEVEL] [--runs N] [FILE...]
 *
 * Texts: 1000 rows of 30 numbers in each of some layouts, and the FILEs. Prints a line of JSON for
 * each: how many numbers, bytes, and both sides' figures.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/number_print.h"
#include "benchmarks/row_timing.h"
#include "benchmarks/timing.h"
#include "server/formats/decode.h"

#define ROWS       1000
#define COLUMNS    30
#define RUNS_MAX   1001
#define BLOCK_ROWS 512

static struct decoder decoder;
static struct decode_fault fault;
static struct buffer text;

static void put(const char *piece, size_t size)
{
    if (buffer_append(&text, piece, size))
        row_die("text", "out of memory");
}

/* digits: significant ones; 0: as many as a float32 as double needs. */
static void fill(int digits)
{
    buffer_clear(&text);
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        char number[64];
        double value = random_normal();
        size_t n = digits ? (size_t)snprintf(number, sizeof(number), "%.*g", digits, value)
                          : number_print_double(number, (float)value);

        put(number, n);
        put((i + 1) % COLUMNS ? "," : "\n", 1);
    }
}

static double decode(size_t *ret_numbers)
{
    struct decode_rules rules = {.infinite_ok = false};
    struct matrix matrix;
    double sum = 0;
    size_t numbers = 0;

    if (decoder_open(&decoder, FORMAT_CSV, bytes_of(text.data, text.size), &rules, &fault))
        row_die("decoder_open", fault.exception);
    do {
        if (decoder_next(&decoder, BLOCK_ROWS, &matrix, &fault))
            row_die("decoder_next", fault.exception);
        numbers += matrix.rows * matrix.columns;
        if (matrix.rows)
            sum += (double)matrix.values[0];
    } while (matrix.rows);
    *ret_numbers = numbers;
    return sum;
}

/* An empty cell is passed over. */
static double read_strtod(void)
{
    const char *p = text.data;
    const char *end = p + text.size;
    double sum = 0;

    while (p < end) {
        char *after;

        sum += strtod(p, &after);
        p = after + 1;
    }
    return sum;
}

static void measure(const char *name, int runs)
{
    static double times[2][RUNS_MAX];
    size_t numbers = 0;
    double ours, theirs;

    put("", 1); /* strtod wants an end */
    text.size--;
    (void)decode(&numbers); /* the decoder's memory grows now */
    for (int i = 0; i < runs; i++) {
        volatile double sum;
        double start = cpu_seconds();

        sum = decode(&numbers);
        times[0][i] = cpu_seconds() - start;
        start = cpu_seconds();
        sum = read_strtod();
        times[1][i] = cpu_seconds() - start;
        (void)sum;
    }
    ours = median(times[0], (size_t)runs) * 1e9;
    theirs = median(times[1], (size_t)runs) * 1e9;
    printf("{\"text\": \"%s\", \"numbers\": %zu, \"bytes\": %zu, \"decoder_ns\": %.3f, "
           "\"strtod_ns\": %.3f, \"waited\": %.4f}\n",
           name, numbers, text.size, ours / (double)numbers, theirs / (double)numbers,
           row_waited());
}

static void take_level(const char *name)
{
    enum cpu_level level;

    if (!cpu_level_find(name, &level) || !cpu_limit(level))
        row_die(name, "no such level, or this processor does not have it");
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int digits;
    } kinds[] = {{"4 digits", 4},
                 {"6 digits", 6},
                 {"9 digits", 9},
                 {"17 digits", 17},
                 {"float32 as double", 0}};
    int first = 1;
    int runs = 31;

    for (; first + 1 < argc && strncmp(argv[first], "--", 2) == 0; first += 2) {
        if (strcmp(argv[first], "--cpu") == 0)
            take_level(argv[first + 1]);
        else if (strcmp(argv[first], "--runs") == 0)
            runs = atoi(argv[first + 1]);
        else
            row_die(argv[first], "no such option");
    }
    if (runs < 1 || runs > RUNS_MAX)
        row_die("--runs", "out of range");
    decoder_init(&decoder);
    decode_fault_init(&fault);
    buffer_init(&text, SIZE_MAX);
    for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
        fill(kinds[i].digits);
        measure(kinds[i].name, runs);
    }
    for (int i = first; i < argc; i++) {
        size_t size;
        char *data = row_read(argv[i], &size);

        buffer_clear(&text);
        put(data, size);
        measure(argv[i], runs);
        free(data);
    }
    buffer_fini(&text);
    decoder_fini(&decoder);
    decode_fault_fini(&fault);
    return 0;
}
