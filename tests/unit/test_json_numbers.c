#include "tests/unit/unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/json_numbers.h"
#include "tests/cells_check.h"

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

/* An array of all kinds of elements, good and bad, with all kinds of white space. */
static void put_random_array(struct check_random *random, char *out, bool odd_too)
{
    static const char *const commas[] = {",", ", ", ",", ", ", ",", ", ", ",\n  ", " ,", ",\t"};
    uint64_t word = check_next(random);
    size_t count = 1 + word % 90, style = word >> 32 & 1;

    *out++ = '[';
    for (size_t i = 0; i < count; i++) {
        char cell[CHECK_CELL_MAX + 1];

        word = check_next(random);
        do
            check_random_cell(random, cell, odd_too && word % 8 == 0);
        while (!cell[0] && (!odd_too || word >> 3 & 31));
        out += sprintf(out, "%s%s", i ? commas[word >> 8 & 15 ? style : word >> 12 & 7] : "", cell);
    }
    sprintf(out, "]");
}

/* Whatever is in it, an array is the same on every level, or the same fault. */
static void test_levels(void **state)
{
    static char text[100 * CHECK_CELL_MAX];
    struct check_random random = {.state = 1};
    struct buffer plain, values;
    enum cpu_level most = cpu_level();
    size_t good = 0;

    (void)state;
    buffer_init(&plain, SIZE_MAX);
    buffer_init(&values, SIZE_MAX);
    null_is_nan = false;
    for (int i = 0; i < 20000; i++) {
        struct err plain_err = ERR_INIT;
        int status;

        put_random_array(&random, text, i % 2);
        assert_true(cpu_limit(CPU_BASELINE));
        buffer_clear(&plain);
        status = read_array(text, false, &plain, &plain_err);
        good += !status;
        for (int level = CPU_BASELINE + 1; level <= (int)most; level++) {
            struct err err = ERR_INIT;

            assert_true(cpu_limit((enum cpu_level)level));
            buffer_clear(&values);
            if (read_array(text, false, &values, &err) != status ||
                strcmp(err.text, plain_err.text) != 0)
                fail_msg("%s: %s, not %s", text, err.text, plain_err.text);
            if (!status && (values.size != plain.size ||
                            (plain.size && memcmp(values.data, plain.data, plain.size) != 0)))
                fail_msg("%s", text);
        }
    }
    assert_true(good > 100 && good < 19900);
    assert_true(cpu_limit(most));
    buffer_fini(&plain);
    buffer_fini(&values);
}

/* Each spelling that JSON does not have, at each place of a long array. */
static void test_spelling(void **state)
{
    static const struct {
        const char *text;
        const char *quoted; /* NULL: it is fine */
        float value;
    } cases[] = {
        {"0", NULL, 0},          {"-0.5", NULL, -0.5f},  {"10", NULL, 10},
        {"0.0", NULL, 0},        {"1e-05", NULL, 1e-5f}, {"100.25E+1", NULL, 1002.5f},
        {"01", "'01'", 0},       {"-01", "'-01'", 0},    {"00", "'00'", 0},
        {"+1", "'+1'", 0},       {".5", "'.5'", 0},      {"-.5", "'-.5'", 0},
        {"5.", "'5.'", 0},       {"5.e1", "'5.e1'", 0},  {"0x10", "'0x10'", 0},
        {"1.2.3", "'1.2.3'", 0}, {"-", "'-'", 0},        {"1_0", "'1_0'", 0},
        {"nan", "'nan'", 0},     {"null", "'null'", 0},  {"", "','", 0},
    };
    struct buffer values;
    char text[1000];

    (void)state;
    buffer_init(&values, SIZE_MAX);
    null_is_nan = false;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        for (int before = 0; before < 140; before++) {
            struct err err = ERR_INIT;
            char *p = text + sprintf(text, "[");
            int status;

            for (int k = 0; k < before; k++) /* at odd places, too */
                p += sprintf(p, k || before % 4 < 2 ? "7," : "17,");
            sprintf(p, "%s,12.5, 3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23]",
                    cases[i].text);
            buffer_clear(&values);
            status = read_array(text, false, &values, &err);
            if ((status == 0) != (cases[i].quoted == NULL))
                fail_msg("%s: %s", text, err.text);
            if (cases[i].quoted && *cases[i].text && !strstr(err.text, cases[i].quoted) &&
                !strstr(err.text, "must come here"))
                fail_msg("%s: %s", text, err.text);
            if (!status) {
                const float *read = (const float *)(const void *)values.data;

                assert_int_equal(values.size, ((size_t)before + 23) * sizeof(float));
                assert_true(read[before] == cases[i].value && read[before + 1] == 12.5f);
            }
        }
    }
    buffer_fini(&values);
}

/* An element that is not there, at the end of arrays of any length. */
static void test_last_comma(void **state)
{
    struct buffer values;
    char text[1000];

    (void)state;
    buffer_init(&values, SIZE_MAX);
    for (int count = 1; count < 300; count++) {
        struct err err = ERR_INIT;
        char *p = text + sprintf(text, "[");

        for (int k = 0; k < count; k++)
            p += sprintf(p, "7,");
        sprintf(p, "]");
        assert_int_equal(read_array(text, false, &values, &err), -1);
        assert_non_null(strstr(err.text, "a number is expected, not ']'"));
        p[-1] = ' ';
        err_clear(&err);
        buffer_clear(&values);
        assert_int_equal(read_array(text, false, &values, &err), 0);
        assert_int_equal(values.size, (size_t)count * sizeof(float));
    }
    buffer_fini(&values);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_floats),   cmocka_unit_test(test_many),
        cmocka_unit_test(test_indices),  cmocka_unit_test(test_bad),
        cmocka_unit_test(test_memory),   cmocka_unit_test(test_levels),
        cmocka_unit_test(test_spelling), cmocka_unit_test(test_last_comma),
    };
    int failed = 0;

    for (int level = 0; level <= CPU_VBMI && cpu_limit((enum cpu_level)level); level++)
        failed +=
            cmocka_run_group_tests_name(cpu_level_name((enum cpu_level)level), tests, NULL, NULL);
    return failed;
}
