#include "base/number_cells.h"

#include <float.h>
#include <math.h>

#include "base/cpu.h"
#include "base/number_cells_internal.h"
#include "base/number_parse.h"

void number_cells_init(struct number_cells *cells, const char *text, const char *end,
                       size_t columns, char delimiter)
{
    cells->at = text;
    cells->end = end;
    cells->columns = columns;
    cells->passed = 0;
    cells->delimiter = delimiter;
    cells->infinite = false;
    cells->no_empty = false;
    cells->list = false;
    cells->last = false;
    cells->with_skips = false;
    cells->any_odd = false;
    cells->next = 0;
    cells->known = 0;
    cells->piece = NULL;
}

bool number_cells_has_lists(void)
{
    return cpu_level() >= CPU_AVX2;
}

void number_cells_init_list(struct number_cells *cells, const char *text, const char *end)
{
    number_cells_init(cells, text, end, 1, ',');
    cells->no_empty = true;
    cells->list = true;
}

/* As number_scan_double, of a number behind a space. */
static __attribute__((noinline)) size_t scan_padded(const char *p, const char *end, double *ret)
{
    size_t size = p != end && *p == ' ' ? number_scan_double(p + 1, end, ret) : 0;

    return size + (size != 0);
}

/* One cell after the other, for levels without vectors. What is rare is looked for last: the next
 * cell waits for all that is done here. */
static size_t read_plainly(struct number_cells *cells, float *values, size_t count)
{
    const char *p = cells->at, *const end = cells->end;
    const char delimiter = cells->delimiter;
    size_t column = cells->passed % cells->columns, done;

    for (done = 0; done < count && !cells->last; done++) {
        bool ends_line = column + 1 == cells->columns;
        double value = (double)NAN;
        size_t size = number_scan_double(p, end, &value);
        const char *next;

        if (UNLIKELY(!size) && delimiter != ' ')
            size = scan_padded(p, end, &value);
        if (UNLIKELY(!size) && cells->no_empty)
            break;
        next = p + size;
        if (ends_line && size && next != end && *next == '\r' && delimiter != '\r' &&
            (next + 1 == end || next[1] == '\n'))
            next++;
        if (next == end ? !ends_line : *next != (ends_line ? '\n' : delimiter))
            break;
        values[done] = (float)value;
        cells->infinite |= fabsf(values[done]) > FLT_MAX;
        cells->last = next == end;
        p = next + (next != end);
        column = ends_line ? 0 : column + 1;
    }
    cells->at = p;
    cells->passed += done;
    return done;
}

size_t number_cells_read(struct number_cells *cells, float *values, size_t count)
{
#if defined(__x86_64__)
    if (cpu_level() >= CPU_AVX2)
        return number_cells_read_pieces(cells, values, count);
#endif
    return read_plainly(cells, values, count);
}

void number_cells_skip(struct number_cells *cells, const char *next)
{
    cells->passed++;
#if defined(__x86_64__)
    if (number_cells_skip_known(cells, next))
        return;
#endif
    cells->at = next; /* nothing is known of what is there */
    cells->next = 0;
    cells->known = 0;
    cells->last = false;
}
