#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/formats/decode.h"

#define FLOAT "could not convert string to float: "
#define INT   "invalid literal for int() with base 10: "

enum {
    RAW = 0,
    SHIFT = 1,
    KEEP = 2,
    INFINITE = 4,
};

static struct decoder decoder;

/* A decoded body as text: "c:v c:v\n..." */
struct result {
    int status;
    struct decode_fault fault;
    struct buffer text;
    char *message;
    uint64_t columns;
    size_t rows;
};

static int setup(void **state)
{
    (void)state;
    decoder_init(&decoder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    decoder_fini(&decoder);
    return 0;
}

static void result_init(struct result *result)
{
    *result = (struct result){.status = 0};
    decode_fault_init(&result->fault);
    buffer_init(&result->text, SIZE_MAX);
}

static void result_fini(struct result *result)
{
    decode_fault_fini(&result->fault);
    buffer_fini(&result->text);
    free(result->message);
}

static void print_row(struct result *result, const struct matrix *matrix, size_t row)
{
    for (size_t i = matrix->row_start[row]; i < matrix->row_start[row + 1]; i++) {
        if (i > matrix->row_start[row]) {
            assert_true(matrix->column[i] > matrix->column[i - 1]);
            assert_int_equal(buffer_append(&result->text, " ", 1), 0);
        }
        assert_int_equal(
            buffer_print(&result->text, "%u:%.9g", matrix->column[i],
                         isnan(matrix->values[i]) ? (double)NAN : (double)matrix->values[i]),
            0);
    }
    assert_int_equal(buffer_append(&result->text, "\n", 1), 0);
}

static void drain(struct result *result, size_t block)
{
    struct matrix matrix;

    for (;;) {
        result->status = decoder_next(&decoder, block, &matrix, &result->fault);
        if (result->status || !matrix.rows)
            break;
        assert_int_equal(matrix.kind, MATRIX_CSR);
        assert_int_equal(matrix.columns, decoder.columns);
        assert_true(matrix.rows <= block);
        assert_int_equal(matrix.row_start[0], 0);
        for (size_t r = 0; r < matrix.rows; r++)
            print_row(result, &matrix, r);
        result->rows += matrix.rows;
    }
    result->columns = decoder.columns;
}

static void finish(struct result *result)
{
    const struct buffer *message = &result->fault.message;

    if (result->status)
        result->message = strndup(message->data ? message->data : "", message->size);
    assert_int_equal(buffer_append(&result->text, "", 1), 0);
}

static struct result decode(const void *body, size_t size, int rules, size_t block)
{
    struct decode_rules decode_rules = {.libsvm_shift = rules & SHIFT,
                                        .keep_trailing_rows = rules & KEEP,
                                        .infinite_ok = rules & INFINITE};
    struct result result;
    uint8_t *copy = malloc(size ? size : 1);

    assert_non_null(copy);
    memcpy(copy, body, size);
    result_init(&result);
    result.status =
        decoder_open(&decoder, FORMAT_LIBSVM, bytes_of(copy, size), &decode_rules, &result.fault);
    if (!result.status)
        drain(&result, block);
    finish(&result);
    free(copy);
    return result;
}

static const struct {
    const char *body;
    int rules;
    uint64_t columns;
    const char *rows;
} good_cases[] = {
    {"1 0:0.5 1:0.25 2:3", RAW, 3, "0:0.5 1:0.25 2:3\n"},
    {"0:0.5 1:0.25", RAW, 2, "0:0.5 1:0.25\n"},
    /* the base of the indices */
    {"1 1:0.2 2:0.3 5:0.1", RAW, 6, "1:0.200000003 2:0.300000012 5:0.100000001\n"},
    {"1 1:0.2 2:0.3 5:0.1", SHIFT, 5, "0:0.200000003 1:0.300000012 4:0.100000001\n"},
    {"1 1:0.5\n1 0:0.5", SHIFT, 2, "1:0.5\n0:0.5\n"},
    {"1 3:4 1:2", SHIFT, 3, "0:2 2:4\n"},
    {"+1:1", SHIFT, 1, "0:1\n"},
    /* rows without a feature */
    {"1 0:1\n1 1:2\n\n1 2:3\n", RAW, 3, "0:1\n1:2\n\n2:3\n"},
    {"1\n1 0:1", RAW, 1, "\n0:1\n"},
    {"1 0:1\n1", RAW, 1, "0:1\n"},
    {"1 0:1\n1", KEEP, 1, "0:1\n\n"},
    {"1 0:1\n\n\n1\n", RAW, 1, "0:1\n"},
    {"1 0:1\n\n\n1\n", KEEP, 1, "0:1\n\n\n\n"},
    {"1 0:1\n\n\n", KEEP, 1, "0:1\n"},
    /* items */
    {"0:1:2", RAW, 1, "0:1\n"},
    {"0:1:", RAW, 1, "0:1\n"},
    {"1 0:1  1:2 # comment 2:3", RAW, 3, "0:1 1:2 2:3\n"},
    {"1:0.2 2:1", RAW, 3, "1:0.200000003 2:1\n"},
    {"1 abc 0:1 -1 2e5", RAW, 1, "0:1\n"},
    {"0:1 \t1:2", RAW, 2, "0:1 1:2\n"},
    {"1 0:1 1:2\r\n1 0:1 1:2\r\n", RAW, 2, "0:1 1:2\n0:1 1:2\n"},
    {"1 0:1 \r\n1 0:2 \r\n", RAW, 1, "0:1\n0:2\n"},
    {"1_0:1", RAW, 11, "10:1\n"},
    {"0:1_0 \xef\xbc\x91:\xef\xbc\x92", RAW, 2, "0:10 1:2\n"},
    {"000000000000000000000000000003:1", RAW, 4, "3:1\n"},
    /* values */
    {"0:0 1:-0 2:nan", RAW, 3, "0:0 1:-0 2:nan\n"},
    {"0:1e-50 1:3.4028235e38", RAW, 2, "0:0 1:3.40282347e+38\n"},
    /* order, and more than one of a column: added up as doubles, then narrowed */
    {"2:3 0:1 1:2", RAW, 3, "0:1 1:2 2:3\n"},
    {"0:1 0:2", RAW, 1, "0:3\n"},
    {"1:1 0:5 1:2 0:6 1:4", RAW, 2, "0:11 1:7\n"},
    {"0:16777216 0:1 0:1 0:-1", RAW, 1, "0:16777216\n"},
    {"0:16777216 0:0.5 0:0.5 0:1", RAW, 1, "0:16777218\n"},
    {"0:1e39 0:-1e39", RAW, 1, "0:0\n"},
    {"0:inf 0:-inf", RAW, 1, "0:nan\n"},
    {"0:1e308 0:-1e308 0:1", RAW, 1, "0:1\n"},
    {"1:1 0:2\n3:3\n1:4 1:5", RAW, 4, "0:2 1:1\n3:3\n1:9\n"},
    /* columns that a matrix cannot name count, and keep their row */
    {"0:1 99999999999:1", RAW, 100000000000, "0:1\n"},
    {"0:1\n99999999999:1 5:2\n4294967296:1", RAW, 100000000000, "0:1\n5:2\n\n"},
    {"4294967295:1", RAW, 4294967296, "4294967295:1\n"},
    {"4294967296:1", RAW, 4294967297, "\n"},
    {"9223372036854775806:1", RAW, 9223372036854775807u, "\n"},
};

static void test_good(void **state)
{
    static const size_t blocks[] = {1, 7, 1000};

    (void)state;
    for (size_t i = 0; i < sizeof(good_cases) / sizeof(good_cases[0]); i++) {
        for (size_t b = 0; b < 3; b++) {
            const char *body = good_cases[i].body;
            struct result result = decode(body, strlen(body), good_cases[i].rules, blocks[b]);

            if (result.status)
                fail_msg("%s: %s", body, result.message);
            if (strcmp(result.text.data, good_cases[i].rows) != 0)
                fail_msg("%s: %s", body, result.text.data);
            assert_true(result.columns == good_cases[i].columns);
            assert_int_equal(decoder.rows, result.rows);
            result_fini(&result);
        }
    }
}

#define E10  "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
#define E50  E10 E10 E10 E10 E10
#define E200 E50 E50 E50 E50

static const struct {
    const char *body;
    const char *exception;
    const char *message;
    uint64_t row, column;
} bad_cases[] = {
    {"\xff\x30\x3a", "UnicodeDecodeError",
     "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte", 1, 0},
    {"0:1\n0:1\xc3", "UnicodeDecodeError",
     "'utf-8' codec can't decode byte 0xc3 in position 7: unexpected end of data", 2, 0},
    {"x:1 \xff", "UnicodeDecodeError",
     "'utf-8' codec can't decode byte 0xff in position 4: invalid start byte", 1, 0},
    {"\n", "ValueError", "cannot infer dimensions from zero sized index arrays", 0, 0},
    {"0.1,0.2,0.3", "ValueError", "cannot infer dimensions from zero sized index arrays", 0, 0},
    {"abc", "ValueError", "cannot infer dimensions from zero sized index arrays", 0, 0},
    {"1 qid:3 0:1", "ValueError", INT "'qid'", 1, 2},
    {":1", "ValueError", INT "''", 1, 1},
    {"0:", "ValueError", FLOAT "''", 1, 1},
    {"0:1\n1  0::1", "ValueError", FLOAT "''", 2, 3},
    {"a:1", "ValueError", INT "'a'", 1, 1},
    {"0:a", "ValueError", FLOAT "'a'", 1, 1},
    {"1.0:1", "ValueError", INT "'1.0'", 1, 1},
    {"1 0x1:2", "ValueError", INT "'0x1'", 1, 2},
    {"1\t0:1", "ValueError", INT "'1\\t0'", 1, 1},
    {"0:1\t1:2", "ValueError", FLOAT "'1\\t1'", 1, 1},
    {"0:1 a:b", "ValueError", INT "'a'", 1, 2},
    {"0:1x", "ValueError", FLOAT "'1x'", 1, 1},
    /* a value has no second look for a trailing NUL, which makes this one differ from csv */
    {"it's:1", "ValueError", INT "\"it's\"", 1, 1},
    /* the first bad item in reading order, also where it stands after unordered ones */
    {"0:x\ny:1", "ValueError", FLOAT "'x'", 1, 1},
    {"5:1 3:1 2:1\n1 y:1", "ValueError", INT "'y'", 2, 2},
    {"5:1 3:1 z:1 2:x", "ValueError", INT "'z'", 1, 3},
    /* Python cuts the literal of an int, not that of a float */
    {E200 E50 ":1", "ValueError",
     INT "'" E50 E50 E50 E10 E10 E10 E10 "\xc3\xa9\xc3\xa9\xc3\xa9"
         "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9",
     1, 1},
    {"0:" E200 E50, "ValueError", FLOAT "'" E200 E50 "'", 1, 1},
    /* only then: indices */
    {"-1:1", "ValueError", "negative column index found", 1, 0},
    {"0:1\n3:1\n2:1 -4:1\n", "ValueError", "negative column index found", 3, 0},
    {"-5:1 -2:2", "ValueError", "'shape' elements cannot be negative", 1, 0},
    {"-1:1\n0:a", "ValueError", FLOAT "'a'", 2, 1},
    {"0:1\n18446744073709551616:1 -1:0", "OverflowError",
     "Python int too large to convert to C long", 2, 0},
    {"9223372036854775807:1", "OverflowError", "Python int too large to convert to C long", 1, 0},
};

static void test_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad_cases) / sizeof(bad_cases[0]); i++) {
        for (int rules = 0; rules < 4; rules++) {
            const char *body = bad_cases[i].body;
            struct result result = decode(body, strlen(body), rules, 10);

            if (!result.status)
                fail_msg("%s: no fault", body);
            assert_string_equal(result.message, bad_cases[i].message);
            assert_string_equal(result.fault.exception, bad_cases[i].exception);
            if (result.fault.row != bad_cases[i].row || result.fault.column != bad_cases[i].column)
                fail_msg("%s: row %zu column %zu", body, (size_t)result.fault.row,
                         (size_t)result.fault.column);
            result_fini(&result);
        }
    }
}

