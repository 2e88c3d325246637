/* A FAISS index: what is accepted is whole, and its numbers are where it says. */
#include <stddef.h>
#include <stdint.h>

#include "models/faiss_index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes file = bytes_of(data, size);
    struct faiss_index index;
    struct err err = ERR_INIT;

    if (faiss_index_read(file, &index, &err)) {
        if (err.kind != ERR_INPUT && err.kind != ERR_UNSUPPORTED)
            __builtin_trap();
        if (err.kind == ERR_UNSUPPORTED && !faiss_index_probe(file))
            __builtin_trap();
        return 0;
    }
    if (!faiss_index_probe(file) || index.dimension == 0 ||
        index.vectors.data + index.vectors.size != data + size ||
        index.vectors.size / index.dimension != index.count * sizeof(float) ||
        index.vectors.size % index.dimension)
        __builtin_trap();
    return 0;
}
