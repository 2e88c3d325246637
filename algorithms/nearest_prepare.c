/* What a search needs to know of its points beforehand: norms, the origin, and how to go about. */
#include <math.h>
#include <string.h>

#include "algorithms/nearest_bound.h"
#include "algorithms/nearest_search.h"
#include "base/memory.h"

/* Numbers of a block of rows, of a panel of points; rows and points at most; neighbours of a block.
 * With these a search takes up to 4 MB of scratch (more where a row has over 16 384 numbers), and
 * products are large enough to be as fast as they get. */
#define BLOCK_NUMBERS    ((size_t)1 << 17)
#define PANEL_NUMBERS    ((size_t)1 << 18)
#define BLOCK_ROWS       128
#define BLOCK_ROWS_LEAST 8
#define PANEL_POINTS     1024
#define PANEL_LEAST      16
#define BLOCK_NEIGHBOURS ((size_t)1 << 16)

/* So many points, and rows, make products worth while: fewer rows do not pay for the library's
 * copy of the points. */
#define PRODUCT_POINTS 32
#define PRODUCT_ROWS   4

/* The origin is moved where that makes the mean of |p|^2 smaller than such a part. */
#define MOVE_PART (1.0 / 16)

static size_t within(size_t value, size_t least, size_t most)
{
    return value < least ? least : value > most ? most : value;
}

static void choose_sizes(struct nearest *nearest)
{
    size_t stride = nearest_stride(nearest->features);
    size_t rows = within(BLOCK_NUMBERS / stride, BLOCK_ROWS_LEAST, BLOCK_ROWS);

    nearest->block = within(BLOCK_NEIGHBOURS / nearest->k, 1, rows);
    nearest->panel = within(PANEL_NUMBERS / stride, PANEL_LEAST, PANEL_POINTS);
    nearest->product_rows = PRODUCT_ROWS;
}

/* Whether products are faster than all distances: measured, from about 16 points on where there are
 * many features, from 64 on where there are few. */
static bool products_pay(const struct nearest *nearest)
{
    return nearest->features <= NEAREST_BOUND_FEATURES && nearest->count >= PRODUCT_POINTS;
}

static double norm_of(const struct nearest *nearest, const float *x)
{
    double norm;

    nearest->kernels->distances(nearest->zeros, x, 1, nearest->features, &norm);
    return norm;
}

/* The mean of the points, if it makes a better origin; sums: room for `features` numbers. NaN and
 * infinite numbers are found when norms are taken. */
static int choose_origin(struct nearest *nearest, double *sums, struct err *err)
{
    size_t features = nearest->features;
    double n = (double)nearest->count;
    double squares = 0, mean_square = 0;

    memset(sums, 0, features * sizeof(*sums));
    for (uint64_t i = 0; i < nearest->count; i++) {
        const float *p = nearest->points + i * features;

        for (size_t f = 0; f < features; f++)
            sums[f] += (double)p[f];
        squares += norm_of(nearest, p);
    }
    for (size_t f = 0; f < features; f++)
        mean_square += sums[f] / n * (sums[f] / n);
    if (!(squares / n - mean_square < squares / n * MOVE_PART))
        return 0;
    nearest->origin = mem_alloc(features, sizeof(*nearest->origin));
    if (!nearest->origin)
        return err_memory(err, features * sizeof(*nearest->origin), "the mean of points");
    for (size_t f = 0; f < features; f++)
        nearest->origin[f] = (float)(sums[f] / n);
    return 0;
}

/* Norms of all points; of a point that the bound cannot take, there are none. */
static int take_norms(struct nearest *nearest, float *moved, struct err *err)
{
    double factor = nearest_bound_factor(nearest->features);
    float *norms = mem_alloc(nearest->count, sizeof(*norms));

    if (!norms)
        return err_memory(err, nearest->count * sizeof(*norms), "the norms of points");
    for (uint64_t i = 0; i < nearest->count; i++) {
        double norm;

        nearest_move(nearest->points + i * nearest->features, nearest->origin, nearest->features,
                     moved);
        norm = norm_of(nearest, moved);
        if (!(norm <= NEAREST_BOUND_NORM)) {
            mem_release(norms);
            return 0;
        }
        norms[i] = (float)(norm * factor);
    }
    nearest->norms = norms;
    return 0;
}

static int prepare_products(struct nearest *nearest, struct err *err)
{
    size_t features = nearest->features;
    CLEANUP(mem_cleanup) double *numbers = mem_alloc(features, sizeof(*numbers));

    nearest->zeros = mem_zero(nearest_stride(features), sizeof(*nearest->zeros));
    if (!numbers || !nearest->zeros)
        return err_memory(err, features * sizeof(*numbers), "a point");
    if (choose_origin(nearest, numbers, err))
        return -1;
    return take_norms(nearest, (float *)numbers, err);
}

int nearest_init(struct nearest *nearest, const float *points, uint64_t count, uint32_t features,
                 uint32_t k, struct err *err)
{
    *nearest = (struct nearest){
        .kernels = nearest_kernels_choose(),
        .points = points,
        .count = count,
        .features = features,
        .k = k,
    };
    choose_sizes(nearest);
    if (products_pay(nearest) && prepare_products(nearest, err)) {
        nearest_fini(nearest);
        return -1;
    }
    return 0;
}

void nearest_fini(struct nearest *nearest)
{
    mem_release(nearest->zeros);
    mem_release(nearest->norms);
    mem_release(nearest->origin);
    *nearest = (struct nearest){0};
}

/* A number that comes from memory takes so long. */
#define FAR_NUMBER_NS 0.1
#define FAR_NUMBERS   ((double)(1 << 21))

double nearest_row_ns(const struct nearest *nearest)
{
    double numbers = (double)nearest->count * (double)nearest->features;
    double number_ns = nearest->kernels->number_ns;

    if (numbers > FAR_NUMBERS && number_ns < FAR_NUMBER_NS)
        number_ns = FAR_NUMBER_NS;
    return numbers * number_ns + (double)nearest->count * nearest->kernels->point_ns + 30;
}
