#include "algorithms/predictions.h"

#include "base/memory.h"

void predictions_init(struct predictions *predictions)
{
    *predictions = (struct predictions){.values = NULL};
}

void predictions_fini(struct predictions *predictions)
{
    free(predictions->values);
    predictions_init(predictions);
}

/* Capacity doubles, so that a response of many blocks is copied a bounded number of times. */
static int reserve(struct predictions *predictions, size_t need, struct err *err)
{
    size_t capacity = predictions->capacity;
    float *values;

    if (need <= capacity && predictions->values)
        return 0;
    if (__builtin_mul_overflow(capacity, (size_t)2, &capacity) || capacity < need)
        capacity = need;
    values = mem_resize(predictions->values, capacity, sizeof(*values));
    if (!values)
        return err_memory(err, need * sizeof(*values), "predictions");
    predictions->values = values;
    predictions->capacity = capacity;
    return 0;
}

float *predictions_extend(struct predictions *predictions, size_t rows, size_t columns,
                          struct err *err)
{
    size_t used = predictions->rows * predictions->columns;
    size_t added;
    size_t need;

    if (predictions->rows && columns != predictions->columns) {
        err_set(err, ERR_INPUT, "rows of %zu predictions after rows of %zu", columns,
                predictions->columns);
        return NULL;
    }
    if (__builtin_mul_overflow(rows, columns, &added) ||
        __builtin_add_overflow(used, added, &need) || need > SIZE_MAX / sizeof(float)) {
        err_memory(err, SIZE_MAX, "predictions");
        return NULL;
    }
    if (reserve(predictions, need, err))
        return NULL;
    predictions->rows += rows;
    predictions->columns = columns;
    return predictions->values + used;
}
