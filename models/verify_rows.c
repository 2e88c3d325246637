#include "models/verify_rows.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "models/xgboost_writer.h"

/* Up to so many features a row has a number for each; beyond, only for those that splits use. */
#define DENSE_FEATURES 4096

#define ROWS_MIN      8
#define ROWS_MAX      4096
#define BLOCK_ROWS    128
#define BLOCK_NUMBERS ((size_t)1 << 20)  /* numbers of a block */
#define ROW_NUMBERS   ((size_t)32 << 20) /* numbers of all rows */
#define TREE_WALKS    ((size_t)1 << 20)  /* rows x trees */

/* What a path through a tree has asked of a feature so far. */
struct constraint {
    size_t place;
    float low;  /* at least */
    float high; /* less than */
    bool fixed; /* it is `low`, which may be missing (NaN) */
};

struct verify_rows {
    const struct xgb_model *model;
    uint32_t tree_count;
    size_t places;     /* features that rows have numbers for */
    uint32_t *feature; /* of each place, ascending; NULL: place is feature */
    uint64_t random;
    size_t rows_made;
    uint32_t next_tree; /* to be led through */

    /* thresholds and categories that splits compare place p with: pool[start[p] .. start[p + 1]) */
    size_t *start;
    float *pool;

    struct constraint path[XGB_WRITE_DEPTH_MAX];
    size_t path_length;

    float *values; /* of a block */
    size_t *row_start;
    uint32_t *column;
};

static const float specials[] = {
    0.0f,   -0.0f,       1.0f,    -1.0f,    0.5f,        -0.5f,       3.7f,  2.0f,  1e-45f, -1e-45f,
    1e-20f, FLT_MIN / 2, FLT_MAX, -FLT_MAX, 16777215.0f, 16777216.0f, 31.0f, 32.0f, 1e9f,   -1e9f};

static uint32_t draw(struct verify_rows *rows, uint32_t below)
{
    rows->random ^= rows->random << 13;
    rows->random ^= rows->random >> 7;
    rows->random ^= rows->random << 17;
    return (uint32_t)(rows->random >> 32) % below;
}

static size_t place_of(const struct verify_rows *rows, uint32_t feature)
{
    size_t low = 0, high = rows->places;

    if (!rows->feature)
        return feature;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (rows->feature[middle] <= feature)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static bool by_category(const struct tree *tree, uint32_t n)
{
    return tree->categorical && tree->categorical[n];
}

/* Numbers that a split puts into the pool: its threshold, or its smallest and largest category. */
static size_t pool_numbers(const struct tree *tree, uint32_t n, float ret[2])
{
    uint32_t start, end;

    if (!by_category(tree, n)) {
        ret[0] = tree->value[n];
        return 1;
    }
    start = tree->category_start[n];
    end = tree->category_start[n + 1];
    if (start == end)
        return 0;
    ret[0] = (float)tree->categories[start];
    ret[1] = (float)tree->categories[end - 1];
    return 2;
}

static int compare_u32(const void *a, const void *b)
{
    uint32_t x, y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return x < y ? -1 : x > y;
}

/* The features that splits use, ascending, each once. */
static int find_places(struct verify_rows *rows, struct err *err)
{
    const struct xgb_model *model = rows->model;
    size_t splits = 0, used = 0;

    rows->places = model->features;
    if (model->booster == XGB_GBLINEAR || model->features <= DENSE_FEATURES)
        return 0;
    for (uint32_t t = 0; t < rows->tree_count; t++) {
        for (uint32_t n = 0; n < model->trees[t].nodes; n++)
            splits += model->trees[t].left[n] != -1;
    }
    rows->feature = mem_alloc(splits + 1, sizeof(*rows->feature));
    if (!rows->feature)
        return err_memory(err, splits * sizeof(*rows->feature), "rows to verify with");
    splits = 0;
    for (uint32_t t = 0; t < rows->tree_count; t++) {
        for (uint32_t n = 0; n < model->trees[t].nodes; n++) {
            if (model->trees[t].left[n] != -1)
                rows->feature[splits++] = model->trees[t].feature[n];
        }
    }
    if (splits == 0)
        rows->feature[splits++] = 0;
    qsort(rows->feature, splits, sizeof(*rows->feature), compare_u32);
    for (size_t i = 0; i < splits; i++) {
        if (used == 0 || rows->feature[used - 1] != rows->feature[i])
            rows->feature[used++] = rows->feature[i];
    }
    rows->places = used;
    return 0;
}

/* Two passes over the splits: count, then fill; start[p + 1] is where the next number of p goes. */
static int fill_pool(struct verify_rows *rows, struct err *err)
{
    size_t count = 0;
    float numbers[2];

    rows->start = mem_zero(rows->places + 2, sizeof(*rows->start));
    if (!rows->start)
        return err_memory(err, rows->places * sizeof(*rows->start), "rows to verify with");
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t t = 0; t < rows->tree_count; t++) {
            const struct tree *tree = &rows->model->trees[t];

            for (uint32_t n = 0; n < tree->nodes; n++) {
                size_t found = tree->left[n] == -1 ? 0 : pool_numbers(tree, n, numbers);
                size_t place = found ? place_of(rows, tree->feature[n]) : 0;

                for (size_t i = 0; pass == 1 && i < found; i++)
                    rows->pool[rows->start[place + 1]++] = numbers[i];
                if (pass == 0 && found)
                    rows->start[place + 2] += found;
            }
        }
        if (pass == 1)
            break;
        for (size_t p = 0; p < rows->places; p++)
            rows->start[p + 2] += rows->start[p + 1];
        count = rows->start[rows->places + 1];
        rows->pool = mem_alloc(count, sizeof(*rows->pool));
        if (!rows->pool)
            return err_memory(err, count * sizeof(*rows->pool), "rows to verify with");
    }
    return 0;
}

