#include "models/artifact.h"
