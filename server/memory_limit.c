/*
 * /proc/self/cgroup has a line a hierarchy: "0::/PATH" (version 2), "N:memory:/PATH" (version 1).
 * A limit holds for all below it, so every directory from there up to the root is asked. In a
 * container the path may be the host's, of which nothing is mounted here: the root is asked at
 * least.
 */
#include "server/memory_limit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"

#define ROOT "/sys/fs/cgroup"

static uint64_t read_limit(const char *path)
{
    FILE *file = fopen(path, "re");
    unsigned long long limit;
    int count;

    if (!file)
        return UINT64_MAX;
    count = fscanf(file, "%llu", &limit); /* "max" is no number */
    fclose(file);
    return count == 1 ? limit : UINT64_MAX;
}

/* The smallest limit on the way from `group` (changed here) up. */
static uint64_t limit_of(const char *root, char *group, const char *name)
{
    uint64_t smallest = UINT64_MAX;

    for (;;) {
        char path[4096];
        char *slash = strrchr(group, '/');
        uint64_t limit;

        if (snprintf(path, sizeof(path), "%s%s/%s", root, group, name) < (int)sizeof(path)) {
            limit = read_limit(path);
            smallest = limit < smallest ? limit : smallest;
        }
        if (!slash)
            return smallest;
        *slash = '\0';
    }
}

static uint64_t cgroup_limit(void)
{
    FILE *file = fopen("/proc/self/cgroup", "re");
    uint64_t smallest = UINT64_MAX;
    char line[3000];

    if (!file)
        return UINT64_MAX;
    while (fgets(line, sizeof(line), file)) {
        char *controllers = strchr(line, ':');
        char *group = controllers ? strchr(controllers + 1, ':') : NULL;
        uint64_t limit = UINT64_MAX;

        if (!group)
            continue;
        *group++ = '\0';
        group[strcspn(group, "\n")] = '\0';
        if (controllers[1] == '\0')
            limit = limit_of(ROOT, group, "memory.max");
        else if (bytes_contains(bytes_text(controllers), "memory"))
            limit = limit_of(ROOT "/memory", group, "memory.limit_in_bytes");
        smallest = limit < smallest ? limit : smallest;
    }
    fclose(file);
    return smallest;
}

uint64_t memory_limit(void)
{
    long pages = sysconf(_SC_PHYS_PAGES);
    long page = sysconf(_SC_PAGESIZE);
    uint64_t machine = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : UINT64_MAX;
    uint64_t cgroup = cgroup_limit();

    return cgroup < machine ? cgroup : machine;
}
