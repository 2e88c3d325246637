#include "server/inspect_builtin.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/json.h"
#include "base/number_print.h"
#include "server/commands.h"

/* Scores of a row: what is left of an answer without its label. */
static uint32_t outputs_of(const struct builtin *builtin)
{
    return builtin->margin ? builtin->margin->outputs : builtin->plain_columns;
}

static struct json_doc *shape_document(const struct builtin_fact *fact)
{
    struct json_doc *shape = json_doc_array();

    for (size_t i = 0; i < fact->dimensions; i++)
        json_doc_add_integer(shape, (int64_t)fact->shape[i]);
    return shape;
}

/* Counts are told as such: 3, not 3.0. */
static bool is_count(double number)
{
    return number == floor(number) && fabs(number) < 0x1p53;
}

static void add_fact(struct json_doc *document, const struct builtin_fact *fact)
{
    switch (fact->kind) {
    case BUILTIN_FACT_TEXT:
        json_doc_set_text(document, fact->name, fact->text);
        break;
    case BUILTIN_FACT_NUMBER:
        if (is_count(fact->number))
            json_doc_set_integer(document, fact->name, (int64_t)fact->number);
        else
            json_doc_set_real(document, fact->name, fact->number);
        break;
    case BUILTIN_FACT_SHAPE:
        json_doc_set(document, fact->name, shape_document(fact));
        break;
    }
}

int inspect_builtin_json(const struct model *model)
{
    const struct builtin *builtin = model->builtin;
    struct json_doc *document = json_doc_object();
    struct json_doc *files = json_doc_array();
    struct json_doc *file = json_doc_object();
    struct json_doc *left_out = json_doc_array();

    json_doc_set_text(document, "algorithm", family_name(model->family));
    json_doc_set_text(document, "format", builtin->format);
    json_doc_set_text(document, "written_by", NULL);
    json_doc_set_text(document, "objective", builtin->objective);
    json_doc_set_integer(document, "features", builtin->features);
    json_doc_set_text(document, "feature_names", NULL);
    json_doc_set_integer(document, "outputs", outputs_of(builtin));
    json_doc_set_text(document, "trees", NULL);
    for (size_t i = 0; i < builtin->fact_count; i++)
        add_fact(document, &builtin->facts[i]);
    json_doc_set_text(document, "profile", model->profile->name);
    json_doc_set_text(document, "kernel", builtin->scorer->name);
    json_doc_set_text(file, "file", builtin->file);
    json_doc_set_text(file, "format", builtin->format);
    json_doc_set_text(file, "objective", builtin->objective);
    json_doc_add(files, file);
    json_doc_set(document, "files", files);
    for (size_t i = 0; i < model->left_out_count; i++)
        json_doc_add_text(left_out, model->left_out[i]);
    json_doc_set(document, "left_out", left_out);
    return command_print_document(document);
}

static void print_fact(const struct builtin_fact *fact)
{
    char text[COMMAND_SHOWN_SIZE];
    char number[NUMBER_PRINT_MAX + 1];

    switch (fact->kind) {
    case BUILTIN_FACT_TEXT:
        printf("%-15s %s\n", fact->name, command_shown(text, fact->text));
        break;
    case BUILTIN_FACT_NUMBER:
        number[number_print_double(number, fact->number)] = '\0';
        if (is_count(fact->number))
            printf("%-15s %.0f\n", fact->name, fact->number);
        else
            printf("%-15s %s\n", fact->name, number);
        break;
    case BUILTIN_FACT_SHAPE:
        printf("%-15s", fact->name);
        for (size_t i = 0; i < fact->dimensions; i++)
            printf("%s%" PRIu64, i ? " x " : " ", fact->shape[i]);
        putchar('\n');
        break;
    }
}

void inspect_builtin_text(const struct model *model)
{
    const struct builtin *builtin = model->builtin;
    char text[COMMAND_SHOWN_SIZE];

    printf("path            %s\n", command_shown(text, model->path));
    printf("algorithm       %s\n", family_name(model->family));
    printf("format          %s\n", builtin->format);
    printf("objective       %s\n", command_shown(text, builtin->objective));
    printf("features        %u\n", builtin->features);
    printf("outputs         %u\n", outputs_of(builtin));
    for (size_t i = 0; i < builtin->fact_count; i++)
        print_fact(&builtin->facts[i]);
    printf("profile         %s%s\n", model->profile->name, model->profile_is_auto ? " (auto)" : "");
    printf("kernel          %s\n", builtin->scorer->name);
    printf("file            %s\n", command_shown(text, builtin->file));
    for (size_t i = 0; i < model->left_out_count; i++)
        printf("  %s: no part of the model, left out\n", command_shown(text, model->left_out[i]));
}
