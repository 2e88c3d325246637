#include "algorithms/scorer.h"
