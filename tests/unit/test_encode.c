#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "server/formats/encode.h"

static struct predictions view(float *values, size_t rows, size_t columns)
{
    return (struct predictions){
        .values = values, .rows = rows, .columns = columns, .capacity = rows * columns};
}

static void check(const struct encoding *encoding, float *values, size_t rows, size_t columns,
                  const char *expected)
{
    struct predictions predictions = view(values, rows, columns);
    struct err err = ERR_INIT;
    struct buffer body;

    buffer_init(&body, SIZE_MAX);
    assert_int_equal(encode_body(encoding, &predictions, &body, &err), 0);
    assert_int_equal(buffer_append(&body, "", 1), 0);
    assert_string_equal(body.data, expected);
    buffer_fini(&body);
}

/* The two rows that the container's manual shows, for a number and for a list a row. */
static void test_container_bodies(void **state)
{
    float reg[] = {-0.0341959856f, 2.47687197f};
    float softprob[] = {0.950945318f,  0.0256962888f, 0.0233584624f,
                        0.0209097397f, 0.0237079319f, 0.955382288f};

    (void)state;
    check(&encoding_csv, reg, 2, 1, "-0.03419598564505577\n2.476871967315674\n");
    check(&encoding_json, reg, 2, 1,
          "{\"predictions\": [{\"score\": -0.03419598564505577}, "
          "{\"score\": 2.476871967315674}]}");
    check(&encoding_batch, reg, 2, 1, "-0.03419598564505577\n2.476871967315674\n");
    check(&encoding_csv, softprob, 2, 3,
          "0.9509453177452087,0.0256962887942791,0.023358462378382683\n"
          "0.020909739658236504,0.023707931861281395,0.9553822875022888\n");
    check(&encoding_json, softprob, 2, 3,
          "{\"predictions\": [{\"score\": [0.9509453177452087, 0.0256962887942791, "
          "0.023358462378382683]}, {\"score\": [0.020909739658236504, 0.023707931861281395, "
          "0.9553822875022888]}]}");
    check(&encoding_batch, softprob, 2, 3,
          "[0.9509453177452087, 0.0256962887942791, 0.023358462378382683]\n"
          "[0.020909739658236504, 0.023707931861281395, 0.9553822875022888]\n");
}

static void test_lines(void **state)
{
    float values[] = {0.5f, NAN, 1e-5f, INFINITY};

    (void)state;
    check(&encoding_jsonlines, values, 3, 1,
          "{\"score\": 0.5}\n{\"score\": NaN}\n{\"score\": 9.999999747378752e-06}\n");
    check(&encoding_jsonlines, values, 2, 2,
          "{\"score\": [0.5, NaN]}\n{\"score\": [9.999999747378752e-06, Infinity]}\n");
    check(&encoding_jsonlines, values, 1, 1, "{\"score\": 0.5}\n");
    check(&encoding_jsonlines, NULL, 0, 0, "");
}

static void test_bare_json(void **state)
{
    float values[] = {0.5f, 0.25f, -1.0f, NAN};

    (void)state;
    check(&encoding_bare_json, values, 4, 1, "[0.5, 0.25, -1.0, NaN]");
    check(&encoding_bare_json, values, 2, 2, "[[0.5, 0.25], [-1.0, NaN]]");
    check(&encoding_bare_json, NULL, 0, 0, "[]");
}

/* What the first images answer: one line, which is not ended. */
static void test_joined(void **state)
{
    float values[] = {0.0510555729f, 0.967484832f, NAN, -INFINITY, 1.0f, 2.0f};

    (void)state;
    check(&encoding_csv_joined, values, 2, 1, "0.05105557292699814,0.9674848318099976");
    check(&encoding_csv_joined, values, 1, 1, "0.05105557292699814");
    check(&encoding_csv_joined, values, 2, 3,
          "[0.05105557292699814, 0.9674848318099976, nan],[-inf, 1.0, 2.0]");
    check(&encoding_csv_joined, NULL, 0, 0, "");
}

