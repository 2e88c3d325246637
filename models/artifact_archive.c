/*
 * A tar header is a block of 512 bytes; what this file reads of it itself, to tell a tar:
 *
 *   offset  size  field
 *        0   100  name
 *      148     8  sum of the 512 bytes, these eight taken as blanks: octal digits, then NUL or
 * blank 257     6  "ustar" (POSIX, GNU); absent from the oldest, so that the sum is the proof
 *
 * A zip begins with the local header of its first member, "PK" 3 4 (version needed: 16 bits), or,
 * where it is empty, with the end of its directory, "PK" 5 6.
 *
 * Members are read by libarchive: tar from the blocks of an artifact_stream, zip from memory by its
 * central directory. Every other format of libarchive stays off: some take nearly any text for
 * theirs.
 */
#include "models/artifact_archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <locale.h>

#include "base/memory.h"
#include "models/artifact_stream.h"

#define TAR_BLOCK    512
#define TAR_SUM      148
#define TAR_SUM_SIZE 8
#define RESERVE_MOST ((size_t)1 << 20) /* memory taken on the word of a header alone */
#define NAME_QUOTED  128

/* Sums of old writers took bytes as signed. */
static bool tar_header_holds(const uint8_t *block)
{
    long plain = 0;
    long with_sign = 0;
    long sum = 0;
    size_t i = TAR_SUM;
    size_t digits = 0;

    for (size_t k = 0; k < TAR_BLOCK; k++) {
        uint8_t byte = k >= TAR_SUM && k < TAR_SUM + TAR_SUM_SIZE ? ' ' : block[k];

        plain += byte;
        with_sign += (int8_t)byte;
    }
    while (i < TAR_SUM + TAR_SUM_SIZE && block[i] == ' ')
        i++;
    for (; i < TAR_SUM + TAR_SUM_SIZE && block[i] >= '0' && block[i] <= '7'; i++, digits++)
        sum = sum * 8 + (block[i] - '0');
    if (i < TAR_SUM + TAR_SUM_SIZE && block[i] != '\0' && block[i] != ' ')
        return false;
    return digits > 0 && (sum == plain || sum == with_sign);
}

static bool all_zero(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (data[i])
            return false;
    }
    return true;
}

/* The first block of compressed data. Blocks of the stream may be smaller. */
static enum artifact_archive_kind probe_inside(struct bytes data)
{
    struct artifact_stream *stream = NULL;
    enum artifact_archive_kind kind = ARTIFACT_ARCHIVE_BROKEN;
    uint8_t head[TAR_BLOCK];
    size_t have = 0;
    struct bytes block;
    struct err err = ERR_INIT;

    /* a ratio is for the reader to judge */
    if (artifact_stream_new(data, UINT_MAX, &stream, &err))
        return kind;
    while (artifact_stream_read(stream, &block, &err) == 0) {
        size_t n = block.size < TAR_BLOCK - have ? block.size : TAR_BLOCK - have;

        memcpy(head + have, block.data, n);
        have += n;
        if (have < TAR_BLOCK && block.size > 0)
            continue;
        if (have == TAR_BLOCK && (tar_header_holds(head) || all_zero(head, TAR_BLOCK)))
            kind = ARTIFACT_ARCHIVE_TAR;
        else
            kind = ARTIFACT_ARCHIVE_NONE;
        break;
    }
    artifact_stream_free(stream);
    return kind;
}

enum artifact_archive_kind artifact_archive_probe(struct bytes data)
{
    if (bytes_starts(data, "PK\x05\x06"))
        return ARTIFACT_ARCHIVE_ZIP;
    if (bytes_starts(data, "PK\x03\x04") && data.size >= 6 && load_le16(data.data + 4) < 100)
        return ARTIFACT_ARCHIVE_ZIP;
    if (artifact_stream_compression(data))
        return probe_inside(data);
    if (data.size >= TAR_BLOCK && tar_header_holds(data.data))
        return ARTIFACT_ARCHIVE_TAR;
    return ARTIFACT_ARCHIVE_NONE;
}

