/*
 * The hot paths, one at a time, so that their instructions can be counted (instructions.py): what
 * is counted is inside measured(), whatever was prepared before is not. A forest of 100 full trees
 * of depth 6 over 30 features, rows of about normal numbers with four digits.
 *
 *     hot_paths [--cpu LEVEL] PATH
 *
 *     row      a request of one csv row to its answer: decoded, scored, printed; 50 rows
 *     batch    the same with 1000 rows in one request
 *     head     a small request's HTTP head, parsed 100 times
 *     print    10000 scores printed
 *     ratio    no counting: prints how many times faster the portable kernel is than the same
 *              source compiled without unrolled loops, for single rows and for blocks
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "algorithms/forest.h"
#include "algorithms/forest_layout.h"
#include "algorithms/objective.h"
#include "base/cpu.h"
#include "base/number_print.h"
#include "benchmarks/timing.h"
#include "server/formats/decode.h"
#include "server/formats/encode.h"
#include "server/http/http_message.h"

#define TREES    100
#define DEPTH    6
#define SPLITS   ((1u << DEPTH) - 1)
#define NODES    (2 * SPLITS + 1)
#define FEATURES 30
#define ROWS     1000
#define SINGLES  50
#define HEADS    100
#define NUMBERS  10000
#define TURNS    21

static struct tree trees[TREES];
static struct scorer *scorer;
static struct scratch scratch;
static struct decoder decoder;
static struct decode_fault fault;
static struct predictions predictions;
static struct buffer text, answer;
static size_t line_ends[ROWS];
static float values[ROWS * FEATURES];
static double numbers[NUMBERS];

static void need(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "hot_paths: %s\n", what);
        exit(1);
    }
}

static void make_tree(struct tree *tree)
{
    *tree = (struct tree){
        .nodes = NODES,
        .leaf_width = 1,
        .left = mem_alloc(NODES, sizeof(*tree->left)),
        .right = mem_alloc(NODES, sizeof(*tree->right)),
        .feature = mem_alloc(NODES, sizeof(*tree->feature)),
        .value = mem_alloc(NODES, sizeof(*tree->value)),
        .default_left = mem_zero(NODES, 1),
    };
    need(tree->left && tree->right && tree->feature && tree->value && tree->default_left,
         "out of memory");
    for (uint32_t n = 0; n < NODES; n++) {
        bool leaf = n >= SPLITS;

        tree->left[n] = leaf ? -1 : (int32_t)(2 * n + 1);
        tree->right[n] = leaf ? -1 : (int32_t)(2 * n + 2);
        tree->feature[n] = leaf ? 0 : (uint32_t)(random_word() % FEATURES);
        tree->value[n] = (float)(random_normal() * (leaf ? 0.1 : 1));
    }
}

static void make_forest(void)
{
    static const int32_t output[TREES];
    static const float base;
    struct forest_spec spec = {
        .trees = trees,
        .tree_output = output,
        .tree_count = TREES,
        .features = FEATURES,
        .outputs = 1,
        .base_margin = &base,
    };
    struct err err = ERR_INIT;

    for (int t = 0; t < TREES; t++)
        make_tree(&trees[t]);
    need(forest_new(&spec, &scorer, &err) == 0, err.text);
}

static void make_rows(void)
{
    for (size_t i = 0; i < ROWS * FEATURES; i++) {
        char cell[32];
        int n = snprintf(cell, sizeof(cell), "%.4g%c", random_normal(),
                         (i + 1) % FEATURES ? ',' : '\n');

        need(buffer_append(&text, cell, (size_t)n) == 0, "out of memory");
        values[i] = (float)strtod(cell, NULL);
        line_ends[i / FEATURES] = text.size;
    }
    for (size_t i = 0; i < NUMBERS; i++)
        numbers[i] = (float)(1 / (1 + exp(-random_normal())));
}

/* A request's body to its answer's. */
static void respond(struct bytes body)
{
    struct decode_rules rules = {.infinite_ok = false};
    struct objective_rules objective = {.clamp_link = false};
    struct err err = ERR_INIT;
    struct matrix matrix;

    predictions_clear(&predictions);
    buffer_clear(&answer);
    need(decoder_open(&decoder, FORMAT_CSV, body, &rules, &fault) == 0, "decoder_open");
    do {
        float *margins;

        need(decoder_next(&decoder, 512, &matrix, &fault) == 0, "decoder_next");
        if (!matrix.rows)
            break;
        margins = predictions_extend(&predictions, matrix.rows, 1, &err);
        need(margins && scorer_score(scorer, &matrix, &scratch, margins, &err) == 0, err.text);
        objective_transform(OBJECTIVE_BINARY_LOGISTIC, &objective, margins, matrix.rows, 1);
    } while (matrix.rows);
    need(encode_body(&encoding_csv, &predictions, &answer, &err) == 0, err.text);
}

