/*
 * The part of decoding that is the same for all formats: which bytes are the body, and the faults,
 * in the words of Python and XGBoost.
 */
#include "server/formats/decode.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/unicode.h"
#include "server/formats/decode_internal.h"

/* Memory that one large body needed is not kept for the small ones that follow it. */
#define KEEP_CAPACITY ((size_t)4 * 1024 * 1024)

/* CPython cuts the literal of a bad int, but not that of a bad float. */
#define INT_LITERAL_MAX 200

static const struct decode_format *const formats[] = {
    [FORMAT_CSV] = &decode_csv,           [FORMAT_LIBSVM] = &decode_libsvm,
    [FORMAT_RECORDIO] = &decode_recordio, [FORMAT_PARQUET] = NULL, /* never */
    [FORMAT_JSON] = &decode_json,         [FORMAT_JSONLINES] = &decode_jsonlines,
};

void decode_fault_init(struct decode_fault *fault)
{
    *fault = (struct decode_fault){.exception = NULL};
    buffer_init(&fault->message, SIZE_MAX);
}

void decode_fault_fini(struct decode_fault *fault)
{
    if (fault)
        buffer_fini(&fault->message);
}

void decode_fault_clear(struct decode_fault *fault)
{
    fault->out_of_memory = false;
    fault->rank = DECODE_RANK_NONE;
    fault->exception = NULL;
    fault->row = 0;
    fault->column = 0;
    buffer_clear(&fault->message);
}

int decode_fail_memory(struct decode_fault *fault)
{
    decode_fault_clear(fault);
    fault->out_of_memory = true;
    return -1;
}

static void fault_begin(struct decode_fault *fault, uint64_t row, uint64_t column,
                        const char *exception)
{
    decode_fault_clear(fault);
    fault->exception = exception;
    fault->row = row;
    fault->column = column;
}

int decode_fail(struct decode_fault *fault, uint64_t row, uint64_t column, const char *exception,
                const char *format, ...)
{
    char text[512];
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (n < 0)
        n = 0;
    if ((size_t)n >= sizeof(text))
        n = sizeof(text) - 1;
    fault_begin(fault, row, column, exception);
    if (buffer_append(&fault->message, text, (size_t)n))
        return decode_fail_memory(fault);
    return -1;
}

int decode_ranked(struct decode_fault *fault, enum decode_rank rank)
{
    if (!fault->out_of_memory)
        fault->rank = rank;
    return -1;
}

/* One character between the quotes of Python's repr(): itself, or an escape in ASCII, which is
 * always longer than the character. Returns the bytes written to out. */
static size_t literal_character(char out[16], const char *text, size_t size, uint32_t code,
                                char quote)
{
    char letter = code == '\t'                             ? 't'
                  : code == '\n'                           ? 'n'
                  : code == '\r'                           ? 'r'
                  : code == '\\' || code == (uint8_t)quote ? (char)code
                                                           : '\0';

    if (letter) {
        out[0] = '\\';
        out[1] = letter;
        return 2;
    }
    if (unicode_is_printable(code)) {
        memcpy(out, text, size);
        return size;
    }
    if (code < 0x100)
        return (size_t)snprintf(out, 16, "\\x%02" PRIx32, code);
    if (code < 0x10000)
        return (size_t)snprintf(out, 16, "\\u%04" PRIx32, code);
    return (size_t)snprintf(out, 16, "\\U%08" PRIx32, code);
}

/* Appends text (valid UTF-8) as Python's repr() of a str, cut after max_characters, a quote
 * counted. */
static int append_literal(struct buffer *buffer, struct bytes text, size_t max_characters)
{
    const char *p = (const char *)text.data;
    size_t left = text.size;
    size_t room = max_characters - 1;
    bool double_quoted = left && memchr(p, '\'', left) && !memchr(p, '"', left);
    char quote = double_quoted ? '"' : '\'';

    if (buffer_append(buffer, &quote, 1))
        return -1;
    while (left && room) {
        char out[16];
        uint32_t code;
        size_t size = unicode_decode(p, left, &code);
        size_t n = literal_character(out, p, size, code, quote);
        size_t characters = n == size ? 1 : n;

        if (characters > room)
            n = characters = room;
        if (buffer_append(buffer, out, n))
            return -1;
        room -= characters;
        p += size;
        left -= size;
    }
    return room ? buffer_append(buffer, &quote, 1) : 0;
}

static int fail_literal(struct decode_fault *fault, uint64_t row, uint64_t column,
                        const char *prefix, struct bytes text, size_t max_characters)
{
    fault_begin(fault, row, column, "ValueError");
    if (buffer_append(&fault->message, prefix, strlen(prefix)) ||
        append_literal(&fault->message, text, max_characters))
        return decode_fail_memory(fault);
    return decode_ranked(fault, DECODE_RANK_CELL);
}

int decode_fail_float(struct decode_fault *fault, uint64_t row, uint64_t column, struct bytes text)
{
    return fail_literal(fault, row, column, "could not convert string to float: ", text, SIZE_MAX);
}

int decode_fail_int(struct decode_fault *fault, uint64_t row, uint64_t column, struct bytes text)
{
    return fail_literal(fault, row, column, "invalid literal for int() with base 10: ", text,
                        INT_LITERAL_MAX);
}

int decode_fail_infinite(struct decode_fault *fault, uint64_t row, uint64_t column)
{
    /* Time, path and line are whatever the build of XGBoost had; nobody reads them. */
    decode_fail(fault, row, column, "xgboost.core.XGBoostError",
                "[00:00:00] /workspace/src/data/data.cc:1104: Check failed: valid: "
                "Input data contains `inf` or `nan`\nStack trace:\n");
    return decode_ranked(fault, DECODE_RANK_INFINITE);
}

