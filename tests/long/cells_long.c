/*
 * Cells of a text on every level of the processor, over as many random ones as there is time for.
 *
 *   cells_long [COUNT [SEED]]   (default 100,000,000 cells and 1)
 *
 * About 1 us each.
 */
#include <inttypes.h>

#include "tests/cells_check.h"

#define CELLS 1000

/* Up to 32 digits with a point anywhere, now and then next to the midpoint of two floats */
static char *put_digits(struct check_random *random, char *p)
{
    uint64_t word = check_next(random);
    int digits = 1 + (int)(word % 32), point = (int)(word >> 8) % 40;
    char text[64];

    if (word >> 20 & 1)
        *p++ = '-';
    if (word >> 21 & 1) {
        uint32_t bits = (uint32_t)check_next(random) % (70u << 23) + (90u << 23);
        float below;

        memcpy(&below, &bits, sizeof(below));
        snprintf(text, sizeof(text), "%.*f", 12 + (int)(word >> 22 & 15),
                 ((double)below + (double)nextafterf(below, INFINITY)) / 2);
        p = stpcpy(p, text);
        p[-1] = (char)(p[-1] + (p[-1] < '9' && (word >> 30 & 1)));
        return p;
    }
    for (int i = 0; i < digits; i++) {
        if (i == point)
            *p++ = '.';
        *p++ = (char)('0' + check_next(random) % 10);
    }
    return p;
}

static size_t make_text(struct check_random *random, char *out, size_t columns)
{
    bool odd_too = check_next(random) % 4 == 0, uniform = check_next(random) % 2;
    char *p = out;

    for (size_t i = 0; i < CELLS; i++) {
        if (uniform) {
            p = put_digits(random, p);
        } else {
            check_random_cell(random, p, odd_too);
            p += strlen(p);
        }
        *p++ = (i + 1) % columns ? ',' : '\n';
    }
    return (size_t)(p - out) - 1;
}

int main(int argc, char **argv)
{
    uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 100000000;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1, failures = 0;
    struct check_random random = {seed * 0x9e3779b97f4a7c15u | 1};
    static char data[CELLS * 100];
    static float values[CELLS];

    for (uint64_t done = 0; done < count && failures < 100; done += CELLS) {
        struct check_text text = {
            .data = data, .columns = 1 + check_next(&random) % 50, .delimiter = ','};

        text.size = make_text(&random, data, text.columns);
        for (int level = 0; level <= CPU_VBMI && cpu_limit((enum cpu_level)level); level++) {
            size_t bad = check_cells(&text, CELLS, values);

            if (bad == SIZE_MAX)
                continue;
            failures++;
            printf("%s: %.40s\n", cpu_level_name((enum cpu_level)level), data + bad);
        }
    }
    printf("%" PRIu64 " cells, seed %" PRIu64 ": %" PRIu64 " failures\n", count, seed, failures);
    return failures != 0;
}
