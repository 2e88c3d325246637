/*
 * endpointd inspect, endpointd profiles: what an artifact is, what the profiles are; for people, or
 * as JSON. Loads with our own parsers alone.
 */
#include <stdio.h>

#include "base/json.h"
#include "base/log.h"
#include "server/commands.h"
#include "server/inspect_builtin.h"

/* The format as found: a pickle says so, whatever it holds. */
static const char *format_found(const struct xgb_model *source)
{
    return source->pickle_class ? "pickle" : source->format;
}

static struct json_doc *member_document(const struct model_member *member)
{
    const struct xgb_model *source = member->source;
    struct json_doc *document = json_doc_object();

    json_doc_set_text(document, "file", member->file);
    json_doc_set_text(document, "format", format_found(source));
    json_doc_set_text(document, "payload", source->format);
    json_doc_set_text(document, "pickle_class", source->pickle_class);
    json_doc_set_text(document, "objective", source->objective_text);
    json_doc_set_integer(document, "trees", source->tree_count);
    json_doc_set_integer(document, "trees_used", member->trees_used);
    return document;
}

static struct json_doc *names_document(const struct xgb_model *source)
{
    struct json_doc *names;

    if (!source->feature_names)
        return NULL;
    names = json_doc_array();
    for (uint32_t i = 0; i < source->features; i++)
        json_doc_add_text(names, source->feature_names[i]);
    return names;
}

static int print_json(const struct model *model)
{
    const struct model_member *member = &model->members[0];
    const struct xgb_model *source = member->source;
    struct json_doc *document = json_doc_object();
    struct json_doc *files = json_doc_array();
    struct json_doc *names = names_document(source);
    struct json_doc *left_out = json_doc_array();
    char version[48];

    json_doc_set_text(document, "algorithm", family_name(model->family));
    json_doc_set_text(document, "format", format_found(source));
    json_doc_set_text(document, "written_by",
                      source->version.known
                          ? command_version_text(&source->version, version, sizeof(version))
                          : NULL);
    json_doc_set_text(document, "objective", source->objective_text);
    json_doc_set_text(document, "booster",
                      source->booster == XGB_GBLINEAR ? "gblinear"
                                                      : (source->dart ? "dart" : "gbtree"));
    json_doc_set_integer(document, "features", source->features);
    if (names)
        json_doc_set(document, "feature_names", names);
    else
        json_doc_set_text(document, "feature_names", NULL);
    json_doc_set_integer(document, "outputs", (int64_t)model_columns(model, MODEL_VALUE));
    json_doc_set_integer(document, "trees", source->tree_count);
    json_doc_set_integer(document, "trees_used", member->trees_used);
    json_doc_set_integer(document, "iterations", source->iterations);
    json_doc_set_text(document, "profile", model->profile->name);
    json_doc_set_text(document, "kernel", member->scorer->name);
    for (size_t i = 0; i < model->member_count; i++)
        json_doc_add(files, member_document(&model->members[i]));
    json_doc_set(document, "files", files);
    for (size_t i = 0; i < model->left_out_count; i++)
        json_doc_add_text(left_out, model->left_out[i]);
    json_doc_set(document, "left_out", left_out);
    return command_print_document(document);
}

static void print_member(const struct model_member *member)
{
    const struct xgb_model *source = member->source;
    char file[COMMAND_SHOWN_SIZE];
    char class[COMMAND_SHOWN_SIZE];
    char objective[COMMAND_SHOWN_SIZE];

    printf("  %s: %s%s%s, %s, %u trees", command_shown(file, member->file), source->format,
           source->pickle_class ? " in a pickle of " : "",
           source->pickle_class ? command_shown(class, source->pickle_class) : "",
           command_shown(objective, source->objective_text), source->tree_count);
    if (member->trees_used != source->tree_count)
        printf(" (%u used: best_ntree_limit)", member->trees_used);
    putchar('\n');
}

static void print_text(const struct model *model)
{
    const struct model_member *member = &model->members[0];
    const struct xgb_model *source = member->source;
    char version[48];
    char text[COMMAND_SHOWN_SIZE];

    printf("path        %s\n", command_shown(text, model->path));
    printf("algorithm   %s (%s%s)\n", family_name(model->family),
           source->booster == XGB_GBLINEAR ? "gblinear" : "gbtree", source->dart ? ", dart" : "");
    printf("format      %s\n", format_found(source));
    printf("written by  XGBoost %s\n",
           command_version_text(&source->version, version, sizeof(version)));
    printf("objective   %s\n", command_shown(text, source->objective_text));
    printf("features    %u\n", source->features);
    for (uint32_t i = 0; source->feature_names && i < source->features && i < 20; i++)
        printf("            %u %s\n", i, command_shown(text, source->feature_names[i]));
    if (source->feature_names && source->features > 20)
        printf("            ... (--json has all)\n");
    printf("outputs     %zu\n", model_columns(model, MODEL_VALUE));
    printf("trees       %u in %u iterations\n", source->tree_count, source->iterations);
    printf("profile     %s%s\n", model->profile->name, model->profile_is_auto ? " (auto)" : "");
    printf("kernel      %s\n", member->scorer->name);
    printf("files       %zu%s\n", model->member_count,
           model->member_count == 1 ? "" : (model->vote ? ", they vote" : ", averaged"));
    for (size_t i = 0; i < model->member_count; i++)
        print_member(&model->members[i]);
    for (size_t i = 0; i < model->left_out_count; i++)
        printf("  %s: no model, left out\n", command_shown(text, model->left_out[i]));
}

