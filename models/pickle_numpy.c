#include "models/pickle.h"
