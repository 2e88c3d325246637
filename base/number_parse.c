#include "base/number_parse.h"
