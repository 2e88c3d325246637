/*
 * Of a zip this file reads the directory alone, to tell whose it is before anything is unpacked:
 *
 *   end of the directory, the last thing in the file     an entry of the directory
 *   offset  size  field                                  offset  size  field
 *        0     4  "PK" 5 6                                    0     4  "PK" 1 2
 *       12     4  size of the directory                      28     2  length of the name
 *       16     4  its offset                                 30     2  length of the extra field
 *       20     2  length of the comment that follows         32     2  length of the comment
 *                                                            46        name, extra field, comment
 */
#include "models/builtin_files.h"

#define MODEL_PREFIX "model_algo-"
#define END_SIZE     22u
#define ENTRY_SIZE   46u
#define COMMENT_MAX  65535u
#define NAME_QUOTED  96

const struct artifact_file *builtin_files_find(const struct artifact *artifact, const char *name)
{
    for (size_t i = 0; i < artifact->count; i++) {
        if (strcmp(artifact->files[i].name, name) == 0)
            return &artifact->files[i];
    }
    return NULL;
}

static bool is_model_name(const char *name)
{
    return strncmp(name, MODEL_PREFIX, strlen(MODEL_PREFIX)) == 0 && !strchr(name, '.');
}

const struct artifact_file *builtin_files_model(const struct artifact *artifact)
{
    const struct artifact_file *first = builtin_files_find(artifact, MODEL_PREFIX "1");

    if (first)
        return first;
    for (size_t i = 0; i < artifact->count; i++) {
        const struct artifact_file *file = &artifact->files[i];

        if (is_model_name(file->name) && (!first || strcmp(file->name, first->name) < 0))
            first = file;
    }
    return first || artifact->count != 1 ? first : &artifact->files[0];
}

bool builtin_files_is_zip(struct bytes data)
{
    return bytes_starts(data, "PK\x03\x04") || bytes_starts(data, "PK\x05\x06");
}

/* The directory; an empty view where there is none. */
static struct bytes zip_directory(struct bytes zip)
{
    size_t last = zip.size < END_SIZE ? 0 : zip.size - END_SIZE;

    for (size_t comment = 0; zip.size >= END_SIZE && comment <= COMMENT_MAX && comment <= last;
         comment++) {
        const uint8_t *end = zip.data + last - comment;

        if (memcmp(end, "PK\x05\x06", 4) == 0 && load_le16(end + 20) == comment) {
            size_t size = load_le32(end + 12);

            if (size > last - comment)
                break;
            return bytes_of(end - size, size);
        }
    }
    return bytes_of(zip.data, 0);
}

bool builtin_files_zip_has(struct bytes zip, const char *member)
{
    struct cursor cursor = cursor_of(zip_directory(zip));
    struct bytes head;
    struct bytes name;

    if (!builtin_files_is_zip(zip))
        return false;
    while (cursor_take(&cursor, ENTRY_SIZE, &head) && bytes_starts(head, "PK\x01\x02")) {
        if (!cursor_take(&cursor, load_le16(head.data + 28), &name))
            return false;
        if (bytes_is(name, member))
            return true;
        if (!cursor_skip(&cursor, load_le16(head.data + 30) + load_le16(head.data + 32)))
            return false;
    }
    return false;
}

int builtin_files_open(const struct artifact *artifact, const struct artifact_limits *limits,
                       struct builtin_files *ret, struct err *err)
{
    const struct artifact_file *model = builtin_files_model(artifact);

    *ret = (struct builtin_files){.members = artifact};
    if (!model || !builtin_files_is_zip(model->bytes))
        return 0;
    if (artifact_from_archive(model->bytes, model->name, limits, &ret->opened, err))
        return -1;
    ret->zip = model;
    ret->members = ret->opened;
    return 0;
}

void builtin_files_fini(struct builtin_files *files)
{
    artifact_free(files->opened);
    files->opened = NULL;
}

int builtin_files_need(const struct builtin_files *files, const char *member, const char *purpose,
                       struct bytes *ret, struct err *err)
{
    const struct artifact_file *file = builtin_files_find(files->members, member);
    char quoted[NAME_QUOTED];

    if (file) {
        *ret = file->bytes;
        return 0;
    }
    err_quote(quoted, sizeof(quoted), member, strlen(member));
    if (!files->zip)
        return err_set(err, ERR_INPUT, "no file %s, which has %s", quoted, purpose);
    err_set(err, ERR_INPUT, "no member %s, which has %s", quoted, purpose);
    return err_wrap(err, "file %s",
                    err_quote(quoted, sizeof(quoted), files->zip->name, strlen(files->zip->name)));
}

int builtin_files_wrap(const struct builtin_files *files, const char *member, struct err *err)
{
    char quoted[NAME_QUOTED];

    err_wrap(err, "%s %s", files->zip ? "member" : "file",
             err_quote(quoted, sizeof(quoted), member, strlen(member)));
    if (!files->zip)
        return -1;
    return err_wrap(err, "file %s",
                    err_quote(quoted, sizeof(quoted), files->zip->name, strlen(files->zip->name)));
}

int builtin_files_leave_out(const struct artifact *artifact, const char *const *used, size_t count,
                            struct model *model, struct err *err)
{
    for (size_t i = 0; i < artifact->count; i++) {
        const char *name = artifact->files[i].name;
        size_t k = 0;

        while (k < count && strcmp(used[k], name) != 0)
            k++;
        if (k == count && model_leave_out(model, name, err))
            return -1;
    }
    return 0;
}
