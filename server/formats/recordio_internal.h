#pragma once
/*
 * Reading RecordIO-protobuf: frames to messages, messages to tensors. For
 * server/formats/recordio*.c alone.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/memory.h"

/* Of the part of a record that a frame holds: the top bits of its length. */
enum recordio_kind {
    RECORDIO_WHOLE = 0,
    RECORDIO_FIRST = 1,
    RECORDIO_MIDDLE = 2,
    RECORDIO_LAST = 3,
};

enum recordio_result {
    RECORDIO_OK,
    RECORDIO_AT_END,    /* nothing, or less than the head of a frame, is left */
    RECORDIO_BAD_MAGIC, /* `at` is where */
    RECORDIO_TRUNCATED, /* of the frame whose payload begins at `at`; or its record has no such part
                         */
    RECORDIO_NO_MEMORY,
};

/*
 * The next record's message, a view of the input or, where it came in parts, of `joined`, which
 * holds until the next call. `parts`: a frame may hold a part of a record (MXNet; such a frame is
 * shorter than 2^29 bytes); otherwise all bits are length. Moves `input` over the padding, which
 * may be missing at the very end. at: an offset in the input; see enum recordio_result.
 */
enum recordio_result recordio_next_record(struct cursor *input, bool parts, struct buffer *joined,
                                          struct bytes *ret, size_t *ret_at) MUST_CHECK;

/* The numbers are those of the fields of Value. */
enum recordio_type {
    RECORDIO_NONE = 0,
    RECORDIO_FLOAT32 = 2,
    RECORDIO_FLOAT64 = 3,
    RECORDIO_INT32 = 7,
};

/* The entry "values" of a map, once each number was counted. Sums do not overflow: each counted
 * thing has a byte of its own. */
struct recordio_tensor {
    enum recordio_type type; /* RECORDIO_NONE where not found */
    size_t values;
    size_t keys;
    size_t dimensions;
    uint64_t first_dimension;
    uint64_t product;     /* of all dimensions, UINT64_MAX beyond it */
    uint64_t largest_key; /* of at least one */
    float first_value;    /* of at least one */
};

struct recordio_message {
    struct recordio_tensor features;
    struct recordio_tensor label;
};

/* Where the numbers of the features go: after what the buffers hold. */
struct recordio_sink {
    struct buffer *values; /* float */
    struct buffer *keys;   /* uint64_t */
};

/*
 * Reads a message, all of it checked. sink: NULL where only counts are wanted. 0, or -1 where it is
 * malformed; with a sink also where memory is short, so read without one first.
 */
int recordio_read(struct bytes message, const struct recordio_sink *sink,
                  struct recordio_message *ret) MUST_CHECK;
