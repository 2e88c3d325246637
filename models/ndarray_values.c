/* The values of an array, of whatever type and storage, as dense float32. */
#include <inttypes.h>

#include "models/ndarray.h"

/* IEEE binary16: 1 bit sign, 5 exponent, 10 fraction. */
static float half(const uint8_t *p)
{
    uint32_t bits = load_le16(p);
    uint32_t sign = (bits & 0x8000u) << 16;
    uint32_t exponent = bits >> 10 & 0x1f;
    uint32_t fraction = bits & 0x3ff;
    float value;

    if (exponent == 0) { /* zero, or so many 2^-24 */
        value = (float)fraction * 0x1p-24f;
        return sign ? -value : value;
    }
    bits = sign | (exponent == 31 ? 255 : exponent + 112) << 23 | fraction << 13;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

/* The upper half of a float32. */
static float brain(const uint8_t *p)
{
    uint32_t bits = (uint32_t)load_le16(p) << 16;
    float value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

static float narrow(const uint8_t *p)
{
    uint64_t bits = load_le64(p);
    double value;

    memcpy(&value, &bits, sizeof(value));
    return (float)value;
}

/* `count` values of a type to out. */
static void widen(uint32_t type, const uint8_t *p, uint64_t count, float *out)
{
#define CASE(flag, size, value)                                                                    \
    case flag:                                                                                     \
        for (uint64_t i = 0; i < count; i++, p += (size))                                          \
            out[i] = (value);                                                                      \
        break

    switch (type) {
        CASE(0, 4, load_le_f32(p));
        CASE(1, 8, narrow(p));
        CASE(2, 2, half(p));
        CASE(3, 1, *p);
        CASE(4, 4, (float)(int32_t)load_le32(p));
        CASE(5, 1, (int8_t)*p);
        CASE(6, 8, (float)(int64_t)load_le64(p));
        CASE(7, 1, *p != 0);
        CASE(8, 2, (int16_t)load_le16(p));
        CASE(9, 2, load_le16(p));
        CASE(10, 4, (float)load_le32(p));
        CASE(11, 8, (float)load_le64(p));
        CASE(12, 2, brain(p));
    default:
        break;
    }
#undef CASE
}

/* An index; what is negative is beyond every range. */
static uint64_t index_at(struct bytes indices, uint32_t type, uint64_t i)
{
    const uint8_t *p = indices.data + i * ndarray_type_size(type);

    switch (type) {
    case 3:
        return *p;
    case 4:
        return (uint64_t)(int32_t)load_le32(p);
    case 5:
        return (uint64_t)(int8_t)*p;
    case 8:
        return (uint64_t)(int16_t)load_le16(p);
    case 9:
        return load_le16(p);
    case 10:
        return load_le32(p);
    default: /* 6 and 11 */
        return load_le64(p);
    }
}

static int fill_rows(const struct ndarray *array, float *out, struct err *err)
{
    uint64_t width = array->stored_rows ? array->stored / array->stored_rows : 0;
    size_t bytes = (size_t)width * ndarray_type_size(array->type);
    uint64_t next = 0;

    for (uint64_t i = 0; i < array->stored_rows; i++) {
        uint64_t row = index_at(array->indices, array->indices_type, i);

        if (row >= array->shape[0])
            return err_set(err, ERR_INPUT,
                           "offset %zu: stored row %" PRIu64 " has index %" PRId64 " of %" PRIu64
                           " rows",
                           array->offset, i, (int64_t)row, array->shape[0]);
        if (row < next)
            return err_set(err, ERR_INPUT,
                           "offset %zu: stored row %" PRIu64 " has index %" PRIu64
                           ", which is not above the one before",
                           array->offset, i, row);
        next = row + 1;
        widen(array->type, array->values.data + i * bytes, width, out + row * width);
    }
    return 0;
}

static int fill_csr(const struct ndarray *array, float *out, struct err *err)
{
    uint64_t rows = array->shape[0];
    uint64_t columns = array->shape[1];
    uint64_t at = 0;

    if (index_at(array->starts, array->starts_type, 0) != 0)
        return err_set(err, ERR_INPUT, "offset %zu: the first row does not start at 0",
                       array->offset);
    for (uint64_t row = 0; row < rows; row++) {
        uint64_t end = index_at(array->starts, array->starts_type, row + 1);

        if (end < at || end > array->stored)
            return err_set(err, ERR_INPUT,
                           "offset %zu: row %" PRIu64 " ends at value %" PRId64 ", after %" PRIu64
                           " of %" PRIu64,
                           array->offset, row, (int64_t)end, at, array->stored);
        for (; at < end; at++) {
            uint64_t column = index_at(array->indices, array->indices_type, at);

            if (column >= columns)
                return err_set(err, ERR_INPUT,
                               "offset %zu: value %" PRIu64 " has column %" PRId64 " of %" PRIu64,
                               array->offset, at, (int64_t)column, columns);
            widen(array->type, array->values.data + at * ndarray_type_size(array->type), 1,
                  out + row * columns + column);
        }
    }
    if (at != array->stored)
        return err_set(err, ERR_INPUT, "offset %zu: the rows end at value %" PRIu64 " of %" PRIu64,
                       array->offset, at, array->stored);
    return 0;
}

int ndarray_to_f32(const struct ndarray *array, uint64_t max_size, struct arena *arena, float **ret,
                   struct err *err)
{
    float *out;

    if (array->none)
        return err_set(err, ERR_INPUT, "offset %zu: the array is none: it has no values",
                       array->offset);
    if (array->size > max_size)
        return err_set(err, ERR_LIMIT,
                       "offset %zu: an array of %" PRIu64 " numbers, more than %" PRIu64,
                       array->offset, array->size, max_size);
    if (array->storage == NDARRAY_DENSE)
        out = arena_alloc(arena, (size_t)array->size, sizeof(*out));
    else
        out = arena_zero(arena, (size_t)array->size, sizeof(*out));
    if (!out && array->size > (arena->cap - arena->used) / sizeof(*out))
        return err_set(err, ERR_LIMIT,
                       "offset %zu: %" PRIu64 " numbers are over the limit on memory",
                       array->offset, array->size);
    if (!out)
        return err_memory(err, (size_t)array->size * sizeof(*out), "an array");
    if (array->storage == NDARRAY_DENSE)
        widen(array->type, array->values.data, array->size, out);
    else if ((array->storage == NDARRAY_CSR ? fill_csr : fill_rows)(array, out, err))
        return -1;
    *ret = out;
    return 0;
}
