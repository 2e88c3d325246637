/*
 * Multi-model mode: how long invocations of one model take while nothing else happens, and while
 * others are loaded and unloaded in a loop. Both are measured in turns, so that what else the
 * machine does falls on both.
 *
 *     SAGEMAKER_MULTI_MODEL=1 endpointd serve --port PORT &
 *     mme_latency PORT STEADY ROWS OTHER [TURNS [CHURNERS]]
 *
 * STEADY: the path of the model that is measured; ROWS: a file of text/csv that it is asked with;
 * OTHER: the path of the model that comes and goes. A turn is a second of each; a request is sent
 * every millisecond at most, as a client would, one at a time. Prints p50, p99 and p99.9 of both in
 * microseconds, their ratios, and how many loads there were.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/compiler.h"

#define SAMPLES_MAX  1000000
#define CHURNERS_MAX 16
#define PAUSE_NS     1000000

static int port;
static const char *other;
static atomic_int churning; /* 0: rest, 1: load and unload, 2: end */
static atomic_uint resting;
static atomic_ulong loads;

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static int connect_to_server(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int one = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)))
        fail("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return fd;
}

/* Sends and reads one answer whole; its status. */
static int exchange(int fd, const char *request, size_t size)
{
    char answer[65536];
    size_t have = 0;

    if (send(fd, request, size, MSG_NOSIGNAL) != (ssize_t)size)
        fail("send");
    for (;;) {
        ssize_t n = recv(fd, answer + have, sizeof(answer) - 1 - have, 0);
        const char *end;
        const char *length;

        if (n <= 0)
            fail("recv");
        have += (size_t)n;
        answer[have] = '\0';
        end = strstr(answer, "\r\n\r\n");
        length = end ? strcasestr(answer, "content-length:") : NULL;
        if (length && have >= (size_t)(end + 4 - answer) + strtoul(length + 15, NULL, 10))
            return atoi(answer + 9);
        if (have == sizeof(answer) - 1)
            fail("an answer that is too large");
    }
}

static int control(int fd, const char *method, const char *path, const char *body)
{
    char request[8192];
    int n = snprintf(request, sizeof(request),
                     "%s %s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                     "Content-Length: %zu\r\n\r\n%s",
                     method, path, strlen(body), body);

    return exchange(fd, request, (size_t)n);
}

static int load_model(int fd, const char *name, const char *path)
{
    char body[6000];

    snprintf(body, sizeof(body), "{\"model_name\": \"%s\", \"url\": \"%s\"}", name, path);
    return control(fd, "POST", "/models", body);
}

static void *churn(void *argument)
{
    const char *name = argument;
    int fd = connect_to_server();
    char path[64];
    int state;

    snprintf(path, sizeof(path), "/models/%s", name);
    while ((state = atomic_load(&churning)) != 2) {
        if (state == 0) {
            atomic_fetch_add(&resting, 1);
            while (atomic_load(&churning) == 0)
                usleep(2000);
            atomic_fetch_sub(&resting, 1);
            continue;
        }
        if (load_model(fd, name, other) != 200 || control(fd, "DELETE", path, "") != 200)
            fail("a load or an unload did not succeed");
        atomic_fetch_add(&loads, 1);
    }
    close(fd);
    return NULL;
}

struct samples {
    uint32_t *ns;
    size_t count;
};

static void measure(int fd, const char *request, size_t size, struct samples *samples)
{
    uint64_t end = now_ns() + 1000000000u;
    uint64_t next = now_ns();

    while (next < end) {
        uint64_t began = now_ns();
        uint64_t took;

        if (exchange(fd, request, size) != 200)
            fail("an invocation did not succeed");
        took = now_ns() - began;
        if (samples->count < SAMPLES_MAX)
            samples->ns[samples->count++] = took < UINT32_MAX ? (uint32_t)took : UINT32_MAX;
        next += PAUSE_NS;
        if (now_ns() < next) {
            struct timespec until = {(time_t)(next / 1000000000u), (long)(next % 1000000000u)};

            clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
        } else {
            next = now_ns();
        }
    }
}