struct reader {
    struct bytes data;
    const struct artifact_limits *limits;
    struct artifact *artifact;
    struct archive *archive;
    struct artifact_stream *stream; /* of a tar */
    struct err *err;
    size_t members;
    uint64_t content; /* bytes of all members so far, as their headers say */
    bool ended;       /* the stream gave its last block */
};

/* What libarchive says, after what the stream has said (the first error wins). */
static int fail_archive(struct reader *reader, const char *what)
{
    const char *text = archive_error_string(reader->archive);
    char quoted[160];

    if (!text)
        text = "no reason given";
    if (strcasestr(text, "truncated"))
        return err_set(reader->err, ERR_INPUT, "%s: the archive is cut short", what);
    return err_set(reader->err, ERR_INPUT, "%s: %s", what,
                   err_quote(quoted, sizeof(quoted), text, strlen(text)));
}

static la_ssize_t give_block(struct archive *archive, void *context, const void **ret)
{
    struct reader *reader = context;
    struct bytes block;

    if (artifact_stream_read(reader->stream, &block, reader->err)) {
        archive_set_error(archive, EIO, "%s", reader->err->text);
        return -1;
    }
    reader->ended = block.size == 0;
    *ret = block.data;
    return (la_ssize_t)block.size;
}

static int open_tar(struct reader *reader)
{
    if (artifact_stream_new(reader->data, reader->limits->ratio, &reader->stream, reader->err))
        return -1;
    if (archive_read_support_format_tar(reader->archive) != ARCHIVE_OK ||
        archive_read_open(reader->archive, reader, NULL, give_block, NULL) != ARCHIVE_OK)
        return fail_archive(reader, "reading the tar");
    return 0;
}

static int open_zip(struct reader *reader)
{
    if (archive_read_support_format_zip_seekable(reader->archive) != ARCHIVE_OK)
        return fail_archive(reader, "reading the zip");
    if (archive_read_open_memory(reader->archive, reader->data.data, reader->data.size) !=
        ARCHIVE_OK)
        return err_set(reader->err, ERR_INPUT,
                       "the zip has no directory at its end: it is cut short or damaged");
    return 0;
}

/*
 * "./name" and "name" are the same. Returns the name without such a beginning ("" for the top
 * itself), or NULL where it is absolute or has a "..".
 */
static const char *name_within(const char *name)
{
    const char *part = name;

    if (*name == '/')
        return NULL;
    while (*part) {
        size_t n = strcspn(part, "/");

        if (n == 2 && memcmp(part, "..", 2) == 0)
            return NULL;
        part += n;
        part += strspn(part, "/");
    }
    while (name[0] == '.' && (name[1] == '/' || name[1] == '\0')) {
        name++;
        name += strspn(name, "/");
    }
    return name;
}

static const char *type_of(struct archive_entry *entry)
{
    if (archive_entry_hardlink(entry))
        return "a hard link";
    if (archive_entry_sparse_count(entry) > 0)
        return "a sparse file";
    switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
    case AE_IFDIR:
        return NULL;
    case AE_IFLNK:
        return "a symbolic link";
    case AE_IFCHR:
    case AE_IFBLK:
        return "a device";
    case AE_IFIFO:
        return "a named pipe";
    case AE_IFSOCK:
        return "a socket";
    default:
        return "of an unknown type";
    }
}

/* Counts the member's content before anything is done for it. */
static int count_content(struct reader *reader, int64_t size, const char *quoted)
{
    if (size < 0)
        return err_set(reader->err, ERR_INPUT, "member %s has a negative size", quoted);
    if ((uint64_t)size > reader->limits->bytes - reader->content)
        return err_set(reader->err, ERR_LIMIT,
                       "member %s (%" PRId64 " bytes) takes the content over %zu bytes, the limit",
                       quoted, size, reader->limits->bytes);
    reader->content += (uint64_t)size;
    if (artifact_stream_check_ratio(reader->data.size, reader->content, reader->limits->ratio,
                                    reader->err))
        return err_wrap(reader->err, "member %s", quoted);
    return 0;
}

/* Room for `need` bytes of at most `size`. Memory grows with what has come, for a header can
 * promise anything. */
