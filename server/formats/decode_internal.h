#pragma once
/*
 * What the decoders of server/formats share, and how decode.c reaches each of them. For those files
 * alone; decode.h is the interface.
 */

#include "server/formats/decode.h"

/* One format: what decoder_open, decoder_continue and decoder_next do for it. The decoder's memory
 * of the last body is reset. But where keeps_space, the body is stripped, and the piece lacks its
 * final line end. `next` is called with max_rows > 0 and fills in nothing where no row is left. */
struct decode_format {
    int (*open)(struct decoder *decoder, struct decode_fault *fault);
    int (*resume)(struct decoder *decoder, struct decode_fault *fault);
    int (*next)(struct decoder *decoder, size_t max_rows, struct matrix *ret,
                struct decode_fault *fault);
    bool keeps_space; /* bytes are no text, offsets are told, or white space is not as elsewhere */
};

extern const struct decode_format decode_csv;
extern const struct decode_format decode_libsvm;
extern const struct decode_format decode_json;
extern const struct decode_format decode_jsonlines;

/* `next` of a body that was read whole as CSR: values, column_index, and in row_size a uint32_t for
 * the entries of each row. */
int decode_next_csr(struct decoder *decoder, size_t max_rows, struct matrix *ret,
                    struct decode_fault *fault);
extern const struct decode_format decode_recordio;

/* Each describes the fault and returns -1, so that `return decode_fail(...)` reads well. */
int decode_fail(struct decode_fault *fault, uint64_t row, uint64_t column, const char *exception,
                const char *format, ...) PRINTF_LIKE(5, 6);
int decode_fail_memory(struct decode_fault *fault);
/* "could not convert string to float: 'a'" */
int decode_fail_float(struct decode_fault *fault, uint64_t row, uint64_t column, struct bytes text);
/* "invalid literal for int() with base 10: 'a'" */
int decode_fail_int(struct decode_fault *fault, uint64_t row, uint64_t column, struct bytes text);
/* What XGBoost says of an infinity. */
int decode_fail_infinite(struct decode_fault *fault, uint64_t row, uint64_t column);

/* Up to the first '\n', or all of it. */
static inline struct bytes decode_first_line(struct bytes text)
{
    const uint8_t *end = text.size ? memchr(text.data, '\n', text.size) : NULL;

    return end ? bytes_of(text.data, (size_t)(end - text.data)) : text;
}

/* 0 where the body is UTF-8, else the UnicodeDecodeError. */
int decode_check_text(struct bytes body, uint64_t rows_before, struct decode_fault *fault);
