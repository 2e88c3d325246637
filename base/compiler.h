#pragma once
/*
 * Compiler attributes under the names the code uses. Leaf header: includes nothing of ours.
 */

#define MUST_CHECK        __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#define UNUSED            __attribute__((unused))
#define LIKELY(x)         __builtin_expect(!!(x), 1)
#define UNLIKELY(x)       __builtin_expect(!!(x), 0)
#define ARRAY_LENGTH(a)   (sizeof(a) / sizeof((a)[0]))

/* Runs f(&variable) when the variable leaves its scope; f must take a pointer to it. */
#define CLEANUP(f) __attribute__((cleanup(f)))
