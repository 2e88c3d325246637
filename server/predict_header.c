#include "server/predict_header.h"

#include <stdio.h>
#include <string.h>

#include "server/formats/answer_encode.h"

static const char *feature_name(const struct xgb_model *source, uint32_t feature, char *out,
                                size_t size)
{
    if (feature == source->features)
        return "bias";
    if (source->feature_names && source->feature_names[feature])
        return source->feature_names[feature];
    snprintf(out, size, "f%u", feature);
    return out;
}

/* "score", or of several "score_0", ... */
static int name_field(const struct answer_field *field, size_t column, struct buffer *name)
{
    if (field->list)
        return buffer_print(name, "%s_%zu", field->name, column - field->first);
    return buffer_print(name, "%s", field->name);
}

static int name_builtin(const struct builtin *builtin, size_t column, struct buffer *name)
{
    for (size_t i = 0; i < builtin->field_count; i++) {
        const struct answer_field *field = &builtin->fields[i];

        if (column >= field->first && column - field->first < field->count)
            return name_field(field, column, name);
    }
    return 0;
}

/* One column's name, in place of what `name` held. */
static int name_column(const struct settings *settings, const struct model *model, size_t column,
                       struct buffer *name)
{
    char made[32];

    buffer_clear(name);
    if (model->builtin && !settings->margin)
        return name_builtin(model->builtin, column, name);
    if (settings->leaves)
        return buffer_print(name, "tree_%zu", column);
    if (settings->contributions) {
        const struct xgb_model *source = model->members[0].source;
        size_t width = (size_t)source->features + 1;
        const char *feature = feature_name(source, (uint32_t)(column % width), made, sizeof(made));

        if (source->outputs > 1)
            return buffer_print(name, "%s_%zu", feature, column / width);
        return buffer_print(name, "%s", feature);
    }
    if (model_columns(model, settings->margin ? MODEL_MARGIN : MODEL_VALUE) > 1)
        return buffer_print(name, "score_%zu", column);
    return buffer_print(name, "score");
}

/* A cell of CSV (RFC 4180): quoted where it could be taken for more than one. */
static int append_cell(struct buffer *text, const struct buffer *cell)
{
    bool quoted = false;

    for (size_t i = 0; i < cell->size; i++)
        quoted |= memchr(",\"\r\n", cell->data[i], 4) != NULL;
    if (!quoted)
        return buffer_append(text, cell->data, cell->size);
    if (buffer_append(text, "\"", 1))
        return -1;
    for (size_t i = 0; i < cell->size; i++) {
        if ((cell->data[i] == '"' && buffer_append(text, "\"", 1)) ||
            buffer_append(text, &cell->data[i], 1))
            return -1;
    }
    return buffer_append(text, "\"", 1);
}

int predict_header(const struct settings *settings, const struct model *model, size_t columns,
                   struct buffer *text)
{
    struct buffer name;
    int result = 0;

    buffer_init(&name, text->max);
    for (size_t i = 0; result == 0 && i < columns; i++) {
        if ((i && buffer_append(text, ",", 1)) || name_column(settings, model, i, &name) ||
            append_cell(text, &name))
            result = -1;
    }
    buffer_fini(&name);
    return result ? -1 : buffer_append(text, "\n", 1);
}

size_t predict_columns(const struct settings *settings, const struct model *model)
{
    const struct model_member *member = model->members; /* of XGBoost */

    if (settings->leaves)
        return member->trees_used;
    if (settings->contributions)
        return ((size_t)member->source->features + 1) * member->source->outputs;
    if (model->builtin && !settings->margin)
        return model->builtin->plain_columns;
    return model_columns(model, settings->margin ? MODEL_MARGIN : MODEL_VALUE);
}

struct encoding predict_encoding(const struct settings *settings, const struct model *model)
{
    if (!model->builtin || settings->margin)
        return encoding_csv;
    return answer_encode_csv(&(struct answer_shape){
        .fields = model->builtin->fields,
        .field_count = model->builtin->field_count,
        .csv_count = model->builtin->plain_columns,
    });
}
