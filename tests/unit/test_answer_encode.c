#include "tests/unit/unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/memory.h"
#include "server/formats/answer_encode.h"

static const struct answer_field binary_fields[] = {
    {.name = "score", .first = 0, .count = 1},
    {.name = "predicted_label", .first = 1, .count = 1, .whole = true},
};
static const struct answer_field classes_fields[] = {
    {.name = "score", .first = 0, .count = 3},
    {.name = "predicted_label", .first = 3, .count = 1, .whole = true},
};
static const struct answer_field regressor_fields[] = {{.name = "score", .count = 1}};
static const struct answer_field cluster_fields[] = {
    {.name = "closest_cluster", .first = 0, .count = 1},
    {.name = "distance_to_cluster", .first = 1, .count = 1},
};
static const struct answer_field projection_fields[] = {
    {.name = "projection", .count = 1, .list = true}};
static const struct answer_field neighbour_fields[] = {
    {.name = "predicted_label", .first = 0, .count = 1},
    {.name = "labels", .first = 3, .count = 2, .list = true, .verbose = true},
    {.name = "distances", .first = 1, .count = 2, .list = true, .verbose = true},
};

#define SHAPE(FIELDS) .fields = FIELDS, .field_count = ARRAY_LENGTH(FIELDS), .root = "predictions"

static const struct answer_shape binary = {SHAPE(binary_fields), .csv_first = 1, .csv_count = 1};
static const struct answer_shape binary2 = {SHAPE(binary_fields), .csv_first = 1, .csv_count = 1,
                                            .python2 = true};
static const struct answer_shape classes = {SHAPE(classes_fields), .csv_first = 3, .csv_count = 1};
static const struct answer_shape regressor = {SHAPE(regressor_fields), .csv_count = 1};
static const struct answer_shape regressor2 = {SHAPE(regressor_fields), .csv_count = 1,
                                               .python2 = true};
static const struct answer_shape cluster = {SHAPE(cluster_fields), .csv_count = 2};
static const struct answer_shape projection = {
    .fields = projection_fields, .field_count = 1, .root = "projections"};
static const struct answer_shape neighbour = {SHAPE(neighbour_fields)};
static const struct answer_shape neighbour_verbose = {SHAPE(neighbour_fields), .verbose = true};

static struct predictions view(float *values, size_t rows, size_t columns)
{
    return (struct predictions){
        .values = values, .rows = rows, .columns = columns, .capacity = rows * columns};
}

/* The body, NUL terminated. */
static struct buffer encode(struct encoding encoding, float *values, size_t rows, size_t columns)
{
    struct predictions predictions = view(values, rows, columns);
    struct err err = ERR_INIT;
    struct buffer body;

    buffer_init(&body, SIZE_MAX);
    assert_int_equal(encode_body(&encoding, &predictions, &body, &err), 0);
    assert_int_equal(buffer_append(&body, "", 1), 0);
    return body;
}

static void check(struct encoding encoding, float *values, size_t rows, size_t columns,
                  const char *expected)
{
    struct buffer body = encode(encoding, values, rows, columns);

    assert_string_equal(body.data, expected);
    buffer_fini(&body);
}

static float two[] = {0.9899773597717285f, 1, 0.5041388273239136f, 1};
static float three[] = {0.04544410854578018f, 0.3947080075740814f, 0.5598478317260742f, 2};
static float score[] = {17.886016845703125f};

