/*
 * Trees of a file to the lists of splits that the sweep reads (forest_sweep.h): add up what they
 * need, allocate once, fill.
 */

#include "algorithms/forest_sweep.h"

#include "base/cpu.h"
#include "base/memory.h"

/* A step of a program takes about so many times as long as a split of a perfect tree (measured:
 * 3.4 times with AVX-512, 2.4 with AVX2). A tree that is emptier than that is made a program. */
#define PROGRAM_COST 3

struct compiler {
    struct forest_sweep *sweep;
    const struct forest_spec *spec;
    const struct forest_measures *measures;
    size_t splits; /* so far; first of all, in all */
    size_t steps;
    size_t sets;
    size_t leaves;
    size_t vectors;
    size_t walk_nodes;
    size_t exits;
    uint8_t *need;   /* per node of the tree at hand: places of the stack; see find_needs */
    uint32_t *below; /* per node: leaves; of a cut tree its place in the list of nodes */
    /* the tree at hand */
    const struct tree *source;
    struct forest_sweep_tree *tree;
    float weight;
    bool weighted;
};

const struct forest_sweep_kernel *forest_sweep_kernel(void)
{
#if defined(__x86_64__)
    switch (cpu_level()) {
    case CPU_VBMI:
        return &forest_sweep_vbmi;
    case CPU_AVX512:
        return &forest_sweep_avx512;
    case CPU_AVX2:
        return &forest_sweep_avx2;
    case CPU_BASELINE:
        break;
    }
#elif defined(__aarch64__)
    return &forest_sweep_neon;
#endif
    return NULL;
}

static bool is_cut(const struct forest_measured *measured)
{
    return measured->nodes / 2 + 1 > FOREST_SWEEP_LEAVES;
}

/* Not asked of a tree that is cut. */
static bool is_perfect(const struct forest_measured *measured)
{
    uint32_t splits = measured->nodes / 2;

    return measured->depth && measured->depth <= FOREST_SWEEP_DEPTH &&
           (1u << measured->depth) - 1 <= PROGRAM_COST * splits;
}

/* Leaves that a tree has numbers for, with room up to a whole number of blocks. */
static uint32_t leaf_blocks(const struct forest_measured *measured)
{
    uint32_t leaves = is_perfect(measured) ? 1u << measured->depth : measured->nodes / 2 + 1;

    return leaves <= 64 ? 1 : leaves <= 128 ? 2 : 4;
}

/* Rounded up so that every tree's leaves begin at a multiple of 64 bytes. */
static size_t whole_lines(size_t leaves)
{
    return (leaves + 15) & ~(size_t)15;
}

static void add_up_cut(struct compiler *compiler, const struct forest_measured *measured,
                       uint32_t width)
{
    uint32_t top = 1u << compiler->sweep->kernel->cut;

    compiler->splits += top - 1;
    compiler->exits += top;
    compiler->walk_nodes += measured->nodes;
    if (width == 1)
        compiler->leaves += whole_lines(measured->nodes);
    else
        compiler->vectors += (size_t)measured->nodes * width;
}

static void add_up_whole(struct compiler *compiler, const struct forest_measured *measured,
                         uint32_t width)
{
    size_t leaves = 64 * (size_t)leaf_blocks(measured);

    if (is_perfect(measured))
        compiler->splits += (1u << measured->depth) - 1;
    else
        compiler->steps += measured->nodes / 2;
    if (width == 1)
        compiler->leaves += leaves;
    else
        compiler->vectors += leaves * width;
}

/* False where a tree cannot be swept. */
static bool add_up(struct compiler *compiler)
{
    for (uint32_t t = 0; t < compiler->spec->tree_count; t++) {
        const struct forest_measured *measured = &compiler->measures->trees[t];
        uint32_t width = compiler->spec->trees[t].leaf_width;

        if (measured->sets > FOREST_COLUMNS_MAX - compiler->sweep->columns->count)
            return false;
        if (is_cut(measured))
            add_up_cut(compiler, measured, width);
        else
            add_up_whole(compiler, measured, width);
        compiler->sets += measured->sets;
        if (measured->sets > compiler->sweep->set_columns)
            compiler->sweep->set_columns = measured->sets;
    }
    return true;
}

