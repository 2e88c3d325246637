/* inflate_all on any bytes: output stays within its cap, and a failure leaves none. */
#include <stdlib.h>

#include "models/inflate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = ERR_INIT;
    struct buffer out;
    int rc;

    buffer_init(&out, (size_t)4 * 1024 * 1024);
    rc = inflate_all(bytes_of(data, size), &out, &err);
    if (out.size > out.max || (rc && out.size) || (rc && err.kind == ERR_NONE))
        abort();
    buffer_fini(&out);
    return 0;
}
