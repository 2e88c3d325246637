/*
 * First bytes:
 *
 *   gzip   1f 8b 08 FLG        FLG without its three reserved bits, which no writer sets: a legacy
 *                              XGBoost model begins with a float32, whose last byte, here FLG, has
 *                              one of them for every base_score near 0.5
 *   bzip2  "BZh" '1'-'9', then 31 41 59 26 53 59 (a block) or 17 72 45 38 50 90 (the end)
 *   xz     fd 37 7a 58 5a 00
 *   zstd   28 b5 2f fd
 *   lz4    04 22 4d 18         the frame format
 *
 * gzip is read with zlib, which verifies checksum and length of every member; libarchive's gzip
 * filter skips both. The others are libarchive's.
 */
#include "models/artifact_stream.h"

#include <archive.h>
#include <archive_entry.h>
#include <inttypes.h>
#define ZLIB_CONST /* zlib does not write to its input, and says so only on request */
#include <zlib.h>

#include "base/memory.h"

#define BLOCK_SIZE ((size_t)64 * 1024)
#define FEED_SIZE  ((size_t)1 << 30) /* zlib counts input in 32 bits */

enum compression {
    PLAIN,
    GZIP,
    BZIP2,
    XZ,
    ZSTD,
    LZ4,
};

static const char *const compression_names[] = {NULL, "gzip", "bzip2", "xz", "zstd", "lz4"};

struct artifact_stream {
    enum compression compression;
    struct bytes input;
    unsigned ratio;
    uint64_t output; /* bytes given so far */
    bool ended;
    uint8_t *block; /* gzip */
    z_stream zlib;
    bool zlib_open;
    size_t offset; /* of the gzip data given to zlib */
    struct err failure;
    struct archive *archive; /* the other compressions */
};

static bool begins(struct bytes data, size_t at, const void *magic, size_t n)
{
    return data.size >= at + n && memcmp(data.data + at, magic, n) == 0;
}

static bool begins_gzip(struct bytes data)
{
    return begins(data, 0, "\x1f\x8b\x08", 3) && data.size > 3 && (data.data[3] & 0xe0) == 0;
}

static enum compression compression_of(struct bytes data)
{
    if (begins_gzip(data))
        return GZIP;
    if (begins(data, 0, "BZh", 3) && data.size > 3 && data.data[3] >= '1' && data.data[3] <= '9' &&
        (begins(data, 4, "\x31\x41\x59\x26\x53\x59", 6) ||
         begins(data, 4, "\x17\x72\x45\x38\x50\x90", 6)))
        return BZIP2;
    if (begins(data, 0,
               "\xfd"
               "7zXZ",
               6))
        return XZ;
    if (begins(data, 0, "\x28\xb5\x2f\xfd", 4))
        return ZSTD;
    if (begins(data, 0, "\x04\x22\x4d\x18", 4))
        return LZ4;
    return PLAIN;
}

const char *artifact_stream_compression(struct bytes data)
{
    return compression_names[compression_of(data)];
}

static int open_zlib(struct artifact_stream *stream, struct err *err)
{
    stream->block = mem_alloc(BLOCK_SIZE, 1);
    if (!stream->block)
        return err_memory(err, BLOCK_SIZE, "a block of an archive");
    if (inflateInit2(&stream->zlib, 15 + 16) != Z_OK) /* any window, gzip header */
        return err_memory(err, sizeof(stream->zlib), "zlib");
    stream->zlib_open = true;
    return 0;
}

/* The text of the last error of a libarchive handle. */
static const char *archive_text(struct archive *archive)
{
    const char *text = archive_error_string(archive);

    return text ? text : "no reason given";
}

static int archive_fail(struct artifact_stream *stream, struct err *err)
{
    const char *name = compression_names[stream->compression];
    const char *text = archive_text(stream->archive);
    int64_t offset = archive_filter_bytes(stream->archive, -1);
    char quoted[160];

    if (strcasestr(text, "truncated"))
        return err_set(err, ERR_INPUT, "the %s data is cut short (at byte %zu)", name,
                       stream->input.size);
    return err_set(err, ERR_INPUT, "the %s data is damaged near byte %" PRId64 ": %s", name, offset,
                   err_quote(quoted, sizeof(quoted), text, strlen(text)));
}

/* One filter, and the format that stands for any bytes. */
static int open_archive(struct artifact_stream *stream, struct err *err)
{
    struct archive *archive = archive_read_new();
    struct archive_entry *entry;
    int status = ARCHIVE_FATAL;

    if (!archive)
        return err_memory(err, BLOCK_SIZE, "libarchive");
    stream->archive = archive;
    if (stream->compression == BZIP2)
        status = archive_read_support_filter_bzip2(archive);
    else if (stream->compression == XZ)
        status = archive_read_support_filter_xz(archive);
    else if (stream->compression == ZSTD)
        status = archive_read_support_filter_zstd(archive);
    else if (stream->compression == LZ4)
        status = archive_read_support_filter_lz4(archive);
    /* A warning here says that libarchive would start an external program: it was built without. */
    if (status != ARCHIVE_OK)
        return err_set(err, ERR_UNSUPPORTED, "this libarchive reads no %s data",
                       compression_names[stream->compression]);
    if (archive_read_support_format_empty(archive) != ARCHIVE_OK ||
        archive_read_support_format_raw(archive) != ARCHIVE_OK ||
        archive_read_open_memory(archive, stream->input.data, stream->input.size) != ARCHIVE_OK)
        return archive_fail(stream, err);
    status = archive_read_next_header(archive, &entry);
    if (status == ARCHIVE_EOF)
        stream->ended = true;
    else if (status != ARCHIVE_OK)
        return archive_fail(stream, err);
    return 0;
}

