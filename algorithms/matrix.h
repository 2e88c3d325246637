#pragma once
/*
 * The input of a scorer: a block of rows, as a view of memory that the caller owns. Dense values
 * are float32, row-major, NaN where missing. In a CSR block an absent entry and a NaN are missing,
 * a stored 0 is the value 0; entries of a row ascend by column, each column once. `columns` is what
 * the request had: it may be smaller than a model's number of features (the rest is missing).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum matrix_kind {
    MATRIX_DENSE,
    MATRIX_CSR,
};

struct matrix {
    enum matrix_kind kind;
    size_t rows;
    size_t columns;
    const float *values;     /* dense: rows * columns; CSR: row_start[rows] entries */
    const size_t *row_start; /* CSR: rows + 1 offsets into values and column */
    const uint32_t *column;  /* CSR: 0-based; entries beyond UINT32_MAX were dropped */
};
