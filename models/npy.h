#pragma once
/*
 * numpy's file of one array, versions 1.0 to 3.0, as SageMaker's k-NN keeps labels: one dimension,
 * real or integer numbers of either byte order.
 */

#include <stdint.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/err.h"
#include "base/memory.h"

/* The numbers as doubles of the arena. ERR_INPUT "offset N: ...", ERR_UNSUPPORTED: objects, texts,
 * more than one dimension. */
int npy_read_f64(struct bytes data, struct arena *arena, double **ret, uint64_t *ret_count,
                 struct err *err) MUST_CHECK;
