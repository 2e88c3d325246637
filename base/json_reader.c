#include "base/json_reader.h"
