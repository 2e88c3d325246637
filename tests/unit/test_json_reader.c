#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/json_reader.h"

static struct json_reader reader_of(const char *text)
{
    struct json_reader reader;

    json_reader_init(&reader, bytes_text(text), 0);
    return reader;
}

static struct json_event next_ok(struct json_reader *reader, enum json_type type)
{
    struct err err = ERR_INIT;
    struct json_event event;

    assert_int_equal(json_next(&reader->source, &event, &err), 0);
    assert_int_equal(event.type, type);
    return event;
}

/* Reads the document to its end: true where it is well formed. The error's text to `ret_text`. */
static bool well_formed(struct bytes text, char ret_text[ERR_TEXT_SIZE])
{
    struct json_reader reader;
    struct err err = ERR_INIT;
    struct json_event event;

    json_reader_init(&reader, text, 0);
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
    struct json_reader reader =
        reader_of(" {\"a\" : [1, -2.5, true,false,null] ,\"b\\n\":\"x\\\"y\","
                  "\"c\":{}, \"d\":[ ]}\n");
    struct json_event event;

    (void)state;
    assert_int_equal(next_ok(&reader, JSON_OBJECT_BEGIN).offset, 1);
    event = next_ok(&reader, JSON_KEY);
    assert_true(bytes_is(event.text, "a"));
    assert_false(event.escaped);
    assert_int_equal(event.offset, 2);
    next_ok(&reader, JSON_ARRAY_BEGIN);
    event = next_ok(&reader, JSON_INTEGER);
    assert_int_equal(event.integer, 1);
    assert_true(event.real == 1.0);
    event = next_ok(&reader, JSON_REAL);
    assert_true(event.real == -2.5);
    assert_true(bytes_is(event.text, "-2.5"));
    next_ok(&reader, JSON_TRUE);
    next_ok(&reader, JSON_FALSE);
    next_ok(&reader, JSON_NULL);
    next_ok(&reader, JSON_ARRAY_END);
    assert_true(next_ok(&reader, JSON_KEY).escaped);
    event = next_ok(&reader, JSON_STRING);
    assert_true(bytes_is(event.text, "x\\\"y"));
    next_ok(&reader, JSON_KEY);
    next_ok(&reader, JSON_OBJECT_BEGIN);
    next_ok(&reader, JSON_OBJECT_END);
    next_ok(&reader, JSON_KEY);
    next_ok(&reader, JSON_ARRAY_BEGIN);
    next_ok(&reader, JSON_ARRAY_END);
    next_ok(&reader, JSON_OBJECT_END);
    next_ok(&reader, JSON_END);
    next_ok(&reader, JSON_END);
}

static void test_numbers(void **state)
{
    struct json_reader reader =
        reader_of("[9223372036854775807,-9223372036854775808,9223372036854775808,NaN,Infinity,"
                  "-Infinity,1E-45,-0]");

    (void)state;
    next_ok(&reader, JSON_ARRAY_BEGIN);
    assert_true(next_ok(&reader, JSON_INTEGER).integer == INT64_MAX);
    assert_true(next_ok(&reader, JSON_INTEGER).integer == INT64_MIN);
    assert_true(next_ok(&reader, JSON_REAL).real == 0x1p63);
    assert_true(isnan(next_ok(&reader, JSON_REAL).real));
    assert_true(next_ok(&reader, JSON_REAL).real == (double)INFINITY);
    assert_true(next_ok(&reader, JSON_REAL).real == -(double)INFINITY);
    assert_true(next_ok(&reader, JSON_REAL).real == 1e-45);
    assert_true(next_ok(&reader, JSON_INTEGER).integer == 0);
    next_ok(&reader, JSON_ARRAY_END);
}

