#pragma once
/*
 * Where a command writes its result. A regular file appears at once and whole: it is written aside,
 * in the same directory, and renamed when all went well; a run that fails, or is ended by a signal
 * that a process may catch, leaves nothing behind. What cannot be replaced (a FIFO, a device) is
 * written directly.
 *
 * For one output at a time: the signals of a process know only one file to remove.
 */

#include <stdbool.h>
#include <stdio.h>

#include "base/compiler.h"
#include "base/err.h"

struct output_file {
    const char *name; /* for messages */
    FILE *stream;
    char *target; /* the file to become, symbolic links followed; NULL: written directly */
    char *aside;  /* the file that becomes it */
};

/* path: NULL is standard output, and so is the file that standard output already goes to. The new
 * file has the mode of the one it replaces, else what the umask leaves. After a failure there is
 * nothing to close. */
int output_file_open(struct output_file *output, const char *path, struct err *err) MUST_CHECK;

/* Makes the output final, or with `failed` removes it. Standard output is flushed, not closed.
 * -1 where it failed, now or before. */
int output_file_close(struct output_file *output, bool failed, struct err *err) MUST_CHECK;
