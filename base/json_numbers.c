/*
 * What stands between the brackets of
 *
 *   array := '[' [ number { ',' number } ] ']'
 *
 * with white space (space, \t, \n, \r) around every token. Where the processor has vectors, numbers
 * are read many at a time (base/number_cells.h), and one by one what that finds odd. Otherwise, and
 * in a short array, all are: number_scan_double finds out where a number ends, and takes more than
 * JSON has: what a number begins with is checked with each, and the points of all of them in one
 * pass over the array's text.
 */
#include "base/json_numbers.h"

#include <math.h>

#include "base/number_cells.h"
#include "base/number_parse.h"

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static const uint8_t *skip_space(const uint8_t *at, const uint8_t *end)
{
    while (at < end && is_space(*at))
        at++;
    return at;
}

static bool is_digit(uint8_t c)
{
    return (uint8_t)(c - '0') <= 9;
}

static size_t offset_of(const struct json_reader *reader, const uint8_t *at)
{
    return (size_t)(at - reader->source.cursor.start);
}

/* The text of an element that is no string, array or object. */
static struct bytes token_at(const uint8_t *at, const uint8_t *end)
{
    const uint8_t *start = at;

    while (at<end && * at> ' ' && !strchr(",:[]{}\"", *at))
        at++;
    return bytes_of(start, (size_t)(at - start));
}

/* "offset N: `wanted` is expected, not ..." what stands at `at`. Returns -1. */
static int fail_element(const struct json_reader *reader, const uint8_t *at, const char *wanted,
                        struct err *err)
{
    const uint8_t *end = reader->source.cursor.end;
    struct bytes token = token_at(at, end);
    char quoted[64];

    if (at + token.size == end)
        return json_fail(&reader->source, (size_t)(end - reader->source.cursor.start), err,
                         "the text ends in the middle of a value");
    if (*at == '"' || *at == '[' || *at == '{')
        return json_fail(&reader->source, offset_of(reader, at), err, "%s is expected, not %s",
                         wanted,
                         *at == '"'   ? "a string"
                         : *at == '[' ? "an array"
                                      : "an object");
    return json_fail(&reader->source, offset_of(reader, at), err, "%s is expected, not %s", wanted,
                     err_quote(quoted, sizeof(quoted), at, token.size ? token.size : 1));
}

static int fail_memory(const struct buffer *values, struct err *err)
{
    return err_memory(err, values->capacity, "an array of numbers");
}

/* Whether a scanned number begins as JSON's do: not with '+' or '.', nor with a 0 that a digit
 * follows. The number is followed by a byte. Without branches: what numbers begin with is hard to
 * guess. */
static inline bool begins_well(const uint8_t *number)
{
    const uint8_t *p = number + (*number == '-');

    return is_digit(p[0]) & !((p[0] == '0') & is_digit(p[1]));
}

/* The first point that has not a digit on either side, or NULL. Bytes before and after the text can
 * be read. */
static const uint8_t *find_bad_point(const uint8_t *text, const uint8_t *end)
{
    uint8_t bad = 0;

    for (const uint8_t *p = text; p < end; p++)
        bad |= (uint8_t)((p[0] == '.') & !(is_digit(p[-1]) & is_digit(p[1])));
    for (const uint8_t *p = text; bad && p < end; p++) {
        if (p[0] == '.' && !(is_digit(p[-1]) && is_digit(p[1])))
            return p;
    }
    return NULL;
}

static int check_points(const struct json_reader *reader, const uint8_t *text, const uint8_t *end,
                        struct err *err)
{
    const uint8_t *point;

    if (end == reader->source.cursor.end && end > text)
        end--; /* no point: a number that ends the body is none */
    point = find_bad_point(text, end);
    if (!point)
        return 0;
    while (point > text && !is_space(point[-1]) && point[-1] != ',')
        point--;
    return fail_element(reader, point, "a number", err);
}