static int allocate(struct compiler *compiler, struct err *err)
{
    struct forest_sweep *sweep = compiler->sweep;
    uint32_t most = 1;

    for (uint32_t t = 0; t < compiler->spec->tree_count; t++) {
        if (compiler->spec->trees[t].nodes > most)
            most = compiler->spec->trees[t].nodes;
    }
    sweep->trees = mem_zero(compiler->spec->tree_count, sizeof(*sweep->trees));
    sweep->splits = mem_alloc(compiler->splits, sizeof(*sweep->splits));
    sweep->steps = mem_alloc(compiler->steps, sizeof(*sweep->steps));
    sweep->sets = mem_alloc(compiler->sets, sizeof(*sweep->sets));
    sweep->leaves = mem_aligned(compiler->leaves, sizeof(*sweep->leaves));
    sweep->vectors = mem_zero(compiler->vectors, sizeof(*sweep->vectors));
    sweep->walk_nodes = mem_alloc(compiler->walk_nodes, sizeof(*sweep->walk_nodes));
    sweep->exits = mem_alloc(compiler->exits, sizeof(*sweep->exits));
    compiler->need = mem_alloc(most, sizeof(*compiler->need));
    compiler->below = mem_alloc(most, sizeof(*compiler->below));
    if (!sweep->trees || !sweep->splits || !sweep->steps || !sweep->sets || !sweep->leaves ||
        !sweep->vectors || !sweep->walk_nodes || !sweep->exits || !compiler->need ||
        !compiler->below)
        return err_memory(err,
                          compiler->splits * sizeof(*sweep->splits) +
                              compiler->steps * sizeof(*sweep->steps) +
                              (compiler->leaves + compiler->vectors) * sizeof(float),
                          "the splits of a forest");
    return 0;
}

/* What a split asks; a set is made a column of the tree's own. */
static struct forest_question ask(struct compiler *compiler, uint32_t node)
{
    const struct forest_columns *columns = compiler->sweep->columns;
    struct forest_question question = {.level = 1};

    if (forest_is_set(compiler->source, node)) {
        struct forest_sweep_set *set = &compiler->sweep->sets[compiler->sets++];

        set->codes = (uint16_t)forest_columns_set(columns, compiler->source, node, set->bits);
        set->missing_right = !compiler->source->default_left[node];
        question.column = (uint16_t)(columns->count + compiler->tree->sets++);
    } else {
        question = forest_columns_ask(columns, compiler->source, node);
    }
    question.level ^= compiler->sweep->kernel->flip;
    return question;
}

/* What leaf `number` of the tree holds. */
static void put_leaf(struct compiler *compiler, uint32_t number, uint32_t node)
{
    const struct tree *source = compiler->source;
    uint32_t width = source->leaf_width;
    const float *from =
        width == 1 ? &source->value[node] : source->leaf_vectors + (size_t)node * width;
    float *to = width == 1 ? compiler->sweep->leaves + compiler->tree->leaf + number
                           : compiler->sweep->vectors + compiler->tree->leaf + number * width;

    for (uint32_t k = 0; k < width; k++)
        to[k] = compiler->weighted ? from[k] * compiler->weight : from[k];
}

/* The complete tree of that depth below a node, in post-order. A leaf that sits higher is repeated:
 * below it, it does not matter what is asked. */
static void put_perfect(struct compiler *compiler, uint32_t node, uint32_t depth, uint32_t number)
{
    const struct tree *source = compiler->source;
    bool leaf = forest_is_leaf(source, node);
    struct forest_question question = {.level = 0};

    if (depth == 0 && compiler->tree->cut) {
        compiler->sweep->exits[compiler->exits + number] = compiler->below[node];
        return;
    }
    if (depth == 0) {
        put_leaf(compiler, number, node);
        return;
    }
    put_perfect(compiler, leaf ? node : (uint32_t)source->left[node], depth - 1, number);
    put_perfect(compiler, leaf ? node : (uint32_t)source->right[node], depth - 1,
                number + (1u << (depth - 1)));
    if (!leaf)
        question = ask(compiler, node);
    compiler->sweep->splits[compiler->splits++] =
        (struct forest_split){.column = question.column, .level = question.level};
}

static uint8_t more(uint8_t a, uint8_t b)
{
    return a > b ? a : b;
}

/*
 * How many numbers a subtree needs at a time in the stack, if of two children the one that needs
 * more comes first: as many as that one, or one more where both need the same. So twice as many
 * leaves need one more, and 256 leaves 8.
 */
