/*
 * What the columns of a forest are (forest_columns.h). Thresholds are sorted as keys (forest_key),
 * which order numbers as numbers do and know one zero.
 */

#include "algorithms/forest_columns.h"

#include <math.h>

#include "base/memory.h"

#define PIVOTS 16

/* What the splits want of a feature, by slot. */
struct wish {
    uint32_t splits; /* numeric ones */
    bool left;       /* a numeric split's default */
    bool right;
    bool sets;
};

struct plan {
    const struct forest_spec *spec;
    const struct forest_slots *slots;
    struct wish *wishes; /* per slot */
    size_t *start;       /* per slot and one: place in keys */
    uint32_t *keys;      /* thresholds of all splits, by slot; then sorted and distinct */
    uint32_t *spare;     /* as many */
    uint8_t *marked;     /* FOREST_CATEGORY_END bytes */
    size_t search_size;
    size_t codes_size;
    bool fits;
};

static bool is_set(const struct tree *tree, uint32_t node)
{
    return tree->categorical && tree->categorical[node];
}

static uint32_t threshold_key(float threshold)
{
    return forest_key(threshold != threshold ? -INFINITY : threshold);
}

static uint32_t feature_of(const struct forest_slots *slots, uint32_t slot)
{
    return slots->feature ? slots->feature[slot] : slot;
}

/* Calls for every split of the forest. */
static void each_split(struct plan *plan, void (*visit)(struct plan *plan, const struct tree *tree,
                                                        uint32_t node, uint32_t slot))
{
    for (uint32_t t = 0; t < plan->spec->tree_count; t++) {
        const struct tree *tree = &plan->spec->trees[t];

        for (uint32_t n = 0; n < tree->nodes; n++) {
            if (tree->left[n] != -1)
                visit(plan, tree, n, forest_slot(plan->slots, tree->feature[n]));
        }
    }
}

static void note_wish(struct plan *plan, const struct tree *tree, uint32_t node, uint32_t slot)
{
    struct wish *wish = &plan->wishes[slot];

    if (is_set(tree, node)) {
        wish->sets = true;
        return;
    }
    wish->splits++;
    if (tree->default_left[node])
        wish->left = true;
    else
        wish->right = true;
}

static void note_key(struct plan *plan, const struct tree *tree, uint32_t node, uint32_t slot)
{
    if (!is_set(tree, node))
        plan->keys[plan->start[slot + 1]++] = threshold_key(tree->value[node]);
}

/* Sorts by four passes of a byte each; the result is in `keys`. */
static void sort_keys(uint32_t *keys, uint32_t *spare, size_t count)
{
    for (int shift = 0; shift < 32; shift += 8) {
        size_t place[257] = {0};
        uint32_t *swap = keys;

        for (size_t i = 0; i < count; i++)
            place[(keys[i] >> shift & 0xff) + 1]++;
        for (int b = 0; b < 256; b++)
            place[b + 1] += place[b];
        for (size_t i = 0; i < count; i++)
            spare[place[keys[i] >> shift & 0xff]++] = keys[i];
        keys = spare;
        spare = swap;
    }
}

static uint32_t keep_distinct(uint32_t *keys, size_t count)
{
    uint32_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        if (i == 0 || keys[i] != keys[kept - 1])
            keys[kept++] = keys[i];
    }
    return kept;
}

/* Fills keys, sorted and distinct from each slot's start on. */
static int collect_keys(struct plan *plan, struct err *err)
{
    uint32_t slots = plan->slots->count;
    size_t total = 0;

    for (uint32_t s = 0; s < slots; s++)
        total += plan->wishes[s].splits;
    plan->start = mem_zero((size_t)slots + 2, sizeof(*plan->start));
    plan->keys = mem_alloc(total, sizeof(*plan->keys));
    plan->spare = mem_alloc(total, sizeof(*plan->spare));
    if (!plan->start || !plan->keys || !plan->spare)
        return err_memory(err, 2 * total * sizeof(*plan->keys), "a forest's thresholds");
    /* start[s + 1] is where the next threshold of slot s goes, and so in the end where it ends */
    for (uint32_t s = 0; s < slots; s++)
        plan->start[s + 2] = plan->start[s + 1] + plan->wishes[s].splits;
    each_split(plan, note_key);
    for (uint32_t s = 0; s < slots; s++) {
        uint32_t *keys = plan->keys + plan->start[s];

        sort_keys(keys, plan->spare, plan->wishes[s].splits);
        plan->wishes[s].splits = keep_distinct(keys, plan->wishes[s].splits);
    }
    return 0;
}

/* Groups of PIVOTS numbers in a level of the search tree, the last level being 0. */
static size_t groups_of(uint32_t count, uint32_t level)
{
    size_t groups = ((size_t)count + PIVOTS - 1) / PIVOTS;

    while (level--)
        groups = (groups + PIVOTS - 1) / PIVOTS;
    return groups;
}

