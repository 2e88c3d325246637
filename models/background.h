#pragma once
/*
 * Threads for long work beside requests that are counted in microseconds: of low priority, so that
 * they yield to whatever else wants the processor. A priority, once lowered, cannot be raised again
 * without privilege, and a low one is no place for a lock that requests take, too: who is kept from
 * the processor while he holds it keeps all others waiting. So the work is handed over by a thread
 * of normal priority, which waits for it and does what needs such locks itself.
 */

#include "base/compiler.h"
#include "base/err.h"

struct background;

int background_new(unsigned threads, struct background **ret, struct err *err) MUST_CHECK;

/* Makes the calling thread one that hands work over: of normal priority, but what wakes it up goes
 * on first. A request must not be interrupted by what it has started. */
void background_yield_on_wake(void);

/* Runs the work on one of the threads, after what came before, and returns when it has ended. Must
 * not be called by such work. */
void background_run(struct background *background, void (*work)(void *argument), void *argument);

/* When nothing runs any more. NULL is fine. */
void background_free(struct background *background);
