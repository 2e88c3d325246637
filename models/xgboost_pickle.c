#include "models/xgboost_pickle.h"
