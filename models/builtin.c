#include "models/builtin.h"

#include <stdio.h>
#include <string.h>

struct builtin *builtin_new(enum family family, size_t memory_cap)
{
    struct builtin *builtin = mem_zero(1, sizeof(*builtin));

    if (!builtin)
        return NULL;
    builtin->family = family;
    arena_init(&builtin->arena, memory_cap);
    return builtin;
}

void builtin_free(struct builtin *builtin)
{
    if (!builtin)
        return;
    scorer_free(builtin->scorer);
    scorer_free(builtin->margin);
    arena_fini(&builtin->arena);
    mem_release(builtin);
}

static struct builtin_fact *add_fact(struct builtin *builtin, const char *name,
                                     enum builtin_fact_kind kind)
{
    struct builtin_fact *fact;

    if (builtin->fact_count == BUILTIN_FACTS_MAX)
        return NULL;
    fact = &builtin->facts[builtin->fact_count++];
    *fact = (struct builtin_fact){.name = name, .kind = kind};
    return fact;
}

int builtin_tell_text(struct builtin *builtin, const char *name, struct bytes text, struct err *err)
{
    const char *copy = arena_text(&builtin->arena, text.data, text.size);
    struct builtin_fact *fact;

    if (!copy)
        return err_memory(err, text.size, "the description of a model");
    fact = add_fact(builtin, name, BUILTIN_FACT_TEXT);
    if (fact)
        fact->text = copy;
    return 0;
}

void builtin_tell_number(struct builtin *builtin, const char *name, double number)
{
    struct builtin_fact *fact = add_fact(builtin, name, BUILTIN_FACT_NUMBER);

    if (fact)
        fact->number = number;
}

int builtin_tell_shape(struct builtin *builtin, const char *name, const uint64_t *shape,
                       size_t dimensions, struct err *err)
{
    uint64_t *copy = arena_alloc(&builtin->arena, dimensions, sizeof(*copy));
    struct builtin_fact *fact;

    if (!copy)
        return err_memory(err, dimensions * sizeof(*copy), "the description of a model");
    memcpy(copy, shape, dimensions * sizeof(*copy));
    fact = add_fact(builtin, name, BUILTIN_FACT_SHAPE);
    if (fact) {
        fact->shape = copy;
        fact->dimensions = dimensions;
    }
    return 0;
}

int builtin_tell_version(struct builtin *builtin, int version, struct err *err)
{
    char text[48];
    int length = snprintf(text, sizeof(text), "%d.%d.%d", version / 10000, version / 100 % 100,
                          version % 100);

    return builtin_tell_text(builtin, "mxnet_version", bytes_of(text, (size_t)length), err);
}

void builtin_add_field(struct builtin *builtin, const struct answer_field *field)
{
    builtin->fields[builtin->field_count++] = *field;
}

void builtin_answer_score(struct builtin *builtin, bool csv)
{
    builtin_add_field(builtin, &(struct answer_field){.name = "score", .first = 0, .count = 1});
    builtin->plain_columns = 1;
    builtin->csv_first = 0;
    builtin->csv_count = csv ? 1 : 0;
}

void builtin_answer_class(struct builtin *builtin, bool csv)
{
    builtin_add_field(builtin, &(struct answer_field){.name = "score", .first = 0, .count = 1});
    builtin_add_field(
        builtin,
        &(struct answer_field){.name = "predicted_label", .first = 1, .count = 1, .whole = true});
    builtin->plain_columns = 2;
    builtin->csv_first = 1;
    builtin->csv_count = csv ? 1 : 0;
}
