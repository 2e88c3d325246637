/*
 * Artifacts as users have them (directories, tars in every dress, zips), and as attackers and
 * broken uploads do. Archives are made in memory; directories in a temporary one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "models/artifact.h"
#include "tests/unit/archive_builder.h"

static const struct artifact_limits limits = ARTIFACT_LIMITS_DEFAULT;

#define BUILDER(name) CLEANUP(buffer_fini) struct buffer name = {.max = (size_t)64 << 20}

#define MODEL "{\"learner\": 1}"

static void assert_file(const struct artifact *artifact, size_t i, const char *name,
                        const char *text)
{
    assert_true(i < artifact->count);
    assert_string_equal(artifact->files[i].name, name);
    assert_true(bytes_is(artifact->files[i].bytes, text));
}

static struct artifact *read_archive(const struct buffer *archive)
{
    struct artifact *artifact = NULL;
    struct err err = ERR_INIT;

    if (artifact_from_archive(build_bytes(archive), "m.tar", &limits, &artifact, &err))
        fail_msg("refused: %s", err.text);
    assert_true(artifact_is_archive(build_bytes(archive)));
    return artifact;
}

static void assert_refused_by(const struct buffer *archive, const struct artifact_limits *by,
                              enum err_kind kind, const char *text)
{
    struct artifact *artifact = NULL;
    struct err err = ERR_INIT;

    if (artifact_from_archive(build_bytes(archive), "m.tar", by, &artifact, &err) == 0)
        fail_msg("accepted, but should say: %s", text);
    assert_null(artifact);
    if (!strstr(err.text, text))
        fail_msg("said: %s\nbut should say: %s", err.text, text);
    assert_int_equal(err.kind, kind);
    assert_non_null(strstr(err.text, "'m.tar'"));
    assert_null(strchr(err.text, '\n'));
}

static void assert_refused(const struct buffer *archive, const char *text)
{
    assert_refused_by(archive, &limits, ERR_INPUT, text);
}

/* A temporary directory, and files in it. */

static char top[] = "/tmp/test_artifact.XXXXXX";

static int make_top(void **state)
{
    (void)state;
    memcpy(top + sizeof(top) - 7, "XXXXXX", 6);
    return mkdtemp(top) ? 0 : -1;
}

static int remove_top(void **state)
{
    const char *const arguments[] = {"rm", "-rf", top, NULL};
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        execvp("rm", (char *const *)(uintptr_t)arguments);
        _exit(127);
    }
    return waitpid(child, NULL, 0) == child ? 0 : -1;
}

static const char *path_of(const char *name)
{
    static char path[4][512];
    static unsigned turn;
    char *out = path[turn++ % 4];

    snprintf(out, sizeof(path[0]), "%s%s%s", top, *name ? "/" : "", name);
    return out;
}

