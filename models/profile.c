#include "models/profile.h"

#include <string.h>

#include "base/compiler.h"

/* What the images of before 1.2-2 share: the code behind them is of another generation. */
#define FIRST_GENERATION .best_limit = BEST_LIMIT_PICKLE, .joined_csv = true, .infinite_ok = true

static const struct profile profiles[] = {
    {FIRST_GENERATION, .name = "0.90-1", .xgboost = "0.90", .xgboost_version = 90,
     .accept = ACCEPT_IGNORED, .extra_columns_ok = true},
    {FIRST_GENERATION, .name = "0.90-2", .xgboost = "0.90", .xgboost_version = 90,
     .accept = ACCEPT_IGNORED, .extra_columns_ok = true},
    {FIRST_GENERATION, .name = "1.0-1", .xgboost = "1.0.0", .xgboost_version = 100,
     .accept = ACCEPT_SELECTABLE, .selectable = true, .extra_columns_ok = true},
    {FIRST_GENERATION, .name = "1.2-1", .xgboost = "1.2.0", .xgboost_version = 102,
     .accept = ACCEPT_SELECTABLE, .selectable = true},
    {.name = "1.2-2",
     .xgboost = "1.2.0",
     .xgboost_version = 102,
     .best_limit = BEST_LIMIT_PICKLE,
     .selectable = true,
     .infinite_ok = true},
    {.name = "1.3-1",
     .xgboost = "1.3.3",
     .xgboost_version = 103,
     .best_limit = BEST_LIMIT_PICKLE,
     .selectable = true,
     .infinite_ok = true},
    {.name = "1.5-1",
     .xgboost = "1.5.2",
     .xgboost_version = 105,
     .best_limit = BEST_LIMIT_ATTRIBUTE,
     .selectable = true},
    {.name = "1.7-1",
     .xgboost = "1.7.4",
     .xgboost_version = 107,
     .best_limit = BEST_LIMIT_ATTRIBUTE,
     .selectable = true,
     .selectable_absolute = true},
    {.name = "3.0-5",
     .xgboost = "3.0.5",
     .xgboost_version = 300,
     .best_limit = BEST_LIMIT_PICKLE,
     .limit_is_rounds = true,
     .selectable = true,
     .selectable_absolute = true},
    {.name = "3.2-0",
     .xgboost = "3.2.0",
     .xgboost_version = 302,
     .best_limit = BEST_LIMIT_PICKLE,
     .limit_is_rounds = true,
     .selectable = true,
     .selectable_absolute = true,
     .libsvm_shift = true,
     .recordio_stacked = true,
     .html5_pages = true},
};

static const struct profile builtin_profiles[] = {
    {.name = "py3", .builtin = true},
    {.name = "py2", .builtin = true, .python2 = true},
};

/* The version from which on a file is answered by a profile; the last that fits counts. */
static const struct {
    int version;
    const char *profile;
} writers[] = {
    {0, "0.90-2"},  {100, "1.0-1"}, {102, "1.2-1"}, {103, "1.3-1"},
    {105, "1.5-1"}, {107, "1.7-1"}, {200, "3.0-5"}, {301, "3.2-0"},
};

const struct profile *profile_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LENGTH(profiles); i++) {
        if (strcmp(profiles[i].name, name) == 0)
            return &profiles[i];
    }
    for (size_t i = 0; i < ARRAY_LENGTH(builtin_profiles); i++) {
        if (strcmp(builtin_profiles[i].name, name) == 0)
            return &builtin_profiles[i];
    }
    return NULL;
}

const struct profile *profile_builtin_table(size_t *ret_count)
{
    *ret_count = ARRAY_LENGTH(builtin_profiles);
    return builtin_profiles;
}

const struct profile *profile_table(size_t *ret_count)
{
    *ret_count = ARRAY_LENGTH(profiles);
    return profiles;
}

const struct profile *profile_for(const struct xgb_model *model)
{
    const struct xgb_version *v = &model->version;
    int version = v->known ? v->major * 100 + v->minor : 0;
    const char *name = writers[0].profile;

    for (size_t i = 0; i < ARRAY_LENGTH(writers) && writers[i].version <= version; i++)
        name = writers[i].profile;
    return profile_find(name);
}
