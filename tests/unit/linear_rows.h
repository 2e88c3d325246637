#pragma once
/* What the tests of linear scorers share: numbers, rows in both forms, the levels. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "algorithms/scorer.h"
#include "base/compiler.h"
#include "base/cpu.h"
#include "tests/unit/unit.h"

static uint32_t linear_seed = 1;

static inline uint32_t linear_random(void)
{
    linear_seed = linear_seed * 1664525u + 1013904223u;
    return linear_seed >> 8;
}

/* What the numbers of a test are. */
enum linear_numbers {
    LINEAR_PLAIN,   /* between -1 and 1 */
    LINEAR_SPARSE,  /* the same, most of them 0 */
    LINEAR_SPECIAL, /* the same, with NaN, infinities, denormals, -0, large ones among them */
    LINEAR_FINITE,  /* the same without NaN and infinities */
};

static inline float linear_number(enum linear_numbers kind)
{
    static const float special[] = {0.0f,  -0.0f, 1e-41f, -3e-45f, 3e38f,    -1e-38f,
                                    1e20f, 1.0f,  NAN,    -NAN,    INFINITY, -INFINITY};
    float x = (float)linear_random() * 0x1p-23f - 1;
    size_t count = ARRAY_LENGTH(special) - (kind == LINEAR_FINITE ? 4 : 0);

    if (kind == LINEAR_SPARSE)
        return linear_random() % 10 ? 0 : x;
    if (kind >= LINEAR_SPECIAL && linear_random() % 40 == 0)
        return special[linear_random() % count];
    return x;
}

static inline float *linear_numbers(size_t count, enum linear_numbers kind)
{
    float *values = malloc((count + 1) * sizeof(*values));

    assert_non_null(values);
    for (size_t i = 0; i < count; i++)
        values[i] = linear_number(kind);
    return values;
}

/* The same rows without their zeros. */
struct linear_csr {
    struct matrix matrix;
    float *values;
    size_t *row_start;
    uint32_t *column;
};

static inline struct linear_csr linear_to_csr(const struct matrix *dense)
{
    size_t count = dense->rows * dense->columns, n = 0;
    struct linear_csr csr = {
        .values = malloc((count + 1) * sizeof(float)),
        .row_start = malloc((dense->rows + 1) * sizeof(size_t)),
        .column = malloc((count + 1) * sizeof(uint32_t)),
    };

    assert_true(csr.values && csr.row_start && csr.column);
    for (size_t row = 0; row < dense->rows; row++) {
        csr.row_start[row] = n;
        for (size_t f = 0; f < dense->columns; f++) {
            float x = dense->values[row * dense->columns + f];

            if (x != 0 || isnan(x)) {
                csr.values[n] = x;
                csr.column[n++] = (uint32_t)f;
            }
        }
    }
    csr.row_start[dense->rows] = n;
    csr.matrix = (struct matrix){.kind = MATRIX_CSR,
                                 .rows = dense->rows,
                                 .columns = dense->columns,
                                 .values = csr.values,
                                 .row_start = csr.row_start,
                                 .column = csr.column};
    return csr;
}

static inline void linear_csr_fini(struct linear_csr *csr)
{
    free(csr->values);
    free(csr->row_start);
    free(csr->column);
}

/* Scores with a scratch and a result of just the size, which the sanitizers watch. */
static inline float *linear_score(const struct scorer *scorer, const struct matrix *matrix)
{
    struct err err = ERR_INIT;
    struct scratch scratch;
    size_t count = matrix->rows * scorer->outputs;
    float *answers = malloc(count ? count * sizeof(*answers) : 1);

    assert_non_null(answers);
    memset(answers, 0x55, count * sizeof(*answers));
    scratch_init(&scratch);
    assert_int_equal(scorer_score(scorer, matrix, &scratch, answers, &err), 0);
    scratch_fini(&scratch);
    return answers;
}

static inline void linear_expect_bits(const float *got, const float *expected, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (memcmp(got + i, expected + i, sizeof(*got)) != 0)
            fail_msg("number %zu of %zu is %a, not %a", i, count, (double)got[i],
                     (double)expected[i]);
    }
}

/*
 * A row's answer is the same bits alone and in a block of any size, at any place, with any other
 * rows about it, dense and CSR. Twenty rows or so are tried, in blocks of 1 to 300.
 */
static inline void linear_expect_company(const struct scorer *scorer, size_t columns)
{
    static const size_t sizes[] = {1,  2,  3,  4,  5,  7,  8,  9,   15,  16,  17, 24,
                                   31, 32, 33, 47, 48, 63, 65, 100, 129, 255, 300};
    float *mine = linear_numbers(columns, LINEAR_SPARSE);
    struct matrix one = {.kind = MATRIX_DENSE, .rows = 1, .columns = columns, .values = mine};
    float *expected = linear_score(scorer, &one);

    for (size_t i = 0; i < ARRAY_LENGTH(sizes); i += unit_is_brief() ? 5 : 1) {
        size_t rows = sizes[i], step = rows > 40 ? rows / 7 : 1;

        for (size_t place = 0; place < rows; place += step) {
            float *x = linear_numbers(rows * columns, i % 2 ? LINEAR_SPARSE : LINEAR_SPECIAL);
            struct matrix block = {
                .kind = MATRIX_DENSE, .rows = rows, .columns = columns, .values = x};
            struct linear_csr csr;
            float *answers;

            memcpy(x + place * columns, mine, columns * sizeof(*x));
            answers = linear_score(scorer, &block);
            linear_expect_bits(answers + place * scorer->outputs, expected, scorer->outputs);
            free(answers);
            csr = linear_to_csr(&block);
            answers = linear_score(scorer, &csr.matrix);
            linear_expect_bits(answers + place * scorer->outputs, expected, scorer->outputs);
            free(answers);
            linear_csr_fini(&csr);
            free(x);
        }
    }
    free(expected);
    free(mine);
}

/* For each level of the processor, lowest first. */
#define LINEAR_EACH_LEVEL(level)                                                                   \
    for (int level = CPU_BASELINE; level <= CPU_VBMI && cpu_limit((enum cpu_level)level); level++)

/* Each of so many allocations fails in turn while the scorer is made, then the one of a score of
 * one number. */
static inline void linear_expect_no_memory(int (*make_one)(struct scorer **ret, struct err *err),
                                           long allocations)
{
    const float x = 1;
    struct matrix matrix = {.kind = MATRIX_DENSE, .rows = 1, .columns = 1, .values = &x};
    struct err err = ERR_INIT;
    struct scratch scratch;
    struct scorer *scorer = NULL;
    float z;

    for (long n = 1; n <= allocations; n++) {
        err_clear(&err);
        mem_fail_at(n);
        assert_int_equal(make_one(&scorer, &err), -1);
        mem_fail_at(0);
        assert_int_equal(err.kind, ERR_MEMORY);
        assert_null(scorer);
    }
    err_clear(&err);
    assert_int_equal(make_one(&scorer, &err), 0);
    scratch_init(&scratch);
    mem_fail_at(1);
    assert_int_equal(scorer_score(scorer, &matrix, &scratch, &z, &err), -1);
    mem_fail_at(0);
    assert_int_equal(err.kind, ERR_MEMORY);
    scratch_fini(&scratch);
    scorer_free(scorer);
}
