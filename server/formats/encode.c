#include "server/formats/encode.h"
