#include "algorithms/predictions.h"
