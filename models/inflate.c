/*
 * First bytes (xgboost-models section 1):
 *
 *   78 01|5e|9c|da    zlib           1f 8b 08          gzip
 *   42 5a 68          bzip2          fd 37 7a 58 5a 00 xz
 *   5d 00 00          lzma (alone)   04 22 4d 18       lz4 frame
 *   'Z' 'F'           joblib before 0.10: 19 characters, the plain length as Python's hex() padded
 *                     with spaces (20 where Python 2 wrote it), then a zlib stream
 *
 * An xz or lzma stream names the size of its dictionary. liblzma reserves that much address space,
 * up to 4 GB, though it touches no more of it than it unpacks; lzma, which says it at the start, is
 * held to LZMA_DICTIONARY_MAX.
 *
 * zlib and gzip go through zlib. The others go through libarchive's filters, its "raw" format
 * around one stream: the only use of libarchive outside of models/artifact.c.
 */
#include "models/inflate.h"

#include <archive.h>
#include <stdio.h>
#include <zlib.h>

#define CHUNK               ((size_t)64 * 1024)
#define RATIO_FREE          ((size_t)1024 * 1024) /* output of any ratio */
#define LZMA_DICTIONARY_MAX (256u * 1024 * 1024)  /* 64 MB is what the tools use at most */
#define ZFILE_WIDTH         19
#define ZLIB_WINDOW         15
#define GZIP_WINDOW         (15 + 16)
#define PROBE_BYTES         64

/* Two bytes say too little: a float of a legacy model begins with them as well. A few more go
 * through zlib for a trial. */
static bool is_zlib(struct bytes data)
{
    unsigned char plain[PROBE_BYTES * 16];
    z_stream z = {0};
    int rc;

    if (data.size < 2 || data.data[0] != 0x78 || !memchr("\x01\x5e\x9c\xda", data.data[1], 4))
        return false;
    if (inflateInit2(&z, ZLIB_WINDOW) != Z_OK)
        return true;
    z.next_in = (z_const Bytef *)(uintptr_t)data.data;
    z.avail_in = (uInt)(data.size < PROBE_BYTES ? data.size : PROBE_BYTES);
    z.next_out = plain;
    z.avail_out = sizeof(plain);
    rc = inflate(&z, Z_NO_FLUSH);
    inflateEnd(&z);
    return rc == Z_OK || rc == Z_STREAM_END || rc == Z_BUF_ERROR;
}

/* Properties, dictionary size (2^n or 2^n + 2^(n-1)), length of the plain bytes or -1: 13 bytes. */
static bool is_lzma(struct bytes data)
{
    uint32_t dictionary, rest;
    uint64_t length = 0;

    if (data.size < 13 || data.data[0] != 0x5d)
        return false;
    dictionary = load_le32(data.data + 1);
    length = load_le64(data.data + 5);
    if (dictionary < 4096 || (length != UINT64_MAX && length >> 40))
        return false;
    rest = dictionary & (dictionary - 1);
    return rest == 0 || (rest & (rest - 1)) == 0 || dictionary == UINT32_MAX;
}

const char *inflate_probe(struct bytes data)
{
    if (bytes_starts(data, "\x1f\x8b\x08"))
        return "gzip";
    if (bytes_starts(data, "BZh"))
        return "bzip2";
    if (bytes_starts(data, "\xfd"
                           "7zXZ"))
        return "xz";
    if (bytes_starts(data, "\x04\x22\x4d\x18"))
        return "lz4";
    if (bytes_starts(data, "ZF0x"))
        return "zfile";
    if (is_zlib(data))
        return "zlib";
    if (is_lzma(data))
        return "lzma";
    return NULL;
}

/* A stream being unpacked: its output never passes `limit`. */
struct sink {
    struct buffer *buffer;
    size_t start; /* size of the buffer before */
    size_t limit; /* bytes after start */
    bool by_ratio;
};

static struct sink sink_of(struct bytes data, struct buffer *buffer)
{
    struct sink sink = {.buffer = buffer, .start = buffer->size};
    size_t by_ratio;

    sink.limit = buffer->max - buffer->size;
    if (__builtin_mul_overflow(data.size, (size_t)INFLATE_RATIO_MAX, &by_ratio))
        by_ratio = SIZE_MAX;
    if (by_ratio < RATIO_FREE)
        by_ratio = RATIO_FREE;
    if (by_ratio < sink.limit) {
        sink.limit = by_ratio;
        sink.by_ratio = true;
    }
    return sink;
}

static int over_limit(const struct sink *sink, struct err *err)
{
    if (sink->by_ratio)
        return err_set(err, ERR_LIMIT, "unpacks to more than %d times its size", INFLATE_RATIO_MAX);
    return err_set(err, ERR_LIMIT, "unpacks to more than the %zu bytes allowed", sink->limit);
}

