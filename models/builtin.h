#pragma once
/*
 * A model of Linear Learner or of one of its siblings: what its loader found, made ready to score.
 * They share a container, and so requests and answers: rows of numbers in, and of each row named
 * numbers out (linear-learner sections 4, 5 and 7). What is particular to one algorithm is in its
 * scorer; the rest of the program sees the fields below.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "algorithms/answer.h"
#include "algorithms/scorer.h"
#include "base/bytes.h"
#include "base/compiler.h"
#include "base/err.h"
#include "base/memory.h"
#include "models/family.h"

#define BUILTIN_FIELDS_MAX 3
#define BUILTIN_FACTS_MAX  16

/* Caps that keep a lying file from costing memory; documented in the README. */
#define BUILTIN_FEATURES_MAX 100000000u
#define BUILTIN_OUTPUTS_MAX  1000000u

enum builtin_fact_kind {
    BUILTIN_FACT_TEXT,
    BUILTIN_FACT_NUMBER,
    BUILTIN_FACT_SHAPE, /* dimensions */
};

/* Something that `inspect` tells of the artifact, in the order in which it was added. */
struct builtin_fact {
    const char *name; /* "predictor_type", "threshold", "fc0_weight" */
    enum builtin_fact_kind kind;
    const char *text;
    double number;
    const uint64_t *shape;
    size_t dimensions;
};

struct builtin {
    struct arena arena; /* all memory, but for the scorers' own */

    /* filled by the loader */
    enum family family;
    const char *file;      /* that the model was read from: "model_algo-1" */
    const char *format;    /* as found: "mxnet-zip", "mxnet-files", "ndarray-list", "faiss-flat" */
    const char *objective; /* "binary_classifier, logistic"; what there is to tell for the others */
    uint32_t features;
    struct scorer *scorer; /* answers: scorer->outputs numbers a row */
    struct scorer *margin; /* before the link, for `predict --margin`; NULL where there is none */
    struct answer_field fields[BUILTIN_FIELDS_MAX]; /* in the order of application/json */
    size_t field_count;
    uint32_t plain_columns; /* the first so many columns of an answer are what `predict` prints */
    /* The columns of a line of text/csv: csv_count from csv_first on; 0: there is no csv, the
     * answer is JSON. */
    uint32_t csv_first;
    uint32_t csv_count;
    struct builtin_fact facts[BUILTIN_FACTS_MAX];
    size_t fact_count;
};

/* An empty one whose arena holds at most memory_cap bytes. NULL where memory is short. */
struct builtin *builtin_new(enum family family, size_t memory_cap) MUST_CHECK;
void builtin_free(struct builtin *builtin); /* the scorers too; NULL is fine */

/* Names must outlive the model; text and shape are copied. ERR_MEMORY. Beyond BUILTIN_FACTS_MAX a
 * fact is left out. */
int builtin_tell_text(struct builtin *builtin, const char *name, struct bytes text,
                      struct err *err) MUST_CHECK;
void builtin_tell_number(struct builtin *builtin, const char *name, double number);
int builtin_tell_shape(struct builtin *builtin, const char *name, const uint64_t *shape,
                       size_t dimensions, struct err *err) MUST_CHECK;

/* "mxnet_version", "1.3.1", of major * 10000 + minor * 100 + patch. */
int builtin_tell_version(struct builtin *builtin, int version, struct err *err) MUST_CHECK;

void builtin_add_field(struct builtin *builtin, const struct answer_field *field);

/* What rows are answered with, of Linear Learner and factorization machines alike: a score, or a
 * score and the class that it was cut to. */
void builtin_answer_score(struct builtin *builtin, bool csv);
void builtin_answer_class(struct builtin *builtin, bool csv);