int decode_check_text(struct bytes text, uint64_t offset, uint64_t rows_before,
                      struct decode_fault *fault)
{
    const char *start = (const char *)text.data;
    struct unicode_fault bad;
    size_t at = unicode_check(start, text.size, &bad);
    uint64_t row = rows_before + 1;

    if (at == text.size)
        return 0;
    for (const char *p = start; (p = memchr(p, '\n', (size_t)(start + at - p))); p++)
        row++;
    if (bad.first == bad.last)
        decode_fail(fault, row, 0, "UnicodeDecodeError",
                    "'utf-8' codec can't decode byte 0x%02x in position %" PRIu64 ": %s", bad.byte,
                    offset + bad.first, bad.reason);
    else
        decode_fail(fault, row, 0, "UnicodeDecodeError",
                    "'utf-8' codec can't decode bytes in position %" PRIu64 "-%" PRIu64 ": %s",
                    offset + bad.first, offset + bad.last, bad.reason);
    return decode_ranked(fault, DECODE_RANK_TEXT);
}

int decode_next_csr(struct decoder *decoder, size_t max_rows, struct matrix *ret,
                    struct decode_fault *fault)
{
    uint64_t left = decoder->rows - decoder->rows_done;
    size_t rows = left < max_rows ? (size_t)left : max_rows;
    const uint32_t *size = (const uint32_t *)(const void *)decoder->row_size.data;
    size_t *start;

    ret->kind = MATRIX_CSR;
    buffer_clear(&decoder->row_start);
    if (rows == SIZE_MAX || buffer_reserve(&decoder->row_start, (rows + 1) * sizeof(*start)))
        return decode_fail_memory(fault);
    start = (size_t *)(void *)decoder->row_start.data;
    start[0] = 0;
    for (size_t r = 0; r < rows; r++)
        start[r + 1] = start[r] + size[decoder->next_row + r];
    ret->rows = rows;
    ret->row_start = start;
    ret->values = (const float *)(const void *)decoder->values.data + decoder->next_entry;
    ret->column = (const uint32_t *)(const void *)decoder->column_index.data + decoder->next_entry;
    decoder->next_row += rows;
    decoder->next_entry += start[rows];
    return 0;
}

void decoder_init(struct decoder *decoder)
{
    *decoder = (struct decoder){.format = FORMAT_CSV};
    buffer_init(&decoder->values, SIZE_MAX);
    buffer_init(&decoder->row_start, SIZE_MAX);
    buffer_init(&decoder->column_index, SIZE_MAX);
    buffer_init(&decoder->row_size, SIZE_MAX);
    buffer_init(&decoder->scratch, SIZE_MAX);
}

void decoder_fini(struct decoder *decoder)
{
    if (!decoder)
        return;
    buffer_fini(&decoder->values);
    buffer_fini(&decoder->row_start);
    buffer_fini(&decoder->column_index);
    buffer_fini(&decoder->row_size);
    buffer_fini(&decoder->scratch);
}

static void reset(struct buffer *buffer)
{
    buffer_clear(buffer);
    if (buffer->capacity > KEEP_CAPACITY)
        buffer_fini(buffer);
}

/* The body without white space at both ends; where more follows, only at its beginning. */
static struct bytes strip(struct bytes body, bool more_follows)
{
    struct bytes stripped = bytes_trim(body);

    if (!more_follows || !stripped.size)
        return stripped;
    return decode_without_line_end(
        bytes_of(stripped.data, (size_t)(body.data + body.size - stripped.data)));
}

void decode_begin(struct decoder *decoder, enum format format, const struct decode_rules *rules)
{
    decoder->format = format;
    decoder->rules = *rules;
    decoder->columns = 0;
    decoder->rows = 0;
    decoder->rows_done = 0;
    decoder->continued = false;
    decoder->delimiter = '\0';
    decoder->by_line = false;
    decoder->infinite_row = 0;
    decoder->infinite_column = 0;
    decoder->shifted = false;
    decoder->rows_held = 0;
    decoder->next_row = 0;
    decoder->next_entry = 0;
    decoder->width = 0;
    decoder->sparse = false;
    decoder->records = (struct decode_records){.piece = 0};
    reset(&decoder->values);
    reset(&decoder->row_start);
    reset(&decoder->column_index);
    reset(&decoder->row_size);
    reset(&decoder->scratch);
}

int decoder_open(struct decoder *decoder, enum format format, struct bytes body,
                 const struct decode_rules *rules, struct decode_fault *fault)
{
    decode_begin(decoder, format, rules);
    if ((size_t)format >= ARRAY_LENGTH(formats) || !formats[format])
        return decode_fail(fault, 0, 0, "ValueError", "this format is not supported yet");
    decoder->body = formats[format]->keeps_space ? body : strip(body, rules->more_follows);
    return formats[format]->open(decoder, fault);
}

int decoder_continue(struct decoder *decoder, struct bytes piece, struct decode_fault *fault)
{
    if (!piece.size)
        return 0;
    if (!formats[decoder->format])
        return decode_fail(fault, 0, 0, "ValueError", "this format is not supported yet");
    decoder->body = formats[decoder->format]->keeps_space ? piece : decode_without_line_end(piece);
    decoder->continued = true;
    return formats[decoder->format]->resume(decoder, fault);
}

int decoder_next(struct decoder *decoder, size_t max_rows, struct matrix *ret,
                 struct decode_fault *fault)
{
    struct matrix matrix = {.kind = MATRIX_DENSE};

    matrix.columns = decoder->columns;
    if (max_rows && formats[decoder->format] &&
        formats[decoder->format]->next(decoder, max_rows, &matrix, fault))
        return -1;
    decoder->rows_done += matrix.rows;
    *ret = matrix;
    return 0;
}
