#pragma once
/*
 * The plain bytes of a compressed file in memory, a block at a time: gzip, bzip2, xz, zstd, lz4,
 * told by the first bytes; anything else is its own plain bytes. Integrity is checked on the way
 * (the checksum and length of every gzip member; what the other formats carry), and output is
 * capped by its ratio to the input, so that a small file cannot keep a reader busy for hours.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/err.h"

/* Output of up to this size may have any ratio to the input. */
#define ARTIFACT_STREAM_FREE ((uint64_t)16 << 20)

struct artifact_stream;

/* "gzip", "bzip2", "xz", "zstd", "lz4"; NULL where data does not begin as one of them. */
const char *artifact_stream_compression(struct bytes data);

/* `data` must outlive the stream. `ratio` as in struct artifact_limits. */
int artifact_stream_new(struct bytes data, unsigned ratio, struct artifact_stream **ret,
                        struct err *err) MUST_CHECK;

/* The next block, valid until the next call; an empty one at the end. ERR_INPUT: damaged or cut
 * short, with the offset in the compressed data; ERR_LIMIT: beyond the ratio. After an error: free
 * it. */
int artifact_stream_read(struct artifact_stream *stream, struct bytes *ret,
                         struct err *err) MUST_CHECK;

void artifact_stream_free(struct artifact_stream *stream);

/* ERR_LIMIT where `output` bytes are more than `input` compressed bytes may stand for. */
int artifact_stream_check_ratio(size_t input, uint64_t output, unsigned ratio,
                                struct err *err) MUST_CHECK;