static void test_infinity(void **state)
{
    static const char *const bodies[] = {
        "0:1\n1:inf",
        "0:1\n1:1e39",
        "0:1\n1:1 0:-infinity",
        "0:1\n1:3e38 1:3e38",
        "0:1\n99999999999:inf\n0:inf",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct result result = decode(bodies[i], strlen(bodies[i]), RAW, 10);

        assert_int_equal(result.status, -1);
        assert_string_equal(result.fault.exception, "xgboost.core.XGBoostError");
        assert_non_null(strstr(result.message, "/src/data/data.cc:"));
        assert_non_null(
            strstr(result.message,
                   ": Check failed: valid: Input data contains `inf` or `nan`\nStack trace:\n"));
        assert_int_equal(result.fault.row, 2);
        result_fini(&result);
        result = decode(bodies[i], strlen(bodies[i]), INFINITE, 10);
        assert_int_equal(result.status, 0);
        result_fini(&result);
    }
    /* what came first in the original: an index that is wrong */
    {
        struct result result = decode("0:inf -1:1", 10, RAW, 10);

        assert_string_equal(result.message, "negative column index found");
        result_fini(&result);
    }
}

static struct buffer make_body(size_t rows)
{
    struct buffer body;
    unsigned random = 99;

    buffer_init(&body, SIZE_MAX);
    for (size_t r = 0; r < rows; r++) {
        assert_int_equal(buffer_print(&body, "%zu", r % 3), 0);
        for (unsigned n = 0; r % 11 != 5 && n < r % 7; n++) {
            random = random * 1103515245 + 12345;
            assert_int_equal(
                buffer_print(&body, " %u:%u.25", (random >> 16) % 20 + 1, random >> 28), 0);
        }
        assert_int_equal(buffer_append(&body, "\n", 1), 0);
    }
    assert_int_equal(buffer_print(&body, "0 1:1\n"), 0);
    return body;
}