static void add_ranked(struct forest_columns *columns, struct plan *plan, uint32_t slot)
{
    const struct wish *wish = &plan->wishes[slot];
    struct forest_ranked *ranked = &columns->ranked[columns->ranked_count++];

    *ranked = (struct forest_ranked){
        .feature = feature_of(plan->slots, slot),
        .slot = slot,
        .count = wish->splits,
        .depth = 1,
        .windows = (wish->splits + FOREST_WINDOW - 1) / FOREST_WINDOW,
        .left = FOREST_NO_COLUMN,
        .right = FOREST_NO_COLUMN,
    };
    plan->fits &= ranked->windows <= FOREST_COLUMNS_MAX;
    if (!plan->fits)
        return;
    while (groups_of(ranked->count, ranked->depth - 1) > 1)
        ranked->depth++;
    for (uint32_t d = 0; d < ranked->depth; d++) {
        ranked->level[d] = plan->search_size;
        plan->search_size += groups_of(ranked->count, ranked->depth - 1 - d) * PIVOTS;
    }
    if (wish->left) {
        ranked->left = columns->count;
        columns->count += ranked->windows;
    }
    if (wish->right) {
        ranked->right = columns->count;
        columns->count += ranked->windows;
    }
    plan->fits &= columns->count <= FOREST_COLUMNS_MAX;
}

/* Marks the categories that a feature's sets have. */
static void mark_set(struct plan *plan, const struct tree *tree, uint32_t node)
{
    for (uint32_t i = tree->category_start[node]; i < tree->category_start[node + 1]; i++) {
        if (tree->categories[i] < FOREST_CATEGORY_END)
            plan->marked[tree->categories[i]] = 1;
        else
            plan->fits = false;
    }
}

static void mark_sets(struct plan *plan, uint32_t feature)
{
    memset(plan->marked, 0, FOREST_CATEGORY_END);
    for (uint32_t t = 0; t < plan->spec->tree_count; t++) {
        const struct tree *tree = &plan->spec->trees[t];

        for (uint32_t n = 0; tree->categorical && n < tree->nodes; n++) {
            if (tree->left[n] != -1 && tree->categorical[n] && tree->feature[n] == feature)
                mark_set(plan, tree, n);
        }
    }
}

static int add_coded(struct forest_columns *columns, struct plan *plan, uint32_t slot,
                     struct err *err)
{
    struct forest_coded *coded = &columns->coded[columns->coded_count++];
    uint32_t code = 0;
    uint8_t *codes;

    *coded = (struct forest_coded){
        .feature = feature_of(plan->slots, slot),
        .slot = slot,
        .column = columns->count,
        .codes = plan->codes_size,
    };
    columns->count += 2;
    mark_sets(plan, coded->feature);
    for (uint32_t c = 0; c < FOREST_CATEGORY_END; c++) {
        if (plan->marked[c])
            coded->end = c + 1;
    }
    codes = mem_resize(columns->codes, plan->codes_size + coded->end, 1);
    if (!codes)
        return err_memory(err, plan->codes_size + coded->end, "a forest's categories");
    columns->codes = codes;
    for (uint32_t c = 0; c < coded->end && plan->fits; c++) {
        codes[plan->codes_size++] = plan->marked[c] ? (uint8_t)code : FOREST_CODES;
        code += plan->marked[c];
        plan->fits = code <= FOREST_CODES;
    }
    return 0;
}

static int name_columns(struct forest_columns *columns, struct plan *plan, struct err *err)
{
    uint32_t slots = plan->slots->count;
    uint32_t ranked = 0;
    uint32_t coded = 0;

    for (uint32_t s = 0; s < slots; s++) {
        ranked += plan->wishes[s].splits > 0;
        coded += plan->wishes[s].sets;
    }
    columns->ranked = mem_alloc(ranked, sizeof(*columns->ranked));
    columns->coded = mem_alloc(coded, sizeof(*columns->coded));
    plan->marked = mem_alloc(coded ? FOREST_CATEGORY_END : 0, 1);
    if (!columns->ranked || !columns->coded || !plan->marked)
        return err_memory(err, ranked * sizeof(*columns->ranked), "a forest's columns");
    for (uint32_t s = 0; s < slots && plan->fits; s++) {
        if (plan->wishes[s].splits)
            add_ranked(columns, plan, s);
    }
    for (uint32_t s = 0; s < slots && plan->fits; s++) {
        if (plan->wishes[s].sets && add_coded(columns, plan, s, err))
            return -1;
    }
    plan->fits &= columns->count <= FOREST_COLUMNS_MAX;
    return 0;
}

/* Level d of the search tree, 0 being the thresholds: number i stands for (i + 1) 16^d of them. */
static void fill_search(struct forest_columns *columns, const struct forest_ranked *ranked,
                        const uint32_t *keys)
{
    float *level = columns->search + ranked->level[0];
    size_t span = 1; /* thresholds below one number of the level */

    for (uint32_t d = 1; d < ranked->depth; d++)
        span *= PIVOTS;
    for (uint32_t d = ranked->depth; d--; span /= PIVOTS) {
        size_t numbers = groups_of(ranked->count, d) * PIVOTS;

        for (size_t i = 0; i < numbers; i++) {
            size_t at = (i + 1) * span - 1;
            /* a pivot above the thresholds leads to a child, which there must be */
            bool none =
                d == 0 ? at >= ranked->count : at + 1 >= ranked->count || i % PIVOTS == PIVOTS - 1;

            level[i] = none ? NAN : forest_unkey(keys[at]);
        }
        level += numbers;
    }
}

