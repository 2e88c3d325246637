/*
 * The binary model file of XGBoost 0.4 to 3.0. Little-endian, packed; `text` is u64 n and n bytes.
 *
 *   "binf"            4 bytes; 0.4x and 1.1 .. 3.0, absent in between
 *   learner           136 bytes
 *       0 f32 base_score      4 u32 num_feature         8 i32 num_class
 *      12 i32 extra_attrs    16 i32 eval_metrics       20 u32 major      24 u32 minor
 *      28 u32 num_target     32 .. 135 reserved
 *   text objective    0.4x wrote 4 bytes of padding before the text: the u64 then holds n << 32
 *   text booster
 *   gbtree, dart:
 *     160 bytes       0 i32 num_trees     4 i32 num_roots; 1.6 and later num_parallel_tree
 *                     8 i32 num_feature  16 i64 num_pbuffer  24 i32 num_output_group (before 1.0)
 *                    28 i32 size_leaf_vector
 *     per tree:
 *       148 bytes     0 i32 num_roots  4 i32 num_nodes  8 i32 num_deleted  12 i32 max_depth
 *                    16 u32 num_feature  20 i32 size_leaf_vector (1 in 2.x and 3.0)
 *       nodes x 20    0 i32 parent  4 i32 left (-1: leaf)  8 i32 right
 *                    12 u32 split (bit 31: default left; all ones: deleted)  16 f32 value
 *       nodes x 16    0 f32 loss_chg  4 f32 sum_hess  8 f32 base_weight  12 i32 leaf_child_cnt
 *       u64 n, n f32  leaf vectors: before 1.0, where size_leaf_vector is not 0; never used
 *     i32 output of each tree, then in dart u64 n and n f32 weights; both only where there are
 * trees gblinear: 136 bytes       0 u32 num_feature  4 i32 num_output_group (before 1.0) u64 n, n
 * f32    weights u64 n, n x (text key, text value)   where extra_attrs text before 1.0,
 * count:poisson: its max_delta_step u64 n, n x text                     before 1.0, where
 * eval_metrics
 *
 * major is 0 in all files before 1.0, and in those of 1.0.0's release candidates, which are files
 * of 1.0 otherwise: they have an attribute `version`, or are told by a num_output_group of 0, where
 * files before 1.0 have 1 or more. Versions before 0.7 left out parts of the trailer: a file may
 * end there.
 */
#include "models/xgboost_legacy.h"

#include <math.h>

#include "models/xgboost_load.h"

#define LEARNER_SIZE  136
#define NAME_MAX_SIZE 64
#define VERSION_MAX   1000 /* a larger major or minor number is no version */

int legacy_fail(struct legacy *l, const char *what)
{
    return err_set(l->err, ERR_INPUT, "offset %zu: %s", legacy_offset(l), what);
}

int legacy_cut(struct legacy *l, const char *what)
{
    return err_set(l->err, ERR_INPUT, "offset %zu: the file ends within %s (%zu bytes are left)",
                   legacy_offset(l), what, cursor_left(&l->c));
}

bool legacy_count(struct cursor *c, size_t size, size_t *ret)
{
    struct cursor saved = *c;
    uint64_t n;

    if (!cursor_le64(c, &n) || n > cursor_left(c) / size) {
        *c = saved;
        return false;
    }
    *ret = (size_t)n;
    return true;
}

static bool take_text(struct cursor *c, struct bytes *ret)
{
    struct cursor saved = *c;
    size_t n;

    if (legacy_count(c, 1, &n) && cursor_take(c, n, ret))
        return true;
    *c = saved;
    return false;
}

static bool take_objective(struct cursor *c, struct bytes *ret)
{
    if (cursor_left(c) >= 12 && load_le64(c->at) >= UINT32_MAX) {
        size_t n = load_le32(c->at + 4);
        struct cursor padded = *c;

        if (!cursor_skip(&padded, 12) || !cursor_take(&padded, n, ret))
            return false;
        *c = padded;
        return true;
    }
    return take_text(c, ret);
}

