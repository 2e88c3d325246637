#include "models/verify.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "algorithms/forest.h"
#include "algorithms/gblinear.h"
#include "algorithms/xgboost_backend.h"
#include "base/memory.h"
#include "models/verify_rows.h"
#include "models/xgboost_writer.h"

/* libxgboost keeps a number per feature for each row that it works on, used or not. */
#define FEATURES_MAX (16u << 20)

/* The model as UBJSON. */
#define DOCUMENT_MAX ((size_t)4 << 30)

/* The rules of 1.7.4, which libxgboost applies to a file of any age (xgboost-models 6.4); what the
 * member's own scorer does otherwise, for a file of another version, is in these rules alone. */
static const struct objective_rules library_rules = {.old_sigmoid = false};

/* Rows with infinities times features. */
#define IN_PLACE_NUMBERS ((size_t)16 << 20)

/*
 * Where every processor of the architecture has it (AArch64, not x86-64), compilers make a fused
 * multiply-add of a product that is added, unless they are told not to; libxgboost's are not. So
 * there the sums of DART's weighted trees and of the linear booster round once a term, ours (and
 * those of libxgboost on x86-64) twice.
 */
#ifdef __FP_FAST_FMAF
#define LIBRARY_FUSES true
#else
#define LIBRARY_FUSES false
#endif

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* `a` where `b` is NaN. Not fmax(): its loop below crashes GCC 12 with -O3 for AArch64. */
static double larger(double a, double b)
{
    return b > a ? b : a;
}

/* A comparison under way. */
struct comparison {
    const struct model_member *member;
    struct xgboost_backend *backend;
    struct verify_rows *rows;
    struct scorer *scorer; /* ours under the library's rules */
    float tolerance;       /* of the scorer that serves */
    bool fused;            /* the library's sums may be off by the rounding of products */
    double largest;        /* of forests: largest_sum() */
    struct scratch scratch;
    struct predictions own;
    struct predictions theirs;
    size_t compared; /* rows */
};

static void comparison_init(struct comparison *c, const struct model_member *member)
{
    *c = (struct comparison){.member = member};
    scratch_init(&c->scratch);
    predictions_init(&c->own);
    predictions_init(&c->theirs);
}

static void comparison_fini(struct comparison *c)
{
    xgboost_backend_free(c->backend);
    verify_rows_free(c->rows);
    scorer_free(c->scorer);
    scratch_fini(&c->scratch);
    predictions_fini(&c->own);
    predictions_fini(&c->theirs);
}

static int open_backend(struct comparison *c, struct err *err)
{
    const struct xgb_model *model = c->member->source;
    CLEANUP(buffer_fini) struct buffer document;

    buffer_init(&document, DOCUMENT_MAX);
    if (xgb_write(model, c->member->trees_used, &document, err))
        return -1;
    return xgboost_backend_new(bytes_of(document.data, document.size), c->member->base_margin,
                               model->outputs, model->features, &c->backend, err);
}

/* Our scorer as 1.7.4 would have it. */
static int make_scorer(struct comparison *c, struct err *err)
{
    const struct xgb_model *model = c->member->source;
    struct forest_spec spec = {
        .trees = model->trees,
        .tree_output = model->tree_output,
        .tree_weight = model->tree_weight,
        .tree_count = c->member->trees_used,
        .features = model->features,
        .outputs = model->outputs,
        .base_margin = c->member->base_margin,
        .sum_rule = SUM_BASE_FIRST,
        .category_rule = CATEGORY_LEFT,
    };

    if (model->booster == XGB_GBLINEAR)
        return gblinear_new(model->linear_weights, model->features, model->outputs,
                            c->member->base_margin, &c->scorer, err);
    return forest_new(&spec, &c->scorer, err);
}

/* " (f0=1.5 f7=nan ...)": the beginning of a row, missing values left out. */
static void describe_row(const struct matrix *matrix, size_t row, char *out, size_t size)
{
    size_t begin = matrix->kind == MATRIX_CSR ? matrix->row_start[row] : row * matrix->columns;
    size_t end = matrix->kind == MATRIX_CSR ? matrix->row_start[row + 1] : begin + matrix->columns;
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = begin; i < end; i++) {
        size_t feature = matrix->kind == MATRIX_CSR ? matrix->column[i] : i - begin;
        char text[48];
        size_t n;

        if (isnan(matrix->values[i]))
            continue;
        n = (size_t)snprintf(text, sizeof(text), " f%zu=%.9g", feature, (double)matrix->values[i]);
        if (used + n + sizeof(" ...") > size) {
            memcpy(out + used, " ...", sizeof(" ..."));
            return;
        }
        memcpy(out + used, text, n + 1);
        used += n;
    }
}

