#include "models/family.h"

const char *family_name(enum family family)
{
    switch (family) {
    case FAMILY_XGBOOST:
        break;
    case FAMILY_LINEAR_LEARNER:
        return "linear-learner";
    case FAMILY_FACTORIZATION_MACHINES:
        return "factorization-machines";
    case FAMILY_KMEANS:
        return "kmeans";
    case FAMILY_PCA:
        return "pca";
    case FAMILY_KNN:
        return "knn";
    }
    return "xgboost";
}
