#pragma once
/*
 * A FAISS flat index with L2 distances (linear-learner 7, k-NN): "IxF2", i32 d, i64 n, 2 x i64,
 * u8 trained, i32 metric, u64 n * d, n * d float32, little-endian.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/err.h"

struct faiss_index {
    uint32_t dimension;
    uint64_t count;
    struct bytes vectors; /* count * dimension float32, row-major; a view of the file, unaligned */
};

/* Whether data begin as an index of FAISS, of this type or another. */
bool faiss_index_probe(struct bytes data);

/* ERR_UNSUPPORTED: another type of index or metric, with its name; ERR_INPUT "offset N: ...":
 * counts that disagree, cut or followed by more. */
int faiss_index_read(struct bytes data, struct faiss_index *ret, struct err *err) MUST_CHECK;
