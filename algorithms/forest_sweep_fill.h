#pragma once
/*
 * The columns of a block, for forest_sweep_template.h, which includes this. Numbers are first laid
 * out feature by feature, a group of features at a time, so that ranks are found for many rows at
 * once: x[k][r] is feature k of the group in row r. Beyond the block's rows there may be any
 * number.
 */

#include <math.h>
#include <string.h>

#include "algorithms/forest_count16.h"

#define GROUP 16 /* features: their numbers of one row are a line of the cache, or two */

#define RANKED_ROWS 64 /* rank_rows rounds up to them */

typedef float laid_out[FOREST_SWEEP_ROWS];

static bool any_missing(const float *x, size_t rows)
{
    uint32_t any = 0;

    for (size_t r = 0; r < rows; r++) {
        int32_t bits;

        memcpy(&bits, &x[r], sizeof(bits));
        any |= (bits & INT32_MAX) > 0x7f800000;
    }
    return any;
}

/* Missing values have rank 0: they get 255. */
static void raise_missing(const float *x, size_t rows, uint8_t *ranks)
{
    if (!any_missing(x, rows))
        return;
    for (size_t r = 0; r < rows; r++)
        ranks[r] = x[r] != x[r] ? 255 : ranks[r];
}

/* Rows that are not there have 0: they are swept, too. */
static void clear_rest(uint8_t *column, size_t rows)
{
    if (rows < FOREST_SWEEP_ROWS)
        memset(column + rows, 0, FOREST_SWEEP_ROWS - rows);
}

/* flip: 0, or SWEEP_FLIP for a column that is compared with levels */
static void put_column(const uint8_t *from, uint8_t flip, uint8_t *bytes, uint32_t column)
{
    uint8_t *to = bytes + (size_t)column * FOREST_SWEEP_ROWS;

    for (size_t r = 0; r < FOREST_SWEEP_ROWS; r += VEC)
        vec_store(to + r, vec_xor(vec_in_place(vec_load(from + r)), vec_all(flip)));
}

/* What one feature's columns are made of. */
struct feature {
    const struct forest_sweep *sweep;
    const float *x;
    size_t rows;
    uint8_t *bytes;
};

static void fill_one_window(const struct feature *feature, const struct forest_ranked *ranked)
{
    const struct forest_columns *columns = feature->sweep->columns;
    const struct forest_sweep_rank *rank = &feature->sweep->ranks[ranked - columns->ranked];
    uint8_t ranks[FOREST_SWEEP_ROWS] __attribute__((aligned(64)));

    rank_rows(rank, ranked, feature->sweep, feature->x, feature->rows, ranks);
    clear_rest(ranks, feature->rows);
    if (ranked->left != FOREST_NO_COLUMN)
        put_column(ranks, SWEEP_FLIP, feature->bytes, ranked->left);
    if (ranked->right != FOREST_NO_COLUMN) {
        raise_missing(feature->x, feature->rows, ranks);
        put_column(ranks, SWEEP_FLIP, feature->bytes, ranked->right);
    }
}

static void fill_windows(const struct feature *feature, const struct forest_ranked *ranked)
{
    const float *search = feature->sweep->columns->search;
    uint32_t ranks[FOREST_SWEEP_ROWS];
    uint8_t part[FOREST_SWEEP_ROWS] __attribute__((aligned(64)));

    clear_rest(part, feature->rows);
    for (size_t r = 0; r < feature->rows; r++)
        ranks[r] = forest_rank(ranked, search, feature->x[r]);
    for (uint32_t w = 0; w < ranked->windows; w++) {
        uint32_t base = w * FOREST_WINDOW;

        for (size_t r = 0; r < feature->rows; r++) {
            uint32_t above = ranks[r] < base ? 0 : ranks[r] - base;

            part[r] = (uint8_t)(above < 255 ? above : 255);
        }
        if (ranked->left != FOREST_NO_COLUMN)
            put_column(part, SWEEP_FLIP, feature->bytes, ranked->left + w);
        if (ranked->right != FOREST_NO_COLUMN) {
            raise_missing(feature->x, feature->rows, part);
            put_column(part, SWEEP_FLIP, feature->bytes, ranked->right + w);
        }
    }
}

static void fill_coded(const struct feature *feature, const struct forest_coded *coded)
{
    const struct forest_columns *columns = feature->sweep->columns;
    uint8_t codes[FOREST_SWEEP_ROWS] __attribute__((aligned(64)));
    uint8_t missing[FOREST_SWEEP_ROWS] __attribute__((aligned(64)));

    clear_rest(codes, feature->rows);
    clear_rest(missing, feature->rows);
    for (size_t r = 0; r < feature->rows; r++) {
        float value = feature->x[r];
        bool absent = value != value;

        missing[r] = absent ? 255 : 0;
        codes[r] = absent ? FOREST_CODES : forest_columns_code(columns, coded, value);
    }
    put_column(codes, 0, feature->bytes, coded->column);
    put_column(missing, 0, feature->bytes, coded->column + 1);
}

/* Where in a row a ranked feature is. */
static uint32_t place_in(const struct forest_rows *rows, const struct forest_ranked *ranked)
{
    return rows->by_slot ? ranked->slot : ranked->feature;
}

/* Lays out features that follow each other from place `at` on; what rows do not have is missing,
 * and rows that are not there, as far as ranks are found for them, are 0. */
static void lay_out_group(const struct forest_rows *rows, size_t at, size_t features, size_t count,
                          laid_out *x)
{
    size_t there = at < rows->width ? rows->width - at : 0;

    if (there > features)
        there = features;
    if (there)
        lay_out(rows->x + at, rows->stride, there, count, x);
    for (size_t k = there; k < features; k++) {
        for (size_t r = 0; r < FOREST_SWEEP_ROWS; r++)
            x[k][r] = NAN;
    }
    for (size_t k = 0; k < features; k++) {
        for (size_t r = count; r % RANKED_ROWS; r++)
            x[k][r] = 0;
    }
}

static void sweep_fill(const struct forest_sweep *sweep, const struct forest_rows *rows,
                       size_t count, uint8_t *bytes)
{
    const struct forest_columns *columns = sweep->columns;
    const struct forest_ranked *end = columns->ranked + columns->ranked_count;
    laid_out x[GROUP] __attribute__((aligned(64)));
    struct feature feature = {.sweep = sweep, .rows = count, .bytes = bytes};

    for (const struct forest_ranked *ranked = columns->ranked; ranked < end;) {
        size_t n = 1;

        while (n < GROUP && ranked + n < end &&
               place_in(rows, ranked + n) == place_in(rows, ranked) + n)
            n++;
        lay_out_group(rows, place_in(rows, ranked), n, count, x);
        for (size_t k = 0; k < n; k++, ranked++) {
            feature.x = x[k];
            if (ranked->windows == 1)
                fill_one_window(&feature, ranked);
            else
                fill_windows(&feature, ranked);
        }
    }
    feature.x = x[0];
    for (uint32_t i = 0; i < columns->coded_count; i++) {
        const struct forest_coded *coded = &columns->coded[i];

        lay_out_group(rows, rows->by_slot ? coded->slot : coded->feature, 1, count, x);
        fill_coded(&feature, coded);
    }
}