static void test_block_sizes(void **state)
{
    static const size_t blocks[] = {7, 64, 1000, SIZE_MAX};
    struct buffer body = make_body(300);
    struct result first = decode(body.data, body.size, SHIFT, 1);

    (void)state;
    assert_int_equal(first.status, 0);
    assert_int_equal(first.rows, 301);
    assert_int_equal(first.columns, 20);
    for (size_t b = 0; b < 4; b++) {
        struct result result = decode(body.data, body.size, SHIFT, blocks[b]);

        assert_string_equal(result.text.data, first.text.data);
        result_fini(&result);
    }
    result_fini(&first);
    buffer_fini(&body);
}

static void test_continue_equals_whole(void **state)
{
    struct buffer body = make_body(100);

    (void)state;
    for (int rules = 0; rules < 4; rules++) {
        struct result whole = decode(body.data, body.size, rules, 8);

        for (size_t lines = 1; lines < 40; lines += 5) {
            struct decode_rules decode_rules = {.libsvm_shift = rules & SHIFT,
                                                .keep_trailing_rows = rules & KEEP,
                                                .more_follows = true};
            struct result result;

            result_init(&result);
            for (size_t at = 0; at < body.size;) {
                size_t end = at;

                /* the first piece has a feature in it */
                for (size_t n = 0; (n < lines || end < 40) && end < body.size; n++)
                    end = (size_t)((char *)memchr(body.data + end, '\n', body.size - end) -
                                   body.data) +
                          1;
                result.status = at ? decoder_continue(&decoder, bytes_of(body.data + at, end - at),
                                                      &result.fault)
                                   : decoder_open(&decoder, FORMAT_LIBSVM, bytes_of(body.data, end),
                                                  &decode_rules, &result.fault);
                assert_int_equal(result.status, 0);
                drain(&result, 8);
                assert_int_equal(result.status, 0);
                at = end;
            }
            finish(&result);
            assert_string_equal(result.text.data, whole.text.data);
            assert_int_equal(result.columns, whole.columns);
            result_fini(&result);
        }
        result_fini(&whole);
    }
    buffer_fini(&body);
}

