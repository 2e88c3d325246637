#include "base/bytes.h"

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

bool bytes_is_nocase(struct bytes a, const char *text)
{
    size_t i;

    if (a.size != strlen(text))
        return false;
    for (i = 0; i < a.size; i++) {
        if (lower(a.data[i]) != lower((uint8_t)text[i]))
            return false;
    }
    return true;
}

bool bytes_contains(struct bytes a, const char *text)
{
    return a.size && memmem(a.data, a.size, text, strlen(text));
}

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct bytes bytes_trim(struct bytes a)
{
    while (a.size && is_space(a.data[0])) {
        a.data++;
        a.size--;
    }
    while (a.size && is_space(a.data[a.size - 1]))
        a.size--;
    return a;
}
