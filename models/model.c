#include "models/model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/loaders.h"

/* What the rest of the program asks of a built-in's model. */
static int finish_builtin(struct model *model, const struct model_options *options, struct err *err)
{
    const struct builtin *builtin = model->builtin;
    size_t count;

    model->family = builtin->family;
    model->features = builtin->features;
    model->row_ns = (uint64_t)builtin->scorer->row_ns + 1;
    model->profile_is_auto = !options->profile || strcmp(options->profile, "auto") == 0;
    model->profile =
        model->profile_is_auto ? profile_builtin_table(&count) : profile_find(options->profile);
    if (!model->profile || !model->profile->builtin)
        return err_set(err, ERR_INPUT, "profile '%s' is none of a %s model: use auto, py3 or py2",
                       options->profile, family_name(model->family));
    return 0;
}

int model_load(const char *path, const struct model_options *options, struct model **ret,
               struct err *err)
{
    struct artifact *artifact = NULL;
    struct model *model;
    int result;

    if (artifact_open(path, &options->limits, &artifact, err))
        return -1;
    model = mem_zero(1, sizeof(*model));
    if (model) {
        atomic_init(&model->references, 1);
        model->path = strdup(artifact->path);
    }
    if (!model || !model->path)
        result = err_memory(err, sizeof(*model), "a model");
    else
        result = loaders_find(artifact)->load(artifact, options, model, err);
    if (result == 0 && model->builtin)
        result = finish_builtin(model, options, err);
    if (result) {
        err_wrap(err, "%s", artifact->path);
        model_unref(model);
    } else {
        *ret = model;
    }
    artifact_free(artifact);
    return result;
}

struct model *model_ref(struct model *model)
{
    atomic_fetch_add_explicit(&model->references, 1, memory_order_relaxed);
    return model;
}

static void member_fini(struct model_member *member)
{
    scorer_free(member->scorer);
    xgb_model_free(member->source);
    free(member->base_margin);
    free(member->file);
}

void model_unref(struct model *model)
{
    if (!model || atomic_fetch_sub_explicit(&model->references, 1, memory_order_acq_rel) != 1)
        return;
    builtin_free(model->builtin);
    for (size_t i = 0; i < model->member_count; i++)
        member_fini(&model->members[i]);
    for (size_t i = 0; i < model->left_out_count; i++)
        free(model->left_out[i]);
    free(model->left_out);
    free(model->members);
    free(model->path);
    free(model);
}

int model_leave_out(struct model *model, const char *name, struct err *err)
{
    char **names = mem_resize(model->left_out, model->left_out_count + 1, sizeof(*names));

    if (!names)
        return err_memory(err, sizeof(*names), "a file name");
    model->left_out = names;
    names[model->left_out_count] = strdup(name);
    if (!names[model->left_out_count])
        return err_memory(err, strlen(name), "a file name");
    model->left_out_count++;
    return 0;
}

static size_t member_columns(const struct model_member *member, enum model_output output)
{
    if (output == MODEL_MARGIN)
        return member->source->outputs;
    return objective_columns(member->source->objective, member->source->outputs);
}

bool model_has_margin(const struct model *model)
{
    return !model->builtin || model->builtin->margin;
}

static const struct scorer *builtin_scorer(const struct builtin *builtin, enum model_output output)
{
    return output == MODEL_MARGIN ? builtin->margin : builtin->scorer;
}

size_t model_columns(const struct model *model, enum model_output output)
{
    if (model->builtin)
        return builtin_scorer(model->builtin, output)->outputs;
    return member_columns(&model->members[0], output);
}

/* A copy of the matrix whose values equal to `missing` are NaN; for wrappers that say so. */
static int replace_missing(const struct matrix *matrix, float missing, struct matrix *ret,
                           float **ret_values, struct err *err)
{
    size_t count = matrix->kind == MATRIX_DENSE ? matrix->rows * matrix->columns
                                                : matrix->row_start[matrix->rows];
    float *values = mem_alloc(count, sizeof(float));

    if (!values)
        return err_memory(err, count * sizeof(float), "a block of rows");
    for (size_t i = 0; i < count; i++)
        values[i] = matrix->values[i] == missing ? NAN : matrix->values[i];
    *ret = *matrix;
    ret->values = values;
    *ret_values = values;
    return 0;
}

/*
 * Appends one member's rows. Margins may be wider than what they become (multi:softmax), so room is
 * taken for the wider of the two and given back.
 */
static int score_member(const struct model_member *member, enum model_output output,
                        const struct matrix *matrix, struct scratch *scratch,
                        struct predictions *predictions, struct err *err)
{
    CLEANUP(mem_cleanup) float *copied = NULL;
    size_t outputs = member->source->outputs;
    size_t columns = member_columns(member, output);
    size_t room = matrix->rows * (outputs / columns);
    struct matrix replaced;
    float *values;

    if (!isnan(member->source->missing)) {
        if (replace_missing(matrix, member->source->missing, &replaced, &copied, err))
            return -1;
        matrix = &replaced;
    }
    values = predictions_extend(predictions, room, columns, err);
    if (!values)
        return -1;
    predictions->rows -= room - matrix->rows;
    if (scorer_score(member->scorer, matrix, scratch, values, err))
        return -1;
    if (output == MODEL_VALUE)
        objective_transform(member->source->objective, &member->rules, values, matrix->rows,
                            outputs);
    return 0;
}

/* The most frequent of count numbers that lie stride apart; the smallest on a tie. */
static float majority(const float *votes, size_t count, size_t stride)
{
    size_t best_count = 0;
    float best = 0;

    for (size_t i = 0; i < count; i++) {
        float vote = votes[i * stride];
        size_t same = 0;

        for (size_t j = 0; j < count; j++)
            same += votes[j * stride] == vote;
        if (same > best_count || (same == best_count && vote < best)) {
            best_count = same;
            best = vote;
        }
    }
    return best;
}

/* Of an ensemble the members' blocks lie behind one another and are combined into the first. */
static int score_members(const struct model *model, enum model_output output,
                         const struct matrix *matrix, struct scratch *scratch,
                         struct predictions *predictions, struct err *err)
{
    size_t first_row = predictions->rows;
    size_t columns = model_columns(model, output);
    size_t count = matrix->rows * columns;
    size_t members = model->member_count;
    float *values;

    for (size_t i = 0; i < members; i++) {
        if (score_member(&model->members[i], output, matrix, scratch, predictions, err))
            return -1;
    }
    if (members == 1)
        return 0;
    values = predictions->values + first_row * columns;
    if (model->vote && output == MODEL_VALUE) {
        for (size_t k = 0; k < count; k++)
            values[k] = majority(values + k, members, count);
    } else {
        for (size_t i = 1; i < members; i++) {
            for (size_t k = 0; k < count; k++)
                values[k] += values[i * count + k];
        }
        for (size_t k = 0; k < count; k++)
            values[k] /= (float)members;
    }
    predictions->rows = first_row + matrix->rows;
    return 0;
}

static int score_builtin(const struct scorer *scorer, const struct matrix *matrix,
                         struct scratch *scratch, struct predictions *predictions, struct err *err)
{
    float *values = predictions_extend(predictions, matrix->rows, scorer->outputs, err);

    return values ? scorer_score(scorer, matrix, scratch, values, err) : -1;
}

int model_score(const struct model *model, enum model_output output, const struct matrix *matrix,
                struct scratch *scratch, struct predictions *predictions, struct err *err)
{
    if (model->builtin)
        return score_builtin(builtin_scorer(model->builtin, output), matrix, scratch, predictions,
                             err);
    return score_members(model, output, matrix, scratch, predictions, err);
}