int command_inspect(const struct settings *settings)
{
    struct model_options options = command_model_options(settings);
    struct model *model = NULL;
    struct err err = ERR_INIT;
    int status = 0;

    if (settings->argument_count != 1) {
        log_line("inspect takes one path: endpointd inspect PATH [--json]");
        return 2;
    }
    if (model_load(settings->arguments[0], &options, &model, &err)) {
        log_line("%s", err.text);
        return 1;
    }
    if (model->builtin && settings->json)
        status = inspect_builtin_json(model);
    else if (model->builtin)
        inspect_builtin_text(model);
    else if (settings->json)
        status = print_json(model);
    else
        print_text(model);
    model_unref(model);
    return status;
}

static const char *limit_text(const struct profile *profile)
{
    return profile->best_limit == BEST_LIMIT_ATTRIBUTE ? "pickle, attribute" : "pickle";
}

static const char *accept_text(const struct profile *profile)
{
    switch (profile->accept) {
    case ACCEPT_IGNORED:
        return "ignored";
    case ACCEPT_SELECTABLE:
        return "selectable";
    case ACCEPT_HONOURED:
        break;
    }
    return "honoured";
}

static void print_profile(const struct profile *profile)
{
    printf("%-8s %-8s %-7s %-12s %-11s %-18s %-9s %-13s %-9s %s\n", profile->name, profile->xgboost,
           profile->joined_csv ? "joined" : "lines", accept_text(profile),
           !profile->selectable ? "no" : (profile->selectable_absolute ? "yes" : "older"),
           limit_text(profile), profile->infinite_ok ? "a value" : "refused",
           profile->extra_columns_ok ? "ignored" : "refused",
           profile->libsvm_shift ? "shifted" : "as is",
           profile->html5_pages ? "HTML 5" : "HTML 3.2");
}

static void print_builtin_profiles(void)
{
    size_t count;
    const struct profile *profiles = profile_builtin_table(&count);

    printf("\nLinear Learner and its siblings\nprofile  labels    JSON Lines  numbers of csv\n");
    for (size_t i = 0; i < count; i++)
        printf("%-8s %-9s %-11s %s\n", profiles[i].name,
               profiles[i].python2 ? "floats" : "integers",
               profiles[i].python2 ? "spaced" : "compact",
               profiles[i].python2 ? "12 digits" : "shortest");
    printf("auto: %s\n", profiles[0].name);
}

static void add_builtin_profiles(struct json_doc *array)
{
    size_t count;
    const struct profile *profiles = profile_builtin_table(&count);

    for (size_t i = 0; i < count; i++) {
        struct json_doc *profile = json_doc_object();

        json_doc_set_text(profile, "name", profiles[i].name);
        json_doc_set_text(profile, "family", "linear-learner");
        json_doc_set_bool(profile, "float_labels", profiles[i].python2);
        json_doc_set_bool(profile, "spaced_jsonlines", profiles[i].python2);
        json_doc_set_bool(profile, "csv_of_12_digits", profiles[i].python2);
        json_doc_add(array, profile);
    }
}

int command_profiles(const struct settings *settings)
{
    size_t count;
    const struct profile *profiles = profile_table(&count);
    struct json_doc *array;

    if (settings->argument_count) {
        log_line("profiles takes no argument: %s", settings->arguments[0]);
        return 2;
    }
    if (!settings->json) {
        printf(
            "profile  xgboost  csv     accept       selectable  limit of trees     infinite  more "
            "columns  libsvm    pages\n");
        for (size_t i = 0; i < count; i++)
            print_profile(&profiles[i]);
        printf("auto: by the version that wrote the model: before 1.0 0.90-2; 1.0, 1.1 1.0-1; 1.2 "
               "1.2-1; 1.3, 1.4 1.3-1;\n1.5, 1.6 1.5-1; 1.7 1.7-1; 2.x, 3.0 3.0-5; later 3.2-0\n");
        print_builtin_profiles();
        return 0;
    }
    array = json_doc_array();
    for (size_t i = 0; i < count; i++) {
        struct json_doc *profile = json_doc_object();

        json_doc_set_text(profile, "name", profiles[i].name);
        json_doc_set_text(profile, "family", "xgboost");
        json_doc_set_text(profile, "xgboost", profiles[i].xgboost);
        json_doc_set_text(profile, "accept", accept_text(&profiles[i]));
        json_doc_set_text(profile, "tree_limit", limit_text(&profiles[i]));
        json_doc_set_bool(profile, "tree_limit_is_rounds", profiles[i].limit_is_rounds);
        json_doc_set_bool(profile, "joined_csv", profiles[i].joined_csv);
        json_doc_set_bool(profile, "selectable", profiles[i].selectable);
        json_doc_set_bool(profile, "selectable_absoluteerror", profiles[i].selectable_absolute);
        json_doc_set_bool(profile, "infinite_values", profiles[i].infinite_ok);
        json_doc_set_bool(profile, "extra_columns_ignored", profiles[i].extra_columns_ok);
        json_doc_set_bool(profile, "libsvm_shift", profiles[i].libsvm_shift);
        json_doc_set_bool(profile, "html5_pages", profiles[i].html5_pages);
        json_doc_add(array, profile);
    }
    add_builtin_profiles(array);
    return command_print_document(array);
}
