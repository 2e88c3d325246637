/*
 * forest_masks.h in AVX-512 VBMI.
 *
 * Words are stored one by one and loaded eight at a time: were that done at once, each load would
 * wait until the stores have left the processor's queue. So a chunk of trees makes all its words
 * first, then walks, then adds, which also keeps the chain of additions, that no order can shorten,
 * fed.
 */
#include "algorithms/forest_masks.h"

#include <immintrin.h>
#include <math.h>

#include "algorithms/forest_count16.h"

#define CHUNK  256 /* words: fewer trees where a tree has several */
#define LANES  8
#define INLINE static inline __attribute__((always_inline))

/* A row's bytes of all columns, and a spare one. */
struct row {
    uint8_t bytes[FOREST_MASKS_COLUMNS + 64];
} __attribute__((aligned(64)));

/* The words of a chunk's trees: word w of tree t is words[w][t]. */
struct words {
    uint64_t words[4][CHUNK];
} __attribute__((aligned(64)));

/* For each of 64 splits the byte of its column. */
INLINE __m512i fetch(const __m512i *row, unsigned vectors, __m512i asked)
{
    if (vectors == 1)
        return _mm512_permutexvar_epi8(asked, row[0]);
    if (vectors == 2)
        return _mm512_permutex2var_epi8(row[0], asked, row[1]);
    return _mm512_mask_blend_epi8(_mm512_movepi8_mask(asked),
                                  _mm512_permutex2var_epi8(row[0], asked, row[1]),
                                  _mm512_permutex2var_epi8(row[2], asked, row[3]));
}

/* `vectors` and `words` are constants where this is inlined. */
INLINE void answer_chunk(const struct forest_masks *masks, size_t first, size_t trees,
                         const struct row *row, unsigned vectors, unsigned words, struct words *ret)
{
    const __m512i *asked = (const __m512i *)(const void *)(masks->asked + first);
    const __m512i *levels = (const __m512i *)(const void *)(masks->levels + first);
    __m512i bytes[4];

    for (unsigned v = 0; v < vectors; v++)
        bytes[v] = _mm512_load_si512(row->bytes + 64 * v);
#pragma GCC unroll 4
    for (size_t t = 0; t < trees; t++) {
        for (unsigned w = 0; w < words; w++, asked++, levels++)
            ret->words[w][t] = _mm512_cmpge_epu8_mask(fetch(bytes, vectors, *asked), *levels);
    }
}

/* From split i to its right child where bit i % 64 of the lane's word is set, else to its left. */
INLINE __m512i step(__m512i i, __m512i word)
{
    __m512i answer = _mm512_rorv_epi64(word, i);

    /* 2 i | (answer & 1) */
    return _mm512_ternarylogic_epi64(_mm512_add_epi64(i, i), answer, _mm512_set1_epi64(1), 0xf8);
}

/* Eight trees from their roots to "split" 2^depth + leaf. */
INLINE __m512i walk(const struct words *words, size_t t, unsigned depth)
{
    __m512i word = _mm512_load_si512(words->words[0] + t);
    __m512i i = _mm512_set1_epi64(1);

    for (unsigned d = 0; d < depth && d < 6; d++)
        i = step(i, word);
    if (depth >= 7)
        i = step(i, _mm512_load_si512(words->words[1] + t));
    if (depth == 8) {
        __mmask8 last = _mm512_test_epi64_mask(i, _mm512_set1_epi64(64));

        i = step(i, _mm512_mask_blend_epi64(last, _mm512_load_si512(words->words[2] + t),
                                            _mm512_load_si512(words->words[3] + t)));
    }
    return i;
}

/* Places of the chunk's leaves, counted from the first tree's. */
INLINE void walk_chunk(const struct words *words, size_t trees, unsigned depth, uint32_t *ret)
{
    const __m512i lane = _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7);
    __m512i base =
        _mm512_sub_epi64(_mm512_slli_epi64(lane, depth), _mm512_set1_epi64((long long)1 << depth));

    for (size_t t = 0; t < trees; t += LANES) {
        __m512i place = _mm512_add_epi64(walk(words, t, depth), base);

        _mm256_storeu_si256((__m256i *)(void *)(ret + t), _mm512_cvtepi64_epi32(place));
        base = _mm512_add_epi64(base, _mm512_set1_epi64((long long)LANES << depth));
    }
}

static void walk_any(const struct words *words, size_t trees, unsigned depth, uint32_t *ret)
{
    if (depth == 6)
        walk_chunk(words, trees, 6, ret);
    else if (depth == 7)
        walk_chunk(words, trees, 7, ret);
    else if (depth == 8)
        walk_chunk(words, trees, 8, ret);
    else
        walk_chunk(words, trees, depth, ret);
}

