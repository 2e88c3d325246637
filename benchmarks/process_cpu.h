#pragma once
/* Processor time and memory of a process and of those that it started, from /proc. */

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROCESS_TREE_MAX 256

struct process_tree {
    int pids[PROCESS_TREE_MAX];
    size_t count;
};

struct process_cpu {
    uint64_t ran;    /* nanoseconds on a processor, all threads */
    uint64_t waited; /* nanoseconds ready to run, but another ran */
};

/* The process and its descendants as they are now. */
static inline struct process_tree process_tree_of(int root)
{
    struct process_tree tree = {.pids = {root}, .count = 1};

    for (size_t parent = 0; parent < tree.count; parent++) {
        DIR *directory = opendir("/proc");
        struct dirent *entry;

        while (directory && (entry = readdir(directory)) && tree.count < PROCESS_TREE_MAX) {
            char path[300], line[600];
            const char *after;
            int pid = atoi(entry->d_name), of = 0;
            FILE *file;

            snprintf(path, sizeof(path), "/proc/%s/stat", entry->d_name);
            if (pid <= 0 || !(file = fopen(path, "r")))
                continue;
            after = fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL;
            if (after && sscanf(after, ") %*c %d", &of) == 1 && of == tree.pids[parent])
                tree.pids[tree.count++] = pid;
            fclose(file);
        }
        if (directory)
            closedir(directory);
    }
    return tree;
}

static inline void process_cpu_add(struct process_cpu *sum, int pid)
{
    char path[300];
    struct dirent *entry;
    DIR *tasks;

    snprintf(path, sizeof(path), "/proc/%d/task", pid);
    tasks = opendir(path);
    while (tasks && (entry = readdir(tasks))) {
        unsigned long long ran, waited;
        FILE *file;

        snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", pid, entry->d_name);
        file = entry->d_name[0] == '.' ? NULL : fopen(path, "r");
        if (file && fscanf(file, "%llu %llu", &ran, &waited) == 2) {
            sum->ran += ran;
            sum->waited += waited;
        }
        if (file)
            fclose(file);
    }
    if (tasks)
        closedir(tasks);
}

static inline struct process_cpu process_cpu_of(const struct process_tree *tree)
{
    struct process_cpu sum = {0, 0};

    for (size_t i = 0; i < tree->count; i++)
        process_cpu_add(&sum, tree->pids[i]);
    return sum;
}

/* A line of /proc/PID/status in kilobytes ("VmRSS", "VmHWM"); 0 where it is not there. */
static inline long process_kilobytes(int pid, const char *name)
{
    char path[64], line[200];
    long kilobytes = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    file = fopen(path, "r");
    while (file && fgets(line, sizeof(line), file)) {
        if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':')
            kilobytes = strtol(line + strlen(name) + 1, NULL, 10);
    }
    if (file)
        fclose(file);
    return kilobytes;
}
