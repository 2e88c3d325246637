#include "algorithms/linear.h"

#include <math.h>
#include <string.h>

#include "algorithms/blas.h"
#include "algorithms/linear_product.h"
#include "base/memory.h"

/* Rows of a product of OpenBLAS: always as many, so that a row does not depend on its company. The
 * kernels for Haswell and Zen sum otherwise in a part of the rows where there are twelve or more.
 */
static const size_t blas_rows[] = {32, 8};

struct linear {
    struct scorer scorer;
    struct linear_product product;
    enum linear_answer answer;
    float threshold;
    size_t rows; /* of a product of OpenBLAS */
};

/* The answers of blocks are made where the sums are. */
static void answer_cut(const struct linear *linear, size_t rows, float *answers)
{
    for (size_t row = 0; row < rows; row++, answers += 2) {
        if (linear->answer == LINEAR_LOGISTIC && !isnan(answers[0]))
            answers[0] = 1.0f / (1.0f + expf(-answers[0]));
        answers[1] = answers[0] >= linear->threshold ? 1.0f : 0.0f;
    }
}

/* Scores of a row, in place; returns the first class of the largest. */
static size_t softmax(float *z, size_t count)
{
    float most = z[0], sum = 0;
    size_t first = 0;

    for (size_t k = 1; k < count; k++)
        most = z[k] > most || isnan(z[k]) ? z[k] : most;
    for (size_t k = 0; k < count; k++) {
        z[k] = expf((z[k] - most) + 10.0f);
        sum += z[k];
    }
    for (size_t k = 0; k < count; k++) {
        float score = z[k] / sum;

        if (score < 1e-10f)
            score = 1e-10f;
        if (score > 1.0f)
            score = 1.0f;
        z[k] = isnan(score) ? NAN : score;
        if (z[k] > z[first])
            first = k;
    }
    return first;
}

static void answer_softmax(const struct linear *linear, size_t rows, float *answers)
{
    size_t outputs = linear->product.sum.outputs;

    for (size_t row = 0; row < rows; row++, answers += outputs + 1)
        answers[0] = (float)softmax(answers + 1, outputs);
}

/* The sums of a row stand where its answer's scores will, beside the label. */
static struct linear_sums sums_in(const struct linear *linear, float *answers)
{
    return (struct linear_sums){
        .z = answers + (linear->answer == LINEAR_SOFTMAX),
        .stride = linear->scorer.outputs,
    };
}

static void answer(const struct linear *linear, size_t rows, float *answers)
{
    if (linear->answer == LINEAR_SOFTMAX)
        answer_softmax(linear, rows, answers);
    else if (linear->answer != LINEAR_MARGIN)
        answer_cut(linear, rows, answers);
}

static int score_loop(const struct scorer *scorer, const struct matrix *matrix,
                      struct scratch *scratch, float *ret_margins, struct err *err)
{
    const struct linear *linear = (const struct linear *)scorer;
    struct linear_sums sums = sums_in(linear, ret_margins);

    float *room = scratch_get(scratch, linear_product_room(&linear->product) * sizeof(*room), err);

    if (!room)
        return -1;
    linear_product_rows(&linear->product, matrix, room, &sums);
    answer(linear, matrix->rows, ret_margins);
    return 0;
}

/* linear->rows rows from x, of which `rows` are wanted. */
static void score_block(const struct linear *linear, const float *x, size_t stride, size_t rows,
                        float *products, const struct linear_sums *ret)
{
    const struct linear_sum *sum = &linear->product.sum;

    blas_product(linear->rows, sum->outputs, sum->features, x, stride, sum->weights, sum->outputs,
                 0, products, sum->outputs);
    for (size_t row = 0; row < rows; row++, products += sum->outputs) {
        float *z = ret->z + row * ret->stride;

        for (size_t k = 0; k < sum->outputs; k++) {
            z[k] = products[k] + sum->bias[k];
            z[k] = isnan(z[k]) ? NAN : z[k];
        }
    }
}

