#include "models/ubjson_reader.h"
