#include "models/builtin_arrays.h"

#include <inttypes.h>

int builtin_arrays_read(struct bytes data, size_t memory_cap, struct builtin_arrays *ret,
                        struct err *err)
{
    ret->max_size = memory_cap / sizeof(float);
    arena_init(&ret->arena, memory_cap);
    if (ndarray_list_read(data, &ret->arena, &ret->list, err) == 0)
        return 0;
    builtin_arrays_fini(ret);
    return -1;
}

void builtin_arrays_fini(struct builtin_arrays *arrays)
{
    arena_fini(&arrays->arena);
}

int builtin_arrays_need(const struct builtin_arrays *arrays, const char *name,
                        const struct ndarray **ret, struct err *err)
{
    const struct ndarray *array = ndarray_find(&arrays->list, name);

    if (!array)
        return err_set(err, ERR_INPUT, "no array '%s' among %zu", name, arrays->list.count);
    *ret = array;
    return 0;
}

int builtin_arrays_check(const struct ndarray *array, const char *name, uint64_t rows_max,
                         uint64_t columns_max, struct err *err)
{
    if (array->none)
        return err_set(err, ERR_INPUT, "array '%s': offset %zu: it is none: it has no values", name,
                       array->offset);
    if (array->dimensions != 2)
        return err_set(err, ERR_INPUT, "array '%s': offset %zu: %" PRIu32 " dimensions, not 2",
                       name, array->offset, array->dimensions);
    if (array->size == 0)
        return err_set(err, ERR_INPUT,
                       "array '%s': offset %zu: it is empty (%" PRIu64 ", %" PRIu64 ")", name,
                       array->offset, array->shape[0], array->shape[1]);
    if (array->shape[0] > rows_max || array->shape[1] > columns_max)
        return err_set(err, ERR_LIMIT,
                       "array '%s': offset %zu: its shape is (%" PRIu64 ", %" PRIu64
                       "), the limit (%" PRIu64 ", %" PRIu64 ")",
                       name, array->offset, array->shape[0], array->shape[1], rows_max,
                       columns_max);
    return 0;
}

int builtin_arrays_take(const struct builtin_arrays *arrays, const struct ndarray *array,
                        const char *name, uint64_t size, struct builtin *builtin, float **ret,
                        struct err *err)
{
    if (!array->none && array->size != size)
        return err_set(err, ERR_INPUT,
                       "array '%s': offset %zu: %" PRIu64 " numbers, where %" PRIu64 " belong",
                       name, array->offset, array->size, size);
    if (ndarray_to_f32(array, arrays->max_size, &builtin->arena, ret, err))
        return err_wrap(err, "array '%s'", name);
    return 0;
}

int builtin_arrays_take_or_zeros(const struct builtin_arrays *arrays, const char *name,
                                 uint64_t size, struct builtin *builtin, float **ret,
                                 struct err *err)
{
    const struct ndarray *array = ndarray_find(&arrays->list, name);
    float *zeros;

    if (array)
        return builtin_arrays_take(arrays, array, name, size, builtin, ret, err);
    zeros = arena_zero(&builtin->arena, size, sizeof(*zeros));
    if (!zeros)
        return err_memory(err, size * sizeof(*zeros), name);
    *ret = zeros;
    return 0;
}

int builtin_arrays_tell(struct builtin *builtin, const char *name, const struct ndarray *array,
                        struct err *err)
{
    return builtin_tell_shape(builtin, name, array->shape, array->dimensions, err);
}
