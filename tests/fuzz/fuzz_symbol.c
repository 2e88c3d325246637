/* Any bytes as a graph of MXNet: it is read, or the error says why not. */
#include <stdint.h>
#include <stdlib.h>

#include "models/mxnet_symbol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mxnet_symbol symbol;
    struct err err = ERR_INIT;

    if (mxnet_symbol_read(bytes_of(data, size), &symbol, &err)) {
        if (err.kind != ERR_INPUT || err.text[0] == '\0')
            abort();
    } else if (symbol.version < 0 || (!symbol.has_weight && symbol.weight_rows) ||
               mxnet_link_name(symbol.link)[0] == '\0') {
        abort();
    }
    return 0;
}