static void write_file(const char *name, struct bytes content)
{
    FILE *file = fopen(path_of(name), "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(content.data, 1, content.size, file), content.size);
    assert_int_equal(fclose(file), 0);
}

static void write_text(const char *name, const char *text)
{
    write_file(name, bytes_text(text));
}

static struct artifact *open_path(const char *path)
{
    struct artifact *artifact = NULL;
    struct err err = ERR_INIT;

    if (artifact_open(path, &limits, &artifact, &err))
        fail_msg("refused: %s", err.text);
    return artifact;
}

static void assert_open_fails(const char *path, const struct artifact_limits *by,
                              enum err_kind kind, const char *text)
{
    struct artifact *artifact = NULL;
    struct err err = ERR_INIT;

    assert_int_equal(artifact_open(path, by, &artifact, &err), -1);
    assert_null(artifact);
    if (!strstr(err.text, text))
        fail_msg("said: %s\nbut should say: %s", err.text, text);
    assert_int_equal(err.kind, kind);
}

static void model_tar(struct buffer *out, const char *name)
{
    tar_file(out, name, MODEL);
    tar_end(out);
}

static void model_tar_gz(struct buffer *out, const char *name)
{
    BUILDER(tar);

    model_tar(&tar, name);
    gzip_append(out, build_bytes(&tar));
}

static void directory_gives_its_files_in_order(void **state)
{
    struct artifact *artifact;

    (void)state;
    write_text("xgboost-model-1", "two");
    write_text("xgboost-model-0", "one");
    write_text("empty", "");
    write_text("../outside", "seen");
    write_text(".hidden", "no");
    write_text("._xgboost-model-0", "no");
    assert_int_equal(mkdir(path_of("code"), 0755), 0);
    assert_int_equal(symlink("xgboost-model-0", path_of("link")), 0);
    assert_int_equal(symlink("code", path_of("link-to-directory")), 0);
    assert_int_equal(symlink("nowhere", path_of("link-to-nothing")), 0);
    assert_int_equal(symlink("loop", path_of("loop")), 0);
    assert_int_equal(mkfifo(path_of("pipe"), 0644), 0);
    artifact = open_path(top);
    assert_int_equal(artifact->kind, ARTIFACT_DIRECTORY);
    assert_string_equal(artifact->path, top);
    assert_int_equal(artifact->count, 4);
    assert_file(artifact, 0, "empty", "");
    assert_file(artifact, 1, "link", "one");
    assert_file(artifact, 2, "xgboost-model-0", "one");
    assert_file(artifact, 3, "xgboost-model-1", "two");
    assert_int_equal(artifact->left_out_dotfiles, 2);
    assert_int_equal(artifact->left_out_directories, 2);
    assert_int_equal(artifact->left_out_others, 3);
    assert_int_equal(artifact->left_out_archives, 0);
    artifact_free(artifact);
    assert_int_equal(unlink(path_of("../outside")), 0);
}

static void archives_beside_files_are_left_out(void **state)
{
    struct artifact *artifact;
    BUILDER(tar);
    BUILDER(zip);
    BUILDER(targz);
    BUILDER(pickle);

    (void)state;
    model_tar(&tar, "xgboost-model");
    gzip_append(&targz, build_bytes(&tar));
    zip_append(&zip, &(struct zip_member){.name = "xgboost-model", .text = MODEL}, 1);
    gzip_append(&pickle, bytes_text("\x80\x03"
                                    "cxgboost.core\nBooster\n"));
    write_file("model.tar.gz", build_bytes(&targz));
    write_text("xgboost-model", MODEL);
    artifact = open_path(top);
    assert_int_equal(artifact->count, 1);
    assert_file(artifact, 0, "xgboost-model", MODEL);
    assert_int_equal(artifact->left_out_archives, 1);
    artifact_free(artifact);

    /* names lie: content tells; a compressed pickle is no archive */
    write_file("a.model", build_bytes(&tar));
    write_file("models", build_bytes(&targz));
    write_file("weights", build_bytes(&zip));
    write_file("z.tar.gz", build_bytes(&pickle));
    artifact = open_path(top);
    assert_int_equal(artifact->kind, ARTIFACT_DIRECTORY);
    assert_int_equal(artifact->count, 2);
    assert_file(artifact, 0, "xgboost-model", MODEL);
    assert_string_equal(artifact->files[1].name, "z.tar.gz");
    assert_int_equal(artifact->left_out_archives, 4);
    artifact_free(artifact);
}

static void lone_archive_stands_for_its_directory(void **state)
{
    struct artifact *artifact;
    BUILDER(targz);

    (void)state;
    model_tar_gz(&targz, "./xgboost-model");
    write_file("models", build_bytes(&targz));
    write_text(".ipynb", "no");
    assert_int_equal(mkdir(path_of("code"), 0755), 0);
    artifact = open_path(top);
    assert_int_equal(artifact->kind, ARTIFACT_ARCHIVE);
    assert_string_equal(artifact->path, path_of("models"));
    assert_int_equal(artifact->count, 1);
    assert_file(artifact, 0, "xgboost-model", MODEL);
    artifact_free(artifact);

    write_file("model.tar.gz", build_bytes(&targz));
    assert_open_fails(top, &limits, ERR_INPUT,
                      "several archives and nothing else ('model.tar.gz', 'models')");
    write_file("a.tar.gz", build_bytes(&targz));
    assert_open_fails(top, &limits, ERR_INPUT, "('a.tar.gz', 'model.tar.gz' and 1 more)");

    targz.size = 20; /* too short to be told: alone, its damage is named */
    assert_int_equal(unlink(path_of("a.tar.gz")), 0);
    assert_int_equal(unlink(path_of("models")), 0);
    write_file("model.tar.gz", build_bytes(&targz));
    assert_open_fails(top, &limits, ERR_INPUT,
                      "'model.tar.gz': the gzip data is cut short (at byte 20)");
}

/* Linear Learner's model is a zip called model_algo-1; local mode leaves model.tar.gz beside it. */
static void model_zip_is_a_file(void **state)
{
    struct artifact *artifact;
    BUILDER(zip);
    BUILDER(tar);
    BUILDER(targz);

    (void)state;
    zip_append(&zip, &(struct zip_member){.name = "manifest.json", .text = "{}"}, 1);
    write_file("model_algo-1", build_bytes(&zip));
    for (int i = 0; i < 2; i++) {
        artifact = open_path(top);
        assert_int_equal(artifact->kind, ARTIFACT_DIRECTORY);
        assert_int_equal(artifact->count, 1);
        assert_string_equal(artifact->files[0].name, "model_algo-1");
        assert_int_equal(artifact->left_out_archives, i);
        artifact_free(artifact);
        tar_header(&tar, "model_algo-1", '0', zip.size, "");
        tar_content(&tar, zip.data, zip.size);
        tar_end(&tar);
        gzip_append(&targz, build_bytes(&tar));
        write_file("model.tar.gz", build_bytes(&targz));
    }
    artifact = open_path(path_of("model_algo-1"));
    assert_int_equal(artifact->kind, ARTIFACT_FILE);
    artifact_free(artifact);
    artifact = open_path(path_of("model.tar.gz"));
    assert_int_equal(artifact->count, 1);
    assert_true(bytes_equal(artifact->files[0].bytes, build_bytes(&zip)));
    artifact_free(artifact);
}

static void single_file_is_an_artifact(void **state)
{
    struct artifact *artifact;
    BUILDER(targz);
    BUILDER(pickle);

    (void)state;
    write_text("xgb.model", MODEL);
    assert_int_equal(symlink("xgb.model", path_of("current")), 0);
    artifact = open_path(path_of("current"));
    assert_int_equal(artifact->kind, ARTIFACT_FILE);
    assert_int_equal(artifact->count, 1);
    assert_file(artifact, 0, "current", MODEL);
    artifact_free(artifact);

    model_tar_gz(&targz, "xgboost-model");
    write_file("no-suffix", build_bytes(&targz));
    artifact = open_path(path_of("no-suffix"));
    assert_int_equal(artifact->kind, ARTIFACT_ARCHIVE);
    assert_string_equal(artifact->path, path_of("no-suffix"));
    assert_file(artifact, 0, "xgboost-model", MODEL);
    artifact_free(artifact);

    gzip_append(&pickle, bytes_text("(dp0\n."));
    write_file("model.joblib", build_bytes(&pickle));
    artifact = open_path(path_of("model.joblib"));
    assert_int_equal(artifact->kind, ARTIFACT_FILE);
    assert_true(bytes_equal(artifact->files[0].bytes, build_bytes(&pickle)));
    artifact_free(artifact);
}

static void what_cannot_be_read_is_told(void **state)
{
    BUILDER(deep);
    BUILDER(none);

    (void)state;
    assert_open_fails(path_of("absent"), &limits, ERR_SYSTEM, "absent' does not exist");
    write_text("file", "x");
    assert_open_fails(path_of("file/below"), &limits, ERR_SYSTEM, "does not exist");
    assert_int_equal(mkdir(path_of("d"), 0755), 0);
    assert_open_fails(path_of("d"), &limits, ERR_INPUT, "/d' (it is empty)");
    write_text("d/.one", "x");
    assert_int_equal(mkdir(path_of("d/code"), 0755), 0);
    assert_int_equal(mkdir(path_of("d/export"), 0755), 0);
    assert_int_equal(mkfifo(path_of("d/pipe"), 0644), 0);
    assert_open_fails(path_of("d"), &limits, ERR_INPUT,
                      "/d' (1 dotfile, 2 directories, 1 special file left out)");
    assert_open_fails(path_of("d/pipe"), &limits, ERR_INPUT,
                      "neither a regular file nor a directory");
    tar_file(&deep, "model/xgboost-model", MODEL);
    tar_end(&deep);
    assert_refused(&deep,
                   "no model file in 'm.tar' (1 member below the top level left out): pack it "
                   "with tar -C DIRECTORY -czf model.tar.gz .");
    tar_header(&none, "./", '5', 0, "");
    tar_end(&none);
    assert_refused(&none, "(it is empty)");
}

/* As uid 1000, in a child. */
static void fail_unless_told(const char *path, const char *text)
{
    struct artifact *artifact = NULL;
    struct err err = ERR_INIT;
    pid_t child = fork();
    int status;

    if (child == 0) {
        if (setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000))
            _exit(2);
        if (artifact_open(path, &limits, &artifact, &err) == 0)
            _exit(3);
        if (err.kind != ERR_SYSTEM || !strstr(err.text, text) || strchr(err.text, '\n')) {
            print_error("said: %s\n", err.text);
            _exit(4);
        }
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void permissions_are_explained(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("skipped: becomes another user, needs root\n");
        skip();
    }
    write_text("xgboost-model", MODEL);
    assert_int_equal(chmod(path_of("xgboost-model"), 0600), 0);
    fail_unless_told(top, "' is not readable by uid 1000 (or a directory above it): chmod -R o+rX");
    assert_int_equal(chmod(top, 0755), 0);
    fail_unless_told(top, "'xgboost-model' is not readable by uid 1000");
    assert_int_equal(chmod(top, 0700), 0);
}

static void limits_of_directories(void **state)
{
    struct artifact_limits small = {.entries = 3, .bytes = 10, .ratio = 1000};
    struct artifact *artifact = NULL;
    struct err err = ERR_INIT;

    (void)state;
    write_text("a", "12345");
    write_text("b", "12345");
    write_text("c", "");
    write_text(".d", "not counted");
    assert_int_equal(artifact_open(top, &small, &artifact, &err), 0);
    artifact_free(artifact);
    write_text("c", "1");
    assert_open_fails(top, &small, ERR_LIMIT, "takes the content over 10 bytes, the limit");
    write_text("c", "");
    write_text("d", "");
    assert_open_fails(top, &small, ERR_LIMIT, "more than 3 files, the limit");
    write_text("a", "12345678901");
    assert_open_fails(path_of("a"), &small, ERR_LIMIT, "(11 bytes)");
}

/* Tars */

static int no_filter(struct archive *archive)
{
    return archive_write_add_filter_none(archive);
}

static const struct {
    const char *name;
    int (*add)(struct archive *);
    const char *options;
} filters[] = {
    {"none", no_filter, NULL},
    {"gzip", archive_write_add_filter_gzip, NULL},
    {"bzip2", archive_write_add_filter_bzip2, NULL},
    {"xz", archive_write_add_filter_xz, NULL},
    {"lz4", archive_write_add_filter_lz4, "block-checksum,stream-checksum"},
    {"zstd", archive_write_add_filter_zstd, NULL}, /* last: libarchive writes it without checksum */
};

static void every_compression_is_read(void **state)
{
    BUILDER(tar);
    BUILDER(text);

    (void)state;
    while (text.size < 300000) /* several blocks of every compression */
        assert_int_equal(buffer_print(&text, "%zu ", text.size * 2654435761u), 0);
    build_append(&text, "", 1);
    tar_file(&tar, "first", MODEL);
    tar_file(&tar, "second", text.data);
    tar_end(&tar);
    for (size_t i = 0; i < ARRAY_LENGTH(filters); i++) {
        struct artifact *artifact;
        BUILDER(packed);

        if (!compress_append(&packed, build_bytes(&tar), filters[i].add, filters[i].options))
            fail_msg("cannot write %s", filters[i].name);
        artifact = read_archive(&packed);
        assert_int_equal(artifact->count, 2);
        assert_file(artifact, 0, "first", MODEL);
        assert_file(artifact, 1, "second", text.data);
        artifact_free(artifact);
    }
}

static void cut_archives_are_refused(void **state)
{
    BUILDER(tar);

    (void)state;
    tar_file(&tar, "a", MODEL);
    tar_file(&tar, "b", "0123456789");
    tar_end(&tar);
    for (size_t i = 0; i < ARRAY_LENGTH(filters); i++) {
        bool plain = filters[i].add == no_filter;
        BUILDER(packed);
        size_t whole;

        assert_true(
            compress_append(&packed, build_bytes(&tar), filters[i].add, filters[i].options));
        whole = plain ? 4 * TAR_BLOCK + 1 : packed.size;
        for (packed.size = 0; packed.size < whole; packed.size++) {
            struct bytes copy = bytes_of(malloc(packed.size + 1), packed.size);
            struct artifact *artifact = NULL;
            struct err err = ERR_INIT;

            memcpy((void *)(uintptr_t)copy.data, packed.data, packed.size);
            if (artifact_from_archive(copy, "cut", &limits, &artifact, &err) == 0)
                fail_msg("%s cut to %zu of %zu bytes is read", filters[i].name, packed.size, whole);
            assert_int_equal(err.kind, ERR_INPUT);
            if (packed.size > 600 && plain && !strstr(err.text, "cut short"))
                fail_msg("at %zu: %s", packed.size, err.text);
            free((void *)(uintptr_t)copy.data);
        }
    }
}

/* Checksums: whatever bit is wrong, nobody gets wrong content. */
static void damaged_archives_give_no_wrong_content(void **state)
{
    BUILDER(tar);

    (void)state;
    tar_file(&tar, "a", "the model, which has bytes that compress (the model, which has bytes)");
    tar_end(&tar);
    for (size_t i = 1; i < ARRAY_LENGTH(filters) - 1; i++) {
        size_t refused = 0;
        BUILDER(packed);

        if (!compress_append(&packed, build_bytes(&tar), filters[i].add, filters[i].options))
            fail_msg("cannot write %s", filters[i].name);
        for (size_t bit = 0; bit < packed.size * 8; bit += 3) {
            struct artifact *artifact = NULL;
            struct err err = ERR_INIT;

            packed.data[bit / 8] = (char)(packed.data[bit / 8] ^ 1 << bit % 8);
            if (artifact_from_archive(build_bytes(&packed), "bad", &limits, &artifact, &err))
                refused++;
            else if (!bytes_is(artifact->files[0].bytes, tar.data + TAR_BLOCK))
                fail_msg("%s: bit %zu is wrong and not noticed", filters[i].name, bit);
            artifact_free(artifact);
            packed.data[bit / 8] = (char)(packed.data[bit / 8] ^ 1 << bit % 8);
        }
        /* the few that pass are in bytes without meaning, such as gzip's time */
        if (refused < packed.size * 8 / 3 * 2 / 3)
            fail_msg("%s: %zu of %zu", filters[i].name, refused, packed.size * 8 / 3);
    }
}

static void end_of_archive(void **state)
{
    struct artifact *artifact;
    BUILDER(tar);
    BUILDER(open_end);
    BUILDER(members);
    BUILDER(damaged);

    (void)state;
    tar_file(&tar, "a", MODEL);
    assert_refused(&tar, "cut short at byte 1024 (no end-of-archive block)");
    gzip_append(&open_end, build_bytes(&tar));
    artifact = read_archive(&open_end);
    assert_file(artifact, 0, "a", MODEL);
    artifact_free(artifact);

    tar_end(&tar);
    tar_file(&tar, "hidden", "after the end");
    build_append(&tar, "trailing", 8);
    artifact = read_archive(&tar);
    assert_int_equal(artifact->count, 1);
    artifact_free(artifact);

    /* a tar in several gzip members (pigz, cat), then padding */
    for (size_t at = 0; at < tar.size; at += 700)
        gzip_append(&members, bytes_of(tar.data + at, tar.size - at < 700 ? tar.size - at : 700));
    tar_content(&members, "", 0);
    build_append(&members, "\0\0\0\0", 4);
    artifact = read_archive(&members);
    assert_int_equal(artifact->count, 1);
    assert_file(artifact, 0, "a", MODEL);
    artifact_free(artifact);

    /* the checksum stands after the end of the tar */
    gzip_append(&damaged, build_bytes(&tar));
    damaged.data[damaged.size - 8] ^= 1;
    assert_refused(&damaged, "the gzip data is damaged near byte");
    damaged.data[damaged.size - 8] ^= 1;
    damaged.data[damaged.size - 1] ^= 1;
    assert_refused(&damaged, "the gzip data is damaged near byte");
}

static void names_are_plain(void **state)
{
    struct artifact *artifact;
    char name[256] = "long-";
    BUILDER(tar);

    (void)state;
    memset(name + 5, 'n', 200);
    tar_header(&tar, "./", '5', 0, "");
    tar_file(&tar, "./xgboost-model", "1");
    tar_file(&tar, ".//././b", "2");
    tar_file(&tar, "._b", "apple");
    tar_file(&tar, "./.config", "dot");
    tar_header(&tar, "code", '5', 0, "");
    tar_file(&tar, "code/inference.py", "3");
    tar_file(&tar, "..b..", "4");
    tar_pax(&tar, "path", name);
    tar_file(&tar, "short", "5");
    tar_header(&tar, "././@LongLink", 'L', strlen(name) + 1, "");
    name[0] = 'L';
    tar_content(&tar, name, strlen(name) + 1);
    tar_file(&tar, "short", "6");
    tar_header(&tar, "old", '\0', 1, "");
    tar_content(&tar, "7", 1);
    tar_end(&tar);
    artifact = read_archive(&tar);
    assert_int_equal(artifact->count, 5);
    assert_file(artifact, 0, "xgboost-model", "1");
    assert_file(artifact, 1, "b", "2");
    assert_file(artifact, 3, name, "6");
    name[0] = 'l';
    assert_file(artifact, 2, name, "5");
    assert_file(artifact, 4, "old", "7");
    assert_int_equal(artifact->left_out_dotfiles, 3);
    assert_int_equal(artifact->left_out_directories, 1);
    artifact_free(artifact);
}

static void names_in_any_encoding(void **state)
{
    static const struct zip_member members[] = {
        {.name = "mod\xc3\xa8le", .text = "3", .flags = 0x800}, /* marked as UTF-8 */
        {.name = "b\xe9t\xe9", .text = "4"},
    };
    struct artifact *artifact;
    BUILDER(tar);
    BUILDER(zip);

    (void)state;
    assert_non_null(setlocale(LC_ALL, "C"));
    tar_pax(&tar, "path", "mod\xc3\xa8le");
    tar_file(&tar, "modele", "1");
    tar_pax(&tar, "path", "b\xe9t\xe9 \xff");
    tar_file(&tar, "bete", "2");
    tar_file(&tar, "caf\xe9", "3");
    tar_pax(&tar, "uname", "J\xc3\xb3zef");
    tar_file(&tar, "d", "4");
    tar_end(&tar);
    artifact = read_archive(&tar);
    assert_int_equal(artifact->count, 4);
    assert_file(artifact, 0, "mod\xc3\xa8le", "1");
    assert_file(artifact, 1, "b\xe9t\xe9 \xff", "2");
    assert_file(artifact, 2, "caf\xe9", "3");
    assert_file(artifact, 3, "d", "4");
    artifact_free(artifact);

    zip_append(&zip, members, 2);
    artifact = read_archive(&zip);
    assert_int_equal(artifact->count, 2);
    assert_file(artifact, 0, "mod\xc3\xa8le", "3");
    assert_file(artifact, 1, "b\xe9t\xe9", "4");
    artifact_free(artifact);
    assert_string_equal(setlocale(LC_ALL, NULL), "C");
}

static void links_and_devices_are_refused(void **state)
{
    static const struct {
        char type;
        const char *says;
    } types[] = {
        {'1', "is a hard link"}, {'2', "is a symbolic link"}, {'3', "is a device"},
        {'4', "is a device"},    {'6', "is a named pipe"},
    };
    static const char *const places[] = {"evil", "code/evil", ".evil"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(types); i++) {
        for (size_t k = 0; k < ARRAY_LENGTH(places); k++) {
            char text[64];
            BUILDER(tar);

            tar_file(&tar, "xgboost-model", MODEL);
            tar_header(&tar, places[k], types[i].type, 0, "/etc/passwd");
            tar_end(&tar);
            snprintf(text, sizeof(text), "member '%s' %s", places[k], types[i].says);
            assert_refused(&tar, text);
        }
    }
    for (size_t i = 0; i < 2; i++) { /* targets that no locale can show */
        BUILDER(tar);

        tar_pax(&tar, "linkpath", "\xff\xfe");
        tar_header(&tar, "evil", (char)('1' + i), 0, "");
        tar_end(&tar);
        assert_refused(&tar, "");
    }
}

static void sparse_members_are_refused(void **state)
{
    BUILDER(old);
    BUILDER(pax);
    BUILDER(lies);
    BUILDER(longer);
    char *header;
    unsigned sum = 0;

    (void)state;
    /* GNU: one chunk of 512 bytes at 1 MB */
    tar_header(&old, "hole", 'S', TAR_BLOCK, "");
    header = old.data;
    memcpy(header + 257, "ustar  ", 8);
    memset(header + 265, 0, 64 + 16 + 41);
    memcpy(header + 386, "00004000000", 12);
    memcpy(header + 398, "00000001000", 12);
    memcpy(header + 483, "00004001000", 12);
    memset(header + 148, ' ', 8);
    for (size_t i = 0; i < TAR_BLOCK; i++)
        sum += (unsigned char)header[i];
    snprintf(header + 148, 8, "%06o", sum);
    tar_content(&old, MODEL, TAR_BLOCK < sizeof(MODEL) ? TAR_BLOCK : sizeof(MODEL));
    tar_end(&old);
    assert_refused(&old, "member 'hole' is a sparse file");

    /* PAX: 14 bytes at 1 MB; a map beyond the size of the header; a size beyond the content */
    tar_pax2(&pax, "GNU.sparse.size", "1048590", "GNU.sparse.map", "1048576,14");
    tar_file(&pax, "hole", MODEL);
    tar_end(&pax);
    assert_refused(&pax, "member 'hole' is a sparse file");
    tar_pax(&lies, "GNU.sparse.map", "1048576,14");
    tar_file(&lies, "hole", MODEL);
    tar_end(&lies);
    assert_refused(&lies, "member 'hole' has holes");
    tar_pax(&longer, "GNU.sparse.size", "1048590");
    tar_file(&longer, "hole", MODEL);
    tar_end(&longer);
    assert_refused(&longer, "member 'hole' is smaller than its header says");
}

static void paths_outside_are_refused(void **state)
{
    static const char *const names[] = {"/etc/passwd", "../x", "..", "./../x", "a/../../x", "a/.."};

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        char text[64];
        BUILDER(tar);
        BUILDER(directory);

        snprintf(text, sizeof(text), "'%s' would lie outside", names[i]);
        tar_file(&tar, names[i], MODEL);
        tar_end(&tar);
        assert_refused(&tar, text);
        tar_header(&directory, names[i], '5', 0, "");
        tar_end(&directory);
        assert_refused(&directory, text);
    }
}

