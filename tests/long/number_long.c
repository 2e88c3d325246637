/*
 * Reading and printing of numbers over as many random ones as there is time for.
 *
 *   number_long [COUNT [SEED]]   (default 100,000,000 and 1)
 *
 * checks COUNT doubles: printed in the fewest digits that read back, the closest of these, in
 * Python's layout; and as many texts: read as strtod and strtof read them. About 2 us each.
 *
 *   number_long answer
 *
 * is for number_python.py: each line of the standard input is a letter and a text, each line of the
 * standard output the answer.
 *
 *   p HEX    the double with these bits, printed
 *   j HEX    the same, as JSON
 *   f TEXT   the bits of the double that float() reads, or "bad"
 *   i TEXT   the integer that int() reads, or "bad", or "large"
 *   c HEX    the classes of a code point: space, digit, printable
 *   u HEX    bytes: "ok", or where and why they are not UTF-8
 */
#include <inttypes.h>

#include "base/unicode.h"
#include "tests/number_check.h"

/* Digits of any number, a point anywhere, an exponent or none */
static void random_text(struct check_random *random, char *out)
{
    uint64_t word = check_next(random);
    int digits = 1 + (int)(word % (word >> 20 & 1 ? 20 : 40)), point = (int)(word >> 32) % 44;

    if (word >> 21 & 1)
        *out++ = '-';
    for (int i = 0; i < digits; i++) {
        if (i == point)
            *out++ = '.';
        *out++ = (char)('0' + check_next(random) % 10);
    }
    switch (word >> 22 & 3) {
    case 0:
        break;
    case 1:
        out += sprintf(out, "e%d", (int)(word >> 40 & 31) - 16);
        break;
    default:
        out += sprintf(out, "e%d", (int)((word >> 40) % 720) - 360);
    }
    *out = '\0';
}

/* A text close to a double, as programs print them */
static void near_text(struct check_random *random, char *out, double value)
{
    sprintf(out, "%.*e", (int)(check_next(random) % 24), value);
}

static int check(uint64_t count, uint64_t seed)
{
    struct check_random random = {seed * 0x9e3779b97f4a7c15u | 1};
    uint64_t failures = 0;
    char text[128];

    for (uint64_t i = 0; i < count; i++) {
        double value = check_random_double(&random);

        if (value > 0 || value < 0)
            failures += !check_prints_shortest(value);
        if (i % 2)
            random_text(&random, text);
        else
            near_text(&random, text, value);
        failures += !check_reads_as_library(text);
        if (failures > 100)
            break;
    }
    printf("%" PRIu64 " numbers, seed %" PRIu64 ": %" PRIu64 " failures\n", count, seed, failures);
    return failures != 0;
}

static void answer_number(char kind, const char *text)
{
    double value = check_double(strtoull(text, NULL, 16));
    char out[NUMBER_PRINT_MAX];
    size_t size = kind == 'p' ? number_print_double(out, value) : number_print_json(out, value);

    printf("%.*s\n", (int)size, out);
}

static void answer_float(const char *text, size_t size)
{
    double value;

    if (number_parse_python(text, size, &value) != NUMBER_OK)
        puts("bad");
    else
        printf("%016" PRIx64 "\n", isnan(value) ? check_bits((double)NAN) : check_bits(value));
}

static void answer_int(const char *text, size_t size)
{
    int64_t value;

    switch (number_parse_int(text, size, &value)) {
    case NUMBER_OK:
        printf("%" PRId64 "\n", value);
        break;
    case NUMBER_TOO_LARGE:
        puts("large");
        break;
    case NUMBER_BAD:
        puts("bad");
    }
}

static void answer_class(const char *text)
{
    uint32_t code = (uint32_t)strtoul(text, NULL, 16);

    printf("%d %d %d\n", unicode_is_space(code), unicode_digit(code), unicode_is_printable(code));
}

static void answer_utf8(const char *text)
{
    struct unicode_fault fault;
    size_t size = strlen(text) / 2;
    char *bytes = malloc(size ? size : 1);

    for (size_t i = 0; bytes && i < size; i++) {
        char pair[3] = {text[2 * i], text[2 * i + 1]};

        bytes[i] = (char)strtoul(pair, NULL, 16);
    }
    if (!bytes || unicode_check(bytes, size, &fault) == size)
        puts(bytes ? "ok" : "out of memory");
    else
        printf("%zu %zu %02x %s\n", fault.first, fault.last, fault.byte, fault.reason);
    free(bytes);
}

static int answer(void)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;

    while ((size = getline(&line, &capacity, stdin)) > 0) {
        const char *text = line + 2;

        if (line[size - 1] == '\n')
            line[--size] = '\0';
        if (size < 2)
            return 2;
        size -= 2;
        switch (line[0]) {
        case 'p':
        case 'j':
            answer_number(line[0], text);
            break;
        case 'f':
            answer_float(text, (size_t)size);
            break;
        case 'i':
            answer_int(text, (size_t)size);
            break;
        case 'c':
            answer_class(text);
            break;
        case 'u':
            answer_utf8(text);
            break;
        default:
            return 2;
        }
    }
    free(line);
    return 0;
}

int main(int argc, char **argv)
{
    uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 100000000;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;

    if (argc == 2 && strcmp(argv[1], "answer") == 0)
        return answer();
    if (argc > 3 || count == 0) {
        fprintf(stderr, "usage: number_long [COUNT [SEED]] | number_long answer\n");
        return 2;
    }
    return check(count, seed);
}
