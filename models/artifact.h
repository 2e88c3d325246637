#pragma once
/*
 * An artifact is what a training job left: a directory (what /opt/ml/model holds), a model.tar.gz,
 * or a single file. This module turns any of them into named byte ranges, all in memory; nothing is
 * ever unpacked to disk, and nothing is mapped (files may be replaced while a server runs). Which
 * bytes are a model is not known here.
 *
 * A directory: its regular files (symbolic links followed), sorted by name; sub-directories, names
 * that begin with a dot and what is no file (sockets, links to nothing) are left out (counted). An
 * archive beside other files is left out; a directory that holds one archive alone stands for that
 * archive.
 *
 * An archive: tar (plain, PAX, GNU; gzip, bzip2, xz, zstd, lz4 outside) or zip, told by content;
 * its regular members at the top level ("./name" too), in order; deeper members and dotfiles are
 * left out (counted), directories are passed over. Links, devices, sparse members, absolute names
 * and names with ".." are refused wherever they are, as are two members of one name. Only a zip
 * whose name begins with "model_algo-" is a file like any other: in that form the built-in
 * algorithms of SageMaker write a model, and its loader opens it (artifact_from_archive).
 *
 * What is not whole is refused: the checksums of the compression, of zip and of the tar headers
 * are verified to the end of the data. A plain tar must have its end-of-archive block, for without
 * one it cannot be told from a file that was cut; inside a compression, whose own end proves that
 * nothing is missing, the block may be absent, as some programs leave it out. What follows the end
 * of a tar is not looked at, as with every tar program.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/err.h"

struct artifact_limits {
    size_t entries; /* members of an archive (of every kind), or files of a directory */
    size_t bytes;   /* content in all, members that are left out included */
    unsigned ratio; /* content to compressed size; content of up to 16 MB may have any ratio */
};

#define ARTIFACT_LIMITS_DEFAULT                                                                    \
    {                                                                                              \
        .entries = 10000, .bytes = (size_t)4 << 30, .ratio = 1000                                  \
    }

struct artifact_file {
    char *name; /* within the artifact: "xgboost-model" */
    struct bytes bytes;
};

enum artifact_kind {
    ARTIFACT_DIRECTORY,
    ARTIFACT_ARCHIVE,
    ARTIFACT_FILE,
};

struct artifact {
    enum artifact_kind kind;
    char *path; /* as opened (for a directory with an archive alone: the archive's) */
    struct artifact_file *files;
    size_t count;
    size_t left_out_dotfiles;    /* at the top level */
    size_t left_out_directories; /* in an archive: its members below the top level */
    size_t left_out_archives;
    size_t left_out_texts;  /* stray text beside an archive that is the model */
    size_t left_out_others; /* of a directory: neither file nor directory, or a link to nothing */
};

/* Opens and reads all. The error names the path, the member and, where it is known, the offset.
 * ERR_INPUT: not an artifact, damaged, refused, or without files (it says what was there);
 * ERR_LIMIT: larger than `limits`; ERR_UNSUPPORTED: an encrypted member; ERR_SYSTEM: the path
 * cannot be read (not there, not permitted), with what to do. */
int artifact_open(const char *path, const struct artifact_limits *limits, struct artifact **ret,
                  struct err *err) MUST_CHECK;

/* The same for archive bytes in memory (tests, fuzzing). `name` is for error texts. */
int artifact_from_archive(struct bytes archive, const char *name,
                          const struct artifact_limits *limits, struct artifact **ret,
                          struct err *err) MUST_CHECK;

/* Whether bytes are text that people put beside a model: requirements.txt, MLmodel, metadata.json.
 * A damaged model must not pass for it, so what begins as a model's JSON does is none. */
bool artifact_is_stray_text(struct bytes bytes);

/* Whether bytes begin as an archive that artifact_from_archive would read. A compressed file is one
 * only where a tar is inside (a tar header, or the zeros of an empty tar): compressed pickles are
 * not. */
bool artifact_is_archive(struct bytes bytes);

void artifact_free(struct artifact *artifact); /* NULL is fine */

/* For those who fill an artifact: appends a file. Takes `data` (of mem_alloc) on success only;
 * copies the name. */
int artifact_add(struct artifact *artifact, const char *name, uint8_t *data, size_t size,
                 struct err *err) MUST_CHECK;