static void find_needs(struct compiler *compiler)
{
    const struct tree *source = compiler->source;
    const uint32_t *queue = compiler->measures->queue;
    uint32_t count = forest_list_nodes(source, compiler->measures->queue);

    while (count--) {
        uint32_t node = queue[count];
        uint32_t left = (uint32_t)source->left[node];
        uint32_t right = (uint32_t)source->right[node];

        compiler->need[node] = 0;
        compiler->below[node] = 1;
        if (forest_is_leaf(source, node))
            continue;
        compiler->need[node] = compiler->need[left] == compiler->need[right]
                                   ? (uint8_t)(compiler->need[left] + 1)
                                   : more(compiler->need[left], compiler->need[right]);
        compiler->below[node] = compiler->below[left] + compiler->below[right];
    }
}

/* The program of a subtree; places below `free` are taken. Returns the place of its number. The
 * depth of the calls is that of a tree of at most 256 leaves. */
static uint8_t put_program(struct compiler *compiler, uint32_t node, uint8_t free, uint32_t number)
{
    const struct tree *source = compiler->source;
    struct forest_step step = {.result = free};
    struct forest_question question;
    uint32_t left = (uint32_t)source->left[node];
    uint32_t right = (uint32_t)source->right[node];

    if (forest_is_leaf(source, node)) {
        put_leaf(compiler, number, node);
        return 0;
    }
    step.left_leaves = (uint8_t)compiler->below[left];
    if (compiler->need[left] >= compiler->need[right]) {
        step.left = put_program(compiler, left, free, number);
        step.right = put_program(compiler, right, (uint8_t)(free + (step.left != 0)),
                                 number + step.left_leaves);
    } else {
        step.right = put_program(compiler, right, free, number + step.left_leaves);
        step.left = put_program(compiler, left, (uint8_t)(free + 1), number);
    }
    question = ask(compiler, node);
    step.column = question.column;
    step.level = question.level;
    compiler->sweep->steps[compiler->steps++] = step;
    return free;
}

/* Floats to four tables of their bytes. */
static void split_bytes(float *leaves, size_t count)
{
    uint8_t bytes[4 * FOREST_SWEEP_LEAVES];

    for (size_t i = 0; i < count; i++) {
        uint32_t bits;

        memcpy(&bits, &leaves[i], sizeof(bits));
        for (size_t k = 0; k < 4; k++)
            bytes[k * count + i] = (uint8_t)(bits >> 8 * k);
    }
    memcpy(leaves, bytes, 4 * count);
}

/* Nodes in the levels above `depth`: the list has them first. */
static uint32_t count_above(const struct compiler *compiler, uint32_t count, uint32_t depth)
{
    const uint32_t *queue = compiler->measures->queue;
    uint32_t level_end = 1;
    uint32_t child = 1;

    for (uint32_t i = 0; i < count; i++) {
        if (i == level_end) {
            level_end = child;
            depth--;
        }
        if (depth == 0)
            return i;
        if (!forest_is_leaf(compiler->source, queue[i]))
            child += 2;
    }
    return count;
}

/* The nodes of a cut tree, in the order of the list. Those above the cut are there for their
 * leaves' values; what they ask is in the perfect tree. */
static void put_walk(struct compiler *compiler, uint32_t above, uint32_t count)
{
    const uint32_t *queue = compiler->measures->queue;
    struct forest_walk_node *to = compiler->sweep->walk_nodes + compiler->walk_nodes;
    uint32_t child = 1;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t node = queue[i];

        to[i] = (struct forest_walk_node){.level = 0};
        if (forest_is_leaf(compiler->source, node)) {
            put_leaf(compiler, i, node);
            continue;
        }
        if (i >= above) {
            struct forest_question question = ask(compiler, node);

            to[i].column = question.column;
            to[i].level = question.level ^ compiler->sweep->kernel->flip;
            to[i].next = child - i;
        }
        child += 2;
    }
}

static void put_cut(struct compiler *compiler, const struct forest_measured *measured)
{
    struct forest_sweep_tree *tree = compiler->tree;
    uint32_t count = forest_list_nodes(compiler->source, compiler->measures->queue);
    size_t leaves = whole_lines(count);

    tree->depth = compiler->sweep->kernel->cut;
    tree->first = compiler->splits;
    tree->exit = compiler->exits;
    tree->node = compiler->walk_nodes;
    tree->nodes = count;
    tree->typical = measured->typical > tree->depth ? measured->typical - tree->depth : 0;
    for (uint32_t i = 0; i < count; i++)
        compiler->below[compiler->measures->queue[i]] = i;
    if (tree->leaf_width == 1)
        memset(compiler->sweep->leaves + tree->leaf, 0, leaves * sizeof(float));
    put_perfect(compiler, 0, tree->depth, 0);
    put_walk(compiler, count_above(compiler, count, tree->depth), count);
    compiler->exits += (size_t)1 << tree->depth;
    compiler->walk_nodes += count;
    if (tree->leaf_width == 1)
        compiler->leaves += leaves;
    else
        compiler->vectors += (size_t)count * tree->leaf_width;
}

