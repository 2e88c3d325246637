#include "algorithms/forest.h"

#include "algorithms/forest_choice.h"
#include "algorithms/forest_masks.h"
#include "algorithms/forest_span.h"
#include "algorithms/forest_sweep.h"
#include "base/cpu.h"
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
    struct forest_span span = {.matrix = matrix};
    int r = 0;

    begin_sums(forest, ret_margins, matrix->rows);
    while (r == 0 && span.first < matrix->rows) {
        size_t left = matrix->rows - span.first;

        span.rows = left;
        span.sums = ret_margins + span.first * scorer->outputs;
        if (left >= forest->choice.sweep_rows) {
            /* whole blocks, and the rest where that is enough rows */
            if (left % FOREST_SWEEP_ROWS < forest->choice.sweep_rows && left > FOREST_SWEEP_ROWS)
                span.rows = left - left % FOREST_SWEEP_ROWS;
            r = forest_span_sweep(forest, &span, scratch, err);
        } else if (left <= forest->choice.masks_rows) {
            r = forest_span_masks(forest, &span, scratch, err);
        } else {
            r = forest_span_scalar(forest, &span, scratch, err);
        }
        span.first += span.rows;
    }
    if (r == 0)
        end_sums(forest, ret_margins, matrix->rows);
    return r;
}

static void drop_columns(struct forest *forest)
{
    if (forest->columns && !forest->sweep && !forest->masks) {
        forest_columns_fini(forest->columns);
        mem_release(TAKE(forest->columns));
    }
}

void forest_drop_sweep(struct forest *forest)
{
    forest_sweep_free(TAKE(forest->sweep));
    drop_columns(forest);
}

void forest_drop_masks(struct forest *forest)
{
    forest_masks_free(TAKE(forest->masks));
    drop_columns(forest);
}

static void forest_destroy(struct scorer *scorer)
{
    struct forest *forest = (struct forest *)scorer;

    forest_drop_sweep(forest);
    forest_drop_masks(forest);
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

/* The forms of the trees that kernels on bytes read, where there can be any. */
static int add_byte_kernels(struct forest *forest, const struct forest_spec *spec,
                            const struct forest_measures *measures, struct err *err)
{
    bool sweep = spec->kernel == FOREST_AUTO || spec->kernel == FOREST_SWEEP;
    bool masks = spec->kernel == FOREST_AUTO || spec->kernel == FOREST_MASKS;
    bool fits;

    if (cpu_level() < CPU_VBMI)
        masks = false;
    if (!forest_sweep_kernel())
        sweep = false;
    if (!sweep && !masks)
        return 0;
    forest->columns = mem_zero(1, sizeof(*forest->columns));
    if (!forest->columns)
        return err_memory(err, sizeof(*forest->columns), "a forest");
    if (forest_columns_init(forest->columns, spec, &forest->slots, &fits, err))
        return -1;
    if (fits && sweep && forest_sweep_new(spec, measures, forest->columns, &forest->sweep, err))
        return -1;
    if (fits && masks && forest_masks_new(spec, measures, forest->columns, &forest->masks, err))
        return -1;
    return 0;
}

static int compile(struct forest *forest, const struct forest_spec *spec,
                   const struct forest_measures *measures, struct err *err)
{
    if (forest_compile(forest, spec, measures, err) ||
        add_byte_kernels(forest, spec, measures, err))
        return -1;
    if (forest_choose(forest, spec->kernel, measures, spec->tree_count))
        return err_set(err, ERR_UNSUPPORTED,
                       "kernel '%s' cannot score this forest on this processor (%s): use another "
                       "one, or auto",
                       forest_kernel_name(spec->kernel), cpu_level_name(cpu_level()));
    return 0;
}

static int forest_init(struct forest *forest, const struct forest_spec *spec, struct err *err)
{
    struct forest_measures measures = {.trees = NULL};
    int r;

    forest->scorer = (struct scorer){
        .name = forest->name,
        .features = spec->features,
        .outputs = spec->outputs,
        .score = forest_score,
        .destroy = forest_destroy,
    };
    forest->sum_rule = spec->sum_rule;
    forest->category_rule = spec->category_rule;
    forest->base_margin = mem_alloc(spec->outputs, sizeof(*forest->base_margin));
    if (!forest->base_margin)
        return err_memory(err, spec->outputs * sizeof(*forest->base_margin), "a forest");
    memcpy(forest->base_margin, spec->base_margin, spec->outputs * sizeof(*spec->base_margin));
    if (forest_slots_init(&forest->slots, spec, err))
        return -1;
    shape_block(forest);
    r = forest_measure(spec, &forest->slots, &measures, err);
    if (r == 0)
        r = compile(forest, spec, &measures, err);
    forest_measures_fini(&measures);
    return r;
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
