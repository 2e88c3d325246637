#include "algorithms/nearest_search.h"

#include <math.h>
#include <string.h>

#include "algorithms/blas.h"
#include "algorithms/nearest_bound.h"
#include "algorithms/nearest_heap.h"

/* What a search works in, cut from a thread's scratch. */
struct room {
    double *wide;            /* [block][stride]: the rows as doubles */
    float *row;              /* [features]: a row that does not stand in the matrix as it is */
    struct neighbour *found; /* [block][k] */
    struct nearest_heap *heaps;
    double *distances; /* [panel] */

    /* for products */
    float *moved;    /* [block][features]: the rows from the origin on */
    double *base;    /* [block]: |x|^2 (1 - e) less the last term of the bound */
    float *panel;    /* [panel][features]: points from the origin on, where it is moved */
    float *products; /* [block][panel] */
};

/* Where the next `count` things go; the size so far in *size. False on overflow. */
static bool cut(size_t *size, size_t count, size_t item, size_t *ret_at)
{
    size_t bytes;

    *ret_at = *size;
    return !__builtin_mul_overflow(count, item, &bytes) && bytes <= SIZE_MAX - 63 &&
           !__builtin_add_overflow(*size, (bytes + 63) / 64 * 64, size);
}

static int get_room(const struct nearest *nearest, size_t block, bool products,
                    struct scratch *scratch, struct room *room, struct err *err)
{
    size_t stride = nearest_stride(nearest->features);
    size_t panel = nearest->panel;
    size_t part = products ? 1 : 0;
    const struct {
        void **place;
        size_t count, item;
    } parts[] = {
        {(void **)&room->wide, block * stride, sizeof(*room->wide)},
        {(void **)&room->row, nearest->features, sizeof(*room->row)},
        {(void **)&room->found, block * nearest->k, sizeof(*room->found)},
        {(void **)&room->heaps, block, sizeof(*room->heaps)},
        {(void **)&room->distances, panel, sizeof(*room->distances)},
        {(void **)&room->moved, part * block * nearest->features, sizeof(*room->moved)},
        {(void **)&room->base, part * block, sizeof(*room->base)},
        {(void **)&room->panel, nearest->origin ? part * panel * nearest->features : 0,
         sizeof(*room->panel)},
        {(void **)&room->products, part * block * panel, sizeof(*room->products)},
    };
    size_t at[ARRAY_LENGTH(parts)];
    size_t size = 0;
    char *memory;

    for (size_t i = 0; i < ARRAY_LENGTH(parts); i++) {
        if (!cut(&size, parts[i].count, parts[i].item, &at[i]))
            return err_memory(err, SIZE_MAX, "a search for neighbours");
    }
    memory = scratch_get(scratch, size, err);
    if (!memory)
        return -1;
    for (size_t i = 0; i < ARRAY_LENGTH(parts); i++)
        *parts[i].place = memory + at[i];
    return 0;
}

/* A row with all its features: where it stands in the matrix, or copied to `copy`. */
static const float *row_values(const struct matrix *matrix, size_t row, size_t features,
                               float *copy)
{
    size_t end;

    if (matrix->kind == MATRIX_DENSE) {
        const float *x = matrix->values + row * matrix->columns;

        if (matrix->columns >= features)
            return x;
        if (matrix->columns)
            memcpy(copy, x, matrix->columns * sizeof(*copy));
        memset(copy + matrix->columns, 0, (features - matrix->columns) * sizeof(*copy));
        return copy;
    }
    memset(copy, 0, features * sizeof(*copy));
    end = matrix->row_start[row + 1];
    for (size_t i = matrix->row_start[row]; i < end; i++) {
        if (matrix->column[i] < features)
            copy[matrix->column[i]] = matrix->values[i];
    }
    return copy;
}

/* A row for products: from the origin on, and what the bound takes of it. */
static void move_row(const struct nearest *nearest, const float *x, size_t row, struct room *room)
{
    float *moved = room->moved + row * nearest->features;
    double norm;

    nearest_move(x, nearest->origin, nearest->features, moved);
    nearest->kernels->distances(nearest->zeros, moved, 1, nearest->features, &norm);
    room->base[row] = nearest_bound_base(norm, nearest->features);
}

/* Points first to first + count - 1, all distances of each row. */
static void search_all(const struct nearest *nearest, uint64_t first, size_t count, size_t rows,
                       struct room *room)
{
    const float *points = nearest->points + first * nearest->features;
    size_t stride = nearest_stride(nearest->features);

