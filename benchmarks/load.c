/*
 * A load generator that costs little: raw epoll, keep-alive connections, one request in flight on
 * each, answers only counted by bytes. It reads the processor time of the server's process from
 * /proc before and after, which, unlike the rate, does not depend on the client.
 *
 *     gcc -O2 -o load benchmarks/load.c
 *     taskset -c 1 ./load PORT CONNECTIONS SECONDS [SERVER_PID [BODY_BYTES | FILE]]
 *
 * The body is the bytes of FILE, or one row of so many bytes.
 * Prints: requests/s, microseconds of server CPU per request, p50 and p99 in microseconds.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 4096
#define BUCKETS         100000 /* of one microsecond */

struct client {
    int fd;
    size_t sent;     /* of the request */
    size_t received; /* of the answer */
    size_t expected;
    uint64_t began;
    int blocked; /* EPOLLOUT is waited for */
};

static struct client clients[CONNECTIONS_MAX];
static char *request;
static size_t request_size;
static uint64_t answers;
static uint32_t histogram[BUCKETS];

static uint64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Nanoseconds of CPU of all threads of a process: the first number of their schedstat. */
static uint64_t cpu_of(const char *pid)
{
    char path[300];
    struct dirent *entry;
    uint64_t sum = 0;
    DIR *tasks;

    snprintf(path, sizeof(path), "/proc/%s/task", pid);
    tasks = opendir(path);
    while (tasks && (entry = readdir(tasks))) {
        unsigned long long ns;
        FILE *file;

        snprintf(path, sizeof(path), "/proc/%s/task/%s/schedstat", pid, entry->d_name);
        file = entry->d_name[0] == '.' ? NULL : fopen(path, "r");
        if (file && fscanf(file, "%llu", &ns) == 1)
            sum += ns;
        if (file)
            fclose(file);
    }
    if (tasks)
        closedir(tasks);
    return sum;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

/* What a body is filled with: a file, or a text to repeat. */
static void fill_body(char *body, size_t size, FILE *file)
{
    static const char row[] = "0.1234,-1.234,12.34,";

    if (file && fread(body, 1, size, file) != size)
        die("the body's file");
    for (size_t i = 0; !file && i < size; i++)
        body[i] = row[i % (sizeof(row) - 1)];
}

/* `what` is a number of bytes, or a file. */
static void make_request(const char *what)
{
    bool number = what[strspn(what, "0123456789")] == '\0';
    FILE *file = number ? NULL : fopen(what, "rb");
    size_t body = number ? (size_t)atol(what) : 0;
    char head[256];
    int n;

    if (!number && (!file || fseek(file, 0, SEEK_END)))
        die(what);
    if (file) {
        body = (size_t)ftell(file);
        rewind(file);
    }
    n = snprintf(head, sizeof(head),
                 "POST /invocations HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n"
                 "Content-Type: text/csv\r\nContent-Length: %zu\r\n\r\n",
                 body);

    request_size = (size_t)n + body;
    request = malloc(request_size);
    memcpy(request, head, (size_t)n);
    fill_body(request + n, body, file);
    if (file)
        fclose(file);
}

static void send_more(int epoll, struct client *client)
{
    ssize_t n = write(client->fd, request + client->sent, request_size - client->sent);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};

    if (n < 0 && errno != EAGAIN)
        die("write");
    client->sent += n > 0 ? (size_t)n : 0;
    if (client->sent < request_size)
        event.events |= EPOLLOUT;
    if (client->blocked == (client->sent < request_size))
        return;
    client->blocked = !client->blocked;
    epoll_ctl(epoll, EPOLL_CTL_MOD, client->fd, &event);
}

/* Of the answer that begins at `text`: its head and the body that the head announces. */
static size_t size_of_answer(const char *text)
{
    const char *length = strstr(text, "\r\nContent-Length: ");
    const char *end = strstr(text, "\r\n\r\n");

    if (memcmp(text, "HTTP/1.1 200", 12) != 0 || !length || !end) {
        fprintf(stderr, "not a 200: %.1000s\n", text);
        exit(1);
    }
    return (size_t)(end - text) + 4 + (size_t)atol(length + 18);
}

static void receive(int epoll, struct client *client)
{
    static char in[65536 + 1];
    ssize_t n = read(client->fd, in, sizeof(in) - 1);
    uint64_t took;

    if (n <= 0)
        die("read");
    if (client->received == 0) {
        in[n] = '\0';
        client->expected = size_of_answer(in);
    }
    client->received += (size_t)n;
    if (client->received < client->expected)
        return;
    answers++;
    took = (now() - client->began) / 1000;
    histogram[took < BUCKETS ? took : BUCKETS - 1]++;
    client->received = 0;
    client->sent = 0;
    client->began = now();
    send_more(epoll, client);
}

static double percentile(double p)
{
    uint64_t rank = (uint64_t)((double)answers * p);
    uint64_t seen = 0;

    for (unsigned i = 0; i < BUCKETS; i++) {
        seen += histogram[i];
        if (seen > rank)
            return i;
    }
    return BUCKETS;
}

static void run(int epoll, uint64_t until)
{
    struct epoll_event events[256];

    while (now() < until) {
        int n = epoll_wait(epoll, events, 256, 100);

        for (int i = 0; i < n; i++) {
            if (events[i].events & EPOLLOUT)
                send_more(epoll, events[i].data.ptr);
            if (events[i].events & EPOLLIN)
                receive(epoll, events[i].data.ptr);
        }
    }
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    int epoll = epoll_create1(0);
    uint64_t begin;
    uint64_t cpu;
    double seconds;
    int count;

    if (argc < 4) {
        fprintf(stderr, "usage: load PORT CONNECTIONS SECONDS [SERVER_PID [BODY_BYTES | FILE]]\n");
        return 2;
    }
    address.sin_port = htons((uint16_t)atoi(argv[1]));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    count = atoi(argv[2]);
    make_request(argc > 5 ? argv[5] : "201");
    for (int i = 0; i < count && i < CONNECTIONS_MAX; i++) {
        struct client *client = clients + i;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
        int on = 1;

        client->fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(client->fd, (struct sockaddr *)&address, sizeof(address)))
            die("connect");
        setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        fcntl(client->fd, F_SETFL, O_NONBLOCK);
        epoll_ctl(epoll, EPOLL_CTL_ADD, client->fd, &event);
        client->began = now();
        send_more(epoll, client);
    }
    run(epoll, now() + 500000000u); /* warm-up */
    answers = 0;
    memset(histogram, 0, sizeof(histogram));
    begin = now();
    cpu = argc > 4 ? cpu_of(argv[4]) : 0;
    run(epoll, begin + (uint64_t)(atof(argv[3]) * 1e9));
    cpu = argc > 4 ? cpu_of(argv[4]) - cpu : 0;
    seconds = (double)(now() - begin) / 1e9;
    printf("%.0f rps  %.3f us/request  p50 %.0f us  p99 %.0f us\n", (double)answers / seconds,
           (double)cpu / 1000 / (double)answers, percentile(0.5), percentile(0.99));
    return 0;
}