static int by_size(const void *a, const void *b)
{
    uint32_t one = *(const uint32_t *)a;
    uint32_t two = *(const uint32_t *)b;

    return one < two ? -1 : one > two;
}

static double quantile(const struct samples *samples, double q)
{
    return samples->ns[(size_t)((double)(samples->count - 1) * q)] / 1e3;
}

static void report(const char *what, struct samples *samples)
{
    qsort(samples->ns, samples->count, sizeof(*samples->ns), by_size);
    printf("%-22s %7zu requests  p50 %8.1f us  p99 %8.1f us  p99.9 %8.1f us\n", what,
           samples->count, quantile(samples, 0.5), quantile(samples, 0.99),
           quantile(samples, 0.999));
}

/* The request, head and body. */
static char *make_request(const char *path, size_t *ret_size)
{
    FILE *file = fopen(path, "rb");
    char *request = malloc(2000000);
    char *body = malloc(1000000);
    size_t size;
    int head;

    if (!file || !request || !body)
        fail(path);
    size = fread(body, 1, 1000000, file);
    fclose(file);
    head = snprintf(request, 1000,
                    "POST /models/steady/invoke HTTP/1.1\r\nHost: a\r\nContent-Type: text/csv\r\n"
                    "Content-Length: %zu\r\n\r\n",
                    size);
    memcpy(request + head, body, size);
    free(body);
    *ret_size = (size_t)head + size;
    return request;
}

int main(int argc, char **argv)
{
    static char names[CHURNERS_MAX][16];
    pthread_t threads[CHURNERS_MAX];
    struct samples quiet = {malloc(SAMPLES_MAX * sizeof(uint32_t)), 0};
    struct samples busy = {malloc(SAMPLES_MAX * sizeof(uint32_t)), 0};
    struct samples warm = {malloc(SAMPLES_MAX * sizeof(uint32_t)), 0};
    unsigned turns = argc > 5 ? (unsigned)atoi(argv[5]) : 10;
    unsigned churners = argc > 6 ? (unsigned)atoi(argv[6]) : 2;
    char *request;
    size_t size;
    int fd;

    if (argc < 5 || churners > CHURNERS_MAX) {
        fprintf(stderr, "usage: mme_latency PORT STEADY ROWS OTHER [TURNS [CHURNERS]]\n");
        return 2;
    }
    port = atoi(argv[1]);
    other = argv[4];
    request = make_request(argv[3], &size);
    fd = connect_to_server();
    if (load_model(fd, "steady", argv[2]) != 200)
        fail("the steady model was not loaded");
    for (unsigned i = 0; i < churners; i++) {
        snprintf(names[i], sizeof(names[i]), "other%u", i);
        if (pthread_create(&threads[i], NULL, churn, names[i]))
            fail("pthread_create");
    }
    measure(fd, request, size, &warm);
    for (unsigned turn = 0; turn < turns; turn++) {
        while (atomic_load(&resting) < churners)
            usleep(1000);
        measure(fd, request, size, &quiet);
        atomic_store(&churning, 1);
        while (atomic_load(&resting) > 0)
            usleep(1000);
        measure(fd, request, size, &busy);
        atomic_store(&churning, 0);
    }
    atomic_store(&churning, 2);
    for (unsigned i = 0; i < churners; i++)
        pthread_join(threads[i], NULL);
    control(fd, "DELETE", "/models/steady", "");
    report("quiet", &quiet);
    report("loading and unloading", &busy);
    printf("ratio: p50 %.2f  p99 %.2f  p99.9 %.2f; %.1f loads and unloads a second\n",
           quantile(&busy, 0.5) / quantile(&quiet, 0.5),
           quantile(&busy, 0.99) / quantile(&quiet, 0.99),
           quantile(&busy, 0.999) / quantile(&quiet, 0.999), (double)atomic_load(&loads) / turns);
    free(quiet.ns);
    free(busy.ns);
    free(warm.ns);
    free(request);
    return 0;
}
