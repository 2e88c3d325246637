#pragma once
/*
 * The columns that `predict` writes without --accept: which, how, and with --header their names as
 * a line of CSV.
 */

#include "base/compiler.h"
#include "base/memory.h"
#include "models/model.h"
#include "server/formats/encode.h"
#include "server/options.h"

/* How many columns a row has under these settings. */
size_t predict_columns(const struct settings *settings, const struct model *model);

/* How predictions become these columns; not of --leaves, whose numbers are whole. */
struct encoding predict_encoding(const struct settings *settings, const struct model *model);

/* Appends the line. -1: out of memory. */
int predict_header(const struct settings *settings, const struct model *model, size_t columns,
                   struct buffer *text) MUST_CHECK;
