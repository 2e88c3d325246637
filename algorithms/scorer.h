#pragma once
/*
 * A scorer maps a matrix to raw scores (margins). It is immutable after it was made; score is const
 * and may be called by any number of threads at a time, each with its own scratch.
 */

#include <stddef.h>
#include <stdint.h>

#include "algorithms/matrix.h"
#include "base/compiler.h"
#include "base/err.h"
#include "base/memory.h"

/* A thread's reusable memory. Scorers take what they need from it and keep nothing there between
 * calls; it only grows. */
struct scratch {
    void *memory;
    size_t size;
};

void scratch_init(struct scratch *scratch);
void scratch_fini(struct scratch *scratch);

/* At least `size` bytes aligned to 64, content undefined; NULL and ERR_MEMORY on failure. */
void *scratch_get(struct scratch *scratch, size_t size, struct err *err) MUST_CHECK;

struct scorer {
    const char *name; /* of the kernel, for logs and `inspect`: "forest-scalar", "gblinear" */
    uint32_t features;
    uint32_t outputs;
    double row_ns; /* about how long a row takes, one of many */

    /* Writes matrix->rows * outputs margins to ret_margins. The matrix may have fewer columns than
     * `features` (missing) or more (ignored). */
    int (*score)(const struct scorer *scorer, const struct matrix *matrix, struct scratch *scratch,
                 float *ret_margins, struct err *err);
    void (*destroy)(struct scorer *scorer);
};

static inline int scorer_score(const struct scorer *scorer, const struct matrix *matrix,
                               struct scratch *scratch, float *ret_margins, struct err *err)
{
    return scorer->score(scorer, matrix, scratch, ret_margins, err);
}

static inline void scorer_free(struct scorer *scorer)
{
    if (scorer)
        scorer->destroy(scorer);
}
