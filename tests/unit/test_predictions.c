/* Predictions that grow block by block, and the scratch memory of a thread. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "algorithms/predictions.h"
#include "algorithms/scorer.h"
#include "base/memory.h"

static void test_rows_are_appended(void **state)
{
    struct predictions p;
    struct err err = ERR_INIT;
    float *at;

    (void)state;
    predictions_init(&p);
    for (size_t block = 0; block < 100; block++) {
        at = predictions_extend(&p, block, 3, &err);
        assert_non_null(at);
        for (size_t i = 0; i < block * 3; i++)
            at[i] = (float)block;
    }
    assert_int_equal(p.rows, 99 * 100 / 2);
    assert_int_equal(p.columns, 3);
    for (size_t block = 0, row = 0; block < 100; block++) {
        for (size_t i = 0; i < block; i++, row++)
            assert_true(p.values[row * 3] == (float)block && p.values[row * 3 + 2] == (float)block);
    }
    predictions_fini(&p);
}

static void test_memory_is_reused(void **state)
{
    struct predictions p;
    struct err err = ERR_INIT;

    (void)state;
    predictions_init(&p);
    assert_non_null(predictions_extend(&p, 1000, 2, &err));
    predictions_clear(&p);
    assert_int_equal(p.rows, 0);
    mem_fail_at(1); /* would fail if it allocated */
    assert_ptr_equal(predictions_extend(&p, 500, 4, &err), p.values);
    mem_fail_at(0);
    assert_int_equal(p.columns, 4);
    predictions_fini(&p);
    assert_null(p.values);
}

static void test_columns_may_not_change(void **state)
{
    struct predictions p;
    struct err err = ERR_INIT;

    (void)state;
    predictions_init(&p);
    assert_non_null(predictions_extend(&p, 0, 5, &err));
    assert_non_null(predictions_extend(&p, 2, 3, &err)); /* there were no rows */
    assert_null(predictions_extend(&p, 1, 4, &err));
    assert_int_equal(p.rows, 2);
    assert_int_equal(p.columns, 3);
    predictions_fini(&p);
}

static void test_too_much(void **state)
{
    struct predictions p;
    struct err err = ERR_INIT;

    (void)state;
    predictions_init(&p);
    assert_non_null(predictions_extend(&p, 1, 2, &err));
    assert_null(predictions_extend(&p, SIZE_MAX / 2, 2, &err));
    assert_int_equal(err.kind, ERR_MEMORY);
    err_clear(&err);
    assert_null(predictions_extend(&p, SIZE_MAX, 2, &err));
    assert_int_equal(err.kind, ERR_MEMORY);
    err_clear(&err);
    mem_fail_at(1);
    assert_null(predictions_extend(&p, 1000, 2, &err));
    mem_fail_at(0);
    assert_int_equal(err.kind, ERR_MEMORY);
    assert_int_equal(p.rows, 1);
    predictions_fini(&p);
}

static void test_scratch(void **state)
{
    struct scratch scratch;
    struct err err = ERR_INIT;
    void *memory;

    (void)state;
    scratch_init(&scratch);
    assert_non_null(scratch_get(&scratch, 0, &err));
    for (size_t size = 1; size < 100000; size = size * 3 + 1) {
        memory = scratch_get(&scratch, size, &err);
        assert_non_null(memory);
        assert_int_equal((uintptr_t)memory % 64, 0);
        ((char *)memory)[0] = 1;
        ((char *)memory)[size - 1] = 1;
    }
    mem_fail_at(1); /* what it has is enough */
    assert_ptr_equal(scratch_get(&scratch, 10, &err), memory);
    assert_null(scratch_get(&scratch, 1000000, &err));
    mem_fail_at(0);
    assert_int_equal(err.kind, ERR_MEMORY);
    err_clear(&err);
    assert_null(scratch_get(&scratch, SIZE_MAX, &err));
    assert_int_equal(err.kind, ERR_MEMORY);
    err_clear(&err);
    assert_non_null(scratch_get(&scratch, 10, &err)); /* and goes on working */
    scratch_fini(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_appended),
        cmocka_unit_test(test_memory_is_reused),
        cmocka_unit_test(test_columns_may_not_change),
        cmocka_unit_test(test_too_much),
        cmocka_unit_test(test_scratch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
