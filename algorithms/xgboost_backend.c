/* The C API of libxgboost 1.7 (xgboost/c_api.h there; xgboost-models 6), called by address. */
#include "algorithms/xgboost_backend.h"

#include <dlfcn.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

/* The version whose rules the callers know; another one would give a different second opinion. */
#define LIBRARY       "libxgboost.so.0"
#define LIBRARY_MAJOR 1
#define LIBRARY_MINOR 7

/* In place, libxgboost keeps up to 64 rows of all features per call; this is the most numbers that
 * it may keep. */
#define IN_PLACE_NUMBERS ((size_t)4 << 20)

/* Addresses of the library's functions, declared as c_api.h has them; handles are void *. */
static struct {
    void (*XGBoostVersion)(int *major, int *minor, int *patch);
    const char *(*XGBGetLastError)(void);
    int (*XGBSetGlobalConfig)(const char *json);
    int (*XGBoosterCreate)(void *const matrices[], uint64_t count, void **ret);
    int (*XGBoosterFree)(void *booster);
    int (*XGBoosterSetParam)(void *booster, const char *name, const char *value);
    int (*XGBoosterLoadModelFromBuffer)(void *booster, const void *data, uint64_t size);
    int (*XGBoosterSaveJsonConfig)(void *booster, uint64_t *ret_size, const char **ret);
    int (*XGBoosterPredictFromDMatrix)(void *booster, void *matrix, const char *config,
                                       const uint64_t **ret_shape, uint64_t *ret_dimensions,
                                       const float **ret);
    int (*XGBoosterPredictFromCSR)(void *booster, const char *row_start, const char *column,
                                   const char *values, uint64_t columns, const char *config,
                                   void *proxy, const uint64_t **ret_shape,
                                   uint64_t *ret_dimensions, const float **ret);
    int (*XGDMatrixCreateFromCSREx)(const size_t *row_start, const unsigned *column,
                                    const float *values, size_t row_starts, size_t entries,
                                    size_t columns, void **ret);
    int (*XGDMatrixSetFloatInfo)(void *matrix, const char *field, const float *values,
                                 uint64_t count);
    int (*XGDMatrixFree)(void *matrix);
    int (*XGProxyDMatrixCreate)(void **ret);
    int (*XGProxyDMatrixSetDataCSR)(void *proxy, const char *row_start, const char *column,
                                    const char *values, uint64_t columns);
} api;

static pthread_once_t api_once = PTHREAD_ONCE_INIT;
static bool api_found;       /* the library is there, with all functions */
static bool api_known;       /* and it is the version that is wanted */
static char api_version[48]; /* "1.7.4" */
static char api_why[256];    /* why it cannot be used */

/* dlsym gives an object pointer; POSIX has it converted this way. */
#define FIND(name) find(library, #name, &api.name, sizeof(api.name))

static bool find(void *library, const char *name, void *ret, size_t size)
{
    void *address = dlsym(library, name);

    if (!address)
        snprintf(api_why, sizeof(api_why), LIBRARY " has no %s", name);
    memcpy(ret, &address, size);
    return address != NULL;
}

static bool find_all(void *library)
{
    return FIND(XGBoostVersion) && FIND(XGBGetLastError) && FIND(XGBSetGlobalConfig) &&
           FIND(XGBoosterCreate) && FIND(XGBoosterFree) && FIND(XGBoosterSetParam) &&
           FIND(XGBoosterLoadModelFromBuffer) && FIND(XGBoosterSaveJsonConfig) &&
           FIND(XGBoosterPredictFromDMatrix) && FIND(XGBoosterPredictFromCSR) &&
           FIND(XGDMatrixCreateFromCSREx) && FIND(XGDMatrixSetFloatInfo) && FIND(XGDMatrixFree) &&
           FIND(XGProxyDMatrixCreate) && FIND(XGProxyDMatrixSetDataCSR);
}

/* The library stays open for the life of the process: closing it gives no memory back. */
static void open_library(void)
{
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    int major = 0, minor = 0, patch = 0;

    if (!library) {
        snprintf(api_why, sizeof(api_why), "%s", dlerror());
        return;
    }
    if (!find_all(library))
        return;
    api.XGBoostVersion(&major, &minor, &patch);
    snprintf(api_version, sizeof(api_version), "%d.%d.%d", major, minor, patch);
    api_found = true;
    api_known = major == LIBRARY_MAJOR && minor == LIBRARY_MINOR;
    if (!api_known)
        snprintf(api_why, sizeof(api_why), LIBRARY " is version %s; %d.%d is needed", api_version,
                 LIBRARY_MAJOR, LIBRARY_MINOR);
}

