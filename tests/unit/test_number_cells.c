/*
 * The cells of a text on every level that the processor has: each against strtod, and so against
 * each other.
 */

#include "tests/unit/unit.h"

#include <sys/mman.h>
#include <unistd.h>

#include "tests/cells_check.h"

/* Pages between two that may not be touched. */
#define ROOM ((size_t)1 << 18)

static char *room;
static float *values; /* ends where its room ends */

#define VALUES_MAX 5000

static char *guarded(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *memory = mmap(NULL, size + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    assert_true(memory != MAP_FAILED);
    assert_int_equal(mprotect(memory + page, size, PROT_READ | PROT_WRITE), 0);
    return memory + page;
}

static int setup(void **state)
{
    (void)state;
    if (!room) {
        room = guarded(ROOM);
        values = (float *)(void *)(guarded(ROOM) + ROOM);
    }
    return 0;
}

static void check_at(const struct check_text *text, size_t offset, size_t block)
{
    struct check_text moved = *text;
    size_t bad;

    memcpy(room + offset, text->data, text->size);
    moved.data = room + offset;
    bad = check_cells(&moved, block, values - block);
    if (bad != SIZE_MAX) {
        size_t before = bad < 100 ? bad : 100, rest = text->size - bad;

        fail_msg("%s, %zu columns of '%c', %zu at a time, at %zu of %zu: %.*s[here]%.*s",
                 cpu_level_name(cpu_level()), text->columns, text->delimiter, block, bad,
                 text->size, (int)before, text->data + bad - before, (int)(rest < 100 ? rest : 100),
                 text->data + bad);
    }
}

/* On every level; the text at the beginning and at the end of the room; blocks take turns. */
static void check(const char *data, size_t size, size_t columns, char delimiter)
{
    static const size_t blocks[] = {1, 16, 61, VALUES_MAX, VALUES_MAX};
    static size_t turn;
    struct check_text text = {data, size, columns, delimiter};

    for (int level = 0; cpu_limit((enum cpu_level)level); level += level ? 2 : 1) {
        check_at(&text, 0, blocks[turn++ % ARRAY_LENGTH(blocks)]);
        check_at(&text, ROOM - size, blocks[turn++ % ARRAY_LENGTH(blocks)]);
        if (level == CPU_VBMI)
            break;
    }
}

static void check_text(const char *text, size_t columns)
{
    check(text, strlen(text), columns, ',');
}

static void simple_texts(void **state)
{
    static const char *const texts[] = {
        "",
        "1",
        "1\n2\n3",
        "\n",
        "\n\n\n",
        ",",
        ",,\n,,",
        "1,2,3\n4,5,6",
        "1,2\n3,4\n",
        "-1,-0,-.5\n5.,.5,+1\n0,-0.0,00012",
        "1e5,1E-400,1e400\n1e-5,-1E+5,.1e1",
        "1\r\n2\r\n3\r\n",
        "1,2\r\n3,4\r",
        "1,\r\n2,\r\n",
        "\r\n\r\n",
        "\r",
        "1, 2, 3\n4, 5, -6",
        " 1,  2, 3\n , 5,6 ",
        "1,2\n3\n4,5",
        "1\n2,3\n4",
        "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17",
        "nan,1\n2,inf\nx,-",
        "-,1\n.,2\n-.,3\ne,4\n-e5,5",
        "1.5.2,1\n1-2,2\n--1,3\n+-1,4",
        "1e,1\n1e+,2\n1ee1,3\n1e1.5,4",
        "0x10,1\n1_0,2",
        "3.4028235e38,3.4028236e38\n1e39,-1e39",
        "1.000000059604644775390625,1.000000059604644775390624\n"
        "1.0000000596046447753906251,16777217\n16777217.000000000000000001,33554434.0",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        for (size_t columns = 1; columns <= 5; columns++)
            check_text(texts[i], columns);
    }
}

/* Every length of cells, and with them every position of ends and points in a chunk. */
static void every_position(void **state)
{
    char text[1000];

    (void)state;
    for (int before = 0; before < 140; before++) {
        int n = snprintf(text, sizeof(text),
                         "%0*d\n-1.25,,3\r\n, 4.5,6e1\nx,-12345.678901234567,\n", before + 1, 7);

        check(text, (size_t)n, 1, ',');
        check(strchr(text, '\n') + 1, strlen(text) - (size_t)before - 2, 3, ',');
        memmove(text + before, strchr(text, '\n') + 1, strlen(text) - (size_t)before - 1);
        for (int i = 0; i < before; i++)
            text[i] = "1,2,3\n"[i % 6];
        check_text(text, 3);
    }
    for (int digits = 1; digits < 45; digits++) {
        for (int point = -1; point <= digits; point++) {
            char *p = text;

            for (int repeat = 0; repeat < 3; repeat++) {
                *p++ = '-';
                for (int i = 0; i < digits; i++) {
                    if (i == point)
                        *p++ = '.';
                    *p++ = (char)('0' + (i * 7 + repeat + point) % 10);
                }
                if (point == digits)
                    *p++ = '.';
                *p++ = ',';
            }
            check(text, (size_t)(p - text), 4, ',');
        }
    }
}

/* A rectangle of simple cells. */
static size_t make_rectangle(char *out, size_t rows, size_t columns, const char *line_end)
{
    char *p = out;

    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < columns; c++)
            p += sprintf(p, "%s%zu.%zu", c ? "," : "", r, c);
        p = stpcpy(p, r + 1 < rows ? line_end : "");
    }
    return (size_t)(p - out);
}

