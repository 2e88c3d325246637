/*
 * Whether the columns of a request fit the model (xgboost-container 3.6).
 */
#include <time.h>

#include "server/container/invocation_answer.h"

/* The text of XGBoost's own check, up to where it stops being the same everywhere. */
static int print_library_check(struct buffer *message, uint32_t features, uint64_t columns)
{
    char clock[16] = "00:00:00";
    time_t now = time(NULL);
    struct tm tm;

    if (gmtime_r(&now, &tm))
        strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
    return buffer_print(message,
                        "[%s] ./src/learner.cc:1459: Check failed: "
                        "learner_model_param_.num_feature >= p_fmat->Info().num_col_ (%u vs. %llu) "
                        ": Number of columns does not match number of features in booster.\n"
                        "Stack trace:\n",
                        clock, features, (unsigned long long)columns);
}

/* The container's own check, which pickled models get. */
static bool pickle_columns_fit(uint64_t features, enum format format, uint64_t columns,
                               struct buffer *message)
{
    if (format == FORMAT_LIBSVM) {
        if (columns <= features + 1)
            return true;
        (void)!buffer_print(message,
                            "Feature size of libsvm inference data %llu is larger than feature "
                            "size of trained model %llu.",
                            (unsigned long long)columns, (unsigned long long)features);
        return false;
    }
    if (columns == features || columns + 1 == features)
        return true;
    (void)!buffer_print(message,
                        "Feature size of %s inference data %llu is not consistent with feature "
                        "size of trained model %llu.",
                        invocation_format_name(format), (unsigned long long)columns,
                        (unsigned long long)features);
    return false;
}

bool invocation_columns_fit(const struct model *model, enum format format, uint64_t columns,
                            struct buffer *message)
{
    buffer_clear(message);
    if (model->members[0].source->pickle_class &&
        !pickle_columns_fit(model->features, format, columns, message))
        return false;
    for (size_t i = 0; !model->profile->extra_columns_ok && i < model->member_count; i++) {
        if (columns > model->members[i].source->features) {
            (void)!print_library_check(message, model->members[i].source->features, columns);
            return false;
        }
    }
    return true;
}
