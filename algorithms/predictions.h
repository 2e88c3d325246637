#pragma once
/*
 * The output of a scorer: rows x columns float32, row-major. What a column is called, and whether
 * the row is one number or a list, is in the model's description, not here. Memory is reused from
 * block to block.
 */

#include <stddef.h>

#include "base/compiler.h"
#include "base/err.h"

struct predictions {
    float *values;
    size_t rows;
    size_t columns;
    size_t capacity; /* numbers that `values` has room for */
};

void predictions_init(struct predictions *predictions);
void predictions_fini(struct predictions *predictions);

/* Appends room for `rows` more rows of `columns` numbers, not cleared, and returns where they
 * begin; NULL and ERR_MEMORY where there is no room. Columns may change only while there are no
 * rows. */
float *predictions_extend(struct predictions *predictions, size_t rows, size_t columns,
                          struct err *err) MUST_CHECK;

static inline void predictions_clear(struct predictions *predictions)
{
    predictions->rows = 0;
    predictions->columns = 0;
}
