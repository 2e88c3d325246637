#pragma once
/*
 * The settings of all commands: one table (server/options.c) that drives parsing, `--help`, the
 * start-up line and the README's table. A value comes from the command line, else from
 * ENDPOINTD_<OPTION>, else from the image's own variable, else it is the default. A bad value is
 * ERR_INPUT: it names the setting, where it came from, and the range.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/memory.h"

enum command {
    COMMAND_SERVE = 1,
    COMMAND_PREDICT = 2,
    COMMAND_INSPECT = 4,
    COMMAND_PROFILES = 8,
};

#define OPTIONS_HOSTS_MAX     16
#define OPTIONS_ARGUMENTS_MAX 1

struct settings {
    /* the model */
    const char *model;
    const char *profile;
    bool no_ensemble;
    bool verify;
    bool strict;
    int64_t artifact_entries;
    int64_t artifact_bytes;
    int64_t artifact_ratio;
    const char *kernel; /* of enum forest_kernel */
    const char *cpu;    /* "auto", or a level of base/cpu.h that the processor has */
    /* serve: addresses, threads */
    const char *hosts[OPTIONS_HOSTS_MAX];
    size_t host_count;
    int64_t port;
    int64_t threads; /* 0: the CPUs that the process may use */
    int64_t workers; /* 0: the same */
    int64_t queue;
    /* serve: limits and deadlines */
    int64_t max_body;
    int64_t max_request_line;
    int64_t max_head;
    int64_t max_connections;
    int64_t max_in_flight;
    int64_t head_timeout;
    int64_t body_timeout;
    int64_t body_rate;
    int64_t write_timeout;
    int64_t idle_timeout;
    int64_t drain_timeout;
    int64_t model_memory; /* multi-model mode; 0: a part of the machine's or the cgroup's */
    /* serve: answers and logs */
    const char *default_accept;   /* NULL: not set */
    const char *inference_output; /* NULL: no selectable inference */
    const char *batch;            /* non-empty: one line a prediction, whatever Accept says */
    const char *access_log;
    /* predict */
    const char *content_type;
    const char *accept;
    bool margin;
    bool contributions;
    bool leaves;
    bool probabilities;
    int64_t top;
    bool header;
    const char *output;
    /* inspect, profiles */
    bool json;

    const char *arguments[OPTIONS_ARGUMENTS_MAX]; /* what is no option */
    size_t argument_count;
};

enum options_result {
    OPTIONS_OK = 0,
    OPTIONS_ERROR = -1, /* err is set: exit status 2 */
    OPTIONS_HELP = 1,
    OPTIONS_VERSION = 2,
};

/* argv[0] is the first word after the command. Texts point into argv and the environment. */
enum options_result options_parse(enum command command, int argc, char **argv, struct settings *ret,
                                  struct err *err) MUST_CHECK;

/* The command's options, for people, to standard output. */
void options_help(enum command command);

/* The README's settings table, to standard output: `endpointd help settings`. */
void options_markdown(void);

/* "port=8080 threads=2 ...": the settings of `serve` as they are in force. */
int options_describe(const struct settings *settings, struct buffer *ret) MUST_CHECK;

/* CPUs that this process may use: affinity and cgroup quota, at least 1. */
unsigned options_cpus(void);
