#include "base/log.h"

#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned long lost; /* lines, since the last one that was written */

static void put(const char *line, size_t size)
{
    ssize_t written = write(STDERR_FILENO, line, size);

    (void)written; /* a closed standard error must not stop the server */
}

/* A pipe that is told to be writable takes 4 KB. */
static void put_unless_full(const char *line, size_t size)
{
    struct pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT};
    char note[80];

    pthread_mutex_lock(&lock);
    if (poll(&room, 1, 0) == 0) {
        lost++;
    } else {
        if (lost) {
            int n = snprintf(note, sizeof(note),
                             "endpointd: %lu log lines were lost: nobody read them\n", lost);

            put(note, (size_t)n);
            lost = 0;
        }
        put(line, size);
    }
    pthread_mutex_unlock(&lock);
}

void log_line(const char *format, ...)
{
    static const char prefix[] = "endpointd: ";
    char line[2048];
    size_t size = sizeof(prefix) - 1;
    va_list args;
    int n;

    memcpy(line, prefix, size);
    va_start(args, format);
    n = vsnprintf(line + size, sizeof(line) - size - 1, format, args);
    va_end(args);
    if (n < 0)
        return;
    size += (size_t)n;
    if (size > sizeof(line) - 2)
        size = sizeof(line) - 2;
    for (char *p = line; p < line + size; p++) {
        if (*p == '\n' || *p == '\r')
            *p = ' ';
    }
    line[size++] = '\n';
    put_unless_full(line, size);
}
