#include "server/http/http_message.h"
