#include "algorithms/tree.h"