static void test_json(void **state)
{
    float old[] = {0.39518389105796814f, 0}, odd[] = {NAN, 0, -INFINITY, 1, INFINITY, 2};

    (void)state;
    check(answer_encode_json(&binary), two, 1, 2,
          "{\"predictions\": [{\"score\": 0.9899773597717285, \"predicted_label\": 1}]}");
    check(answer_encode_json(&binary), two, 2, 2,
          "{\"predictions\": [{\"score\": 0.9899773597717285, \"predicted_label\": 1}, "
          "{\"score\": 0.5041388273239136, \"predicted_label\": 1}]}");
    check(answer_encode_json(&classes), three, 1, 4,
          "{\"predictions\": [{\"score\": [0.04544410854578018, 0.3947080075740814, "
          "0.5598478317260742], \"predicted_label\": 2}]}");
    check(answer_encode_json(&regressor), score, 1, 1,
          "{\"predictions\": [{\"score\": 17.886016845703125}]}");
    check(answer_encode_json(&binary2), old, 1, 2,
          "{\"predictions\": [{\"score\": 0.39518389105796814, \"predicted_label\": 0.0}]}");
    check(answer_encode_json(&binary), odd, 3, 2,
          "{\"predictions\": [{\"score\": NaN, \"predicted_label\": 0}, "
          "{\"score\": -Infinity, \"predicted_label\": 1}, "
          "{\"score\": Infinity, \"predicted_label\": 2}]}");
    check(answer_encode_json(&binary), NULL, 0, 2, "{\"predictions\": []}");
}

static void test_jsonlines(void **state)
{
    float tiny[] = {3.78048667926123e-08f, 0};

    (void)state;
    check(answer_encode_jsonlines(&binary), two, 2, 2,
          "{\"predicted_label\":1,\"score\":0.989977359771728}\n"
          "{\"predicted_label\":1,\"score\":0.504138827323913}\n");
    check(answer_encode_jsonlines(&binary), tiny, 1, 2,
          "{\"predicted_label\":0,\"score\":3.78048667926123e-8}\n");
    check(answer_encode_jsonlines(&classes), three, 1, 4,
          "{\"predicted_label\":2,\"score\":[0.04544410854578,0.394708007574081,"
          "0.559847831726074]}\n");
    check(answer_encode_jsonlines(&regressor), score, 1, 1, "{\"score\":17.886016845703125}\n");
    check(answer_encode_jsonlines(&binary2), two, 1, 2,
          "{\"score\": 0.9899773597717285, \"predicted_label\": 1.0}\n");
    check(answer_encode_jsonlines(&binary), NULL, 0, 2, "");
}

static void test_csv(void **state)
{
    float scores[] = {30.17342185974121f, 30.413358688354492f};
    float mixed[] = {0.25f, 1, NAN, 2};
    struct answer_shape plain = classes;

    (void)state;
    check(answer_encode_csv(&classes), three, 1, 4, "2\n");
    check(answer_encode_csv(&binary), two, 2, 2, "1\n1\n");
    check(answer_encode_csv(&binary2), two, 1, 2, "1.0\n");
    check(answer_encode_csv(&regressor), scores, 2, 1, "30.17342185974121\n30.413358688354492\n");
    check(answer_encode_csv(&regressor2), scores, 1, 1, "30.1734218597\n");
    /* the first columns, as `predict` prints them: of a field, of a part of one, of none */
    plain.csv_first = 0;
    plain.csv_count = 4;
    check(answer_encode_csv(&plain), three, 1, 4,
          "0.04544410854578018,0.3947080075740814,0.5598478317260742,2\n");
    plain.csv_count = 2;
    check(answer_encode_csv(&plain), three, 1, 4, "0.04544410854578018,0.3947080075740814\n");
    plain.csv_first = 2;
    check(answer_encode_csv(&plain), three, 1, 4, "0.5598478317260742,2\n");
    plain = (struct answer_shape){.fields = &binary_fields[1], .field_count = 1, .csv_count = 4};
    check(answer_encode_csv(&plain), mixed, 1, 4, "0.25,1,nan,2.0\n");
}

