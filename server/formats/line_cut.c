#include "server/formats/line_cut.h"

static bool is_blank(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

size_t line_cut_solid(struct bytes text, size_t from)
{
    size_t size = text.size;

    while (size > from && is_blank(text.data[size - 1]))
        size--;
    return size;
}

/* Sets last_line to behind the last line end of text[from, to), if there is one. */
static void note_line(struct line_cut *cut, struct bytes text, size_t from, size_t to)
{
    const uint8_t *end = to > from ? memrchr(text.data + from, '\n', to - from) : NULL;

    if (end)
        cut->last_line = (size_t)(end - text.data) + 1;
}

void line_cut_scan(struct line_cut *cut, struct bytes text)
{
    size_t solid = line_cut_solid(text, cut->scanned);

    if (solid > cut->scanned) {
        note_line(cut, text, cut->scanned, solid);
        cut->whole = cut->last_line;
    }
    note_line(cut, text, solid, text.size);
    cut->scanned = text.size;
}

static size_t less(size_t position, size_t size)
{
    return position > size ? position - size : 0;
}

void line_cut_drop(struct line_cut *cut, size_t size)
{
    cut->scanned = less(cut->scanned, size);
    cut->last_line = less(cut->last_line, size);
    cut->whole = less(cut->whole, size);
}
