#pragma once
/*
 * How much memory this process may use: the smallest limit of its cgroups (version 2: memory.max;
 * version 1: memory.limit_in_bytes), or the machine's memory where that is less.
 */

#include <stdint.h>

uint64_t memory_limit(void);