static void doubtful_names_are_refused(void **state)
{
    BUILDER(twice);
    BUILDER(nameless);
    BUILDER(newline);

    (void)state;
    tar_file(&twice, "xgboost-model", "1");
    tar_file(&twice, "other", "2");
    tar_file(&twice, "./xgboost-model", "3");
    tar_end(&twice);
    assert_refused(&twice, "two members are called 'xgboost-model'");
    tar_file(&nameless, ".", "1");
    tar_end(&nameless);
    assert_refused(&nameless, "has no name");
    tar_header(&newline, "two\nlines\x1b[31m", '2', 0, "x");
    tar_end(&newline);
    assert_refused(&newline, "'two\\x0alines\\x1b[31m' is a symbolic link");
}

static void limits_of_members(void **state)
{
    struct artifact_limits few = {.entries = 3, .bytes = 10, .ratio = 1000};
    struct artifact *artifact = NULL;
    struct err err = ERR_INIT;
    size_t last;
    BUILDER(tar);

    (void)state;
    tar_header(&tar, "d/", '5', 0, "");
    tar_file(&tar, "d/deep", "12345");
    tar_file(&tar, "a", "12345");
    last = tar.size;
    tar_end(&tar);
    assert_int_equal(artifact_from_archive(build_bytes(&tar), "m", &few, &artifact, &err), 0);
    artifact_free(artifact);
    few.entries = 2;
    assert_refused_by(&tar, &few, ERR_LIMIT, "more than 2 members, the limit");
    few.entries = 3;
    few.bytes = 9;
    assert_refused_by(&tar, &few, ERR_LIMIT,
                      "member 'a' (5 bytes) takes the content over 9 bytes, the limit");
    tar.size = last;
    tar_header(&tar, "huge", '0', (size_t)077777777777, "");
    few.bytes = SIZE_MAX;
    few.entries = 4;
    assert_refused_by(&tar, &few, ERR_LIMIT, "'huge': more than 1000 bytes of content for each");
    few.bytes = 1000;
    assert_refused_by(&tar, &few, ERR_LIMIT, "member 'huge' (8589934591 bytes)");
}

