#pragma once
/*
 * Errors. Two kinds of trouble, never mixed: the input is wrong (ERR_INPUT, ERR_LIMIT,
 * ERR_UNSUPPORTED: named, with where it is, and handled at the edge), or we failed (ERR_MEMORY,
 * ERR_SYSTEM: passed up unchanged).
 *
 * A function that can fail returns 0, or -1 after it has described the failure in the caller's
 * `struct err`, always its last parameter. The first error wins: setting an error that is already
 * set does nothing. Outputs are called ret_... and are written only on success. Nobody but the top
 * of a program prints an error. A text is one line: no newline, no final full stop, untrusted bytes
 * escaped (err_quote).
 */

#include <stdarg.h>
#include <stddef.h>

#include "base/compiler.h"

enum err_kind {
    ERR_NONE = 0,
    ERR_INPUT,       /* a file, a body or a setting says something that cannot be right */
    ERR_UNSUPPORTED, /* well formed, but of a kind that is not served */
    ERR_LIMIT,       /* larger than a documented maximum */
    ERR_MEMORY,      /* an allocation failed */
    ERR_SYSTEM,      /* the operating system or a library refused */
};

#define ERR_TEXT_SIZE 512

struct err {
    enum err_kind kind;
    char text[ERR_TEXT_SIZE]; /* one line, NUL terminated, cut with "..." where too long */
};

#define ERR_INIT                                                                                   \
    {                                                                                              \
        .kind = ERR_NONE, .text = { 0 }                                                            \
    }

/* Sets the error unless one is set. Returns -1, so that `return err_set(...)` reads well. */
int err_set(struct err *err, enum err_kind kind, const char *format, ...) PRINTF_LIKE(3, 4);
int err_setv(struct err *err, enum err_kind kind, const char *format, va_list args);

/* "out of memory (SIZE bytes for WHAT)", ERR_MEMORY. Returns -1. */
int err_memory(struct err *err, size_t size, const char *what);

/* "CONTEXT: strerror(errno_value)", ERR_SYSTEM. Returns -1. */
int err_system(struct err *err, int errno_value, const char *format, ...) PRINTF_LIKE(3, 4);

/* Puts "CONTEXT: " before the text of an error that is set. Returns -1. */
int err_wrap(struct err *err, const char *format, ...) PRINTF_LIKE(2, 3);

void err_clear(struct err *err);

/*
 * Copies n bytes of foreign text to out (size bytes, at least 8) as printable ASCII between single
 * quotes: other bytes become \xNN, a cut is shown as "...". Returns out, for use as an argument.
 */
const char *err_quote(char *out, size_t size, const void *text, size_t n);