static bool same(float a, float b)
{
    return memcmp(&a, &b, sizeof(a)) == 0 || (isnan(a) && isnan(b));
}

/* What no sum of a forest's leaves, and no part of one, exceeds. */
static double largest_sum(const struct model_member *member)
{
    const struct xgb_model *model = member->source;
    double sum = 0;

    for (uint32_t o = 0; o < model->outputs; o++)
        sum = larger(sum, fabs((double)member->base_margin[o]));
    for (uint32_t t = 0; t < member->trees_used; t++) {
        const struct tree *tree = &model->trees[t];
        double weight = model->tree_weight ? (double)model->tree_weight[t] : 1.0;
        double largest = 0;

        for (uint32_t n = 0; n < tree->nodes; n++) {
            if (tree->left[n] == -1 && tree->feature[n] != TREE_DELETED)
                largest = larger(largest, fabs((double)tree->value[n] * weight));
        }
        sum += largest;
    }
    return sum;
}

/* The same of a row's products with the weights of the linear booster. */
static double linear_sum(const struct model_member *member, const struct matrix *matrix, size_t row,
                         size_t output)
{
    const struct xgb_model *model = member->source;
    bool csr = matrix->kind == MATRIX_CSR;
    size_t begin = csr ? matrix->row_start[row] : row * matrix->columns;
    size_t end = csr ? matrix->row_start[row + 1] : begin + matrix->columns;
    size_t bias = (size_t)model->features * model->outputs;
    double sum = fabs((double)member->base_margin[output]) +
                 fabs((double)model->linear_weights[bias + output]);

    for (size_t i = begin; i < end; i++) {
        size_t feature = csr ? matrix->column[i] : i - begin;
        double weight = (double)model->linear_weights[feature * model->outputs + output];

        if (!isnan(matrix->values[i]))
            sum += fabs((double)matrix->values[i] * weight);
    }
    return sum;
}

/* How far float32 sums of so many terms can be apart, of which neither, and no part of one, exceeds
 * `largest`: half a unit in its last place a rounding, in each of the two. */
static double rounding(double largest, double terms)
{
    return largest * (terms + 2.0) * (double)FLT_EPSILON;
}

/* Whether margin i and the library's are apart by the rounding of products alone. */
static bool nearly_same(const struct comparison *c, const struct matrix *matrix, size_t i)
{
    const struct xgb_model *model = c->member->source;
    size_t outputs = c->own.columns;
    bool linear = model->booster == XGB_GBLINEAR;
    double largest = linear ? linear_sum(c->member, matrix, i / outputs, i % outputs) : c->largest;
    double terms = linear ? model->features : c->member->trees_used;
    double apart = fabs((double)c->own.values[i] - (double)c->theirs.values[i]);

    if (!(largest <= (double)FLT_MAX / 2))
        return true; /* one may overflow where the other does not */
    /* and the product itself may round to a denormal number */
    return apart <= rounding(largest, terms) + terms * (double)FLT_TRUE_MIN;
}

/* own and theirs have the rows of the block; `what` is "margin" or "value". */
static int compare(const struct comparison *c, const struct matrix *matrix, const char *what,
                   bool fused, struct err *err)
{
    size_t columns = c->own.columns;
    char row[200];

    if (c->theirs.columns != columns || c->theirs.rows != c->own.rows)
        return err_set(err, ERR_INPUT, "libxgboost answers %zu numbers a row, not %zu",
                       c->theirs.columns, columns);
    for (size_t i = 0; i < c->own.rows * columns; i++) {
        if (same(c->own.values[i], c->theirs.values[i]) || (fused && nearly_same(c, matrix, i)))
            continue;
        describe_row(matrix, i / columns, row, sizeof(row));
        return err_set(err, ERR_INPUT,
                       "row %zu, output %zu: the %s is %.9g, in libxgboost %.9g; the row is%s",
                       c->compared + i / columns, i % columns, what, (double)c->own.values[i],
                       (double)c->theirs.values[i], row[0] ? row : " all missing");
    }
    return 0;
}

/* How far another order of the same float32 additions can be off. 0: that scorer is not looked
 * at. */
static float serving_tolerance(const struct model_member *member)
{
    const struct xgb_model *model = member->source;
    double largest;

    if (!member->scorer || model->booster == XGB_GBLINEAR)
        return 0;
    for (uint32_t t = 0; t < member->trees_used; t++) {
        if (model->trees[t].categorical)
            return 0; /* 1.5 and 1.6 lead some values elsewhere */
    }
    largest = largest_sum(member);
    if (largest > (double)FLT_MAX / 2)
        return 0; /* one order may overflow and another not */
    return (float)rounding(largest, member->trees_used);
}

