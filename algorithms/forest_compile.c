/*
 * Trees of a file to runs of compiled trees (forest_layout.h): group trees into runs
 * and add up what they need, allocate once and fill.
 */

#include "algorithms/forest_layout.h"
#include "base/memory.h"

/* Trees of one run are made equally deep: that may make the run larger so many times. */
#define PADDING_MAX 4

/* What the trees so far have taken of each array; in the first use, what all need. */
struct totals {
    size_t perfect;
    size_t narrow;
    size_t wide;
    size_t roots;
    size_t vectors; /* numbers */
    size_t sets;
    size_t set_words;
};

struct compiler {
    struct forest *forest;
    const struct forest_spec *spec;
    const struct forest_measured *trees;
    const uint32_t *order;
    uint32_t *queue; /* nodes of one tree, level by level */
    struct totals at;
};

static uint32_t output_of(const struct forest_spec *spec, uint32_t number)
{
    return spec->trees[number].leaf_width > 1 ? 0 : (uint32_t)spec->tree_output[number];
}

/* Whether a tree can go on with the run. Trees of a perfect run are as deep as the deepest: that
 * may not cost more than PADDING_MAX times what each would need. `sum` is what they would. */
static bool fits_run(const struct compiler *compiler, const struct forest_run *run, size_t sum,
                     uint32_t number)
{
    const struct forest_measured *measured = &compiler->trees[number];
    uint32_t depth = run->depth > measured->depth ? run->depth : measured->depth;

    if (run->trees == FOREST_RUN_MAX || run->kind != measured->kind ||
        run->output != output_of(compiler->spec, number) ||
        run->leaf_width != compiler->spec->trees[number].leaf_width)
        return false;
    return run->kind != FOREST_PERFECT || ((size_t)run->trees + 1) << depth <=
                                              PADDING_MAX * (sum + ((size_t)1 << measured->depth));
}

/* Groups the trees; with runs NULL it only counts them. */
static size_t make_runs(const struct compiler *compiler, struct forest_run *runs)
{
    struct forest_run run = {.trees = 0};
    size_t count = 0;
    size_t sum = 0;

    for (uint32_t i = 0; i < compiler->spec->tree_count; i++) {
        uint32_t number = compiler->order[i];
        const struct forest_measured *measured = &compiler->trees[number];

        if (i == 0 || !fits_run(compiler, &run, sum, number)) {
            count++;
            sum = 0;
            run = (struct forest_run){
                .kind = measured->kind,
                .output = output_of(compiler->spec, number),
                .leaf_width = compiler->spec->trees[number].leaf_width,
            };
        }
        run.trees++;
        if (measured->depth > run.depth)
            run.depth = measured->depth;
        if (measured->typical > run.typical)
            run.typical = measured->typical;
        if (measured->kind == FOREST_PERFECT)
            sum += (size_t)1 << measured->depth;
        if (runs)
            runs[count - 1] = run;
    }
    return count;
}

static void add_tree_size(struct compiler *compiler, uint32_t number)
{
    const struct tree *tree = &compiler->spec->trees[number];
    const struct forest_measured *measured = &compiler->trees[number];
    struct totals *at = &compiler->at;

    if (measured->kind == FOREST_PERFECT)
        return;
    at->roots++;
    *(measured->kind == FOREST_NARROW ? &at->narrow : &at->wide) += measured->nodes;
    if (tree->leaf_width > 1) /* a binary tree: its leaves are its splits and one */
        at->vectors += ((size_t)measured->nodes / 2 + 1) * tree->leaf_width;
    if (!measured->sets)
        return;
    at->sets += measured->sets;
    for (uint32_t n = 0; n < tree->nodes; n++) {
        if (!forest_is_leaf(tree, n) && forest_is_set(tree, n))
            at->set_words += forest_set_size(tree->categories + tree->category_start[n],
                                             tree->category_start[n + 1] - tree->category_start[n]);
    }
}

