#include "algorithms/tree.h"

#include <stdbool.h>
#include <string.h>

#include "base/memory.h"

/* The pairs of `left` and `right` of every node that the root reaches are followed with a list of
 * nodes still to visit. A node is put on the list once, when its parent is visited, so that a list
 * of `nodes` places is always enough; meeting a node a second time is a cycle or a shared child. */
struct walk {
    uint32_t *list;
    uint32_t count;
    uint8_t *seen;
};

static int visit_child(const struct tree *tree, struct walk *walk, uint32_t node, int32_t child,
                       struct err *err)
{
    if (child < 1 || (uint32_t)child >= tree->nodes)
        return err_set(err, ERR_INPUT, "node %u: child %d is not in 1 to %u", node, (int)child,
                       tree->nodes - 1);
    if (walk->seen[child])
        return err_set(err, ERR_INPUT, "node %u: child %d is reached a second time", node,
                       (int)child);
    walk->seen[child] = 1;
    walk->list[walk->count++] = (uint32_t)child;
    return 0;
}

static int check_categories(const struct tree *tree, uint32_t node, struct err *err)
{
    uint32_t start = tree->category_start[node];
    uint32_t end = tree->category_start[node + 1];
    int32_t last = 0;

    if (start > end)
        return err_set(err, ERR_INPUT, "node %u: its categories end before they begin", node);
    for (uint32_t i = start; i < end; i++) {
        int32_t category = tree->categories[i];

        if (category < 0 || category > TREE_CATEGORY_MAX)
            return err_set(err, ERR_INPUT, "node %u: category %d is not in 0 to %d", node,
                           (int)category, TREE_CATEGORY_MAX);
        if (category < last)
            return err_set(err, ERR_INPUT, "node %u: category %d after %d: not ascending", node,
                           (int)category, (int)last);
        last = category;
    }
    return 0;
}

static int visit(const struct tree *tree, uint32_t features, struct walk *walk, uint32_t node,
                 struct err *err)
{
    if (tree->left[node] == -1)
        return 0;
    if (tree->feature[node] >= features)
        return err_set(err, ERR_INPUT, "node %u: splits on feature %u of %u", node,
                       tree->feature[node], features);
    if (tree->categorical && tree->categorical[node] && check_categories(tree, node, err))
        return -1;
    if (visit_child(tree, walk, node, tree->left[node], err))
        return -1;
    return visit_child(tree, walk, node, tree->right[node], err);
}

int tree_check(struct tree *tree, uint32_t features, struct err *err)
{
    CLEANUP(mem_cleanup) uint32_t *list = NULL;
    CLEANUP(mem_cleanup) uint8_t *seen = NULL;
    struct walk walk;

    if (tree->nodes == 0)
        return err_set(err, ERR_INPUT, "a tree without nodes");
    if (tree->nodes > INT32_MAX)
        return err_set(err, ERR_LIMIT, "a tree of %u nodes; the most is %d", tree->nodes,
                       INT32_MAX);
    if (tree->leaf_width == 0 || (tree->leaf_width > 1 && !tree->leaf_vectors))
        return err_set(err, ERR_INPUT, "leaves of %u values: the values are missing",
                       tree->leaf_width);
    if (tree->categorical && (!tree->category_start || !tree->categories))
        return err_set(err, ERR_INPUT, "splits by category without categories");
    list = mem_alloc(tree->nodes, sizeof(*list));
    seen = mem_zero(tree->nodes, sizeof(*seen));
    if (!list || !seen)
        return err_memory(err, (size_t)tree->nodes * (sizeof(*list) + sizeof(*seen)),
                          "checking a tree");
    walk = (struct walk){.list = list, .count = 1, .seen = seen};
    list[0] = 0;
    seen[0] = 1;
    for (uint32_t i = 0; i < walk.count; i++) {
        if (visit(tree, features, &walk, list[i], err))
            return -1;
    }
    for (uint32_t i = 0; i < tree->nodes; i++) {
        if (!seen[i]) {
            tree->left[i] = -1;
            tree->feature[i] = TREE_DELETED;
        }
    }
    return 0;
}
