#include "server/row_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/formats/recordio.h"

#define PIECE_SIZE ((size_t)1 << 20)

/* Rows at a time of the pass that looks for an index 0. */
#define BASE_ROWS 4096

/* All of pending is unread again. */
static void forget(struct row_reader *reader)
{
    buffer_clear(&reader->pending);
    reader->taken = 0;
    reader->cut = (struct line_cut){0};
    reader->look_at = 0;
    reader->bytes_read = 0;
    reader->opened = false;
    reader->in_piece = false;
    reader->at_end = false;
}

/* A first pass over a libsvm file: the indices begin at 0 where one is 0, else at 1. */
static int find_base(struct row_reader *reader, struct err *err)
{
    off_t start = lseek(reader->fd, 0, SEEK_CUR);
    struct matrix block;
    bool zero = false;

    reader->rules.libsvm_shift = false;
    do {
        if (row_reader_next(reader, BASE_ROWS, &block, err))
            return -1;
        for (size_t i = 0; block.rows && i < block.row_start[block.rows]; i++)
            zero |= block.column[i] == 0;
    } while (block.rows && !zero);
    if (start < 0 || lseek(reader->fd, start, SEEK_SET) < 0)
        return err_system(err, errno, "cannot read %s twice", reader->name);
    forget(reader);
    reader->rules.libsvm_shift = !zero;
    return 0;
}

int row_reader_open(struct row_reader *reader, const char *path, enum format format,
                    const struct decode_rules *rules, struct err *err)
{
    struct stat status;
    bool standard = !path || strcmp(path, "-") == 0;
    bool shifts = format == FORMAT_LIBSVM && rules->libsvm_shift;
    bool regular;

    memset(reader, 0, sizeof(*reader));
    reader->name = standard ? "standard input" : path;
    reader->format = format;
    reader->rules = *rules;
    reader->line_max = ROW_READER_LINE_MAX;
    decoder_init(&reader->decoder);
    decode_fault_init(&reader->fault);
    buffer_init(&reader->pending, ROW_READER_LINE_MAX + 2 * PIECE_SIZE);
    reader->fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (reader->fd < 0)
        return err_system(err, errno, "cannot open '%s'", path);
    regular = fstat(reader->fd, &status) == 0 && S_ISREG(status.st_mode);
    if (regular)
        reader->size = (uint64_t)status.st_size;
    reader->whole = format == FORMAT_JSON || (shifts && !regular);
    return shifts && regular ? find_base(reader, err) : 0;
}

void row_reader_close(struct row_reader *reader)
{
    if (reader->fd > STDIN_FILENO)
        close(reader->fd);
    decoder_fini(&reader->decoder);
    decode_fault_fini(&reader->fault);
    buffer_fini(&reader->pending);
}

/* What the original says of its own insides, in words for whoever has the file. */
static const char *plain_reason(const struct decode_fault *fault)
{
    static const struct {
        const char *begin;
        const char *plain;
    } reasons[] = {
        {"[00:00:00] /workspace/src/data/data.cc", "an infinite value, which XGBoost refuses"},
        {"setting an array element with a sequence", "not as many columns as in row 1"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(reasons); i++) {
        size_t n = strlen(reasons[i].begin);

        if (fault->message.size >= n && memcmp(fault->message.data, reasons[i].begin, n) == 0)
            return reasons[i].plain;
    }
    return NULL;
}

/* "FILE: row N, column M: reason" of the decoder's fault. */
static int fail(struct row_reader *reader, struct err *err)
{
    const struct decode_fault *fault = &reader->fault;
    const char *text = fault->message.data;
    size_t size = fault->message.size;
    const char *plain = plain_reason(fault);
    const char *line_end;
    char place[80] = "";
    size_t used = 0;

    if (fault->out_of_memory)
        return err_set(err, ERR_MEMORY, "%s: out of memory", reader->name);
    if (plain) {
        text = plain;
        size = strlen(plain);
    }
    line_end = size ? memchr(text, '\n', size) : NULL;
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

/* Moves what the decoder is done with out of the way. */
static void drop_taken(struct row_reader *reader)
{
    struct buffer *pending = &reader->pending;
    size_t taken = reader->taken;

    if (!taken)
        return;
    memmove(pending->data, pending->data + taken, pending->size - taken);
    pending->size -= taken;
    line_cut_drop(&reader->cut, taken);
    reader->look_at = 0;
    reader->taken = 0;
}

static int too_long(const struct row_reader *reader, struct err *err)
{
    const char *what = "a line, or a run of blank lines, is";

    if (reader->format == FORMAT_RECORDIO)
        what = "a record is";
    else if (reader->format == FORMAT_JSON)
        what = "a JSON document is read whole (JSON Lines is not), and this one is";
    else if (reader->whole)
        what = "libsvm is read whole from a pipe under this profile, since the last row may decide "
               "where indices begin (of a file it is not), and this one is";
    return err_set(err, ERR_LIMIT, "%s: %s longer than %zu bytes", reader->name, what,
                   reader->line_max);
}

static int read_more(struct row_reader *reader, struct err *err)
{
    struct buffer *pending = &reader->pending;
    ssize_t n;

    drop_taken(reader);
    if (pending->size > reader->line_max)
        return too_long(reader, err);
    if (buffer_reserve(pending, PIECE_SIZE))
        return err_memory(err, pending->size + PIECE_SIZE, "a piece of the input");
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

/* Looking again only at twice the size keeps a record of many parts from being read for each. */
static size_t whole_records(struct row_reader *reader)
{
    size_t size = reader->pending.size;
    size_t whole;

    if (reader->at_end)
        return size;
    if (size < reader->look_at && size <= reader->line_max)
        return 0;
    whole = recordio_whole(bytes_of(reader->pending.data, size));
    reader->look_at = 2 * size;
    return whole;
}

/* Bytes of pending that make whole lines, or whole records. */
static size_t whole_rows(struct row_reader *reader)
{
    struct bytes text = bytes_of(reader->pending.data, reader->pending.size);

    if (reader->format == FORMAT_RECORDIO)
        return whole_records(reader);
    if (reader->at_end)
        return line_cut_solid(text, 0);
    if (reader->whole)
        return 0;
    line_cut_scan(&reader->cut, text);
    if (!reader->opened && line_cut_solid(bytes_head(text, reader->cut.whole), 0) == 0) {
        reader->taken = reader->cut.whole; /* blank lines before the first row */
        return 0;
    }
    return reader->cut.whole;
}

/* What the original finds wrong with a body, of an input whose pieces are each good. */
static int check_end(const struct row_reader *reader, struct err *err)
{
    if (reader->format == FORMAT_LIBSVM && reader->opened && reader->decoder.columns == 0)
        return err_set(err, ERR_INPUT, "%s: no row has a feature", reader->name);
    return 0;
}

/* Hands the decoder the next piece. *ret_any is false at the end of the input. */
static int next_piece(struct row_reader *reader, bool *ret_any, struct err *err)
{
    struct bytes piece;
    size_t size = 0;
    int result;

    *ret_any = false;
    while (!size) {
        if (reader->at_end)
            return check_end(reader, err);
        if (read_more(reader, err))
            return -1;
        size = whole_rows(reader);
    }
    *ret_any = true;
    piece = bytes_of(reader->pending.data, size);
    reader->taken = size;
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
