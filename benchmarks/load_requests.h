#pragma once
/* The requests of a load generator, whole and ready to be sent, in turns. */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct load_request {
    const char *data;
    size_t size;
};

struct load_requests {
    struct load_request *requests;
    size_t count;
    size_t next;
};

static inline const struct load_request *load_requests_next(struct load_requests *requests)
{
    if (requests->next == requests->count)
        requests->next = 0;
    return &requests->requests[requests->next++];
}

static inline void load_requests_fail(const char *what)
{
    perror(what);
    exit(1);
}

static inline void load_requests_add(struct load_requests *requests, const char *path,
                                     const char *content_type, const char *body, size_t size)
{
    char head[1024];
    int n = body ? snprintf(head, sizeof(head),
                            "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: %s\r\n"
                            "Content-Length: %zu\r\n\r\n",
                            path, content_type, size)
                 : snprintf(head, sizeof(head), "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", path);
    char *data = malloc((size_t)n + size);

    requests->requests =
        realloc(requests->requests, (requests->count + 1) * sizeof(*requests->requests));
    if (!data || !requests->requests)
        load_requests_fail("request");
    memcpy(data, head, (size_t)n);
    if (body)
        memcpy(data + n, body, size);
    requests->requests[requests->count].data = data;
    requests->requests[requests->count].size = (size_t)n + size;
    requests->count++;
}

/* A request for each `lines` lines of the file (the last ones where too few are left are not sent);
 * lines 0: one with all of it. */
static inline void load_requests_read(struct load_requests *requests, const char *path,
                                      const char *content_type, const char *file, size_t lines)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    struct stat stat;
    char *text;
    size_t size = 0, start = 0, line = 0;
    ssize_t n = 1;

    if (fd < 0 || fstat(fd, &stat) || !(text = malloc((size_t)stat.st_size + 1)))
        load_requests_fail(file);
    while (size < (size_t)stat.st_size && n > 0) {
        n = read(fd, text + size, (size_t)stat.st_size - size);
        size += n > 0 ? (size_t)n : 0;
    }
    close(fd);
    if (lines == 0)
        load_requests_add(requests, path, content_type, text, size);
    for (size_t i = 0; lines && i < size; i++) {
        if (text[i] == '\n' && ++line % lines == 0) {
            load_requests_add(requests, path, content_type, text + start, i + 1 - start);
            start = i + 1;
        }
    }
    free(text);
    if (requests->count == 0) {
        fprintf(stderr, "%s: fewer than %zu lines\n", file, lines);
        exit(1);
    }
}
