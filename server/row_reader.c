#include "server/row_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/formats/recordio.h"

#define PIECE_SIZE ((size_t)1 << 20)

/* The longest line: a row of ten million features. */
#define LINE_MAX_SIZE ((size_t)1 << 30)

int row_reader_open(struct row_reader *reader, const char *path, enum format format,
                    const struct decode_rules *rules, struct err *err)
{
    struct stat status;
    bool standard = !path || strcmp(path, "-") == 0;

    memset(reader, 0, sizeof(*reader));
    reader->name = standard ? "standard input" : path;
    reader->format = format;
    reader->rules = *rules;
    reader->whole = format == FORMAT_JSON || (format == FORMAT_LIBSVM && rules->libsvm_shift);
    reader->fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (reader->fd < 0)
        return err_system(err, errno, "cannot open '%s'", path);
    if (fstat(reader->fd, &status) == 0 && S_ISREG(status.st_mode))
        reader->size = (uint64_t)status.st_size;
    decoder_init(&reader->decoder);
    decode_fault_init(&reader->fault);
    buffer_init(&reader->pending, LINE_MAX_SIZE);
    return 0;
}

void row_reader_close(struct row_reader *reader)
{
    if (reader->fd > STDIN_FILENO)
        close(reader->fd);
    decoder_fini(&reader->decoder);
    decode_fault_fini(&reader->fault);
    buffer_fini(&reader->pending);
}

/* "FILE: row N, column M: reason" of the decoder's fault. */
static int fail(struct row_reader *reader, struct err *err)
{
    const struct decode_fault *fault = &reader->fault;
    const char *text = fault->message.data;
    size_t size = fault->message.size;
    const char *line_end = size ? memchr(text, '\n', size) : NULL;
    char place[80] = "";
    size_t used = 0;

    if (fault->out_of_memory)
        return err_set(err, ERR_MEMORY, "%s: out of memory", reader->name);
    if (line_end)
        size = (size_t)(line_end - text);
    if (fault->row)
        used = (size_t)snprintf(place, sizeof(place), "row %llu", (unsigned long long)fault->row);
    if (fault->row && fault->column)
        snprintf(place + used, sizeof(place) - used, ", column %llu",
                 (unsigned long long)fault->column);
    return err_set(err, ERR_INPUT, "%s: %s%s%.*s", reader->name, place, place[0] ? ": " : "",
                   (int)(size < 300 ? size : 300), text);
}

/* Moves what the decoder is done with out of the way and reads more. */
static int read_more(struct row_reader *reader, struct err *err)
{
    struct buffer *pending = &reader->pending;
    ssize_t n;

    if (reader->taken) {
        memmove(pending->data, pending->data + reader->taken, pending->size - reader->taken);
        pending->size -= reader->taken;
        reader->taken = 0;
    }
    if (buffer_reserve(pending, PIECE_SIZE))
        return err_set(err, ERR_LIMIT, "%s: a line is longer than %zu bytes, or memory is short",
                       reader->name, LINE_MAX_SIZE - PIECE_SIZE);
    do {
        n = read(reader->fd, pending->data + pending->size, PIECE_SIZE);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return err_system(err, errno, "cannot read %s", reader->name);
    if (n == 0)
        reader->at_end = true;
    pending->size += (size_t)n;
    reader->bytes_read += (uint64_t)n;
    return 0;
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/*
 * Bytes of pending that make whole lines, or whole records. White space at the end stays behind:
 * only what follows tells whether it is a blank row or the end of the input, where it is dropped as
 * the original drops it.
 */
static size_t whole_rows(const struct row_reader *reader)
{
    const char *data = reader->pending.data;
    size_t size = reader->pending.size;
    const char *last;

    if (reader->format == FORMAT_RECORDIO)
        return reader->at_end ? size : recordio_whole(bytes_of(data, size));
    if (reader->at_end) {
        while (size && is_blank(data[size - 1]))
            size--;
        return size;
    }
    last = size ? memrchr(data, '\n', size) : NULL;
    if (!last)
        return 0;
    size = (size_t)(last - data);
    while (size && data[size - 1] == '\n')
        size--;
    return size;
}

/* Skips the line ends between two pieces; a blank line among them is a row of its own. */
static size_t piece_start(const struct row_reader *reader)
{
    if (reader->format == FORMAT_RECORDIO)
        return 0;
    return reader->opened && reader->pending.size && reader->pending.data[0] == '\n' ? 1 : 0;
}

/* Hands the decoder the next piece. False at the end of the input. */
static int next_piece(struct row_reader *reader, bool *ret_any, struct err *err)
{
    struct bytes piece;
    size_t start;
    size_t size;
    int result;

    do {
        if (reader->at_end && reader->taken == reader->pending.size) {
            *ret_any = false;
            return 0;
        }
        if (read_more(reader, err))
            return -1;
        size = whole_rows(reader);
        start = piece_start(reader);
    } while ((size <= start || reader->whole) && !reader->at_end);
    *ret_any = size > start || !reader->opened;
    if (!*ret_any)
        return 0;
    piece = bytes_of(reader->pending.data + start, size - start);
    reader->taken = reader->at_end ? reader->pending.size : size;
    if (reader->opened) {
        result = decoder_continue(&reader->decoder, piece, &reader->fault);
    } else {
        reader->rules.more_follows = !reader->at_end;
        result =
            decoder_open(&reader->decoder, reader->format, piece, &reader->rules, &reader->fault);
        reader->opened = true;
    }
    return result ? fail(reader, err) : 0;
}

int row_reader_next(struct row_reader *reader, size_t max_rows, struct matrix *ret, struct err *err)
{
    for (;;) {
        if (reader->in_piece) {
            if (decoder_next(&reader->decoder, max_rows, ret, &reader->fault))
                return fail(reader, err);
            if (ret->rows)
                return 0;
            reader->in_piece = false;
        }
        if (next_piece(reader, &reader->in_piece, err))
            return -1;
        if (!reader->in_piece) {
            *ret = (struct matrix){.rows = 0};
            return 0;
        }
    }
}
