/*
 * Any bytes as a list of MXNet arrays. What is read keeps what models/ndarray.h promises, and every
 * array becomes numbers or an error.
 */
#include <stdint.h>
#include <stdlib.h>

#include "models/ndarray.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NUMBERS_MAX 100000u

static void check(const struct ndarray *array, struct bytes file)
{
    struct bytes parts[] = {array->values, array->indices, array->starts, array->name};

    for (size_t i = 0; i < ARRAY_LENGTH(parts); i++) {
        if (parts[i].size &&
            (parts[i].data < file.data || parts[i].data + parts[i].size > file.data + file.size))
            abort();
    }
    if (!array->none && array->values.size != array->stored * ndarray_type_size(array->type))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes file = bytes_of(data, size);
    struct ndarray_list list;
    struct err err = ERR_INIT;
    struct arena arena;
    float *values;
    volatile float last;

    arena_init(&arena, (size_t)64 << 20);
    if (ndarray_list_read(file, &arena, &list, &err)) {
        if (err.kind == ERR_NONE)
            abort();
    } else {
        if (!ndarray_list_probe(file))
            abort();
        for (size_t i = 0; i < list.count && i < 100; i++) {
            err_clear(&err);
            check(&list.arrays[i], file);
            if (ndarray_to_f32(&list.arrays[i], NUMBERS_MAX, &arena, &values, &err) == 0) {
                for (uint64_t k = 0; k < list.arrays[i].size; k++)
                    last = values[k];
            } else if (err.kind == ERR_NONE) {
                abort();
            }
        }
    }
    (void)last;
    arena_fini(&arena);
    return 0;
}
