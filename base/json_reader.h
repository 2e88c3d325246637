#pragma once
/*
 * A pull reader over JSON text, and the source of events that it shares with the UBJSON reader
 * (models/ubjson_reader.h), so that one loader reads both. Nothing is copied: an event is a view of
 * the input. Nesting, sizes and the number of events are bounded. The reader reads XGBoost's dialect
 * too: NaN, Infinity, -Infinity; `\u` sequences are left as they stand.
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
    struct bytes text;
    int64_t integer;
    double real;
    size_t offset; /* of the event's first byte in the input */
};

#define JSON_DEPTH_MAX 64

/* What a source of events can do; json_* below call through it. Values are read whole or not at
 * all. Errors are ERR_INPUT "offset N: what is wrong". */
struct json_source;

struct json_source_ops {
    int (*next)(struct json_source *source, struct json_event *ret, struct err *err);
    /* The value that comes next must be an array of numbers (true and false count as 1 and 0 for
     * the integer forms). At most `max` elements; the array is the arena's. */
    int (*read_f32)(struct json_source *source, struct arena *arena, size_t max, float **ret,
                    size_t *ret_count, struct err *err);
    int (*read_i32)(struct json_source *source, struct arena *arena, size_t max, int32_t **ret,
                    size_t *ret_count, struct err *err);
    int (*read_u8)(struct json_source *source, struct arena *arena, size_t max, uint8_t **ret,
                   size_t *ret_count, struct err *err);
    /* Passes over the value that comes next and tells its bytes. */
    int (*skip)(struct json_source *source, struct bytes *ret, struct err *err);
};

struct json_source {
    const struct json_source_ops *ops;
    struct cursor cursor;
    size_t base; /* offset of the input within its file: what errors add */
};

static inline int json_next(struct json_source *s, struct json_event *ret, struct err *err)
{
    return s->ops->next(s, ret, err);
}

static inline int json_skip(struct json_source *s, struct bytes *ret, struct err *err)
{
    return s->ops->skip(s, ret, err);
}

struct json_reader {
    struct json_source source; /* first member: a reader is a source */
    unsigned depth;
    unsigned char state;
    unsigned char in_object[JSON_DEPTH_MAX];
};

/* The text outlives the reader; base is what errors add to offsets. */
void json_reader_init(struct json_reader *reader, struct bytes text, size_t base);
