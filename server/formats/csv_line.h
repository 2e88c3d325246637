#pragma once
/*
 * Lines of csv under the built-ins' rules (struct csv_rules), cell by cell: for what the many-cells
 * reader of csv_decode.c cannot take, such as blank lines and quotes, and to find the fault.
 *
 *   line = cell { "," cell }
 *   cell = any text without ',' | [blanks] '"' any text, '""' for '"' '"' [blanks]
 *
 * A quote that is not closed goes to the end of the line.
 */

#include "server/formats/decode_internal.h"

/* The lines that are not blank. */
uint64_t csv_line_count(struct bytes text) MUST_CHECK;

/* Takes the next such line, without its end, off the text. Empty where there is none. */
struct bytes csv_line_next(struct bytes *text) MUST_CHECK;

/* Columns that the matrix has whose first row this line is; at least 1. */
uint64_t csv_line_columns(struct bytes line, const struct csv_rules *rules) MUST_CHECK;

/* 0 where the line has label_size + columns cells. `row` is for the fault, from 1. */
int csv_line_check(struct bytes line, const struct csv_rules *rules, uint64_t columns, uint64_t row,
                   struct decode_fault *fault) MUST_CHECK;

/* Reads the numbers of a line that was checked. */
int csv_line_read(struct bytes line, const struct csv_rules *rules, float *values, uint64_t row,
                  struct decode_fault *fault) MUST_CHECK;

/* A cell without quotes: what Python's float() takes, white space around it allowed. */
bool csv_line_number(struct bytes cell, double *ret_value) MUST_CHECK;
