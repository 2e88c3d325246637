#pragma once
/*
 * number_cells against a reader that is as simple as its contract: cells are found byte by byte,
 * numbers are read by strtod. For the unit test and the long one.
 */

#include <float.h>

#include "base/compiler.h"
#include "base/cpu.h"
#include "base/number_cells.h"
#include "tests/number_check.h"

#define CHECK_CELL_MAX 1200

/* A text, and what it should be read as. */
struct check_text {
    const char *data;
    size_t size;
    size_t columns;
    char delimiter;
};

/* The size of the number at text, by the grammar; 0 where there is none. */
static inline size_t check_number_size(const char *text, size_t size)
{
    size_t i = 0, digits = 0, n;

    i += i < size && (text[i] == '-' || text[i] == '+');
    for (; i < size && text[i] >= '0' && text[i] <= '9'; i++)
        digits++;
    i += i < size && text[i] == '.';
    for (; i < size && text[i] >= '0' && text[i] <= '9'; i++)
        digits++;
    if (!digits)
        return 0;
    if (i == size || (text[i] != 'e' && text[i] != 'E'))
        return i;
    n = i + 1;
    n += n < size && (text[n] == '-' || text[n] == '+');
    if (n == size || text[n] < '0' || text[n] > '9')
        return i;
    while (n < size && text[n] >= '0' && text[n] <= '9')
        n++;
    return n;
}

/* A cell: whether it is plain, its value then, and where the next one begins. */
struct check_cell {
    bool plain;
    bool last;
    float value;
    size_t next;
};

static inline struct check_cell check_cell_at(const struct check_text *text, size_t at,
                                              uint64_t passed)
{
    bool ends_line = passed % text->columns + 1 == text->columns;
    struct check_cell cell = {.plain = false, .value = NAN};
    char copy[CHECK_CELL_MAX + 1];
    const char *p = text->data + at;
    size_t end = at, size;

    while (end < text->size && text->data[end] != '\n' && text->data[end] != text->delimiter)
        end++;
    cell.last = end == text->size;
    cell.next = end + !cell.last;
    if (ends_line != (cell.last || text->data[end] == '\n'))
        return cell;
    size = end - at;
    cell.plain = size == 0;
    if (size == 0 || size > CHECK_CELL_MAX)
        return cell;
    if (ends_line && p[size - 1] == '\r' && text->delimiter != '\r')
        size--;
    if (size && *p == ' ') {
        p++;
        size--;
    }
    cell.plain = size && check_number_size(p, size) == size;
    if (cell.plain) {
        memcpy(copy, p, size);
        copy[size] = '\0';
        cell.value = (float)strtod(copy, NULL);
    }
    return cell;
}

static inline bool check_same_float(float a, float b)
{
    return check_bits_f32(a) == check_bits_f32(b); /* the NaN is always the same one */
}

/* Where in the text what was read differs from what should be, or SIZE_MAX. Cells are asked for
 * `block` at a time; `values` has room for as many. */
static inline size_t check_cells(const struct check_text *text, size_t block, float *values)
{
    const char *end = text->data + text->size;
    struct number_cells cells;
    uint64_t passed = 0;
    size_t at = 0;
    bool ended = false, read = true;

    number_cells_init(&cells, text->data, end, text->columns, text->delimiter);
    while (!ended) {
        size_t n = number_cells_read(&cells, values, block);
        bool infinite = false;

        if (n > block)
            return at;
        for (size_t i = 0; i < n; i++, passed++) {
            struct check_cell cell = check_cell_at(text, at, passed);

            if (ended || !cell.plain || !check_same_float(cell.value, values[i]))
                return at;
            infinite |= isinf(cell.value) != 0;
            ended = cell.last;
            at = cell.next;
        }
        if (cells.at != text->data + at || cells.passed != passed || cells.infinite != infinite)
            return at;
        cells.infinite = false;
        if (!ended && n < block) {
            struct check_cell cell = check_cell_at(text, at, passed);

            if (cell.plain)
                return at;
            ended = cell.last;
            read = !ended;
            at = cell.next;
            passed++;
            number_cells_skip(&cells, text->data + at);
        }
    }
    if (read && (number_cells_read(&cells, values, block) || cells.at != end))
        return at;
    return SIZE_MAX;
}

/* One of many kinds of cells; never with '\n' or the delimiter. */
static inline void check_random_cell(struct check_random *random, char *out, bool odd_too)
{
    uint64_t word = check_next(random);
    double value =
        (double)(int64_t)check_next(random) / 9.3e18 * pow(10, (double)(word >> 8 & 7) - 3);
    int digits = (int)(word >> 16 & 31), zeros = (int)(word >> 24 & 15);
    char *p = out;

    if ((word >> 28 & 15) == 0)
        *p++ = ' ';
    switch (word & (odd_too ? 31 : 15)) {
    case 0:
    case 1:
        *out = '\0'; /* missing */
        return;
    case 2:
        sprintf(p, "%.*f", digits % 19, value);
        break;
    case 3:
        sprintf(p, "%.18e", value);
        break;
    case 4: /* a whole number, with or without point */
        sprintf(p, "%llu%s", (unsigned long long)check_next(random) >> (word >> 32 & 63),
                digits % 3 ? "" : ".");
        break;
    case 5: /* of up to 40 digits */
        sprintf(p, "%0*d%llu", digits + 1, 0, (unsigned long long)check_next(random));
        break;
    case 6: /* small */
        sprintf(p, "-0.%0*d%llu", zeros + 1, 0, (unsigned long long)check_next(random) >> digits);
        break;
    case 7: /* no digit before the point */
        sprintf(p, "%s.%d", digits & 1 ? "-" : "", digits);
        break;
    case 8:
        sprintf(p, "+%.*g", digits % 18 + 1, value);
        break;
    case 9: /* of any size */
        sprintf(p, "%.*e", digits % 20, check_random_double(random));
        break;
    case 10:
        sprintf(p, "%d%c%d", digits, word >> 32 & 1 ? 'e' : 'E', (int)(word >> 40 & 127) - 64);
        break;
    case 11: { /* near the midpoint of two floats, or exact */
        uint32_t bits = (uint32_t)check_next(random);
        float below;

        bits = (bits & 0x007fffff) | (100 + (uint32_t)(word >> 40) % 40) << 23;
        memcpy(&below, &bits, sizeof(below));
        value = ((double)below + (double)nextafterf(below, INFINITY)) / 2;
        sprintf(p, "%.*g", 6 + digits % 25, value);
        break;
    }
    case 12:
        sprintf(p, "%.17g", value);
        break;
    case 13:
        sprintf(p, "%u", (unsigned)(word >> 40 & 255));
        break;
    case 16: /* from here on odd */
        sprintf(p, digits & 1 ? "nan" : "-inf");
        break;
    case 17:
        sprintf(p, "  %d", digits);
        break;
    case 18:
        sprintf(p, "%d ", digits);
        break;
    case 19:
        sprintf(p, "%s", &"-.e+-.5.5e1e"[digits % 12]);
        break;
    case 20:
        sprintf(p, "1_000");
        break;
    case 21:
        sprintf(p, "%.*fe", digits % 5, value);
        break;
    case 22:
        sprintf(p, "%.*f\r", digits % 5, value);
        break;
    case 23:
        sprintf(p, "%.*f-1", digits % 5, value);
        break;
    default:
        sprintf(p, "%.*g", digits % 9 + 1, value);
    }
}
