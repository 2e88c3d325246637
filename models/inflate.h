#pragma once
/*
 * Compressed single streams, as joblib writes them: zlib, gzip, bzip2, xz, lzma, lz4 frame. Told by
 * their first bytes (xgboost-models section 1). Output is capped in bytes and in ratio to the
 * input. joblib's old "ZF" container holds a zlib stream behind its header.
 */

#include <stdbool.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/err.h"
#include "base/memory.h"

/* Largest ratio of output to input, beyond the first megabyte. */
#define INFLATE_RATIO_MAX 1100

/* "zlib", "gzip", "bzip2", "xz", "lzma", "lz4", "zfile"; NULL where data is none of them. */
const char *inflate_probe(struct bytes data);

/* Appends the plain bytes to ret (whose max is the cap); on failure ret keeps what it had. data is
 * one stream from its first byte to its last. ERR_INPUT: broken, cut, or followed by other bytes;
 * ERR_LIMIT: cap or ratio. */
int inflate_all(struct bytes data, struct buffer *ret, struct err *err) MUST_CHECK;