static bool take_learner(struct cursor *c, struct legacy_learner *ret)
{
    struct bytes p;

    if (!cursor_take(c, LEARNER_SIZE, &p))
        return false;
    ret->base_score = load_le_f32(p.data);
    ret->features = load_le32(p.data + 4);
    ret->num_class = (int32_t)load_le32(p.data + 8);
    ret->attributes = load_le32(p.data + 12) != 0;
    ret->metrics = load_le32(p.data + 16) != 0;
    ret->major = load_le32(p.data + 20);
    ret->minor = load_le32(p.data + 24);
    ret->num_target = load_le32(p.data + 28);
    return take_objective(c, &ret->objective) && take_text(c, &ret->booster);
}

static bool is_booster(struct bytes name)
{
    return bytes_is(name, "gbtree") || bytes_is(name, "dart") || bytes_is(name, "gblinear");
}

/* Begins with letters, a colon and a letter. */
static bool is_objective(struct bytes name)
{
    size_t i = 0;

    if (name.size > NAME_MAX_SIZE)
        return false;
    while (i < name.size && name.data[i] >= 'a' && name.data[i] <= 'z')
        i++;
    return i > 0 && i + 1 < name.size && name.data[i] == ':' && name.data[i + 1] >= 'a' &&
           name.data[i + 1] <= 'z';
}

bool xgb_legacy_probe(struct bytes data)
{
    struct cursor c = cursor_of(data);
    struct legacy_learner learner;

    return take_learner(&c, &learner) && isfinite(learner.base_score) && learner.features > 0 &&
           learner.num_class >= 0 && (uint32_t)learner.num_class <= XGB_OUTPUTS_MAX &&
           is_objective(learner.objective) && is_booster(learner.booster);
}

static int read_learner(struct legacy *l)
{
    struct legacy_learner *p = &l->learner;
    struct xgb_model *model = l->model;
    char quoted[NAME_MAX_SIZE];
    uint32_t num_target;

    if (!take_learner(&l->c, p))
        return legacy_cut(l, "the learner's parameters");
    num_target = legacy_version_from(p, 1, 6) ? p->num_target : 0; /* reserved before */
    if (p->num_class < 0 || (uint32_t)p->num_class > XGB_OUTPUTS_MAX ||
        num_target > XGB_OUTPUTS_MAX)
        return legacy_fail(l, "the number of classes or targets cannot be right");
    if (p->major > VERSION_MAX || p->minor > VERSION_MAX)
        return legacy_fail(l, "the version cannot be right");
    if (!is_booster(p->booster))
        return err_set(l->err, ERR_UNSUPPORTED,
                       "offset %zu: unknown booster %s; gbtree, dart and gblinear are read",
                       legacy_offset(l),
                       err_quote(quoted, sizeof(quoted), p->booster.data, p->booster.size));
    if (p->objective.size > NAME_MAX_SIZE)
        return legacy_fail(l, "the objective's name is too long");
    model->format = "legacy-binary";
    model->version = (struct xgb_version){
        .known = p->major > 0,
        .major = (int)p->major,
        .minor = p->major ? (int)p->minor : 0,
        .patch = XGB_PATCH_UNKNOWN, /* the header does not tell */
    };
    model->booster = bytes_is(p->booster, "gblinear") ? XGB_GBLINEAR : XGB_GBTREE;
    model->dart = bytes_is(p->booster, "dart");
    model->features = p->features;
    model->num_class = (uint32_t)p->num_class;
    model->num_target = num_target;
    model->base_score_is_margin = p->major == 0;
    model->objective_text = arena_text(&model->arena, p->objective.data, p->objective.size);
    model->base_score = arena_alloc(&model->arena, 1, sizeof(*model->base_score));
    if (!model->objective_text || !model->base_score)
        return err_memory(l->err, p->objective.size, "the objective");
    model->base_score[0] = p->base_score;
    model->base_score_count = 1;
    return 0;
}

/* A decimal number that stands alone, or -1. */
static int64_t parse_count(struct bytes text)
{
    int64_t value = 0;

    if (text.size == 0 || text.size > 15)
        return -1;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return -1;
        value = value * 10 + (text.data[i] - '0');
    }
    return value;
}

