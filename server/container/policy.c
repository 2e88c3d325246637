#include "server/container/policy.h"

static const struct policy *const policies[] = {
    [FAMILY_XGBOOST] = &policy_xgboost,
    [FAMILY_LINEAR_LEARNER] = &policy_builtin,
    [FAMILY_FACTORIZATION_MACHINES] = &policy_builtin,
    [FAMILY_KMEANS] = &policy_builtin,
    [FAMILY_PCA] = &policy_builtin,
    [FAMILY_KNN] = &policy_builtin,
};

const struct policy *policy_of(const struct model *model)
{
    return policies[model->family];
}
