#include "algorithms/factorization.h"

#include <math.h>
#include <string.h>

#include "algorithms/linear_product.h"
#include "base/memory.h"

#define BLOCK_ROWS 32

/*
 * Three products of linear_product's: x with v, x with w1 (and w0 as its bias), and x^2 with
 *   q_i = sum over f of v_if^2
 * The last steps, where most may cancel, are in double.
 */
struct factorization {
    struct scorer scorer;
    struct linear_product pairs;   /* x . v */
    struct linear_product line;    /* w0 + x . w1 */
    struct linear_product squares; /* x^2 . q */
    float w0;
    float *q;
    float *zero; /* the bias of pairs and squares */
    enum factorization_answer answer;
};

/* What a block needs, one after the other in a scratch. */
struct block {
    float *pairs;   /* [BLOCK_ROWS][factors] */
    float *line;    /* [BLOCK_ROWS] */
    float *squares; /* [BLOCK_ROWS] */
    float *x2;      /* squares of the block's values */
    float *room;    /* linear_product_rows' */
};

static void score_rows(const struct factorization *fm, const struct matrix *matrix,
                       const struct block *block, float *answers)
{
    size_t factors = fm->pairs.sum.outputs;
    struct linear_sums pairs = {.z = block->pairs, .stride = factors};
    struct linear_sums line = {.z = block->line, .stride = 1};
    struct linear_sums squares = {.z = block->squares, .stride = 1};
    size_t values = matrix->kind == MATRIX_DENSE ? matrix->rows * matrix->columns
                                                 : matrix->row_start[matrix->rows];
    struct matrix squared = *matrix;

    linear_product_rows(&fm->pairs, matrix, block->room, &pairs);
    linear_product_rows(&fm->line, matrix, block->room, &line);
    for (size_t i = 0; i < values; i++)
        block->x2[i] = matrix->values[i] * matrix->values[i];
    squared.values = block->x2;
    linear_product_rows(&fm->squares, &squared, block->room, &squares);
    for (size_t row = 0; row < matrix->rows; row++) {
        const float *s = block->pairs + row * factors;
        double sum = 0;
        float z;

        for (size_t f = 0; f < factors; f++)
            sum += (double)s[f] * (double)s[f];
        z = (float)((double)block->line[row] + 0.5 * (sum - (double)block->squares[row]));
        z = isnan(z) ? NAN : z;
        if (fm->answer == FACTORIZATION_MARGIN) {
            answers[row] = z;
        } else {
            float score = isnan(z) ? z : 1.0f / (1.0f + expf(-z));

            answers[2 * row] = score;
            answers[2 * row + 1] = score >= 0.5f ? 1.0f : 0.0f;
        }
    }
}

/* The largest number of values that a block has; 0 rows, 0. */
static size_t most_values(const struct matrix *matrix)
{
    size_t most = 0;

    if (matrix->kind == MATRIX_DENSE)
        return BLOCK_ROWS * matrix->columns;
    for (size_t row = 0; row < matrix->rows; row += BLOCK_ROWS) {
        size_t end = matrix->rows - row < BLOCK_ROWS ? matrix->rows : row + BLOCK_ROWS;
        size_t values = matrix->row_start[end] - matrix->row_start[row];

        most = values > most ? values : most;
    }
    return most;
}

static int factorization_score(const struct scorer *scorer, const struct matrix *matrix,
                               struct scratch *scratch, float *ret_margins, struct err *err)
{
    const struct factorization *fm = (const struct factorization *)scorer;
    size_t factors = fm->pairs.sum.outputs, values = most_values(matrix);
    size_t room = 0;
    struct block block;

    if (!fm->pairs.finite || !fm->line.finite || !fm->squares.finite)
        room = BLOCK_ROWS * (size_t)scorer->features;
    block.pairs =
        scratch_get(scratch, (BLOCK_ROWS * (factors + 2) + values + room) * sizeof(float), err);
    if (!block.pairs)
        return -1;
    block.line = block.pairs + BLOCK_ROWS * factors;
    block.squares = block.line + BLOCK_ROWS;
    block.x2 = block.squares + BLOCK_ROWS;
    block.room = block.x2 + values;
    for (size_t row = 0; row < matrix->rows; row += BLOCK_ROWS) {
        struct matrix part = *matrix;
        size_t starts[BLOCK_ROWS + 1];

        part.rows = matrix->rows - row < BLOCK_ROWS ? matrix->rows - row : BLOCK_ROWS;
        if (matrix->kind == MATRIX_DENSE) {
            part.values += row * matrix->columns;
        } else {
            size_t first = matrix->row_start[row];

            for (size_t i = 0; i <= part.rows; i++)
                starts[i] = matrix->row_start[row + i] - first;
            part.row_start = starts;
            part.values += first;
            part.column += first;
        }
        score_rows(fm, &part, &block, ret_margins + row * scorer->outputs);
    }
    return 0;
}

static void factorization_destroy(struct scorer *scorer)
{
    struct factorization *fm = (struct factorization *)scorer;

    linear_product_fini(&fm->pairs);
    linear_product_fini(&fm->line);
    linear_product_fini(&fm->squares);
    free(fm->q);
    free(fm->zero);
    free(fm);
}

static void sum_squares(const struct factorization_spec *spec, float *q)
{
    const float *v = spec->v;

    for (size_t i = 0; i < spec->features; i++) {
        double sum = 0;

        for (size_t f = 0; f < spec->factors; f++, v++)
            sum += (double)*v * (double)*v;
        q[i] = (float)sum;
    }
}

static int prepare(struct factorization *fm, const struct factorization_spec *spec, struct err *err)
{
    size_t zeros = spec->factors > 1 ? spec->factors : 1;

    fm->answer = spec->answer;
    fm->w0 = spec->w0;
    fm->q = mem_alloc(spec->features, sizeof(float));
    fm->zero = mem_zero(zeros, sizeof(float));
    if (!fm->q || !fm->zero)
        return err_memory(err, (spec->features + zeros) * sizeof(float), "a factorization machine");
    sum_squares(spec, fm->q);
    if (linear_product_init(&fm->pairs, spec->v, fm->zero, spec->features, spec->factors, err) ||
        linear_product_init(&fm->line, spec->w1, &fm->w0, spec->features, 1, err) ||
        linear_product_init(&fm->squares, fm->q, fm->zero, spec->features, 1, err))
        return -1;
    fm->scorer = (struct scorer){
        .name = "factorization",
        .features = spec->features,
        .outputs = spec->answer == FACTORIZATION_MARGIN ? 1 : 2,
        .row_ns = linear_product_ns(&fm->pairs) + 2 * linear_product_ns(&fm->line) +
                  0.1 * spec->features + spec->factors + 5,
        .score = factorization_score,
        .destroy = factorization_destroy,
    };
    return 0;
}

int factorization_new(const struct factorization_spec *spec, struct scorer **ret, struct err *err)
{
    struct factorization *fm = mem_zero(1, sizeof(*fm));

    if (!fm)
        return err_memory(err, sizeof(*fm), "a factorization machine");
    if (prepare(fm, spec, err)) {
        factorization_destroy(&fm->scorer);
        return -1;
    }
    *ret = &fm->scorer;
    return 0;
}
