#pragma once
/*
 * Rows that are worth comparing: for a forest the thresholds of its own splits and their
 * neighbours, missing values, zeros of both signs, denormals, large values, infinities, categories
 * in and out of range, and rows that are led to a leaf of one tree after the other. The same rows
 * in every run.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "algorithms/matrix.h"
#include "base/compiler.h"
#include "base/err.h"
#include "models/xgboost_model.h"

struct verify_rows;

/* Rows for the first tree_count trees (none deeper than XGB_WRITE_DEPTH_MAX) or the linear weights
 * of a model, which must outlive the rows. */
int verify_rows_new(const struct xgb_model *model, uint32_t tree_count, struct verify_rows **ret,
                    struct err *err) MUST_CHECK;
void verify_rows_free(struct verify_rows *rows);

/* A number of rows that costs well below a second to compare. */
size_t verify_rows_count(const struct verify_rows *rows);

/* The most rows that a block should have. */
size_t verify_rows_block(const struct verify_rows *rows);

/* The next block, valid until the call after it. Dense, or CSR where the model's trees use few of
 * its many features. */
int verify_rows_next(struct verify_rows *rows, size_t count, bool infinities, struct matrix *ret,
                     struct err *err) MUST_CHECK;