/* A tar of `size` bytes in all, as gzip; the compressed size goes to ret. */
static void zeros_tar_gz(struct buffer *out, size_t size)
{
    BUILDER(tar);
    size_t content = size - 3 * TAR_BLOCK;

    tar.max = size;
    tar_header(&tar, "zeros", '0', content, "");
    assert_int_equal(buffer_reserve(&tar, size - tar.size), 0);
    memset(tar.data + tar.size, 0, size - tar.size);
    tar.size = size;
    gzip_append(out, build_bytes(&tar));
}

static void limits_of_ratio(void **state)
{
    struct artifact_limits by = ARTIFACT_LIMITS_DEFAULT;
    struct artifact *artifact = NULL;
    struct err err = ERR_INIT;
    const size_t any = (size_t)16 << 20;
    BUILDER(small);
    BUILDER(bomb);

    (void)state;
    by.ratio = 1;
    zeros_tar_gz(&small, any); /* a thousand to one, but small */
    assert_int_equal(artifact_from_archive(build_bytes(&small), "m", &by, &artifact, &err), 0);
    artifact_free(TAKE(artifact));
    zeros_tar_gz(&bomb, any + 1024);
    assert_refused_by(&bomb, &by, ERR_LIMIT, "more than 1 bytes of content for each of its");
    assert_refused_by(&bomb, &limits, ERR_LIMIT, "more than 1000 bytes of content for each");
    assert_true(bomb.size <= any / 1024 + 1);
    while (bomb.size < any / 1024 + 1) /* padding: now it is 1024 to one, exactly */
        build_append(&bomb, "", 1);
    by.ratio = 1024;
    assert_int_equal(artifact_from_archive(build_bytes(&bomb), "m", &by, &artifact, &err), 0);
    artifact_free(artifact);
    by.ratio = 1023;
    assert_refused_by(&bomb, &by, ERR_LIMIT, "more than 1023 bytes");
}

