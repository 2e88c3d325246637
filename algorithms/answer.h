#pragma once
/*
 * What the columns of predictions are called where an answer has names: a description that a model
 * carries, and that encoders read.
 */

#include <stdbool.h>
#include <stdint.h>

/* A part of a row's answer: columns first .. first + count - 1 of the predictions under a name. */
struct answer_field {
    const char *name;
    uint32_t first;
    uint32_t count;
    bool list;    /* an array in JSON, whatever the count */
    bool whole;   /* a class: an integer where the image writes labels so */
    bool verbose; /* only in an answer that was asked to be verbose */
};
