/*
 * A load generator that costs little: raw epoll, one thread, keep-alive connections, one request in
 * flight on each.
 *
 *     load --port P [--connections N] [--seconds S] [--warm-up S] [--pid PID]
 *          (--body FILE [--lines N] [--content-type TYPE] [--path PATH] | --get PATH)
 *          [--rate R [--spin 1]] [--beside FILE [--beside-connections N]]
 *
 * A request's body is --lines lines of FILE (default 1), the next ones each time; 0: all of it.
 *
 * Without --rate it is a closed loop: each connection sends again once it has its answer. With it,
 * R requests a second are due at even distances, whatever the server does, and a latency counts
 * from when the request was due, not from when it could be sent: a server that stops for a second
 * is charged with every request of that second. --spin 1 polls all the time, for a client that has
 * a processor of its own: the client's own timers and wake-ups are then not in the latencies.
 *
 * --beside: more connections post all of that FILE without end; they are not in the figures.
 * --pid: the server; its processor time, with that of all processes it started, is read from
 * schedstat before and after. Unlike the rate it does not depend on the client.
 *
 * Prints a line of JSON. Answers other than 200 are counted and are in no latency. A closed loop
 * that has hardly an answer at its end goes on for a while. Exits 1 where nothing was answered or a
 * connection could not be made.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "benchmarks/load_connection.h"
#include "benchmarks/process_cpu.h"

#define WRITE_MAX    ((size_t)1 << 20)
#define WRITE_BESIDE 65536 /* a write beside measured requests: does not keep them waiting */
#define DRAIN_NS     UINT64_C(5000000000)
#define ANSWERS_MIN                                                                                \
    3 /* a run is longer than was asked for, up to ten times, until it has so many */

static struct {
    unsigned connections;
    double seconds;
    double warm_up;
    int pid;
    const char *body;
    size_t lines;
    const char *content_type;
    const char *path;
    const char *get;
    double rate;
    bool spin;
    const char *beside;
    unsigned beside_connections;
} options = {.connections = 16,
             .seconds = 2,
             .warm_up = 0.3,
             .lines = 1,
             .content_type = "text/csv",
             .path = "/invocations",
             .beside_connections = 1};

/* The open loop: request i is due at start + i / rate; connections rest in a ring, and the one that
 * rested longest is first. */
static struct {
    uint64_t start;
    uint64_t next;
    struct load_connection **idle;
    size_t first, count;
} schedule;

static uint64_t due_time(uint64_t number)
{
    return schedule.start + (uint64_t)((double)number * 1e9 / options.rate);
}

static void request_done(struct load *load, struct load_connection *connection)
{
    if (options.rate > 0 && !connection->beside)
        schedule.idle[(schedule.first + schedule.count++) % options.connections] = connection;
    else
        load_begin(load, connection, latency_now());
}

/* Sends what is due, while a connection is idle. */
static void send_due(struct load *load, uint64_t now, uint64_t until)
{
    while (schedule.count > 0 && due_time(schedule.next) <= now &&
           due_time(schedule.next) < until) {
        struct load_connection *connection = schedule.idle[schedule.first];

        schedule.first = (schedule.first + 1) % options.connections;
        schedule.count--;
        load_begin(load, connection, due_time(schedule.next++));
    }
}

static void run(struct load *load, uint64_t until)
{
    uint64_t now;

    while ((now = latency_now()) < until) {
        uint64_t wake = until;

        if (options.rate > 0) {
            send_due(load, now, until);
            if (schedule.count > 0 && due_time(schedule.next) < wake)
                wake = due_time(schedule.next);
        }
        load_wait(load, now, options.spin ? now : wake);
    }
}

/* Open loop: what was due before the end and is not answered yet is waited for; where no answer
 * comes it counts as broken, with the time that it has waited so far. */
static void drain(struct load *load, const struct load_connection *connections, uint64_t until)
{
    uint64_t end = latency_now() + DRAIN_NS;
    uint64_t due = (uint64_t)((double)(until - schedule.start) * options.rate / 1e9);
    uint64_t now;

    while ((schedule.count < options.connections || schedule.next < due) &&
           (now = latency_now()) < end) {
        send_due(load, now, until);
        load_wait(load, now, now + 1000000);
    }
    now = latency_now();
    for (unsigned i = 0; i < options.connections; i++) {
        if (connections[i].request) {
            load->totals.broken++;
            latency_add(&load->totals.latency, now - connections[i].began);
        }
    }
    for (; schedule.next < due; schedule.next++) {
        load->totals.broken++;
        latency_add(&load->totals.latency, now - due_time(schedule.next));
    }
}

static void report(const struct load_totals *totals, double seconds,
                   const struct process_cpu *server, const struct process_cpu *client)
{
    double answers = totals->answers ? (double)totals->answers : 1;
    const struct latency *latency = &totals->latency;

    printf("{\"loop\": \"%s\", \"connections\": %u, \"seconds\": %.3f, \"requests\": %llu, "
           "\"rate\": %.1f, ",
           options.rate > 0 ? "open" : "closed", options.connections, seconds,
           (unsigned long long)totals->answers, (double)totals->answers / seconds);
    if (options.pid)
        printf("\"cpu_us\": %.4f, \"server_cpus\": %.3f, \"server_waited\": %.4f, ",
               (double)server->ran / 1e3 / answers, (double)server->ran / 1e9 / seconds,
               (double)server->waited / 1e9 / seconds);
    printf("\"client_cpus\": %.3f, \"client_waited\": %.4f, \"p50_us\": %.2f, \"p90_us\": %.2f, "
           "\"p99_us\": %.2f, \"p999_us\": %.2f, \"max_us\": %.2f, ",
           (double)client->ran / 1e9 / seconds, (double)client->waited / 1e9 / seconds,
           latency_quantile(latency, 0.5), latency_quantile(latency, 0.9),
           latency_quantile(latency, 0.99), latency_quantile(latency, 0.999),
           (double)latency->most / 1e3);
    printf("\"not_200\": %llu, \"other_status\": %d, \"broken\": %llu, \"reconnects\": %llu, "
           "\"beside\": %llu, \"beside_mb_s\": %.1f}\n",
           (unsigned long long)totals->others, totals->other_status,
           (unsigned long long)totals->broken, (unsigned long long)totals->reconnects,
           (unsigned long long)totals->beside, (double)totals->beside_bytes / 1e6 / seconds);
}