/* The base of the indices is that of the first piece; a fault names the line of the whole input. */
static void test_continue_faults(void **state)
{
    static const struct {
        const char *piece;
        const char *message;
        uint64_t row;
    } cases[] = {
        {"0:1\n", "row 4 has index 0, but the indices of the rows before were taken to begin at 1",
         4},
        {"1\n2:x\n", FLOAT "'x'", 5},
        {"1\n\n-1:1\n", "negative column index found", 6},
        {"1\n\xff\n", "'utf-8' codec can't decode byte 0xff in position 2: invalid start byte", 5},
    };

    (void)state;
    for (int rules = SHIFT; rules <= (SHIFT | KEEP); rules += KEEP) {
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            struct decode_rules decode_rules = {
                .libsvm_shift = true, .keep_trailing_rows = rules & KEEP, .more_follows = true};
            struct result result;

            result_init(&result);
            assert_int_equal(decoder_open(&decoder, FORMAT_LIBSVM, bytes_text("1:1\n\n0\n"),
                                          &decode_rules, &result.fault),
                             0);
            drain(&result, 10);
            assert_int_equal(result.rows, rules & KEEP ? 3 : 1);
            result.status = decoder_continue(&decoder, bytes_text(cases[i].piece), &result.fault);
            finish(&result);
            assert_int_equal(result.status, -1);
            assert_string_equal(result.message, cases[i].message);
            assert_int_equal(result.fault.row, cases[i].row);
            result_fini(&result);
        }
    }
}

