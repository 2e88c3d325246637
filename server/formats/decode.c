#include "server/formats/decode.h"