/* The attribute `objective` is XGBoost's own short JSON, {"name":..,"..param":{"num_class":"3"}}.
 */
static int64_t find_num_class(struct bytes json)
{
    static const char key[] = "\"num_class\":\"";
    const uint8_t *at = memmem(json.data, json.size, key, sizeof(key) - 1);
    const uint8_t *end;
    size_t left;

    if (!at)
        return -1;
    at += sizeof(key) - 1;
    left = json.size - (size_t)(at - json.data);
    end = memchr(at, '"', left);
    return end ? parse_count(bytes_of(at, (size_t)(end - at))) : -1;
}

static void take_attribute(struct legacy *l, struct bytes key, struct bytes value)
{
    struct xgb_model *model = l->model;

    if (bytes_is(key, "best_iteration")) {
        model->best_iteration = parse_count(value);
    } else if (bytes_is(key, "best_ntree_limit")) {
        model->best_ntree_limit = parse_count(value);
    } else if (bytes_is(key, "best_score")) {
        model->early_stopped = true;
    } else if (bytes_is(key, "version")) {
        l->version_attribute = bytes_starts(value, "1.");
    } else if (bytes_is(key, "objective") && model->num_class <= 1 &&
               bytes_starts(l->learner.objective, "multi:")) {
        int64_t num_class = find_num_class(value);

        if (num_class > 1 && num_class <= XGB_OUTPUTS_MAX)
            model->num_class = (uint32_t)num_class;
    }
}

static int read_attributes(struct legacy *l)
{
    size_t n;

    if (!l->learner.attributes || (l->learner.major == 0 && cursor_left(&l->c) == 0))
        return 0;
    if (!legacy_count(&l->c, 2 * sizeof(uint64_t), &n))
        return legacy_cut(l, "the attributes");
    for (size_t i = 0; i < n; i++) {
        struct bytes key, value;

        if (!take_text(&l->c, &key) || !take_text(&l->c, &value))
            return legacy_cut(l, "the attributes");
        take_attribute(l, key, value);
    }
    return 0;
}

/* What follows the attributes before 1.0; nothing of it matters here, but it must end where the
 * file ends. */
static int read_trailer(struct legacy *l)
{
    struct bytes ignored;
    size_t n;

    if (bytes_is(l->learner.objective, "count:poisson") && cursor_left(&l->c) > 0 &&
        !take_text(&l->c, &ignored))
        return legacy_cut(l, "max_delta_step");
    if (!l->learner.metrics || cursor_left(&l->c) == 0)
        return 0;
    if (!legacy_count(&l->c, sizeof(uint64_t), &n))
        return legacy_cut(l, "the evaluation metrics");
    for (size_t i = 0; i < n; i++) {
        if (!take_text(&l->c, &ignored))
            return legacy_cut(l, "the evaluation metrics");
    }
    return 0;
}

/* The header says 0.0: is it a file of 1.0.0's release candidates? */
static void settle_version(struct legacy *l)
{
    struct xgb_model *model = l->model;

    if (l->learner.major > 0)
        return;
    if (l->version_attribute || (l->learner.attributes && l->output_groups == 0)) {
        model->version =
            (struct xgb_version){.known = true, .major = 1, .patch = XGB_PATCH_UNKNOWN};
        model->base_score_is_margin = false;
    } else {
        model->num_output_group = l->output_groups;
    }
}

int xgb_legacy_read(struct bytes data, size_t base, struct xgb_model *model, struct err *err)
{
    struct legacy l = {.c = cursor_of(data), .base = base, .model = model, .err = err};

    if (bytes_starts(data, "binf"))
        l.c.at += 4;
    if (read_learner(&l))
        return -1;
    if (legacy_booster_read(&l))
        return -1;
    if (read_attributes(&l))
        return -1;
    settle_version(&l);
    if (l.learner.major == 0 && read_trailer(&l))
        return -1;
    if (cursor_left(&l.c) > 0)
        return err_set(err, ERR_INPUT, "offset %zu: %zu bytes after the end of the model",
                       base + cursor_offset(&l.c), cursor_left(&l.c));
    return 0;
}
