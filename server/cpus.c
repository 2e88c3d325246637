/*
 * How many CPUs this process may use: its affinity mask, cut by the cgroup's CPU quota (version 2:
 * cpu.max "QUOTA PERIOD"; version 1: cpu.cfs_quota_us and cpu.cfs_period_us).
 */
#include <sched.h>
#include <stdio.h>

#include "server/options.h"

static unsigned affinity(void)
{
    cpu_set_t set;
    int count = 0;

    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        count = CPU_COUNT(&set);
    return count > 0 ? (unsigned)count : 1;
}

/* Reads up to two numbers; a file that is not there, or "max", gives none. */
static int read_numbers(const char *path, long long *first, long long *second)
{
    FILE *file = fopen(path, "re");
    int count = 0;

    if (!file)
        return 0;
    count = fscanf(file, "%lld %lld", first, second);
    fclose(file);
    return count < 0 ? 0 : count;
}

unsigned options_cpus(void)
{
    unsigned count = affinity();
    long long quota = 0;
    long long period = 0;
    long long ignored;

    if (read_numbers("/sys/fs/cgroup/cpu.max", &quota, &period) != 2) {
        quota = period = 0;
        if (read_numbers("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", &quota, &ignored) < 1 ||
            read_numbers("/sys/fs/cgroup/cpu/cpu.cfs_period_us", &period, &ignored) < 1)
            return count;
    }
    if (quota > 0 && period > 0) {
        long long cpus = (quota + period - 1) / period;

        if (cpus < count)
            count = cpus < 1 ? 1 : (unsigned)cpus;
    }
    return count;
}
