#include "models/verify.h"
