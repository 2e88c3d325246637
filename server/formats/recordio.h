#pragma once
/*
 * RecordIO-protobuf: records in frames, to read (see server/formats/decode.h: FORMAT_RECORDIO) and
 * to write. Bytes: recordio.c for the frame, recordio_message.c for the message in it.
 *
 * An answer is a record a row that has labels only, each a name and float32 numbers. Each function
 * below appends to body; errors are ERR_LIMIT beyond the body's max (or a record of 4 GB) and
 * ERR_MEMORY, and the body then holds a part of a record.
 *
 *   recordio_begin(body, &record, err);
 *   recordio_label(body, bytes_text("predicted_label"), &label, 1, err);
 *   recordio_label(body, bytes_text("score"), scores, classes, err);
 *   recordio_end(body, record, err);
 */

#include <stddef.h>

#include "algorithms/predictions.h"
#include "base/bytes.h"
#include "base/compiler.h"
#include "base/err.h"
#include "base/memory.h"

/* `record` is for recordio_end. */
int recordio_begin(struct buffer *body, size_t *ret_record, struct err *err) MUST_CHECK;

/* Labels stand in the order of the calls; a name is used once a record. A NaN is written as Python
 * writes it, whatever its bits. */
int recordio_label(struct buffer *body, struct bytes name, const float *values, size_t count,
                   struct err *err) MUST_CHECK;

int recordio_end(struct buffer *body, size_t record, struct err *err) MUST_CHECK;

/* A record a row; its columns are the label "score". */
int encode_recordio(const struct predictions *predictions, struct buffer *body,
                    struct err *err) MUST_CHECK;

/*
 * How many bytes at the front of data are complete records: what may be given to decoder_open or
 * decoder_continue where more input follows. 0 where the first record is not complete. Of data that
 * begins with no record all is given back, so that the decoder says what is wrong.
 */
size_t recordio_whole(struct bytes data) MUST_CHECK;
