#include "models/xgboost_model.h"
