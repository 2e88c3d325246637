/*
 * UBJSON, draft 12, as far as XGBoost writes it; every number is big-endian:
 *
 *   value   := object | array | 'S' length bytes | 'C' byte | number | 'T' | 'F' | 'Z'
 *   number  := 'i' int8 | 'U' uint8 | 'I' int16 | 'l' int32 | 'L' int64 | 'd' float32 | 'D' float64
 *   length  := 'i', 'U', 'I', 'l' or 'L' and its number, which is not negative
 *   object  := '{' { length bytes value } '}'            keys have no marker 'S'
 *   array   := '[' '$' type '#' length { raw element }   no ']' where there is a length
 *            | '[' '#' length { value }
 *            | '[' { value } ']'
 *
 * The type of a typed array is one of those of `number` here, so that no element is without bytes.
 * 'H' (decimal text) and '$', '#' on objects are refused: no version of XGBoost writes them.
 */
#include "models/ubjson_reader.h"

enum {
    LEVEL_OBJECT,
    LEVEL_COUNTED,
    LEVEL_OPEN,
};

enum {
    STATE_ITEM,  /* within a container: its next member, or its end */
    STATE_VALUE, /* a value must come: at the start, and after a key */
    STATE_DONE,  /* the document's value was read */
};

static size_t here(const struct ubjson_reader *reader)
{
    return cursor_offset(&reader->source.cursor);
}

static int fail_end(const struct ubjson_reader *reader, struct err *err)
{
    return json_fail(&reader->source, here(reader), err, "the data ends in the middle of a value");
}

/* Bytes of a number with that marker; 0 for what is not a number. */
static size_t number_size(uint8_t marker)
{
    switch (marker) {
    case 'i':
    case 'U':
        return 1;
    case 'I':
        return 2;
    case 'l':
    case 'd':
        return 4;
    case 'L':
    case 'D':
        return 8;
    default:
        return 0;
    }
}

/* The number with that marker at p, which has number_size bytes. */
static void number_event(uint8_t marker, const uint8_t *p, struct json_event *ret)
{
    ret->type = JSON_INTEGER;
    switch (marker) {
    case 'i':
        ret->integer = (int8_t)p[0];
        break;
    case 'U':
        ret->integer = p[0];
        break;
    case 'I':
        ret->integer = (int16_t)load_be16(p);
        break;
    case 'l':
        ret->integer = (int32_t)load_be32(p);
        break;
    case 'L':
        ret->integer = (int64_t)load_be64(p);
        break;
    case 'd':
        ret->type = JSON_REAL;
        ret->real = (double)load_be_f32(p);
        return;
    default:
        ret->type = JSON_REAL;
        ret->real = load_be_f64(p);
        return;
    }
    ret->real = (double)ret->integer;
}

/* A length with its marker. It is not checked against what is left. */
static int take_length(struct ubjson_reader *reader, uint64_t *ret, struct err *err)
{
    struct cursor *c = &reader->source.cursor;
    struct json_event event;
    struct bytes number;
    size_t start = here(reader);
    uint8_t marker;
    size_t size;

    if (!cursor_u8(c, &marker))
        return fail_end(reader, err);
    size = number_size(marker);
    if (!size || marker == 'd' || marker == 'D')
        return json_fail(&reader->source, start, err, "a length must come here, not byte 0x%02x",
                         (unsigned)marker);
    if (!cursor_take(c, size, &number))
        return fail_end(reader, err);
    number_event(marker, number.data, &event);
    if (event.integer < 0)
        return json_fail(&reader->source, start, err, "a length is negative");
    *ret = (uint64_t)event.integer;
    return 0;
}

static int take_text(struct ubjson_reader *reader, struct bytes *ret, struct err *err)
{
    size_t start = here(reader);
    uint64_t length = 0;

    if (take_length(reader, &length, err))
        return -1;
    if (length > cursor_left(&reader->source.cursor))
        return json_fail(&reader->source, start, err,
                         "a text of %llu bytes where %zu bytes are left",
                         (unsigned long long)length, cursor_left(&reader->source.cursor));
    return cursor_take(&reader->source.cursor, (size_t)length, ret) ? 0 : fail_end(reader, err);
}

static void value_done(struct ubjson_reader *reader)
{
    reader->state = reader->depth ? STATE_ITEM : STATE_DONE;
}

/* What stands between '[' and the first element: the array's kind, type and length. */
static int take_array_head(struct ubjson_reader *reader, struct ubjson_level *level,
                           struct err *err)
{
    struct cursor *c = &reader->source.cursor;
    size_t start = here(reader);
    size_t element = 1; /* an element has a byte at least: its marker */

    level->kind = LEVEL_OPEN;
    level->type = 0;
    level->left = 0;
    if (c->at < c->end && *c->at == '$') {
        c->at++;
        if (!cursor_u8(c, &level->type) || c->at == c->end)
            return fail_end(reader, err);
        element = number_size(level->type);
        if (!element)
            return json_fail(&reader->source, start, err, "an array of type 0x%02x",
                             (unsigned)level->type);
        if (*c->at != '#')
            return json_fail(&reader->source, start, err, "a typed array without a length");
    }
    if (c->at < c->end && *c->at == '#') {
        c->at++;
        level->kind = LEVEL_COUNTED;
        if (take_length(reader, &level->left, err))
            return -1;
        if (level->left > cursor_left(c) / element)
            return json_fail(&reader->source, start, err,
                             "an array of %llu elements where %zu bytes are left",
                             (unsigned long long)level->left, cursor_left(c));
    }
    return 0;
}

