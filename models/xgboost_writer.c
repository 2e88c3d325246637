#include "models/xgboost_writer.h"