/* A line of another length, and a cell of another kind, at every place. */
static void every_fault(void **state)
{
    static const char *const odd[] = {"x", " ", "", "1\r", "1,2", "1\n2"};
    static char text[20000], other[20000];

    (void)state;
    for (size_t columns = 1; columns < 20; columns += columns < 4 ? 1 : 7) {
        size_t size = make_rectangle(text, 14, columns, columns % 2 ? "\n" : "\r\n");

        for (const char *p = text; p < text + size;
             p = strpbrk(p, ",\n"), p = p ? p + 1 : text + size) {
            size_t rest = strcspn(p, ",\r\n");

            for (size_t i = 0; i < ARRAY_LENGTH(odd); i++) {
                int n = sprintf(other, "%.*s%s%s", (int)(p - text), text, odd[i], p + rest);

                check(other, (size_t)n, columns, ',');
            }
        }
    }
}

/* Pieces end anywhere in a cell, an exponent, or a line end. */
static void long_texts(void **state)
{
    static char text[ROOM];

    (void)state;
    for (size_t columns = 1; columns < 300; columns = columns * 3 + 1) {
        size_t size = make_rectangle(text, 4000 / columns, columns, "\r\n");

        check(text, size, columns, ',');
        for (size_t i = 0; i < size; i++) {
            if (text[i] == ',' && i % 3 == 0)
                text[i - 1] = 'e';
        }
        check(text, size, columns, ',');
    }
    /* cells that are longer than a piece, after every beginning */
    for (size_t before = 0; before < 70; before++) {
        char *p = text;

        for (size_t i = 0; i < before; i++)
            p = stpcpy(p, "1,");
        p += sprintf(p, "%01100d,%0*d\n%s", 5, 1000 + (int)before, 6, "7,8,9\n1,2,3");
        check(text, (size_t)(p - text), before + 2, ',');
        memset(text, 'x', 5000);
        text[5000] = ',';
        text[5001] = '1';
        check(text, 5002, 2, ',');
    }
    memset(text, ',', 5000);
    check(text, 4999, 5000, ',');
    memset(text, '\n', 5000);
    check(text, 4999, 1, ',');
}

static void other_delimiters(void **state)
{
    static const char delimiters[] = {'\t', ';', ' ', ':', '|', '\r', '\0', '_', 'x', '"', '~'};
    char text[200];

    (void)state;
    for (size_t i = 0; i < sizeof(delimiters); i++) {
        static const char body[] = "1,2.5,-3\n,,\r\n4, 5,6\r\n7,8e1,9\n, ,x\n1_0,\"2\",3\r\n";

        for (size_t j = 0; j < sizeof(body); j++)
            text[j] = body[j];
        for (size_t j = 0; j < sizeof(body); j++) {
            if (text[j] == ',')
                text[j] = delimiters[i];
        }
        check(text, sizeof(body) - 1, 3, delimiters[i]);
    }
}

static size_t random_text(struct check_random *random, char *out, size_t columns, char delimiter)
{
    uint64_t word = check_next(random);
    size_t cells = word % 900;
    const char *line_end = word >> 32 & 3 ? "\n" : "\r\n";
    bool uniform = word >> 34 & 1;
    struct check_random same = {check_next(random) | 1};
    char *p = out;

    for (size_t i = 0; i < cells; i++) {
        struct check_random again = same;
        char cell[100];

        if (i)
            p = i % columns ? (*p = delimiter, p + 1) : stpcpy(p, line_end);
        if ((word >> 40 & 3) == 0 && check_next(random) % 200 == 0)
            *p++ = check_next(random) & 1 ? delimiter : '\n'; /* ragged */
        check_random_cell(uniform ? &again : random, cell, word >> 35 & 1);
        if (!strchr(cell, delimiter))
            p = stpcpy(p, cell);
    }
    return (size_t)(p - out);
}

static void random_texts(void **state)
{
    struct check_random random = {11};
    static char text[ROOM];

    (void)state;
    for (int i = 0; i < 1000; i++) {
        size_t columns = 1 + check_next(&random) % (i % 2 ? 8 : 200);
        char delimiter = ",;\t "[check_next(&random) % 4];

        check(text, random_text(&random, text, columns, delimiter), columns, delimiter);
    }
}

/* Bytes of those kinds that mean something, in any order. */
static void random_bytes(void **state)
{
    struct check_random random = {12};
    char text[700];

    (void)state;
    for (int i = 0; i < 10000; i++) {
        static const char *const alphabets[] = {"0123456789.,\n", "12,\n",  "1.,-\n", "1e-+.,\n \r",
                                                ",\n\r ",         "5,\r\n", " 5,-."};
        const char *alphabet = alphabets[check_next(&random) % ARRAY_LENGTH(alphabets)];
        size_t size = check_next(&random) % sizeof(text), kinds = strlen(alphabet);

        for (size_t j = 0; j < size; j++)
            text[j] = alphabet[check_next(&random) % kinds];
        check(text, size, 1 + check_next(&random) % 3, ',');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(simple_texts),     cmocka_unit_test(every_position),
        cmocka_unit_test(every_fault),      cmocka_unit_test(long_texts),
        cmocka_unit_test(other_delimiters), cmocka_unit_test(random_texts),
        cmocka_unit_test(random_bytes),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
