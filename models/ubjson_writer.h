#pragma once
/*
 * Writes the UBJSON that XGBoost reads, to the end of a buffer. Nothing is checked on the way:
 * where the buffer has no room the rest is dropped, and ubjson_finish says so. Objects are a begin
 * (or an object under a key), keys with a value after each, and an end; arrays are told their
 * length first.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/memory.h"

struct ubjson_writer {
    struct buffer *out;
    bool failed;
    bool too_large; /* it was the buffer's maximum, not the memory */
};

void ubjson_begin(struct ubjson_writer *w);
void ubjson_end(struct ubjson_writer *w);

void ubjson_key(struct ubjson_writer *w, const char *key);
void ubjson_object(struct ubjson_writer *w, const char *key);
void ubjson_text(struct ubjson_writer *w, const char *key, const char *text);
/* A number as text, which is how XGBoost keeps parameters. */
void ubjson_parameter(struct ubjson_writer *w, const char *key, uint32_t value);

/* Values after a key or in an array. */
void ubjson_integer(struct ubjson_writer *w, int32_t value);
void ubjson_real(struct ubjson_writer *w, float value);

/* An array whose n values are to follow. */
void ubjson_array(struct ubjson_writer *w, const char *key, size_t n);

/* A typed array: room for its n numbers (type d f32, l i32, L i64, U u8), to be filled at once,
 * before anything else is written; NULL where the writer failed. */
uint8_t *ubjson_typed(struct ubjson_writer *w, const char *key, char type, size_t n);

/* A typed array of n 32-bit numbers of memory; NULL: zeros. */
void ubjson_words(struct ubjson_writer *w, const char *key, char type, const void *words, size_t n);

/* Big-endian, as all numbers of UBJSON. */
void ubjson_store32(uint8_t *at, uint32_t value);
void ubjson_store64(uint8_t *at, uint64_t value);

/* ERR_LIMIT or ERR_MEMORY where something was dropped. */
int ubjson_finish(const struct ubjson_writer *w, struct err *err) MUST_CHECK;
