#include "algorithms/xgboost_backend.h"
