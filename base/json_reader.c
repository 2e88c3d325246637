/*
 * JSON text (RFC 8259):
 *
 *   value  := object | array | string | number | true | false | null
 *   object := '{' [ string ':' value { ',' string ':' value } ] '}'
 *   array  := '[' [ value { ',' value } ] ']'
 *   string := '"' { any byte but '"' and '\' | '\' one of "\/bfnrtu } '"'
 *
 * with white space (space, \t, \n, \r) around every token. Numbers are what number_parse_json
 * takes: besides JSON's own, NaN, Infinity and -Infinity, which XGBoost and Python write.
 */
#include "base/json_reader.h"

#include "base/number_parse.h"

enum {
    STATE_VALUE, /* a value must come */
    STATE_FIRST, /* '{' or '[' was read */
    STATE_AFTER, /* a value was read: ',' or the end of the container must come */
    STATE_DONE,  /* the document's value was read */
};

static size_t here(const struct json_reader *reader)
{
    return cursor_offset(&reader->source.cursor);
}

static int fail_end(const struct json_reader *reader, struct err *err)
{
    return json_fail(&reader->source, here(reader), err, "the text ends in the middle of a value");
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static void skip_space(struct cursor *c)
{
    while (c->at < c->end && is_space(*c->at))
        c->at++;
}

/* The bytes up to a separator: a number or a literal, or nothing. */
static struct bytes take_token(struct cursor *c)
{
    const uint8_t *start = c->at;

    while (c->at<c->end && * c->at> ' ' && *c->at != ',' && *c->at != ']' && *c->at != '}' &&
           *c->at != ':' && *c->at != '"' && *c->at != '[' && *c->at != '{')
        c->at++;
    return bytes_of(start, (size_t)(c->at - start));
}

/* '-' or nothing, then digits, within int64. */
static bool token_integer(struct bytes token, int64_t *ret)
{
    bool minus = token.size && token.data[0] == '-';
    int64_t value = 0;

    if (token.size == (size_t)minus)
        return false;
    for (size_t i = minus; i < token.size; i++) {
        int digit = token.data[i] - '0';

        if (digit < 0 || digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, digit, &value))
            return false;
    }
    if (!minus && __builtin_sub_overflow((int64_t)0, value, &value))
        return false;
    *ret = value;
    return true;
}

/* What a token is: a literal, an integer, any other number. False where it is none of them. */
static bool token_event(struct bytes token, struct json_event *ret)
{
    ret->text = token;
    if (bytes_is(token, "true")) {
        ret->type = JSON_TRUE;
    } else if (bytes_is(token, "false")) {
        ret->type = JSON_FALSE;
    } else if (bytes_is(token, "null")) {
        ret->type = JSON_NULL;
    } else if (token_integer(token, &ret->integer)) {
        ret->type = JSON_INTEGER;
        ret->real = (double)ret->integer;
    } else {
        ret->type = JSON_REAL;
        return number_parse_json((const char *)token.data, token.size, &ret->real) == NUMBER_OK;
    }
    return true;
}

static void value_done(struct json_reader *reader)
{
    reader->state = reader->depth ? STATE_AFTER : STATE_DONE;
}

static int open_container(struct json_reader *reader, bool object, struct json_event *ret,
                          struct err *err)
{
    if (reader->depth == JSON_DEPTH_MAX)
        return json_fail(&reader->source, here(reader), err, "nested more than %d levels deep",
                         JSON_DEPTH_MAX);
    reader->in_object[reader->depth++] = object;
    reader->state = STATE_FIRST;
    reader->source.cursor.at++;
    ret->type = object ? JSON_OBJECT_BEGIN : JSON_ARRAY_BEGIN;
    return 0;
}

static int close_container(struct json_reader *reader, struct json_event *ret)
{
    ret->type = reader->in_object[--reader->depth] ? JSON_OBJECT_END : JSON_ARRAY_END;
    reader->source.cursor.at++;
    value_done(reader);
    return 0;
}

/* The text between quotes; the cursor is at the first of them. */
static int take_string(struct json_reader *reader, struct json_event *ret, struct err *err)
{
    struct cursor *c = &reader->source.cursor;
    const uint8_t *start = ++c->at;

    for (;;) {
        while (c->at < c->end && *c->at != '"' && *c->at != '\\')
            c->at++;
        if (cursor_left(c) < 2 && (c->at == c->end || *c->at == '\\')) {
            c->at = c->end;
            return fail_end(reader, err);
        }
        if (*c->at == '"')
            break;
        if (!c->at[1] || !strchr("\"\\/bfnrtu", c->at[1]))
            return json_fail(&reader->source, here(reader), err, "unknown escape in a string");
        ret->escaped = true;
        c->at += 2;
    }
    ret->text = bytes_of(start, (size_t)(c->at - start));
    c->at++;
    return 0;
}

static int take_key(struct json_reader *reader, struct json_event *ret, struct err *err)
{
    struct cursor *c = &reader->source.cursor;

    if (*c->at != '"')
        return json_fail(&reader->source, here(reader), err, "a key in quotes must come here");
    if (take_string(reader, ret, err))
        return -1;
    skip_space(c);
    if (c->at == c->end)
        return fail_end(reader, err);
    if (*c->at != ':')
        return json_fail(&reader->source, here(reader), err, "':' must come after a key");
    c->at++;
    ret->type = JSON_KEY;
    reader->state = STATE_VALUE;
    return 0;
}