int artifact_stream_new(struct bytes data, unsigned ratio, struct artifact_stream **ret,
                        struct err *err)
{
    struct artifact_stream *stream = mem_zero(1, sizeof(*stream));
    int status = 0;

    if (!stream)
        return err_memory(err, sizeof(*stream), "an archive");
    stream->compression = compression_of(data);
    stream->input = data;
    stream->ratio = ratio;
    if (stream->compression == GZIP)
        status = open_zlib(stream, err);
    else if (stream->compression != PLAIN)
        status = open_archive(stream, err);
    if (status) {
        artifact_stream_free(stream);
        return -1;
    }
    *ret = stream;
    return 0;
}

static void read_plain(struct artifact_stream *stream, struct bytes *ret)
{
    *ret = stream->input;
    stream->ended = true;
}

/* After the end of a gzip member: another one follows, or what follows is not ours (padding). */
static int next_member(struct artifact_stream *stream, struct err *err)
{
    size_t at = stream->offset - stream->zlib.avail_in;

    if (!begins_gzip(bytes_of(stream->input.data + at, stream->input.size - at))) {
        stream->ended = true;
        return 0;
    }
    if (inflateReset(&stream->zlib) != Z_OK)
        return err_set(err, ERR_SYSTEM, "zlib refuses to start again");
    return 0;
}

/* Inflates what it can into the block. */
static int inflate_some(struct artifact_stream *stream, struct err *err)
{
    z_stream *zlib = &stream->zlib;
    int status;

    if (zlib->avail_in == 0) {
        size_t left = stream->input.size - stream->offset;

        if (left == 0)
            return err_set(err, ERR_INPUT, "the gzip data is cut short (at byte %zu)",
                           stream->input.size);
        zlib->next_in = stream->input.data + stream->offset;
        zlib->avail_in = (uInt)(left < FEED_SIZE ? left : FEED_SIZE);
        stream->offset += zlib->avail_in;
    }
    status = inflate(zlib, Z_NO_FLUSH);
    if (status == Z_STREAM_END)
        return next_member(stream, err);
    if (status == Z_MEM_ERROR)
        return err_memory(err, BLOCK_SIZE, "zlib");
    if (status == Z_OK || (status == Z_BUF_ERROR && zlib->avail_in == 0))
        return 0;
    return err_set(err, ERR_INPUT, "the gzip data is damaged near byte %zu: %s",
                   stream->offset - zlib->avail_in, zlib->msg ? zlib->msg : "no progress");
}

/* A failure is kept until the bytes before it are given. */
static int read_gzip(struct artifact_stream *stream, struct bytes *ret, struct err *err)
{
    z_stream *zlib = &stream->zlib;

    zlib->next_out = stream->block;
    zlib->avail_out = BLOCK_SIZE;
    while (zlib->avail_out && !stream->ended && stream->failure.kind == ERR_NONE) {
        if (inflate_some(stream, &stream->failure))
            break;
    }
    if (stream->failure.kind != ERR_NONE && zlib->avail_out == BLOCK_SIZE)
        return err_set(err, stream->failure.kind, "%s", stream->failure.text);
    *ret = bytes_of(stream->block, BLOCK_SIZE - zlib->avail_out);
    return 0;
}

static int read_archive(struct artifact_stream *stream, struct bytes *ret, struct err *err)
{
    const void *block = NULL;
    size_t size = 0;
    int64_t offset;
    int status;

    do {
        status = archive_read_data_block(stream->archive, &block, &size, &offset);
    } while (status == ARCHIVE_OK && size == 0);
    if (status == ARCHIVE_EOF) {
        stream->ended = true;
        *ret = bytes_of("", 0);
        return 0;
    }
    if (status != ARCHIVE_OK)
        return archive_fail(stream, err);
    *ret = bytes_of(block, size);
    return 0;
}

int artifact_stream_read(struct artifact_stream *stream, struct bytes *ret, struct err *err)
{
    struct bytes block = bytes_of("", 0);

    if (!stream->ended) {
        if (stream->compression == PLAIN)
            read_plain(stream, &block);
        else if (stream->compression == GZIP && read_gzip(stream, &block, err))
            return -1;
        else if (stream->archive && read_archive(stream, &block, err))
            return -1;
    }
    stream->output += block.size;
    if (artifact_stream_check_ratio(stream->input.size, stream->output, stream->ratio, err))
        return -1;
    *ret = block;
    return 0;
}

void artifact_stream_free(struct artifact_stream *stream)
{
    if (!stream)
        return;
    if (stream->zlib_open)
        inflateEnd(&stream->zlib);
    if (stream->archive)
        archive_read_free(stream->archive);
    free(stream->block);
    free(stream);
}

int artifact_stream_check_ratio(size_t input, uint64_t output, unsigned ratio, struct err *err)
{
    uint64_t most;

    if (__builtin_mul_overflow((uint64_t)input, (uint64_t)ratio, &most) || output <= most ||
        output <= ARTIFACT_STREAM_FREE)
        return 0;
    return err_set(err, ERR_LIMIT,
                   "more than %u bytes of content for each of its %zu bytes, the limit", ratio,
                   input);
}
