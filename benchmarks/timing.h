#pragma once
/* What the programs that measure share: CPU time, the median, and numbers to work on. */

#include <stdint.h>
#include <stdlib.h>
#include <time.h>

/* CPU time of this thread. */
static inline double cpu_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static inline int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Sorts the times. */
static inline double median(double *times, size_t count)
{
    qsort(times, count, sizeof(*times), compare_doubles);
    return times[count / 2];
}

/* The same sequence in each run of a program. */
static inline uint64_t random_word(void)
{
    static uint64_t state = 0x9e3779b97f4a7c15u;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state * 0x2545f4914f6cdd1du;
}

/* Like a column of features: of either sign, of magnitudes from 0.01 to 1000 */
static inline double random_feature(void)
{
    static const double scales[] = {0.01, 0.1, 1, 10, 100, 1000};
    uint64_t word = random_word();

    return ((double)(word >> 11) / (double)(UINT64_C(1) << 52) - 1) * scales[word % 6];
}

/* About normal, with a standard deviation of 1. */
static inline double random_normal(void)
{
    double sum = 0;

    for (int i = 0; i < 12; i++)
        sum += (double)(random_word() >> 11) / (double)(UINT64_C(1) << 53);
    return sum - 6;
}
