#include "models/xgboost_load.h"
