#pragma once
/*
 * Archives for tests, made by hand, so that they can be as wrong as a test wants: tar headers,
 * gzip, stored zips; and the other compressions by libarchive's writer. All go to a growing buffer;
 * where memory runs out the test program stops.
 */

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/bytes.h"
#include "base/memory.h"

#define TAR_BLOCK 512

static inline void build_append(struct buffer *out, const void *data, size_t size)
{
    if (buffer_append(out, data, size))
        abort();
}

static inline struct bytes build_bytes(const struct buffer *out)
{
    return bytes_of(out->data, out->size);
}

/* A ustar header; `size` as it will stand there, whatever follows. */
static inline void tar_header(struct buffer *out, const char *name, char type, size_t size,
                              const char *link)
{
    char block[TAR_BLOCK] = {0};
    unsigned sum = 0;

    memcpy(block, name, strnlen(name, 100));
    memcpy(block + 100, "0000644", 8);
    memcpy(block + 108, "0000000", 8);
    memcpy(block + 116, "0000000", 8);
    for (size_t i = 135, rest = size; i-- > 124; rest >>= 3) /* eleven octal digits */
        block[i] = (char)('0' + (rest & 7));
    memcpy(block + 136, "00000000000", 12);
    memset(block + 148, ' ', 8);
    block[156] = type;
    memcpy(block + 157, link, strnlen(link, 100));
    memcpy(block + 257, "ustar\00000", 8);
    for (size_t i = 0; i < sizeof(block); i++)
        sum += (unsigned char)block[i];
    snprintf(block + 148, 8, "%06o", sum);
    build_append(out, block, sizeof(block));
}

static inline void tar_content(struct buffer *out, const void *data, size_t size)
{
    static const char zeros[TAR_BLOCK];

    build_append(out, data, size);
    build_append(out, zeros, (TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK);
}

static inline void tar_file(struct buffer *out, const char *name, const char *text)
{
    tar_header(out, name, '0', strlen(text), "");
    tar_content(out, text, strlen(text));
}

/* A record of a PAX extended header: "LENGTH KEY=VALUE\n", the length with its own digits. */
static inline void pax_record(struct buffer *out, const char *key, const char *value)
{
    size_t length = strlen(key) + strlen(value) + 3; /* blank, '=', newline */

    length += length + 1 < 10 ? 1 : length + 2 < 100 ? 2 : 3;
    if (buffer_print(out, "%zu %s=%s\n", length, key, value))
        abort();
}

/* An extended header for the member that follows; key2 may be NULL. */
static inline void tar_pax2(struct buffer *out, const char *key, const char *value,
                            const char *key2, const char *value2)
{
    struct buffer records = {.max = 4096};

    pax_record(&records, key, value);
    if (key2)
        pax_record(&records, key2, value2);
    tar_header(out, "PaxHeaders/x", 'x', records.size, "");
    tar_content(out, records.data, records.size);
    buffer_fini(&records);
}

static inline void tar_pax(struct buffer *out, const char *key, const char *value)
{
    tar_pax2(out, key, value, NULL, NULL);
}

static inline void tar_end(struct buffer *out)
{
    static const char zeros[2 * TAR_BLOCK];

    build_append(out, zeros, sizeof(zeros));
}

/* Appends one gzip member. */
static inline void gzip_append(struct buffer *out, struct bytes data)
{
    z_stream zlib = {.zalloc = NULL};
    size_t room;

    if (deflateInit2(&zlib, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        abort();
    room = deflateBound(&zlib, data.size);
    if (buffer_reserve(out, room))
        abort();
    zlib.next_in = (Bytef *)(uintptr_t)data.data;
    zlib.avail_in = (uInt)data.size;
    zlib.next_out = (Bytef *)out->data + out->size;
    zlib.avail_out = (uInt)room;
    if (deflate(&zlib, Z_FINISH) != Z_STREAM_END)
        abort();
    out->size += room - zlib.avail_out;
    deflateEnd(&zlib);
}

/* What one of libarchive's filters makes of data; false where this libarchive lacks it. */
static inline bool compress_append(struct buffer *out, struct bytes data,
                                   int (*add_filter)(struct archive *), const char *options)
{
    struct archive *archive = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    size_t room = data.size + 65536;
    size_t used = 0;
    bool done;

    if (buffer_reserve(out, room))
        abort();
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_pathname(entry, "data");
    done = add_filter(archive) == ARCHIVE_OK &&
           archive_write_set_format_raw(archive) == ARCHIVE_OK &&
           (!options || archive_write_set_options(archive, options) == ARCHIVE_OK) &&
           archive_write_set_bytes_per_block(archive, 0) == ARCHIVE_OK &&
           archive_write_open_memory(archive, out->data + out->size, room, &used) == ARCHIVE_OK &&
           archive_write_header(archive, entry) == ARCHIVE_OK &&
           archive_write_data(archive, data.data, data.size) == (la_ssize_t)data.size &&
           archive_write_close(archive) == ARCHIVE_OK;
    archive_entry_free(entry);
    archive_write_free(archive);
    if (done)
        out->size += used;
    return done;
}

static inline void put_le(struct buffer *out, size_t bytes, unsigned long value)
{
    for (; bytes; bytes--, value >>= 8)
        build_append(out, &(unsigned char){(unsigned char)value}, 1);
}

/* A zip of stored members, in the layout that Python's zipfile writes. */
struct zip_member {
    const char *name;
    const char *text;
    unsigned flags; /* 1: encrypted, 0x800: the name is UTF-8 */
    unsigned mode;  /* 0: a regular file */
};

static inline void zip_fields(struct buffer *out, const struct zip_member *member)
{
    size_t size = strlen(member->text);

    put_le(out, 2, 20);
    put_le(out, 2, member->flags);
    put_le(out, 2, 0); /* stored */
    put_le(out, 4, 0x00210000);
    put_le(out, 4, crc32(0, (const Bytef *)member->text, (uInt)size));
    put_le(out, 4, size);
    put_le(out, 4, size);
    put_le(out, 2, strlen(member->name));
    put_le(out, 2, 0);
}

static inline void zip_append(struct buffer *out, const struct zip_member *members, size_t count)
{
    size_t start = out->size;
    size_t directory;
    size_t end;
    size_t offsets[16];

    for (size_t i = 0; i < count && i < 16; i++) {
        offsets[i] = out->size - start;
        build_append(out, "PK\x03\x04", 4);
        zip_fields(out, &members[i]);
        build_append(out, members[i].name, strlen(members[i].name));
        build_append(out, members[i].text, strlen(members[i].text));
    }
    directory = out->size - start;
    for (size_t i = 0; i < count && i < 16; i++) {
        build_append(out, "PK\x01\x02", 4);
        put_le(out, 2, 3 << 8 | 20); /* made on Unix */
        zip_fields(out, &members[i]);
        put_le(out, 6, 0); /* comment length, disk, internal attributes */
        put_le(out, 4, (unsigned long)(members[i].mode ? members[i].mode : 0100644) << 16);
        put_le(out, 4, offsets[i]);
        build_append(out, members[i].name, strlen(members[i].name));
    }
    end = out->size - start;
    build_append(out, "PK\x05\x06", 4);
    put_le(out, 4, 0);
    put_le(out, 2, count);
    put_le(out, 2, count);
    put_le(out, 4, end - directory);
    put_le(out, 4, directory);
    put_le(out, 2, 0);
}
