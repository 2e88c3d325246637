#pragma once
/*
 * A pull reader over JSON text, and the source of events that it shares with the UBJSON reader
 * (models/ubjson_reader.h), so that one loader reads both. Nothing is copied: an event is a view of
 * the input. Nesting and sizes are bounded, and no input takes more than linear time. The reader
 * reads XGBoost's dialect too: NaN, Infinity, -Infinity; `\u` sequences are left as they stand. Of
 * duplicate keys it gives all; which one counts is the loader's to say.
 *
 * What strangers send is read strictly (json_reader_init_strict).
 *
 * Use: json_reader_init, then json_next until JSON_END. A loader that walks objects asks json_next
 * for JSON_KEY or JSON_OBJECT_END in turn; what it does not want it passes over with json_skip.
 * Arrays of numbers are read at once with json_read_f32 and its siblings.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/err.h"
#include "base/memory.h"

enum json_type {
    JSON_END, /* after the one value of the document */
    JSON_OBJECT_BEGIN,
    JSON_OBJECT_END,
    JSON_ARRAY_BEGIN,
    JSON_ARRAY_END,
    JSON_KEY,     /* text: as it stands between the quotes, escapes not resolved */
    JSON_STRING,  /* text: the same */
    JSON_INTEGER, /* integer; text: as it stands, where the source is text */
    JSON_REAL,    /* real; text: as it stands, where the source is text */
    JSON_TRUE,
    JSON_FALSE,
    JSON_NULL,
};

struct json_event {
    enum json_type type;
    bool escaped; /* text has a backslash: json_text resolves it */
    struct bytes text;
    int64_t integer;
    double real;   /* of a JSON_INTEGER too */
    size_t offset; /* of the event's first byte in the input */
};

#define JSON_DEPTH_MAX 64

/* What the elements of an array of numbers are read as. */
enum json_element {
    JSON_F32,
    JSON_F64,
    JSON_I32,
    JSON_I64,
    JSON_U8,
};

struct json_source;

/* What a source of events can do; json_* below call through it. */
struct json_source_ops {
    int (*next)(struct json_source *source, struct json_event *ret, struct err *err);
    int (*read)(struct json_source *source, enum json_element element, size_t max,
                struct arena *arena, void **ret, size_t *ret_count, struct err *err);
    int (*pass_over)(struct json_source *source, struct bytes *ret, struct err *err);
};

struct json_source {
    const struct json_source_ops *ops;
    struct cursor cursor;
    size_t base; /* offset of the input within its file: what errors add */
};

/* The next event. Errors, here and below, are ERR_INPUT "offset N: what is wrong"; after one the
 * source is of no more use. */
static inline int MUST_CHECK json_next(struct json_source *s, struct json_event *ret,
                                       struct err *err)
{
    return s->ops->next(s, ret, err);
}

/*
 * Passes over the value that comes next and tells its bytes: a document of its own, except that an
 * element of a typed UBJSON array has no marker. Numbers inside are not checked.
 */
static inline int MUST_CHECK json_skip(struct json_source *s, struct bytes *ret, struct err *err)
{
    return s->ops->pass_over(s, ret, err);
}

/*
 * json_read_f32, _f64, _i32, _i64, _u8: the value that comes next must be an array of at most `max`
 * numbers; *ret is the arena's. A decimal is rounded once, straight to the type asked for. The
 * integer forms take true and false as 1 and 0, and reals that are whole; what is out of range is
 * an error. Memory is asked for after the count was checked against the bytes that are left.
 */
#define JSON_DEFINE_READ(name, type, element)                                                      \
    static inline int MUST_CHECK json_read_##name(struct json_source *s, struct arena *arena,      \
                                                  size_t max, type **ret, size_t *ret_count,       \
                                                  struct err *err)                                 \
    {                                                                                              \
        void *array;                                                                               \
                                                                                                   \
        if (s->ops->read(s, element, max, arena, &array, ret_count, err))                          \
            return -1;                                                                             \
        *ret = array;                                                                              \
        return 0;                                                                                  \
    }

JSON_DEFINE_READ(f32, float, JSON_F32)
JSON_DEFINE_READ(f64, double, JSON_F64)
JSON_DEFINE_READ(i32, int32_t, JSON_I32)
JSON_DEFINE_READ(i64, int64_t, JSON_I64)
JSON_DEFINE_READ(u8, uint8_t, JSON_U8)

/* json_next, and an error that names `what` where the event is of another type. */
int json_expect(struct json_source *source, enum json_type type, const char *what,
                struct json_event *ret, struct err *err) MUST_CHECK;

/* A copy of a key's or a string's text with a NUL after it, escapes resolved but for `\u`. NULL
 * where the arena is full. */
char *json_text(const struct json_event *event, struct arena *arena) MUST_CHECK;

/* Whether a key's or a string's text, escapes resolved (`\u` too), is `ascii`. */
bool json_text_is(const struct json_event *event, const char *ascii);

/* Describes an error at an offset of the source's input. Returns -1. */
int json_fail(const struct json_source *source, size_t offset, struct err *err, const char *format,
              ...) PRINTF_LIKE(4, 5);

/* Describes that the arena had no `size` bytes: ERR_LIMIT "offset N: ..." where its cap is the
 * reason, else ERR_MEMORY. Returns -1. */
int json_no_room(const struct json_source *source, const struct arena *arena, size_t size,
                 const char *what, struct err *err);

/*
 * For sources: room for `count` elements (ERR_INPUT beyond max, ERR_LIMIT beyond the arena's cap),
 * and the conversion of a number's event into element i of it.
 */
int json_array_new(const struct json_source *source, enum json_element element, size_t count,
                   size_t max, struct arena *arena, void **ret, struct err *err) MUST_CHECK;
int json_array_set(const struct json_source *source, enum json_element element, void *array,
                   size_t i, const struct json_event *event, struct err *err) MUST_CHECK;

struct json_reader {
    struct json_source source; /* first member: a reader is a source */
    unsigned depth;
    bool strict;
    unsigned char state;
    unsigned char in_object[JSON_DEPTH_MAX];
};

/* The text outlives the reader; base is what errors add to offsets. */
void json_reader_init(struct json_reader *reader, struct bytes text, size_t base);

/* The same, held to RFC 8259: strings are UTF-8 without control characters, `\u` is followed by
 * four hexadecimal digits, and numbers are spelt as it says, those that are passed over too. NaN,
 * Infinity and -Infinity, which Python writes, are still numbers. */
void json_reader_init_strict(struct json_reader *reader, struct bytes text);

/* Whether token is a number as RFC 8259 spells it. */
bool json_is_number(struct bytes token);
