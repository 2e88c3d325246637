#pragma once
/*
 * `predict --header`: the names of the columns that predict writes, as a line of CSV.
 */

#include "base/compiler.h"
#include "base/memory.h"
#include "models/model.h"
#include "server/options.h"

/* How many columns the predictions of a row have under these settings. */
size_t predict_columns(const struct settings *settings, const struct model *model);

/* Appends the line. -1: out of memory. */
int predict_header(const struct settings *settings, const struct model *model, size_t columns,
                   struct buffer *text) MUST_CHECK;
