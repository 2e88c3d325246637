#include "algorithms/projection.h"

#include "algorithms/linear_product.h"
#include "base/memory.h"

/* Rows that are centred at a time: they stay in the second cache. */
#define BLOCK_ROWS 32

/* The products are linear_product's; linear.c has what OpenBLAS would have taken for the same
 * shapes. */
struct projection {
    struct scorer scorer;
    struct linear_product product;
    const float *mean;
    float *zero; /* the bias */
};

/* Rows minus the mean, first of all: where a mean is large, the difference of two products would
 * have lost what counts. Whatever is absent is 0. */
static void centre(const struct projection *projection, const struct matrix *matrix, size_t row,
                   size_t rows, float *ret)
{
    size_t features = projection->product.sum.features;
    const float *from = ret, *mean = projection->mean;
    size_t stride = features;

    if (matrix->kind == MATRIX_DENSE && matrix->columns >= features) {
        stride = matrix->columns;
        from = matrix->values + row * stride;
    } else {
        linear_dense_rows(matrix, row, rows, features, ret);
    }
    for (size_t i = 0; i < rows; i++, ret += features, from += stride) {
        for (size_t f = 0; f < features; f++)
            ret[f] = from[f] - mean[f];
    }
}

static int projection_score(const struct scorer *scorer, const struct matrix *matrix,
                            struct scratch *scratch, float *ret_margins, struct err *err)
{
    const struct projection *projection = (const struct projection *)scorer;
    size_t features = scorer->features;
    float *x = scratch_get(scratch, BLOCK_ROWS * features * sizeof(*x), err);

    if (!x)
        return -1;
    for (size_t row = 0; row < matrix->rows; row += BLOCK_ROWS) {
        size_t rows = matrix->rows - row < BLOCK_ROWS ? matrix->rows - row : BLOCK_ROWS;
        struct matrix block = {
            .kind = MATRIX_DENSE, .rows = rows, .columns = features, .values = x};
        struct linear_sums sums = {.z = ret_margins + row * scorer->outputs,
                                   .stride = scorer->outputs};

        centre(projection, matrix, row, rows, x);
        linear_product_rows(&projection->product, &block, NULL, &sums);
    }
    return 0;
}

static void projection_destroy(struct scorer *scorer)
{
    struct projection *projection = (struct projection *)scorer;

    linear_product_fini(&projection->product);
    free(projection->zero);
    free(projection);
}

int projection_new(const struct projection_spec *spec, struct scorer **ret, struct err *err)
{
    struct projection *projection = mem_zero(1, sizeof(*projection));

    if (!projection)
        return err_memory(err, sizeof(*projection), "a projection");
    projection->mean = spec->mean;
    projection->zero = mem_zero(spec->components, sizeof(float));
    if (!projection->zero) {
        projection_destroy(&projection->scorer);
        return err_memory(err, spec->components * sizeof(float), "a projection");
    }
    if (linear_product_init(&projection->product, spec->v, projection->zero, spec->features,
                            spec->components, err)) {
        projection_destroy(&projection->scorer);
        return -1;
    }
    projection->scorer = (struct scorer){
        .name = "projection",
        .features = spec->features,
        .outputs = spec->components,
        .row_ns = linear_product_ns(&projection->product) + 0.1 * spec->features,
        .score = projection_score,
        .destroy = projection_destroy,
    };
    *ret = &projection->scorer;
    return 0;
}