const char *xgboost_backend_version(void)
{
    pthread_once(&api_once, open_library);
    return api_found ? api_version : NULL;
}

struct xgboost_backend {
    void *booster;
    bool dart;
    bool linear;
    uint32_t outputs;
    uint32_t features;
    float base_margin[]; /* `outputs` numbers */
};

/* "[12:00:00] path:LINE: text\nStack trace: ..." -> "text", as one printable line. */
static int refuse(struct err *err, const char *what)
{
    const char *text = api.XGBGetLastError();
    const char *at = text[0] == '[' ? strstr(text, "] ") : NULL;
    char clean[ERR_TEXT_SIZE / 2];
    size_t used = 0;

    if (at) {
        text = at + 2;
        at = strstr(text, ": ");
        if (at && at > text && at[-1] >= '0' && at[-1] <= '9')
            text = at + 2;
    }
    while (text[used] && text[used] != '\n' && used + 1 < sizeof(clean)) {
        clean[used] = text[used] >= 0x20 && text[used] < 0x7f ? text[used] : '?';
        used++;
    }
    clean[used] = '\0';
    return err_set(err, ERR_SYSTEM, "libxgboost cannot %s: %s", what, clean);
}

/* The setting is per thread. */
static void be_quiet(void)
{
    if (api.XGBSetGlobalConfig("{\"verbosity\":0}")) {
        /* it would only print warnings to standard error */
    }
}

/* The number of threads counts from the first configuration on, and loading is parallel already: so
 * the booster is configured once while it is empty, for which it wants the number of features. */
static int configure(struct xgboost_backend *backend, struct bytes model, struct err *err)
{
    const char *config;
    uint64_t size;
    char features[16];

    snprintf(features, sizeof(features), "%u", backend->features);
    if (api.XGBoosterCreate(NULL, 0, &backend->booster))
        return refuse(err, "make a booster");
    if (api.XGBoosterSetParam(backend->booster, "nthread", "1") ||
        api.XGBoosterSetParam(backend->booster, "num_feature", features) ||
        api.XGBoosterSaveJsonConfig(backend->booster, &size, &config))
        return refuse(err, "set the number of threads");
    if (api.XGBoosterLoadModelFromBuffer(backend->booster, model.data, model.size))
        return refuse(err, "load the model");
    if (api.XGBoosterSaveJsonConfig(backend->booster, &size, &config))
        return refuse(err, "configure the model");
    backend->dart = memmem(config, size, "\"booster\":\"dart\"", 16) != NULL;
    backend->linear = memmem(config, size, "\"booster\":\"gblinear\"", 20) != NULL;
    return 0;
}

int xgboost_backend_new(struct bytes model, const float *base_margin, uint32_t outputs,
                        uint32_t features, struct xgboost_backend **ret, struct err *err)
{
    struct xgboost_backend *backend;
    size_t size;

    pthread_once(&api_once, open_library);
    if (!api_known)
        return err_set(err, ERR_UNSUPPORTED, "libxgboost cannot be used: %s", api_why);
    be_quiet();
    size = sizeof(*backend) + (size_t)outputs * sizeof(float);
    backend = mem_zero(1, size);
    if (!backend)
        return err_memory(err, size, "the XGBoost backend");
    backend->outputs = outputs;
    backend->features = features;
    memcpy(backend->base_margin, base_margin, (size_t)outputs * sizeof(float));
    if (configure(backend, model, err)) {
        xgboost_backend_free(backend);
        return -1;
    }
    *ret = backend;
    return 0;
}

void xgboost_backend_free(struct xgboost_backend *backend)
{
    if (!backend)
        return;
    if (backend->booster)
        api.XGBoosterFree(backend->booster);
    free(backend);
}

/* Rows as the library is given them: CSR without missing values, as wide as the model. */
struct block {
    size_t rows;
    size_t entries;
    size_t *row_start;
    unsigned *column;
    float *values;
    float *base_margin; /* rows * outputs */
    void *matrix; /* a DMatrix, or for in-place prediction the proxy that carries the margin */
};

static void block_fini(struct block *block)
{
    if (block->matrix)
        api.XGDMatrixFree(block->matrix);
    free(block->row_start);
    free(block->column);
    free(block->values);
    free(block->base_margin);
}

