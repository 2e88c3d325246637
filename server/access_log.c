#include "server/access_log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"

struct access_log {
    char *path; /* NULL: off, or standard output */
    atomic_int fd;
    pthread_mutex_t mutex; /* of the failure counts */
    time_t second;
    unsigned told;
    unsigned long left_out;
};

static int open_file(const char *path)
{
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

int access_log_new(const char *where, struct access_log **ret, struct err *err)
{
    struct access_log *log = mem_zero(1, sizeof(*log));

    if (!log)
        return err_memory(err, sizeof(*log), "the access log");
    pthread_mutex_init(&log->mutex, NULL);
    atomic_init(&log->fd, -1);
    if (strcmp(where, "-") == 0) {
        atomic_store(&log->fd, STDOUT_FILENO);
    } else if (strcmp(where, "off") != 0) {
        log->path = strdup(where);
        atomic_store(&log->fd, log->path ? open_file(where) : -1);
        if (atomic_load(&log->fd) < 0) {
            err_system(err, errno, "cannot open the access log '%s'", where);
            access_log_free(log);
            return -1;
        }
    }
    *ret = log;
    return 0;
}

void access_log_free(struct access_log *log)
{
    if (!log)
        return;
    if (log->path && atomic_load(&log->fd) >= 0)
        close(atomic_load(&log->fd));
    free(log->path);
    pthread_mutex_destroy(&log->mutex);
    free(log);
}

void access_log_reopen(struct access_log *log)
{
    int fd;

    if (!log->path)
        return;
    fd = open_file(log->path);
    if (fd < 0) {
        log_line("cannot open the access log '%s' again (%s): the old one is kept", log->path,
                 strerror(errno));
        return;
    }
    /* the number stays, so that a thread that writes at this moment writes to one of the two */
    if (dup3(fd, atomic_load(&log->fd), O_CLOEXEC) < 0)
        log_line("cannot replace the access log '%s': %s", log->path, strerror(errno));
    close(fd);
}

/* A header's value as the combined format wants it: in quotes, foreign bytes as \xNN. */
static void quote_field(const struct http_request *request, const char *name, char *out,
                        size_t size)
{
    struct bytes value;
    char quoted[256];

    if (!http_field(request, name, &value)) {
        snprintf(out, size, "\"-\"");
        return;
    }
    err_quote(quoted, sizeof(quoted), value.data, value.size);
    for (char *p = quoted; *p; p++) {
        if (*p == '"')
            *p = '\'';
    }
    quoted[0] = quoted[strlen(quoted) - 1] = '"';
    snprintf(out, size, "%s", quoted);
}

/* The request line between the quotes of the log, cut where it is very long. */
static void quote_request(const struct http_request *request, char *out, size_t size)
{
    char target[512];
    char method[48];

    if (request->method_text.size == 0) {
        snprintf(out, size, "\"-\"");
        return;
    }
    err_quote(target, sizeof(target), request->target.data, request->target.size);
    err_quote(method, sizeof(method), request->method_text.data, request->method_text.size);
    target[strlen(target) - 1] = method[strlen(method) - 1] = '\0';
    for (char *p = target; *p; p++) {
        if (*p == '"')
            *p = '\'';
    }
    snprintf(out, size, "\"%s %s HTTP/1.%u\"", method + 1, target + 1, request->minor);
}

static void write_combined(int fd, const struct http_exchange *exchange)
{
    char line[2048];
    char request[640];
    char referer[264];
    char agent[264];
    char when[40];
    struct tm tm;
    time_t now = time(NULL);
    ssize_t written;
    int n;

    localtime_r(&now, &tm);
    strftime(when, sizeof(when), "%d/%b/%Y:%H:%M:%S %z", &tm);
    quote_request(&exchange->request, request, sizeof(request));
    quote_field(&exchange->request, "Referer", referer, sizeof(referer));
    quote_field(&exchange->request, "User-Agent", agent, sizeof(agent));
    n = snprintf(line, sizeof(line), "%s - - [%s] %s %d %zu %s %s\n", exchange->peer, when, request,
                 exchange->response.status, exchange->response.body.size, referer, agent);
    if (n < 0)
        return;
    written = write(fd, line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1);
    (void)written; /* a full disk must not stop the server */
}

/* Whether this second still has room for a line; tells what earlier seconds left out. */
static bool may_tell(struct access_log *log)
{
    time_t now = time(NULL);
    unsigned long left_out = 0;
    bool yes;

    pthread_mutex_lock(&log->mutex);
    if (now != log->second) {
        log->second = now;
        log->told = 0;
        left_out = log->left_out;
        log->left_out = 0;
    }
    yes = log->told < FAILURES_PER_SECOND;
    if (yes)
        log->told++;
    else
        log->left_out++;
    pthread_mutex_unlock(&log->mutex);
    if (left_out)
        log_line("%lu more failed requests were not logged", left_out);
    return yes;
}

static void tell_failure(struct access_log *log, const struct http_exchange *exchange, bool sent)
{
    const struct http_response *response = &exchange->response;
    char request[640];
    char why[300];

    if (!may_tell(log))
        return;
    quote_request(&exchange->request, request, sizeof(request));
    snprintf(why, sizeof(why), "%s",
             response->log[0] ? response->log : (response->note ? response->note : ""));
    log_line("%s %s: %d%s%s%s", exchange->peer, request, response->status, why[0] ? ": " : "", why,
             sent ? "" : " (the client had gone)");
}

void access_log_request(struct access_log *log, const struct http_exchange *exchange, bool sent)
{
    int fd = atomic_load_explicit(&log->fd, memory_order_relaxed);

    if (fd >= 0)
        write_combined(fd, exchange);
    if (exchange->response.status >= 400)
        tell_failure(log, exchange, sent);
}