static bool take_option(struct load *load, const char *name, const char *value)
{
    if (strcmp(name, "--port") == 0)
        load->port = atoi(value);
    else if (strcmp(name, "--connections") == 0)
        options.connections = (unsigned)atoi(value);
    else if (strcmp(name, "--seconds") == 0)
        options.seconds = atof(value);
    else if (strcmp(name, "--warm-up") == 0)
        options.warm_up = atof(value);
    else if (strcmp(name, "--pid") == 0)
        options.pid = atoi(value);
    else if (strcmp(name, "--body") == 0)
        options.body = value;
    else if (strcmp(name, "--lines") == 0)
        options.lines = (size_t)atol(value);
    else if (strcmp(name, "--content-type") == 0)
        options.content_type = value;
    else if (strcmp(name, "--path") == 0)
        options.path = value;
    else if (strcmp(name, "--get") == 0)
        options.get = value;
    else if (strcmp(name, "--rate") == 0)
        options.rate = atof(value);
    else if (strcmp(name, "--spin") == 0)
        options.spin = atoi(value) != 0;
    else if (strcmp(name, "--beside") == 0)
        options.beside = value;
    else if (strcmp(name, "--beside-connections") == 0)
        options.beside_connections = (unsigned)atoi(value);
    else
        return false;
    return true;
}

static void parse_options(struct load *load, int argc, char **argv)
{
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc || !take_option(load, argv[i], argv[i + 1])) {
            fprintf(stderr, "load: %s: no such option, or no value\n", argv[i]);
            exit(2);
        }
    }
    if (!load->port || options.connections < 1 || (!options.body && !options.get)) {
        fprintf(stderr, "load: --port, --connections and --body or --get are needed\n");
        exit(2);
    }
    if (!options.beside)
        options.beside_connections = 0;
}

static struct load_connection *prepare(struct load *load)
{
    unsigned count = options.connections + options.beside_connections;
    struct load_connection *connections = calloc(count, sizeof(*connections));
    struct rlimit files;

    schedule.idle = calloc(options.connections, sizeof(connections));
    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!connections || !schedule.idle || load->epoll < 0) {
        perror("load");
        exit(1);
    }
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    if (options.get)
        load_requests_add(&load->requests, options.get, NULL, NULL, 0);
    else
        load_requests_read(&load->requests, options.path, options.content_type, options.body,
                           options.lines);
    if (options.beside)
        load_requests_read(&load->beside, "/invocations", "text/csv", options.beside, 0);
    load->write_max = options.beside ? WRITE_BESIDE : WRITE_MAX;
    for (unsigned i = 0; i < count; i++) {
        connections[i].beside = i >= options.connections;
        load_connect(load, &connections[i]);
    }
    return connections;
}

static bool few_answers(const struct load_totals *totals)
{
    return options.rate <= 0 && totals->answers + totals->others < ANSWERS_MIN;
}

int main(int argc, char **argv)
{
    static struct load load = {.done = request_done, .measured_from = UINT64_MAX};
    struct process_tree server = {.count = 0}, self = {.pids = {getpid()}, .count = 1};
    struct process_cpu server_before, server_cpu, client_before, client_cpu;
    struct load_connection *connections;
    uint64_t begin, end;

    parse_options(&load, argc, argv);
    connections = prepare(&load);
    schedule.start = latency_now();
    for (unsigned i = 0; i < options.connections + options.beside_connections; i++)
        request_done(&load, &connections[i]);
    run(&load, latency_now() + (uint64_t)(options.warm_up * 1e9));
    if (options.pid)
        server = process_tree_of(options.pid);
    memset(&load.totals, 0, sizeof(load.totals));
    server_before = process_cpu_of(&server);
    client_before = process_cpu_of(&self);
    begin = load.measured_from = latency_now();
    for (int i = 1; i <= 10 && (i == 1 || few_answers(&load.totals)); i++)
        run(&load, begin + (uint64_t)(options.seconds * 1e9 * i));
    end = latency_now();
    server_cpu = process_cpu_of(&server);
    client_cpu = process_cpu_of(&self);
    if (options.rate > 0)
        drain(&load, connections, end);
    server_cpu.ran -= server_before.ran;
    server_cpu.waited -= server_before.waited;
    client_cpu.ran -= client_before.ran;
    client_cpu.waited -= client_before.waited;
    report(&load.totals, (double)(end - begin) / 1e9, &server_cpu, &client_cpu);
    if (load.totals.answers + load.totals.others == 0)
        fprintf(stderr, "load: no answer in %.1f seconds\n", (double)(end - begin) / 1e9);
    return load.totals.answers == 0;
}