static int open_container(struct ubjson_reader *reader, bool object, struct json_event *ret,
                          struct err *err)
{
    struct ubjson_level level = {.kind = LEVEL_OBJECT};
    const struct cursor *c = &reader->source.cursor;

    if (reader->depth == JSON_DEPTH_MAX)
        return json_fail(&reader->source, ret->offset, err, "nested more than %d levels deep",
                         JSON_DEPTH_MAX);
    if (object && c->at < c->end && (*c->at == '$' || *c->at == '#'))
        return json_fail(&reader->source, here(reader), err,
                         "an object with a type or a count is not XGBoost's UBJSON");
    if (!object && take_array_head(reader, &level, err))
        return -1;
    reader->levels[reader->depth++] = level;
    reader->state = STATE_ITEM;
    ret->type = object ? JSON_OBJECT_BEGIN : JSON_ARRAY_BEGIN;
    return 0;
}

static int close_container(struct ubjson_reader *reader, struct json_event *ret)
{
    bool object = reader->levels[--reader->depth].kind == LEVEL_OBJECT;

    ret->type = object ? JSON_OBJECT_END : JSON_ARRAY_END;
    value_done(reader);
    return 0;
}

static int take_number(struct ubjson_reader *reader, uint8_t marker, struct json_event *ret,
                       struct err *err)
{
    struct bytes number;
    size_t size = number_size(marker);

    if (!size)
        return json_fail(&reader->source, ret->offset, err,
                         marker == 'H' ? "a number as decimal text (0x%02x) is not supported"
                                       : "a value must come here, not byte 0x%02x",
                         (unsigned)marker);
    if (!cursor_take(&reader->source.cursor, size, &number))
        return fail_end(reader, err);
    number_event(marker, number.data, ret);
    value_done(reader);
    return 0;
}

static int take_value(struct ubjson_reader *reader, struct json_event *ret, struct err *err)
{
    uint8_t marker;

    if (!cursor_u8(&reader->source.cursor, &marker))
        return fail_end(reader, err);
    switch (marker) {
    case '{':
    case '[':
        return open_container(reader, marker == '{', ret, err);
    case 'S':
        ret->type = JSON_STRING;
        value_done(reader);
        return take_text(reader, &ret->text, err);
    case 'C':
        ret->type = JSON_STRING;
        value_done(reader);
        return cursor_take(&reader->source.cursor, 1, &ret->text) ? 0 : fail_end(reader, err);
    case 'T':
    case 'F':
        ret->type = marker == 'T' ? JSON_TRUE : JSON_FALSE;
        value_done(reader);
        return 0;
    case 'Z':
        ret->type = JSON_NULL;
        value_done(reader);
        return 0;
    default:
        return take_number(reader, marker, ret, err);
    }
}

/* The next member of the innermost container, or its end. */
static int take_item(struct ubjson_reader *reader, struct json_event *ret, struct err *err)
{
    struct ubjson_level *level = &reader->levels[reader->depth - 1];
    struct cursor *c = &reader->source.cursor;

    if (level->kind == LEVEL_COUNTED) {
        if (level->left == 0)
            return close_container(reader, ret);
        level->left--;
        return level->type ? take_number(reader, level->type, ret, err)
                           : take_value(reader, ret, err);
    }
    if (c->at < c->end && *c->at == (level->kind == LEVEL_OBJECT ? '}' : ']')) {
        c->at++;
        return close_container(reader, ret);
    }
    if (level->kind == LEVEL_OPEN)
        return take_value(reader, ret, err);
    ret->type = JSON_KEY;
    reader->state = STATE_VALUE;
    return take_text(reader, &ret->text, err);
}

static int reader_next(struct json_source *source, struct json_event *ret, struct err *err)
{
    struct ubjson_reader *reader = (struct ubjson_reader *)source;

    memset(ret, 0, sizeof(*ret));
    ret->offset = here(reader);
    switch (reader->state) {
    case STATE_VALUE:
        return take_value(reader, ret, err);
    case STATE_ITEM:
        return take_item(reader, ret, err);
    default:
        ret->type = JSON_END;
        if (cursor_left(&source->cursor) == 0)
            return 0;
        return json_fail(source, ret->offset, err,
                         "something follows after the end of the document");
    }
}

/* Whether the innermost container is a typed array that can be taken as one piece. */
static bool in_typed_array(const struct ubjson_reader *reader)
{
    return reader->state == STATE_ITEM && reader->levels[reader->depth - 1].type;
}

