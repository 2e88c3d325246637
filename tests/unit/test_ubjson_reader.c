#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "models/ubjson_reader.h"

/* The bytes of a literal, without its NUL. */
#define BYTES(text) bytes_of(text, sizeof(text) - 1)

/* A length of 8 bytes whose last byte is given. */
#define L(byte) "L\0\0\0\0\0\0\0" byte

static struct ubjson_reader reader_of(struct bytes data)
{
    struct ubjson_reader reader;

    ubjson_reader_init(&reader, data, 0);
    return reader;
}

static struct json_event next_ok(struct ubjson_reader *reader, enum json_type type)
{
    struct err err = ERR_INIT;
    struct json_event event;

    if (json_next(&reader->source, &event, &err))
        fail_msg("%s", err.text);
    assert_int_equal(event.type, type);
    return event;
}

static bool well_formed(struct bytes data, char ret_text[ERR_TEXT_SIZE])
{
    struct ubjson_reader reader = reader_of(data);
    struct err err = ERR_INIT;
    struct json_event event;

    do {
        if (json_next(&reader.source, &event, &err)) {
            assert_int_equal(err.kind, ERR_INPUT);
            strcpy(ret_text, err.text);
            return false;
        }
    } while (event.type != JSON_END);
    return true;
}

static void test_events(void **state)
{
    struct ubjson_reader reader = reader_of(BYTES("{" L("\1") "aS" L("\2") "xy" L("\1") "b[#" L(
        "\2") "TZ" L("\1") "c[i\5F]U\1dC!" L("\1") "e{}}"));
    struct json_event event;

    (void)state;
    next_ok(&reader, JSON_OBJECT_BEGIN);
    event = next_ok(&reader, JSON_KEY);
    assert_true(bytes_is(event.text, "a"));
    assert_int_equal(event.offset, 1);
    event = next_ok(&reader, JSON_STRING);
    assert_true(bytes_is(event.text, "xy"));
    assert_false(event.escaped);
    next_ok(&reader, JSON_KEY);
    next_ok(&reader, JSON_ARRAY_BEGIN);
    next_ok(&reader, JSON_TRUE);
    next_ok(&reader, JSON_NULL);
    next_ok(&reader, JSON_ARRAY_END);
    next_ok(&reader, JSON_KEY);
    next_ok(&reader, JSON_ARRAY_BEGIN);
    assert_int_equal(next_ok(&reader, JSON_INTEGER).integer, 5);
    next_ok(&reader, JSON_FALSE);
    next_ok(&reader, JSON_ARRAY_END);
    assert_true(bytes_is(next_ok(&reader, JSON_KEY).text, "d"));
    assert_true(bytes_is(next_ok(&reader, JSON_STRING).text, "!"));
    next_ok(&reader, JSON_KEY);
    next_ok(&reader, JSON_OBJECT_BEGIN);
    next_ok(&reader, JSON_OBJECT_END);
    next_ok(&reader, JSON_OBJECT_END);
    next_ok(&reader, JSON_END);
    next_ok(&reader, JSON_END);
}

static void test_numbers(void **state)
{
    struct ubjson_reader reader =
        reader_of(BYTES("[i\xffU\xffI\xff\xfel\x80\0\0\0L\x7f\xff\xff\xff\xff\xff\xff\xff"
                        "d\x3f\xc0\0\0D\xc0\x04\0\0\0\0\0\0d\x7f\xc0\0\0]"));

    (void)state;
    next_ok(&reader, JSON_ARRAY_BEGIN);
    assert_int_equal(next_ok(&reader, JSON_INTEGER).integer, -1);
    assert_int_equal(next_ok(&reader, JSON_INTEGER).integer, 255);
    assert_int_equal(next_ok(&reader, JSON_INTEGER).integer, -2);
    assert_true(next_ok(&reader, JSON_INTEGER).integer == INT32_MIN);
    assert_true(next_ok(&reader, JSON_INTEGER).integer == INT64_MAX);
    assert_true(next_ok(&reader, JSON_REAL).real == 1.5);
    assert_true(next_ok(&reader, JSON_REAL).real == -2.5);
    assert_true(isnan(next_ok(&reader, JSON_REAL).real));
    next_ok(&reader, JSON_ARRAY_END);
    next_ok(&reader, JSON_END);
}

