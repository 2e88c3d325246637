/*
 * What the processor can do, and less of it on demand.
 */

#include "base/cpu.h"
#include "tests/unit/unit.h"

static const char *const names[] = {"baseline", "avx2", "avx512", "vbmi"};

static void test_names(void **state)
{
    enum cpu_level level = CPU_VBMI;

    (void)state;
    for (unsigned i = 0; i < ARRAY_LENGTH(names); i++) {
        assert_true(cpu_level_find(names[i], &level));
        assert_int_equal(level, i);
        assert_string_equal(cpu_level_name(level), names[i]);
    }
    assert_false(cpu_level_find("avx", &level));
    assert_false(cpu_level_find("", &level));
    assert_int_equal(level, CPU_VBMI); /* the last one found */
}

/* Every level up to the processor's can be had, none above it; a limit can be raised again. */
static void test_limits(void **state)
{
    enum cpu_level most = cpu_level();

    (void)state;
    for (unsigned i = 0; i < ARRAY_LENGTH(names); i++) {
        bool has = i <= (unsigned)most;

        assert_int_equal(cpu_limit((enum cpu_level)i), has);
        assert_int_equal(cpu_level(), has ? i : (unsigned)most);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
