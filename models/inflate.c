#include "models/inflate.h"