/* What follows an element: moves *at past a comma and the space around it. Returns false where the
 * array is at its end, or something else comes. */
static inline bool pass_comma(const uint8_t **at, const uint8_t *end)
{
    const uint8_t *p = *at;
    bool comma;

    if (LIKELY(end - p > 2 && *p == ',')) { /* "," or ", " as nearly all have it */
        p += 1 + (p[1] == ' ');
        if (LIKELY(*p > ' ')) {
            *at = p;
            return true;
        }
        p = *at;
    }
    p = skip_space(p, end);
    comma = p < end && *p == ',';
    *at = comma ? skip_space(p + 1, end) : p;
    return comma;
}

/* The array's end. */
static int close_array(struct json_reader *reader, const uint8_t *at, struct err *err)
{
    struct json_event event;

    reader->source.cursor.at = at;
    if (at < reader->source.cursor.end && *at != ']')
        return json_fail(&reader->source, offset_of(reader, at), err, "',' or ']' must come here");
    return json_next(&reader->source, &event, err);
}

/* Moves to the first element. False where there is none. */
static bool begin_array(struct json_reader *reader)
{
    struct cursor *c = &reader->source.cursor;

    c->at = skip_space(c->at, c->end);
    return c->at == c->end || *c->at != ']';
}

/* An element that is no plain number: a word that Python writes, or nothing of use. Returns its
 * bytes, 0 where it is bad. */
static size_t read_word(const struct json_reader *reader, const uint8_t *at, bool null_is_nan,
                        double *ret_value, struct err *err)
{
    struct bytes token = token_at(at, reader->source.cursor.end);

    if (bytes_is(token, "NaN") || (null_is_nan && bytes_is(token, "null"))) {
        *ret_value = (double)NAN;
    } else if (bytes_is(token, "Infinity")) {
        *ret_value = (double)INFINITY;
    } else if (bytes_is(token, "-Infinity")) {
        *ret_value = -(double)INFINITY;
    } else {
        fail_element(reader, at, "a number", err);
        return 0;
    }
    return token.size;
}

/* Appends what is between `start`, the first element, and the array's end, which *ret_at is set to.
 */
static int read_singly(const struct json_reader *reader, const uint8_t *start, bool null_is_nan,
                       struct buffer *values, const uint8_t **ret_at, struct err *err)
{
    const uint8_t *end = reader->source.cursor.end;
    const uint8_t *at = start, *unchecked = start;
    bool more = true;

    while (more) {
        size_t room = (values->capacity - values->size) / sizeof(float);
        float *out;
        size_t i;

        if (!room && buffer_reserve(values, sizeof(*out)))
            return fail_memory(values, err);
        out = (float *)(void *)(values->data + values->size);
        for (i = 0; more && i < room; i++) {
            double value;
            size_t n = number_scan_double((const char *)at, (const char *)end, &value);

            if (UNLIKELY(!n || at + n == end || !begins_well(at))) {
                if (check_points(reader, unchecked, at, err))
                    return -1;
                unchecked = at;
                n = read_word(reader, at, null_is_nan, &value, err);
                if (!n)
                    return -1;
            }
            out[i] = (float)value;
            at += n;
            more = pass_comma(&at, end);
        }
        values->size += i * sizeof(*out);
    }
    *ret_at = at;
    return check_points(reader, unchecked, at, err);
}

/* One element, which begins at *at behind white space. Moves *at to what follows it. */
static int read_element(const struct json_reader *reader, const uint8_t **at, bool null_is_nan,
                        float *ret_value, struct err *err)
{
    const uint8_t *end = reader->source.cursor.end;
    const uint8_t *text = skip_space(*at, end);
    double value;
    size_t n = number_scan_double((const char *)text, (const char *)end, &value);

    if (!n || !begins_well(text))
        n = read_word(reader, text, null_is_nan, &value, err);
    if (!n || check_points(reader, text, text + n, err))
        return -1;
    *ret_value = (float)value;
    *at = skip_space(text + n, end);
    return 0;
}