/* One row of falling indices must cost a sort, not a search for each. */
static void test_hostile_order(void **state)
{
    const unsigned count = 500000;
    struct result result;
    struct buffer body;
    struct matrix matrix;

    (void)state;
    buffer_init(&body, SIZE_MAX);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(buffer_print(&body, "%u:%u ", count - i, i), 0);
    assert_int_equal(buffer_print(&body, "\n7:1 7:1"), 0);
    result_init(&result);
    assert_int_equal(decoder_open(&decoder, FORMAT_LIBSVM, bytes_of(body.data, body.size),
                                  &(struct decode_rules){0}, &result.fault),
                     0);
    assert_int_equal(decoder_next(&decoder, 10, &matrix, &result.fault), 0);
    assert_int_equal(matrix.rows, 2);
    assert_int_equal(matrix.row_start[1], count);
    for (unsigned i = 0; i < count; i++) {
        assert_true(matrix.column[i] == i + 1);
        assert_true(matrix.values[i] == (float)(count - 1 - i));
    }
    assert_true(matrix.values[count] == 2.0f);
    result_fini(&result);
    buffer_fini(&body);
}

static void test_memory(void **state)
{
    static const char *const bodies[] = {"0:1\n3:1 2:1\n", "x:1", "5:1 3:1 0:inf"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        bool failed = true;

        for (long n = 1; failed; n++) {
            struct result result;

            assert_true(n < 30);
            decoder_fini(&decoder);
            decoder_init(&decoder);
            result_init(&result);
            mem_fail_at(n);
            result.status = decoder_open(&decoder, FORMAT_LIBSVM, bytes_text(bodies[i]),
                                         &(struct decode_rules){0}, &result.fault);
            if (!result.status) {
                struct matrix matrix;

                result.status = decoder_next(&decoder, 10, &matrix, &result.fault);
            }
            mem_fail_at(0);
            failed = result.fault.out_of_memory;
            if (failed)
                assert_int_equal(result.status, -1);
            else
                assert_int_equal(result.status, i == 0 ? 0 : -1);
            assert_true(n > 1 || failed);
            result_fini(&result);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_good, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad, setup, teardown),
        cmocka_unit_test_setup_teardown(test_infinity, setup, teardown),
        cmocka_unit_test_setup_teardown(test_block_sizes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_continue_equals_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(test_continue_faults, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hostile_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
