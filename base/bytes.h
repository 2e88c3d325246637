#pragma once
/*
 * Bytes: a view of memory that somebody else owns, and a cursor that reads a view from the front
 * and knows what is left. No NUL is assumed anywhere. Every read either succeeds whole or leaves
 * the cursor where it was.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/compiler.h"

struct bytes {
    const uint8_t *data;
    size_t size;
};

static inline struct bytes bytes_of(const void *data, size_t size)
{
    return (struct bytes){.data = data, .size = size};
}

/* The characters of a C string, without its NUL. */
static inline struct bytes bytes_text(const char *text)
{
    return bytes_of(text, strlen(text));
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool bytes_is(struct bytes a, const char *text)
{
    return bytes_equal(a, bytes_text(text));
}

static inline bool bytes_starts(struct bytes a, const char *text)
{
    size_t n = strlen(text);

    return a.size >= n && memcmp(a.data, text, n) == 0;
}

/* Equal but for the case of ASCII letters. */
bool bytes_is_nocase(struct bytes a, const char *text);

/* The first n bytes, or all where there are fewer. */
static inline struct bytes bytes_head(struct bytes a, size_t n)
{
    return bytes_of(a.data, a.size < n ? a.size : n);
}

/* Whether text stands anywhere in a. */
bool bytes_contains(struct bytes a, const char *text);

/* Without leading and trailing space, \t \n \v \f \r. */
struct bytes bytes_trim(struct bytes a);

struct cursor {
    const uint8_t *start;
    const uint8_t *at;
    const uint8_t *end;
};

static inline struct cursor cursor_of(struct bytes bytes)
{
    return (struct cursor){bytes.data, bytes.data, bytes.data + bytes.size};
}

static inline size_t cursor_left(const struct cursor *c)
{
    return (size_t)(c->end - c->at);
}

/* Bytes read so far: the offset that an error names. */
static inline size_t cursor_offset(const struct cursor *c)
{
    return (size_t)(c->at - c->start);
}

/* Each returns false, and moves nothing, where fewer bytes are left than it needs. */
static inline bool cursor_take(struct cursor *c, size_t n, struct bytes *ret)
{
    if (cursor_left(c) < n)
        return false;
    *ret = bytes_of(c->at, n);
    c->at += n;
    return true;
}

static inline bool cursor_skip(struct cursor *c, size_t n)
{
    struct bytes ignored;

    return cursor_take(c, n, &ignored);
}

static inline bool cursor_u8(struct cursor *c, uint8_t *ret)
{
    if (c->at == c->end)
        return false;
    *ret = *c->at++;
    return true;
}

/* Little-endian loads from memory that may be unaligned. */
static inline uint16_t load_le16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t load_le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t load_le64(const uint8_t *p)
{
    return load_le32(p) | (uint64_t)load_le32(p + 4) << 32;
}

static inline float load_le_f32(const uint8_t *p)
{
    uint32_t bits = load_le32(p);
    float value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

/* Big-endian loads. */
static inline uint16_t load_be16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t load_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
}

static inline uint64_t load_be64(const uint8_t *p)
{
    return (uint64_t)load_be32(p) << 32 | load_be32(p + 4);
}

static inline float load_be_f32(const uint8_t *p)
{
    uint32_t bits = load_be32(p);
    float value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

static inline double load_be_f64(const uint8_t *p)
{
    uint64_t bits = load_be64(p);
    double value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

static inline bool cursor_le32(struct cursor *c, uint32_t *ret)
{
    if (cursor_left(c) < 4)
        return false;
    *ret = load_le32(c->at);
    c->at += 4;
    return true;
}

static inline bool cursor_le64(struct cursor *c, uint64_t *ret)
{
    if (cursor_left(c) < 8)
        return false;
    *ret = load_le64(c->at);
    c->at += 8;
    return true;
}
