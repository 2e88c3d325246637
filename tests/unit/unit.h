#pragma once
/* cmocka and what it wants before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* Whether each step takes so long (valgrind) that every few of many cases have to do. */
static inline bool unit_is_brief(void)
{
    return getenv("ENDPOINTD_BRIEF") != NULL;
}
