#include "server/time_slice.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As sched_setattr(2) has it; the C library has no declaration of it. Of a thread of the usual
 * policy `runtime` is the slice. */
struct attributes {
    uint32_t size;
    uint32_t policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime;
    uint64_t deadline;
    uint64_t period;
};

void time_slice_set(uint64_t nanoseconds)
{
    struct attributes attributes = {.size = sizeof(attributes)};

    if (syscall(SYS_sched_getattr, 0, &attributes, sizeof(attributes), 0) ||
        attributes.policy != SCHED_OTHER)
        return;
    attributes.runtime = nanoseconds;
    (void)syscall(SYS_sched_setattr, 0, &attributes, 0);
}
