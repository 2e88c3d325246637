#pragma once
/*
 * The k nearest points so far: a heap whose first is the farthest, of equal ones the one that comes
 * later in the order of points.
 */

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "algorithms/nearest_search.h"

struct nearest_heap {
    struct neighbour *at; /* room for k */
    uint32_t size;
    uint32_t k;
};

static inline bool nearest_farther(const struct neighbour *a, const struct neighbour *b)
{
    return a->distance > b->distance || (a->distance == b->distance && a->point > b->point);
}

/* Puts `n` where it belongs from `place` downwards. */
static inline void nearest_heap_sink(struct neighbour *at, size_t size, size_t place,
                                     struct neighbour n)
{
    for (;;) {
        size_t child = 2 * place + 1;

        if (child >= size)
            break;
        if (child + 1 < size && nearest_farther(&at[child + 1], &at[child]))
            child++;
        if (!nearest_farther(&at[child], &n))
            break;
        at[place] = at[child];
        place = child;
    }
    at[place] = n;
}

/* The distance that a later point has to be below. */
static inline double nearest_heap_limit(const struct nearest_heap *heap)
{
    return heap->size < heap->k ? (double)INFINITY : heap->at[0].distance;
}

/* Points come in their order. */
static inline void nearest_heap_add(struct nearest_heap *heap, double distance, uint64_t point)
{
    struct neighbour n = {.distance = isnan(distance) ? (double)INFINITY : distance,
                          .point = point};

    if (heap->size < heap->k) {
        heap->at[heap->size++] = n;
        if (heap->size < heap->k)
            return;
        for (size_t i = heap->k / 2; i-- > 0;)
            nearest_heap_sink(heap->at, heap->k, i, heap->at[i]);
    } else if (n.distance < heap->at[0].distance) {
        nearest_heap_sink(heap->at, heap->k, 0, n);
    }
}

/* Nearest first; no heap any more. */
static inline void nearest_heap_sort(struct nearest_heap *heap)
{
    for (size_t size = heap->size; size > 1; size--) {
        struct neighbour last = heap->at[size - 1];

        heap->at[size - 1] = heap->at[0];
        nearest_heap_sink(heap->at, size - 1, 0, last);
    }
}
