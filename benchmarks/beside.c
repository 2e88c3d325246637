/*
 * How long small requests take alone, and beside clients that post a large body without end. Both
 * are measured in turns, so that what else the machine does falls on both.
 *
 *     endpointd serve --port PORT --max-body 100000000 &
 *     beside PORT ROW LARGE [POSTERS [TURNS]]
 *
 * ROW: a file of text/csv with the row that is asked for, or "ping" for GET /ping; LARGE: a file of
 * text/csv. A turn is a second of each; a small request is sent every millisecond at most, one at a
 * time. Prints p50, p99, p99.9 and the largest of both in microseconds, and how many large bodies
 * there were a second.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "benchmarks/client.h"

#define POSTERS_MAX 64

static atomic_int posting; /* 0: rest, 1: post, 2: end */
static atomic_uint resting;
static atomic_ulong posted;

struct request {
    char *text; /* head and body */
    size_t size;
};

static struct request large;

static struct request request_of(const char *path)
{
    FILE *file = strcmp(path, "ping") == 0 ? NULL : fopen(path, "rb");
    struct request request;
    size_t body = 0;

    if (strcmp(path, "ping") == 0) {
        request.text = strdup("GET /ping HTTP/1.1\r\nHost: a\r\n\r\n");
        request.size = strlen(request.text);
        return request;
    }
    if (!file || fseek(file, 0, SEEK_END))
        fail(path);
    body = (size_t)ftell(file);
    rewind(file);
    request.text = malloc(body + 1000);
    if (!request.text)
        fail("malloc");
    request.size = (size_t)snprintf(request.text, 1000,
                                    "POST /invocations HTTP/1.1\r\nHost: a\r\n"
                                    "Content-Type: text/csv\r\nContent-Length: %zu\r\n\r\n",
                                    body);
    if (fread(request.text + request.size, 1, body, file) != body)
        fail(path);
    request.size += body;
    fclose(file);
    return request;
}

/* Sends the large body and reads its answer, of which only the status matters. */
static void post_large(int fd)
{
    char answer[65536];
    size_t sent = 0;
    ssize_t n = 0;
    const char *end;
    size_t left;

    for (; sent < large.size; sent += (size_t)n) {
        n = send(fd, large.text + sent, large.size - sent, MSG_NOSIGNAL);
        if (n <= 0)
            fail("send of a large body");
    }
    n = recv(fd, answer, sizeof(answer) - 1, 0);
    if (n <= 0)
        fail("recv of a large answer");
    answer[n] = '\0';
    end = strstr(answer, "\r\n\r\n");
    if (strncmp(answer, "HTTP/1.1 200", 12) != 0 || !end)
        fail("a large body was not answered with 200");
    left = strtoul(strcasestr(answer, "content-length:") + 15, NULL, 10) -
           (size_t)(answer + n - (end + 4));
    for (; left; left -= (size_t)n) {
        n = recv(fd, answer, left < sizeof(answer) ? left : sizeof(answer), 0);
        if (n <= 0)
            fail("recv of a large answer");
    }
}

static void *post(void *argument)
{
    int fd = connect_to_server();
    int state;

    (void)argument;
    while ((state = atomic_load(&posting)) != 2) {
        if (state == 0) {
            atomic_fetch_add(&resting, 1);
            while (atomic_load(&posting) == 0)
                usleep(2000);
            atomic_fetch_sub(&resting, 1);
            continue;
        }
        post_large(fd);
        atomic_fetch_add(&posted, 1);
    }
    close(fd);
    return NULL;
}

static void measure_turns(int fd, const struct request *small, unsigned posters, unsigned turns)
{
    struct samples alone = {malloc(SAMPLES_MAX * sizeof(uint32_t)), 0};
    struct samples busy = {malloc(SAMPLES_MAX * sizeof(uint32_t)), 0};

    for (unsigned turn = 0; turn < turns; turn++) {
        while (atomic_load(&resting) < posters)
            usleep(1000);
        measure(fd, small->text, small->size, &alone);
        atomic_store(&posting, 1);
        while (atomic_load(&resting) > 0)
            usleep(1000);
        measure(fd, small->text, small->size, &busy);
        atomic_store(&posting, 0);
    }
    report("alone", &alone);
    report("beside large bodies", &busy);
    printf("ratio: p50 %.2f  p99 %.2f  p99.9 %.2f; %.1f large bodies a second\n",
           quantile(&busy, 0.5) / quantile(&alone, 0.5),
           quantile(&busy, 0.99) / quantile(&alone, 0.99),
           quantile(&busy, 0.999) / quantile(&alone, 0.999), (double)atomic_load(&posted) / turns);
    free(alone.ns);
    free(busy.ns);
}

int main(int argc, char **argv)
{
    unsigned posters = argc > 4 ? (unsigned)atoi(argv[4]) : 1;
    unsigned turns = argc > 5 ? (unsigned)atoi(argv[5]) : 5;
    pthread_t threads[POSTERS_MAX];
    struct request small;
    int fd;

    if (argc < 4 || posters > POSTERS_MAX) {
        fprintf(stderr, "usage: beside PORT ROW|ping LARGE [POSTERS [TURNS]]\n");
        return 2;
    }
    port = atoi(argv[1]);
    small = request_of(argv[2]);
    large = request_of(argv[3]);
    fd = connect_to_server();
    for (unsigned i = 0; i < posters; i++) {
        if (pthread_create(&threads[i], NULL, post, NULL))
            fail("pthread_create");
    }
    measure_turns(fd, &small, posters, turns);
    atomic_store(&posting, 2);
    for (unsigned i = 0; i < posters; i++)
        pthread_join(threads[i], NULL);
    free(small.text);
    free(large.text);
    return 0;
}