static int grow(uint8_t **data, size_t *capacity, size_t need, size_t size, struct err *err)
{
    size_t more = *capacity < size / 2 ? *capacity * 2 : size;
    uint8_t *grown;

    if (need <= *capacity)
        return 0;
    if (more < need)
        more = need;
    grown = mem_resize(*data, more, 1);
    if (!grown)
        return err_memory(err, more, "a member of an archive");
    *data = grown;
    *capacity = more;
    return 0;
}

/* `size` bytes without holes, and not one more: the checksum of a member is verified where its end
 * is read. */
static int read_content(struct reader *reader, size_t size, uint8_t **ret, const char *quoted)
{
    size_t capacity = size < RESERVE_MOST ? size : RESERVE_MOST;
    CLEANUP(mem_cleanup) uint8_t *data = mem_alloc(capacity, 1);
    const void *block;
    size_t have = 0;
    size_t n;
    int64_t offset;
    int status;

    if (!data)
        return err_memory(reader->err, capacity, "a member of an archive");
    while ((status = archive_read_data_block(reader->archive, &block, &n, &offset)) == ARCHIVE_OK) {
        if (n > 0 && (uint64_t)offset != have)
            return err_set(reader->err, ERR_INPUT, "member %s has holes", quoted);
        if (n > size - have)
            return err_set(reader->err, ERR_INPUT, "member %s is larger than its header says",
                           quoted);
        if (grow(&data, &capacity, have + n, size, reader->err))
            return -1;
        if (n > 0)
            memcpy(data + have, block, n);
        have += n;
    }
    if (status != ARCHIVE_EOF) {
        fail_archive(reader, "reading its content");
        return err_wrap(reader->err, "member %s", quoted);
    }
    if (have < size)
        return err_set(reader->err, ERR_INPUT, "member %s is smaller than its header says", quoted);
    *ret = TAKE(data);
    return 0;
}

static int take_member(struct reader *reader, const char *name, size_t size, const char *quoted)
{
    CLEANUP(mem_cleanup) uint8_t *data = NULL;

    if (read_content(reader, size, &data, quoted) ||
        artifact_add(reader->artifact, name, data, size, reader->err))
        return -1;
    data = NULL;
    return 0;
}

static int read_member(struct reader *reader, struct archive_entry *entry)
{
    const char *full = archive_entry_pathname(entry);
    const char *type = type_of(entry);
    int64_t size = archive_entry_size_is_set(entry) ? archive_entry_size(entry) : 0;
    char quoted[NAME_QUOTED];
    const char *name;

    if (!full)
        return err_set(reader->err, ERR_INPUT, "the name of member %zu cannot be read",
                       reader->members);
    err_quote(quoted, sizeof(quoted), full, strlen(full));
    if (type)
        return err_set(reader->err, ERR_INPUT, "member %s is %s: only plain files may be there",
                       quoted, type);
    name = name_within(full);
    if (!name)
        return err_set(reader->err, ERR_INPUT, "member %s would lie outside the archive", quoted);
    if (count_content(reader, size, quoted))
        return -1;
    if (archive_entry_filetype(entry) == AE_IFDIR)
        return 0;
    if (*name == '\0')
        return err_set(reader->err, ERR_INPUT, "member %s has no name", quoted);
    if (strchr(name, '/')) {
        reader->artifact->left_out_directories++;
        return 0;
    }
    if (*name == '.') {
        reader->artifact->left_out_dotfiles++;
        return 0;
    }
    if (archive_entry_is_encrypted(entry))
        return err_set(reader->err, ERR_UNSUPPORTED, "member %s is encrypted", quoted);
    return take_member(reader, name, (size_t)size, quoted);
}

/* A warning is about metadata. Those on names that the locale cannot show are harmless. */
static int next_member(struct reader *reader, struct archive_entry **ret)
{
    int status = archive_read_next_header(reader->archive, ret);
    const char *text = archive_error_string(reader->archive);

    if (reader->err->kind != ERR_NONE)
        return ARCHIVE_FATAL;
    if (status == ARCHIVE_OK || status == ARCHIVE_EOF)
        return status;
    if (status == ARCHIVE_WARN && text && strstr(text, "converted") && !strstr(text, "Linkname"))
        return ARCHIVE_OK;
    fail_archive(reader, "a header is damaged");
    return ARCHIVE_FATAL;
}

