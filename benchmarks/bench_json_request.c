/*
 * A JSON request to rows, against jansson's json_loadb of the same text (which makes a tree of it,
 * from which the rows would still have to be taken), and our own reading of the same numbers as
 * text/csv: megabytes a second of each one's text, and the ratios. 1000 records of 30 numbers in
 * each form that clients send, and 100 of 784, as of images; all sides take turns, each figure is
 * the median.
 *
 *   bench_json_request [RUNS [--json]]      (default 31; --json: a line of JSON a form)
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number_print.h"
#include "benchmarks/timing.h"
#include "server/formats/decode.h"

#define RUNS_MAX 1001

enum { SIDE_OURS, SIDE_JANSSON, SIDE_CSV, SIDES };

static struct buffer text, csv;
static struct decoder decoder;
static struct decode_fault fault;

static void put_to(struct buffer *out, const char *piece, size_t size)
{
    if (buffer_append(out, piece, size))
        exit(1);
}

static void put(const char *piece)
{
    put_to(&text, piece, strlen(piece));
}

enum kind {
    KIND_FIXED,  /* %.4f */
    KIND_WHOLE,  /* %.0f */
    KIND_ALL,    /* all of a double's digits */
    KIND_BYTES,  /* 0 .. 255, most 0, as pixels are */
    KIND_SHARES, /* these divided by 255, with 12 digits */
};

struct form {
    const char *name;
    enum format format;
    enum kind kind;
    size_t records, numbers;
    const char *comma;
    const char *before, *after; /* a record's numbers */
    bool sparse;
};

static size_t print_number(char *out, size_t size, enum kind kind)
{
    double value = random_feature();
    unsigned byte = random_word() % 5 ? 0 : (unsigned)(random_word() % 256);

    switch (kind) {
    case KIND_FIXED:
        return (size_t)snprintf(out, size, "%.4f", value);
    case KIND_WHOLE:
        return (size_t)snprintf(out, size, "%.0f", value);
    case KIND_ALL:
        return number_print_double(out, value);
    case KIND_BYTES:
        return (size_t)snprintf(out, size, "%u", byte);
    case KIND_SHARES:
        return (size_t)snprintf(out, size, "%.12g", random_word() % 256 / 255.0);
    }
    return 0;
}

static void put_numbers(const struct form *form)
{
    put("[");
    for (size_t i = 0; i < form->numbers; i++) {
        char number[64];
        size_t n = print_number(number, sizeof(number), form->kind);

        put(i ? form->comma : "");
        put_to(&text, number, n);
        put_to(&csv, ",", i != 0);
        put_to(&csv, number, n);
    }
    put("]");
    put_to(&csv, "\n", 1);
}

static void put_keys(const struct form *form)
{
    put("[");
    for (size_t i = 0; i < form->numbers; i++) {
        char number[32];

        snprintf(number, sizeof(number), "%zu", i * 60 + (size_t)(random_word() % 60));
        put(i ? form->comma : "");
        put(number);
    }
    put("]");
}

static void fill(const struct form *form)
{
    bool lines = form->format == FORMAT_JSONLINES;

    buffer_clear(&text);
    buffer_clear(&csv);
    put(lines ? "" : "{\"instances\": [");
    for (size_t i = 0; i < form->records; i++) {
        put(i ? (lines ? "\n" : ", ") : "");
        put(form->before);
        if (form->sparse) {
            put_keys(form);
            put(", \"shape\": [2000], \"values\": ");
        }
        put_numbers(form);
        put(form->after);
    }
    put(lines ? "\n" : "]}");
}

static void decode(enum format format, const struct buffer *body, size_t records)
{
    struct decode_rules rules = {.json_null_is_missing = true};
    struct matrix matrix;
    size_t rows = 0;

    if (decoder_open(&decoder, format, bytes_of(body->data, body->size), &rules, &fault)) {
        fprintf(stderr, "%.*s\n", (int)fault.message.size, fault.message.data);
        exit(1);
    }
    do {
        if (decoder_next(&decoder, 64, &matrix, &fault))
            exit(1);
        rows += matrix.rows;
    } while (matrix.rows);
    if (rows != records)
        exit(1);
}

static void read_ours(const struct form *form)
{
    decode(form->format, &text, form->records);
}

static void read_csv(const struct form *form)
{
    decode(FORMAT_CSV, &csv, form->records);
}

static void read_jansson(const struct form *form)
{
    const char *at = text.data;
    const char *end = at + text.size;

    while (at < end) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        size_t size =
            (size_t)((form->format == FORMAT_JSONLINES && line_end ? line_end : end) - at);
        json_t *json = json_loadb(at, size, 0, NULL);

        if (!json)
            exit(1);
        json_decref(json);
        at += size + 1;
    }
}

