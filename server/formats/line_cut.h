#pragma once
/*
 * Where a text that comes in pieces can be cut: after a line end that something other than white
 * space follows. So the last line that is not blank stays with what follows it, for only what comes
 * next tells whether the white space there is part of rows, or the end of the text, where it is
 * dropped. No byte is looked at twice, however small the pieces are.
 */

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/bytes.h"

/* What is known of the text so far; all 0 of an empty one. */
struct line_cut {
    size_t scanned;   /* bytes looked at */
    size_t last_line; /* behind the last line end among them */
    size_t whole;     /* behind the last line end that something other than white space follows:
                       * so much can be cut off */
};

/* The size of the text without the white space at its end, but not less than `from`. */
size_t line_cut_solid(struct bytes text, size_t from);

/* Looks at what has come since the last time; `text` is all of it. */
void line_cut_scan(struct line_cut *cut, struct bytes text);

/* The first `size` bytes of the text are gone. */
void line_cut_drop(struct line_cut *cut, size_t size);
