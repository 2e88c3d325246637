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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_document),
        cmocka_unit_test(test_no_room),
    };

    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
