/*
 * Splits by category (xgboost-models 5.3). A set is a bit per category as long as that costs no
 * more than a few words per member, so that a file cannot turn one category of 16 million into 2 MB
 * of memory per node; otherwise it is searched as a list.
 */

#include "algorithms/forest_layout.h"

#define WORDS_PER_MEMBER 2
#define WORDS_FREE       8

static size_t bit_words(const int32_t *categories, uint32_t count)
{
    return count ? (size_t)categories[count - 1] / 32 + 1 : 0;
}

static bool is_list(const int32_t *categories, uint32_t count)
{
    return bit_words(categories, count) > (size_t)count * WORDS_PER_MEMBER + WORDS_FREE;
}

size_t forest_set_size(const int32_t *categories, uint32_t count)
{
    return is_list(categories, count) ? count : bit_words(categories, count);
}

struct forest_set forest_set_make(uint32_t *set_words, size_t start, const int32_t *categories,
                                  uint32_t count)
{
    size_t words = bit_words(categories, count);
    bool list = is_list(categories, count);
    uint32_t *at = set_words + start;

    if (!list)
        memset(at, 0, words * sizeof(*at));
    for (uint32_t i = 0; i < count; i++) {
        uint32_t category = (uint32_t)categories[i];

        if (list)
            at[i] = category;
        else
            at[category / 32] |= 1u << (category % 32);
    }
    return (struct forest_set){
        .start = start,
        .words = list ? 0 : (uint32_t)words,
        .count = count,
        .limit = (float)(words * 32),
    };
}

static bool list_has(const uint32_t *list, uint32_t count, uint32_t category)
{
    uint32_t low = 0;
    uint32_t high = count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (list[middle] < category)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && list[low] == category;
}

bool forest_category_right(const struct forest *forest, const struct forest_set *set, float x,
                           bool missing_right)
{
    const uint32_t *words = forest->set_words + set->start;
    bool invalid = x < 0.0f || x >= (float)(TREE_CATEGORY_MAX + 1);
    uint32_t category;

    if (forest->category_rule == CATEGORY_DEFAULT && (invalid || x >= set->limit))
        return missing_right;
    if (forest->category_rule == CATEGORY_ZERO && x > -1.0f && x < 0.0f)
        invalid = false; /* truncation makes it 0 */
    if (invalid)
        return false;
    category = (uint32_t)(int32_t)x;
    if (set->words)
        return category / 32 < set->words && (words[category / 32] >> (category % 32) & 1);
    return list_has(words, set->count, category);
}
