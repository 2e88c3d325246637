#include "algorithms/objective.h"

#include <math.h>
#include <stdlib.h>

/* Canonical names, by enum objective. */
static const char *const names[OBJECTIVE_COUNT] = {
    [OBJECTIVE_SQUARED_ERROR] = "reg:squarederror",
    [OBJECTIVE_SQUARED_LOG_ERROR] = "reg:squaredlogerror",
    [OBJECTIVE_PSEUDO_HUBER] = "reg:pseudohubererror",
    [OBJECTIVE_ABSOLUTE_ERROR] = "reg:absoluteerror",
    [OBJECTIVE_QUANTILE] = "reg:quantileerror",
    [OBJECTIVE_EXPECTILE] = "reg:expectileerror",
    [OBJECTIVE_REG_LOGISTIC] = "reg:logistic",
    [OBJECTIVE_BINARY_LOGISTIC] = "binary:logistic",
    [OBJECTIVE_LOGITRAW] = "binary:logitraw",
    [OBJECTIVE_HINGE] = "binary:hinge",
    [OBJECTIVE_SOFTMAX] = "multi:softmax",
    [OBJECTIVE_SOFTPROB] = "multi:softprob",
    [OBJECTIVE_POISSON] = "count:poisson",
    [OBJECTIVE_GAMMA] = "reg:gamma",
    [OBJECTIVE_TWEEDIE] = "reg:tweedie",
    [OBJECTIVE_COX] = "survival:cox",
    [OBJECTIVE_AFT] = "survival:aft",
    [OBJECTIVE_RANK_PAIRWISE] = "rank:pairwise",
    [OBJECTIVE_RANK_NDCG] = "rank:ndcg",
    [OBJECTIVE_RANK_MAP] = "rank:map",
};

enum objective objective_find(struct bytes name)
{
    if (bytes_starts(name, "gpu:"))
        name = bytes_of(name.data + 4, name.size - 4);
    if (bytes_is(name, "reg:linear"))
        return OBJECTIVE_SQUARED_ERROR;
    for (int i = OBJECTIVE_UNKNOWN + 1; i < OBJECTIVE_COUNT; i++) {
        if (bytes_is(name, names[i]))
            return (enum objective)i;
    }
    return OBJECTIVE_UNKNOWN;
}

const char *objective_name(enum objective objective)
{
    return names[objective];
}

/* The least distance of two neighbouring expectiles. */
#define EXPECTILE_GAP 1e-6f

static void link_logit(bool clamp, float *scores, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        float p = scores[i];

        if (clamp && p < 1e-6f)
            p = 1e-6f;
        if (clamp && p > 1.0f - 1e-6f)
            p = 1.0f - 1e-6f;
        scores[i] = -logf(1.0f / p - 1.0f);
    }
}

static void link_log(float *scores, size_t count)
{
    for (size_t i = 0; i < count; i++)
        scores[i] = logf(scores[i]);
}

/* From the last to the second, so that each gap is to a neighbour not yet changed. */
static void link_expectile(float *scores, size_t count)
{
    for (size_t i = count; i-- > 1;) {
        float gap = scores[i] - scores[i - 1] - EXPECTILE_GAP;

        if (gap < EXPECTILE_GAP)
            gap = EXPECTILE_GAP;
        scores[i] = gap + logf(-expm1f(-gap));
    }
}

void objective_link(enum objective objective, const struct objective_rules *rules, float *scores,
                    size_t count)
{
    switch (objective) {
    case OBJECTIVE_REG_LOGISTIC:
    case OBJECTIVE_BINARY_LOGISTIC:
        link_logit(rules->clamp_link, scores, count);
        break;
    case OBJECTIVE_LOGITRAW:
        if (rules->logitraw_link)
            link_logit(rules->clamp_link, scores, count);
        break;
    case OBJECTIVE_POISSON:
    case OBJECTIVE_GAMMA:
    case OBJECTIVE_TWEEDIE:
    case OBJECTIVE_COX:
    case OBJECTIVE_AFT:
        link_log(scores, count);
        break;
    case OBJECTIVE_EXPECTILE:
        link_expectile(scores, count);
        break;
    default:
        break;
    }
}

