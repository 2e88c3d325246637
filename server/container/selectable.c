#include "server/container/selectable.h"

#include <string.h>

#include "base/unicode.h"

/* A value's characters, their JSON form (six bytes each at most) and the keys, with room to spare.
 */
#define KEYS_MEMORY_MAX ((size_t)64 << 20)

static const char *const names[SELECTABLE_NAME_COUNT] = {
    [SELECTABLE_PREDICTED_LABEL] = "predicted_label",
    [SELECTABLE_LABELS] = "labels",
    [SELECTABLE_PROBABILITY] = "probability",
    [SELECTABLE_PROBABILITIES] = "probabilities",
    [SELECTABLE_RAW_SCORE] = "raw_score",
    [SELECTABLE_RAW_SCORES] = "raw_scores",
    [SELECTABLE_PREDICTED_SCORE] = "predicted_score",
};

static enum selectable_name find_name(struct bytes text)
{
    for (int i = 0; i < SELECTABLE_NAME_COUNT; i++) {
        if (bytes_is(text, names[i]))
            return (enum selectable_name)i;
    }
    return SELECTABLE_UNKNOWN;
}

/* Drops spaces and lowers ASCII letters, in place. */
static size_t normalize(char *text, size_t size)
{
    size_t kept = 0;

    for (size_t i = 0; i < size; i++) {
        if (text[i] != ' ')
            text[kept++] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] - 'A' + 'a') : text[i];
    }
    return kept;
}

static char *put_escape(char *at, uint32_t unit)
{
    static const char digits[] = "0123456789abcdef";

    *at++ = '\\';
    *at++ = 'u';
    for (int shift = 12; shift >= 0; shift -= 4)
        *at++ = digits[unit >> shift & 15];
    return at;
}

/* A character as Python's json module writes it: everything beyond ASCII by its UTF-16 units. */
static char *put_json_character(char *at, uint32_t code)
{
    static const char escaped[] = "\"\\\b\f\n\r\t";
    static const char letters[] = "\"\\bfnrt";
    const char *found = code && code < 0x80 ? strchr(escaped, (int)code) : NULL;

    if (found) {
        *at++ = '\\';
        *at++ = letters[found - escaped];
    } else if (code >= 0x10000) {
        at = put_escape(at, 0xd800 + ((code - 0x10000) >> 10));
        at = put_escape(at, 0xdc00 + ((code - 0x10000) & 0x3ff));
    } else if (code < 0x20 || code > 0x7e) {
        at = put_escape(at, code);
    } else {
        *at++ = (char)code;
    }
    return at;
}

static int quote_json(struct arena *arena, struct bytes text, struct bytes *ret, struct err *err)
{
    /* a byte of UTF-8 becomes at most the six characters of an escape */
    char *quoted = arena_alloc(arena, text.size + 1, 6);
    char *at = quoted;

    if (!quoted)
        return err_memory(err, (text.size + 1) * 6, "the keys of SAGEMAKER_INFERENCE_OUTPUT");
    *at++ = '"';
    for (size_t i = 0; i < text.size;) {
        uint32_t code;

        i += unicode_decode((const char *)text.data + i, text.size - i, &code);
        at = put_json_character(at, code);
    }
    *at++ = '"';
    *ret = bytes_of(quoted, (size_t)(at - quoted));
    return 0;
}

static bool stands_before(const struct selectable *selectable, struct bytes text)
{
    for (size_t i = 0; i < selectable->key_count; i++) {
        if (bytes_equal(selectable->keys[i].text, text))
            return true;
    }
    return false;
}

/* Splits the normalized value. */
static int read_keys(struct selectable *selectable, const char *text, size_t size, struct err *err)
{
    size_t count = 1;

    for (size_t i = 0; i < size; i++)
        count += text[i] == ',';
    if (count > SELECTABLE_KEYS_MAX)
        return err_set(err, ERR_LIMIT,
                       "SAGEMAKER_INFERENCE_OUTPUT: %zu keys; at most %d are served", count,
                       SELECTABLE_KEYS_MAX);
    selectable->keys = arena_zero(&selectable->arena, count, sizeof(*selectable->keys));
    if (!selectable->keys)
        return err_memory(err, count * sizeof(*selectable->keys),
                          "the keys of SAGEMAKER_INFERENCE_OUTPUT");
    while (selectable->key_count < count) {
        struct selectable_key *key = &selectable->keys[selectable->key_count];
        const char *comma = memchr(text, ',', size);
        size_t length = comma ? (size_t)(comma - text) : size;

        key->text = bytes_of(text, length);
        key->name = find_name(key->text);
        key->repeated = stands_before(selectable, key->text);
        if (quote_json(&selectable->arena, key->text, &key->json, err))
            return -1;
        selectable->key_count++;
        if (comma) {
            text += length + 1;
            size -= length + 1;
        }
    }
    return 0;
}

int selectable_init(struct selectable *selectable, const char *value, struct err *err)
{
    size_t size = strlen(value);
    struct unicode_fault fault;
    size_t valid = unicode_check(value, size, &fault);
    char *text;

    *selectable = (struct selectable){.keys = NULL};
    if (valid < size)
        return err_set(err, ERR_INPUT, "SAGEMAKER_INFERENCE_OUTPUT: not UTF-8 at byte %zu", valid);
    arena_init(&selectable->arena, KEYS_MEMORY_MAX);
    text = arena_text(&selectable->arena, value, size);
    if (!text)
        err_memory(err, size, "the keys of SAGEMAKER_INFERENCE_OUTPUT");
    if (!text || read_keys(selectable, text, normalize(text, size), err)) {
        selectable_fini(selectable);
        return -1;
    }
    return 0;
}

void selectable_fini(struct selectable *selectable)
{
    arena_fini(&selectable->arena);
    *selectable = (struct selectable){.keys = NULL};
}