static void test_malformed(void **state)
{
    static const struct {
        const char *text;
        const char *error; /* how it begins */
    } cases[] = {
        {"", "offset 0: the text ends"},
        {"  ", "offset 2: the text ends"},
        {"{", "offset 1: the text ends"},
        {"[1", "offset 2: the text ends"},
        {"[1,", "offset 3: the text ends"},
        {"{\"a\"", "offset 4: the text ends"},
        {"{\"a\":", "offset 5: the text ends"},
        {"{\"a", "offset 3: the text ends"},
        {"{\"a\\", "offset 4: the text ends"},
        {"{\"a\\\"", "offset 5: the text ends"},
        {"\"", "offset 1: the text ends"},
        {"[1 2]", "offset 3: ',' or ']'"},
        {"[1}", "offset 2: ',' or ']'"},
        {"{\"a\":1]", "offset 6: ',' or '}'"},
        {"[1,]", "offset 3: a value must come here, not ']'"},
        {"[,1]", "offset 1: a value must come here, not ','"},
        {"{\"a\":1,}", "offset 7: a key in quotes"},
        {"{a:1}", "offset 1: a key in quotes"},
        {"{\"a\" 1}", "offset 5: ':'"},
        {"{\"a\":}", "offset 5: a value must come here, not '}'"},
        {"[nul]", "offset 1: 'nul' is not a value"},
        {"[True]", "offset 1: 'True' is not a value"},
        {"[1.2.3]", "offset 1: '1.2.3' is not a value"},
        {"[\"\\q\"]", "offset 2: unknown escape"},
        {"1 2", "offset 2: something follows"},
        {"{} x", "offset 3: something follows"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char text[ERR_TEXT_SIZE] = "";

        if (well_formed(bytes_text(cases[i].text), text))
            fail_msg("accepted: %s", cases[i].text);
        if (strncmp(text, cases[i].error, strlen(cases[i].error)) != 0)
            fail_msg("%s: %s", cases[i].text, text);
    }
}

/* A NUL inside a string's escape, and beside a token, is a byte like others: no value. */
static void test_nul(void **state)
{
    char text[ERR_TEXT_SIZE];

    (void)state;
    assert_true(well_formed(bytes_of("\"a\0b\"", 5), text));
    assert_false(well_formed(bytes_of("\"a\\\0b\"", 6), text));
    assert_false(well_formed(bytes_of("[1\0]", 4), text));
}

/* What a strict reader refuses and any other takes, in what is read and in what is passed over. */
static void test_strict(void **state)
{
    static const struct {
        const char *text;
        const char *error; /* of a strict reader; NULL: none */
        bool lenient;      /* whether any other takes it */
    } cases[] = {
        {"[0,-0,1.5,-1e5,1E+5,1e-05,10.01,NaN,Infinity,-Infinity,true,false,null]", NULL, true},
        {"[\"\\u00e9\\ud83d\\\"\\\\u\",\"\xc3\xa9\x7f\"]", NULL, true},
        {"01", "offset 0: '01' is not a value", true},
        {"-01", "offset 0: '-01' is not a value", true},
        {"[+1]", "offset 1: '+1' is not a value", true},
        {"[.5]", "offset 1: '.5' is not a value", true},
        {"[5.]", "offset 1: '5.' is not a value", true},
        {"[5.e1]", "offset 1: '5.e1' is not a value", true},
        {"[-]", "offset 1: '-' is not a value", false},
        {"[1e]", "offset 1: '1e' is not a value", false},
        {"[1e+]", "offset 1: '1e+' is not a value", false},
        {"[1.5x]", "offset 1: '1.5x' is not a value", false},
        {"[\"a\nb\"]", "offset 3: control character 0x0a in a string must be escaped", true},
        {"[\"\xe9\"]", "offset 2: byte 0xe9 is not UTF-8: unexpected end of data", true},
        {"{\"\xc0\x80\":1}", "offset 2: byte 0xc0 is not UTF-8: invalid start byte", true},
        {"[\"\\u12\"]", "offset 2: four hexadecimal digits must come after \\u", true},
        {"[\"x\\u123g\"]", "offset 3: four hexadecimal digits must come after \\u", true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct bytes text = bytes_text(cases[i].text);
        char lenient_error[ERR_TEXT_SIZE];
        struct err errors[2] = {ERR_INIT, ERR_INIT};
        struct json_reader reader;
        struct json_event event = {.type = JSON_NULL};
        struct bytes skipped;

        assert_int_equal(well_formed(text, lenient_error), cases[i].lenient);
        json_reader_init_strict(&reader, text);
        while (event.type != JSON_END && json_next(&reader.source, &event, &errors[0]) == 0)
            ;
        json_reader_init_strict(&reader, text);
        assert_int_equal(json_skip(&reader.source, &skipped, &errors[1]), cases[i].error ? -1 : 0);
        for (size_t e = 0; e < 2; e++)
            assert_string_equal(errors[e].text, cases[i].error ? cases[i].error : "");
    }
}

static void test_text_is(void **state)
{
    static const struct {
        const char *text;
        const char *ascii;
        bool same;
    } cases[] = {
        {"\"abc\"", "abc", true},           {"\"abc\"", "ab", false},
        {"\"ab\"", "abc", false},           {"\"\"", "", true},
        {"\"\\u0061bc\"", "abc", true},     {"\"ab\\u0063\"", "abc", true},
        {"\"a\\u0062\"", "abc", false},     {"\"\\u0061\\u0062\\u0063\"", "ab", false},
        {"\"\\u0161bc\"", "abc", false},    {"\"\\n\\/\\u000A\\\"\"", "\n/\n\"", true},
        {"\"\\\\u0061\"", "\\u0061", true}, {"\"\\\\u0061\"", "a", false},
        {"\"a\\u0000\"", "a", false},       {"\"\\u006\"", "a", false},
        {"\"\xc3\xa1\\n\"", "a\n", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct json_reader reader = reader_of(cases[i].text);
        struct json_event event = next_ok(&reader, JSON_STRING);

        if (json_text_is(&event, cases[i].ascii) != cases[i].same)
            fail_msg("%s, %s", cases[i].text, cases[i].ascii);
    }
}

static void test_depth(void **state)
{
    char text[2 * (JSON_DEPTH_MAX + 1)];
    char error[ERR_TEXT_SIZE];

    (void)state;
    memset(text, '[', JSON_DEPTH_MAX);
    memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    assert_true(well_formed(bytes_of(text, 2 * JSON_DEPTH_MAX), error));
    memset(text, '[', JSON_DEPTH_MAX + 1);
    memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
    assert_false(well_formed(bytes_of(text, sizeof(text)), error));
    assert_string_equal(error, "offset 64: nested more than 64 levels deep");
}

static void test_base_offset(void **state)
{
    struct json_reader reader;
    struct err err = ERR_INIT;
    struct json_event event;

    (void)state;
    json_reader_init(&reader, bytes_text("?"), 1000);
    assert_int_equal(json_next(&reader.source, &event, &err), -1);
    assert_string_equal(err.text, "offset 1000: '?' is not a value");
}

static void test_skip(void **state)
{
    struct json_reader reader =
        reader_of("{\"a\": {\"b\":[1,{\"c\":\"]}\"}]} ,\"d\":7,\"e\":[8, 9 ]}");
    struct err err = ERR_INIT;
    struct bytes skipped;

    (void)state;
    next_ok(&reader, JSON_OBJECT_BEGIN);
    next_ok(&reader, JSON_KEY);
    assert_int_equal(json_skip(&reader.source, &skipped, &err), 0);
    assert_true(bytes_is(skipped, "{\"b\":[1,{\"c\":\"]}\"}]}"));
    next_ok(&reader, JSON_KEY);
    assert_int_equal(json_skip(&reader.source, &skipped, &err), 0);
    assert_true(bytes_is(skipped, "7"));
    next_ok(&reader, JSON_KEY);
    next_ok(&reader, JSON_ARRAY_BEGIN);
    assert_int_equal(json_skip(&reader.source, &skipped, &err), 0);
    assert_true(bytes_is(skipped, "8"));
    assert_int_equal(json_skip(&reader.source, &skipped, &err), 0);
    assert_true(bytes_is(skipped, "9"));
    assert_int_equal(json_skip(&reader.source, &skipped, &err), -1);
    assert_string_equal(err.text, "offset 44: a value must come here");
}

/* Reads an array that must have `count` elements; noinline, so that the compiler takes the result
 * for what it is: not NULL. */
static __attribute__((noinline)) const void *
read_ok(struct json_reader *reader, struct arena *arena, enum json_element element, size_t count)
{
    struct err err = ERR_INIT;
    size_t got = 0;
    void *array = NULL;

    if (reader->source.ops->read(&reader->source, element, 6, arena, &array, &got, &err))
        fail_msg("%s", err.text);
    assert_int_equal(got, count);
    return array;
}

static void test_read(void **state)
{
    struct json_reader reader =
        reader_of("[[0.1,1,-2.5E-1,NaN,-Infinity,1E-45],[1e300,3],[-1, 2.0 ,2147483647],[],[ ],"
                  "[true,false,255],[9007199254740993]]");
    struct arena arena;
    const float *f32;
    const double *f64;
    const int32_t *i32;

    (void)state;
    arena_init(&arena, 1 << 20);
    next_ok(&reader, JSON_ARRAY_BEGIN);
    f32 = read_ok(&reader, &arena, JSON_F32, 6);
    assert_true(f32[0] == 0.1f && f32[1] == 1.0f && f32[2] == -0.25f && isnan(f32[3]));
    assert_true(f32[4] == -INFINITY && f32[5] == 0x1p-149f);
    f64 = read_ok(&reader, &arena, JSON_F64, 2);
    assert_true(f64[0] == 1e300 && f64[1] == 3.0);
    i32 = read_ok(&reader, &arena, JSON_I32, 3);
    assert_true(i32[0] == -1 && i32[1] == 2 && i32[2] == INT32_MAX);
    read_ok(&reader, &arena, JSON_F32, 0);
    read_ok(&reader, &arena, JSON_U8, 0);
    assert_memory_equal(read_ok(&reader, &arena, JSON_U8, 3), "\1\0\377", 3);
    assert_true(*(const int64_t *)read_ok(&reader, &arena, JSON_I64, 1) == 9007199254740993);
    next_ok(&reader, JSON_ARRAY_END);
    next_ok(&reader, JSON_END);
    arena_fini(&arena);
}

/* The typed forms, once each. */
static void test_read_wrappers(void **state)
{
    struct json_reader reader = reader_of("[[1],[2],[3],[4],[5]]");
    struct arena arena;
    struct err err = ERR_INIT;
    float *f32 = NULL;
    double *f64 = NULL;
    int32_t *i32 = NULL;
    int64_t *i64 = NULL;
    uint8_t *u8 = NULL;
    size_t count = 0;

    (void)state;
    arena_init(&arena, 1 << 20);
    next_ok(&reader, JSON_ARRAY_BEGIN);
    assert_int_equal(json_read_f32(&reader.source, &arena, 1, &f32, &count, &err), 0);
    assert_int_equal(json_read_f64(&reader.source, &arena, 1, &f64, &count, &err), 0);
    assert_int_equal(json_read_i32(&reader.source, &arena, 1, &i32, &count, &err), 0);
    assert_int_equal(json_read_i64(&reader.source, &arena, 1, &i64, &count, &err), 0);
    assert_int_equal(json_read_u8(&reader.source, &arena, 1, &u8, &count, &err), 0);
    assert_int_equal(count, 1);
    assert_true(f32 && f64 && i32 && i64 && u8);
    assert_true(*f32 == 1.0f && *f64 == 2.0 && *i32 == 3 && *i64 == 4 && *u8 == 5);
    arena_fini(&arena);
}

/* 1 + 2^-24 + 2^-60: as a double it is exactly between two floats, and would round to even, down.
 */
static void test_read_rounds_once(void **state)
{
    struct json_reader reader = reader_of("[1.00000005960464477625988]");
    struct arena arena;
    const float *values;

    (void)state;
    arena_init(&arena, 1 << 20);
    values = read_ok(&reader, &arena, JSON_F32, 1);
    assert_true(values[0] == 1.0f + 0x1p-23f);
    arena_fini(&arena);
}

static void check_read_error(const char *text, enum json_element element, enum err_kind kind,
                             const char *error)
{
    struct json_reader reader = reader_of(text);
    struct arena arena;
    struct err err = ERR_INIT;
    size_t count = 0;
    void *array;

    arena_init(&arena, 7000);
    if (reader.source.ops->read(&reader.source, element, 1000, &arena, &array, &count, &err) == 0)
        fail_msg("accepted: %s", text);
    assert_int_equal(err.kind, kind);
    assert_string_equal(err.text, error);
    arena_fini(&arena);
}

static void test_read_errors(void **state)
{
    char zeros[1 + 2 * 1001 + 1] = "[0";

    (void)state;
    check_read_error("{}", JSON_F32, ERR_INPUT,
                     "offset 0: the value must be an array, not an object");
    check_read_error("[1,2", JSON_F32, ERR_INPUT,
                     "offset 4: the text ends in the middle of a value");
    check_read_error("[1,\"2\"]", JSON_F32, ERR_INPUT,
                     "offset 3: element 1 is not a number in range");
    check_read_error("[1,null]", JSON_F32, ERR_INPUT,
                     "offset 3: element 1, 'null', is not a number in range");
    check_read_error("[true]", JSON_F32, ERR_INPUT,
                     "offset 1: element 0, 'true', is not a number in range");
    check_read_error("[1,]", JSON_I32, ERR_INPUT, "offset 3: element 1 is not a number in range");
    check_read_error("[[1]]", JSON_I32, ERR_INPUT, "offset 1: element 0 is not a number in range");
    check_read_error("[1 2]", JSON_I32, ERR_INPUT, "offset 3: ',' or ']' must come here");
    check_read_error("[2147483648]", JSON_I32, ERR_INPUT,
                     "offset 1: element 0, '2147483648', is not a number in range");
    check_read_error("[1.5]", JSON_I32, ERR_INPUT,
                     "offset 1: element 0, '1.5', is not a number in range");
    check_read_error("[256]", JSON_U8, ERR_INPUT,
                     "offset 1: element 0, '256', is not a number in range");
    check_read_error("[-1]", JSON_U8, ERR_INPUT,
                     "offset 1: element 0, '-1', is not a number in range");
    check_read_error("[1e19]", JSON_I64, ERR_INPUT,
                     "offset 1: element 0, '1e19', is not a number in range");
    for (size_t i = 0; i < 1000; i++)
        memcpy(zeros + 2 + 2 * i, ",0", 2);
    memcpy(zeros + 2002, "]", 2);
    check_read_error(zeros, JSON_U8, ERR_INPUT,
                     "offset 1: an array of 1001 numbers where at most 1000 may be");
    memmove(zeros + 1, zeros + 3, strlen(zeros + 3) + 1);
    check_read_error(zeros, JSON_F64, ERR_LIMIT,
                     "offset 1: more memory is needed than the 7000 bytes that are allowed "
                     "(an array of numbers)");
}

static void check_text(const char *quoted, const char *text)
{
    struct json_reader reader = reader_of(quoted);
    struct json_event event = next_ok(&reader, JSON_STRING);
    struct arena arena;

    arena_init(&arena, 1 << 20);
    assert_string_equal(json_text(&event, &arena), text);
    arena_fini(&arena);
}

static void test_text(void **state)
{
    (void)state;
    check_text("\"\"", "");
    check_text("\"plain\"", "plain");
    check_text("\"\\n\\r\\t\\\"\\\\n\\/\"", "\n\r\t\"\\n/");
    check_text("\"a\\u0041\"", "a\\u0041");
    check_text("\"\xc3\xa4\"", "\xc3\xa4");
}

static void test_expect(void **state)
{
    struct json_reader reader = reader_of("[1]");
    struct err err = ERR_INIT;
    struct json_event event;

    (void)state;
    assert_int_equal(json_expect(&reader.source, JSON_OBJECT_BEGIN, "learner", &event, &err), -1);
    assert_string_equal(err.text, "offset 0: learner must be an object, not an array");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_nul),
        cmocka_unit_test(test_strict),
        cmocka_unit_test(test_text_is),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_base_offset),
        cmocka_unit_test(test_skip),
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_read_rounds_once),
        cmocka_unit_test(test_read_wrappers),
        cmocka_unit_test(test_read_errors),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_expect),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