/* Room for up to a chunk of output: sets *ret_room, 0 where the limit is reached. */
static int sink_room(const struct sink *sink, size_t *ret_room, struct err *err)
{
    size_t left = sink->limit - (sink->buffer->size - sink->start);
    size_t room = left < CHUNK ? left : CHUNK;

    if (buffer_reserve(sink->buffer, room))
        return err_memory(err, sink->buffer->size + room, "an unpacked stream");
    *ret_room = room;
    return 0;
}

/* At the limit a stream may still end: one more byte of output is what is too much. */
static int zlib_step(z_stream *z, struct sink *sink, int *ret_code, struct err *err)
{
    unsigned char beyond;
    size_t room = 0;

    if (sink_room(sink, &room, err))
        return -1;
    z->next_out = room ? (Bytef *)sink->buffer->data + sink->buffer->size : &beyond;
    z->avail_out = room ? (uInt)room : 1;
    *ret_code = inflate(z, Z_NO_FLUSH);
    if (room)
        sink->buffer->size += room - z->avail_out;
    else if (z->avail_out == 0)
        return over_limit(sink, err);
    return 0;
}

static int zlib_failed(const z_stream *z, int code, size_t offset, struct err *err)
{
    if (code == Z_MEM_ERROR)
        return err_memory(err, CHUNK, "zlib");
    if (code == Z_BUF_ERROR)
        return err_set(err, ERR_INPUT, "offset %zu: the compressed stream is cut", offset);
    return err_set(err, ERR_INPUT, "offset %zu: the compressed stream is broken (%s)", offset,
                   z->msg                ? z->msg
                   : code == Z_NEED_DICT ? "it needs a dictionary"
                                         : "zlib");
}

/* The stream, and for gzip all its members. `base` is data's offset in the file. */
static int zlib_run(z_stream *z, struct bytes data, size_t base, bool members, struct sink *sink,
                    struct err *err)
{
    size_t at = 0; /* bytes that zlib was given */

    for (;;) {
        int code;

        if (z->avail_in == 0) {
            size_t n = data.size - at < (1u << 30) ? data.size - at : 1u << 30;

            z->next_in = (z_const Bytef *)(uintptr_t)(data.data + at);
            z->avail_in = (uInt)n;
            at += n;
        }
        if (zlib_step(z, sink, &code, err))
            return -1;
        if (code == Z_STREAM_END) {
            size_t end = at - z->avail_in;

            if (end == data.size)
                return 0;
            if (!members || !bytes_starts(bytes_of(data.data + end, data.size - end), "\x1f\x8b"))
                return err_set(err, ERR_INPUT, "offset %zu: %zu bytes follow the compressed stream",
                               base + end, data.size - end);
            code = inflateReset(z);
        }
        if (code != Z_OK)
            return zlib_failed(z, code, base + at - z->avail_in, err);
    }
}

static int inflate_zlib(struct bytes data, size_t base, int window, struct sink *sink,
                        struct err *err)
{
    z_stream z = {0};
    int rc;

    if (inflateInit2(&z, window) != Z_OK)
        return err_memory(err, CHUNK, "zlib");
    rc = zlib_run(&z, data, base, window == GZIP_WINDOW, sink, err);
    inflateEnd(&z);
    return rc;
}

