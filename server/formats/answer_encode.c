#include "server/formats/answer_encode.h"

#include <string.h>

#include "base/number_print.h"
#include "server/formats/encode_internal.h"
#include "server/formats/recordio.h"

/* A layout that is made for an answer. Columns of fields and columns between them are parts. */
struct answer_layout {
    struct encode_layout layout;
    struct encode_part parts[2 * ANSWER_FIELDS_MAX + 1];
};

static void add_text(struct encode_text *text, const char *more)
{
    size_t room = sizeof(text->text) - text->size;
    size_t size = strlen(more);

    if (size > ANSWER_NAME_MAX)
        size = ANSWER_NAME_MAX;
    if (size > room)
        size = room;
    memcpy(text->text + text->size, more, size);
    text->size += size;
}

static struct encode_text text_of(const char *literal)
{
    struct encode_text text = {.size = 0};

    add_text(&text, literal);
    return text;
}

static struct encode_part *add_part(struct answer_layout *answer, size_t first, size_t count,
                                    size_t (*print)(char *out, double value))
{
    struct encode_part *part = &answer->parts[answer->layout.part_count++];

    *part = (struct encode_part){.first = first, .count = count, .print = print};
    answer->layout.parts = answer->parts;
    return part;
}

/* The fields that are in the answer; returns how many. */
static size_t find_fields(const struct answer_shape *shape,
                          const struct answer_field *fields[ANSWER_FIELDS_MAX])
{
    size_t count = 0;

    for (size_t i = 0; i < shape->field_count && count < ANSWER_FIELDS_MAX; i++) {
        if (!shape->fields[i].verbose || shape->verbose)
            fields[count++] = &shape->fields[i];
    }
    return count;
}

static void sort_fields(const struct answer_field **fields, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        const struct answer_field *field = fields[i];
        size_t at = i;

        for (; at && strcmp(fields[at - 1]->name, field->name) > 0; at--)
            fields[at] = fields[at - 1];
        fields[at] = field;
    }
}

static size_t print_whole_json(char *out, double value)
{
    size_t size = number_print_whole(out, value);

    return size ? size : number_print_json(out, value);
}

static size_t print_whole_lines(char *out, double value)
{
    size_t size = number_print_whole(out, value);

    return size ? size : number_print_lines(out, value);
}

static size_t print_whole_csv(char *out, double value)
{
    size_t size = number_print_whole(out, value);

    return size ? size : number_print_double(out, value);
}

/* How objects are written. */
struct object_style {
    const char *comma; /* between members, and in lists */
    const char *colon;
    const char *end; /* of a row */
    const char *between_rows;
    size_t (*print)(char *out, double value);
    size_t (*print_whole)(char *out, double value);
    bool sorted;
};

static void build_objects(const struct answer_shape *shape, const struct object_style *style,
                          struct answer_layout *ret)
{
    const struct answer_field *fields[ANSWER_FIELDS_MAX];
    size_t count = find_fields(shape, fields);

    if (style->sorted)
        sort_fields(fields, count);
    ret->layout = (struct encode_layout){.between_rows = text_of(style->between_rows)};
    for (size_t i = 0; i < count; i++) {
        const struct answer_field *field = fields[i];
        bool list = field->list || field->count != 1, whole = field->whole && !shape->python2;
        struct encode_part *part =
            add_part(ret, field->first, field->count, whole ? style->print_whole : style->print);

        add_text(&part->before, i ? style->comma : "{");
        add_text(&part->before, "\"");
        add_text(&part->before, field->name);
        add_text(&part->before, "\"");
        add_text(&part->before, style->colon);
        add_text(&part->before, list ? "[" : "");
        add_text(&part->between, style->comma);
        add_text(&part->after, list ? "]" : "");
        add_text(&part->after, i + 1 == count ? style->end : "");
    }
}

static int json_rows(const struct encoding *encoding, const struct predictions *predictions,
                     bool first, struct buffer *body, struct err *err)
{
    static const struct object_style style = {
        ", ", ": ", "}", ", ", number_print_json, print_whole_json, false,
    };
    struct answer_layout answer;

    build_objects(&encoding->answer, &style, &answer);
    return encode_layout_rows(&answer.layout, predictions, first, body, err);
}

