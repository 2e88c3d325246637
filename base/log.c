#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void log_line(const char *format, ...)
{
    static const char prefix[] = "endpointd: ";
    char line[2048];
    size_t size = sizeof(prefix) - 1;
    va_list args;
    ssize_t written;
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
    written = write(STDERR_FILENO, line, size);
    (void)written; /* a closed standard error must not stop the server */
}
