#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "tests/unit/unit.h"

static void test_first_error_wins(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(err_set(&err, ERR_INPUT, "row %d is bad", 3), -1);
    assert_int_equal(err_set(&err, ERR_MEMORY, "later"), -1);
    assert_int_equal(err.kind, ERR_INPUT);
    assert_string_equal(err.text, "row 3 is bad");
}

static void test_wrap_adds_context(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    err_wrap(&err, "nothing is wrong yet");
    assert_int_equal(err.kind, ERR_NONE);
    err_system(&err, ENOENT, "cannot open '%s'", "x");
    err_wrap(&err, "model '%s'", "m");
    assert_int_equal(err.kind, ERR_SYSTEM);
    assert_string_equal(err.text, "model 'm': cannot open 'x': No such file or directory");
}

static void test_long_texts_are_cut(void **state)
{
    struct err err = ERR_INIT;
    char text[2000];

    (void)state;
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    err_set(&err, ERR_INPUT, "%s", text);
    assert_int_equal(strlen(err.text), ERR_TEXT_SIZE - 1);
    assert_string_equal(err.text + ERR_TEXT_SIZE - 4, "...");
    err_wrap(&err, "%s", text);
    assert_int_equal(strlen(err.text), ERR_TEXT_SIZE - 1);
}

static void test_quote(void **state)
{
    char out[16];

    (void)state;
    assert_string_equal(err_quote(out, sizeof(out), "a\0\xff", 3), "'a\\x00\\xff'");
    assert_string_equal(err_quote(out, sizeof(out), "abcdefghijk", 11), "'abcdefghij...'");
    assert_string_equal(err_quote(out, sizeof(out), "", 0), "''");
    for (size_t n = 0; n < 40; n++) {
        memset(out, 'x', sizeof(out));
        err_quote(out, sizeof(out),
                  "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n",
                  n);
        assert_true(strlen(out) < sizeof(out));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_error_wins),
        cmocka_unit_test(test_wrap_adds_context),
        cmocka_unit_test(test_long_texts_are_cut),
        cmocka_unit_test(test_quote),
    };

    return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