/* hex(length) padded with spaces, as announced in the header. */
static int zfile_length(struct bytes header, uint64_t *ret, struct err *err)
{
    uint64_t length = 0;
    size_t digits = 0;

    header = bytes_trim(header);
    for (size_t i = 2; i < header.size; i++) {
        uint8_t c = header.data[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;

        if (c == 'L' && i + 1 == header.size)
            break;
        if (digit < 0 || length >> 60)
            return err_set(err, ERR_INPUT, "offset %zu: the length in the ZF header is malformed",
                           i + 2);
        length = length << 4 | (unsigned)digit;
        digits++;
    }
    if (digits == 0)
        return err_set(err, ERR_INPUT, "offset 4: the length in the ZF header is missing");
    *ret = length;
    return 0;
}

static int inflate_zfile(struct bytes data, struct sink *sink, struct err *err)
{
    size_t at = 2 + ZFILE_WIDTH;
    uint64_t length = 0;

    if (data.size <= at)
        return err_set(err, ERR_INPUT, "offset %zu: the ZF header is cut", data.size);
    if (zfile_length(bytes_of(data.data + 2, ZFILE_WIDTH), &length, err))
        return -1;
    if (data.data[at] == ' ')
        at++;
    if (inflate_zlib(bytes_of(data.data + at, data.size - at), at, ZLIB_WINDOW, sink, err))
        return -1;
    if (sink->buffer->size - sink->start != length)
        return err_set(err, ERR_INPUT, "unpacks to %zu bytes, its ZF header says %llu",
                       sink->buffer->size - sink->start, (unsigned long long)length);
    return 0;
}

static int archive_failed(struct archive *a, const char *what, struct err *err)
{
    const char *text = archive_error_string(a);
    char quoted[128];

    return err_set(err, ERR_INPUT, "offset %lld: the compressed stream is %s (%s)",
                   (long long)archive_filter_bytes(a, -1), what,
                   text ? err_quote(quoted, sizeof(quoted), text, strlen(text))
                        : "no reason given");
}

static int archive_run(struct archive *a, struct bytes data, struct sink *sink, struct err *err)
{
    struct archive_entry *entry;
    int64_t used;

    /* libarchive takes a stream that unpacks to nothing for an unknown format */
    if (archive_read_open_memory(a, data.data, data.size) != ARCHIVE_OK ||
        archive_read_next_header(a, &entry) != ARCHIVE_OK)
        return archive_failed(a, "broken, cut or empty", err);
    for (;;) {
        char beyond;
        size_t room = 0;
        la_ssize_t n;

        if (sink_room(sink, &room, err))
            return -1;
        n = archive_read_data(a, room ? sink->buffer->data + sink->buffer->size : &beyond,
                              room ? room : 1);
        if (n < 0)
            return archive_failed(a, "broken or cut", err);
        if (n == 0)
            break;
        if (room == 0)
            return over_limit(sink, err);
        sink->buffer->size += (size_t)n;
    }
    used = archive_filter_bytes(a, -1);
    if (used < 0 || (uint64_t)used != data.size)
        return err_set(err, ERR_INPUT,
                       "offset %lld: the compressed stream is followed by other bytes",
                       (long long)used);
    return 0;
}

/*
 * An lz4 frame: magic; FLG, BD; [u64 content size]; [u32 dictionary]; u8 checksum; blocks, each u32
 * size (bit 31: stored) and as many bytes [and u32 checksum]; u32 0; [u32 checksum]. FLG: bit 4
 * block checksums, 3 content size, 2 content checksum, 0 dictionary. libarchive takes four bytes
 * that follow a frame for the magic of another one and drops them: so the end is found here.
 */
static bool lz4_ends_whole(struct bytes data)
{
    struct cursor c = cursor_of(data);

    while (cursor_left(&c)) {
        uint32_t word = 0;
        uint8_t flags = 0;

        if (!cursor_le32(&c, &word) || word != 0x184d2204 || !cursor_u8(&c, &flags) ||
            !cursor_skip(&c, 2u + (flags & 8 ? 8 : 0) + (flags & 1 ? 4 : 0)))
            return false;
        do {
            if (!cursor_le32(&c, &word) ||
                (word && !cursor_skip(&c, (size_t)(word & 0x7fffffff) + (flags & 16 ? 4 : 0))))
                return false;
        } while (word);
        if (flags & 4 && !cursor_skip(&c, 4))
            return false;
    }
    return true;
}

/* Only the filter that is asked for, once: libarchive left to itself would unpack what is inside,
 * too. Where it was built without a library it would start a program instead; that is its
 * ARCHIVE_WARN. */
static int inflate_archive(struct bytes data, int filter, struct sink *sink, struct err *err)
{
    struct archive *a = archive_read_new();
    int rc;

    if (!a)
        return err_memory(err, CHUNK, "libarchive");
    if (archive_read_support_format_raw(a) != ARCHIVE_OK ||
        archive_read_append_filter(a, filter) != ARCHIVE_OK)
        rc = err_set(err, ERR_SYSTEM, "libarchive cannot read this compression here");
    else
        rc = archive_run(a, data, sink, err);
    archive_read_free(a);
    return rc;
}

static int inflate_lzma(struct bytes data, struct sink *sink, struct err *err)
{
    uint32_t dictionary = load_le32(data.data + 1);

    if (dictionary > LZMA_DICTIONARY_MAX)
        return err_set(err, ERR_LIMIT, "a dictionary of %u bytes, more than %u", dictionary,
                       LZMA_DICTIONARY_MAX);
    return inflate_archive(data, ARCHIVE_FILTER_LZMA, sink, err);
}

int inflate_all(struct bytes data, struct buffer *ret, struct err *err)
{
    struct sink sink = sink_of(data, ret);
    const char *kind = inflate_probe(data);
    int rc;

    if (!kind)
        return err_set(err, ERR_INPUT, "offset 0: not a compressed stream of a known kind");
    if (!strcmp(kind, "zlib"))
        rc = inflate_zlib(data, 0, ZLIB_WINDOW, &sink, err);
    else if (!strcmp(kind, "gzip"))
        rc = inflate_zlib(data, 0, GZIP_WINDOW, &sink, err);
    else if (!strcmp(kind, "zfile"))
        rc = inflate_zfile(data, &sink, err);
    else if (!strcmp(kind, "bzip2"))
        rc = inflate_archive(data, ARCHIVE_FILTER_BZIP2, &sink, err);
    else if (!strcmp(kind, "xz"))
        rc = inflate_archive(data, ARCHIVE_FILTER_XZ, &sink, err);
    else if (!strcmp(kind, "lzma"))
        rc = inflate_lzma(data, &sink, err);
    else if (lz4_ends_whole(data))
        rc = inflate_archive(data, ARCHIVE_FILTER_LZ4, &sink, err);
    else
        rc = err_set(err, ERR_INPUT,
                     "the compressed stream is broken, cut or followed by other bytes");
    if (rc) {
        ret->size = sink.start;
        return err_wrap(err, "%s", kind);
    }
    return 0;
}
