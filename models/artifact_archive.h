#pragma once
/*
 * Archives: tar, compressed or not, and zip, read into an artifact. See models/artifact.h for what
 * is taken and what is refused.
 */

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/err.h"
#include "models/artifact.h"

enum artifact_archive_kind {
    ARTIFACT_ARCHIVE_NONE,
    ARTIFACT_ARCHIVE_TAR, /* compressed or not */
    ARTIFACT_ARCHIVE_ZIP,
    ARTIFACT_ARCHIVE_BROKEN, /* compressed data that ends or fails before its content is known */
};

/* Looks at the first bytes; of compressed data, at the first bytes inside. */
enum artifact_archive_kind artifact_archive_probe(struct bytes data);

/* Appends the members that are files to `artifact` and counts what is left out. An archive without
 * files is no error here. Errors name the member, not the archive. */
int artifact_archive_read(struct bytes data, const struct artifact_limits *limits,
                          struct artifact *artifact, struct err *err) MUST_CHECK;