static void put_whole(struct compiler *compiler, const struct forest_measured *measured)
{
    struct forest_sweep *sweep = compiler->sweep;
    struct forest_sweep_tree *tree = compiler->tree;
    size_t leaves;

    tree->leaf_blocks = (uint8_t)leaf_blocks(measured);
    leaves = 64 * (size_t)tree->leaf_blocks;
    if (tree->leaf_width == 1)
        memset(sweep->leaves + tree->leaf, 0, leaves * sizeof(*sweep->leaves));
    if (is_perfect(measured)) {
        tree->depth = (uint8_t)measured->depth;
        tree->first = compiler->splits;
        put_perfect(compiler, 0, measured->depth, 0);
    } else {
        tree->steps = (uint16_t)(measured->nodes / 2);
        tree->first = compiler->steps;
        find_needs(compiler);
        put_program(compiler, 0, 1, 0);
    }
    if (tree->leaf_width != 1) {
        compiler->vectors += leaves * tree->leaf_width;
        return;
    }
    if (sweep->kernel->leaf_bytes)
        split_bytes(sweep->leaves + tree->leaf, leaves);
    compiler->leaves += leaves;
}

static void put_tree(struct compiler *compiler, uint32_t number)
{
    const struct forest_measured *measured = &compiler->measures->trees[number];
    const struct forest_spec *spec = compiler->spec;
    struct forest_sweep *sweep = compiler->sweep;
    const struct tree *source = &spec->trees[number];
    struct forest_sweep_tree *tree = &sweep->trees[sweep->tree_count++];

    *tree = (struct forest_sweep_tree){
        .output = source->leaf_width == 1 ? (uint32_t)spec->tree_output[number] : 0,
        .leaf_width = source->leaf_width,
        .first_set = compiler->sets,
        .leaf = source->leaf_width == 1 ? compiler->leaves : compiler->vectors,
        .cut = is_cut(measured),
    };
    compiler->source = source;
    compiler->tree = tree;
    compiler->weighted = spec->tree_weight != NULL;
    compiler->weight = compiler->weighted ? spec->tree_weight[number] : 1.0f;
    if (tree->cut)
        put_cut(compiler, measured);
    else
        put_whole(compiler, measured);
}

static int compile(struct compiler *compiler, struct err *err)
{
    if (allocate(compiler, err) || forest_sweep_add_ranks(compiler->sweep, err))
        return -1;
    compiler->splits = compiler->steps = compiler->sets = compiler->leaves = compiler->vectors = 0;
    compiler->walk_nodes = compiler->exits = 0;
    for (uint32_t t = 0; t < compiler->spec->tree_count; t++)
        put_tree(compiler, compiler->measures->order[t]);
    return 0;
}

int forest_sweep_new(const struct forest_spec *spec, const struct forest_measures *measures,
                     const struct forest_columns *columns, struct forest_sweep **ret,
                     struct err *err)
{
    struct compiler compiler = {.spec = spec, .measures = measures};
    const struct forest_sweep_kernel *kernel = forest_sweep_kernel();
    int r = 0;

    *ret = NULL;
    if (!kernel)
        return 0;
    compiler.sweep = mem_zero(1, sizeof(*compiler.sweep));
    if (!compiler.sweep)
        return err_memory(err, sizeof(*compiler.sweep), "a forest");
    compiler.sweep->kernel = kernel;
    compiler.sweep->columns = columns;
    if (add_up(&compiler)) {
        r = compile(&compiler, err);
        if (r == 0)
            *ret = TAKE(compiler.sweep);
    }
    forest_sweep_free(compiler.sweep);
    mem_release(compiler.need);
    mem_release(compiler.below);
    return r;
}

void forest_sweep_free(struct forest_sweep *sweep)
{
    if (!sweep)
        return;
    mem_release(sweep->trees);
    mem_release(sweep->splits);
    mem_release(sweep->steps);
    mem_release(sweep->sets);
    mem_release(sweep->leaves);
    mem_release(sweep->vectors);
    mem_release(sweep->ranks);
    mem_release(sweep->rank_tables);
    mem_release(sweep->walk_nodes);
    mem_release(sweep->exits);
    mem_release(sweep);
}
