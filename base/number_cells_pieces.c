/*
 * The levels with vectors: the text is read in pieces, whose cells are first found and then
 * converted, many at a time.
 */
#include <float.h>
#include <math.h>

#include "base/cpu.h"
#include "base/number_cells_internal.h"
#include "base/number_parse.h"

static bool index_piece(struct number_cells *cells, size_t whole, size_t chunks, size_t wanted)
{
    /* AVX-512 without VBMI2 would do as AVX2 does */
    if (cpu_level() >= CPU_VBMI)
        return number_cells_index_vbmi(cells, whole, chunks, wanted);
    return number_cells_index_avx2(cells, whole, chunks, wanted);
}

static size_t convert(struct number_cells *cells, float *values, size_t count)
{
    if (cpu_level() >= CPU_VBMI)
        return number_cells_convert_vbmi(cells, values, count);
    return number_cells_convert_avx2(cells, values, count);
}

bool number_cells_convert_one(struct number_cells *cells, size_t cell, float *ret_value)
{
    const char *text = cells->copy + number_cells_start(cells, cell);
    const char *end = cells->copy + cells->ends[cell + 1];
    double value;

    /* behind "\r\n", where only the "\n" was skipped */
    text += *text == ' ' && text[-1] == '\n' && cells->delimiter != ' ';
    if (text == end || number_scan_double(text, end, &value) != (size_t)(end - text))
        return false;
    *ret_value = (float)value;
    cells->infinite |= fabsf(*ret_value) > FLT_MAX;
    return true;
}

/* Whether a known cell ends a line: "\n", "\r\n" or the end of the text are behind it. */
static inline bool ends_line(const struct number_cells *cells, size_t cell)
{
    return cells->copy[cells->ends[cell + 1]] != cells->delimiter;
}

/* Forgets known cells from the first on that does not end as it should. */
static void check_lines(struct number_cells *cells)
{
    size_t first = cells->columns - 1 - cells->passed % cells->columns, expected = 0;
    bool good = true;

    if (cells->list)
        return;
    for (size_t i = first; i < cells->known; i += cells->columns, expected++)
        good &= ends_line(cells, i);
    if (LIKELY(good && cells->lines == expected))
        return;
    for (size_t i = 0; i < cells->known; i++) {
        bool should = i >= first && (i - first) % cells->columns == 0;

        if (ends_line(cells, i) != should)
            cells->known = i;
    }
}

/* Before a piece: bits are set where they should not be 0, and appended to what is 0. */
static void clear_bits(struct number_cells *cells, size_t chunks)
{
    size_t words = chunks + 2; /* pieces do not become longer */

    if (!cells->piece) {
        /* what is before the piece, or behind its cells, is looked at, though it decides nothing */
        memset(cells->copy, 0, NUMBER_CELLS_SLACK);
        for (size_t i = 0; i < words; i++)
            cells->negative[i] = cells->skipped[i] = 0;
    }
    if (!cells->piece || cells->any_odd) {
        for (size_t i = 0; i < words; i++)
            cells->odd[i] = 0;
    }
    cells->any_odd = false;
    cells->negative[0] = 0;
    cells->skipped[0] = 0;
}

/* Looks at the next piece of the text, from cells->at on. */
static void index_more(struct number_cells *cells, size_t wanted)
{
    size_t left = (size_t)(cells->end - cells->at);
    size_t size = left < NUMBER_CELLS_SPAN ? left : NUMBER_CELLS_SPAN;
    size_t whole = size / 64, rest = size % 64, chunks = whole;
    char *copy = cells->copy + NUMBER_CELLS_SLACK + 64 * whole;

    if (size == left) { /* digits behind the end are the beginning of a cell that never ends */
        memset(copy, '0', 64 + 1); /* the byte behind a chunk is looked at, too */
        memcpy(copy, cells->at + 64 * whole, rest);
        copy[rest] = cells->list ? cells->delimiter : '\n';
        chunks++;
    } else {
        *copy = cells->at[size];
    }
    clear_bits(cells, chunks);
    cells->piece = cells->at;
    cells->next = 0;
    cells->ends[0] = NUMBER_CELLS_SLACK - 1;
    cells->last = index_piece(cells, whole, chunks, wanted) && size == left;
    check_lines(cells);
    for (size_t i = 0; i < 16; i++) {
        cells->ends[cells->known + 1 + i] = NUMBER_CELLS_SLACK;
        cells->stops[cells->known + i] = NUMBER_CELLS_SLACK;
    }
}

/* After cells->next was changed */
static void set_at(struct number_cells *cells)
{
    size_t before = cells->ends[cells->next], left = (size_t)(cells->end - cells->piece);
    bool returned = cells->copy[before] == '\r' && cells->delimiter != '\r';
    size_t offset = before + 1 + returned - NUMBER_CELLS_SLACK;

    cells->at = cells->piece + (offset < left ? offset : left); /* the last '\n' is not there */
}

static size_t pass(struct number_cells *cells, size_t count)
{
    cells->passed += count;
    cells->next += count;
    set_at(cells);
    return count;
}

size_t number_cells_read_pieces(struct number_cells *cells, float *values, size_t count)
{
    size_t done = 0;

    /* behind an odd cell there are often more of them: no vectors for those */
    if (cells->next < cells->known && number_cells_bit(cells->odd, cells->next)) {
        if (!count || cells->list || !number_cells_convert_one(cells, cells->next, values))
            return 0;
        done = pass(cells, 1);
    }
    while (done < count) {
        size_t n, got;

        if (cells->next == cells->known) {
            if (cells->last)
                break;
            index_more(cells, count - done);
            if (cells->known == 0)
                break;
        }
        n = cells->known - cells->next;
        if (n > count - done)
            n = count - done;
        got = convert(cells, values + done, n);
        done += pass(cells, got);
        if (got < n)
            break;
    }
    return done;
}

bool number_cells_skip_known(struct number_cells *cells, const char *next)
{
    if (cells->next == cells->known)
        return false;
    cells->next++;
    set_at(cells);
    return cells->at == next;
}
