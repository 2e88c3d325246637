#include "algorithms/gblinear.h"
