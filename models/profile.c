#include "models/profile.h"

#include <string.h>

#include "base/compiler.h"

static const struct profile profiles[] = {
    {.name = "1.7-1",
     .xgboost = "1.7.4",
     .xgboost_version = 107,
     .best_limit = BEST_LIMIT_ATTRIBUTE},
    {.name = "3.0-5",
     .xgboost = "3.0.5",
     .xgboost_version = 300,
     .best_limit = BEST_LIMIT_PICKLE,
     .limit_is_rounds = true},
    {.name = "3.2-0",
     .xgboost = "3.2.0",
     .xgboost_version = 302,
     .best_limit = BEST_LIMIT_PICKLE,
     .limit_is_rounds = true,
     .libsvm_shift = true,
     .html5_pages = true},
};

/* Files of older versions, while the images that served them have no profile of their own. */
static const struct profile before_1_5 = {
    .name = "1.7-1", .xgboost = "1.7.4", .xgboost_version = 107, .best_limit = BEST_LIMIT_PICKLE};

const struct profile *profile_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LENGTH(profiles); i++) {
        if (strcmp(profiles[i].name, name) == 0)
            return &profiles[i];
    }
    return NULL;
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

    if (version < 105)
        return &before_1_5;
    if (version < 200)
        return profile_find("1.7-1");
    if (version < 301)
        return profile_find("3.0-5");
    return profile_find("3.2-0");
}
