#pragma once
/*
 * Log lines on standard error. Each call is one line, `endpointd: TEXT`, written with one write(2),
 * so that lines of several threads never mix. Foreign bytes in a text must have been quoted
 * (err_quote); a newline that slips through is written as a space. Where standard error is a pipe
 * whose reader is stuck, lines are lost, and counted in the next one that is not: nobody waits.
 */

#include "base/compiler.h"

void log_line(const char *format, ...) PRINTF_LIKE(1, 2);
