/*
 * A JSON request to rows, against jansson's json_loadb of the same text (which makes a tree of it,
 * from which the rows would still have to be taken): megabytes a second, and the ratio. 1000
 * records of 30 numbers in each form that clients send; both sides take turns, each figure is the
 * median.
 *
 *   bench_json_request [RUNS]      (default 31)
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/number_print.h"
#include "server/formats/decode.h"

#define RECORDS  1000
#define NUMBERS  30
#define RUNS_MAX 1001

static struct buffer text;
static struct decoder decoder;
static struct decode_fault fault;

static uint64_t random_word(void)
{
    static uint64_t state = 0x9e3779b97f4a7c15u;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state * 0x2545f4914f6cdd1du;
}

/* Like a column of features: of either sign, of magnitudes from 0.01 to 1000 */
static double random_feature(void)
{
    static const double scales[] = {0.01, 0.1, 1, 10, 100, 1000};
    uint64_t word = random_word();

    return ((double)(word >> 11) / (double)(UINT64_C(1) << 52) - 1) * scales[word % 6];
}

static void put(const char *piece)
{
    if (buffer_append(&text, piece, strlen(piece)))
        exit(1);
}

/* digits: after the point, or -1 for all of a double's. A space follows a comma, as json.dumps has
 * it. */
static void put_numbers(int digits)
{
    for (int i = 0; i < NUMBERS; i++) {
        char number[64];
        int n = digits < 0 ? (int)number_print_double(number, random_feature())
                           : snprintf(number, sizeof(number), "%.*f", digits, random_feature());

        put(i ? ", " : "[");
        if (buffer_append(&text, number, (size_t)n))
            exit(1);
    }
    put("]");
}

static void put_keys(void)
{
    for (int i = 0; i < NUMBERS; i++) {
        char number[32];

        snprintf(number, sizeof(number), "%s%d", i ? ", " : "[",
                 i * 60 + (int)(random_word() % 60));
        put(number);
    }
    put("]");
}

struct form {
    const char *name;
    enum format format;
    int digits;
    bool sparse;
    const char *before, *after; /* a record's numbers */
};

static void fill(const struct form *form)
{
    bool lines = form->format == FORMAT_JSONLINES;

    buffer_clear(&text);
    put(lines ? "" : "{\"instances\": [");
    for (int i = 0; i < RECORDS; i++) {
        put(i ? (lines ? "\n" : ", ") : "");
        put(form->before);
        if (form->sparse) {
            put_keys();
            put(", \"shape\": [2000], \"values\": ");
        }
        put_numbers(form->digits);
        put(form->after);
    }
    put(lines ? "\n" : "]}");
}

static void read_ours(enum format format)
{
    struct decode_rules rules = {.json_null_is_missing = true};
    struct matrix matrix;
    size_t rows = 0;

    if (decoder_open(&decoder, format, bytes_of(text.data, text.size), &rules, &fault)) {
        fprintf(stderr, "%.*s\n", (int)fault.message.size, fault.message.data);
        exit(1);
    }
    do {
        if (decoder_next(&decoder, 64, &matrix, &fault))
            exit(1);
        rows += matrix.rows;
    } while (matrix.rows);
    if (rows != RECORDS)
        exit(1);
}

static void read_jansson(enum format format)
{
    const char *at = text.data;
    const char *end = at + text.size;

    while (at < end) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        size_t size = (size_t)((format == FORMAT_JSONLINES && line_end ? line_end : end) - at);
        json_t *json = json_loadb(at, size, 0, NULL);

        if (!json)
            exit(1);
        json_decref(json);
        at += size + 1;
    }
}

static double seconds(void (*read)(enum format format), enum format format)
{
    struct timespec start, stop;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
    read(format);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &stop);
    return (double)(stop.tv_sec - start.tv_sec) + (double)(stop.tv_nsec - start.tv_nsec) * 1e-9;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void measure(const struct form *form, int runs)
{
    static double times[2][RUNS_MAX];
    double rate[2];

    fill(form);
    for (int i = 0; i < runs; i++) {
        times[0][i] = seconds(read_ours, form->format);
        times[1][i] = seconds(read_jansson, form->format);
    }
    for (int side = 0; side < 2; side++) {
        qsort(times[side], (size_t)runs, sizeof(double), compare);
        rate[side] = (double)text.size / times[side][runs / 2] * 1e-6;
    }
    printf("%-36s %8zu %8.0f MB/s %8.0f MB/s %6.1fx\n", form->name, text.size, rate[0], rate[1],
           rate[0] / rate[1]);
}

int main(int argc, char **argv)
{
    static const struct form forms[] = {
        {"json, features, %.4f", FORMAT_JSON, 4, false, "{\"features\": ", "}"},
        {"json, features, all digits", FORMAT_JSON, -1, false, "{\"features\": ", "}"},
        {"json, features, whole", FORMAT_JSON, 0, false, "{\"features\": ", "}"},
        {"json, arrays, %.4f", FORMAT_JSON, 4, false, "", ""},
        {"json, data.features.values, %.4f", FORMAT_JSON, 4, false,
         "{\"data\": {\"features\": {\"values\": ", "}}}"},
        {"json, sparse, %.4f", FORMAT_JSON, 4, true,
         "{\"data\": {\"features\": {\"keys\": ", "}}}"},
        {"jsonlines, features, %.4f", FORMAT_JSONLINES, 4, false, "{\"features\": ", "}"},
        {"jsonlines, features, all digits", FORMAT_JSONLINES, -1, false, "{\"features\": ", "}"},
    };
    int runs = argc > 1 ? atoi(argv[1]) : 31;

    if (runs < 1 || runs > RUNS_MAX)
        return 2;
    buffer_init(&text, SIZE_MAX);
    decoder_init(&decoder);
    decode_fault_init(&fault);
    printf("%-36s %8s %13s %13s %7s\n", "", "bytes", "ours", "jansson", "ratio");
    for (size_t i = 0; i < ARRAY_LENGTH(forms); i++)
        measure(&forms[i], runs);
    decoder_fini(&decoder);
    decode_fault_fini(&fault);
    buffer_fini(&text);
    return 0;
}