static void check_npy(float *values, size_t rows, size_t columns, const char *shape)
{
    struct predictions predictions = view(values, rows, columns);
    struct err err = ERR_INIT;
    struct buffer body;
    char header[119];

    memset(header, ' ', sizeof(header));
    memcpy(header, "{'descr': '<f8', 'fortran_order': False, 'shape': ", 50);
    memcpy(header + 50, shape, strlen(shape));
    memcpy(header + 50 + strlen(shape), ", }", 3);
    header[117] = '\n';
    buffer_init(&body, SIZE_MAX);
    assert_int_equal(buffer_append(&body, "x", 1), 0);
    assert_int_equal(encode_npy(&predictions, &body, &err), 0);
    assert_int_equal(body.size, 1 + 128 + 8 * rows * columns);
    assert_memory_equal(body.data, "x\x93NUMPY\x01\x00\x76\x00", 11);
    assert_memory_equal(body.data + 11, header, 118);
    for (size_t i = 0; i < rows * columns; i++) {
        uint64_t bits = load_le64((const uint8_t *)body.data + 129 + 8 * i);
        double value;

        memcpy(&value, &bits, sizeof(value));
        assert_true(value == (double)values[i]);
    }
    buffer_fini(&body);
}

static void test_npy(void **state)
{
    float *many = calloc(1000000, sizeof(*many));
    float values[] = {0.1f, -2.5f, INFINITY, 1e-45f, 3.0f, -0.0f};
    float one = 1.0f;
    struct predictions predictions = view(&one, 1, 1);
    struct err err = ERR_INIT;
    struct buffer body;

    (void)state;
    assert_non_null(many);
    check_npy(values, 1, 1, "(1,)");
    check_npy(values, 6, 1, "(6,)");
    check_npy(values, 2, 3, "(2, 3)");
    check_npy(values, 1, 6, "(1, 6)");
    check_npy(values, 0, 0, "(0,)");
    check_npy(many, 1000000, 1, "(1000000,)");
    check_npy(many, 1, 1000000, "(1, 1000000)");
    free(many);
    /* the bytes of a number: 1.0, little-endian */
    buffer_init(&body, 136);
    assert_int_equal(encode_npy(&predictions, &body, &err), 0);
    assert_memory_equal(body.data + 128, "\0\0\0\0\0\0\xf0\x3f", 8);
    buffer_fini(&body);
    buffer_init(&body, 135);
    assert_int_equal(encode_npy(&predictions, &body, &err), -1);
    assert_int_equal(err.kind, ERR_LIMIT);
    assert_string_equal(err.text, "the response is larger than 135 bytes");
    buffer_fini(&body);
}

static void test_one_row(void **state)
{
    float value[] = {0.5f};
    float list[] = {0.5f, 1.0f};

    (void)state;
    check(&encoding_csv, value, 1, 1, "0.5\n");
    check(&encoding_json, value, 1, 1, "{\"predictions\": [{\"score\": 0.5}]}");
    check(&encoding_batch, value, 1, 1, "0.5\n");
    check(&encoding_csv, list, 1, 2, "0.5,1.0\n");
    check(&encoding_json, list, 1, 2, "{\"predictions\": [{\"score\": [0.5, 1.0]}]}");
    check(&encoding_batch, list, 1, 2, "[0.5, 1.0]\n");
}

static void test_no_row(void **state)
{
    (void)state;
    check(&encoding_csv, NULL, 0, 0, "");
    check(&encoding_json, NULL, 0, 0, "{\"predictions\": []}");
    check(&encoding_batch, NULL, 0, 1, "");
}

/* Layout of numbers; csv and batch write what is not finite as Python does, JSON as its json
 * module. */
static void test_numbers(void **state)
{
    float values[] = {0.0f, -0.0f, 1.0f, 1e-5f, 1.5e-7f, 1e16f, NAN, INFINITY, -INFINITY, 1e-45f};

    (void)state;
    check(&encoding_csv, values, 10, 1,
          "0.0\n-0.0\n1.0\n9.999999747378752e-06\n1.500000053056283e-07\n"
          "1.0000000272564224e+16\nnan\ninf\n-inf\n1.401298464324817e-45\n");
    check(&encoding_batch, values, 1, 10,
          "[0.0, -0.0, 1.0, 9.999999747378752e-06, 1.500000053056283e-07, "
          "1.0000000272564224e+16, nan, inf, -inf, 1.401298464324817e-45]\n");
    check(&encoding_json, values + 5, 1, 4,
          "{\"predictions\": [{\"score\": [1.0000000272564224e+16, NaN, Infinity, "
          "-Infinity]}]}");
}