static void test_malformed(void **state)
{
    static const struct {
        struct bytes data;
        const char *error; /* how it begins */
    } cases[] = {
        {{(const uint8_t *)"", 0}, "offset 0: the data ends"},
        {{(const uint8_t *)"{", 1}, "offset 1: the data ends"},
        {{(const uint8_t *)"{L\0\0", 4}, "offset 2: the data ends"},
        {{(const uint8_t *)"{i\5ab", 5}, "offset 1: a text of 5 bytes where 2 bytes are left"},
        {{(const uint8_t *)"{i\377", 3}, "offset 1: a length is negative"},
        {{(const uint8_t *)"{d\0\0\0\0", 6}, "offset 1: a length must come here, not byte 0x64"},
        {{(const uint8_t *)"{S", 2}, "offset 1: a length must come here, not byte 0x53"},
        {{(const uint8_t *)"{i\1a", 4}, "offset 4: the data ends"},
        {{(const uint8_t *)"{i\1a}", 5}, "offset 4: a value must come here, not byte 0x7d"},
        {{(const uint8_t *)"{$i#", 4}, "offset 1: an object with a type or a count"},
        {{(const uint8_t *)"{#i\0", 4}, "offset 1: an object with a type or a count"},
        {{(const uint8_t *)"[", 1}, "offset 1: the data ends"},
        {{(const uint8_t *)"[$", 2}, "offset 2: the data ends"},
        {{(const uint8_t *)"[$d", 3}, "offset 3: the data ends"},
        {{(const uint8_t *)"[$di\1", 5}, "offset 1: a typed array without a length"},
        {{(const uint8_t *)"[$Z#i\177", 6}, "offset 1: an array of type 0x5a"},
        {{(const uint8_t *)"[$S#i\0", 6}, "offset 1: an array of type 0x53"},
        {{(const uint8_t *)"[$d#i\2\0\0\0\0\0\0\0", 13},
         "offset 1: an array of 2 elements where 7 bytes are left"},
        {{(const uint8_t *)"[#i\3Z", 5}, "offset 1: an array of 3 elements where 1 bytes are left"},
        {{(const uint8_t *)"[$L#L\177\377\377\377\377\377\377\377", 13},
         "offset 1: an array of 9223372036854775807 elements"},
        {{(const uint8_t *)"[#i\1]", 5}, "offset 4: a value must come here, not byte 0x5d"},
        {{(const uint8_t *)"Hi\0011", 4}, "offset 0: a number as decimal text"},
        {{(const uint8_t *)"l\0\0", 3}, "offset 1: the data ends"},
        {{(const uint8_t *)"N", 1}, "offset 0: a value must come here, not byte 0x4e"},
        {{(const uint8_t *)"ZZ", 2}, "offset 1: something follows"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char text[ERR_TEXT_SIZE] = "";

        if (well_formed(cases[i].data, text))
            fail_msg("accepted: case %zu", i);
        if (strncmp(text, cases[i].error, strlen(cases[i].error)) != 0)
            fail_msg("case %zu: %s", i, text);
    }
}

static void test_depth(void **state)
{
    char data[2 * (JSON_DEPTH_MAX + 1)];
    char text[ERR_TEXT_SIZE];

    (void)state;
    memset(data, '[', JSON_DEPTH_MAX);
    memset(data + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    assert_true(well_formed(bytes_of(data, 2 * JSON_DEPTH_MAX), text));
    memset(data, '[', JSON_DEPTH_MAX + 1);
    assert_false(well_formed(bytes_of(data, sizeof(data)), text));
    assert_string_equal(text, "offset 64: nested more than 64 levels deep");
}

static void test_skip(void **state)
{
    struct ubjson_reader reader =
        reader_of(BYTES("[[$l#i\2\0\0\0\1\0\0\0\2[#i\2{i\1a[$U#i\0}i\7[Z]S"
                        "i\1x"
                        "]"));
    static const size_t sizes[] = {14, 17, 3, 4};
    struct err err = ERR_INIT;
    struct bytes skipped;

    (void)state;
    next_ok(&reader, JSON_ARRAY_BEGIN);
    for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
        assert_int_equal(json_skip(&reader.source, &skipped, &err), 0);
        assert_int_equal(skipped.size, sizes[i]);
    }
    assert_true(bytes_is(skipped, "Si\1x"));
    assert_int_equal(json_skip(&reader.source, &skipped, &err), -1);
    assert_string_equal(err.text, "offset 39: a value must come here");
}

/* Every way to write an array of numbers gives the same numbers. */
static void test_read(void **state)
{
    static const struct bytes arrays[] = {
        {(const uint8_t *)"[$d#i\2\x3f\x80\0\0\x40\0\0\0", 14},
        {(const uint8_t *)"[$D#i\2\x3f\xf0\0\0\0\0\0\0\x40\0\0\0\0\0\0\0", 22},
        {(const uint8_t *)"[$l#i\2\0\0\0\1\0\0\0\2", 14},
        {(const uint8_t *)"[$L#i\2\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\2", 22},
        {(const uint8_t *)"[$I#i\2\0\1\0\2", 10},
        {(const uint8_t *)"[$i#i\2\1\2", 8},
        {(const uint8_t *)"[$U#i\2\1\2", 8},
        {(const uint8_t *)"[#i\2i\1d\x40\0\0\0", 11},
        {(const uint8_t *)"[i\1I\0\2]", 7},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(arrays); i++) {
        for (int element = JSON_F32; element <= JSON_U8; element++) {
            struct ubjson_reader reader = reader_of(arrays[i]);
            struct arena arena;
            struct err err = ERR_INIT;
            size_t count = 0;
            void *array = NULL;

            arena_init(&arena, 1 << 16);
            if (reader.source.ops->read(&reader.source, (enum json_element)element, 2, &arena,
                                        &array, &count, &err))
                fail_msg("array %zu: %s", i, err.text);
            assert_int_equal(count, 2);
            switch ((enum json_element)element) {
            case JSON_F32:
                assert_true(((float *)array)[0] == 1.0f && ((float *)array)[1] == 2.0f);
                break;
            case JSON_F64:
                assert_true(((double *)array)[0] == 1.0 && ((double *)array)[1] == 2.0);
                break;
            case JSON_I32:
                assert_true(((int32_t *)array)[0] == 1 && ((int32_t *)array)[1] == 2);
                break;
            case JSON_I64:
                assert_true(((int64_t *)array)[0] == 1 && ((int64_t *)array)[1] == 2);
                break;
            case JSON_U8:
                assert_true(((uint8_t *)array)[0] == 1 && ((uint8_t *)array)[1] == 2);
                break;
            }
            next_ok(&reader, JSON_END);
            arena_fini(&arena);
        }
    }
}

static void test_read_booleans(void **state)
{
    struct ubjson_reader reader = reader_of(BYTES("[#i\3TFT"));
    struct arena arena;
    struct err err = ERR_INIT;
    uint8_t *values = NULL;
    size_t count = 0;

    (void)state;
    arena_init(&arena, 1 << 16);
    assert_int_equal(json_read_u8(&reader.source, &arena, 3, &values, &count, &err), 0);
    assert_int_equal(count, 3);
    assert_memory_equal(values, "\1\0\1", 3);
    arena_fini(&arena);
}

static void check_read_error(struct bytes data, enum json_element element, size_t max,
                             enum err_kind kind, const char *error)
{
    struct ubjson_reader reader = reader_of(data);
    struct arena arena;
    struct err err = ERR_INIT;
    size_t count = 0;
    void *array = NULL;

    arena_init(&arena, 64);
    assert_int_equal(
        reader.source.ops->read(&reader.source, element, max, &arena, &array, &count, &err), -1);
    assert_string_equal(err.text, error);
    assert_int_equal(err.kind, kind);
    arena_fini(&arena);
}

static void test_read_errors(void **state)
{
    (void)state;
    check_read_error(BYTES("{}"), JSON_F32, 9, ERR_INPUT,
                     "offset 0: the value must be an array, not an object");
    check_read_error(BYTES("[$U#i\2ab"), JSON_U8, 1, ERR_INPUT,
                     "offset 8: an array of 2 numbers where at most 1 may be");
    check_read_error(BYTES("[$I#i\2\0\1\1\0"), JSON_U8, 9, ERR_INPUT,
                     "offset 8: element 1 is not a number in range");
    check_read_error(BYTES("[$d#i\1\x7f\xc0\0\0"), JSON_I32, 9, ERR_INPUT,
                     "offset 6: element 0 is not a number in range");
    check_read_error(BYTES("[#i\1Z"), JSON_F32, 9, ERR_INPUT,
                     "offset 4: element 0 is not a number in range");
    check_read_error(BYTES("[#i\1Si\0011"), JSON_F32, 9, ERR_INPUT,
                     "offset 4: element 0, '1', is not a number in range");
    check_read_error(BYTES("[[]]"), JSON_F32, 9, ERR_INPUT,
                     "offset 1: an array of numbers has another");
    check_read_error(BYTES("[#i\1[]"), JSON_F32, 9, ERR_INPUT,
                     "offset 4: element 0 is not a number in range");
    check_read_error(BYTES("[$U#i\x40"
                           "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
                     JSON_F64, 99, ERR_LIMIT,
                     "offset 70: more memory is needed than the 64 bytes that are allowed "
                     "(an array of numbers)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events),        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_malformed),     cmocka_unit_test(test_depth),
        cmocka_unit_test(test_skip),          cmocka_unit_test(test_read),
        cmocka_unit_test(test_read_booleans), cmocka_unit_test(test_read_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
