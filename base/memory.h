#pragma once
/*
 * Memory: checked allocation, a capped arena for what lives and dies together (a model, a request),
 * and a bounded growing buffer. Nothing here aborts: a failed or refused allocation is NULL or -1,
 * and the caller says what it wanted the memory for (err_memory).
 *
 * Rules: init/fini for embedded objects, new/free for heap objects, ref/unref for shared ones;
 * every destructor takes NULL and half-built objects.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/compiler.h"

/* malloc, calloc and realloc of count * size bytes; NULL on overflow or failure. Zero bytes give a
 * valid pointer. free() releases what they return; so does mem_release, which a meter notices. */
void *mem_alloc(size_t count, size_t size) MUST_CHECK;
void *mem_zero(size_t count, size_t size) MUST_CHECK;
void *mem_resize(void *memory, size_t count, size_t size) MUST_CHECK;

/* count * size bytes that begin at a multiple of 64, not cleared: for vectors. As mem_alloc. */
void *mem_aligned(size_t count, size_t size) MUST_CHECK;

/* free(), known to this thread's meter. */
void mem_release(void *memory);

/*
 * Meter: what a thread holds of what it took through this file (arenas and buffers too) since the
 * meter was set, the allocator's overhead included. What is given back by free() instead of
 * mem_release, arena_fini or buffer_fini still counts: too much is counted, never too little.
 * Before `held` passes `granted` the meter asks for more; refused, the allocation fails.
 */
struct mem_meter {
    uint64_t held;
    uint64_t granted; /* what was agreed to so far, in all */
    bool refused;     /* at least once */
    /* Adds at least `more` bytes to meter->granted, or refuses. */
    bool (*ask)(struct mem_meter *meter, uint64_t more);
    void *self; /* the asker's */
};

/* From now on this thread's meter is that one; NULL: none. */
void mem_meter_set(struct mem_meter *meter);

/* For tests: the n-th allocation from now on (1 is the next one) fails, once. 0 switches it off. */
void mem_fail_at(long n);

/* CLEANUP(mem_cleanup) char *p = NULL; frees p at the end of its scope. */
static inline void mem_cleanup(void *pointer_to_pointer)
{
    mem_release(*(void **)pointer_to_pointer);
}

/* Takes a value out of a cleaned-up variable: return TAKE(p); */
#define TAKE(p)                                                                                    \
    ({                                                                                             \
        __typeof__(p) taken_ = (p);                                                                \
        (p) = NULL;                                                                                \
        taken_;                                                                                    \
    })

/*
 * Arena: allocation by moving a pointer, everything freed at once. Never gives more than `cap`
 * bytes in all (headers included). Not for use by two threads at a time.
 */
struct arena_chunk;

struct arena {
    struct arena_chunk *chunks; /* newest first */
    size_t used;                /* bytes taken from the system */
    size_t cap;
};

void arena_init(struct arena *arena, size_t cap);
void arena_fini(struct arena *arena); /* frees all; the arena is empty and usable after it */

/* count * size bytes aligned for any type, not cleared (arena_zero: cleared); NULL where the cap,
 * the system or a multiplication refuses. */
void *arena_alloc(struct arena *arena, size_t count, size_t size) MUST_CHECK;
void *arena_zero(struct arena *arena, size_t count, size_t size) MUST_CHECK;

/* A copy of n bytes with a NUL after them. NULL as arena_alloc. */
char *arena_text(struct arena *arena, const void *text, size_t n) MUST_CHECK;

/*
 * Buffer: bytes that grow up to a maximum. The content is data[0..size); capacity is kept by
 * buffer_clear, so that a reused buffer stops allocating.
 */
struct buffer {
    char *data;
    size_t size;
    size_t capacity;
    size_t max;
};

void buffer_init(struct buffer *buffer, size_t max);
void buffer_fini(struct buffer *buffer);
void buffer_clear(struct buffer *buffer);

/* Makes room for n more bytes after size. -1 beyond max or out of memory; nothing changes then. */
int buffer_reserve(struct buffer *buffer, size_t n) MUST_CHECK;
int buffer_append(struct buffer *buffer, const void *bytes, size_t n) MUST_CHECK;
int buffer_print(struct buffer *buffer, const char *format, ...) MUST_CHECK PRINTF_LIKE(2, 3);
