#include "base/bytes.h"
#include "tests/unit/unit.h"

static void test_cursor_never_passes_its_end(void **state)
{
    static const uint8_t data[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    struct cursor c = cursor_of(bytes_of(data, sizeof(data)));
    struct bytes taken;
    uint32_t word = 0;
    uint64_t wide = 0;
    uint8_t byte = 0;

    (void)state;
    assert_true(cursor_le64(&c, &wide));
    assert_true(wide == 0x0807060504030201u);
    assert_false(cursor_le32(&c, &word));
    assert_false(cursor_take(&c, 2, &taken));
    assert_int_equal(cursor_offset(&c), 8);
    assert_true(cursor_u8(&c, &byte));
    assert_int_equal(byte, 9);
    assert_false(cursor_u8(&c, &byte));
    assert_false(cursor_skip(&c, SIZE_MAX));
    assert_true(cursor_skip(&c, 0));
}

static void test_loads(void **state)
{
    static const uint8_t data[] = {0x3f, 0xf0, 0, 0, 0, 0, 0, 0};

    (void)state;
    assert_int_equal(load_be16(data), 0x3ff0);
    assert_int_equal(load_le16(data), 0xf03f);
    assert_true(load_be_f64(data) == 1.0);
    assert_int_equal(load_be32(data), 0x3ff00000);
    assert_int_equal(load_le32(data), 0xf03f);
}

static void test_texts(void **state)
{
    (void)state;
    assert_true(bytes_is_nocase(bytes_text("Content-TYPE"), "content-type"));
    assert_false(bytes_is_nocase(bytes_text("Content-Typ"), "content-type"));
    assert_true(bytes_starts(bytes_text("binfxx"), "binf"));
    assert_false(bytes_starts(bytes_text("bin"), "binf"));
    assert_true(bytes_is(bytes_trim(bytes_text(" \t\r\n\v\fa b \n")), "a b"));
    assert_int_equal(bytes_trim(bytes_text(" \n ")).size, 0);
    assert_true(bytes_contains(bytes_text("abcdef"), "def"));
    assert_false(bytes_contains(bytes_head(bytes_text("abcdef"), 5), "def"));
    assert_false(bytes_contains(bytes_of(NULL, 0), "x"));
    assert_true(bytes_equal(bytes_of(NULL, 0), bytes_text("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cursor_never_passes_its_end),
        cmocka_unit_test(test_loads),
        cmocka_unit_test(test_texts),
    };

    return cmocka_run_group_tests_name("bytes", tests, NULL, NULL);
}
