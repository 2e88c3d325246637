#include "server/output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

/* As many as the kernel follows. */
#define LINKS_MAX 40

/* What ends a process that does not catch it, and may be met while a file is written. */
static const int ending_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGXFSZ};

/* The file that a signal removes. Changed only while the signals are blocked. */
static char *volatile signal_file;

/* The default action was restored: the signal, held back until the return, ends the process. */
static void remove_and_end(int number)
{
    if (signal_file)
        unlink(signal_file);
    raise(number);
}

/* Blocks what could come between making a file, or renaming it, and taking note of that. */
static void block_signals(sigset_t *ret_old)
{
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_LENGTH(ending_signals); i++)
        sigaddset(&set, ending_signals[i]);
    pthread_sigmask(SIG_BLOCK, &set, ret_old);
}

/* Signals that are ignored (nohup) stay so. */
static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = remove_and_end, .sa_flags = (int)SA_RESETHAND};
    struct sigaction old;

    sigfillset(&action.sa_mask);
    for (size_t i = 0; i < ARRAY_LENGTH(ending_signals); i++) {
        if (sigaction(ending_signals[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL)
            sigaction(ending_signals[i], &action, NULL);
    }
}

/* Where the links of a path's last part lead, whether or not a file is there. NULL with errno. */
static char *follow_links(const char *path)
{
    char *at = strdup(path);

    for (int i = 0; at && i < LINKS_MAX; i++) {
        char to[PATH_MAX];
        ssize_t n = readlink(at, to, sizeof(to) - 1);
        const char *slash = strrchr(at, '/');
        char *next;

        if (n < 0)
            return at;
        to[n] = '\0';
        if (asprintf(&next, "%.*s%s", to[0] == '/' || !slash ? 0 : (int)(slash - at) + 1, at, to) <
            0)
            next = NULL;
        free(at);
        at = next;
    }
    if (at)
        errno = ELOOP;
    free(at);
    return NULL;
}

static mode_t mode_of_new_files(void)
{
    mode_t mask = umask(0);

    umask(mask);
    return 0666 & ~mask;
}

/* Makes the file aside; `mode` is what it will have. */
static int open_aside(struct output_file *output, mode_t mode, struct err *err)
{
    sigset_t old;
    int fd;

    output->target = follow_links(output->name);
    if (!output->target || asprintf(&output->aside, "%s.XXXXXX", output->target) < 0) {
        output->aside = NULL;
        return err_system(err, errno, "cannot write '%s'", output->name);
    }
    block_signals(&old);
    fd = mkostemp(output->aside, O_CLOEXEC);
    if (fd < 0) {
        err_system(err, errno, "cannot write beside '%s'", output->target);
    } else {
        signal_file = output->aside;
        catch_signals();
        if (fchmod(fd, mode))
            err_system(err, errno, "cannot set the mode of '%s'", output->aside);
        output->stream = fdopen(fd, "w");
        if (!output->stream) {
            err_memory(err, BUFSIZ, "the output");
            close(fd);
        }
        if (err->kind != ERR_NONE) {
            unlink(output->aside);
            signal_file = NULL;
        }
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return err->kind == ERR_NONE ? 0 : -1;
}

/* What cannot be replaced by a file: opening a directory fails here, before any work. */
static int open_directly(struct output_file *output, struct err *err)
{
    int fd = open(output->name, O_WRONLY | O_NOCTTY | O_CLOEXEC);

    if (fd < 0)
        return err_system(err, errno, "cannot write '%s'", output->name);
    output->stream = fdopen(fd, "w");
    if (!output->stream) {
        close(fd);
        return err_memory(err, BUFSIZ, "the output");
    }
    return 0;
}

static bool is_standard_output(const struct stat *status)
{
    struct stat standard;

    return fstat(STDOUT_FILENO, &standard) == 0 && standard.st_dev == status->st_dev &&
           standard.st_ino == status->st_ino;
}

int output_file_open(struct output_file *output, const char *path, struct err *err)
{
    struct stat status;
    bool exists;

    *output = (struct output_file){.name = path ? path : "standard output"};
    if (!path) {
        output->stream = stdout;
        return 0;
    }
    exists = stat(path, &status) == 0;
    if (exists && is_standard_output(&status)) {
        output->stream = stdout;
        return 0;
    }
    if (exists && !S_ISREG(status.st_mode))
        return open_directly(output, err);
    if (open_aside(output, exists ? status.st_mode & 0777 : mode_of_new_files(), err)) {
        if (output->stream)
            fclose(TAKE(output->stream));
        free(TAKE(output->target));
        free(TAKE(output->aside));
        return -1;
    }
    return 0;
}

/* Renames the file, or removes it. */
static int finish_aside(struct output_file *output, bool failed, struct err *err)
{
    sigset_t old;

    block_signals(&old);
    if (!failed && rename(output->aside, output->target)) {
        err_system(err, errno, "cannot write '%s'", output->name);
        failed = true;
    }
    if (failed)
        unlink(output->aside);
    signal_file = NULL;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    free(TAKE(output->target));
    free(TAKE(output->aside));
    return failed ? -1 : 0;
}

int output_file_close(struct output_file *output, bool failed, struct err *err)
{
    FILE *stream = TAKE(output->stream);
    int error = 0;

    if (!stream)
        return failed ? -1 : 0;
    if (fflush(stream) || (!failed && output->aside && fsync(fileno(stream))))
        error = errno;
    if (stream != stdout && fclose(stream) && !error)
        error = errno;
    if (error && !failed) {
        err_system(err, error, "cannot write '%s'", output->name);
        failed = true;
    }
    if (output->aside)
        return finish_aside(output, failed, err);
    return failed ? -1 : 0;
}
