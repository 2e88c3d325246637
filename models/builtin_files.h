#pragma once
/*
 * Where a built-in algorithm's model is in an artifact (linear-learner 1.1, 7). Training leaves one
 * file, model_algo-1 (of several hosts one each; the first is served), a zip of members, a list of
 * arrays or an index; other files may lie beside it. People also unpack the zip, or name it by its
 * path: then its members are the artifact's own files.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/err.h"
#include "models/artifact.h"
#include "models/model.h"

/* The artifact's file of that name; NULL where there is none. */
const struct artifact_file *builtin_files_find(const struct artifact *artifact, const char *name);

/* The file that is the model: model_algo-1, else the first model_algo-* in the order of names (not
 * such as have a suffix, .json or .npy), else the artifact's only file. NULL where there is none.
 */
const struct artifact_file *builtin_files_model(const struct artifact *artifact);

/* Whether data begin as a zip. */
bool builtin_files_is_zip(struct bytes data);

/* Whether data are a zip whose directory, which is all that is looked at, has such a member. */
bool builtin_files_zip_has(struct bytes zip, const char *member);

/* The members of a zip, or what stands for them. */
struct builtin_files {
    const struct artifact_file *zip; /* NULL: the members are the artifact's own files */
    struct artifact *opened;         /* what is in the zip */
    const struct artifact *members;  /* that, or the artifact */
};

/* Opens the artifact's model where that is a zip, within the limits; the artifact must outlive
 * `ret`. ERR_INPUT, ERR_LIMIT, ERR_UNSUPPORTED as artifact_from_archive. */
int builtin_files_open(const struct artifact *artifact, const struct artifact_limits *limits,
                       struct builtin_files *ret, struct err *err) MUST_CHECK;
void builtin_files_fini(struct builtin_files *files); /* an empty one is fine */

/* The content of a member that must be there. ERR_INPUT says where it is missed, and what for. */
int builtin_files_need(const struct builtin_files *files, const char *member, const char *purpose,
                       struct bytes *ret, struct err *err) MUST_CHECK;

/* Puts the file's and the member's name before an error. Returns -1. */
int builtin_files_wrap(const struct builtin_files *files, const char *member, struct err *err);

/* Notes all files of the artifact that are not among `used` as left out of the model. ERR_MEMORY.
 */
int builtin_files_leave_out(const struct artifact *artifact, const char *const *used, size_t count,
                            struct model *model, struct err *err) MUST_CHECK;