static void zips_are_read(void **state)
{
    static const struct zip_member members[] = {
        {.name = "xgboost-model", .text = MODEL}, {.name = "code/", .text = "", .mode = 040755},
        {.name = "code/x.py", .text = "x"},       {.name = "b", .text = ""},
        {.name = "__MACOSX/._b", .text = "x"},    {.name = ".DS_Store", .text = "x"},
    };
    struct artifact *artifact;
    BUILDER(zip);
    size_t whole;

    (void)state;
    zip_append(&zip, members, ARRAY_LENGTH(members));
    artifact = read_archive(&zip);
    assert_int_equal(artifact->count, 2);
    assert_file(artifact, 0, "xgboost-model", MODEL);
    assert_file(artifact, 1, "b", "");
    assert_int_equal(artifact->left_out_directories, 2);
    assert_int_equal(artifact->left_out_dotfiles, 1);
    artifact_free(artifact);

    zip.data[30 + strlen("xgboost-model")] ^= 1;
    assert_refused(&zip, "'xgboost-model'");
    zip.data[30 + strlen("xgboost-model")] ^= 1;
    whole = zip.size;
    for (zip.size = 0; zip.size < whole; zip.size++)
        assert_refused(&zip, zip.size < 6 ? "no archive" : "cut short");
}

