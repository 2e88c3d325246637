/* A legacy binary file: gate, reader, common checks; what passes them is written for libxgboost. */
#include <stddef.h>
#include <stdint.h>

#include "models/xgboost_load.h"
#include "models/xgboost_writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct xgb_model *model = xgb_model_new((size_t)64 << 20);
    struct bytes file = bytes_of(data, size);
    struct err err = ERR_INIT;
    struct buffer document;

    if (!model)
        return 0;
    buffer_init(&document, (size_t)64 << 20);
    if (xgb_legacy_probe(file) && size < 136)
        __builtin_trap();
    if (xgb_legacy_read(file, 0, model, &err) == 0 && xgb_model_finish(model, &err) == 0 &&
        xgb_write(model, model->tree_count, &document, &err) == 0 && document.size == 0)
        __builtin_trap();
    buffer_fini(&document);
    xgb_model_free(model);
    return 0;
}
