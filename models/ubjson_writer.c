/*
 * UBJSON as XGBoost has it; all numbers big-endian, L n is 'L' and i64 n:
 *
 *   object   '{' (L n, n bytes of key, value)... '}'
 *   text     'S' L n, n bytes
 *   integer  'l' i32           real  'd' f32
 *   array    '[' '#' L n, n values                    no ']'
 *   typed    '[' '$' type '#' L n, n raw numbers      no ']'
 */
#include "models/ubjson_writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static uint8_t *room(struct ubjson_writer *w, size_t n)
{
    uint8_t *at;

    if (w->failed)
        return NULL;
    if (buffer_reserve(w->out, n)) {
        w->failed = true;
        w->too_large = n > w->out->max - w->out->size;
        return NULL;
    }
    at = (uint8_t *)w->out->data + w->out->size;
    w->out->size += n;
    return at;
}

static void put(struct ubjson_writer *w, const void *bytes, size_t n)
{
    uint8_t *at = room(w, n);

    if (at)
        memcpy(at, bytes, n);
}

void ubjson_store32(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 24);
    at[1] = (uint8_t)(value >> 16);
    at[2] = (uint8_t)(value >> 8);
    at[3] = (uint8_t)value;
}

void ubjson_store64(uint8_t *at, uint64_t value)
{
    ubjson_store32(at, (uint32_t)(value >> 32));
    ubjson_store32(at + 4, (uint32_t)value);
}

static void put_length(struct ubjson_writer *w, size_t n)
{
    uint8_t *at = room(w, 9);

    if (at) {
        at[0] = 'L';
        ubjson_store64(at + 1, n);
    }
}

static void put_number(struct ubjson_writer *w, char type, uint32_t bits)
{
    uint8_t *at = room(w, 5);

    if (at) {
        at[0] = (uint8_t)type;
        ubjson_store32(at + 1, bits);
    }
}

void ubjson_begin(struct ubjson_writer *w)
{
    put(w, "{", 1);
}

void ubjson_end(struct ubjson_writer *w)
{
    put(w, "}", 1);
}

void ubjson_key(struct ubjson_writer *w, const char *key)
{
    put_length(w, strlen(key));
    put(w, key, strlen(key));
}

void ubjson_object(struct ubjson_writer *w, const char *key)
{
    ubjson_key(w, key);
    ubjson_begin(w);
}

void ubjson_text(struct ubjson_writer *w, const char *key, const char *text)
{
    ubjson_key(w, key);
    put(w, "S", 1);
    put_length(w, strlen(text));
    put(w, text, strlen(text));
}

void ubjson_parameter(struct ubjson_writer *w, const char *key, uint32_t value)
{
    char text[16];

    snprintf(text, sizeof(text), "%" PRIu32, value);
    ubjson_text(w, key, text);
}

void ubjson_integer(struct ubjson_writer *w, int32_t value)
{
    put_number(w, 'l', (uint32_t)value);
}

void ubjson_real(struct ubjson_writer *w, float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof(bits));
    put_number(w, 'd', bits);
}

void ubjson_array(struct ubjson_writer *w, const char *key, size_t n)
{
    ubjson_key(w, key);
    put(w, "[#", 2);
    put_length(w, n);
}

uint8_t *ubjson_typed(struct ubjson_writer *w, const char *key, char type, size_t n)
{
    const char head[4] = {'[', '$', type, '#'};
    size_t size;

    if (__builtin_mul_overflow(n, type == 'U' ? 1u : type == 'L' ? 8u : 4u, &size)) {
        w->failed = w->too_large = true;
        return NULL;
    }
    ubjson_key(w, key);
    put(w, head, sizeof(head));
    put_length(w, n);
    return room(w, size);
}

void ubjson_words(struct ubjson_writer *w, const char *key, char type, const void *words, size_t n)
{
    uint8_t *at = ubjson_typed(w, key, type, n);
    uint32_t word;

    for (size_t i = 0; at && i < n; i++) {
        word = 0;
        if (words)
            memcpy(&word, (const uint8_t *)words + 4 * i, 4);
        ubjson_store32(at + 4 * i, word);
    }
}

int ubjson_finish(const struct ubjson_writer *w, struct err *err)
{
    if (!w->failed)
        return 0;
    if (w->too_large)
        return err_set(err, ERR_LIMIT, "the model as UBJSON is larger than %zu bytes", w->out->max);
    return err_memory(err, w->out->capacity, "the model as UBJSON");
}