static void run_row(void)
{
    for (size_t i = 0; i < SINGLES; i++) {
        size_t start = i ? line_ends[i - 1] : 0;

        respond(bytes_of(text.data + start, line_ends[i] - start));
    }
}

static void run_batch(void)
{
    respond(bytes_of(text.data, text.size));
}

static void run_head(void)
{
    static const char head[] = "POST /invocations HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n"
                               "Content-Type: text/csv\r\nContent-Length: 201\r\n\r\n";
    static const struct http_limits limits = {.request_line = 8192, .head = 16384};
    static struct http_request request;

    for (int i = 0; i < HEADS; i++) {
        const char *reason;
        size_t size;
        int status;

        need(http_parse_head(bytes_of(head, sizeof(head) - 1), 0, &limits, &request, &size, &status,
                             &reason) == HTTP_PARSE_DONE,
             "http_parse_head");
    }
}

static void run_print(void)
{
    char out[NUMBER_PRINT_MAX];

    for (size_t i = 0; i < NUMBERS; i++)
        need(number_print_double(out, numbers[i]) > 0, "number_print_double");
}

/* forest_scalar_score with its loops as they are written (meson.build). */
void forest_rolled_score(const struct forest *forest, const struct forest_block *block,
                         float *sums);

/* What is counted. */
void measured(void (*path)(void)) __attribute__((noipa));

void measured(void (*path)(void))
{
    path();
}

/* Blocks of rows as the scalar kernel reads them. */
static void score_blocks(const struct forest *forest, size_t block_rows,
                         void (*score)(const struct forest *forest,
                                       const struct forest_block *block, float *sums),
                         uint32_t *keys, float *sums)
{
    const struct matrix matrix = {
        .kind = MATRIX_DENSE, .rows = ROWS, .columns = FEATURES, .values = values};

    memset(sums, 0, ROWS * sizeof(*sums));
    for (size_t first = 0; first < ROWS; first += block_rows) {
        size_t rows = ROWS - first < block_rows ? ROWS - first : block_rows;
        struct forest_block block = {.keys = keys, .stride = forest->stride, .rows = rows};

        forest_rows_begin(forest, &matrix, keys, rows);
        forest_rows_fill(forest, &matrix, first, rows, keys);
        score(forest, &block, sums + first);
    }
}

/* How many times faster the kernel is than itself without unrolled loops. */
static double unrolled_ratio(size_t block_rows)
{
    static float rolled[ROWS], unrolled[ROWS];
    const struct forest *forest = (const struct forest *)scorer;
    uint32_t *keys = malloc(block_rows * forest->stride * sizeof(*keys));
    double ratios[TURNS];

    need(keys != NULL, "out of memory");
    for (int i = -1; i < TURNS; i++) {
        double start = cpu_seconds();
        double middle;

        score_blocks(forest, block_rows, forest_rolled_score, keys, rolled);
        middle = cpu_seconds();
        score_blocks(forest, block_rows, forest_scalar_score, keys, unrolled);
        if (i >= 0)
            ratios[i] = (middle - start) / (cpu_seconds() - middle);
    }
    need(memcmp(rolled, unrolled, sizeof(rolled)) == 0, "the kernels differ");
    free(keys);
    return median(ratios, TURNS);
}

static void run_ratio(void)
{
    printf("%.3f %.3f\n", unrolled_ratio(1), unrolled_ratio(FOREST_BLOCK_MAX));
}

static void prepare(void)
{
    buffer_init(&text, SIZE_MAX);
    buffer_init(&answer, SIZE_MAX);
    decoder_init(&decoder);
    decode_fault_init(&fault);
    scratch_init(&scratch);
    predictions_init(&predictions);
    make_forest();
    make_rows();
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } paths[] = {{"row", run_row}, {"batch", run_batch}, {"head", run_head}, {"print", run_print}};
    const char *wanted = argc > 1 ? argv[argc - 1] : "";

    if (argc == 4 && strcmp(argv[1], "--cpu") == 0) {
        enum cpu_level level;

        need(cpu_level_find(argv[2], &level), "no such level of instructions");
        if (!cpu_limit(level)) {
            fprintf(stderr, "hot_paths: the processor does not have %s\n", argv[2]);
            return 77;
        }
    }
    prepare();
    if (strcmp(wanted, "ratio") == 0) {
        run_ratio();
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
        if (strcmp(wanted, paths[i].name) == 0) {
            paths[i].run(); /* what is kept from request to request grows now */
            measured(paths[i].run);
            return 0;
        }
    }
    fprintf(stderr, "usage: hot_paths [--cpu LEVEL] row|batch|head|print|ratio\n");
    return 2;
}
