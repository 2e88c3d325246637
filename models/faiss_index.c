/*
 * FAISS's index files, little-endian, no alignment. What every index of float vectors begins with:
 *
 *     4 bytes  type of index, four letters
 *     i32      d, numbers of a vector
 *     i64      n, vectors
 *     2 x i64  1048576, not used
 *     u8       trained, 0 or 1
 *     i32      metric: 0 inner product, 1 L2, others (more of them in later versions)
 *     f32      argument of the metric, only where that is above 1
 *
 * and in a flat index after that:
 *
 *     u64      n * d
 *     f32      n * d numbers, vector by vector
 *
 * "IxF2" is a flat index of metric 1 in every version: the letters of a flat index are chosen by
 * its metric.
 */
#include "models/faiss_index.h"

#include <stdio.h>

#define METRIC_L2 1

/* Types that FAISS writes or once wrote: those that the k-NN algorithm offers, and what others may
 * bring. */
static const struct {
    char code[5];
    const char *name;
} types[] = {
    {"IxFI", "a flat index by inner product"},
    {"IxFl", "a flat index of a metric other than L2"},
    {"IwFl", "an inverted file of flat vectors (IVFFlat)"},
    {"IvFl", "an inverted file of flat vectors (IVFFlat)"},
    {"IvFL", "an inverted file of flat vectors (IVFFlat)"},
    {"IwFd", "an inverted file of flat vectors without duplicates"},
    {"IwPQ", "an inverted file with product quantization (IVFPQ)"},
    {"IvPQ", "an inverted file with product quantization (IVFPQ)"},
    {"IwQR", "an inverted file with refined product quantization (IVFPQR)"},
    {"IvQR", "an inverted file with refined product quantization (IVFPQR)"},
    {"IwPf", "an inverted file with product quantization (IVFPQ, fast scan)"},
    {"IwSq", "an inverted file with scalar quantization"},
    {"IwSQ", "an inverted file with scalar quantization"},
    {"IvSQ", "an inverted file with scalar quantization"},
    {"IwSh", "an inverted file of spectral hashes"},
    {"IxPq", "product quantization (PQ)"},
    {"IxPQ", "product quantization (PQ)"},
    {"IxPo", "product quantization (PQ)"},
    {"IPfs", "product quantization (PQ, fast scan)"},
    {"IxRQ", "residual quantization"},
    {"IxRq", "residual quantization"},
    {"IxLS", "local search quantization"},
    {"IxSQ", "scalar quantization"},
    {"IxHE", "locality-sensitive hashes (LSH)"},
    {"IxHe", "locality-sensitive hashes (LSH)"},
    {"IxLa", "a lattice"},
    {"IxPT", "a transform of vectors before another index"},
    {"IxMp", "an index with numbers of its own for vectors (IDMap)"},
    {"IxM2", "an index with numbers of its own for vectors (IDMap)"},
    {"IxRF", "an index with refinement"},
    {"IxRP", "a row-wise index"},
    {"Imiq", "a multi-index"},
    {"Imi2", "a multi-index"},
    {"IHNf", "a graph (HNSW) of flat vectors"},
    {"IHNp", "a graph (HNSW) with product quantization"},
    {"IHNs", "a graph (HNSW) with scalar quantization"},
    {"IHN2", "a graph (HNSW) of two levels"},
    {"INSf", "a graph (NSG) of flat vectors"},
    {"INNf", "a graph (NNDescent) of flat vectors"},
    {"IBxF", "binary vectors"},
    {"IBwF", "binary vectors"},
    {"IBHf", "binary vectors"},
};

static const char *type_name(struct bytes code)
{
    for (size_t i = 0; i < ARRAY_LENGTH(types); i++) {
        if (bytes_is(code, types[i].code))
            return types[i].name;
    }
    return NULL;
}

bool faiss_index_probe(struct bytes data)
{
    struct bytes code = bytes_head(data, 4);

    return bytes_is(code, "IxF2") || type_name(code);
}

