#include <string.h>

#include "base/memory.h"
#include "tests/unit/unit.h"

static void test_products_that_overflow_are_refused(void **state)
{
    (void)state;
    assert_null(mem_alloc(SIZE_MAX / 2, 3));
    assert_null(mem_zero(SIZE_MAX / 2, 3));
    assert_null(mem_resize(NULL, SIZE_MAX / 2, 3));
}

static void test_arena_aligns_and_clears(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 1 << 20);
    for (size_t i = 1; i < 200; i++) {
        unsigned char *p = arena_zero(&arena, i, 3);

        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t k = 0; k < i * 3; k++)
            assert_int_equal(p[k], 0);
        memset(p, 0xff, i * 3);
    }
    assert_string_equal(arena_text(&arena, "abcdef", 3), "abc");
    arena_fini(&arena);
}

static void test_arena_keeps_its_cap(void **state)
{
    struct arena arena;
    size_t got = 0;

    (void)state;
    arena_init(&arena, 100000);
    while (arena_alloc(&arena, 100, 1))
        got += 100;
    assert_true(got > 80000 && got <= 100000);
    assert_true(arena.used <= 100000);
    assert_null(arena_alloc(&arena, SIZE_MAX, 1));
    assert_null(arena_alloc(&arena, SIZE_MAX / 2, 4));
    assert_null(arena_text(&arena, "x", SIZE_MAX));
    arena_fini(&arena);
    assert_int_equal(arena.used, 0);
    assert_non_null(arena_alloc(&arena, 100, 1));
    arena_fini(&arena);
}

static void test_arena_takes_one_large_block_within_the_cap(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 10000);
    assert_non_null(arena_alloc(&arena, 9000, 1));
    assert_null(arena_alloc(&arena, 9000, 1));
    arena_fini(&arena);
}

static void test_buffer_stops_at_its_max(void **state)
{
    struct buffer buffer;

    (void)state;
    buffer_init(&buffer, 1000);
    for (int i = 0; i < 100; i++)
        assert_int_equal(buffer_append(&buffer, "0123456789", 10), 0);
    assert_int_equal(buffer.size, 1000);
    assert_int_equal(buffer_append(&buffer, "x", 1), -1);
    assert_int_equal(buffer.size, 1000);
    assert_memory_equal(buffer.data + 990, "0123456789", 10);
    assert_int_equal(buffer_reserve(&buffer, SIZE_MAX), -1);
    buffer_clear(&buffer);
    assert_int_equal(buffer_print(&buffer, "%d-%s", 7, "x"), 0);
    assert_int_equal(buffer.size, 3);
    assert_memory_equal(buffer.data, "7-x", 3);
    buffer_fini(&buffer);
    buffer_fini(&buffer);
}

static void test_failure_at_a_chosen_allocation(void **state)
{
    void *first;
    void *third;

    (void)state;
    mem_fail_at(2);
    first = mem_alloc(1, 1);
    assert_non_null(first);
    assert_null(mem_alloc(1, 1));
    third = mem_alloc(1, 1);
    assert_non_null(third);
    free(first);
    free(third);
    mem_fail_at(0);
}

/* Agrees to what is left of a budget of 10000 bytes. */
static bool ask(struct mem_meter *meter, uint64_t more)
{
    uint64_t *left = meter->self;

    if (more > *left)
        return false;
    *left -= more;
    meter->granted += more;
    return true;
}

static void test_meter(void **state)
{
    uint64_t left = 10000;
    struct mem_meter meter = {.ask = ask, .self = &left};
    struct buffer buffer;
    struct arena arena;
    void *before;
    void *block;

    (void)state;
    before = mem_alloc(1, 100);
    mem_meter_set(&meter);
    block = mem_alloc(10, 100);
    assert_non_null(block);
    assert_in_range(meter.held, 1000, 1200);
    block = mem_resize(block, 20, 100);
    assert_non_null(block);
    assert_in_range(meter.held, 2000, 2200);
    buffer_init(&buffer, 100000);
    assert_int_equal(buffer_reserve(&buffer, 3000), 0);
    arena_init(&arena, 100000);
    assert_non_null(arena_alloc(&arena, 1, 10));
    assert_in_range(meter.held, 5000 + 4096, 10000);
    /* no more: nothing changes */
    assert_false(meter.refused);
    assert_null(mem_alloc(1, 5000));
    assert_null(mem_zero(50, 100));
    assert_null(mem_resize(block, 9000, 1));
    assert_int_equal(buffer_reserve(&buffer, 9000), -1);
    assert_true(meter.refused);
    assert_true(meter.held <= meter.granted && meter.granted <= 10000);
    arena_fini(&arena);
    buffer_fini(&buffer);
    mem_release(block);
    assert_int_equal(meter.held, 0);
    mem_release(before); /* of before the meter: no less than nothing is held */
    assert_int_equal(meter.held, 0);
    mem_meter_set(NULL);
    block = mem_alloc(1, 50000);
    assert_non_null(block);
    assert_int_equal(meter.held, 0);
    mem_release(block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products_that_overflow_are_refused),
        cmocka_unit_test(test_arena_aligns_and_clears),
        cmocka_unit_test(test_arena_keeps_its_cap),
        cmocka_unit_test(test_arena_takes_one_large_block_within_the_cap),
        cmocka_unit_test(test_buffer_stops_at_its_max),
        cmocka_unit_test(test_failure_at_a_chosen_allocation),
        cmocka_unit_test(test_meter),
    };

    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
