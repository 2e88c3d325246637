#include "algorithms/scorer.h"

#define SCRATCH_ALIGN 64

void scratch_init(struct scratch *scratch)
{
    scratch->memory = NULL;
    scratch->size = 0;
}

void scratch_fini(struct scratch *scratch)
{
    free(scratch->memory);
    scratch_init(scratch);
}

void *scratch_get(struct scratch *scratch, size_t size, struct err *err)
{
    if (size > scratch->size || !scratch->memory) {
        size_t total;

        scratch_fini(scratch); /* before the larger one: the content need not survive */
        if (!__builtin_add_overflow(size, (size_t)(SCRATCH_ALIGN - 1), &total))
            scratch->memory = mem_alloc(total, 1);
        if (!scratch->memory) {
            err_memory(err, size, "scoring");
            return NULL;
        }
        scratch->size = size;
    }
    return (void *)(((uintptr_t)scratch->memory + SCRATCH_ALIGN - 1) &
                    ~(uintptr_t)(SCRATCH_ALIGN - 1));
}