static const char *metric_name(int32_t metric, char *out, size_t size)
{
    static const char *const names[] = {
        [0] = "inner product",
        [2] = "L1",
        [3] = "Linf",
        [4] = "Lp",
        [20] = "Canberra",
        [21] = "Bray-Curtis",
        [22] = "Jensen-Shannon",
        [23] = "Jaccard",
    };

    if (metric >= 0 && (size_t)metric < ARRAY_LENGTH(names) && names[metric])
        snprintf(out, size, "%s", names[metric]);
    else
        snprintf(out, size, "number %d", metric);
    return out;
}

static int read_type(struct cursor *in, struct err *err)
{
    struct bytes code;
    const char *name;
    char quoted[32];

    if (!cursor_take(in, 4, &code))
        return err_set(err, ERR_INPUT, "offset 0: %zu bytes are no index of FAISS",
                       cursor_left(in));
    if (bytes_is(code, "IxF2"))
        return 0;
    err_quote(quoted, sizeof(quoted), code.data, code.size);
    name = type_name(code);
    if (!name)
        return err_set(err, ERR_INPUT, "offset 0: %s is not what an index of FAISS begins with",
                       quoted);
    return err_set(err, ERR_UNSUPPORTED,
                   "FAISS index %s, %s: only a flat index with L2 distances ('IxF2', index_type "
                   "faiss.Flat) is served",
                   quoted, name);
}

/* What is between the type and the numbers. */
static int read_header(struct cursor *in, int32_t *ret_d, int64_t *ret_n, uint64_t *ret_numbers,
                       struct err *err)
{
    uint32_t d, metric;
    uint64_t n;
    uint8_t trained;
    char name[32];

    if (!cursor_le32(in, &d) || !cursor_le64(in, &n) || !cursor_skip(in, 16) ||
        !cursor_u8(in, &trained) || !cursor_le32(in, &metric))
        return err_set(err, ERR_INPUT, "offset %zu: the header of a FAISS index is cut",
                       cursor_offset(in));
    if ((int32_t)d <= 0)
        return err_set(err, ERR_INPUT, "offset 4: vectors of %d numbers", (int32_t)d);
    if ((int64_t)n < 0)
        return err_set(err, ERR_INPUT, "offset 8: %lld vectors", (long long)n);
    if (trained != 1)
        return err_set(err, ERR_INPUT, "offset 32: the index is not trained (%u)", trained);
    if (metric != METRIC_L2)
        return err_set(err, ERR_UNSUPPORTED,
                       "offset 33: a FAISS index of metric %s: only L2 is served",
                       metric_name((int32_t)metric, name, sizeof(name)));
    if (!cursor_le64(in, ret_numbers))
        return err_set(err, ERR_INPUT, "offset %zu: the header of a FAISS index is cut",
                       cursor_offset(in));
    *ret_d = (int32_t)d;
    *ret_n = (int64_t)n;
    return 0;
}

int faiss_index_read(struct bytes data, struct faiss_index *ret, struct err *err)
{
    struct cursor in = cursor_of(data);
    struct bytes vectors = {0};
    uint64_t numbers = 0, expected, size;
    int64_t n = 0;
    int32_t d = 0;

    if (read_type(&in, err) || read_header(&in, &d, &n, &numbers, err))
        return -1;
    if (__builtin_mul_overflow((uint64_t)n, (uint64_t)d, &expected) || numbers != expected)
        return err_set(err, ERR_INPUT, "offset 37: %llu numbers for %lld vectors of %d",
                       (unsigned long long)numbers, (long long)n, d);
    if (__builtin_mul_overflow(numbers, sizeof(float), &size) || size > cursor_left(&in) ||
        !cursor_take(&in, (size_t)size, &vectors))
        return err_set(err, ERR_INPUT,
                       "offset %zu: %llu numbers, and %zu bytes are left: the index is cut",
                       cursor_offset(&in), (unsigned long long)numbers, cursor_left(&in));
    if (cursor_left(&in))
        return err_set(err, ERR_INPUT, "offset %zu: %zu bytes follow the index", cursor_offset(&in),
                       cursor_left(&in));
    *ret = (struct faiss_index){
        .dimension = (uint32_t)d,
        .count = (uint64_t)n,
        .vectors = vectors,
    };
    return 0;
}