static void test_siblings(void **state)
{
    float distances[] = {1, 3, 7, 0.25720658898353577f};
    float projected[] = {1.5f, -2};
    float neighbours[] = {0, 0.5f, 2, 0, 1};

    (void)state;
    check(answer_encode_json(&cluster), distances, 1, 2,
          "{\"predictions\": [{\"closest_cluster\": 1.0, \"distance_to_cluster\": 3.0}]}");
    check(answer_encode_jsonlines(&cluster), distances, 1, 2,
          "{\"closest_cluster\":1.0,\"distance_to_cluster\":3.0}\n");
    check(answer_encode_csv(&cluster), distances, 2, 2, "1.0,3.0\n7.0,0.25720658898353577\n");
    check(answer_encode_json(&projection), projected, 2, 1,
          "{\"projections\": [{\"projection\": [1.5]}, {\"projection\": [-2.0]}]}");
    check(answer_encode_jsonlines(&projection), projected, 1, 1, "{\"projection\":[1.5]}\n");
    check(answer_encode_json(&neighbour), neighbours, 1, 5,
          "{\"predictions\": [{\"predicted_label\": 0.0}]}");
    check(answer_encode_json(&neighbour_verbose), neighbours, 1, 5,
          "{\"predictions\": [{\"predicted_label\": 0.0, \"labels\": [0.0, 1.0], "
          "\"distances\": [0.5, 2.0]}]}");
    check(answer_encode_jsonlines(&neighbour_verbose), neighbours, 1, 5,
          "{\"distances\":[0.5,2.0],\"labels\":[0.0,1.0],\"predicted_label\":0.0}\n");
}

static void check_record(const struct answer_shape *shape, float *values, size_t columns,
                         const uint8_t *expected, size_t size)
{
    struct buffer body = encode(answer_encode_recordio(shape), values, 1, columns);

    assert_int_equal(body.size, size + 1);
    assert_memory_equal(body.data, expected, size);
    buffer_fini(&body);
}

/* The samples of linear-learner 5.4. */
static void test_recordio(void **state)
{
    static const uint8_t of_binary[] = {
        0x0a, 0x23, 0xd7, 0xce, 0x30, 0x00, 0x00, 0x00, 0x12, 0x11, 0x0a, 0x05, 0x73, 0x63,
        0x6f, 0x72, 0x65, 0x12, 0x08, 0x12, 0x06, 0x0a, 0x04, 0xcd, 0xcc, 0xcc, 0x3e, 0x12,
        0x1b, 0x0a, 0x0f, 0x70, 0x72, 0x65, 0x64, 0x69, 0x63, 0x74, 0x65, 0x64, 0x5f, 0x6c,
        0x61, 0x62, 0x65, 0x6c, 0x12, 0x08, 0x12, 0x06, 0x0a, 0x04, 0x00, 0x00, 0x00, 0x00,
    };
    static const uint8_t of_regressor[] = {
        0x0a, 0x23, 0xd7, 0xce, 0x13, 0x00, 0x00, 0x00, 0x12, 0x11, 0x0a, 0x05, 0x73, 0x63,
        0x6f, 0x72, 0x65, 0x12, 0x08, 0x12, 0x06, 0x0a, 0x04, 0xcd, 0xcc, 0xcc, 0x3e, 0x00,
    };
    static const uint8_t of_classes[] = {
        0x0a, 0x23, 0xd7, 0xce, 0x3c, 0x00, 0x00, 0x00, 0x12, 0x1d, 0x0a, 0x05, 0x73, 0x63,
        0x6f, 0x72, 0x65, 0x12, 0x14, 0x12, 0x12, 0x0a, 0x10, 0xcd, 0xcc, 0xcc, 0x3d, 0xcd,
        0xcc, 0x4c, 0x3e, 0xcd, 0xcc, 0xcc, 0x3e, 0x9a, 0x99, 0x99, 0x3e, 0x12, 0x1b, 0x0a,
        0x0f, 0x70, 0x72, 0x65, 0x64, 0x69, 0x63, 0x74, 0x65, 0x64, 0x5f, 0x6c, 0x61, 0x62,
        0x65, 0x6c, 0x12, 0x08, 0x12, 0x06, 0x0a, 0x04, 0x00, 0x00, 0x00, 0x40,
    };
    static const struct answer_field fields[] = {
        {.name = "score", .first = 0, .count = 4},
        {.name = "predicted_label", .first = 4, .count = 1, .whole = true},
    };
    const struct answer_shape four = {SHAPE(fields)};
    float values[] = {0.4f, 0}, many[] = {0.1f, 0.2f, 0.4f, 0.3f, 2};

    (void)state;
    check_record(&binary, values, 2, of_binary, sizeof(of_binary));
    check_record(&regressor, values, 1, of_regressor, sizeof(of_regressor));
    check_record(&four, many, 5, of_classes, sizeof(of_classes));
}

