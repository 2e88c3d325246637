#pragma once
/*
 * Scoring rows in process, one at a time and many at a time: what the programs that do it share, so
 * that ours and a peer's are measured by the same lines. A program parses its options, prepares a
 * row_scorer and calls row_timing_run, which scores all rows both ways, compares the two results,
 * measures, and prints one line of JSON. Also compiled as C++.
 *
 *     PROGRAM [OPTIONS] MODEL ROWS COLUMNS OUTPUTS
 *
 *     ROWS            row-major float32 in the machine's byte order, NaN where missing
 *     COLUMNS         values of a row
 *     OUTPUTS         margins of a row
 *     --seconds S     how long each of the two is measured (default 0.4)
 *     --margins FILE  where the margins go, as float32
 *
 * A slice is as many calls as take about 3 ms; its figure is processor time of the process divided
 * by rows; printed are the median of the slices, and the tenth and ninetieth of a hundred. Rows
 * take turns, so that no two calls in a row see the same one.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROW_SLICE_SECONDS 0.003
#define ROW_SLICES_MAX    4000

struct row_options {
    const char *model;
    const char *rows_file;
    const char *margins_file;
    size_t columns;
    size_t outputs;
    double seconds;
};

struct row_scorer {
    const char *name;    /* of the kernel or engine */
    const char *version; /* of the library */
    double load_ms;
    void *self;
    /* Margins of `rows` rows: rows * outputs numbers. */
    void (*score)(void *self, const float *values, size_t rows, float *margins);
};

struct row_figure {
    double middle, low, high; /* microseconds a row */
};

static inline void row_die(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

/* Of all threads: some peers have more than one. */
static inline double row_cpu_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* The share of the time since the process began that it was ready but did not run. */
static inline double row_waited(void)
{
    unsigned long long ran = 0, waited = 0;
    FILE *file = fopen("/proc/self/schedstat", "r");

    if (file && fscanf(file, "%llu %llu", &ran, &waited) != 2)
        ran = waited = 0;
    if (file)
        fclose(file);
    return ran + waited ? (double)waited / (double)(ran + waited) : 0;
}

static inline int row_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static inline void *row_read(const char *path, size_t *ret_size)
{
    FILE *file = fopen(path, "rb");
    char *data;
    long size;

    if (!file || fseek(file, 0, SEEK_END) || (size = ftell(file)) <= 0 ||
        fseek(file, 0, SEEK_SET) || !(data = (char *)malloc((size_t)size)) ||
        fread(data, 1, (size_t)size, file) != (size_t)size) {
        row_die(path, "cannot be read");
        return NULL;
    }
    fclose(file);
    *ret_size = (size_t)size;
    return data;
}

/* Takes what is common off the arguments and hands each other option, with its value, to `other`,
 * which returns whether it knows it. */
static inline struct row_options
row_options_parse(int argc, char **argv, int (*other)(const char *name, const char *value))
{
    struct row_options options;
    const char *places[4] = {NULL, NULL, NULL, NULL};
    int count = 0;

    memset(&options, 0, sizeof(options));
    options.seconds = 0.4;
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--", 2) != 0) {
            if (count < 4)
                places[count] = argv[i];
            count++;
        } else if (i + 1 == argc) {
            row_die(argv[i], "wants a value");
        } else if (strcmp(argv[i], "--seconds") == 0) {
            options.seconds = atof(argv[++i]);
        } else if (strcmp(argv[i], "--margins") == 0) {
            options.margins_file = argv[++i];
        } else if (other && other(argv[i], argv[i + 1])) {
            i++;
        } else {
            row_die(argv[i], "no such option");
        }
    }
    if (count != 4)
        row_die("usage", "PROGRAM [OPTIONS] MODEL ROWS COLUMNS OUTPUTS");
    options.model = places[0];
    options.rows_file = places[1];
    options.columns = (size_t)strtoul(places[2], NULL, 10);
    options.outputs = (size_t)strtoul(places[3], NULL, 10);
    if (!options.columns || !options.outputs)
        row_die("usage", "COLUMNS and OUTPUTS are positive");
    return options;
}