int verify_rows_new(const struct xgb_model *model, uint32_t tree_count, struct verify_rows **ret,
                    struct err *err)
{
    struct verify_rows *rows = mem_zero(1, sizeof(*rows));
    size_t block;

    if (!rows)
        return err_memory(err, sizeof(*rows), "rows to verify with");
    rows->model = model;
    rows->tree_count = model->booster == XGB_GBLINEAR ? 0 : tree_count;
    rows->random = 0x9e3779b97f4a7c15u;
    if (find_places(rows, err) || fill_pool(rows, err)) {
        verify_rows_free(rows);
        return -1;
    }
    block = verify_rows_block(rows);
    rows->values = mem_alloc(block * rows->places, sizeof(*rows->values));
    rows->row_start = mem_alloc(block + 1, sizeof(*rows->row_start));
    if (rows->feature)
        rows->column = mem_alloc(block * rows->places, sizeof(*rows->column));
    if (!rows->values || !rows->row_start || (rows->feature && !rows->column)) {
        err_memory(err, block * rows->places * sizeof(float), "rows to verify with");
        verify_rows_free(rows);
        return -1;
    }
    *ret = rows;
    return 0;
}

void verify_rows_free(struct verify_rows *rows)
{
    if (!rows)
        return;
    free(rows->feature);
    free(rows->start);
    free(rows->pool);
    free(rows->values);
    free(rows->row_start);
    free(rows->column);
    free(rows);
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t verify_rows_count(const struct verify_rows *rows)
{
    size_t count = smaller(ROWS_MAX, ROW_NUMBERS / (rows->places + 1));

    count = smaller(count, TREE_WALKS / ((size_t)rows->tree_count + 1));
    return count < ROWS_MIN ? ROWS_MIN : count;
}

size_t verify_rows_block(const struct verify_rows *rows)
{
    return smaller(BLOCK_ROWS, BLOCK_NUMBERS / (rows->places + 1) + 1);
}

static float from_pool(struct verify_rows *rows, size_t place)
{
    size_t count = rows->start[place + 1] - rows->start[place];
    float value;

    if (count == 0)
        return (float)((int)draw(rows, 2001) - 1000) / 256.0f;
    value = rows->pool[rows->start[place] + draw(rows, (uint32_t)smaller(count, UINT32_MAX))];
    switch (draw(rows, 6)) {
    case 0:
    case 1:
        return value;
    case 2:
        return nextafterf(value, -INFINITY);
    case 3:
        return nextafterf(value, INFINITY);
    case 4:
        return value + 1.0f;
    default:
        return value - 1.0f;
    }
}

static float special(struct verify_rows *rows, bool infinities)
{
    if (infinities && draw(rows, 4) == 0)
        return draw(rows, 2) ? INFINITY : -INFINITY;
    return specials[draw(rows, ARRAY_LENGTH(specials))];
}

static bool has_category(const struct tree *tree, uint32_t n, float x)
{
    if (!(x >= 0 && x < 16777216.0f))
        return false;
    for (uint32_t i = tree->category_start[n]; i < tree->category_start[n + 1]; i++) {
        if (tree->categories[i] == (int32_t)x)
            return true;
    }
    return false;
}

static struct constraint *constraint_of(struct verify_rows *rows, size_t place, bool *ret_new)
{
    struct constraint *c;

    for (size_t i = 0; i < rows->path_length; i++) {
        if (rows->path[i].place == place) {
            *ret_new = false;
            return &rows->path[i];
        }
    }
    c = &rows->path[rows->path_length++];
    *c = (struct constraint){.place = place, .low = -INFINITY, .high = INFINITY};
    *ret_new = true;
    return c;
}

/* Chooses a side of a split that the path so far leaves open, and narrows the path to it. */
static bool choose_right(struct verify_rows *rows, const struct tree *tree, uint32_t n)
{
    float threshold = tree->value[n];
    bool fresh, can_left, can_right, right;
    struct constraint *c = constraint_of(rows, place_of(rows, tree->feature[n]), &fresh);

    if (fresh && draw(rows, 8) == 0) {
        c->fixed = true;
        c->low = NAN;
    }
    if (by_category(tree, n) && !c->fixed) {
        uint32_t start = tree->category_start[n];
        uint32_t count = tree->category_start[n + 1] - start;

        c->fixed = true;
        c->low = count && draw(rows, 2) ? (float)tree->categories[start + draw(rows, count)]
                                        : from_pool(rows, c->place);
    }
    if (c->fixed) {
        if (isnan(c->low))
            return !tree->default_left[n];
        return by_category(tree, n) ? has_category(tree, n, c->low) : !(c->low < threshold);
    }
    can_left = c->low < threshold;
    can_right = !(threshold >= c->high);
    right = can_left && can_right ? draw(rows, 2) == 0 : !can_left;
    if (right && threshold > c->low)
        c->low = threshold;
    if (!right && threshold < c->high)
        c->high = threshold;
    return right;
}

static float satisfy(struct verify_rows *rows, const struct constraint *c)
{
    if (c->fixed)
        return c->low;
    if (isinf(c->low) && isinf(c->high))
        return 0.0f;
    if (isinf(c->low))
        return draw(rows, 2) ? nextafterf(c->high, -INFINITY) : c->high - 1.0f;
    if (isinf(c->high) || draw(rows, 2))
        return c->low;
    return nextafterf(c->high, -INFINITY);
}

/* Changes a row so that it reaches a leaf of the next tree, a random one among those that can be
 * reached. */
static void lead(struct verify_rows *rows, float *row)
{
    const struct tree *tree;
    uint32_t n = 0;

    if (rows->tree_count == 0)
        return;
    tree = &rows->model->trees[rows->next_tree];
    rows->next_tree = (rows->next_tree + 1) % rows->tree_count;
    rows->path_length = 0;
    while (tree->left[n] != -1)
        n = (uint32_t)(choose_right(rows, tree, n) ? tree->right[n] : tree->left[n]);
    for (size_t i = 0; i < rows->path_length; i++)
        row[rows->path[i].place] = satisfy(rows, &rows->path[i]);
}

/* The kinds of rows; in a mixed row every number is of a random kind. */
enum kind {
    KIND_MISSING,
    KIND_POOL,
    KIND_SPECIAL,
    KIND_SPARSE,
    KIND_MIXED,
};

static float number(struct verify_rows *rows, enum kind kind, size_t place, bool infinities)
{
    if (kind == KIND_SPARSE)
        kind = draw(rows, 8) == 0 ? KIND_POOL : KIND_MISSING;
    if (kind == KIND_MIXED)
        kind = (enum kind)draw(rows, KIND_SPARSE);
    switch (kind) {
    case KIND_POOL:
        return from_pool(rows, place);
    case KIND_SPECIAL:
        return special(rows, infinities);
    default:
        return NAN;
    }
}

static void make_row(struct verify_rows *rows, bool infinities, float *row)
{
    static const struct {
        enum kind kind;
        bool led;
    } cycle[] = {
        {KIND_MIXED, true}, {KIND_MISSING, true}, {KIND_POOL, false},  {KIND_SPECIAL, false},
        {KIND_POOL, true},  {KIND_MIXED, false},  {KIND_SPARSE, true}, {KIND_MIXED, true},
    };
    static const float first[] = {NAN, 0.0f, -0.0f};
    size_t made = rows->rows_made++;
    size_t at = made % ARRAY_LENGTH(cycle);

    for (size_t p = 0; p < rows->places; p++)
        row[p] =
            made < ARRAY_LENGTH(first) ? first[made] : number(rows, cycle[at].kind, p, infinities);
    if (made >= ARRAY_LENGTH(first) && cycle[at].led)
        lead(rows, row);
    for (size_t p = 0; p < rows->places && !infinities; p++) {
        if (isinf(row[p]))
            row[p] = copysignf(FLT_MAX, row[p]);
    }
}

/* Packs the numbers that are not missing: the block is CSR then. */
static void pack(struct verify_rows *rows, size_t count)
{
    size_t entries = 0;

    rows->row_start[0] = 0;
    for (size_t r = 0; r < count; r++) {
        for (size_t p = 0; p < rows->places; p++) {
            float value = rows->values[r * rows->places + p];

            if (isnan(value))
                continue;
            rows->column[entries] = rows->feature[p];
            rows->values[entries++] = value;
        }
        rows->row_start[r + 1] = entries;
    }
}

int verify_rows_next(struct verify_rows *rows, size_t count, bool infinities, struct matrix *ret,
                     struct err *err)
{
    if (count > verify_rows_block(rows))
        return err_set(err, ERR_LIMIT, "a block of %zu rows to verify with", count);
    for (size_t r = 0; r < count; r++)
        make_row(rows, infinities, rows->values + r * rows->places);
    *ret = (struct matrix){.kind = MATRIX_DENSE,
                           .rows = count,
                           .columns = rows->model->features,
                           .values = rows->values};
    if (rows->feature) {
        pack(rows, count);
        ret->kind = MATRIX_CSR;
        ret->row_start = rows->row_start;
        ret->column = rows->column;
    }
    return 0;
}
