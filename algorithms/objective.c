#include "algorithms/objective.h"
