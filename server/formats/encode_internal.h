#pragma once
/*
 * What the encoders of server/formats share: how rows of numbers are laid out, and what an encoding
 * is. For those files alone; encode.h is the interface.
 */

#include "server/formats/encode.h"

/* A short text in room that can be copied whole, which is a few instructions where a copy of its
 * length is a call. */
#define ENCODE_TEXT_MAX 48

struct encode_text {
    char text[ENCODE_TEXT_MAX];
    size_t size;
};

/* Columns of a row that stand side by side. */
struct encode_part {
    struct encode_text before;
    struct encode_text between; /* two columns; up to 16 bytes, as all but `before` */
    struct encode_text after;
    size_t first, count; /* of columns; there may be fewer */
    size_t (*print)(char *out, double value);
};

struct encode_layout {
    struct encode_text between_rows;
    const struct encode_part *parts;
    size_t part_count;
};

/* The rows in that layout. `first`: nothing stands before the first one. */
int encode_layout_rows(const struct encode_layout *layout, const struct predictions *predictions,
                       bool first, struct buffer *body, struct err *err) MUST_CHECK;

int encode_append(struct buffer *body, const char *text, struct err *err) MUST_CHECK;

struct encode_kind {
    const char *begin;
    const char *end;
    const struct encode_layout *one;  /* of rows of one column */
    const struct encode_layout *list; /* of all others */
    /* instead of layouts */
    int (*rows)(const struct encoding *encoding, const struct predictions *predictions, bool first,
                struct buffer *body, struct err *err);
    bool rooted; /* {"ROOT": is before `begin` */
};