static void odd_zips_are_refused(void **state)
{
    static const struct {
        struct zip_member member;
        enum err_kind kind;
        const char *says;
    } cases[] = {
        {{.name = "l", .text = "/etc/passwd", .mode = 0120777},
         ERR_INPUT,
         "'l' is a symbolic link"},
        {{.name = "/x", .text = "x"}, ERR_INPUT, "outside"},
        {{.name = "a/../../x", .text = "x"}, ERR_INPUT, "outside"},
        {{.name = "e", .text = "0123456789abcdef", .flags = 1},
         ERR_UNSUPPORTED,
         "'e' is encrypted"},
    };
    struct artifact_limits one = {.entries = 1, .bytes = 3, .ratio = 1000};
    const struct zip_member twice[] = {{.name = "x", .text = "12"}, {.name = "x", .text = "34"}};
    BUILDER(doubled);

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        BUILDER(zip);

        zip_append(&zip, &cases[i].member, 1);
        assert_refused_by(&zip, &limits, cases[i].kind, cases[i].says);
    }
    zip_append(&doubled, twice, 2);
    assert_refused(&doubled, "two members are called 'x'");
    assert_refused_by(&doubled, &one, ERR_LIMIT, "more than 1 members, the limit");
    one.entries = 2;
    assert_refused_by(&doubled, &one, ERR_LIMIT, "takes the content over 3 bytes");
}

