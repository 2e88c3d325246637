#include "tests/unit/unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_numbers.h"

static bool null_is_nan;

/* Reads an array from a copy of exactly its size. 0, or -1 and the error. */
static int read_array(const char *text, bool index, struct buffer *values, struct err *err)
{
    size_t size = strlen(text);
    uint8_t *copy = malloc(size ? size : 1);
    struct json_reader reader;
    struct json_event event;
    int result;

    assert_non_null(copy);
    memcpy(copy, text, size);
    json_reader_init_strict(&reader, bytes_of(copy, size));
    assert_int_equal(json_next(&reader.source, &event, err), 0);
    assert_int_equal(event.type, JSON_ARRAY_BEGIN);
    result = index ? json_numbers_index(&reader, values, err)
                   : json_numbers_f32(&reader, null_is_nan, values, err);
    if (!result) { /* the ']' was taken */
        assert_int_equal(json_next(&reader.source, &event, err), 0);
        assert_int_equal(event.type, JSON_END);
    }
    free(copy);
    return result;
}

static void test_floats(void **state)
{
    static const struct {
        const char *text;
        size_t count;
        float values[4];
    } cases[] = {
        {"[]", 0, {0}},
        {"[ \n]", 0, {0}},
        {"[1]", 1, {1}},
        {" [1 , -2.5e-1,\t3\r\n,null ] ", 4, {1, -0.25f, 3, NAN}},
        {"[NaN,Infinity,-Infinity,1e999]", 4, {NAN, INFINITY, -INFINITY, INFINITY}},
        /* a float's halfway case that two roundings send down */
        {"[1.000000059604644775390625000000001, -0]", 2, {1, -0.0f}},
        {"[0.5,10.05,1E05,0e-0]", 4, {0.5f, 10.05f, 1e5f, 0}},
    };
    struct buffer values;

    (void)state;
    buffer_init(&values, SIZE_MAX);
    null_is_nan = true;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct err err = ERR_INIT;
        const float *read;

        buffer_clear(&values);
        if (read_array(cases[i].text, false, &values, &err))
            fail_msg("%s: %s", cases[i].text, err.text);
        assert_int_equal(values.size, cases[i].count * sizeof(float));
        read = (const float *)(const void *)values.data;
        for (size_t v = 0; v < cases[i].count; v++) {
            if (memcmp(&read[v], &cases[i].values[v], 4) != 0 &&
                !(isnan(read[v]) && isnan(cases[i].values[v])))
                fail_msg("%s: %.9g", cases[i].text, (double)read[v]);
        }
    }
    buffer_fini(&values);
}

/* Appends; any number of elements, over every growth of the buffer. */
static void test_many(void **state)
{
    struct buffer values;
    char text[8000];

    (void)state;
    buffer_init(&values, SIZE_MAX);
    for (size_t count = 0; count < 600; count += 37) {
        struct err err = ERR_INIT;
        char *p = stpcpy(text, "[");
        const float *read;

        for (size_t i = 0; i < count; i++)
            p += sprintf(p, i ? ", %zu.5" : "%zu.5", i);
        strcpy(p, "]");
        buffer_fini(&values);
        assert_int_equal(buffer_append(&values, "1234", 4), 0);
        assert_int_equal(read_array(text, false, &values, &err), 0);
        assert_int_equal(values.size, 4 + count * sizeof(float));
        assert_memory_equal(values.data, "1234", 4);
        read = (const float *)(const void *)values.data;
        for (size_t i = 0; i < count; i++)
            assert_true(read[i + 1] == (float)i + 0.5f);
    }
    buffer_fini(&values);
}

