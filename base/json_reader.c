/*
 * JSON text (RFC 8259):
 *
 *   value  := object | array | string | number | true | false | null
 *   object := '{' [ string ':' value { ',' string ':' value } ] '}'
 *   array  := '[' [ value { ',' value } ] ']'
 *   string := '"' { any byte but '"' and '\' | '\' one of "\/bfnrtu } '"'
 *   number := [ '-' ] ( '0' | 1-9 { digit } ) [ '.' digit { digit } ] [ e|E [ '+' | '-' ] digit {
 * digit } ]
 *
 * with white space (space, \t, \n, \r) around every token. A strict reader takes these numbers, and
 * strings as the RFC has them; any other takes what number_parse_json does. Both take NaN, Infinity
 * and -Infinity, which XGBoost and Python write.
 */
#include "base/json_reader.h"

#include "base/number_parse.h"
#include "base/unicode.h"

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

/* Digits from `at` on; how many. */
static size_t digits(struct bytes token, size_t at)
{
    size_t n = 0;

    while (at + n < token.size && token.data[at + n] >= '0' && token.data[at + n] <= '9')
        n++;
    return n;
}

bool json_is_number(struct bytes token)
{
    size_t at = token.size && token.data[0] == '-';
    size_t whole = digits(token, at);

    if (whole == 0 || (whole > 1 && token.data[at] == '0'))
        return false;
    at += whole;
    if (at < token.size && token.data[at] == '.') {
        size_t fraction = digits(token, at + 1);

        if (fraction == 0)
            return false;
        at += 1 + fraction;
    }
    if (at < token.size && (token.data[at] | 0x20) == 'e') {
        bool sign = at + 1 < token.size && (token.data[at + 1] == '+' || token.data[at + 1] == '-');
        size_t exponent = digits(token, at + 1 + sign);

        if (exponent == 0)
            return false;
        at += 1 + sign + exponent;
    }
    return at == token.size;
}

/* What a strict reader takes for a value without quotes or brackets. */
static bool is_strict_token(struct bytes token)
{
    static const char *const words[] = {"true", "false", "null", "NaN", "Infinity", "-Infinity"};

    for (size_t i = 0; i < ARRAY_LENGTH(words); i++) {
        if (bytes_is(token, words[i]))
            return true;
    }
    return json_is_number(token);
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

static bool is_hex(uint8_t c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* What a strict reader asks of a string beyond what take_string has checked. */
static int check_string(const struct json_reader *reader, struct bytes text, struct err *err)
{
    size_t offset = (size_t)(text.data - reader->source.cursor.start);
    struct unicode_fault bad;
    size_t at = unicode_check((const char *)text.data, text.size, &bad);

    if (at != text.size)
        return json_fail(&reader->source, offset + at, err, "byte 0x%02x is not UTF-8: %s",
                         bad.byte, bad.reason);
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < ' ')
            return json_fail(&reader->source, offset + i, err,
                             "control character 0x%02x in a string must be escaped", text.data[i]);
        if (text.data[i] != '\\')
            continue;
        if (text.data[++i] != 'u')
            continue;
        for (size_t n = 1; n <= 4; n++) {
            if (i + n >= text.size || !is_hex(text.data[i + n]))
                return json_fail(&reader->source, offset + i - 1, err,
                                 "four hexadecimal digits must come after \\u");
        }
        i += 4;
    }
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
    return reader->strict ? check_string(reader, ret->text, err) : 0;
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
    bool good;

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
    good = !reader->strict || is_strict_token(token);
    if (good && numbers)
        good = token_event(token, ret);
    else
        ret->type = JSON_NULL;
    if (!good)
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

void json_reader_init_strict(struct json_reader *reader, struct bytes text)
{
    json_reader_init(reader, text, 0);
    reader->strict = true;
}
