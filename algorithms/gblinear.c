#include "algorithms/gblinear.h"

#include <math.h>
#include <string.h>

struct gblinear {
    struct scorer scorer;
    float *start;   /* per output fl(bias + base margin): what every row's sum begins with */
    float *weights; /* features * outputs */
};

/* One present value: its product goes to each output's sum. */
static inline void add_value(const struct gblinear *linear, uint32_t feature, float x, float *sums)
{
    size_t outputs = linear->scorer.outputs;
    const float *weights = linear->weights + feature * outputs;

    for (size_t o = 0; o < outputs; o++)
        sums[o] += x * weights[o];
}

static void score_dense(const struct gblinear *linear, const struct matrix *matrix, size_t row,
                        float *sums)
{
    const float *x = matrix->values + row * matrix->columns;
    size_t columns = matrix->columns;

    if (columns > linear->scorer.features)
        columns = linear->scorer.features;
    for (size_t f = 0; f < columns; f++) {
        if (!isnan(x[f]))
            add_value(linear, (uint32_t)f, x[f], sums);
    }
}

static void score_csr(const struct gblinear *linear, const struct matrix *matrix, size_t row,
                      float *sums)
{
    size_t end = matrix->row_start[row + 1];

    for (size_t i = matrix->row_start[row]; i < end; i++) {
        uint32_t feature = matrix->column[i];

        if (feature < linear->scorer.features && !isnan(matrix->values[i]))
            add_value(linear, feature, matrix->values[i], sums);
    }
}

static int gblinear_score(const struct scorer *scorer, const struct matrix *matrix,
                          struct scratch *scratch UNUSED, float *ret_margins,
                          struct err *err UNUSED)
{
    const struct gblinear *linear = (const struct gblinear *)scorer;

    for (size_t row = 0; row < matrix->rows; row++) {
        float *sums = ret_margins + row * scorer->outputs;

        memcpy(sums, linear->start, scorer->outputs * sizeof(*sums));
        if (matrix->kind == MATRIX_DENSE)
            score_dense(linear, matrix, row, sums);
        else
            score_csr(linear, matrix, row, sums);
    }
    return 0;
}

static void gblinear_destroy(struct scorer *scorer)
{
    struct gblinear *linear = (struct gblinear *)scorer;

    free(linear->start);
    free(linear->weights);
    free(linear);
}

int gblinear_new(const float *weights, uint32_t features, uint32_t outputs,
                 const float *base_margin, struct scorer **ret, struct err *err)
{
    size_t count = (size_t)features * outputs;
    struct gblinear *linear = mem_zero(1, sizeof(*linear));

    if (!linear)
        return err_memory(err, sizeof(*linear), "a linear scorer");
    linear->scorer = (struct scorer){
        .name = "gblinear",
        .features = features,
        .outputs = outputs,
        .row_ns = (double)features * outputs,
        .score = gblinear_score,
        .destroy = gblinear_destroy,
    };
    linear->start = mem_alloc(outputs, sizeof(*linear->start));
    linear->weights = mem_alloc(count, sizeof(*linear->weights));
    if (!linear->start || !linear->weights) {
        gblinear_destroy(&linear->scorer);
        return err_memory(err, (count + outputs) * sizeof(float), "the weights of a linear scorer");
    }
    memcpy(linear->weights, weights, count * sizeof(*weights));
    for (uint32_t o = 0; o < outputs; o++)
        linear->start[o] = weights[count + o] + base_margin[o];
    *ret = &linear->scorer;
    return 0;
}