/* More numbers than are written between two looks at the room, and a list longer than that. */
static void test_many(void **state)
{
    static const size_t shapes[][2] = {{1000, 1}, {1, 1000}, {500, 2}, {7, 129}, {64, 64}};

    (void)state;
    for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++) {
        size_t rows = shapes[s][0];
        size_t columns = shapes[s][1];
        float *values = malloc(rows * columns * sizeof(*values));
        struct buffer expected;

        assert_non_null(values);
        buffer_init(&expected, SIZE_MAX);
        for (size_t i = 0; i < rows * columns; i++) {
            values[i] = (float)i + 0.5f;
            assert_int_equal(buffer_print(&expected, "%zu.5%c", i, (i + 1) % columns ? ',' : '\n'),
                             0);
        }
        assert_int_equal(buffer_append(&expected, "", 1), 0);
        check(&encoding_csv, values, rows, columns, expected.data);
        buffer_fini(&expected);
        free(values);
    }
}

/* What is in the buffer stays: a body may be made in parts. */
static void test_appends(void **state)
{
    float values[] = {1.0f};
    struct predictions predictions = view(values, 1, 1);
    struct err err = ERR_INIT;
    struct buffer body;

    (void)state;
    buffer_init(&body, SIZE_MAX);
    assert_int_equal(encode_body(&encoding_csv, &predictions, &body, &err), 0);
    assert_int_equal(encode_body(&encoding_csv, &predictions, &body, &err), 0);
    assert_int_equal(body.size, 8);
    assert_memory_equal(body.data, "1.0\n1.0\n", 8);
    buffer_fini(&body);
}

#define ENCODINGS 7

static const struct encoding *const encodings[ENCODINGS] = {
    &encoding_csv,        &encoding_json,      &encoding_batch,   &encoding_jsonlines,
    &encoding_csv_joined, &encoding_bare_json, &encoding_recordio};

/* Any cut of the rows into parts gives the same bytes. */
static void test_parts(void **state)
{
    float values[300];

    (void)state;
    for (size_t i = 0; i < 300; i++)
        values[i] = (float)i * 0.37f;
    for (size_t e = 0; e < ENCODINGS; e++) {
        for (size_t columns = 1; columns < 4; columns++) {
            size_t rows = 300 / columns;
            struct predictions all = view(values, rows, columns);
            struct err err = ERR_INIT;
            struct buffer whole, parts;

            buffer_init(&whole, SIZE_MAX);
            buffer_init(&parts, SIZE_MAX);
            assert_int_equal(encode_body(encodings[e], &all, &whole, &err), 0);
            assert_int_equal(encode_begin(encodings[e], &parts, &err), 0);
            for (size_t at = 0, n = 1; at < rows; at += n, n = n * 2 + 1) {
                size_t more = rows - at < n ? rows - at : n;
                struct predictions part = view(values + at * columns, more, columns);

                assert_int_equal(encode_rows(encodings[e], &part, at == 0, &parts, &err), 0);
            }
            assert_int_equal(encode_end(encodings[e], &parts, &err), 0);
            assert_int_equal(parts.size, whole.size);
            assert_memory_equal(parts.data, whole.data, whole.size);
            buffer_fini(&whole);
            buffer_fini(&parts);
        }
    }
}

static int encode_or_npy(size_t e, const struct predictions *predictions, struct buffer *body,
                         struct err *err)
{
    return e < ENCODINGS ? encode_body(encodings[e], predictions, body, err)
                         : encode_npy(predictions, body, err);
}

static void test_limits(void **state)
{
    float values[300];
    struct predictions predictions = view(values, 300, 1);

    (void)state;
    for (size_t i = 0; i < 300; i++)
        values[i] = 0.1f;
    for (size_t e = 0; e <= ENCODINGS; e++) {
        struct err err = ERR_INIT;
        struct buffer body;

        buffer_init(&body, 1000);
        assert_int_equal(encode_or_npy(e, &predictions, &body, &err), -1);
        assert_int_equal(err.kind, ERR_LIMIT);
        assert_string_equal(err.text, "the response is larger than 1000 bytes");
        assert_true(body.size <= 1000);
        buffer_fini(&body);

        buffer_init(&body, SIZE_MAX);
        err_clear(&err);
        mem_fail_at(1);
        assert_int_equal(encode_or_npy(e, &predictions, &body, &err), -1);
        mem_fail_at(0);
        assert_int_equal(err.kind, ERR_MEMORY);
        buffer_fini(&body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_container_bodies), cmocka_unit_test(test_lines),
        cmocka_unit_test(test_bare_json),        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_joined),           cmocka_unit_test(test_npy),
        cmocka_unit_test(test_one_row),          cmocka_unit_test(test_no_row),
        cmocka_unit_test(test_numbers),          cmocka_unit_test(test_many),
        cmocka_unit_test(test_appends),          cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
