#include "base/memory.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Countdown of mem_fail_at. Only tests set it, before they start threads. */
static long fail_countdown;

void mem_fail_at(long n)
{
    fail_countdown = n;
}

static bool must_fail(void)
{
    return UNLIKELY(fail_countdown > 0) && --fail_countdown == 0;
}

/* The allocator's own bytes beside each block, and the most that it rounds up: large ones to whole
 * pages. */
#define BLOCK_OVERHEAD       16
#define BLOCK_ROUNDING       32
#define BLOCK_LARGE          65536
#define BLOCK_LARGE_ROUNDING 4096

static _Thread_local struct mem_meter *meter;

void mem_meter_set(struct mem_meter *new_meter)
{
    meter = new_meter;
}

/* Whether the meter agrees to `bytes` more, of which `old` are there already. */
static bool may_take(size_t bytes, const void *old)
{
    uint64_t after;
    uint64_t had;

    if (LIKELY(!meter))
        return true;
    had = old ? malloc_usable_size((void *)(uintptr_t)old) : 0;
    after = meter->held + BLOCK_OVERHEAD + (bytes > had ? bytes - had : 0);
    after += bytes < BLOCK_LARGE ? BLOCK_ROUNDING : BLOCK_LARGE_ROUNDING;
    if (after <= meter->granted || meter->ask(meter, after - meter->granted))
        return true;
    meter->refused = true;
    return false;
}

static void *taken(void *memory)
{
    if (UNLIKELY(meter) && memory)
        meter->held += malloc_usable_size(memory) + BLOCK_OVERHEAD;
    return memory;
}

static void given_back(void *memory)
{
    uint64_t bytes = malloc_usable_size(memory) + BLOCK_OVERHEAD;

    /* less than that: the block is from before the meter was set */
    meter->held -= bytes < meter->held ? bytes : meter->held;
}

void mem_release(void *memory)
{
    if (UNLIKELY(meter) && memory)
        given_back(memory);
    free(memory);
}

void *mem_alloc(size_t count, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes) || must_fail() || !may_take(bytes, NULL))
        return NULL;
    return taken(malloc(bytes ? bytes : 1));
}

void *mem_aligned(size_t count, size_t size)
{
    void *memory = NULL;
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes) || must_fail() || !may_take(bytes, NULL) ||
        posix_memalign(&memory, 64, bytes ? bytes : 1))
        return NULL;
    return taken(memory);
}

void *mem_zero(size_t count, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes) || must_fail() || !may_take(bytes, NULL))
        return NULL;
    return taken(bytes ? calloc(count, size) : calloc(1, 1));
}

void *mem_resize(void *memory, size_t count, size_t size)
{
    size_t bytes;
    size_t old = 0;
    void *moved;

    if (__builtin_mul_overflow(count, size, &bytes) || must_fail() || !may_take(bytes, memory))
        return NULL;
    if (UNLIKELY(meter) && memory)
        old = malloc_usable_size(memory);
    moved = realloc(memory, bytes ? bytes : 1);
    if (UNLIKELY(meter) && moved) {
        uint64_t held = meter->held + malloc_usable_size(moved) + (memory ? 0 : BLOCK_OVERHEAD);

        meter->held = held > old ? held - old : 0;
    }
    return moved;
}

#define ARENA_ALIGN     16
#define ARENA_CHUNK_MIN 4096
#define ARENA_CHUNK_MAX (1024 * 1024)

struct arena_chunk {
    struct arena_chunk *older;
    size_t capacity; /* bytes after the header */
    size_t used;
    size_t padding;
    char data[] __attribute__((aligned(ARENA_ALIGN)));
};

void arena_init(struct arena *arena, size_t cap)
{
    arena->chunks = NULL;
    arena->used = 0;
    arena->cap = cap;
}

void arena_fini(struct arena *arena)
{
    struct arena_chunk *chunk = arena->chunks;

    while (chunk) {
        struct arena_chunk *older = chunk->older;

        mem_release(chunk);
        chunk = older;
    }
    arena->chunks = NULL;
    arena->used = 0;
}

