#pragma once
/*
 * What `inspect` tells of a model of Linear Learner or of one of its siblings.
 */

#include "models/model.h"

/* As one JSON object on standard output; returns the exit status. */
int inspect_builtin_json(const struct model *model);

void inspect_builtin_text(const struct model *model);