/* The members, then the rest of the stream: checksums of a compression come at its end. */
static int read_members(struct reader *reader)
{
    int64_t end = 0;
    struct archive_entry *entry;
    struct bytes rest;
    int status;

    while ((status = next_member(reader, &entry)) == ARCHIVE_OK) {
        if (++reader->members > reader->limits->entries)
            return err_set(reader->err, ERR_LIMIT, "more than %zu members, the limit",
                           reader->limits->entries);
        if (read_member(reader, entry))
            return -1;
        if (archive_read_data_skip(reader->archive) != ARCHIVE_OK)
            return fail_archive(reader, "passing over a member");
        end = archive_filter_bytes(reader->archive, 0);
    }
    if (status != ARCHIVE_EOF)
        return -1;
    if (!reader->stream)
        return 0;
    if (!artifact_stream_compression(reader->data) &&
        archive_filter_bytes(reader->archive, 0) == end)
        return err_set(reader->err, ERR_INPUT,
                       "the tar is cut short at byte %" PRId64 " (no end-of-archive block)", end);
    while (!reader->ended) {
        if (artifact_stream_read(reader->stream, &rest, reader->err))
            return -1;
        reader->ended = rest.size == 0;
    }
    return 0;
}

static int by_name(const void *a, const void *b)
{
    const char *const *one = a;
    const char *const *other = b;

    return strcmp(*one, *other);
}

static int refuse_duplicates(const struct artifact *artifact, struct err *err)
{
    CLEANUP(mem_cleanup) const char **names = mem_alloc(artifact->count, sizeof(*names));
    char quoted[NAME_QUOTED];

    if (!names)
        return err_memory(err, artifact->count * sizeof(*names), "the names of an archive");
    for (size_t i = 0; i < artifact->count; i++)
        names[i] = artifact->files[i].name;
    qsort(names, artifact->count, sizeof(*names), by_name);
    for (size_t i = 1; i < artifact->count; i++) {
        if (strcmp(names[i - 1], names[i]) == 0)
            return err_set(err, ERR_INPUT, "two members are called %s",
                           err_quote(quoted, sizeof(quoted), names[i], strlen(names[i])));
    }
    return 0;
}

/*
 * libarchive converts names to the locale of the thread and gives up where that cannot hold them,
 * so names are read in one that can. Without it (no C.UTF-8 on the machine) only such names of zips
 * fail.
 */
struct name_locale {
    locale_t own;
    locale_t before;
};

static struct name_locale name_locale_enter(void)
{
    struct name_locale names = {newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0), (locale_t)0};

    if (names.own)
        names.before = uselocale(names.own);
    return names;
}

static void name_locale_leave(const struct name_locale *names)
{
    if (!names->own)
        return;
    uselocale(names->before);
    freelocale(names->own);
}

int artifact_archive_read(struct bytes data, const struct artifact_limits *limits,
                          struct artifact *artifact, struct err *err)
{
    struct reader reader = {.data = data, .limits = limits, .artifact = artifact, .err = err};
    enum artifact_archive_kind kind = artifact_archive_probe(data);
    struct name_locale names;
    int status = -1;

    if (kind == ARTIFACT_ARCHIVE_NONE)
        return err_set(err, ERR_INPUT, "it is no archive (tar, compressed or not, or zip)");
    names = name_locale_enter();
    reader.archive = archive_read_new();
    if (!reader.archive)
        err_memory(err, sizeof(reader), "libarchive");
    else if ((kind == ARTIFACT_ARCHIVE_ZIP ? open_zip(&reader) : open_tar(&reader)) == 0)
        status = read_members(&reader);
    if (reader.archive)
        archive_read_free(reader.archive);
    artifact_stream_free(reader.stream);
    name_locale_leave(&names);
    return status ? -1 : refuse_duplicates(artifact, err);
}