#define ROWS    200
#define COLUMNS 5

/* A body made in parts is the whole one; so is one that is made where memory is short before it is
 * tried again; and what the body's max does not hold is refused. */
static void test_parts_and_limits(void **state)
{
    static float values[ROWS * COLUMNS];
    struct encoding encodings[] = {
        answer_encode_json(&neighbour_verbose), answer_encode_jsonlines(&neighbour_verbose),
        answer_encode_csv(&cluster), answer_encode_recordio(&neighbour_verbose)};
    struct predictions all = view(values, ROWS, COLUMNS);

    (void)state;
    for (size_t i = 0; i < ROWS * COLUMNS; i++)
        values[i] = (float)(i * i) / 7;
    for (size_t e = 0; e < ARRAY_LENGTH(encodings); e++) {
        struct buffer whole = encode(encodings[e], values, ROWS, COLUMNS), parts, small;
        struct err err = ERR_INIT;

        buffer_init(&parts, SIZE_MAX);
        assert_int_equal(encode_begin(&encodings[e], &parts, &err), 0);
        for (size_t at = 0, n; at < ROWS; at += n) {
            struct predictions part;

            n = at % 3 * 30 + 1;
            n = n < ROWS - at ? n : ROWS - at;
            part = view(values + at * COLUMNS, n, COLUMNS);
            assert_int_equal(encode_rows(&encodings[e], &part, at == 0, &parts, &err), 0);
        }
        assert_int_equal(encode_end(&encodings[e], &parts, &err), 0);
        assert_int_equal(parts.size + 1, whole.size);
        assert_memory_equal(parts.data, whole.data, parts.size);
        buffer_init(&small, whole.size - 2);
        assert_int_equal(encode_body(&encodings[e], &all, &small, &err), -1);
        assert_int_equal(err.kind, ERR_LIMIT);
        buffer_fini(&small);
        err_clear(&err);
        buffer_init(&small, whole.size + 8192);
        assert_int_equal(encode_body(&encodings[e], &all, &small, &err), 0);
        buffer_fini(&small);
        buffer_init(&small, SIZE_MAX);
        mem_fail_at(1);
        assert_int_equal(encode_body(&encodings[e], &all, &small, &err), -1);
        mem_fail_at(0);
        assert_int_equal(err.kind, ERR_MEMORY);
        buffer_fini(&small);
        buffer_fini(&parts);
        buffer_fini(&whole);
    }
}

/* Names as long as they may be, and more fields and longer names than there may be: no harm. */
static void test_names(void **state)
{
    struct answer_field fields[ANSWER_FIELDS_MAX + 2];
    struct answer_shape shape = {.fields = fields, .field_count = 1, .root = "predictions"};
    static float values[ANSWER_FIELDS_MAX + 2];
    struct buffer body;

    (void)state;
    for (uint32_t i = 0; i < ARRAY_LENGTH(fields); i++)
        fields[i] = (struct answer_field){.name = "name_of_two_and_thirty_characters_and_more",
                                          .first = i,
                                          .count = 1,
                                          .list = true};
    check(answer_encode_json(&shape), values, 1, 1,
          "{\"predictions\": [{\"name_of_two_and_thirty_character\": [0.0]}]}");
    shape.field_count = ARRAY_LENGTH(fields);
    body = encode(answer_encode_json(&shape), values, 1, ARRAY_LENGTH(fields));
    assert_int_equal(body.size - 1,
                     strlen("{\"predictions\": [{}]}") +
                         ANSWER_FIELDS_MAX * (ANSWER_NAME_MAX + strlen(", \"\": [0.0]")) - 2);
    buffer_fini(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json),     cmocka_unit_test(test_jsonlines),
        cmocka_unit_test(test_csv),      cmocka_unit_test(test_siblings),
        cmocka_unit_test(test_recordio), cmocka_unit_test(test_parts_and_limits),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
