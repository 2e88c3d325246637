#pragma once
/*
 * What the server counted since it started: one line on SIGUSR1. Counters are relaxed atomics: each
 * is exact, a set of them need not be from one instant.
 */

#include <stdatomic.h>
#include <stdint.h>

struct counters {
    atomic_ullong requests;
    atomic_ullong status[6]; /* by hundreds: [2] is 2xx; [0] unsent, the client went away */
    atomic_ullong rows;
    atomic_ullong body_bytes; /* of requests */
    atomic_ullong sent_bytes;
    atomic_ullong deferred; /* scored by a worker */
    atomic_ullong queue_full;
    atomic_ullong reloads;
    atomic_ullong reloads_failed;
};

static inline void counter_add(atomic_ullong *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static inline uint64_t counter_get(const atomic_ullong *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}
