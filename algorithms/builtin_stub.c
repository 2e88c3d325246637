/* Plain scorers that stand in for algorithms/linear.c and its siblings. */
#include <math.h>
#include <string.h>

#include "algorithms/factorization.h"
#include "algorithms/linear.h"
#include "algorithms/nearest.h"
#include "algorithms/projection.h"

enum kind { LINEAR, FACTORIZATION, KMEANS, PROJECTION };

struct stub {
    struct scorer scorer;
    enum kind kind;
    struct linear_spec linear;
    struct factorization_spec factorization;
    struct kmeans_spec kmeans;
    struct projection_spec projection;
};

static void row_linear(const struct linear_spec *s, const float *x, float *out)
{
    uint32_t n = s->outputs;
    float *z = s->answer == LINEAR_SOFTMAX ? out + 1 : out;

    for (uint32_t k = 0; k < n; k++) {
        float sum = 0;

        for (uint32_t i = 0; i < s->features; i++)
            sum += x[i] * s->weights[(size_t)i * n + k];
        z[k] = sum + s->bias[k];
    }
    if (s->answer == LINEAR_LOGISTIC)
        z[0] = 1.0f / (1.0f + expf(-z[0]));
    if (s->answer == LINEAR_LOGISTIC || s->answer == LINEAR_CUT)
        z[1] = z[0] >= s->threshold ? 1 : 0;
    if (s->answer == LINEAR_SOFTMAX) {
        float max = z[0];
        float sum = 0;
        uint32_t best = 0;

        for (uint32_t k = 1; k < n; k++)
            max = z[k] > max ? z[k] : max;
        for (uint32_t k = 0; k < n; k++) {
            z[k] = expf((z[k] - max) + 10.0f);
            sum += z[k];
        }
        for (uint32_t k = 0; k < n; k++) {
            z[k] = fminf(fmaxf(z[k] / sum, 1e-10f), 1.0f);
            if (z[k] > z[best])
                best = k;
        }
        out[0] = (float)best;
    }
}

static void row_factorization(const struct factorization_spec *s, const float *x, float *out)
{
    float z = s->w0;

    for (uint32_t i = 0; i < s->features; i++)
        z += x[i] * s->w1[i];
    for (uint32_t f = 0; f < s->factors; f++) {
        float sum = 0;
        float squares = 0;

        for (uint32_t i = 0; i < s->features; i++) {
            float t = x[i] * s->v[(size_t)i * s->factors + f];

            sum += t;
            squares += t * t;
        }
        z += 0.5f * (sum * sum - squares);
    }
    out[0] = z;
    if (s->answer == FACTORIZATION_LOGISTIC) {
        out[0] = 1.0f / (1.0f + expf(-z));
        out[1] = out[0] >= 0.5f ? 1 : 0;
    }
}

static void row_kmeans(const struct kmeans_spec *s, const float *x, float *out)
{
    out[1] = INFINITY;
    out[0] = 0;
    for (uint32_t k = 0; k < s->clusters; k++) {
        float sum = 0;

        for (uint32_t i = 0; i < s->features; i++) {
            float d = x[i] - s->centroids[(size_t)k * s->features + i];

            sum += d * d;
        }
        if (sqrtf(sum) < out[1]) {
            out[0] = (float)k;
            out[1] = sqrtf(sum);
        }
    }
}

static void row_projection(const struct projection_spec *s, const float *x, float *out)
{
    for (uint32_t c = 0; c < s->components; c++) {
        out[c] = 0;
        for (uint32_t i = 0; i < s->features; i++)
            out[c] += (x[i] - s->mean[i]) * s->v[(size_t)i * s->components + c];
    }
}

static int stub_score(const struct scorer *scorer, const struct matrix *matrix,
                      struct scratch *scratch, float *out, struct err *err)
{
    const struct stub *stub = (const struct stub *)scorer;
    float *x = scratch_get(scratch, scorer->features * sizeof(*x), err);

    if (!x)
        return -1;
    for (size_t row = 0; row < matrix->rows; row++, out += scorer->outputs) {
        memset(x, 0, scorer->features * sizeof(*x));
        if (matrix->kind == MATRIX_DENSE) {
            for (size_t i = 0; i < matrix->columns && i < scorer->features; i++)
                x[i] = matrix->values[row * matrix->columns + i];
        } else {
            for (size_t i = matrix->row_start[row]; i < matrix->row_start[row + 1]; i++) {
                if (matrix->column[i] < scorer->features)
                    x[matrix->column[i]] = matrix->values[i];
            }
        }
        if (stub->kind == LINEAR)
            row_linear(&stub->linear, x, out);
        else if (stub->kind == FACTORIZATION)
            row_factorization(&stub->factorization, x, out);
        else if (stub->kind == KMEANS)
            row_kmeans(&stub->kmeans, x, out);
        else
            row_projection(&stub->projection, x, out);
    }
    return 0;
}

static void stub_destroy(struct scorer *scorer)
{
    free(scorer);
}

static int stub_new(const struct stub *from, const char *name, uint32_t features, uint32_t outputs,
                    struct scorer **ret, struct err *err)
{
    struct stub *stub = mem_zero(1, sizeof(*stub));

    if (!stub)
        return err_memory(err, sizeof(*stub), "a scorer");
    *stub = *from;
    stub->scorer = (struct scorer){.name = name,
                                   .features = features,
                                   .outputs = outputs,
                                   .row_ns = (double)features,
                                   .score = stub_score,
                                   .destroy = stub_destroy};
    *ret = &stub->scorer;
    return 0;
}

int linear_new(const struct linear_spec *spec, struct scorer **ret, struct err *err)
{
    uint32_t outputs = spec->answer == LINEAR_MARGIN    ? spec->outputs
                       : spec->answer == LINEAR_SOFTMAX ? spec->outputs + 1
                                                        : 2;

    return stub_new(&(struct stub){.kind = LINEAR, .linear = *spec}, "linear-stub", spec->features,
                    outputs, ret, err);
}

int factorization_new(const struct factorization_spec *spec, struct scorer **ret, struct err *err)
{
    return stub_new(&(struct stub){.kind = FACTORIZATION, .factorization = *spec},
                    "factorization-stub", spec->features,
                    spec->answer == FACTORIZATION_LOGISTIC ? 2 : 1, ret, err);
}

int kmeans_new(const struct kmeans_spec *spec, struct scorer **ret, struct err *err)
{
    return stub_new(&(struct stub){.kind = KMEANS, .kmeans = *spec}, "kmeans-stub", spec->features,
                    2, ret, err);
}

int projection_new(const struct projection_spec *spec, struct scorer **ret, struct err *err)
{
    return stub_new(&(struct stub){.kind = PROJECTION, .projection = *spec}, "projection-stub",
                    spec->features, spec->components, ret, err);
}
