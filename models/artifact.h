#pragma once
/*
 * An artifact is what a training job left: a directory (what /opt/ml/model holds), a model.tar.gz, or
 * a single file. This module turns any of them into named byte ranges, all in memory; nothing is ever
 * unpacked to disk. Which bytes are a model is not known here.
 *
 * A directory: its regular files (symbolic links followed), sorted by name; sub-directories and names
 * that begin with a dot are left out (counted). An archive beside other files is left out; a
 * directory that holds one archive alone stands for that archive. An archive: tar (plain, PAX, GNU;
 * gzip, bzip2, xz, zstd, lz4 outside) or zip, told by content; its regular members at the top level
 * ("./name" too), in order; deeper members are left out. Links, devices, absolute names and names with
 * ".." are refused, as are two members of one name.
 */

#include <stddef.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/err.h"

struct artifact_limits {
    size_t entries;    /* members of an archive, or files of a directory */
    size_t bytes;      /* content in all */
    unsigned ratio;    /* content to compressed size, beyond the first 16 MB of content */
};

#define ARTIFACT_LIMITS_DEFAULT                                                                    \
    {                                                                                              \
        .entries = 10000, .bytes = (size_t)4 << 30, .ratio = 1000                                  \
    }

struct artifact_file {
    char *name;         /* within the artifact: "xgboost-model" */
    struct bytes bytes;
};

enum artifact_kind {
    ARTIFACT_DIRECTORY,
    ARTIFACT_ARCHIVE,
    ARTIFACT_FILE,
};

struct artifact {
    enum artifact_kind kind;
    char *path;         /* as opened (for a directory with an archive alone: the archive's) */
    struct artifact_file *files;
    size_t count;
    size_t left_out_dotfiles;
    size_t left_out_directories; /* and, in an archive, members below the top level */
    size_t left_out_archives;
};

/* Opens and reads all. The error names the path, the member and, where it is known, the offset.
 * An artifact without files is ERR_INPUT: it says what was there. */
int artifact_open(const char *path, const struct artifact_limits *limits, struct artifact **ret,
                  struct err *err) MUST_CHECK;

/* The same for archive bytes in memory (tests, fuzzing). `name` is for error texts. */
int artifact_from_archive(struct bytes archive, const char *name,
                          const struct artifact_limits *limits, struct artifact **ret,
                          struct err *err) MUST_CHECK;

/* Whether bytes begin as an archive that artifact_from_archive would read. A gzip file is one only
 * where a tar header is inside. */
bool artifact_is_archive(struct bytes bytes);

void artifact_free(struct artifact *artifact);