static int fill_columns(struct forest_columns *columns, struct plan *plan, struct err *err)
{
    columns->search = mem_aligned(plan->search_size, sizeof(*columns->search));
    if (!columns->search)
        return err_memory(err, plan->search_size * sizeof(*columns->search),
                          "a forest's thresholds");
    for (size_t i = 0; i < PIVOTS; i++)
        columns->search[i] = NAN;
    for (uint32_t r = 0; r < columns->ranked_count; r++) {
        const struct forest_ranked *ranked = &columns->ranked[r];

        fill_search(columns, ranked, plan->keys + plan->start[ranked->slot]);
    }
    return 0;
}

static bool has_sets(const struct plan *plan)
{
    for (uint32_t s = 0; s < plan->slots->count; s++) {
        if (plan->wishes[s].sets)
            return true;
    }
    return false;
}

static int make(struct forest_columns *columns, struct plan *plan, struct err *err)
{
    plan->wishes = mem_zero(plan->slots->count, sizeof(*plan->wishes));
    if (!plan->wishes)
        return err_memory(err, plan->slots->count * sizeof(*plan->wishes), "a forest's columns");
    each_split(plan, note_wish);
    if (columns->category_rule == CATEGORY_DEFAULT && has_sets(plan))
        plan->fits = false;
    if (!plan->fits)
        return 0;
    if (collect_keys(plan, err) || name_columns(columns, plan, err))
        return -1;
    return plan->fits ? fill_columns(columns, plan, err) : 0;
}

int forest_columns_init(struct forest_columns *columns, const struct forest_spec *spec,
                        const struct forest_slots *slots, bool *ret_fits, struct err *err)
{
    struct plan plan = {.spec = spec, .slots = slots, .search_size = PIVOTS, .fits = true};
    int r;

    *columns = (struct forest_columns){.category_rule = spec->category_rule};
    r = make(columns, &plan, err);
    mem_release(plan.wishes);
    mem_release(plan.start);
    mem_release(plan.keys);
    mem_release(plan.spare);
    mem_release(plan.marked);
    if (r || !plan.fits)
        forest_columns_fini(columns);
    *ret_fits = plan.fits;
    return r;
}

void forest_columns_fini(struct forest_columns *columns)
{
    mem_release(columns->ranked);
    mem_release(columns->coded);
    mem_release(columns->search);
    mem_release(columns->codes);
    *columns = (struct forest_columns){.count = 0};
}

static const struct forest_ranked *find_ranked(const struct forest_columns *columns,
                                               uint32_t feature)
{
    uint32_t low = 0;
    uint32_t high = columns->ranked_count;

    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;

        if (columns->ranked[middle].feature <= feature)
            low = middle;
        else
            high = middle;
    }
    return &columns->ranked[low];
}

struct forest_question forest_columns_ask(const struct forest_columns *columns,
                                          const struct tree *tree, uint32_t node)
{
    const struct forest_ranked *ranked = find_ranked(columns, tree->feature[node]);
    const float *thresholds = columns->search + ranked->level[ranked->depth - 1];
    uint32_t key = threshold_key(tree->value[node]);
    uint32_t low = 0;
    uint32_t high = ranked->count;
    uint32_t window;

    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;

        if (forest_key(thresholds[middle]) <= key)
            low = middle;
        else
            high = middle;
    }
    window = low / FOREST_WINDOW;
    return (struct forest_question){
        .column = (uint16_t)(window + (tree->default_left[node] ? ranked->left : ranked->right)),
        .level = (uint8_t)(low - window * FOREST_WINDOW + 1),
    };
}

uint8_t forest_columns_code(const struct forest_columns *columns, const struct forest_coded *coded,
                            float x)
{
    bool invalid = x < 0.0f || x >= (float)coded->end;

    if (columns->category_rule == CATEGORY_ZERO && x > -1.0f && x < 0.0f)
        invalid = false; /* truncation makes it 0 */
    if (invalid || coded->end == 0)
        return FOREST_CODES;
    return columns->codes[coded->codes + (uint32_t)(int32_t)x];
}

uint32_t forest_columns_set(const struct forest_columns *columns, const struct tree *tree,
                            uint32_t node, uint8_t ret_bits[32])
{
    const struct forest_coded *coded = columns->coded;

    while (coded->feature != tree->feature[node])
        coded++;
    memset(ret_bits, 0, 32);
    for (uint32_t i = tree->category_start[node]; i < tree->category_start[node + 1]; i++) {
        uint8_t code = columns->codes[coded->codes + (uint32_t)tree->categories[i]];

        ret_bits[code / 8] |= (uint8_t)(1u << code % 8);
    }
    return coded->column;
}
