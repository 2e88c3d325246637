#include "models/artifact.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/unicode.h"
#include "models/artifact_archive.h"

#define PATH_QUOTED 256
#define NAME_QUOTED 64

static void close_cleanup(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static void closedir_cleanup(DIR **directory)
{
    if (*directory)
        closedir(*directory);
}

static void artifact_cleanup(struct artifact **artifact)
{
    artifact_free(*artifact);
}

static const char *quote(char *out, size_t size, const char *text)
{
    return err_quote(out, size, text, strlen(text));
}

static void file_fini(struct artifact_file *file)
{
    free(file->name);
    mem_release((void *)(uintptr_t)file->bytes.data); /* ours, though a view says const */
}

void artifact_free(struct artifact *artifact)
{
    if (!artifact)
        return;
    for (size_t i = 0; i < artifact->count; i++)
        file_fini(&artifact->files[i]);
    free(artifact->files);
    free(artifact->path);
    free(artifact);
}

static char *copy_text(const char *text, struct err *err)
{
    size_t size = strlen(text) + 1;
    char *copy = mem_alloc(size, 1);

    if (copy)
        memcpy(copy, text, size);
    else
        err_memory(err, size, "a name");
    return copy;
}

int artifact_add(struct artifact *artifact, const char *name, uint8_t *data, size_t size,
                 struct err *err)
{
    size_t count = artifact->count;
    char *copy;

    if ((count & (count - 1)) == 0) { /* room for the next power of two */
        size_t room = count ? count * 2 : 1;
        struct artifact_file *files = mem_resize(artifact->files, room, sizeof(*files));

        if (!files)
            return err_memory(err, room * sizeof(*files), "the files of an artifact");
        artifact->files = files;
    }
    copy = copy_text(name, err);
    if (!copy)
        return -1;
    artifact->files[artifact->count++] =
        (struct artifact_file){.name = copy, .bytes = bytes_of(data, size)};
    return 0;
}

static int artifact_new(const char *path, enum artifact_kind kind, struct artifact **ret,
                        struct err *err)
{
    CLEANUP(artifact_cleanup) struct artifact *artifact = mem_zero(1, sizeof(*artifact));

    if (!artifact)
        return err_memory(err, sizeof(*artifact), "an artifact");
    artifact->kind = kind;
    artifact->path = copy_text(path, err);
    if (!artifact->path)
        return -1;
    *ret = TAKE(artifact);
    return 0;
}

/* open() failed: say what to do where that is known. */
static int fail_open(const char *path, int errno_value, struct err *err)
{
    char quoted[PATH_QUOTED];

    quote(quoted, sizeof(quoted), path);
    if (errno_value == EACCES && geteuid() == 0)
        return err_set(
            err, ERR_SYSTEM,
            "%s is not readable, not even by uid 0: a security label (mount it with :z) or "
            "a capability that was dropped; chmod -R o+rX may do",
            quoted);
    if (errno_value == EACCES)
        return err_set(
            err, ERR_SYSTEM,
            "%s is not readable by uid %u (or a directory above it): chmod -R o+rX it, or "
            "run as root or as its owner",
            quoted, (unsigned)geteuid());
    if (errno_value == ENOENT || errno_value == ENOTDIR)
        return err_set(
            err, ERR_SYSTEM,
            "%s does not exist (a directory, a model.tar.gz or a model file is expected)", quoted);
    return err_system(err, errno_value, "open %s", quoted);
}

/* Reads exactly the size that the file has now: a file that is being written is refused. */
static int read_fd(int fd, size_t size, uint8_t **ret, struct err *err)
{
    CLEANUP(mem_cleanup) uint8_t *data = mem_alloc(size, 1);
    uint8_t beyond;
    ssize_t n;

    if (!data)
        return err_memory(err, size, "a file");
    for (size_t have = 0; have < size; have += (size_t)n) {
        do {
            n = read(fd, data + have, size - have);
        } while (n < 0 && errno == EINTR);
        if (n < 0)
            return err_system(err, errno, "read");
        if (n == 0)
            return err_set(err, ERR_INPUT, "it shrank to %zu bytes while it was read", have);
    }
    do {
        n = read(fd, &beyond, 1);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return err_system(err, errno, "read");
    if (n > 0)
        return err_set(err, ERR_INPUT, "it grew beyond %zu bytes while it was read", size);
    *ret = TAKE(data);
    return 0;
}

/* Reads an open regular file; `taken` bytes of the limit are used up by others. */
static int read_file(int fd, const char *name, const struct artifact_limits *limits, size_t taken,
                     uint8_t **ret, size_t *ret_size, struct err *err)
{
    char quoted[PATH_QUOTED];
    struct stat status;

    quote(quoted, sizeof(quoted), name);
    if (fstat(fd, &status))
        return err_system(err, errno, "look at %s", quoted);
    if (!S_ISREG(status.st_mode))
        return err_set(err, ERR_INPUT, "%s is neither a regular file nor a directory", quoted);
    if (status.st_size < 0 || (uintmax_t)status.st_size > limits->bytes - taken)
        return err_set(err, ERR_LIMIT, "%s (%jd bytes) takes the content over %zu bytes, the limit",
                       quoted, (intmax_t)status.st_size, limits->bytes);
    if (read_fd(fd, (size_t)status.st_size, ret, err))
        return err_wrap(err, "%s", quoted);
    *ret_size = (size_t)status.st_size;
    return 0;
}

/* O_NONBLOCK: opening a named pipe must not wait for its other end. */
#define OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)

/* In this form the built-in algorithms write a model, see models/artifact.h. */
static bool is_model_zip(const struct artifact_file *file, enum artifact_archive_kind kind)
{
    return kind == ARTIFACT_ARCHIVE_ZIP && bytes_starts(bytes_text(file->name), "model_algo-");
}

/* Not broken ones: nobody knows of what they were; among other files, a loader will complain. */
static bool is_archive(const struct artifact_file *file)
{
    enum artifact_archive_kind kind = artifact_archive_probe(file->bytes);

    return (kind == ARTIFACT_ARCHIVE_TAR || kind == ARTIFACT_ARCHIVE_ZIP) &&
           !is_model_zip(file, kind);
}

/* A file that is all there is. Opening a broken one tells what is wrong with it. */
static bool opens_as_archive(const struct artifact_file *file)
{
    enum artifact_archive_kind kind = artifact_archive_probe(file->bytes);

    return kind != ARTIFACT_ARCHIVE_NONE && !is_model_zip(file, kind);
}

/* One name of a directory. */
static int read_entry(struct artifact *artifact, int directory, const char *name, size_t *taken,
                      const struct artifact_limits *limits, struct err *err)
{
    CLEANUP(close_cleanup) int fd = -1;
    CLEANUP(mem_cleanup) uint8_t *data = NULL;
    struct stat status;
    size_t size;

    if (fstatat(directory, name, &status, 0)) {
        if (errno != ENOENT && errno != ELOOP)
            return fail_open(name, errno, err);
        artifact->left_out_others++;
        return 0;
    }
    if (S_ISDIR(status.st_mode)) {
        artifact->left_out_directories++;
        return 0;
    }
    if (!S_ISREG(status.st_mode)) {
        artifact->left_out_others++;
        return 0;
    }
    if (artifact->count == limits->entries)
        return err_set(err, ERR_LIMIT, "more than %zu files, the limit", limits->entries);
    fd = openat(directory, name, OPEN_FLAGS);
    if (fd < 0)
        return fail_open(name, errno, err);
    if (read_file(fd, name, limits, *taken, &data, &size, err) ||
        artifact_add(artifact, name, data, size, err))
        return -1;
    data = NULL;
    *taken += size;
    return 0;
}

static int by_name(const void *a, const void *b)
{
    const struct artifact_file *one = a;
    const struct artifact_file *other = b;

    return strcmp(one->name, other->name);
}

static int read_directory(struct artifact *artifact, int fd, const struct artifact_limits *limits,
                          struct err *err)
{
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0); /* closedir() closes it */
    CLEANUP(closedir_cleanup) DIR *directory = own < 0 ? NULL : fdopendir(own);
    size_t taken = 0;
    const struct dirent *entry;

    if (!directory) {
        err_system(err, errno, "read the directory");
        close_cleanup(&own);
        return -1;
    }
    while (errno = 0, (entry = readdir(directory))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (entry->d_name[0] == '.')
            artifact->left_out_dotfiles++;
        else if (read_entry(artifact, dirfd(directory), entry->d_name, &taken, limits, err))
            return -1;
    }
    if (errno)
        return err_system(err, errno, "read the directory");
    if (artifact->count)
        qsort(artifact->files, artifact->count, sizeof(*artifact->files), by_name);
    return 0;
}

static int fail_several(const struct artifact *artifact, struct err *err)
{
    char one[NAME_QUOTED];
    char other[NAME_QUOTED];
    char more[48] = "";

    if (artifact->count > 2)
        snprintf(more, sizeof(more), " and %zu more", artifact->count - 2);
    return err_set(err, ERR_INPUT,
                   "it holds several archives and nothing else (%s, %s%s): keep the one to serve",
                   quote(one, sizeof(one), artifact->files[0].name),
                   quote(other, sizeof(other), artifact->files[1].name), more);
}

/* Replaces the only file of a directory, an archive, by what is in it. */
static int open_lone_archive(struct artifact *artifact, const struct artifact_limits *limits,
                             struct err *err)
{
    struct artifact_file archive = artifact->files[0];
    char quoted[NAME_QUOTED];
    char *path = NULL;
    int status;

    if (asprintf(&path, "%s/%s", artifact->path, archive.name) < 0)
        return err_memory(err, strlen(archive.name), "a path");
    free(artifact->path);
    artifact->path = path;
    artifact->kind = ARTIFACT_ARCHIVE;
    artifact->count = 0;
    artifact->left_out_dotfiles = 0;
    artifact->left_out_directories = 0;
    artifact->left_out_others = 0;
    status = artifact_archive_read(archive.bytes, limits, artifact, err);
    if (status)
        err_wrap(err, "%s", quote(quoted, sizeof(quoted), archive.name));
    file_fini(&archive);
    return status;
}

/* Archives beside other files are not what is to be served. */
bool artifact_is_stray_text(struct bytes bytes)
{
    struct unicode_fault fault;
    struct bytes trimmed = bytes_trim(bytes);

    if (bytes.size == 0 || memchr(bytes.data, 0, bytes.size) ||
        unicode_check((const char *)bytes.data, bytes.size, &fault) != bytes.size)
        return false;
    if (bytes_starts(trimmed, "{")) {
        struct bytes head = bytes_head(trimmed, 200);

        return !bytes_contains(head, "\"learner\"") && !bytes_contains(head, "\"Config\"") &&
               !bytes_contains(head, "\"version\"");
    }
    return true;
}

/* One archive, and nothing beside it but stray text: the archive is moved to the front. */
static bool is_archive_with_notes(struct artifact *artifact)
{
    size_t archives = 0;
    size_t at = 0;

    for (size_t i = 0; i < artifact->count; i++) {
        if (is_archive(&artifact->files[i])) {
            archives++;
            at = i;
        } else if (!artifact_is_stray_text(artifact->files[i].bytes)) {
            return false;
        }
    }
    if (archives != 1)
        return false;
    for (size_t i = 0; i < artifact->count; i++) {
        if (i != at)
            file_fini(&artifact->files[i]);
    }
    artifact->left_out_texts = artifact->count - 1;
    artifact->files[0] = artifact->files[at];
    artifact->count = 1;
    return true;
}

static int sort_out_archives(struct artifact *artifact, const struct artifact_limits *limits,
                             struct err *err)
{
    size_t archives = 0;
    size_t kept = 0;

    if (artifact->count == 1 && opens_as_archive(&artifact->files[0]))
        return open_lone_archive(artifact, limits, err);
    if (artifact->count > 1 && is_archive_with_notes(artifact))
        return open_lone_archive(artifact, limits, err);
    for (size_t i = 0; i < artifact->count; i++)
        archives += is_archive(&artifact->files[i]);
    if (archives > 0 && archives == artifact->count)
        return fail_several(artifact, err);
    for (size_t i = 0; archives > 0 && i < artifact->count; i++) {
        if (is_archive(&artifact->files[i]))
            file_fini(&artifact->files[i]);
        else
            artifact->files[kept++] = artifact->files[i];
    }
    if (archives > 0)
        artifact->count = kept;
    artifact->left_out_archives = archives;
    return 0;
}

/* ", 2 directories" where there are any. */
static void count_left_out(struct buffer *text, size_t count, const char *one, const char *many)
{
    if (count &&
        buffer_print(text, "%s%zu %s", text->size ? ", " : "", count, count == 1 ? one : many))
        buffer_clear(text); /* short of memory: the sentence stands without it */
}

static int fail_empty(const struct artifact *artifact, struct err *err)
{
    bool archive = artifact->kind == ARTIFACT_ARCHIVE;
    bool too_deep = archive && artifact->left_out_directories > 0;
    char quoted[PATH_QUOTED];
    struct buffer text;

    quote(quoted, sizeof(quoted), artifact->path);
    buffer_init(&text, ERR_TEXT_SIZE);
    count_left_out(&text, artifact->left_out_dotfiles, "dotfile", "dotfiles");
    count_left_out(&text, artifact->left_out_directories,
                   archive ? "member below the top level" : "directory",
                   archive ? "members below the top level" : "directories");
    count_left_out(&text, artifact->left_out_others, "special file", "special files");
    if (text.size == 0)
        err_set(err, ERR_INPUT, "no model file in %s (it is empty)", quoted);
    else
        err_set(err, ERR_INPUT, "no model file in %s (%.*s left out)%s", quoted, (int)text.size,
                text.data, too_deep ? ": pack it with tar -C DIRECTORY -czf model.tar.gz ." : "");
    buffer_fini(&text);
    return -1;
}

/* An artifact has files, or it is an error. */
static int finish(struct artifact **artifact, struct artifact **ret, struct err *err)
{
    if ((*artifact)->count == 0)
        return fail_empty(*artifact, err);
    *ret = TAKE(*artifact);
    return 0;
}

static int open_directory(const char *path, int fd, const struct artifact_limits *limits,
                          struct artifact **ret, struct err *err)
{
    CLEANUP(artifact_cleanup) struct artifact *artifact = NULL;
    char quoted[PATH_QUOTED];

    if (artifact_new(path, ARTIFACT_DIRECTORY, &artifact, err))
        return -1;
    if (read_directory(artifact, fd, limits, err) || sort_out_archives(artifact, limits, err))
        return err_wrap(err, "%s", quote(quoted, sizeof(quoted), path));
    return finish(&artifact, ret, err);
}

static int open_file(const char *path, int fd, const struct artifact_limits *limits,
                     struct artifact **ret, struct err *err)
{
    CLEANUP(artifact_cleanup) struct artifact *artifact = NULL;
    CLEANUP(mem_cleanup) uint8_t *data = NULL;
    const char *slash = strrchr(path, '/');
    char quoted[PATH_QUOTED];
    struct artifact_file file = {.name = NULL};
    size_t size;

    if (read_file(fd, path, limits, 0, &data, &size, err) ||
        artifact_new(path, ARTIFACT_FILE, &artifact, err) ||
        artifact_add(artifact, slash ? slash + 1 : path, data, size, err))
        return -1;
    data = NULL;
    if (opens_as_archive(&artifact->files[0])) {
        artifact->kind = ARTIFACT_ARCHIVE;
        file = artifact->files[0];
        artifact->count = 0;
        if (artifact_archive_read(file.bytes, limits, artifact, err))
            err_wrap(err, "%s", quote(quoted, sizeof(quoted), path));
        file_fini(&file);
        if (err->kind != ERR_NONE)
            return -1;
    }
    return finish(&artifact, ret, err);
}

int artifact_open(const char *path, const struct artifact_limits *limits, struct artifact **ret,
                  struct err *err)
{
    CLEANUP(close_cleanup) int fd = open(path, OPEN_FLAGS);
    char quoted[PATH_QUOTED];
    struct stat status;

    if (fd < 0)
        return fail_open(path, errno, err);
    if (fstat(fd, &status))
        return err_system(err, errno, "look at %s", quote(quoted, sizeof(quoted), path));
    if (S_ISDIR(status.st_mode))
        return open_directory(path, fd, limits, ret, err);
    return open_file(path, fd, limits, ret, err);
}

int artifact_from_archive(struct bytes archive, const char *name,
                          const struct artifact_limits *limits, struct artifact **ret,
                          struct err *err)
{
    CLEANUP(artifact_cleanup) struct artifact *artifact = NULL;
    char quoted[PATH_QUOTED];

    if (artifact_new(name, ARTIFACT_ARCHIVE, &artifact, err))
        return -1;
    if (artifact_archive_read(archive, limits, artifact, err))
        return err_wrap(err, "%s", quote(quoted, sizeof(quoted), name));
    return finish(&artifact, ret, err);
}

bool artifact_is_archive(struct bytes bytes)
{
    enum artifact_archive_kind kind = artifact_archive_probe(bytes);

    return kind == ARTIFACT_ARCHIVE_TAR || kind == ARTIFACT_ARCHIVE_ZIP;
}
