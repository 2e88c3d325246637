#include "models/profile.h"
#include "tests/unit/unit.h"

static const struct profile *written_by(int major, int minor)
{
    struct xgb_model model = {.version = {.known = major > 0, .major = major, .minor = minor}};

    return profile_for(&model);
}

static void test_auto_follows_the_writer(void **state)
{
    (void)state;
    assert_string_equal(written_by(0, 0)->name, "0.90-2");
    assert_string_equal(written_by(1, 0)->name, "1.0-1");
    assert_string_equal(written_by(1, 1)->name, "1.0-1");
    assert_string_equal(written_by(1, 2)->name, "1.2-1");
    assert_string_equal(written_by(1, 3)->name, "1.3-1");
    assert_string_equal(written_by(1, 4)->name, "1.3-1");
    assert_string_equal(written_by(1, 5)->name, "1.5-1");
    assert_string_equal(written_by(1, 6)->name, "1.5-1");
    assert_string_equal(written_by(1, 7)->name, "1.7-1");
    assert_string_equal(written_by(2, 0)->name, "3.0-5");
    assert_string_equal(written_by(3, 0)->name, "3.0-5");
    assert_string_equal(written_by(3, 1)->name, "3.2-0");
    assert_string_equal(written_by(4, 0)->name, "3.2-0");
}

static void test_names(void **state)
{
    (void)state;
    assert_null(profile_find("auto"));
    assert_null(profile_find("3.0"));
    assert_true(profile_find("3.2-0")->libsvm_shift);
    assert_false(profile_find("3.0-5")->libsvm_shift);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_auto_follows_the_writer),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests_name("profile", tests, NULL, NULL);
}
