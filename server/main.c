/*
 * endpointd: the program. Finds the command, parses its options, runs it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "server/commands.h"

static const struct command_entry {
    const char *name;
    enum command command;
    int (*run)(const struct settings *settings);
    const char *usage;
    const char *help;
} commands[] = {
    {"serve", COMMAND_SERVE, command_serve, "serve [--model PATH] [--port N] [options]",
     "answer /ping and /invocations for a model, as the SageMaker container does"},
    {"predict", COMMAND_PREDICT, command_predict, "predict --model PATH [options] [FILE]",
     "score a file, or standard input, and write one line a row"},
    {"inspect", COMMAND_INSPECT, command_inspect, "inspect PATH [--json]",
     "tell what an artifact is"},
    {"profiles", COMMAND_PROFILES, command_profiles, "profiles [--json]",
     "list the images that can be imitated, and what each switches"},
};

static void help_all(FILE *out)
{
    fprintf(out, "endpointd %s: serves SageMaker model artifacts\n\n", ENDPOINTD_VERSION);
    for (size_t i = 0; i < ARRAY_LENGTH(commands); i++)
        fprintf(out, "  endpointd %s\n      %s\n", commands[i].usage, commands[i].help);
    fprintf(out,
            "\nEach command has its own --help. Every option can also be set in the environment: "
            "--max-body\nas ENDPOINTD_MAX_BODY.\n");
}

static void help_command(const struct command_entry *entry)
{
    printf("Usage: endpointd %s\n%s.\n\nOptions:\n", entry->usage, entry->help);
    options_help(entry->command);
}

static const struct command_entry *find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LENGTH(commands); i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}

/* Results on standard output count only when they got there. A command that failed said why. */
static int flushed(int status)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    if (status)
        return status;
    log_line("cannot write to standard output%s%s", errno ? ": " : "",
             errno ? strerror(errno) : "");
    return 1;
}

static int help(int argc, char **argv)
{
    const struct command_entry *entry = argc > 0 ? find(argv[0]) : NULL;

    if (argc > 0 && strcmp(argv[0], "settings") == 0)
        options_markdown();
    else if (entry)
        help_command(entry);
    else
        help_all(stdout);
    return flushed(0);
}

int main(int argc, char **argv)
{
    const struct command_entry *entry;
    struct settings settings;
    struct err err = ERR_INIT;
    char quoted[64];

    if (argc < 2) {
        help_all(stderr);
        return 2;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0) {
        printf("endpointd %s\n", ENDPOINTD_VERSION);
        return flushed(0);
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0)
        return help(argc - 2, argv + 2);
    entry = find(argv[1]);
    if (!entry) {
        log_line("unknown command %s: endpointd --help lists the commands",
                 err_quote(quoted, sizeof(quoted), argv[1], strlen(argv[1])));
        return 2;
    }
    switch (options_parse(entry->command, argc - 2, argv + 2, &settings, &err)) {
    case OPTIONS_HELP:
        help_command(entry);
        return flushed(0);
    case OPTIONS_VERSION:
        printf("endpointd %s\n", ENDPOINTD_VERSION);
        return flushed(0);
    case OPTIONS_ERROR:
        log_line("%s", err.text);
        return 2;
    case OPTIONS_OK:
        break;
    }
    command_limit_cpu(&settings);
    return flushed(entry->run(&settings));
}
