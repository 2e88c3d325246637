/*
 * Our scorer of a model file, in microseconds a row; see row_timing.h for the arguments. The model
 * is loaded as the server loads it, what is measured is its scorer: rows in, margins out.
 *
 *     bench_forest [--cpu LEVEL] [--kernel KERNEL] [--seconds S] [--margins FILE]
 *                  MODEL ROWS COLUMNS OUTPUTS
 *
 * LEVEL: no more than these instructions: baseline, avx2, avx512, vbmi. The program fails where the
 * processor has less. KERNEL: as the server's --kernel.
 */
#include <stdio.h>
#include <stdlib.h>

#include "algorithms/scorer.h"
#include "base/cpu.h"
#include "benchmarks/row_timing.h"
#include "models/model.h"

struct ours {
    const struct scorer *scorer;
    struct scratch scratch;
    size_t columns;
};

static void score(void *self, const float *values, size_t rows, float *margins)
{
    struct ours *ours = self;
    struct err err = ERR_INIT;
    struct matrix matrix = {
        .kind = MATRIX_DENSE, .rows = rows, .columns = ours->columns, .values = values};

    if (scorer_score(ours->scorer, &matrix, &ours->scratch, margins, &err))
        row_die("score", err.text);
}

static enum forest_kernel kernel = FOREST_AUTO;

static int take_option(const char *name, const char *value)
{
    enum cpu_level level;

    if (strcmp(name, "--kernel") == 0) {
        if (!forest_kernel_find(value, &kernel))
            row_die(value, "no such kernel");
        return 1;
    }
    if (strcmp(name, "--cpu") != 0)
        return 0;
    if (!cpu_level_find(value, &level))
        row_die(value, "no such level of instructions");
    if (!cpu_limit(level))
        row_die(value, "this processor does not have it");
    return 1;
}

int main(int argc, char **argv)
{
    struct row_options options = row_options_parse(argc, argv, take_option);
    struct model_options model_options = MODEL_OPTIONS_DEFAULT;
    struct err err = ERR_INIT;
    struct ours ours = {.columns = options.columns};
    struct row_scorer scorer = {.version = ENDPOINTD_VERSION, .self = &ours, .score = score};
    struct model *model;
    double start = row_cpu_seconds();

    model_options.kernel = kernel;
    if (model_load(options.model, &model_options, &model, &err))
        row_die(options.model, err.text);
    scorer.load_ms = (row_cpu_seconds() - start) * 1e3;
    ours.scorer = model->members[0].scorer;
    scorer.name = ours.scorer->name;
    if (ours.scorer->outputs != options.outputs)
        row_die(options.model, "has another number of outputs");
    scratch_init(&ours.scratch);
    row_timing_run(&options, &scorer);
    scratch_fini(&ours.scratch);
    model_unref(model);
    return 0;
}