static double seconds(void (*read)(const struct form *form), const struct form *form)
{
    double start = cpu_seconds();

    read(form);
    return cpu_seconds() - start;
}

static void measure(const struct form *form, int runs, bool json)
{
    static void (*const readers[SIDES])(const struct form *form) = {
        [SIDE_OURS] = read_ours, [SIDE_JANSSON] = read_jansson, [SIDE_CSV] = read_csv};
    static double times[SIDES][RUNS_MAX];
    double rate[SIDES];
    double of_csv;

    fill(form);
    for (int i = 0; i < runs; i++) {
        for (int side = 0; side < SIDES; side++)
            times[side][i] = seconds(readers[side], form);
    }
    for (int side = 0; side < SIDES; side++)
        rate[side] = (double)(side == SIDE_CSV ? csv.size : text.size) /
                     median(times[side], (size_t)runs) * 1e-6;
    of_csv = median(times[SIDE_CSV], (size_t)runs) / median(times[SIDE_OURS], (size_t)runs);
    if (json)
        printf("{\"form\": \"%s\", \"bytes\": %zu, \"ours_mb_s\": %.1f, \"jansson_mb_s\": %.1f, "
               "\"csv_mb_s\": %.1f, \"of_csv\": %.3f}\n",
               form->name, text.size, rate[SIDE_OURS], rate[SIDE_JANSSON], rate[SIDE_CSV], of_csv);
    else
        printf("%-36s %8zu %6.0f MB/s %6.0f MB/s %6.1fx %6.0f MB/s %6.2fx\n", form->name, text.size,
               rate[SIDE_OURS], rate[SIDE_JANSSON], rate[SIDE_OURS] / rate[SIDE_JANSSON],
               rate[SIDE_CSV], of_csv);
}

#define RECORD(BEFORE, AFTER) 1000, 30, ", ", BEFORE, AFTER
#define IMAGE(COMMA)          100, 784, COMMA, "{\"features\": ", "}"

int main(int argc, char **argv)
{
    static const struct form forms[] = {
        {"json, features, %.4f", FORMAT_JSON, KIND_FIXED, RECORD("{\"features\": ", "}")},
        {"json, features, all digits", FORMAT_JSON, KIND_ALL, RECORD("{\"features\": ", "}")},
        {"json, features, whole", FORMAT_JSON, KIND_WHOLE, RECORD("{\"features\": ", "}")},
        {"json, arrays, %.4f", FORMAT_JSON, KIND_FIXED, RECORD("", "")},
        {"json, data.features.values, %.4f", FORMAT_JSON, KIND_FIXED,
         RECORD("{\"data\": {\"features\": {\"values\": ", "}}}")},
        {"json, sparse, %.4f", FORMAT_JSON, KIND_FIXED,
         RECORD("{\"data\": {\"features\": {\"keys\": ", "}}}"), .sparse = true},
        {"jsonlines, features, %.4f", FORMAT_JSONLINES, KIND_FIXED, RECORD("{\"features\": ", "}")},
        {"jsonlines, features, all digits", FORMAT_JSONLINES, KIND_ALL,
         RECORD("{\"features\": ", "}")},
        {"json, 784, 0 .. 255, most 0", FORMAT_JSON, KIND_BYTES, IMAGE(", ")},
        {"json, 784, 0 .. 255, most 0, ','", FORMAT_JSON, KIND_BYTES, IMAGE(",")},
        {"json, 784, 12 digits", FORMAT_JSON, KIND_SHARES, IMAGE(", ")},
        {"json, 784, 12 digits, ','", FORMAT_JSON, KIND_SHARES, IMAGE(",")},
        {"json, 784, all digits", FORMAT_JSON, KIND_ALL, IMAGE(", ")},
        {"json, 784, all digits, ','", FORMAT_JSON, KIND_ALL, IMAGE(",")},
    };
    int runs = argc > 1 ? atoi(argv[1]) : 31;
    bool json = argc > 2 && strcmp(argv[2], "--json") == 0;

    if (runs < 1 || runs > RUNS_MAX)
        return 2;
    buffer_init(&text, SIZE_MAX);
    buffer_init(&csv, SIZE_MAX);
    decoder_init(&decoder);
    decode_fault_init(&fault);
    if (!json)
        printf("%-36s %8s %11s %11s %7s %11s %7s\n", "", "bytes", "ours", "jansson", "ratio", "csv",
               "ratio");
    for (size_t i = 0; i < ARRAY_LENGTH(forms); i++)
        measure(&forms[i], runs, json);
    decoder_fini(&decoder);
    decode_fault_fini(&fault);
    buffer_fini(&text);
    buffer_fini(&csv);
    return 0;
}
