/* A model in JSON: read and finished, as at the start of the server. */
#include "models/xgboost_load.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct xgb_model *model = xgb_model_new((size_t)64 << 20);
    struct err err = ERR_INIT;

    if (model && xgb_json_read(bytes_of(data, size), 0, model, &err) == 0 &&
        xgb_model_finish(model, &err) == 0)
        err_clear(&err);
    xgb_model_free(model);
    return 0;
}
