/*
 * What reads multi-model requests. The input is PATH '\n' QUERY '\n' CONTENT-TYPE '\n' BODY. What
 * is checked beyond memory: what was found lies within the input, is text, and keeps the limits.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/container/mme_answer.h"
#include "server/container/mme_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

static struct bytes take_line(struct bytes *rest)
{
    const uint8_t *end = rest->size ? memchr(rest->data, '\n', rest->size) : NULL;
    size_t size = end ? (size_t)(end - rest->data) : rest->size;
    struct bytes line = bytes_of(rest->data, size);

    size += end ? 1 : 0;
    *rest = bytes_of(rest->data + size, rest->size - size);
    return line;
}

static void check_text(const struct mme_text *text)
{
    CHECK(text->size <= REGISTRY_URL_MAX);
    CHECK(text->data[text->size] == '\0');
    CHECK(!memchr(text->data, '\0', text->size));
    CHECK(!memchr(text->data, '\n', text->size));
}

/* Names come back in answers: those are one JSON text whatever the name is. */
static void check_answer(struct bytes text)
{
    struct buffer body;

    buffer_init(&body, (size_t)1 << 20);
    if (mme_answer_text(&body, text) == 0) {
        CHECK(body.size >= 2 && body.data[0] == '"' && body.data[body.size - 1] == '"');
        for (size_t i = 0; i < body.size; i++)
            CHECK((unsigned char)body.data[i] >= 0x20 && !strchr("<>&='", body.data[i]));
    }
    buffer_fini(&body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct mme_text text;
    static struct mme_load load;
    struct bytes rest = bytes_of(data, size);
    struct bytes path = take_line(&rest);
    struct bytes query = take_line(&rest);
    struct bytes content_type = take_line(&rest);
    struct err err = ERR_INIT;
    struct bytes name;

    if (path.size && mme_route(path, &name) != MME_ROUTE_NONE && name.size) {
        CHECK(name.data >= path.data && name.data + name.size <= path.data + path.size);
        CHECK(!memchr(name.data, '/', name.size));
        if (mme_decode(name, false, &text) == MME_DECODED)
            check_text(&text);
    }
    CHECK(mme_parameter_number(query, "limit", 100) <= INT32_MAX);
    if (mme_load_parse(content_type, query, rest, &load, &err) == MME_LOAD_OK) {
        check_text(&load.name);
        check_text(&load.url);
        CHECK(load.name.size > 0 && load.name.size <= REGISTRY_NAME_MAX && load.url.size > 0);
        CHECK(!strstr(load.url.data, ".."));
    }
    check_answer(rest);
    return 0;
}
