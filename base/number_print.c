#include "base/number_print.h"