static int allocate(struct compiler *compiler, struct err *err)
{
    struct forest *forest = compiler->forest;
    const struct totals *at = &compiler->at;

    if (at->narrow > UINT32_MAX || at->wide > UINT32_MAX || at->vectors > UINT32_MAX ||
        at->sets > UINT32_MAX)
        return err_set(err, ERR_LIMIT, "a forest of more than %u nodes", UINT32_MAX);
    forest->thresholds = mem_alloc(at->perfect, sizeof(*forest->thresholds));
    forest->words = mem_alloc(at->perfect, sizeof(*forest->words));
    forest->leaves = mem_alloc(at->perfect, sizeof(*forest->leaves));
    forest->narrow = mem_alloc(at->narrow, sizeof(*forest->narrow));
    forest->wide = mem_alloc(at->wide, sizeof(*forest->wide));
    forest->roots = mem_alloc(at->roots, sizeof(*forest->roots));
    forest->vectors = mem_alloc(at->vectors, sizeof(*forest->vectors));
    forest->sets = mem_alloc(at->sets, sizeof(*forest->sets));
    forest->set_words = mem_alloc(at->set_words, sizeof(*forest->set_words));
    if (!forest->thresholds || !forest->words || !forest->leaves || !forest->narrow ||
        !forest->wide || !forest->roots || !forest->vectors || !forest->sets || !forest->set_words)
        return err_memory(err,
                          at->perfect * 10 + at->narrow * sizeof(*forest->narrow) +
                              at->wide * sizeof(*forest->wide) + at->vectors * sizeof(float) +
                              at->sets * sizeof(*forest->sets) + at->set_words * sizeof(uint32_t),
                          "the nodes of a forest");
    return 0;
}

/* A threshold that is NaN (damaged files) sends every value right: less than any value's key, and
 * still more than that of missing, which goes its default way. */
static uint32_t threshold_key(float threshold)
{
    return threshold != threshold ? FOREST_KEY_LOW + 1 : forest_key(threshold);
}

static uint32_t split_word(const struct compiler *compiler, const struct tree *tree, uint32_t node)
{
    uint32_t slot = forest_slot(&compiler->forest->slots, tree->feature[node]);

    return 2 * slot + (tree->default_left[node] ? 0 : 1);
}

static float weigh(const struct compiler *compiler, uint32_t number, float leaf)
{
    return compiler->spec->tree_weight ? leaf * compiler->spec->tree_weight[number] : leaf;
}

static void fill_perfect(struct compiler *compiler, uint32_t number, uint32_t depth)
{
    const struct tree *tree = &compiler->spec->trees[number];
    uint32_t *thresholds = compiler->forest->thresholds + compiler->at.perfect;
    uint16_t *words = compiler->forest->words + compiler->at.perfect;
    float *leaves = compiler->forest->leaves + compiler->at.perfect;
    uint32_t size = 1u << depth;
    uint32_t source[2 << FOREST_PERFECT_MAX];

    source[1] = 0;
    thresholds[0] = 0;
    words[0] = 0;
    for (uint32_t i = 1; i < size; i++) {
        uint32_t node = source[i];
        bool leaf = forest_is_leaf(tree, node);

        /* Below a leaf it does not matter what is compared. */
        thresholds[i] = leaf ? 0 : threshold_key(tree->value[node]);
        words[i] = leaf ? 0 : (uint16_t)split_word(compiler, tree, node);
        source[2 * i] = leaf ? node : (uint32_t)tree->right[node];
        source[2 * i + 1] = leaf ? node : (uint32_t)tree->left[node];
    }
    for (uint32_t i = 0; i < size; i++)
        leaves[i] = weigh(compiler, number, tree->value[source[size + i]]);
    compiler->at.perfect += size;
}

static uint32_t add_vector(struct compiler *compiler, uint32_t number, uint32_t node)
{
    const struct tree *tree = &compiler->spec->trees[number];
    const float *from = tree->leaf_vectors + (size_t)node * tree->leaf_width;
    float *to = compiler->forest->vectors + compiler->at.vectors;
    size_t start = compiler->at.vectors;

    for (uint32_t k = 0; k < tree->leaf_width; k++)
        to[k] = weigh(compiler, number, from[k]);
    compiler->at.vectors += tree->leaf_width;
    return (uint32_t)start;
}