/* The scorer that serves may add in the order of another version, but it must not walk otherwise.
 */
static int compare_serving(struct comparison *c, const struct matrix *matrix, struct err *err)
{
    char row[200];
    size_t columns = c->own.columns;
    const float *served;

    predictions_clear(&c->theirs);
    served = predictions_extend(&c->theirs, matrix->rows, columns, err);
    if (!served || scorer_score(c->member->scorer, matrix, &c->scratch, c->theirs.values, err))
        return -1;
    for (size_t i = 0; i < matrix->rows * columns; i++) {
        float own = c->own.values[i];

        if (same(own, served[i]) || fabsf(own - served[i]) <= c->tolerance)
            continue;
        describe_row(matrix, i / columns, row, sizeof(row));
        return err_set(
            err, ERR_INPUT,
            "row %zu, output %zu: the margin is %.9g, as it is served %.9g; the row is%s",
            c->compared + i / columns, i % columns, (double)own, (double)served[i],
            row[0] ? row : " all missing");
    }
    return 0;
}

/* Margins, then values. */
static int compare_block(struct comparison *c, const struct matrix *matrix, struct err *err)
{
    const struct xgb_model *model = c->member->source;
    float *margins;

    predictions_clear(&c->own);
    predictions_clear(&c->theirs);
    margins = predictions_extend(&c->own, matrix->rows, model->outputs, err);
    if (!margins || scorer_score(c->scorer, matrix, &c->scratch, margins, err) ||
        xgboost_backend_predict(c->backend, matrix, XGBOOST_MARGIN, &c->theirs, err) ||
        compare(c, matrix, "margin", c->fused, err))
        return -1;
    if (c->fused) /* what follows begins with the same margins, or it could not be equal */
        memcpy(margins, c->theirs.values, matrix->rows * model->outputs * sizeof(*margins));
    if (c->tolerance > 0 && compare_serving(c, matrix, err))
        return -1;
    objective_transform(model->objective, &library_rules, margins, matrix->rows, model->outputs);
    c->own.columns = objective_columns(model->objective, model->outputs);
    predictions_clear(&c->theirs);
    if (xgboost_backend_predict(c->backend, matrix, XGBOOST_VALUE, &c->theirs, err))
        return -1;
    return compare(c, matrix, "value", false, err);
}

/* Rows that may have infinities. Those go through libxgboost's in-place path, which the linear
 * booster lacks, which sums DART otherwise, and which clears room for all features for every row.
 */
static size_t rows_with_infinities(const struct xgb_model *model)
{
    if (model->booster == XGB_GBLINEAR || model->tree_weight)
        return 0;
    return IN_PLACE_NUMBERS / ((size_t)model->features + 1) + 1;
}

static int compare_all(struct comparison *c, struct err *err)
{
    size_t infinite = rows_with_infinities(c->member->source);
    size_t block = verify_rows_block(c->rows);
    size_t count = verify_rows_count(c->rows);

    for (size_t b = 0; c->compared < count; b++) {
        bool infinities = infinite > 0 && b % 4 == 1;
        size_t rows = smaller(count - c->compared, block);
        struct matrix matrix;

        if (infinities) {
            rows = smaller(rows, infinite);
            infinite -= rows;
        }
        if (verify_rows_next(c->rows, rows, infinities, &matrix, err) ||
            compare_block(c, &matrix, err))
            return -1;
        c->compared += rows;
    }
    return 0;
}

int verify_member(const struct model_member *member, enum verify_result *ret, char *reason,
                  size_t reason_size, size_t *ret_rows, struct err *err)
{
    const struct xgb_model *model = member->source;
    CLEANUP(comparison_fini) struct comparison c;

    comparison_init(&c, member);
    if (model->features > FEATURES_MAX)
        err_set(err, ERR_UNSUPPORTED,
                "%u features are more than a second opinion is asked for (%u)", model->features,
                FEATURES_MAX);
    if (err->kind != ERR_NONE || open_backend(&c, err)) {
        if (err->kind != ERR_UNSUPPORTED)
            return -1;
        snprintf(reason, reason_size, "%s", err->text);
        err_clear(err);
        *ret = VERIFY_IMPOSSIBLE;
        *ret_rows = 0;
        return 0;
    }
    c.tolerance = serving_tolerance(member);
    c.fused = LIBRARY_FUSES && (model->tree_weight || model->booster == XGB_GBLINEAR);
    c.largest = largest_sum(member);
    if (make_scorer(&c, err) || verify_rows_new(model, member->trees_used, &c.rows, err) ||
        compare_all(&c, err))
        return -1;
    *ret = VERIFY_EQUAL;
    *ret_rows = c.compared;
    return 0;
}
