#include "algorithms/forest.h"