static uint32_t add_set(struct compiler *compiler, const struct tree *tree, uint32_t node)
{
    struct forest *forest = compiler->forest;
    const int32_t *categories = tree->categories + tree->category_start[node];
    uint32_t count = tree->category_start[node + 1] - tree->category_start[node];
    struct totals *at = &compiler->at;

    forest->sets[at->sets] = forest_set_make(forest->set_words, at->set_words, categories, count);
    at->set_words += forest_set_size(categories, count);
    return (uint32_t)at->sets++;
}

static struct forest_wide leaf_node(struct compiler *compiler, uint32_t number, uint32_t node)
{
    const struct tree *tree = &compiler->spec->trees[number];
    struct forest_wide ret = {.word = 2 * compiler->forest->slots.count};

    if (tree->leaf_width > 1) {
        ret.threshold = add_vector(compiler, number, node);
    } else {
        float value = weigh(compiler, number, tree->value[node]);

        memcpy(&ret.threshold, &value, sizeof(value));
    }
    return ret;
}

static void fill_linked(struct compiler *compiler, uint32_t number)
{
    const struct tree *tree = &compiler->spec->trees[number];
    bool narrow = compiler->trees[number].kind == FOREST_NARROW;
    size_t *used = narrow ? &compiler->at.narrow : &compiler->at.wide;
    uint32_t count = forest_list_nodes(tree, compiler->queue);
    uint32_t child = 1;

    compiler->forest->roots[compiler->at.roots++] = (uint32_t)*used;
    for (uint32_t i = 0; i < count; i++, ++*used) {
        uint32_t node = compiler->queue[i];
        struct forest_wide to;

        if (forest_is_leaf(tree, node)) {
            to = leaf_node(compiler, number, node);
        } else {
            to.word = split_word(compiler, tree, node);
            to.next = child - i;
            child += 2;
            if (forest_is_set(tree, node)) {
                to.word |= FOREST_CATEGORICAL;
                to.threshold = add_set(compiler, tree, node);
            } else {
                to.threshold = threshold_key(tree->value[node]);
            }
        }
        if (narrow)
            compiler->forest->narrow[*used] =
                (struct forest_narrow){to.threshold, (uint16_t)to.word, (uint16_t)to.next};
        else
            compiler->forest->wide[*used] = to;
    }
}

static void fill(struct compiler *compiler)
{
    struct forest *forest = compiler->forest;
    const uint32_t *order = compiler->order;

    compiler->at = (struct totals){0};
    for (size_t r = 0; r < forest->run_count; r++) {
        struct forest_run *run = &forest->runs[r];

        run->nodes = compiler->at.perfect;
        run->roots = (uint32_t)compiler->at.roots;
        for (uint32_t k = 0; k < run->trees; k++, order++) {
            if (run->kind == FOREST_PERFECT)
                fill_perfect(compiler, *order, run->depth);
            else
                fill_linked(compiler, *order);
        }
    }
}

static int compile(struct compiler *compiler, struct err *err)
{
    struct forest *forest = compiler->forest;
    const struct forest_run *run;

    forest->run_count = make_runs(compiler, NULL);
    forest->runs = mem_alloc(forest->run_count, sizeof(*forest->runs));
    if (!forest->runs)
        return err_memory(err, forest->run_count * sizeof(*forest->runs), "a forest's runs");
    make_runs(compiler, forest->runs);
    for (run = forest->runs; run < forest->runs + forest->run_count; run++) {
        if (run->kind == FOREST_PERFECT)
            compiler->at.perfect += (size_t)run->trees << run->depth;
    }
    for (uint32_t t = 0; t < compiler->spec->tree_count; t++)
        add_tree_size(compiler, t);
    if (allocate(compiler, err))
        return -1;
    fill(compiler);
    return 0;
}

int forest_compile(struct forest *forest, const struct forest_spec *spec,
                   const struct forest_measures *measures, struct err *err)
{
    struct compiler compiler = {
        .forest = forest,
        .spec = spec,
        .trees = measures->trees,
        .order = measures->order,
        .queue = measures->queue,
    };

    return compile(&compiler, err);
}
