#pragma once
/*
 * What Linear Learner writes beside its parameters (linear-learner 1.2, 1.3): how the sums become
 * an answer, and what the files are called.
 */

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/err.h"
#include "base/json_reader.h"
#include "base/memory.h"
#include "models/mxnet_symbol.h"

enum linear_predictor {
    LINEAR_BINARY,
    LINEAR_MULTICLASS,
    LINEAR_REGRESSOR,
};

/* "binary_classifier", "multiclass_classifier", "regressor" */
const char *linear_predictor_name(enum linear_predictor predictor);

/* The next value of a source, which must be such a name. ERR_INPUT "offset N: ..." names another.
 */
int linear_predictor_read(struct json_source *source, enum linear_predictor *ret,
                          struct err *err) MUST_CHECK;

struct linear_settings {
    enum linear_predictor predictor;
    const char *loss;     /* its name */
    enum mxnet_link link; /* what the two together make of the sums */
    double threshold;     /* finite, as float32 too */
};

/* additional-params.json. ERR_INPUT: no JSON; predictor_type, loss_type or threshold missing,
 * unknown or of another kind; a loss that does not go with the predictor. */
int linear_settings_read(struct bytes text, struct linear_settings *ret,
                         struct err *err) MUST_CHECK;

/* The prefix of the checkpoint's files that manifest.json names: "mx-mod" if it is among several.
 * ERR_INPUT: no JSON, no checkpoint named, or several and none of them that. */
int linear_manifest_read(struct bytes text, struct arena *arena, const char **ret,
                         struct err *err) MUST_CHECK;
