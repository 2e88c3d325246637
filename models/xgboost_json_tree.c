/*
 * A tree (xgboost-models 4.1), an object of arrays with an element a node:
 *
 *   id                                      its place in the model; without it, its place in the
 * file left_children, right_children           -1, -1 at a leaf; in vector-leaf trees of 3.2 and
 * later right_children of a leaf is its row in leaf_weights split_indices the feature
 *   split_conditions                        the threshold; of a scalar leaf its value
 *   default_left                            0, 1, or false, true (up to 1.5)
 *   split_type                              from 1.3: 1 where the split is by category
 *   sum_hessian                             not in vector-leaf trees of 2.0 to 3.1
 *   base_weights                            of vector leaves up to 3.1: size_leaf_vector a node
 *   leaf_weights                            of vector leaves from 3.2: size_leaf_vector a leaf
 *   tree_param                              {"num_nodes": "N", "size_leaf_vector": "K"}, K 0 or 1
 *                                           in a tree of scalars
 *
 * and from 1.3 the categories: entry i says that node categories_nodes[i] has the set
 * categories[categories_segments[i] .. + categories_sizes[i]).
 */
#include <stdarg.h>
#include <stdio.h>

#include "models/xgboost_json.h"

struct tree_param {
    bool present;
    struct xgb_json_count nodes;
    struct xgb_json_count leaf_width;
};

struct tree_object {
    bool present;
    struct xgb_json_count id;
    struct tree_param param;
    struct xgb_json_array left;
    struct xgb_json_array right;
    struct xgb_json_array feature;
    struct xgb_json_array condition;
    struct xgb_json_array default_left;
    struct xgb_json_array split_type;
    struct xgb_json_array sum_hessian;
    struct xgb_json_array leaf_weights;
    struct xgb_json_array categories;
    struct xgb_json_array category_nodes;
    struct xgb_json_array category_segments;
    struct xgb_json_array category_sizes;
    struct bytes base_weights; /* read only where they are needed */
};

/* What the functions that make a tree share. */
struct tree_maker {
    struct xgb_json *json;
    struct err *err;
    uint32_t index; /* place in the file */
    size_t offset;
};

static const struct xgb_json_field param_fields[] = {
    {"num_nodes", xgb_json_number, offsetof(struct tree_param, nodes), .max = INT32_MAX},
    {"size_leaf_vector", xgb_json_number, offsetof(struct tree_param, leaf_width),
     .max = XGB_OUTPUTS_MAX},
    {NULL},
};

#define NUMBERS(key, name, type)                                                                   \
    {                                                                                              \
        key, xgb_json_numbers, offsetof(struct tree_object, name), .element = type                 \
    }

static const struct xgb_json_field tree_fields[] = {
    NUMBERS("left_children", left, JSON_I32),
    NUMBERS("right_children", right, JSON_I32),
    NUMBERS("split_indices", feature, JSON_I32),
    NUMBERS("split_conditions", condition, JSON_F32),
    NUMBERS("default_left", default_left, JSON_U8),
    NUMBERS("split_type", split_type, JSON_U8),
    NUMBERS("sum_hessian", sum_hessian, JSON_F32),
    NUMBERS("leaf_weights", leaf_weights, JSON_F32),
    NUMBERS("categories", categories, JSON_I32),
    NUMBERS("categories_nodes", category_nodes, JSON_I32),
    NUMBERS("categories_segments", category_segments, JSON_I64),
    NUMBERS("categories_sizes", category_sizes, JSON_I64),
    {"base_weights", xgb_json_slice, offsetof(struct tree_object, base_weights)},
    {"id", xgb_json_number, offsetof(struct tree_object, id), .max = INT32_MAX},
    {"tree_param", xgb_json_object, offsetof(struct tree_object, param),
     .size = sizeof(struct tree_param), .fields = param_fields},
    {NULL},
};

static PRINTF_LIKE(2, 3) int fail(const struct tree_maker *maker, const char *format, ...)
{
    char text[ERR_TEXT_SIZE];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return json_fail(maker->json->source, maker->offset, maker->err, "tree %lu: %s",
                     (unsigned long)maker->index, text);
}

static int no_room(const struct tree_maker *maker, size_t size)
{
    return xgb_json_no_room(maker->json, size, "trees", maker->err);
}

/* The array has an element for each node. What is optional may be absent or empty: NULL then. */
static int check_column(const struct tree_maker *maker, struct xgb_json_array *array,
                        const char *name, size_t nodes, bool optional)
{
    if (optional && array->count == 0) {
        array->data = NULL;
        return 0;
    }
    if (!array->data)
        return fail(maker, "%s is missing", name);
    if (array->count != nodes)
        return fail(maker, "%s has %zu elements for %zu nodes", name, array->count, nodes);
    return 0;
}

static int take_columns(const struct tree_maker *maker, struct tree_object *object,
                        struct tree *tree)
{
    size_t nodes = object->left.count;

