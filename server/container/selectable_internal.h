#pragma once
/* What the files of selectable inference share: the plan of an answer. */

#include <stddef.h>

#include "server/container/selectable.h"

/* How a key's value follows from a row's predictions; p is the first of them. */
enum source {
    NOT_A_NUMBER = 0, /* the key is not one of the objective's */
    VALUE,            /* p */
    ABOVE_HALF,       /* 1 where p > 0.5, else 0 */
    ABOVE_ZERO,       /* 1 where p > 0, else 0 */
    LARGEST_INDEX,    /* of the row, the first of equals */
    LARGEST,          /* of the row */
    ALL_VALUES,       /* the row */
    COMPLEMENT,       /* [1.0 - p, p] */
    CLASSES,          /* [0, 1, ...] */
};

/* A key of the answer and where its value comes from. */
struct field {
    const struct selectable_key *key;
    enum source source;
};

/* What an answer is made from: the fields of each of its rows, in their order. */
struct plan {
    const struct predictions *predictions;
    struct field *fields;
    size_t field_count;
    size_t classes;
};

/* The first of the largest. */
static inline size_t selectable_largest(const float *row, size_t columns)
{
    size_t best = 0;

    for (size_t i = 1; i < columns; i++) {
        if (row[i] > row[best])
            best = i;
    }
    return best;
}

static inline double selectable_complement(float p)
{
    return 1.0 - (double)p;
}

/* A record a row. Errors: as selectable_encode. */
int selectable_encode_records(const struct plan *plan, struct buffer *body,
                              struct err *err) MUST_CHECK;
