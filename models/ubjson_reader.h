#pragma once
/*
 * UBJSON as XGBoost writes and reads it (xgboost-models 4.4), as a source of the events of
 * base/json_reader.h: big-endian, keys without a type marker, arrays with a count and, where typed,
 * raw elements.
 */

#include "base/json_reader.h"

struct ubjson_reader {
    struct json_source source; /* first member: a reader is a source */
    unsigned depth;
    struct ubjson_level {
        uint64_t left; /* elements to come of a counted array */
        uint8_t type;  /* marker of all elements of a typed array, else 0 */
        uint8_t kind;  /* object, counted array, open array */
    } levels[JSON_DEPTH_MAX];
    unsigned char state;
};

/* The data outlives the reader; base is what errors add to offsets. */
void ubjson_reader_init(struct ubjson_reader *reader, struct bytes data, size_t base);
