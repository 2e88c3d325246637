/*
 * Counting, on every level, against a loop.
 */

#include "base/text_tally.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "base/cpu.h"
#include "tests/number_check.h"

static void check(const uint8_t *text, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1); /* so that a sanitizer sees a read beyond */
    struct text_tally expected = {.ascii = true};

    memcpy(copy, text, size);
    for (size_t i = 0; i < size; i++) {
        expected.first += text[i] == '\n';
        expected.second += text[i] == ',';
        expected.ascii &= text[i] < 0x80;
    }
    for (int level = 0; level <= CPU_VBMI && cpu_limit((enum cpu_level)level); level++) {
        struct text_tally tally = text_tally_of(bytes_of(copy, size), '\n', ',');

        assert_int_equal(tally.first, expected.first);
        assert_int_equal(tally.second, expected.second);
        assert_int_equal(tally.ascii, expected.ascii);
    }
    free(copy);
}

static void every_size(void **state)
{
    struct check_random random = {13};
    uint8_t text[700] = {0};

    (void)state;
    for (size_t size = 0; size < sizeof(text); size++) {
        for (size_t i = 0; i < size; i++)
            text[i] = (uint8_t) "\n,,0"[check_next(&random) % 4];
        check(text, size);
        if (size) {
            text[check_next(&random) % size] = (uint8_t)(0x80 | check_next(&random));
            check(text, size);
        }
    }
}

/* More of one byte than a byte can count */
static void large_texts(void **state)
{
    size_t size = 100000;
    uint8_t *text = malloc(size);

    (void)state;
    memset(text, ',', size);
    check(text, size);
    memset(text, '\n', size);
    check(text, size - 1);
    text[size - 2] = 0xff;
    check(text, size - 1);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size),
        cmocka_unit_test(large_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