static void test_indices(void **state)
{
    static const char text[] =
        "[0, 7,-0,9223372036854775807,1.0,12e2,9007199254740991.0 ,1000000000000000000]";
    static const uint64_t expected[] = {
        0, 7, 0, INT64_MAX, 1, 1200, 9007199254740991, 1000000000000000000};
    struct err err = ERR_INIT;
    struct buffer values;

    (void)state;
    buffer_init(&values, SIZE_MAX);
    assert_int_equal(read_array(text, true, &values, &err), 0);
    assert_int_equal(values.size, sizeof(expected));
    assert_memory_equal(values.data, expected, sizeof(expected));
    assert_int_equal(read_array("[ ]", true, &values, &err), 0);
    assert_int_equal(values.size, sizeof(expected));
    buffer_fini(&values);
}

static void test_bad(void **state)
{
    static const struct {
        const char *text;
        bool index;
        const char *error;
    } cases[] = {
        {"[", false, "offset 1: the text ends in the middle of a value"},
        {"[1", false, "offset 2: the text ends in the middle of a value"},
        {"[1,", false, "offset 3: the text ends in the middle of a value"},
        {"[1 ", false, "offset 3: the text ends in the middle of a value"},
        {"[nul", false, "offset 4: the text ends in the middle of a value"},
        {"[1}", false, "offset 2: ',' or ']' must come here"},
        {"[1,]", false, "offset 3: a number is expected, not ']'"},
        {"[null]", false, "offset 1: a number is expected, not 'null'"},
        {"[true]", false, "offset 1: a number is expected, not 'true'"},
        {"[\"1\"]", false, "offset 1: a number is expected, not a string"},
        {"[00]", false, "offset 1: a number is expected, not '00'"},
        {"[-00.5]", false, "offset 1: a number is expected, not '-00.5'"},
        {"[+1]", false, "offset 1: a number is expected, not '+1'"},
        {"[.1]", false, "offset 1: a number is expected, not '.1'"},
        {"[1,2,\n3.]", false, "offset 6: a number is expected, not '3.'"},
        {"[1,2,3.E1,4]", false, "offset 5: a number is expected, not '3.E1'"},
        {"[1", true, "offset 2: the text ends in the middle of a value"},
        {"[1,", true, "offset 3: the text ends in the middle of a value"},
        {"[1 2]", true, "offset 3: ',' or ']' must come here"},
        {"[-1]", true, "offset 1: a whole number from 0 on is expected, not '-1'"},
        {"[0.5]", true, "offset 1: a whole number from 0 on is expected, not '0.5'"},
        {"[01]", true, "offset 1: a whole number from 0 on is expected, not '01'"},
        {"[1.]", true, "offset 1: a whole number from 0 on is expected, not '1.'"},
        {"[9223372036854775808]", true,
         "offset 1: a whole number from 0 on is expected, not '9223372036854775808'"},
        {"[1e300]", true, "offset 1: a whole number from 0 on is expected, not '1e300'"},
        {"[NaN]", true, "offset 1: a whole number from 0 on is expected, not 'NaN'"},
        {"[null]", true, "offset 1: a whole number from 0 on is expected, not 'null'"},
        {"[[1]]", true, "offset 1: a whole number from 0 on is expected, not an array"},
    };
    struct buffer values;

    (void)state;
    buffer_init(&values, SIZE_MAX);
    null_is_nan = false;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct err err = ERR_INIT;

        if (!read_array(cases[i].text, cases[i].index, &values, &err))
            fail_msg("accepted: %s", cases[i].text);
        assert_int_equal(err.kind, ERR_INPUT);
        if (strcmp(err.text, cases[i].error) != 0)
            fail_msg("%s: %s", cases[i].text, err.text);
    }
    buffer_fini(&values);
}

static void test_memory(void **state)
{
    (void)state;
    for (int index = 0; index < 2; index++) {
        struct err err = ERR_INIT;
        struct buffer values;

        buffer_init(&values, SIZE_MAX);
        mem_fail_at(1);
        assert_int_equal(read_array("[1]", index, &values, &err), -1);
        mem_fail_at(0);
        assert_int_equal(err.kind, ERR_MEMORY);
        buffer_fini(&values);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_floats),  cmocka_unit_test(test_many),
        cmocka_unit_test(test_indices), cmocka_unit_test(test_bad),
        cmocka_unit_test(test_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
