#pragma once
/*
 * The connections of a load generator: sends requests, reads answers, counts. One request is in
 * flight on a connection at a time; a connection that the server closes is opened again.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "benchmarks/latency.h"
#include "benchmarks/load_requests.h"

#define LOAD_HEAD_MAX 4096

struct load_connection {
    int fd;
    bool beside;                        /* its answers are counted apart */
    bool writing;                       /* EPOLLOUT is waited for */
    const struct load_request *request; /* NULL: idle */
    uint64_t began;                     /* when it was due, or sent */
    size_t sent;
    char head[LOAD_HEAD_MAX + 1];
    size_t head_size; /* of the answer, so far */
    bool head_done;
    bool will_close;
    int status;
    size_t left; /* of the answer's body */
};

struct load_totals {
    struct latency latency;
    uint64_t answers; /* of status 200 */
    uint64_t others;
    int other_status; /* of the last such answer */
    uint64_t broken;
    uint64_t reconnects;
    uint64_t beside;
    uint64_t beside_bytes;
};

struct load {
    int port;
    int epoll;
    size_t write_max;
    struct load_requests requests, beside;
    struct load_totals totals;
    uint64_t measured_from; /* what began before is warm-up */
    /* The connection's answer is complete, or was lost: it has no request now. */
    void (*done)(struct load *load, struct load_connection *connection);
};

void load_connect(struct load *load, struct load_connection *connection);

/* Sends the next request, which counts from `when`. */
void load_begin(struct load *load, struct load_connection *connection, uint64_t when);

/* Waits for events until the time given, at most, and handles them. */
void load_wait(struct load *load, uint64_t now, uint64_t until);