/* Takes all elements of the typed array; take_array_head saw that they are there. */
static struct bytes take_typed(struct ubjson_reader *reader, size_t *ret_count)
{
    struct ubjson_level *level = &reader->levels[reader->depth - 1];
    size_t count = (size_t)level->left;
    struct bytes raw = {.data = reader->source.cursor.at, .size = count * number_size(level->type)};

    reader->source.cursor.at += raw.size;
    level->left = 0;
    *ret_count = count;
    return raw;
}

static int reader_skip(struct json_source *source, struct bytes *ret, struct err *err)
{
    struct ubjson_reader *reader = (struct ubjson_reader *)source;
    unsigned depth = reader->depth;
    struct json_event event;
    size_t start;
    size_t count;

    if (reader_next(source, &event, err))
        return -1;
    if (event.type == JSON_END || event.type == JSON_KEY || event.type == JSON_OBJECT_END ||
        event.type == JSON_ARRAY_END)
        return json_fail(source, event.offset, err, "a value must come here");
    start = event.offset;
    while (reader->depth > depth) {
        if (in_typed_array(reader))
            take_typed(reader, &count);
        if (reader_next(source, &event, err))
            return -1;
    }
    *ret = bytes_of(source->cursor.start + start, here(reader) - start);
    return 0;
}

/* The elements to come of the innermost array, which is not typed. */
static int count_elements(struct ubjson_reader *reader, size_t *ret, struct err *err)
{
    const struct ubjson_level *level = &reader->levels[reader->depth - 1];
    struct ubjson_reader ahead;
    struct json_event event;
    size_t count = 0;

    if (level->kind == LEVEL_COUNTED) {
        *ret = (size_t)level->left;
        return 0;
    }
    ahead = *reader;
    for (;;) {
        if (reader_next(&ahead.source, &event, err))
            return -1;
        if (ahead.depth > reader->depth)
            return json_fail(&reader->source, event.offset, err, "an array of numbers has another");
        if (ahead.depth < reader->depth)
            break;
        count++;
    }
    *ret = count;
    return 0;
}

/* The usual combinations of a marker and an element, as loops that compilers make fast. */
static bool convert_fast(uint8_t type, const uint8_t *raw, size_t count, enum json_element element,
                         void *array)
{
    if (type == 'd' && element == JSON_F32) {
        for (size_t i = 0; i < count; i++)
            ((float *)array)[i] = load_be_f32(raw + 4 * i);
    } else if (type == 'l' && element == JSON_I32) {
        for (size_t i = 0; i < count; i++)
            ((int32_t *)array)[i] = (int32_t)load_be32(raw + 4 * i);
    } else if (type == 'U' && element == JSON_U8) {
        memcpy(array, raw, count);
    } else {
        return false;
    }
    return true;
}

static int read_typed(struct ubjson_reader *reader, enum json_element element, size_t max,
                      struct arena *arena, void **ret, size_t *ret_count, struct err *err)
{
    uint8_t type = reader->levels[reader->depth - 1].type;
    size_t start = here(reader);
    size_t size = number_size(type);
    struct bytes raw = take_typed(reader, ret_count);

    if (json_array_new(&reader->source, element, *ret_count, max, arena, ret, err))
        return -1;
    if (convert_fast(type, raw.data, *ret_count, element, *ret))
        return 0;
    for (size_t i = 0; i < *ret_count; i++) {
        struct json_event event = {.offset = start + i * size};

        number_event(type, raw.data + i * size, &event);
        if (json_array_set(&reader->source, element, *ret, i, &event, err))
            return -1;
    }
    return 0;
}

static int read_values(struct ubjson_reader *reader, enum json_element element, size_t max,
                       struct arena *arena, void **ret, size_t *ret_count, struct err *err)
{
    struct json_event event;
    size_t count = 0;

    if (count_elements(reader, &count, err) ||
        json_array_new(&reader->source, element, count, max, arena, ret, err))
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (reader_next(&reader->source, &event, err) ||
            json_array_set(&reader->source, element, *ret, i, &event, err))
            return -1;
    }
    *ret_count = count;
    return 0;
}

static int reader_read(struct json_source *source, enum json_element element, size_t max,
                       struct arena *arena, void **ret, size_t *ret_count, struct err *err)
{
    struct ubjson_reader *reader = (struct ubjson_reader *)source;
    struct json_event event;
    size_t count = 0;
    void *array = NULL;

    if (json_expect(source, JSON_ARRAY_BEGIN, "the value", &event, err))
        return -1;
    if (in_typed_array(reader) ? read_typed(reader, element, max, arena, &array, &count, err)
                               : read_values(reader, element, max, arena, &array, &count, err))
        return -1;
    if (json_expect(source, JSON_ARRAY_END, "the end of the array", &event, err))
        return -1;
    *ret = array;
    *ret_count = count;
    return 0;
}

static const struct json_source_ops reader_ops = {
    .next = reader_next,
    .read = reader_read,
    .pass_over = reader_skip,
};

void ubjson_reader_init(struct ubjson_reader *reader, struct bytes data, size_t base)
{
    memset(reader, 0, sizeof(*reader));
    reader->source.ops = &reader_ops;
    reader->source.cursor = cursor_of(data);
    reader->source.base = base;
    reader->state = STATE_VALUE;
}
