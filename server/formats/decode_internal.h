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
/* The fault just described is of that rank. */
int decode_ranked(struct decode_fault *fault, enum decode_rank rank);
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

/* 0 where the text is UTF-8, else the UnicodeDecodeError. It stands at `offset` of the body, and so
 * many rows are before it. */
int decode_check_text(struct bytes text, uint64_t offset, uint64_t rows_before,
                      struct decode_fault *fault);

/* A decoder without a body: what is left of the one before is forgotten. */
void decode_begin(struct decoder *decoder, enum format format, const struct decode_rules *rules);

/* Without one '\n' at the end. */
static inline struct bytes decode_without_line_end(struct bytes text)
{
    return text.size && text.data[text.size - 1] == '\n' ? bytes_head(text, text.size - 1) : text;
}

/* csv: what csv_stream.c does for a body in parts. The delimiter is -1 where it cannot be told. */
void decode_csv_shape(struct bytes first_line, const struct csv_rules *rules, int *ret_delimiter,
                      uint64_t *ret_columns);
int decode_csv_part(struct decoder *decoder, struct bytes text, uint64_t offset,
                    enum decode_rank known, struct decode_fault *fault);
int decode_csv_fail_ragged(struct decode_fault *fault, uint64_t row, uint64_t rows);
int decode_csv_fail_delimiter(struct decode_fault *fault);
