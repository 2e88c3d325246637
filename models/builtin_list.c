#include "models/builtin_list.h"

#include "models/builtin_files.h"

int builtin_list_load(enum family family, const struct artifact *artifact,
                      const struct model_options *options, struct model *model,
                      int (*take)(struct builtin *builtin, const struct builtin_arrays *arrays,
                                  struct err *err),
                      struct err *err)
{
    const struct artifact_file *file = builtin_files_model(artifact);
    struct builtin *builtin = builtin_new(family, options->limits.bytes);
    struct builtin_arrays arrays;
    char quoted[96];
    int status;

    if (!builtin)
        return err_memory(err, sizeof(*builtin), "a model");
    model->builtin = builtin; /* model_unref frees it */
    builtin->format = "ndarray-list";
    builtin->file = arena_text(&builtin->arena, file->name, strlen(file->name));
    if (!builtin->file)
        return err_memory(err, strlen(file->name), "a file's name");
    if (builtin_files_leave_out(artifact, (const char *[]){file->name}, 1, model, err))
        return -1;
    status = builtin_arrays_read(file->bytes, options->limits.bytes, &arrays, err);
    if (status == 0) {
        status = take(builtin, &arrays, err);
        builtin_arrays_fini(&arrays);
    }
    if (status)
        err_wrap(err, "file %s", err_quote(quoted, sizeof(quoted), file->name, strlen(file->name)));
    return status;
}
