#pragma once
/*
 * Latencies in buckets of equal relative width (1/64 of a power of two, so to 1.6 %), from a
 * nanosecond to centuries, with the exact maximum: quantiles of any number of requests.
 */

#include <stdint.h>
#include <string.h>
#include <time.h>

#define LATENCY_STEPS   64 /* buckets a power of two */
#define LATENCY_BUCKETS (LATENCY_STEPS * 59)

struct latency {
    uint64_t count;
    uint64_t most; /* nanoseconds */
    uint32_t buckets[LATENCY_BUCKETS];
};

static inline uint64_t latency_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline void latency_add(struct latency *latency, uint64_t ns)
{
    unsigned shift = ns < LATENCY_STEPS ? 0 : 57 - (unsigned)__builtin_clzll(ns);

    /* below 128 a bucket a nanosecond; then each power of two takes LATENCY_STEPS */
    latency->buckets[shift * LATENCY_STEPS + (ns >> shift)]++;
    latency->count++;
    if (ns > latency->most)
        latency->most = ns;
}

/* The latency that a share q of the requests did not exceed, in microseconds; 0 without any. */
static inline double latency_quantile(const struct latency *latency, double q)
{
    uint64_t rank = (uint64_t)((double)latency->count * q);
    uint64_t seen = 0;

    for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
        unsigned shift = i < 2 * LATENCY_STEPS ? 0 : i / LATENCY_STEPS - 1;
        double low = (double)((uint64_t)(i - shift * LATENCY_STEPS) << shift);

        seen += latency->buckets[i];
        if (seen > rank) {
            double middle = low + (double)((uint64_t)1 << shift) / 2;

            return (middle < (double)latency->most ? middle : (double)latency->most) / 1e3;
        }
    }
    return (double)latency->most / 1e3;
}

static inline void latency_clear(struct latency *latency)
{
    memset(latency, 0, sizeof(*latency));
}