static int score_blas(const struct scorer *scorer, const struct matrix *matrix,
                      struct scratch *scratch, float *ret_margins, struct err *err)
{
    const struct linear *linear = (const struct linear *)scorer;
    const struct linear_sum *sum = &linear->product.sum;
    bool wide = matrix->kind == MATRIX_DENSE && matrix->columns >= sum->features;
    size_t most = linear->rows;
    float *products, *x;

    products = scratch_get(scratch, most * (sum->outputs + sum->features) * sizeof(*products), err);
    if (!products)
        return -1;
    x = products + most * sum->outputs;
    for (size_t row = 0; row < matrix->rows; row += most) {
        size_t rows = matrix->rows - row < most ? matrix->rows - row : most;
        float *answers = ret_margins + row * scorer->outputs;
        struct linear_sums sums = sums_in(linear, answers);

        if (wide && rows == most) {
            score_block(linear, matrix->values + row * matrix->columns, matrix->columns, rows,
                        products, &sums);
        } else {
            linear_dense_rows(matrix, row, rows, sum->features, x);
            memset(x + rows * sum->features, 0, (most - rows) * sum->features * sizeof(*x));
            score_block(linear, x, sum->features, rows, products, &sums);
        }
        answer(linear, rows, answers);
    }
    return 0;
}

static void linear_destroy(struct scorer *scorer)
{
    struct linear *linear = (struct linear *)scorer;

    linear_product_fini(&linear->product);
    free(linear);
}

/*
 * LINEAR_AUTO is the loop, whatever the shape. Nanoseconds a row, medians of 25 slices of at least
 * 3 ms of processor time, on one AMD EPYC with AVX-512 that others used too, 16 lanes, OpenBLAS
 * 0.3.21 with its kernels for Cooper Lake:
 *
 *     features x outputs                       30 x 10   1000 x 10   1000 x 100   1000 x 1000
 *     32 rows    loop                                8         177         1119         10666
 *                OpenBLAS, 32 rows a product        11         208         1407         13215
 *     1 row      loop                               44         560         5076         58201
 *                OpenBLAS, padded to 32            235        7350        45312        388923
 *     256 rows   loop                                8         184         1137         10637
 *                OpenBLAS, one product, bare         5         297          987          9662
 *
 * The last line is no choice: there a row's answer depends on the batch. With the kernels for
 * Haswell, 8 rows a product, OpenBLAS took 2.7 to 3.1 times the loop's time for 32 rows. Not
 * measured: a processor that multiplies and adds in the same units, where a fused multiplication
 * could make OpenBLAS up to twice as fast beside the loop; AArch64.
 */
static bool use_blas(struct linear *linear, const struct linear_spec *spec)
{
    for (size_t i = 0; i < ARRAY_LENGTH(blas_rows) && spec->kernel == LINEAR_BLAS; i++) {
        linear->rows = blas_rows[i];
        if (blas_even(linear->rows, spec->outputs, spec->features, 0))
            return true;
    }
    return false;
}

/* About 4 ns an exponential. */
static double answer_ns(const struct linear_spec *spec)
{
    return spec->answer == LINEAR_SOFTMAX  ? 6.0 * spec->outputs
           : spec->answer == LINEAR_MARGIN ? 0
                                           : 5;
}

int linear_new(const struct linear_spec *spec, struct scorer **ret, struct err *err)
{
    struct linear *linear = mem_zero(1, sizeof(*linear));

    if (!linear)
        return err_memory(err, sizeof(*linear), "a linear scorer");
    linear->answer = spec->answer;
    linear->threshold = spec->threshold;
    if (linear_product_init(&linear->product, spec->weights, spec->bias, spec->features,
                            spec->outputs, err)) {
        linear_destroy(&linear->scorer);
        return -1;
    }
    linear->scorer = (struct scorer){
        .name = linear->product.kernels->name,
        .features = spec->features,
        .outputs = spec->answer == LINEAR_MARGIN ? spec->outputs : spec->outputs + 1,
        .row_ns = linear_product_ns(&linear->product) + answer_ns(spec),
        .score = score_loop,
        .destroy = linear_destroy,
    };
    if (use_blas(linear, spec)) {
        linear->scorer.name = "linear-blas";
        linear->scorer.score = score_blas;
    }
    *ret = &linear->scorer;
    return 0;
}