/* `numbers`: whether they are wanted, or only passed over. */
static int take_value(struct json_reader *reader, bool numbers, struct json_event *ret,
                      struct err *err)
{
    struct cursor *c = &reader->source.cursor;
    uint8_t first = *c->at;
    struct bytes token;
    char quoted[64];

    if (first == '{' || first == '[')
        return open_container(reader, first == '{', ret, err);
    value_done(reader);
    if (first == '"') {
        ret->type = JSON_STRING;
        return take_string(reader, ret, err);
    }
    token = take_token(c);
    if (!token.size)
        return json_fail(&reader->source, here(reader), err, "a value must come here, not %s",
                         err_quote(quoted, sizeof(quoted), &first, 1));
    if (!numbers)
        ret->type = JSON_NULL;
    else if (!token_event(token, ret))
        return json_fail(&reader->source, ret->offset, err, "%s is not a value",
                         err_quote(quoted, sizeof(quoted), token.data, token.size));
    return 0;
}

static int advance(struct json_reader *reader, bool numbers, struct json_event *ret,
                   struct err *err)
{
    struct cursor *c = &reader->source.cursor;
    bool object;

    memset(ret, 0, sizeof(*ret));
    skip_space(c);
    ret->offset = here(reader);
    if (reader->state == STATE_DONE) {
        ret->type = JSON_END;
        return c->at == c->end ? 0
                               : json_fail(&reader->source, ret->offset, err,
                                           "something follows after the end of the document");
    }
    if (c->at == c->end)
        return fail_end(reader, err);
    if (reader->state == STATE_VALUE)
        return take_value(reader, numbers, ret, err);

    object = reader->in_object[reader->depth - 1];
    if (*c->at == (object ? '}' : ']'))
        return close_container(reader, ret);
    if (reader->state == STATE_AFTER) {
        if (*c->at != ',')
            return json_fail(&reader->source, ret->offset, err, "',' or '%c' must come here",
                             object ? '}' : ']');
        c->at++;
        skip_space(c);
        ret->offset = here(reader);
        if (c->at == c->end)
            return fail_end(reader, err);
    }
    return object ? take_key(reader, ret, err) : take_value(reader, numbers, ret, err);
}

static int reader_next(struct json_source *source, struct json_event *ret, struct err *err)
{
    return advance((struct json_reader *)source, true, ret, err);
}

static int reader_skip(struct json_source *source, struct bytes *ret, struct err *err)
{
    struct json_reader *reader = (struct json_reader *)source;
    unsigned depth = reader->depth;
    struct json_event event;
    size_t start;

    if (advance(reader, false, &event, err))
        return -1;
    if (event.type == JSON_END || event.type == JSON_KEY || event.type == JSON_OBJECT_END ||
        event.type == JSON_ARRAY_END)
        return json_fail(source, event.offset, err, "a value must come here");
    start = event.offset;
    while (reader->depth > depth) {
        if (advance(reader, false, &event, err))
            return -1;
    }
    *ret = bytes_of(source->cursor.start + start, here(reader) - start);
    return 0;
}

/* Elements between `at` and the next ']', which must be there, going by the commas alone. */
static int count_elements(struct json_reader *reader, size_t *ret, struct err *err)
{
    struct cursor *c = &reader->source.cursor;
    const uint8_t *end = memchr(c->at, ']', cursor_left(c));
    size_t commas = 0;

    if (!end) {
        c->at = c->end;
        return fail_end(reader, err);
    }
    for (const uint8_t *p = c->at; p < end; p++)
        commas += *p == ',';
    skip_space(c);
    *ret = c->at == end ? 0 : commas + 1;
    return 0;
}

/* Element i of an array at the cursor, and the ',' or ']' behind it. */
static int read_element(struct json_reader *reader, enum json_element element, void *array,
                        size_t i, bool last, struct err *err)
{
    struct cursor *c = &reader->source.cursor;
    struct json_event event = {.type = JSON_NULL};
    enum number_result result = NUMBER_BAD;
    struct bytes token;

    skip_space(c);
    event.offset = here(reader);
    token = take_token(c);
    if (element == JSON_F32) /* the usual case, without the double that nobody needs */
        result = number_parse_json_f32((const char *)token.data, token.size, (float *)array + i);
    if (result != NUMBER_OK) {
        if (!token_event(token, &event))
            event.type = JSON_NULL;
        if (json_array_set(&reader->source, element, array, i, &event, err))
            return -1;
    }
    skip_space(c);
    if (*c->at != (last ? ']' : ','))
        return json_fail(&reader->source, here(reader), err, "',' or ']' must come here");
    if (!last)
        c->at++;
    return 0;
}

static int reader_read(struct json_source *source, enum json_element element, size_t max,
                       struct arena *arena, void **ret, size_t *ret_count, struct err *err)
{
    struct json_reader *reader = (struct json_reader *)source;
    struct json_event event;
    size_t count = 0;
    void *array;

    if (json_expect(source, JSON_ARRAY_BEGIN, "the value", &event, err) ||
        count_elements(reader, &count, err) ||
        json_array_new(source, element, count, max, arena, &array, err))
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (read_element(reader, element, array, i, i + 1 == count, err))
            return -1;
    }
    close_container(reader, &event);
    *ret = array;
    *ret_count = count;
    return 0;
}

static const struct json_source_ops reader_ops = {
    .next = reader_next,
    .read = reader_read,
    .pass_over = reader_skip,
};

void json_reader_init(struct json_reader *reader, struct bytes text, size_t base)
{
    memset(reader, 0, sizeof(*reader));
    reader->source.ops = &reader_ops;
    reader->source.cursor = cursor_of(text);
    reader->source.base = base;
    reader->state = STATE_VALUE;
}
