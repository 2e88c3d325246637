#include "base/err.h"

#include <stdio.h>
#include <string.h>

/* Formats into out and marks a cut with "..."; text is always terminated. */
static void format_cut(char *out, size_t size, const char *format, va_list args)
{
    int n = vsnprintf(out, size, format, args);

    if (n < 0)
        snprintf(out, size, "(unprintable)");
    else if ((size_t)n >= size)
        memcpy(out + size - 4, "...", 4);
}

int err_setv(struct err *err, enum err_kind kind, const char *format, va_list args)
{
    if (err->kind != ERR_NONE)
        return -1;
    err->kind = kind;
    format_cut(err->text, sizeof(err->text), format, args);
    return -1;
}

int err_set(struct err *err, enum err_kind kind, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    err_setv(err, kind, format, args);
    va_end(args);
    return -1;
}

int err_memory(struct err *err, size_t size, const char *what)
{
    return err_set(err, ERR_MEMORY, "out of memory (%zu bytes for %s)", size, what);
}

int err_system(struct err *err, int errno_value, const char *format, ...)
{
    char context[ERR_TEXT_SIZE];
    va_list args;

    if (err->kind != ERR_NONE)
        return -1;
    va_start(args, format);
    format_cut(context, sizeof(context), format, args);
    va_end(args);
    return err_set(err, ERR_SYSTEM, "%s: %s", context, strerror(errno_value));
}

int err_wrap(struct err *err, const char *format, ...)
{
    char context[ERR_TEXT_SIZE];
    char text[ERR_TEXT_SIZE];
    enum err_kind kind = err->kind;
    va_list args;

    if (kind == ERR_NONE)
        return -1;
    va_start(args, format);
    format_cut(context, sizeof(context), format, args);
    va_end(args);
    memcpy(text, err->text, sizeof(text));
    err_clear(err);
    return err_set(err, kind, "%s: %s", context, text);
}

void err_clear(struct err *err)
{
    err->kind = ERR_NONE;
    err->text[0] = '\0';
}

const char *err_quote(char *out, size_t size, const void *text, size_t n)
{
    static const char hex[] = "0123456789abcdef";
    const unsigned char *in = text;
    size_t room = size - 5; /* closing quote, "..." and the terminator */
    size_t used = 0;
    size_t i;

    out[used++] = '\'';
    for (i = 0; i < n; i++) {
        unsigned char c = in[i];

        if (c >= 0x20 && c < 0x7f) {
            if (used + 1 > room)
                break;
            out[used++] = (char)c;
        } else {
            if (used + 4 > room)
                break;
            out[used++] = '\\';
            out[used++] = 'x';
            out[used++] = hex[c >> 4];
            out[used++] = hex[c & 15];
        }
    }
    if (i < n) {
        memcpy(out + used, "...", 3);
        used += 3;
    }
    out[used++] = '\'';
    out[used] = '\0';
    return out;
}
