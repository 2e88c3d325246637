#pragma once
/*
 * Between the two files of the legacy reader: xgboost_legacy.c (the learner and what follows the
 * booster, the layout of the whole) and xgboost_legacy_booster.c (trees, linear weights). Users
 * read files with xgb_legacy_read of models/xgboost_load.h.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/err.h"
#include "models/xgboost_model.h"

struct legacy_learner {
    float base_score;
    uint32_t features;
    int32_t num_class;
    bool attributes;
    bool metrics;
    uint32_t major; /* 0: before 1.0, or a release candidate of it */
    uint32_t minor;
    uint32_t num_target;
    struct bytes objective;
    struct bytes booster;
};

/* A file that is being read. */
struct legacy {
    struct cursor c;
    size_t base; /* offset of the cursor's start in the file: what errors add */
    struct legacy_learner learner;
    struct xgb_model *model;
    struct err *err;
    uint32_t output_groups; /* num_output_group of the booster's parameters */
    bool version_attribute; /* an attribute says that 1.x wrote the file */
};

static inline size_t legacy_offset(const struct legacy *l)
{
    return l->base + cursor_offset(&l->c);
}

/* Whether the header names this version or a later one. */
static inline bool legacy_version_from(const struct legacy_learner *p, uint32_t major,
                                       uint32_t minor)
{
    return p->major > major || (p->major == major && p->minor >= minor);
}

/* "offset N: WHAT" and "offset N: the file ends within WHAT". Both return -1. */
int legacy_fail(struct legacy *l, const char *what);
int legacy_cut(struct legacy *l, const char *what);

/* u64 n, where n things of at least `size` bytes each can still follow; else false, nothing read.
 */
bool legacy_count(struct cursor *c, size_t size, size_t *ret) MUST_CHECK;

/* Reads what lies between the booster's name and the attributes. */
int legacy_booster_read(struct legacy *l) MUST_CHECK;
