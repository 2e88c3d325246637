/* numpy's array file: what is accepted has no more numbers than bytes, and all of them are there.
 */
#include <stddef.h>
#include <stdint.h>

#include "models/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile double sink;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    double *numbers;
    uint64_t count;
    struct err err = ERR_INIT;
    double sum = 0;

    arena_init(&arena, (size_t)16 << 20);
    if (npy_read_f64(bytes_of(data, size), &arena, &numbers, &count, &err) == 0) {
        if (count > size)
            __builtin_trap();
        for (uint64_t i = 0; i < count; i++)
            sum += numbers[i];
        sink = sum;
    } else if (err.kind == ERR_NONE) {
        __builtin_trap();
    }
    arena_fini(&arena);
    return 0;
}