static int block_allocate(struct block *block, size_t rows, size_t entries, uint32_t outputs,
                          struct err *err)
{
    block->row_start = mem_alloc(rows + 1, sizeof(*block->row_start));
    block->column = mem_alloc(entries, sizeof(*block->column));
    block->values = mem_alloc(entries, sizeof(*block->values));
    block->base_margin = mem_alloc(rows, outputs * sizeof(*block->base_margin));
    if (!block->row_start || !block->column || !block->values || !block->base_margin)
        return err_memory(err, entries * (sizeof(unsigned) + sizeof(float)), "a block of rows");
    return 0;
}

static void add_entry(struct block *block, uint32_t column, float value)
{
    if (isnan(value))
        return;
    block->column[block->entries] = column;
    block->values[block->entries++] = value;
}

static int add_row(struct block *block, const struct matrix *matrix, size_t row, uint32_t features,
                   struct err *err)
{
    if (matrix->kind == MATRIX_DENSE) {
        for (size_t c = 0; c < matrix->columns; c++)
            add_entry(block, (uint32_t)c, matrix->values[row * matrix->columns + c]);
        return 0;
    }
    for (size_t i = matrix->row_start[row]; i < matrix->row_start[row + 1]; i++) {
        if (matrix->column[i] >= features)
            return err_set(err, ERR_INPUT, "row %zu: column %u of a model of %u features", row,
                           matrix->column[i], features);
        add_entry(block, matrix->column[i], matrix->values[i]);
    }
    return 0;
}

static int block_fill(struct block *block, const struct xgboost_backend *backend,
                      const struct matrix *matrix, size_t first, size_t rows, struct err *err)
{
    size_t entries = matrix->kind == MATRIX_DENSE
                         ? rows * matrix->columns
                         : matrix->row_start[first + rows] - matrix->row_start[first];

    if (block_allocate(block, rows, entries, backend->outputs, err))
        return -1;
    block->rows = rows;
    block->row_start[0] = 0;
    for (size_t i = 0; i < rows; i++) {
        if (add_row(block, matrix, first + i, backend->features, err))
            return -1;
        block->row_start[i + 1] = block->entries;
        memcpy(block->base_margin + i * backend->outputs, backend->base_margin,
               backend->outputs * sizeof(float));
    }
    return 0;
}

/* What the library answered: numbers that are its own until the next call. */
struct answer {
    const uint64_t *shape;
    uint64_t dimensions;
    const float *values;
};

static const int prediction_type[] = {
    [XGBOOST_VALUE] = 0, [XGBOOST_MARGIN] = 1, [XGBOOST_CONTRIBUTIONS] = 2, [XGBOOST_LEAVES] = 6};

static int set_margin(const struct block *block, uint32_t outputs, struct err *err)
{
    if (api.XGDMatrixSetFloatInfo(block->matrix, "base_margin", block->base_margin,
                                  (uint64_t)block->rows * outputs))
        return refuse(err, "set the base margin");
    return 0;
}

static int predict_matrix(struct xgboost_backend *backend, struct block *block,
                          enum xgboost_output output, struct answer *ret, struct err *err)
{
    char config[160];

    snprintf(config, sizeof(config),
             "{\"type\":%d,\"training\":false,\"iteration_begin\":0,\"iteration_end\":0,"
             "\"strict_shape\":false}",
             prediction_type[output]);
    if (api.XGDMatrixCreateFromCSREx(block->row_start, block->column, block->values,
                                     block->rows + 1, block->entries, backend->features,
                                     &block->matrix))
        return refuse(err, "take the rows");
    if (set_margin(block, backend->outputs, err))
        return -1;
    if (api.XGBoosterPredictFromDMatrix(backend->booster, block->matrix, config, &ret->shape,
                                        &ret->dimensions, &ret->values))
        return refuse(err, "predict");
    return 0;
}

struct array_text {
    char text[128];
};

/* numpy's array interface, version 3, of a vector in memory. */
static struct array_text array_interface(const void *data, size_t count, char kind, size_t size)
{
    char order = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? '<' : '>';
    struct array_text ret;

    snprintf(ret.text, sizeof(ret.text),
             "{\"data\":[%zu,true],\"shape\":[%zu],\"typestr\":\"%c%c%zu\",\"version\":3}",
             (size_t)data, count, order, kind, size);
    return ret;
}

