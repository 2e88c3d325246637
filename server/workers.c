#include "server/workers.h"
