#pragma once
/*
 * Which instructions our own kernels may use. The product is compiled for the architecture's
 * baseline; code for more stands in files of its own, which are compiled with the flags of a level
 * (isa_flags in the top meson.build) and are reached only where cpu_level() says so.
 *
 * A level includes those before it. On x86-64, in the terms of /proc/cpuinfo:
 *
 *   CPU_BASELINE  SSE2. On other architectures the only level: NEON on AArch64, which always has it
 *   CPU_AVX2      avx2 bmi1 bmi2 popcnt (Intel Haswell, AMD Zen, and later)
 *   CPU_AVX512    avx512f avx512bw avx512cd avx512dq avx512vl (Intel Skylake server, AMD Zen 4)
 *   CPU_VBMI      avx512vbmi avx512_vbmi2 (Intel Ice Lake, AMD Zen 4)
 */

#include <stdbool.h>

#include "base/compiler.h"

enum cpu_level {
    CPU_BASELINE,
    CPU_AVX2,
    CPU_AVX512,
    CPU_VBMI,
};

/* What the processor has and the system lets us use, no more than cpu_limit() said. The same on
 * every call; costs a load. */
enum cpu_level cpu_level(void);

/* From now on no more than that level, for tests and `--cpu`: before any kernel is chosen, since
 * what was chosen stays. False, without effect, where the processor has less. */
bool cpu_limit(enum cpu_level level) MUST_CHECK;

/* "baseline", "avx2", "avx512", "vbmi" */
const char *cpu_level_name(enum cpu_level level);

/* The level of that name; false where there is none. */
bool cpu_level_find(const char *name, enum cpu_level *ret) MUST_CHECK;