static int lines_rows(const struct encoding *encoding, const struct predictions *predictions,
                      bool first, struct buffer *body, struct err *err)
{
    static const struct object_style compact = {
        ",", ":", "}\n", "", number_print_lines, print_whole_lines, true,
    };
    static const struct object_style spaced = {
        ", ", ": ", "}\n", "", number_print_json, print_whole_json, false,
    };
    struct answer_layout answer;

    build_objects(&encoding->answer, encoding->answer.python2 ? &spaced : &compact, &answer);
    return encode_layout_rows(&answer.layout, predictions, first, body, err);
}

/* The field that has the column, or NULL; *ret_end: the first column behind `column` that may be in
 * another one. */
static const struct answer_field *field_of(const struct answer_shape *shape, size_t column,
                                           size_t *ret_end)
{
    *ret_end = SIZE_MAX;
    for (size_t i = 0; i < shape->field_count && i < ANSWER_FIELDS_MAX; i++) {
        const struct answer_field *field = &shape->fields[i];
        size_t end = (size_t)field->first + field->count;

        if (column >= field->first && column < end) {
            *ret_end = end;
            return field;
        }
        if (field->first > column && field->first < *ret_end)
            *ret_end = field->first;
    }
    return NULL;
}

static int csv_rows(const struct encoding *encoding, const struct predictions *predictions,
                    bool first, struct buffer *body, struct err *err)
{
    const struct answer_shape *shape = &encoding->answer;
    size_t column = shape->csv_first, end = column + shape->csv_count;
    struct answer_layout answer = {.layout.part_count = 0};

    while (column < end && answer.layout.part_count < ARRAY_LENGTH(answer.parts)) {
        size_t part_end;
        const struct answer_field *field = field_of(shape, column, &part_end);
        struct encode_part *part;

        if (part_end > end)
            part_end = end;
        part = add_part(&answer, column, part_end - column,
                        shape->python2          ? number_print_python2
                        : field && field->whole ? print_whole_csv
                                                : number_print_double);
        part->before = text_of(column == shape->csv_first ? "" : ",");
        part->between = text_of(",");
        part->after = text_of(part_end == end ? "\n" : "");
        column = part_end;
    }
    return encode_layout_rows(&answer.layout, predictions, first, body, err);
}

static int recordio_rows(const struct encoding *encoding, const struct predictions *predictions,
                         bool first, struct buffer *body, struct err *err)
{
    const struct answer_field *fields[ANSWER_FIELDS_MAX];
    size_t count = find_fields(&encoding->answer, fields);
    const float *values = predictions->values;

    (void)first;
    for (size_t row = 0; row < predictions->rows; row++, values += predictions->columns) {
        size_t record = 0;

        if (recordio_begin(body, &record, err))
            return -1;
        for (size_t i = 0; i < count; i++) {
            if (recordio_label(body, bytes_text(fields[i]->name), values + fields[i]->first,
                               fields[i]->count, err))
                return -1;
        }
        if (recordio_end(body, record, err))
            return -1;
    }
    return 0;
}

static const struct encode_kind json_kind = {"[", "]}", .rows = json_rows, .rooted = true};
static const struct encode_kind lines_kind = {"", "", .rows = lines_rows};
static const struct encode_kind csv_kind = {"", "", .rows = csv_rows};
static const struct encode_kind recordio_kind = {"", "", .rows = recordio_rows};

struct encoding answer_encode_json(const struct answer_shape *shape)
{
    return (struct encoding){.kind = &json_kind, .answer = *shape};
}

struct encoding answer_encode_jsonlines(const struct answer_shape *shape)
{
    return (struct encoding){.kind = &lines_kind, .answer = *shape};
}

struct encoding answer_encode_csv(const struct answer_shape *shape)
{
    return (struct encoding){.kind = &csv_kind, .answer = *shape};
}

struct encoding answer_encode_recordio(const struct answer_shape *shape)
{
    return (struct encoding){.kind = &recordio_kind, .answer = *shape};
}
