#pragma once
/*
 * Model families: which of SageMaker's built-in algorithms an artifact is of. A family decides what
 * requests mean and how they are answered (server/container/policy.h); how it is loaded and scored
 * is its loader's and its scorer's own affair.
 */

enum family {
    FAMILY_XGBOOST,
    FAMILY_LINEAR_LEARNER,
    FAMILY_FACTORIZATION_MACHINES,
    FAMILY_KMEANS,
    FAMILY_PCA,
    FAMILY_KNN,
};

/* "xgboost", "linear-learner", "factorization-machines", "kmeans", "pca", "knn" */
const char *family_name(enum family family);
