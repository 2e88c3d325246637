#include "base/cpu.h"

#include <stdatomic.h>
#include <string.h>

static const char *const names[] = {
    [CPU_BASELINE] = "baseline",
    [CPU_AVX2] = "avx2",
    [CPU_AVX512] = "avx512",
    [CPU_VBMI] = "vbmi",
};

static enum cpu_level detect(void)
{
#if defined(__x86_64__)
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("bmi") ||
        !__builtin_cpu_supports("bmi2") || !__builtin_cpu_supports("popcnt"))
        return CPU_BASELINE;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512cd") || !__builtin_cpu_supports("avx512dq") ||
        !__builtin_cpu_supports("avx512vl"))
        return CPU_AVX2;
    if (!__builtin_cpu_supports("avx512vbmi") || !__builtin_cpu_supports("avx512vbmi2"))
        return CPU_AVX512;
    return CPU_VBMI;
#else
    return CPU_BASELINE;
#endif
}

/* -1 before the first look. Threads that look at the same time find the same. */
static atomic_int current = -1;

enum cpu_level cpu_level(void)
{
    int level = atomic_load_explicit(&current, memory_order_relaxed);

    if (UNLIKELY(level < 0)) {
        level = (int)detect();
        atomic_store_explicit(&current, level, memory_order_relaxed);
    }
    return (enum cpu_level)level;
}

bool cpu_limit(enum cpu_level level)
{
    if (level > detect())
        return false;
    atomic_store_explicit(&current, (int)level, memory_order_relaxed);
    return true;
}

const char *cpu_level_name(enum cpu_level level)
{
    return names[level];
}

bool cpu_level_find(const char *name, enum cpu_level *ret)
{
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        if (strcmp(names[i], name) == 0) {
            *ret = (enum cpu_level)i;
            return true;
        }
    }
    return false;
}