    for (size_t row = 0; row < rows; row++) {
        struct nearest_heap *heap = &room->heaps[row];
        size_t i = 0;

        nearest->kernels->distances(room->wide + row * stride, points, count, nearest->features,
                                    room->distances);
        for (; i < count && heap->size < heap->k; i++)
            nearest_heap_add(heap, room->distances[i], first + i);
        for (; i < count; i++) {
            if (room->distances[i] < heap->at[0].distance)
                nearest_heap_add(heap, room->distances[i], first + i);
        }
    }
}

/* Points that are compared with one limit. It falls fast at first. */
#define PASS_POINTS 128

/* Of `count` points whose products with a row are there, the distances of those that pass. */
static void search_passed(const struct nearest *nearest, uint64_t first, size_t count, size_t row,
                          const float *products, struct room *room)
{
    const double *x = room->wide + row * nearest_stride(nearest->features);
    const float *norms = nearest->norms + first;
    struct nearest_heap *heap = &room->heaps[row];
    float limit = (float)(nearest_heap_limit(heap) - room->base[row]);
    uint32_t passing[PASS_POINTS];
    size_t passed = nearest->kernels->pass(norms, products, count, limit, passing);

    for (size_t i = 0; i < passed; i++) {
        uint32_t n = passing[i];
        double distance;

        if (nearest_bound_is_above(norms[n], products[n], limit))
            continue;
        nearest->kernels->distances(x, nearest->points + (first + n) * nearest->features, 1,
                                    nearest->features, &distance);
        nearest_heap_add(heap, distance, first + n);
        limit = (float)(nearest_heap_limit(heap) - room->base[row]);
    }
}

static void search_row(const struct nearest *nearest, uint64_t first, size_t count, size_t row,
                       struct room *room)
{
    const float *products = room->products + row * nearest->panel;

    for (size_t at = 0; at < count; at += PASS_POINTS) {
        size_t some = count - at < PASS_POINTS ? count - at : PASS_POINTS;

        search_passed(nearest, first + at, some, row, products + at, room);
    }
}

static void search_products(const struct nearest *nearest, uint64_t first, size_t count,
                            size_t rows, struct room *room)
{
    const float *points = nearest->points + first * nearest->features;
    size_t features = nearest->features;

    if (nearest->origin) {
        for (size_t i = 0; i < count; i++)
            nearest_move(points + i * features, nearest->origin, features,
                         room->panel + i * features);
        points = room->panel;
    }
    blas_product(rows, count, features, room->moved, features, points, features, 1, room->products,
                 nearest->panel);
    for (size_t row = 0; row < rows; row++)
        search_row(nearest, first, count, row, room);
}

/* Rows begin to begin + rows - 1. */
static void search_block(const struct nearest *nearest, const struct matrix *matrix, size_t begin,
                         size_t rows, struct room *room)
{
    size_t stride = nearest_stride(nearest->features);
    bool products = nearest->norms && rows >= nearest->product_rows;

    for (size_t row = 0; row < rows; row++) {
        const float *x = row_values(matrix, begin + row, nearest->features, room->row);

        nearest->kernels->widen(x, nearest->features, room->wide + row * stride);
        if (products)
            move_row(nearest, x, row, room);
        room->heaps[row] = (struct nearest_heap){
            .at = room->found + row * nearest->k,
            .k = nearest->k,
        };
    }
    for (uint64_t first = 0; first < nearest->count; first += nearest->panel) {
        uint64_t left = nearest->count - first;
        size_t count = left < nearest->panel ? (size_t)left : nearest->panel;

        if (products)
            search_products(nearest, first, count, rows, room);
        else
            search_all(nearest, first, count, rows, room);
    }
}

int nearest_search(const struct nearest *nearest, const struct matrix *matrix,
                   struct scratch *scratch, nearest_answer *answer, const struct scorer *scorer,
                   float *ret, struct err *err)
{
    size_t block = matrix->rows < nearest->block ? matrix->rows : nearest->block;
    struct room room;

    if (get_room(nearest, block, nearest->norms && block >= nearest->product_rows, scratch, &room,
                 err))
        return -1;
    for (size_t begin = 0; begin < matrix->rows; begin += block) {
        size_t left = matrix->rows - begin;
        size_t rows = left < block ? left : block;

        search_block(nearest, matrix, begin, rows, &room);
        for (size_t row = 0; row < rows; row++) {
            nearest_heap_sort(&room.heaps[row]);
            answer(scorer, room.heaps[row].at, ret + (begin + row) * scorer->outputs);
        }
    }
    return 0;
}
