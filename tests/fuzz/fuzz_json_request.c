/* application/json: see json_rows_check.h. */
#include "tests/fuzz/json_rows_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_rows_check(FORMAT_JSON, data, size);
    return 0;
}