    if (check_column(maker, &object->left, "left_children", nodes, false))
        return -1;
    if (nodes == 0)
        return fail(maker, "it has no nodes");
    if (object->param.nodes.present && object->param.nodes.value != nodes)
        return fail(maker, "num_nodes is %lu, left_children has %zu elements",
                    (unsigned long)object->param.nodes.value, nodes);
    if (check_column(maker, &object->right, "right_children", nodes, false) ||
        check_column(maker, &object->feature, "split_indices", nodes, false) ||
        check_column(maker, &object->condition, "split_conditions", nodes, false) ||
        check_column(maker, &object->default_left, "default_left", nodes, false) ||
        check_column(maker, &object->split_type, "split_type", nodes, true) ||
        check_column(maker, &object->sum_hessian, "sum_hessian", nodes, true))
        return -1;
    tree->nodes = (uint32_t)nodes;
    tree->file_offset = maker->offset;
    tree->leaf_width = 1;
    tree->left = object->left.data;
    tree->right = object->right.data;
    tree->feature = object->feature.data;
    tree->value = object->condition.data;
    tree->default_left = object->default_left.data;
    tree->sum_hessian = object->sum_hessian.data;
    for (size_t i = 0; i < nodes; i++)
        tree->default_left[i] = tree->default_left[i] != 0;
    return 0;
}

/* entry_of[n] = 1 + the index of the entry that has node n's set, or 0; segments may not overlap in
 * sum, so that the sets together are no larger than the file. */
static int index_categories(const struct tree_maker *maker, const struct tree_object *object,
                            uint32_t nodes, uint32_t *entry_of)
{
    const int32_t *node = object->category_nodes.data;
    const int64_t *begin = object->category_segments.data;
    const int64_t *size = object->category_sizes.data;
    size_t entries = object->category_nodes.count;
    uint64_t total = object->categories.count;
    uint64_t used = 0;

    if (object->category_segments.count != entries || object->category_sizes.count != entries)
        return fail(maker, "%zu categories_nodes, %zu categories_segments, %zu categories_sizes",
                    entries, object->category_segments.count, object->category_sizes.count);
    for (size_t i = 0; i < entries; i++) {
        if (node[i] < 0 || (uint32_t)node[i] >= nodes)
            return fail(maker, "categories_nodes names node %ld of %lu", (long)node[i],
                        (unsigned long)nodes);
        if (entry_of[node[i]])
            return fail(maker, "categories_nodes names node %ld twice", (long)node[i]);
        if (begin[i] < 0 || size[i] < 0 || (uint64_t)begin[i] > total ||
            (uint64_t)size[i] > total - (uint64_t)begin[i])
            return fail(maker, "node %ld: its categories are outside of the list of %llu",
                        (long)node[i], (unsigned long long)total);
        used += (uint64_t)size[i];
        if (used > total)
            return fail(maker, "the nodes' categories overlap");
        entry_of[node[i]] = (uint32_t)i + 1;
    }
    return 0;
}

static int compare_categories(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a;
    int32_t y = *(const int32_t *)b;

    return (x > y) - (x < y);
}

/* Copies a node's set, ascending and each category once. Returns its size, or -1. */
static int64_t copy_categories(const struct tree_maker *maker, uint32_t node, const int32_t *from,
                               size_t size, int32_t *to)
{
    bool ascending = true;
    size_t kept = 0;

    for (size_t i = 0; i < size; i++) {
        if (from[i] < 0 || from[i] > TREE_CATEGORY_MAX)
            return fail(maker, "node %lu: category %ld is not in 0..%d", (unsigned long)node,
                        (long)from[i], TREE_CATEGORY_MAX);
        ascending = ascending && (i == 0 || from[i - 1] < from[i]);
        to[i] = from[i];
    }
    if (ascending)
        return (int64_t)size;
    qsort(to, size, sizeof(*to), compare_categories);
    for (size_t i = 0; i < size; i++) {
        if (i == 0 || to[i] != to[i - 1])
            to[kept++] = to[i];
    }
    return (int64_t)kept;
}

/* The sets of all splits by category. A leaf or a deleted node that was one once has none. */
static int take_categories(const struct tree_maker *maker, const struct tree_object *object,
                           struct tree *tree)
{
    struct arena *arena = maker->json->arena;
    const uint8_t *type = object->split_type.data;
    const int64_t *begin = object->category_segments.data;
    const int64_t *size = object->category_sizes.data;
    CLEANUP(mem_cleanup) uint32_t *entry_of = mem_zero(tree->nodes, sizeof(*entry_of));
    uint32_t used = 0;

