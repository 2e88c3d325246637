#include "server/formats/media_type.h"