size_t objective_columns(enum objective objective, size_t outputs)
{
    return objective == OBJECTIVE_SOFTMAX ? 1 : outputs;
}

static void sigmoid(float *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        float a = -values[i];

        if (88.7f < a)
            a = 88.7f;
        values[i] = 1.0f / (expf(a) + 1.0f + 1e-16f);
    }
}

static void sigmoid_old(float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] = 1.0f / (1.0f + expf(-values[i]));
}

static void softprob_row(float *x, size_t outputs)
{
    float max = x[0];
    double sum = 0.0;

    for (size_t i = 1; i < outputs; i++)
        max = fmaxf(x[i], max);
    for (size_t i = 0; i < outputs; i++) {
        x[i] = expf(x[i] - max);
        sum += (double)x[i];
    }
    for (size_t i = 0; i < outputs; i++)
        x[i] /= (float)sum;
}

static float softmax_row(const float *x, size_t outputs)
{
    size_t best = 0;

    for (size_t i = 1; i < outputs; i++) {
        if (x[i] > x[best])
            best = i;
    }
    return (float)best;
}

static int compare_floats(const void *a, const void *b)
{
    float x = *(const float *)a;
    float y = *(const float *)b;

    return (x > y) - (x < y);
}

/* Few quantiles is the rule: an insertion; a file may also claim a million. */
static void sort_row(float *x, size_t outputs)
{
    if (outputs > 16) {
        qsort(x, outputs, sizeof(*x), compare_floats);
        return;
    }
    for (size_t i = 1; i < outputs; i++) {
        float value = x[i];
        size_t at = i;

        for (; at > 0 && value < x[at - 1]; at--)
            x[at] = x[at - 1];
        x[at] = value;
    }
}

static float softplus(float x)
{
    return x > 0.0f ? x + log1pf(expf(-x)) : log1pf(expf(x));
}

static void expectile_row(float *x, size_t outputs)
{
    for (size_t i = 1; i < outputs; i++)
        x[i] = x[i - 1] + (EXPECTILE_GAP + softplus(x[i]));
}

/* Transforms that see one number at a time. False where the objective has none. */
static bool transform_values(enum objective objective, const struct objective_rules *rules,
                             float *values, size_t count)
{
    switch (objective) {
    case OBJECTIVE_REG_LOGISTIC:
    case OBJECTIVE_BINARY_LOGISTIC:
        if (rules->old_sigmoid)
            sigmoid_old(values, count);
        else
            sigmoid(values, count);
        return true;
    case OBJECTIVE_HINGE:
        for (size_t i = 0; i < count; i++)
            values[i] = values[i] > 0.0f ? 1.0f : 0.0f;
        return true;
    case OBJECTIVE_POISSON:
    case OBJECTIVE_GAMMA:
    case OBJECTIVE_TWEEDIE:
    case OBJECTIVE_COX:
        for (size_t i = 0; i < count; i++)
            values[i] = expf(values[i]);
        return true;
    case OBJECTIVE_AFT: /* XGBoost takes the exponential in double here, and only here */
        for (size_t i = 0; i < count; i++)
            values[i] = (float)exp((double)values[i]);
        return true;
    default:
        return false;
    }
}

void objective_transform(enum objective objective, const struct objective_rules *rules,
                         float *values, size_t rows, size_t outputs)
{
    if (transform_values(objective, rules, values, rows * outputs))
        return;
    for (size_t row = 0; row < rows; row++) {
        float *x = values + row * outputs;

        if (objective == OBJECTIVE_SOFTMAX)
            values[row] = softmax_row(x, outputs);
        else if (objective == OBJECTIVE_SOFTPROB)
            softprob_row(x, outputs);
        else if (objective == OBJECTIVE_QUANTILE && rules->sort_quantiles)
            sort_row(x, outputs);
        else if (objective == OBJECTIVE_EXPECTILE)
            expectile_row(x, outputs);
        else
            return;
    }
}