    for (uint32_t n = 0; type && n < tree->nodes; n++) {
        if (type[n] > 1)
            return fail(maker, "node %lu: split_type %u", (unsigned long)n, (unsigned)type[n]);
    }
    if (!type || !memchr(type, 1, tree->nodes))
        return 0;
    tree->categorical = arena_zero(arena, tree->nodes, 1);
    tree->category_start = arena_zero(arena, (size_t)tree->nodes + 1, sizeof(uint32_t));
    tree->categories = arena_zero(arena, object->categories.count, sizeof(int32_t));
    if (!entry_of || !tree->categorical || !tree->category_start || !tree->categories)
        return no_room(maker, (size_t)tree->nodes * 5 + object->categories.count * 4);
    if (index_categories(maker, object, tree->nodes, entry_of))
        return -1;
    for (uint32_t n = 0; n < tree->nodes; n++) {
        uint32_t entry = entry_of[n];
        int64_t copied;

        tree->category_start[n] = used;
        if (type[n] != 1 || tree->left[n] == -1)
            continue;
        if (!entry)
            return fail(maker, "node %lu is a split by category without categories",
                        (unsigned long)n);
        copied =
            copy_categories(maker, n, (const int32_t *)object->categories.data + begin[entry - 1],
                            (size_t)size[entry - 1], tree->categories + used);
        if (copied < 0)
            return -1;
        tree->categorical[n] = 1;
        used += (uint32_t)copied;
    }
    tree->category_start[tree->nodes] = used;
    return 0;
}

/* 3.2 and later: rows of leaf_weights to the nodes that name them. */
static int spread_leaf_weights(const struct tree_maker *maker, const struct tree_object *object,
                               size_t width, struct tree *tree)
{
    const float *weights = object->leaf_weights.data;
    size_t rows = object->leaf_weights.count / width;

    if (object->leaf_weights.count % width)
        return fail(maker, "leaf_weights has %zu elements for vectors of %zu",
                    object->leaf_weights.count, width);
    /* a tree has fewer splits than leaves: what is far from that must not cost memory */
    if (tree->nodes / 16 > rows)
        return fail(maker, "%lu nodes, but leaf_weights for %zu leaves", (unsigned long)tree->nodes,
                    rows);
    if (!(tree->leaf_vectors = arena_zero(maker->json->arena, tree->nodes, width * sizeof(float))))
        return no_room(maker, tree->nodes * width * sizeof(float));
    for (uint32_t n = 0; n < tree->nodes; n++) {
        int32_t row = tree->right[n];

        if (tree->left[n] != -1 || tree->feature[n] == TREE_DELETED)
            continue;
        if (row < 0 || (size_t)row >= rows)
            return fail(maker, "leaf %lu has row %ld of %zu in leaf_weights", (unsigned long)n,
                        (long)row, rows);
        memcpy(tree->leaf_vectors + n * width, weights + (size_t)row * width,
               width * sizeof(float));
        tree->right[n] = -1;
    }
    return 0;
}

static int take_vector_leaves(const struct tree_maker *maker, struct tree_object *object,
                              struct tree *tree)
{
    uint32_t width = object->param.leaf_width.value;
    struct xgb_json_array weights = {NULL};

    if (width <= 1)
        return 0;
    tree->leaf_width = width;
    if (object->leaf_weights.count)
        return spread_leaf_weights(maker, object, width, tree);
    if (!object->base_weights.size)
        return fail(maker, "vector leaves without leaf_weights or base_weights");
    if (xgb_json_slice_f32(maker->json, object->base_weights, &weights, maker->err))
        return -1;
    if (weights.count != (size_t)tree->nodes * width)
        return fail(maker, "base_weights has %zu elements for %lu nodes with vectors of %lu",
                    weights.count, (unsigned long)tree->nodes, (unsigned long)width);
    tree->leaf_vectors = weights.data;
    return 0;
}

/* Reads the tree whose '{' was read into a new element of the list. */
static int read_tree(struct xgb_json *json, uint32_t index, size_t offset,
                     struct xgb_json_tree **ret, struct err *err)
{
    struct tree_maker maker = {json, err, index, offset};
    struct xgb_json_tree *item = arena_zero(json->arena, 1, sizeof(*item));
    struct tree_object object = {.present = true};

    if (!item)
        return no_room(&maker, sizeof(*item));
    if (xgb_json_members(json, tree_fields, &object, err) ||
        take_columns(&maker, &object, &item->tree) ||
        take_categories(&maker, &object, &item->tree) ||
        take_vector_leaves(&maker, &object, &item->tree))
        return -1;
    item->offset = json->source->base + offset;
    item->id = object.id;
    *ret = item;
    return 0;
}

int xgb_json_trees(struct xgb_json *json, const struct xgb_json_field *field, void *target,
                   struct err *err)
{
    struct xgb_json_tree_list *ret = (void *)((char *)target + field->offset);
    struct xgb_json_tree_list list = {NULL};
    struct xgb_json_tree **next = &list.first;
    struct json_event event;

    if (json_expect(json->source, JSON_ARRAY_BEGIN, field->key, &event, err))
        return -1;
    for (;;) {
        if (json_next(json->source, &event, err))
            return -1;
        if (event.type == JSON_ARRAY_END)
            break;
        if (event.type != JSON_OBJECT_BEGIN)
            return json_fail(json->source, event.offset, err, "%s must be objects", field->key);
        if (list.count == XGB_TREES_MAX)
            return err_set(err, ERR_LIMIT, "offset %zu: more than %u trees",
                           json->source->base + event.offset, XGB_TREES_MAX);
        if (read_tree(json, list.count, event.offset, next, err))
            return -1;
        next = &(*next)->next;
        list.count++;
    }
    *ret = list;
    return 0;
}
