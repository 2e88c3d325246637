/*
 * What stands between the brackets of
 *
 *   array := '[' [ number { ',' number } ] ']'
 *
 * with white space (space, \t, \n, \r) around every token. number_scan_double finds out where a
 * number ends, and takes more than JSON has: what a number begins with is checked with each, and
 * the points of all of them in one vectorised pass over the array's text.
 */
#include "base/json_numbers.h"

#include <math.h>

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
    const uint8_t *point = find_bad_point(text, end);

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

int json_numbers_f32(struct json_reader *reader, bool null_is_nan, struct buffer *values,
                     struct err *err)
{
    bool more = begin_array(reader);
    const uint8_t *start = reader->source.cursor.at;
    const uint8_t *end = reader->source.cursor.end;
    const uint8_t *at = start;

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

            if (UNLIKELY(!n || at + n == end || !begins_well(at)))
                n = read_word(reader, at, null_is_nan, &value, err);
            if (UNLIKELY(!n))
                return -1;
            out[i] = (float)value;
            at += n;
            more = pass_comma(&at, end);
        }
        values->size += i * sizeof(*out);
    }
    return close_array(reader, at, err) || check_points(reader, start, at, err) ? -1 : 0;
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
