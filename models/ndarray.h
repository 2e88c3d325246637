#pragma once
/*
 * MXNet's list of arrays (linear-learner 2.1): the .params file of a checkpoint, and all there is
 * of a k-means or PCA model. Reads records of versions V0 to V3, dense, row_sparse and csr, of
 * every type. Reading checks every count against the bytes that are left before anything is
 * allocated; the arrays are views of the file.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/err.h"
#include "base/memory.h"

/* linear-learner 2.1, "Limits worth enforcing"; documented in the README. */
#define NDARRAY_LIST_MAX       (1u << 20)
#define NDARRAY_DIMENSIONS_MAX 32u
#define NDARRAY_NAME_MAX       4096u

enum ndarray_storage {
    NDARRAY_DENSE,
    NDARRAY_ROW_SPARSE,
    NDARRAY_CSR,
};

struct ndarray {
    struct bytes name; /* as in the file, "arg:fc0_weight"; empty in a list without names */
    bool none;         /* of no shape: there are no values */
    enum ndarray_storage storage;
    uint32_t type; /* flag of the values, 0 to 12 */
    uint32_t dimensions;
    const uint64_t *shape; /* logical; of the arena */
    uint64_t size;         /* product of the shape: 1 of a scalar */
    size_t offset;         /* of the record in the file */
    struct bytes values;
    uint64_t stored;       /* values in the file: size, or fewer where sparse */
    uint64_t stored_rows;  /* row_sparse */
    struct bytes indices;  /* row_sparse: rows; csr: columns */
    uint32_t indices_type; /* type flag of these */
    struct bytes starts;   /* csr: shape[0] + 1 offsets */
    uint32_t starts_type;
};

struct ndarray_list {
    struct ndarray *arrays; /* of the arena */
    size_t count;
    bool named;
};

/* Bytes of a value, by its type flag. */
size_t ndarray_type_size(uint32_t type);

/* Whether data begin as such a list. */
bool ndarray_list_probe(struct bytes data);

/* Reads all; nothing may follow the names. Views of `data`, arrays of the arena. ERR_INPUT
 * "offset N: ..."; ERR_LIMIT, ERR_MEMORY. */
int ndarray_list_read(struct bytes data, struct arena *arena, struct ndarray_list *ret,
                      struct err *err) MUST_CHECK;

/* The array of that name, with or without the prefix "arg:" or "aux:"; NULL where there is none. Of
 * several the first. */
const struct ndarray *ndarray_find(const struct ndarray_list *list, const char *name);

/*
 * The values as float32, dense and row-major, whatever storage and type the file has: `size`
 * numbers of the arena. A double is rounded, float16 and bfloat16 are widened. Of a csr row that
 * names a column twice the last value counts, as in MXNet. Refused are an array of none, indices
 * out of range, rows out of order, starts that fall or do not end at the number of values, and more
 * than max_size numbers (so that a sparse array cannot name a shape beyond reason). "offset N: ..."
 * as above.
 */
int ndarray_to_f32(const struct ndarray *array, uint64_t max_size, struct arena *arena, float **ret,
                   struct err *err) MUST_CHECK;