struct row_run {
    const struct row_options *options;
    const struct row_scorer *scorer;
    const float *values;
    float *margins;
    size_t rows;
    size_t next; /* the row that comes next */
};

/* Processor time of some calls of `block` rows each. */
static inline double row_slice(struct row_run *run, size_t block, size_t calls)
{
    double start = row_cpu_seconds();

    for (size_t i = 0; i < calls; i++) {
        if (run->next + block > run->rows)
            run->next = 0;
        run->scorer->score(run->scorer->self, run->values + run->next * run->options->columns,
                           block, run->margins + run->next * run->options->outputs);
        run->next += block;
    }
    return row_cpu_seconds() - start;
}

static inline struct row_figure row_measure(struct row_run *run, size_t block)
{
    static double slices[ROW_SLICES_MAX];
    struct row_figure figure;
    size_t calls = 1;
    size_t count = 0;
    double took, sum = 0;

    run->next = 0;
    while ((took = row_slice(run, block, calls)) < ROW_SLICE_SECONDS / 2)
        calls *= 2;
    if (took < ROW_SLICE_SECONDS)
        calls = (size_t)((double)calls * ROW_SLICE_SECONDS / took) + 1;
    while ((sum < run->options->seconds || count < 3) && count < ROW_SLICES_MAX) {
        took = row_slice(run, block, calls);
        sum += took;
        slices[count++] = took * 1e6 / (double)(calls * block);
    }
    qsort(slices, count, sizeof(*slices), row_compare);
    figure.middle = slices[count / 2];
    figure.low = slices[count / 10];
    figure.high = slices[count - 1 - count / 10];
    return figure;
}

static inline void row_write_margins(const struct row_run *run)
{
    const char *path = run->options->margins_file;
    size_t count = run->rows * run->options->outputs;
    FILE *file = path ? fopen(path, "wb") : NULL;

    if (!path)
        return;
    if (!file || fwrite(run->margins, sizeof(float), count, file) != count || fclose(file))
        row_die(path, "cannot be written");
}

static inline void row_timing_run(const struct row_options *options,
                                  const struct row_scorer *scorer)
{
    struct row_run run;
    struct row_figure one, many;
    size_t size, bytes;
    float *alone;
    int same;

    memset(&run, 0, sizeof(run));
    run.options = options;
    run.scorer = scorer;
    run.values = (const float *)row_read(options->rows_file, &size);
    run.rows = size / (options->columns * sizeof(float));
    if (!run.rows || size % (options->columns * sizeof(float)))
        row_die(options->rows_file, "not rows of that many columns");
    bytes = run.rows * options->outputs * sizeof(float);
    alone = (float *)calloc(1, bytes);
    run.margins = (float *)calloc(1, bytes);
    if (!alone || !run.margins)
        row_die("margins", "out of memory");
    for (size_t i = 0; i < run.rows; i++)
        scorer->score(scorer->self, run.values + i * options->columns, 1,
                      alone + i * options->outputs);
    scorer->score(scorer->self, run.values, run.rows, run.margins);
    same = memcmp(alone, run.margins, bytes) == 0;
    row_write_margins(&run);
    one = row_measure(&run, 1);
    many = row_measure(&run, run.rows);
    printf("{\"scorer\": \"%s\", \"version\": \"%s\", \"load_ms\": %.2f, \"rows\": %zu, "
           "\"same_bits_alone\": %s, \"waited\": %.4f, "
           "\"one_us\": %.5f, \"one_low\": %.5f, \"one_high\": %.5f, "
           "\"many_us\": %.5f, \"many_low\": %.5f, \"many_high\": %.5f}\n",
           scorer->name, scorer->version, scorer->load_ms, run.rows, same ? "true" : "false",
           row_waited(), one.middle, one.low, one.high, many.middle, many.low, many.high);
    free(alone);
    free(run.margins);
}