/* The proxy must have the rows before the margin, whose size it compares with theirs. */
static int predict_in_place(struct xgboost_backend *backend, struct block *block,
                            enum xgboost_output output, struct answer *ret, struct err *err)
{
    struct array_text row_start =
        array_interface(block->row_start, block->rows + 1, 'u', sizeof(*block->row_start));
    struct array_text column =
        array_interface(block->column, block->entries, 'u', sizeof(*block->column));
    struct array_text values =
        array_interface(block->values, block->entries, 'f', sizeof(*block->values));
    char config[192];

    snprintf(config, sizeof(config),
             "{\"type\":%d,\"training\":false,\"iteration_begin\":0,\"iteration_end\":0,"
             "\"strict_shape\":false,\"cache_id\":0,\"missing\":NaN}",
             prediction_type[output]);
    if (api.XGProxyDMatrixCreate(&block->matrix) ||
        api.XGProxyDMatrixSetDataCSR(block->matrix, row_start.text, column.text, values.text,
                                     backend->features))
        return refuse(err, "take the rows in place");
    if (set_margin(block, backend->outputs, err))
        return -1;
    if (api.XGBoosterPredictFromCSR(backend->booster, row_start.text, column.text, values.text,
                                    backend->features, config, block->matrix, &ret->shape,
                                    &ret->dimensions, &ret->values))
        return refuse(err, "predict in place");
    return 0;
}

static int append(const struct xgboost_backend *backend, const struct block *block,
                  const struct answer *answer, enum xgboost_output output, struct predictions *ret,
                  struct err *err)
{
    uint64_t count = answer->dimensions ? 1 : 0;
    size_t columns;
    float *room;

    for (uint64_t i = 0; i < answer->dimensions; i++)
        count *= answer->shape[i];
    columns = count / block->rows;
    if (columns * block->rows != count || columns == 0 ||
        (output == XGBOOST_MARGIN && columns != backend->outputs) ||
        (output == XGBOOST_CONTRIBUTIONS &&
         columns != (size_t)backend->outputs * ((size_t)backend->features + 1)))
        return err_set(err, ERR_SYSTEM, "libxgboost answered %zu numbers for %zu rows",
                       (size_t)count, block->rows);
    room = predictions_extend(ret, block->rows, columns, err);
    if (!room)
        return -1;
    memcpy(room, answer->values, count * sizeof(float));
    return 0;
}

static bool has_infinity(const struct matrix *matrix)
{
    size_t count = matrix->kind == MATRIX_DENSE ? matrix->rows * matrix->columns
                                                : matrix->row_start[matrix->rows];

    for (size_t i = 0; i < count; i++) {
        if (isinf(matrix->values[i]))
            return true;
    }
    return false;
}

static int predict_rows(struct xgboost_backend *backend, const struct matrix *matrix, size_t first,
                        size_t rows, bool in_place, enum xgboost_output output,
                        struct predictions *ret, struct err *err)
{
    CLEANUP(block_fini) struct block block = {0};
    struct answer answer = {0};

    if (block_fill(&block, backend, matrix, first, rows, err))
        return -1;
    if (in_place ? predict_in_place(backend, &block, output, &answer, err)
                 : predict_matrix(backend, &block, output, &answer, err))
        return -1;
    return append(backend, &block, &answer, output, ret, err);
}

int xgboost_backend_predict(struct xgboost_backend *backend, const struct matrix *matrix,
                            enum xgboost_output output, struct predictions *ret, struct err *err)
{
    bool in_place = has_infinity(matrix);
    size_t step = matrix->rows;

    if (matrix->kind == MATRIX_DENSE && matrix->columns > backend->features)
        return err_set(err, ERR_INPUT, "%zu columns for a model of %u features", matrix->columns,
                       backend->features);
    if (in_place && (output == XGBOOST_CONTRIBUTIONS || output == XGBOOST_LEAVES))
        return err_set(err, ERR_INPUT,
                       "XGBoost takes no infinite numbers for contributions and leaves");
    if (in_place && (backend->dart || backend->linear))
        return err_set(err, ERR_INPUT, "XGBoost takes no infinite numbers with the booster %s",
                       backend->dart ? "dart" : "gblinear");
    if (in_place && step > IN_PLACE_NUMBERS / ((size_t)backend->features + 1) + 1)
        step = IN_PLACE_NUMBERS / ((size_t)backend->features + 1) + 1;
    be_quiet();
    for (size_t first = 0; first < matrix->rows; first += step) {
        size_t rows = matrix->rows - first < step ? matrix->rows - first : step;

        if (predict_rows(backend, matrix, first, rows, in_place, output, ret, err))
            return -1;
    }
    return 0;
}
