#include <string.h>

#include "base/json.h"
#include "tests/unit/unit.h"

static void test_document(void **state)
{
    static const char expected[] = "{\n  \"b\": 1,\n  \"a\": [\n    \"x\\\"\",\n    {}\n  ],\n"
                                   "  \"n\": null,\n  \"t\": true,\n  \"bad\": \"a?\"\n}\n";
    struct json_doc *document = json_doc_object();
    struct json_doc *array = json_doc_array();
    struct buffer out;

    (void)state;
    buffer_init(&out, 1000);
    json_doc_set_integer(document, "b", 1);
    json_doc_add_text(array, "x\"");
    json_doc_add(array, json_doc_object());
    json_doc_set(document, "a", array);
    json_doc_set_text(document, "n", NULL);
    json_doc_set_bool(document, "t", true);
    json_doc_set_text(document, "bad", "a\xff");
    assert_int_equal(json_doc_print(document, &out), 0);
    assert_int_equal(out.size, strlen(expected));
    assert_memory_equal(out.data, expected, out.size);
    buffer_fini(&out);
}

static void test_no_room(void **state)
{
    struct json_doc *document = json_doc_object();
    struct buffer out;

    (void)state;
    buffer_init(&out, 10);
    json_doc_set_text(document, "key", "a text that is longer than the buffer");
    assert_int_equal(json_doc_print(document, &out), -1);
    assert_int_equal(json_doc_print(NULL, &out), -1);
    buffer_fini(&out);
}

static void test_reading(void **state)
{
    static const char text[] =
        "{\"a\": 7, \"t\": \"x\\u00e9\", \"b\": true, \"n\": null, \"r\": 1.5,"
        " \"l\": [], \"o\": {}, \"a\": 8}";
    struct json_doc *document = NULL;
    struct err err = ERR_INIT;
    struct bytes value;
    int64_t number = 0;
    bool yes = false;

    (void)state;
    assert_int_equal(json_doc_parse(bytes_text(text), 1000, &document, &err), 0);
    assert_true(json_doc_get_integer(document, "a", &number));
    assert_int_equal(number, 8);
    assert_true(json_doc_get_text(document, "t", &value));
    assert_true(bytes_is(value, "x\xc3\xa9"));
    assert_true(json_doc_get_bool(document, "b", &yes));
    assert_true(yes);
    assert_int_equal(json_doc_kind(document, "n"), JSON_DOC_NULL);
    assert_int_equal(json_doc_kind(document, "r"), JSON_DOC_REAL);
    assert_int_equal(json_doc_kind(document, "l"), JSON_DOC_ARRAY);
    assert_int_equal(json_doc_kind(document, "o"), JSON_DOC_OBJECT);
    assert_int_equal(json_doc_kind(document, "z"), JSON_DOC_ABSENT);
    assert_false(json_doc_get_integer(document, "r", &number));
    assert_false(json_doc_get_text(document, "a", &value));
    assert_false(json_doc_get_bool(document, "z", &yes));
    assert_non_null(json_doc_get_object(document, "o"));
    assert_null(json_doc_get_object(document, "l"));
    assert_null(json_doc_get_object(document, "z"));
    assert_null(json_doc_get_object(json_doc_get_object(document, "o"), "z"));
    json_doc_free(document);
    json_doc_free(NULL);
}

static void test_reading_what_is_none(void **state)
{
    static const char *const texts[] = {
        "", "{", "7", "{} x", "{\"a\":}", "[\"\xff\"]", "{\"a\": \"\\u0000\"}"};
    struct json_doc *document = NULL;

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        struct err err = ERR_INIT;

        assert_int_equal(json_doc_parse(bytes_text(texts[i]), 1000, &document, &err), -1);
        assert_int_equal(err.kind, ERR_INPUT);
        assert_int_equal(strncmp(err.text, "offset ", 7), 0);
        for (const char *p = err.text; *p; p++)
            assert_in_range(*p, 0x20, 0x7e);
    }
    struct err err = ERR_INIT;
    assert_int_equal(json_doc_parse(bytes_text("[1, 2]"), 5, &document, &err), -1);
    assert_int_equal(err.kind, ERR_LIMIT);
    assert_null(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_document),
        cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_reading),
        cmocka_unit_test(test_reading_what_is_none),
    };

    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