/* Arrays of less text are read sooner one by one. */
#define MANY_TEXT 64

/* Values that are asked for at a time where there is no room yet. */
#define MANY_VALUES 256

/* As read_singly; the array's end is at `end`. */
static int read_many(const struct json_reader *reader, const uint8_t *start, const uint8_t *end,
                     bool null_is_nan, struct buffer *values, const uint8_t **ret_at,
                     struct err *err)
{
    struct number_cells cells;

    number_cells_init_list(&cells, (const char *)start, (const char *)end);
    for (;;) {
        size_t most = (size_t)(end - (const uint8_t *)cells.at) / 2 + 1, room, n;
        const uint8_t *at;
        float *out;

        if (most > MANY_VALUES)
            most = MANY_VALUES;
        if (buffer_reserve(values, most * sizeof(*out)))
            return fail_memory(values, err);
        room = (values->capacity - values->size) / sizeof(*out);
        out = (float *)(void *)(values->data + values->size);
        n = number_cells_read(&cells, out, room);
        values->size += n * sizeof(*out);
        at = (const uint8_t *)cells.at;
        *ret_at = at;
        if (n && at == end && at[-1] != ',') /* behind the last cell, not before an empty one */
            return 0;
        if (n == room)
            continue;
        if (read_element(reader, &at, null_is_nan, out + n, err))
            return -1;
        values->size += sizeof(*out);
        *ret_at = at;
        if (at == end || *at != ',')
            return 0;
        number_cells_skip(&cells, (const char *)at + 1);
    }
}

int json_numbers_f32(struct json_reader *reader, bool null_is_nan, struct buffer *values,
                     struct err *err)
{
    const uint8_t *at, *end = NULL;
    bool more = begin_array(reader);

    at = reader->source.cursor.at;
    if (more && number_cells_has_lists())
        end = memchr(at, ']', cursor_left(&reader->source.cursor));
    if (end && end - at >= MANY_TEXT) {
        if (read_many(reader, at, end, null_is_nan, values, &at, err))
            return -1;
    } else if (more && read_singly(reader, at, null_is_nan, values, &at, err)) {
        return -1;
    }
    return close_array(reader, at, err);
}

/* Digits that uint64_t holds, whatever they are. */
#define DIGITS_MAX 19

/* A whole number from 0 on. Returns its bytes, 0 where it is none. */
static size_t read_index(const uint8_t *at, const uint8_t *end, uint64_t *ret_value)
{
    struct bytes token;
    uint64_t value = 0;
    double real;
    size_t n;

    for (n = 0; n < DIGITS_MAX && at + n < end && is_digit(at[n]); n++)
        value = value * 10 + (uint64_t)(at[n] - '0');
    if (n && value <= INT64_MAX && at + n < end &&
        (at[n] == ',' || at[n] == ']' || is_space(at[n])) && begins_well(at)) {
        *ret_value = value;
        return n;
    }
    token = token_at(at, end);
    if (!json_is_number(token))
        return 0;
    if (number_scan_double((const char *)at, (const char *)end, &real) != token.size ||
        !(real >= 0 && real < 0x1p53) || real != floor(real))
        return 0;
    *ret_value = (uint64_t)real;
    return token.size;
}

int json_numbers_index(struct json_reader *reader, struct buffer *values, struct err *err)
{
    const uint8_t *end = reader->source.cursor.end;
    bool more = begin_array(reader);
    const uint8_t *at = reader->source.cursor.at;

    while (more) {
        uint64_t value;
        size_t n = read_index(at, end, &value);

        if (!n)
            return fail_element(reader, at, "a whole number from 0 on", err);
        if (buffer_append(values, &value, sizeof(value)))
            return fail_memory(values, err);
        at += n;
        more = pass_comma(&at, end);
    }
    return close_array(reader, at, err);
}