static void models_are_no_archives(void **state)
{
    static const struct bytes models[] = {
        {(const uint8_t *)"", 0},
        {(const uint8_t *)"{\"learner\":{}}", 14},
        {(const uint8_t *)"\x80\x03"
                          "cxgboost.core\nBooster\n",
         24},
        {(const uint8_t *)"{L\0\0\0\0\0\0\0\7learner", 17},
        {(const uint8_t *)"binf\0\0\0?", 8},
        {(const uint8_t *)"\x1f\x8b\x08\x3f legacy, base_score 0.5334", 28},
        {(const uint8_t *)"PK are my initials", 18},
        {(const uint8_t *)"PK\3\4\xff\xff", 6},
        {(const uint8_t *)"BZh9 is no block", 16},
        {(const uint8_t *)"#mtree\n./a type=file\n", 21},
    };
    uint8_t block[2 * TAR_BLOCK];
    BUILDER(pickle);
    BUILDER(noise);

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(models); i++)
        assert_false(artifact_is_archive(models[i]));
    for (int value = 0; value < 256; value++) {
        memset(block, value, sizeof(block));
        assert_false(artifact_is_archive(bytes_of(block, sizeof(block))));
    }
    for (size_t i = 0; i < 4096; i++)
        build_append(&noise, &(char){(char)(i * i >> 3)}, 1);
    assert_false(artifact_is_archive(build_bytes(&noise)));
    assert_refused(&noise, "it is no archive");
    gzip_append(&pickle, build_bytes(&noise));
    assert_false(artifact_is_archive(build_bytes(&pickle)));
    assert_refused(&pickle, "it is no archive");
}

