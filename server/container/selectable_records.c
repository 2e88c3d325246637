/*
 * The answer as RecordIO-protobuf: a record a row, in it a label of float32 numbers a key. Bytes:
 * server/formats/recordio.h.
 */
#include <math.h>

#include "server/container/selectable_internal.h"
#include "server/formats/recordio.h"

static int append_value(const struct plan *plan, const struct field *field, const float *row,
                        const float *classes, struct buffer *body, struct err *err)
{
    float own[2]; /* values that are not among the predictions */
    const float *values = own;
    size_t count = 1;

    switch (field->source) {
    case NOT_A_NUMBER:
        own[0] = NAN;
        break;
    case VALUE:
        values = row;
        break;
    case ABOVE_HALF:
        own[0] = row[0] > 0.5f;
        break;
    case ABOVE_ZERO:
        own[0] = row[0] > 0.0f;
        break;
    case LARGEST_INDEX:
        own[0] = (float)selectable_largest(row, plan->predictions->columns);
        break;
    case LARGEST:
        own[0] = row[selectable_largest(row, plan->predictions->columns)];
        break;
    case ALL_VALUES:
        values = row;
        count = plan->predictions->columns;
        break;
    case COMPLEMENT:
        own[0] = (float)selectable_complement(row[0]);
        own[1] = row[0];
        count = 2;
        break;
    case CLASSES:
        values = classes;
        count = plan->classes;
        break;
    }
    return recordio_label(body, field->key->text, values, count, err);
}

static int append_record(const struct plan *plan, const float *row, const float *classes,
                         struct buffer *body, struct err *err)
{
    size_t record;

    if (recordio_begin(body, &record, err))
        return -1;
    for (size_t i = 0; i < plan->field_count; i++) {
        if (append_value(plan, &plan->fields[i], row, classes, body, err))
            return -1;
    }
    return recordio_end(body, record, err);
}

int selectable_encode_records(const struct plan *plan, struct buffer *body, struct err *err)
{
    const struct predictions *predictions = plan->predictions;
    CLEANUP(mem_cleanup) float *classes = mem_alloc(plan->classes, sizeof(*classes));

    if (!classes)
        return err_memory(err, plan->classes * sizeof(*classes), "the response");
    for (size_t i = 0; i < plan->classes; i++)
        classes[i] = (float)i;
    for (size_t r = 0; r < predictions->rows; r++) {
        if (append_record(plan, predictions->values + r * predictions->columns, classes, body, err))
            return -1;
    }
    return 0;
}