static void answer_any(const struct forest_masks *masks, size_t first, size_t trees,
                       const struct row *row, unsigned words, struct words *ret)
{
    unsigned vectors = masks->columns->count <= 64 ? 1 : masks->columns->count <= 128 ? 2 : 4;

#define CASE(v, w)                                                                                 \
    if (vectors == v && words == w)                                                                \
    answer_chunk(masks, first, trees, row, v, w, ret)
    CASE(1, 1);
    CASE(1, 2);
    CASE(1, 4);
    CASE(2, 1);
    CASE(2, 2);
    CASE(2, 4);
    CASE(4, 1);
    CASE(4, 2);
    CASE(4, 4);
#undef CASE
}

static float add_chunk(const float *leaves, const uint32_t *places, size_t trees, float sum)
{
#pragma GCC unroll 8
    for (size_t t = 0; t < trees; t++)
        sum += leaves[places[t]];
    return sum;
}

static void score_run(const struct forest_masks *masks, const struct forest_masks_run *run,
                      const struct row *rows, size_t count, size_t outputs, float *sums)
{
    struct words words;
    uint32_t places[CHUNK];

    size_t chunk = CHUNK / run->words;

    for (size_t first = 0; first < run->trees; first += chunk) {
        size_t trees = run->trees - first < chunk ? run->trees - first : chunk;
        const float *leaves = masks->leaves + run->leaf + (first << run->depth);

        for (size_t r = 0; r < count; r++) {
            float *sum = sums + r * outputs + run->output;

            answer_any(masks, run->first + first * run->words * 64, trees, &rows[r], run->words,
                       &words);
            walk_any(&words, trees, run->depth, places);
            *sum = add_chunk(leaves, places, trees, *sum);
        }
    }
}

INLINE void put_value(const struct forest_masks_value *value, const float *search, float x,
                      uint8_t *bytes)
{
    uint32_t group = forest_count16(search + value->pivots, x) * 16;
    uint32_t rank = group + forest_count16(search + value->thresholds + group, x);

    bytes[value->left] = (uint8_t)rank;
    bytes[value->right] = (uint8_t)(rank | -(uint32_t)(x != x));
}

/* A feature's bytes in its windows from `column` on. */
static void put_windows(uint8_t *bytes, uint32_t column, uint32_t windows, uint32_t rank)
{
    for (uint32_t w = 0, base = 0; w < windows; w++, base += FOREST_WINDOW) {
        uint32_t above = rank < base ? 0 : rank - base;

        bytes[column + w] = (uint8_t)(above < 255 ? above : 255);
    }
}

static void put_wide(const struct forest_ranked *ranked, const float *search, float x,
                     uint8_t *bytes)
{
    uint32_t rank = forest_rank(ranked, search, x);

    if (ranked->left != FOREST_NO_COLUMN)
        put_windows(bytes, ranked->left, ranked->windows, rank);
    if (x != x)
        rank = UINT32_MAX;
    if (ranked->right != FOREST_NO_COLUMN)
        put_windows(bytes, ranked->right, ranked->windows, rank);
}

/* Any row: short ones, those by slot, features of several windows. */
static void fill_any(const struct forest_masks *masks, const struct forest_rows *rows,
                     const float *x, uint8_t *bytes)
{
    const struct forest_columns *columns = masks->columns;

    for (uint32_t i = 0; i < masks->value_count; i++) {
        const struct forest_masks_value *value = &masks->values[i];
        uint32_t at = rows->by_slot ? value->slot : value->feature;

        put_value(value, columns->search, at < rows->width ? x[at] : NAN, bytes);
    }
    for (uint32_t i = 0; i < columns->ranked_count; i++) {
        const struct forest_ranked *ranked = &columns->ranked[i];
        uint32_t at = rows->by_slot ? ranked->slot : ranked->feature;

        if (ranked->windows > 1)
            put_wide(ranked, columns->search, at < rows->width ? x[at] : NAN, bytes);
    }
}

static void fill_row(const struct forest_masks *masks, const struct forest_rows *rows, size_t row,
                     uint8_t *bytes)
{
    const struct forest_columns *columns = masks->columns;
    const float *x = rows->x + row * rows->stride;
    uint32_t count = masks->value_count;

    if (rows->by_slot || count < columns->ranked_count || count == 0 ||
        masks->values[count - 1].feature >= rows->width) {
        fill_any(masks, rows, x, bytes);
        return;
    }
#pragma GCC unroll 2
    for (uint32_t i = 0; i < count; i++)
        put_value(&masks->values[i], columns->search, x[masks->values[i].feature], bytes);
}

void forest_masks_score(const struct forest_masks *masks, const struct forest_rows *rows,
                        size_t count, size_t outputs, float *sums)
{
    struct row bytes[FOREST_MASKS_ROWS];

    for (size_t r = 0; r < count; r++)
        fill_row(masks, rows, r, bytes[r].bytes);
    for (size_t i = 0; i < masks->run_count; i++)
        score_run(masks, &masks->runs[i], bytes, count, outputs, sums);
}
