/*
 * Rows as keys: which features have a slot, and the pairs of a row from dense or CSR input
 * (forest_layout.h says what a pair is). Absent features cost nothing per row: their pairs are set
 * to "missing" once per call, and a CSR row takes back what it wrote.
 */

#include "algorithms/forest_layout.h"
#include "base/memory.h"

/* A feature per slot is worth a table only where most of the low features are unused. */
static bool slots_are_features(uint32_t used, uint32_t features)
{
    return features <= (uint64_t)used * 4 + 64;
}

static uint32_t features_used(const struct forest_spec *spec)
{
    uint32_t features = 0;

    for (uint32_t t = 0; t < spec->tree_count; t++) {
        const struct tree *tree = &spec->trees[t];

        for (uint32_t n = 0; n < tree->nodes; n++) {
            if (tree->left[n] != -1 && tree->feature[n] >= features)
                features = tree->feature[n] + 1;
        }
    }
    return features;
}

static void mark_used(const struct forest_spec *spec, uint64_t *bits)
{
    for (uint32_t t = 0; t < spec->tree_count; t++) {
        const struct tree *tree = &spec->trees[t];

        for (uint32_t n = 0; n < tree->nodes; n++) {
            if (tree->left[n] != -1)
                bits[tree->feature[n] >> 6] |= (uint64_t)1 << (tree->feature[n] & 63);
        }
    }
}

/* Bits are known: numbers the used features. */
static int number_slots(struct forest_slots *slots, size_t words, struct err *err)
{
    uint32_t slot = 0;

    slots->before = mem_alloc(words, sizeof(*slots->before));
    slots->feature = mem_alloc(slots->count, sizeof(*slots->feature));
    if (!slots->before || !slots->feature)
        return err_memory(err, (words + slots->count) * sizeof(uint32_t), "a forest's features");
    for (size_t w = 0; w < words; w++) {
        slots->before[w] = slot;
        for (uint64_t left = slots->bits[w]; left; left &= left - 1)
            slots->feature[slot++] = (uint32_t)(w * 64) + (uint32_t)__builtin_ctzll(left);
    }
    return 0;
}

int forest_slots_init(struct forest_slots *slots, const struct forest_spec *spec, struct err *err)
{
    size_t words;
    uint64_t used = 0;

    slots->features = features_used(spec);
    words = (size_t)slots->features / 64 + 1;
    slots->bits = mem_zero(words, sizeof(*slots->bits));
    if (!slots->bits)
        return err_memory(err, words * sizeof(*slots->bits), "a forest's features");
    mark_used(spec, slots->bits);
    for (size_t w = 0; w < words; w++)
        used += (uint64_t)__builtin_popcountll(slots->bits[w]);
    slots->count = (uint32_t)used;
    if (slots_are_features(slots->count, slots->features)) {
        slots->count = slots->features;
        free(TAKE(slots->bits));
    }
    if (slots->count > FOREST_SLOTS_MAX)
        return err_set(err, ERR_LIMIT, "splits on %u features; the most is %u", slots->count,
                       FOREST_SLOTS_MAX);
    return slots->bits ? number_slots(slots, words, err) : 0;
}

void forest_slots_fini(struct forest_slots *slots)
{
    free(slots->feature);
    free(slots->bits);
    free(slots->before);
}

/* Slots that a dense matrix has a column for: the first so many. */
static uint32_t slots_in(const struct forest_slots *slots, size_t columns)
{
    uint32_t low = 0;
    uint32_t high = slots->count;

    if (!slots->feature)
        return columns < slots->count ? (uint32_t)columns : slots->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (slots->feature[middle] < columns)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Without a branch and with integers only, so that the compiler makes vector instructions of it. */
static inline void set_pair(uint32_t *restrict keys, size_t slot, float x)
{
    uint32_t key = forest_key(x);
    uint32_t missing;
    int32_t bits;

    memcpy(&bits, &x, sizeof(bits));
    missing = (uint32_t) - ((bits & INT32_MAX) > 0x7f800000); /* NaN: all ones */
    keys[2 * slot] = key & ~missing;
    keys[2 * slot + 1] = key | missing;
}

static inline void clear_pair(uint32_t *keys, size_t slot)
{
    keys[2 * slot] = FOREST_KEY_LOW;
    keys[2 * slot + 1] = FOREST_KEY_HIGH;
}

void forest_rows_begin(const struct forest *forest, const struct matrix *matrix, uint32_t *keys,
                       size_t rows)
{
    uint32_t slots = forest->slots.count;
    uint32_t first = matrix->kind == MATRIX_DENSE ? slots_in(&forest->slots, matrix->columns) : 0;

    for (size_t row = 0; row < rows; row++, keys += forest->stride) {
        for (size_t slot = first; slot < slots; slot++)
            clear_pair(keys, slot);
        keys[2 * (size_t)slots] = FOREST_KEY_HIGH;
    }
}

static void fill_dense(const struct forest *forest, const struct matrix *matrix, size_t first,
                       size_t rows, uint32_t *keys)
{
    const uint32_t *feature = forest->slots.feature;
    const float *x = matrix->values + first * matrix->columns;
    uint32_t slots = slots_in(&forest->slots, matrix->columns);

    for (size_t row = 0; row < rows; row++, keys += forest->stride, x += matrix->columns) {
        if (feature) {
            for (size_t slot = 0; slot < slots; slot++)
                set_pair(keys, slot, x[feature[slot]]);
        } else {
            for (size_t slot = 0; slot < slots; slot++)
                set_pair(keys, slot, x[slot]);
        }
    }
}

static void fill_csr(const struct forest *forest, const struct matrix *matrix, size_t first,
                     size_t rows, uint32_t *keys)
{
    for (size_t row = first; row < first + rows; row++, keys += forest->stride) {
        size_t end = matrix->row_start[row + 1];

        for (size_t i = matrix->row_start[row]; i < end; i++) {
            uint32_t slot = forest_slot(&forest->slots, matrix->column[i]);

            if (slot != FOREST_NO_SLOT)
                set_pair(keys, slot, matrix->values[i]);
        }
    }
}

void forest_rows_fill(const struct forest *forest, const struct matrix *matrix, size_t first,
                      size_t rows, uint32_t *keys)
{
    if (matrix->kind == MATRIX_DENSE)
        fill_dense(forest, matrix, first, rows, keys);
    else
        fill_csr(forest, matrix, first, rows, keys);
}

void forest_rows_reset(const struct forest *forest, const struct matrix *matrix, size_t first,
                       size_t rows, uint32_t *keys)
{
    if (matrix->kind == MATRIX_DENSE)
        return; /* the next rows write the same slots */
    for (size_t row = first; row < first + rows; row++, keys += forest->stride) {
        size_t end = matrix->row_start[row + 1];

        for (size_t i = matrix->row_start[row]; i < end; i++) {
            uint32_t slot = forest_slot(&forest->slots, matrix->column[i]);

            if (slot != FOREST_NO_SLOT)
                clear_pair(keys, slot);
        }
    }
}
