#pragma once
/*
 * Models that are one list of arrays and nothing else: k-means, PCA.
 */

#include "base/compiler.h"
#include "base/err.h"
#include "models/artifact.h"
#include "models/builtin_arrays.h"
#include "models/model.h"

/* Reads the list into a new model->builtin of that family, which `take` fills from the arrays. The
 * artifact's model (builtin_files_model) must be such a list; other files are left out, and told.
 * Errors name the file. */
int builtin_list_load(enum family family, const struct artifact *artifact,
                      const struct model_options *options, struct model *model,
                      int (*take)(struct builtin *builtin, const struct builtin_arrays *arrays,
                                  struct err *err),
                      struct err *err) MUST_CHECK;