static void no_memory_is_an_error(void **state)
{
    BUILDER(targz);
    long n = 0;

    (void)state;
    model_tar_gz(&targz, "xgboost-model");
    write_file("model.tar.gz", build_bytes(&targz));
    for (int beside = 0; beside < 2; beside++) {
        struct artifact *artifact = NULL;
        struct err err = ERR_INIT;

        for (n = 1;; n++) {
            err_clear(&err);
            mem_fail_at(n);
            if (artifact_open(top, &limits, &artifact, &err) == 0)
                break;
            assert_null(artifact);
            if (!strstr(err.text, "model.tar.gz") || err.kind == ERR_MEMORY)
                assert_int_equal(err.kind, ERR_MEMORY);
        }
        mem_fail_at(0);
        assert_true(n > 5);
        artifact_free(artifact);
        write_text("xgboost-model", MODEL);
    }
}

/* Golden data: every artifact opens; no cut of it does. */
static void open_golden(const char *folder, const char *name)
{
    const char *fixtures = getenv("ENDPOINTD_FIXTURES");
    struct artifact *artifact;
    struct artifact *raw = NULL;
    struct err err = ERR_INIT;
    char path[1024];
    FILE *file;
    BUILDER(whole);
    int c;

    snprintf(path, sizeof(path), "%s/%s/%s", fixtures ? fixtures : "", folder, name);
    file = fopen(path, "rb");
    if (!file) {
        print_message("skipped: no %s\n", path);
        skip();
    }
    while ((c = fgetc(file)) != EOF)
        build_append(&whole, &(char){(char)c}, 1);
    fclose(file);
    artifact = open_path(path);
    assert_int_equal(artifact->kind, ARTIFACT_ARCHIVE);
    assert_true(artifact->count > 0);
    print_message("%s: %zu files, '%s' %zu bytes\n", name, artifact->count, artifact->files[0].name,
                  artifact->files[0].bytes.size);
    artifact_free(artifact);
    for (size_t i = 0; i < 64; i++) {
        size_t size = whole.size * i / 64;

        err_clear(&err);
        if (artifact_from_archive(bytes_of(whole.data, size), name, &limits, &raw, &err) == 0)
            fail_msg("%s cut to %zu bytes is read", name, size);
    }
}

static void real_artifacts(void **state)
{
    static const char *const xgboost[] = {
        "adult105_aws_samples__model.tar.gz",
        "aws_abalone_callback__model.tar.gz",
        "aws_async_demo__demo-xgboost-model.tar.gz",
        "aws_churn_a__xgb-churn-prediction-model.tar.gz",
        "aws_churn_b__xgb-churn-prediction-model2.tar.gz",
        "aws_music_rec__model.tar.gz",
        "bank_marketing59_v15__model.tar.gz",
        "bank_marketing64_v17__xgboost-model.tar.gz",
        "byo30_v072_p0__model.tar.gz",
        "churn99_aws_samples__model.tar.gz",
        "sdk_registry_abalone10__registry-test-model.tar.gz",
    };
    static const char *const linear[] = {
        "adult.model.tar.gz",
        "knn-classifier.model.tar.gz",
        "regressor-1feature.model.tar.gz",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(xgboost); i++)
        open_golden("real-xgboost/models", xgboost[i]);
    for (size_t i = 0; i < ARRAY_LENGTH(linear); i++)
        open_golden("linear-learner", linear[i]);
}

#define ON_DISK(test) cmocka_unit_test_setup_teardown(test, make_top, remove_top)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_DISK(directory_gives_its_files_in_order),
        ON_DISK(archives_beside_files_are_left_out),
        ON_DISK(lone_archive_stands_for_its_directory),
        ON_DISK(model_zip_is_a_file),
        ON_DISK(single_file_is_an_artifact),
        ON_DISK(what_cannot_be_read_is_told),
        ON_DISK(permissions_are_explained),
        ON_DISK(limits_of_directories),
        cmocka_unit_test(every_compression_is_read),
        cmocka_unit_test(cut_archives_are_refused),
        cmocka_unit_test(damaged_archives_give_no_wrong_content),
        cmocka_unit_test(end_of_archive),
        cmocka_unit_test(names_are_plain),
        cmocka_unit_test(names_in_any_encoding),
        cmocka_unit_test(links_and_devices_are_refused),
        cmocka_unit_test(sparse_members_are_refused),
        cmocka_unit_test(paths_outside_are_refused),
        cmocka_unit_test(doubtful_names_are_refused),
        cmocka_unit_test(limits_of_members),
        cmocka_unit_test(limits_of_ratio),
        cmocka_unit_test(zips_are_read),
        cmocka_unit_test(odd_zips_are_refused),
        cmocka_unit_test(models_are_no_archives),
        ON_DISK(no_memory_is_an_error),
        cmocka_unit_test(real_artifacts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
