#pragma once
/* The arrays of a built-in algorithm's model, checked and brought into the form scorers want. */

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "models/builtin.h"
#include "models/ndarray.h"

/* A list of arrays as a loader goes through it. Errors name the array. */
struct builtin_arrays {
    struct arena arena; /* of the list; what loaders take goes to the builtin's */
    struct ndarray_list list;
    uint64_t max_size; /* numbers of an array */
};

/* At most memory_cap bytes for the list, and for any array. Views of `data`. As ndarray_list_read.
 */
int builtin_arrays_read(struct bytes data, size_t memory_cap, struct builtin_arrays *ret,
                        struct err *err) MUST_CHECK;
void builtin_arrays_fini(struct builtin_arrays *arrays);

/* The array of that name. ERR_INPUT: there is none. */
int builtin_arrays_need(const struct builtin_arrays *arrays, const char *name,
                        const struct ndarray **ret, struct err *err) MUST_CHECK;

/* ERR_INPUT unless the array has two dimensions of at least 1; ERR_LIMIT beyond these two. */
int builtin_arrays_check(const struct ndarray *array, const char *name, uint64_t rows_max,
                         uint64_t columns_max, struct err *err) MUST_CHECK;

/* The values as float32, of the builtin's arena; whatever the shape, `size` of them. */
int builtin_arrays_take(const struct builtin_arrays *arrays, const struct ndarray *array,
                        const char *name, uint64_t size, struct builtin *builtin, float **ret,
                        struct err *err) MUST_CHECK;

/* The same, but zeros where there is no array of that name: builtin_tell_shape tells of one. */
int builtin_arrays_take_or_zeros(const struct builtin_arrays *arrays, const char *name,
                                 uint64_t size, struct builtin *builtin, float **ret,
                                 struct err *err) MUST_CHECK;

/* builtin_tell_shape of an array. */
int builtin_arrays_tell(struct builtin *builtin, const char *name, const struct ndarray *array,
                        struct err *err) MUST_CHECK;
