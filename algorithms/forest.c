#include "algorithms/forest.h"

#include "algorithms/forest_layout.h"
#include "base/memory.h"

/* The keys of a block stay in the first level cache where rows are short enough. Rows that are too
 * long for that come in fewer, but not too few for many walks at a time, until memory matters more.
 */
#define BLOCK_BYTES     (24 * 1024)
#define BLOCK_ROWS_GOOD 32
#define BLOCK_BYTES_MAX (2 * 1024 * 1024)

/* Rows begin at multiples of 64 bytes, and an odd number of them apart, so that the same feature of
 * many rows does not compete for the same few places of the cache. */
#define STRIDE_UNIT 16

static size_t at_least(size_t least, size_t n)
{
    return n < least ? least : n;
}

static size_t at_most(size_t most, size_t n)
{
    return n > most ? most : n;
}

static void shape_block(struct forest *forest)
{
    size_t words = 2 * (size_t)forest->slots.count + 1;
    size_t units = (words + STRIDE_UNIT - 1) / STRIDE_UNIT;
    size_t row;

    forest->stride = (units | 1) * STRIDE_UNIT;
    row = forest->stride * sizeof(uint32_t);
    forest->block_rows = at_least(BLOCK_ROWS_GOOD, at_most(FOREST_BLOCK_MAX, BLOCK_BYTES / row));
    forest->block_rows = at_least(1, at_most(BLOCK_BYTES_MAX / row, forest->block_rows));
}

static void begin_sums(const struct forest *forest, float *sums, size_t rows)
{
    size_t outputs = forest->scorer.outputs;

    if (forest->sum_rule == SUM_BASE_LAST) {
        memset(sums, 0, rows * outputs * sizeof(*sums));
        return;
    }
    for (size_t row = 0; row < rows; row++)
        memcpy(sums + row * outputs, forest->base_margin, outputs * sizeof(*sums));
}

static void end_sums(const struct forest *forest, float *sums, size_t rows)
{
    size_t outputs = forest->scorer.outputs;

    if (forest->sum_rule != SUM_BASE_LAST)
        return;
    for (size_t row = 0; row < rows; row++, sums += outputs) {
        for (size_t o = 0; o < outputs; o++)
            sums[o] = forest->base_margin[o] + sums[o];
    }
}

static int forest_score(const struct scorer *scorer, const struct matrix *matrix,
                        struct scratch *scratch, float *ret_margins, struct err *err)
{
    const struct forest *forest = (const struct forest *)scorer;
    size_t rows = forest->block_rows < matrix->rows ? forest->block_rows : matrix->rows;
    uint32_t *keys = scratch_get(scratch, rows * forest->stride * sizeof(*keys), err);
    struct forest_block block = {.keys = keys, .stride = forest->stride};

    if (!keys)
        return -1;
    forest_rows_begin(forest, matrix, keys, rows);
    for (size_t first = 0; first < matrix->rows; first += rows) {
        float *sums = ret_margins + first * scorer->outputs;

        block.rows = matrix->rows - first < rows ? matrix->rows - first : rows;
        forest_rows_fill(forest, matrix, first, block.rows, keys);
        begin_sums(forest, sums, block.rows);
        forest->score(forest, &block, sums);
        end_sums(forest, sums, block.rows);
        forest_rows_reset(forest, matrix, first, block.rows, keys);
    }
    return 0;
}

static void forest_destroy(struct scorer *scorer)
{
    struct forest *forest = (struct forest *)scorer;

    forest_slots_fini(&forest->slots);
    free(forest->base_margin);
    free(forest->runs);
    free(forest->thresholds);
    free(forest->words);
    free(forest->leaves);
    free(forest->narrow);
    free(forest->wide);
    free(forest->roots);
    free(forest->vectors);
    free(forest->sets);
    free(forest->set_words);
    free(forest);
}

static int forest_init(struct forest *forest, const struct forest_spec *spec, struct err *err)
{
    forest->scorer = (struct scorer){
        .name = "forest-scalar",
        .features = spec->features,
        .outputs = spec->outputs,
        .score = forest_score,
        .destroy = forest_destroy,
    };
    forest->score = forest_scalar_score;
    forest->sum_rule = spec->sum_rule;
    forest->category_rule = spec->category_rule;
    forest->base_margin = mem_alloc(spec->outputs, sizeof(*forest->base_margin));
    if (!forest->base_margin)
        return err_memory(err, spec->outputs * sizeof(*forest->base_margin), "a forest");
    memcpy(forest->base_margin, spec->base_margin, spec->outputs * sizeof(*spec->base_margin));
    if (forest_slots_init(&forest->slots, spec, err))
        return -1;
    shape_block(forest);
    return forest_compile(forest, spec, err);
}

int forest_new(const struct forest_spec *spec, struct scorer **ret, struct err *err)
{
    struct forest *forest = mem_zero(1, sizeof(*forest));

    if (!forest)
        return err_memory(err, sizeof(*forest), "a forest");
    if (forest_init(forest, spec, err)) {
        forest_destroy(&forest->scorer);
        return -1;
    }
    *ret = &forest->scorer;
    return 0;
}
