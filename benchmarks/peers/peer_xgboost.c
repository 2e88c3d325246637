/*
 * libxgboost's scorer of a model file, in microseconds a row; see row_timing.h for the arguments.
 * XGBoosterPredictFromDense without a proxy matrix, one thread: what its C API offers for rows in
 * memory. The library is opened from the path given, so that any version can be measured.
 *
 *     peer_xgboost --library PATH [--seconds S] [--margins FILE] MODEL ROWS COLUMNS OUTPUTS
 */
#include <dlfcn.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "benchmarks/row_timing.h"

struct library {
    const char *(*last_error)(void);
    void (*version)(int *major, int *minor, int *patch);
    int (*create)(void *const *matrices, uint64_t count, void **ret);
    int (*load_model)(void *booster, const char *path);
    int (*set_param)(void *booster, const char *name, const char *value);
    int (*predict_from_dense)(void *booster, const char *values, const char *config, void *matrix,
                              const uint64_t **ret_shape, uint64_t *ret_dimensions,
                              const float **ret_values);
    void *booster;
    size_t columns;
    size_t outputs;
};

static const char *library_path = "libxgboost.so.0";

static int take_option(const char *name, const char *value)
{
    if (strcmp(name, "--library") != 0)
        return 0;
    library_path = value;
    return 1;
}

static void *find(void *handle, const char *name)
{
    void *symbol = dlsym(handle, name);

    if (!symbol)
        row_die(name, "the library does not have it");
    return symbol;
}

static void library_open(struct library *library)
{
    void *handle = dlopen(library_path, RTLD_NOW | RTLD_LOCAL);

    if (!handle)
        row_die(library_path, dlerror());
    *(void **)&library->last_error = find(handle, "XGBGetLastError");
    *(void **)&library->version = find(handle, "XGBoostVersion");
    *(void **)&library->create = find(handle, "XGBoosterCreate");
    *(void **)&library->load_model = find(handle, "XGBoosterLoadModel");
    *(void **)&library->set_param = find(handle, "XGBoosterSetParam");
    *(void **)&library->predict_from_dense = find(handle, "XGBoosterPredictFromDense");
}

static void score(void *self, const float *values, size_t rows, float *margins)
{
    static const char config[] = "{\"type\": 1, \"training\": false, \"iteration_begin\": 0, "
                                 "\"iteration_end\": 0, \"strict_shape\": false, "
                                 "\"cache_id\": 0, \"missing\": NaN}";
    struct library *library = self;
    const uint64_t *shape;
    uint64_t dimensions;
    const float *result;
    char array[200];

    snprintf(array, sizeof(array),
             "{\"data\": [%" PRIuPTR ", true], \"shape\": [%zu, %zu], \"typestr\": \"<f4\", "
             "\"version\": 3}",
             (uintptr_t)values, rows, library->columns);
    if (library->predict_from_dense(library->booster, array, config, NULL, &shape, &dimensions,
                                    &result))
        row_die("XGBoosterPredictFromDense", library->last_error());
    memcpy(margins, result, rows * library->outputs * sizeof(*margins));
}

int main(int argc, char **argv)
{
    struct row_options options = row_options_parse(argc, argv, take_option);
    struct library library = {.columns = options.columns, .outputs = options.outputs};
    struct row_scorer scorer = {.name = "libxgboost", .self = &library, .score = score};
    int major, minor, patch;
    char version[64];
    double start;

    library_open(&library);
    library.version(&major, &minor, &patch);
    snprintf(version, sizeof(version), "%d.%d.%d", major, minor, patch);
    scorer.version = version;
    start = row_cpu_seconds();
    if (library.create(NULL, 0, &library.booster) ||
        library.load_model(library.booster, options.model) ||
        library.set_param(library.booster, "nthread", "1"))
        row_die(options.model, library.last_error());
    scorer.load_ms = (row_cpu_seconds() - start) * 1e3;
    row_timing_run(&options, &scorer);
    return 0;
}
