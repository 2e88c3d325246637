#include "server/commands.h"

#include <stdio.h>
#include <string.h>

#include "base/cpu.h"
#include "base/log.h"
#include "base/unicode.h"

void command_limit_cpu(const struct settings *settings)
{
    enum cpu_level level;

    if (settings->cpu && cpu_level_find(settings->cpu, &level))
        (void)!cpu_limit(level); /* options_parse has seen that there is so much */
}

struct model_options command_model_options(const struct settings *settings)
{
    enum forest_kernel kernel = FOREST_AUTO;

    (void)!forest_kernel_find(settings->kernel, &kernel); /* options_parse knows the names */
    return (struct model_options){
        .profile = settings->profile,
        .ensemble = !settings->no_ensemble,
        .strict = settings->strict,
        .kernel = kernel,
        .limits =
            {
                .entries = (size_t)settings->artifact_entries,
                .bytes = (size_t)settings->artifact_bytes,
                .ratio = (unsigned)settings->artifact_ratio,
            },
    };
}

const char *command_version_text(const struct xgb_version *version, char *out, size_t size)
{
    if (version->known && version->patch == XGB_PATCH_UNKNOWN)
        snprintf(out, size, "%d.%d", version->major, version->minor);
    else if (version->known)
        snprintf(out, size, "%d.%d.%d", version->major, version->minor, version->patch);
    else
        snprintf(out, size, "before 1.0");
    return out;
}

static int describe_builtin(const struct model *model, struct buffer *ret)
{
    const struct builtin *builtin = model->builtin;

    return buffer_print(ret, "%s, %s, %s, %u features, profile %s%s, kernel %s",
                        family_name(model->family), builtin->format, builtin->objective,
                        builtin->features, model->profile->name,
                        model->profile_is_auto ? " (auto)" : "", builtin->scorer->name);
}

static int describe_xgboost(const struct model *model, struct buffer *ret)
{
    const struct model_member *member = &model->members[0];
    const struct xgb_model *source = member->source;
    char version[48];
    char size[80];

    if (source->booster == XGB_GBLINEAR)
        snprintf(size, sizeof(size), "linear");
    else if (member->trees_used != source->tree_count)
        snprintf(size, sizeof(size), "%u of %u trees (best_ntree_limit)", member->trees_used,
                 source->tree_count);
    else
        snprintf(size, sizeof(size), "%u trees", source->tree_count);
    if (buffer_print(ret, "%s, %s%s%s, written by XGBoost %s, %s, %u features, %s, profile %s%s",
                     family_name(model->family), source->format,
                     source->pickle_class ? " in a pickle of " : "",
                     source->pickle_class ? source->pickle_class : "",
                     command_version_text(&source->version, version, sizeof(version)),
                     source->objective_text, source->features, size, model->profile->name,
                     model->profile_is_auto ? " (auto)" : "") ||
        buffer_print(ret, ", kernel %s", member->scorer->name))
        return -1;
    if (model->member_count > 1 && buffer_print(ret, ", %zu models that %s", model->member_count,
                                                model->vote ? "vote" : "are averaged"))
        return -1;
    return 0;
}

int command_describe_model(const struct model *model, struct buffer *ret)
{
    return model->builtin ? describe_builtin(model, ret) : describe_xgboost(model, ret);
}

const char *command_shown(char out[COMMAND_SHOWN_SIZE], const char *text)
{
    size_t size = strlen(text);
    struct unicode_fault bad;
    bool printable = unicode_check(text, size, &bad) == size;

    for (size_t i = 0; printable && i < size;) {
        uint32_t code;

        i += unicode_decode(text + i, size - i, &code);
        printable = unicode_is_printable(code);
    }
    return printable ? text : err_quote(out, COMMAND_SHOWN_SIZE, text, size);
}

int command_print_document(struct json_doc *document)
{
    struct buffer text;
    int result;

    buffer_init(&text, SIZE_MAX / 4);
    result = json_doc_print(document, &text);
    if (result == 0)
        fwrite(text.data, 1, text.size, stdout);
    else
        log_line("out of memory for the JSON document");
    buffer_fini(&text);
    return result ? 1 : 0;
}
