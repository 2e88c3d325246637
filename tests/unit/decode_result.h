#pragma once
/*
 * What the tests of the request decoders share: one decoder, made anew for each test, and the
 * outcome of a body. What is done with the rows is the test's to say, in an append_rows.
 */

#include "tests/unit/unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/formats/decode.h"

/* A decoded body. */
struct result {
    int status;
    struct decode_fault fault;
    char *message; /* the fault's, NUL terminated; NULL where there is none */
    uint64_t columns;
    size_t rows;
    uint64_t rows_told;   /* decoder.rows after decoder_open; 0 where that found a fault */
    bool sparse;          /* the last rows were CSR */
    struct buffer output; /* what append_rows makes of the rows */
};

typedef void append_rows(struct result *result, const struct matrix *matrix);

static struct decoder decoder;

static inline int decoder_setup(void **state)
{
    (void)state;
    decoder_init(&decoder);
    return 0;
}

static inline int decoder_teardown(void **state)
{
    (void)state;
    decoder_fini(&decoder);
    return 0;
}

static inline struct result result_new(void)
{
    struct result result = {.status = 0};

    decode_fault_init(&result.fault);
    buffer_init(&result.output, SIZE_MAX);
    return result;
}

static inline void result_fini(struct result *result)
{
    decode_fault_fini(&result->fault);
    buffer_fini(&result->output);
    free(result->message);
}

/* For an append_rows that keeps numbers. */
static inline const float *result_values(const struct result *result)
{
    return (const float *)(const void *)result->output.data;
}

/* Appends the rows that the decoder has. */
static inline void drain_rows(struct result *result, size_t block, append_rows *append)
{
    struct matrix matrix;

    for (;;) {
        result->status = decoder_next(&decoder, block, &matrix, &result->fault);
        if (result->status || !matrix.rows)
            break;
        assert_true(matrix.rows <= block);
        assert_int_equal(matrix.columns, decoder.columns);
        result->rows += matrix.rows;
        result->sparse = matrix.kind == MATRIX_CSR;
        if (result->sparse)
            assert_int_equal(matrix.row_start[0], 0);
        append(result, &matrix);
    }
    result->columns = decoder.columns;
}

static inline void append_dense(struct result *result, const struct matrix *matrix)
{
    assert_int_equal(matrix->kind, MATRIX_DENSE);
    assert_int_equal(buffer_append(&result->output, matrix->values,
                                   matrix->rows * matrix->columns * sizeof(float)),
                     0);
}

static inline void set_message(struct result *result)
{
    const struct buffer *message = &result->fault.message;

    free(result->message);
    result->message = NULL;
    if (result->status)
        result->message = strndup(message->data ? message->data : "", message->size);
}

/* Decodes a copy of exactly `size` bytes, so that a sanitizer sees a read beyond them. */
static inline struct result decode_copy(enum format format, const void *body, size_t size,
                                        const struct decode_rules *rules, size_t block,
                                        append_rows *append)
{
    struct result result = result_new();
    uint8_t *copy = malloc(size ? size : 1);

    assert_non_null(copy);
    if (size)
        memcpy(copy, body, size);
    result.status = decoder_open(&decoder, format, bytes_of(copy, size), rules, &result.fault);
    if (!result.status) {
        result.rows_told = decoder.rows;
        drain_rows(&result, block, append);
    }
    set_message(&result);
    free(copy);
    return result;
}

/* Fails each allocation in turn, of which there are fewer than `most`: that is ours, not the body's
 * fault, and the decoder is usable after it. At last none fails, and the end is `status`. */
static inline void check_memory(enum format format, const char *body,
                                const struct decode_rules *rules, long most, int status)
{
    bool failed = true;

    for (long n = 1; failed; n++) {
        struct result result = result_new();

        assert_true(n < most);
        decoder_fini(&decoder);
        decoder_init(&decoder);
        mem_fail_at(n);
        result.status = decoder_open(&decoder, format, bytes_text(body), rules, &result.fault);
        if (!result.status) {
            struct matrix matrix;

            result.status = decoder_next(&decoder, 10, &matrix, &result.fault);
        }
        mem_fail_at(0);
        failed = result.fault.out_of_memory;
        assert_int_equal(result.status, failed ? -1 : status);
        assert_true(n > 1 || failed);
        result_fini(&result);
    }
}

static inline bool same_float(float a, float b)
{
    return memcmp(&a, &b, sizeof(a)) == 0 || (isnan(a) && isnan(b));
}