/* A new chunk for at least `need` bytes; chunks double, so that their number stays small. */
static struct arena_chunk *arena_grow(struct arena *arena, size_t need)
{
    size_t capacity = arena->chunks ? arena->chunks->capacity * 2 : ARENA_CHUNK_MIN;
    struct arena_chunk *chunk;
    size_t total;

    if (capacity > ARENA_CHUNK_MAX)
        capacity = ARENA_CHUNK_MAX;
    if (capacity < need)
        capacity = need;
    if (__builtin_add_overflow(capacity, sizeof(*chunk), &total))
        return NULL;
    if (total > arena->cap - arena->used) {
        capacity = need;
        total = need + sizeof(*chunk);
        if (total > arena->cap - arena->used)
            return NULL;
    }
    chunk = mem_alloc(1, total);
    if (!chunk)
        return NULL;
    chunk->capacity = capacity;
    chunk->used = 0;
    chunk->older = arena->chunks;
    arena->chunks = chunk;
    arena->used += total;
    return chunk;
}

void *arena_alloc(struct arena *arena, size_t count, size_t size)
{
    struct arena_chunk *chunk = arena->chunks;
    size_t bytes;
    void *memory;

    if (__builtin_mul_overflow(count, size, &bytes) ||
        __builtin_add_overflow(bytes, (size_t)(ARENA_ALIGN - 1), &bytes))
        return NULL;
    bytes &= ~(size_t)(ARENA_ALIGN - 1);
    if (!chunk || chunk->capacity - chunk->used < bytes) {
        chunk = arena_grow(arena, bytes);
        if (!chunk)
            return NULL;
    }
    memory = chunk->data + chunk->used;
    chunk->used += bytes;
    return memory;
}

void *arena_zero(struct arena *arena, size_t count, size_t size)
{
    void *memory = arena_alloc(arena, count, size);

    if (memory)
        memset(memory, 0, count * size);
    return memory;
}

char *arena_text(struct arena *arena, const void *text, size_t n)
{
    char *copy;

    if (n == SIZE_MAX)
        return NULL;
    copy = arena_alloc(arena, n + 1, 1);
    if (!copy)
        return NULL;
    if (n)
        memcpy(copy, text, n);
    copy[n] = '\0';
    return copy;
}

void buffer_init(struct buffer *buffer, size_t max)
{
    buffer->data = NULL;
    buffer->size = 0;
    buffer->capacity = 0;
    buffer->max = max;
}

void buffer_fini(struct buffer *buffer)
{
    mem_release(buffer->data);
    buffer_init(buffer, buffer->max);
}

void buffer_clear(struct buffer *buffer)
{
    buffer->size = 0;
}

int buffer_reserve(struct buffer *buffer, size_t n)
{
    size_t need;
    size_t capacity;
    char *data;

    if (LIKELY(buffer->capacity - buffer->size >= n))
        return 0;
    if (__builtin_add_overflow(buffer->size, n, &need) || need > buffer->max)
        return -1;
    capacity = buffer->capacity < 256 ? 256 : buffer->capacity * 2;
    if (capacity < need)
        capacity = need;
    if (capacity > buffer->max)
        capacity = buffer->max;
    data = mem_resize(buffer->data, capacity, 1);
    if (!data)
        return -1;
    buffer->data = data;
    buffer->capacity = capacity;
    return 0;
}

int buffer_append(struct buffer *buffer, const void *bytes, size_t n)
{
    if (buffer_reserve(buffer, n))
        return -1;
    if (n)
        memcpy(buffer->data + buffer->size, bytes, n);
    buffer->size += n;
    return 0;
}

int buffer_print(struct buffer *buffer, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0 || buffer_reserve(buffer, (size_t)n + 1))
        return -1;
    va_start(args, format);
    vsnprintf(buffer->data + buffer->size, (size_t)n + 1, format, args);
    va_end(args);
    buffer->size += (size_t)n;
    return 0;
}
