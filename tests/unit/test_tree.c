/*
 * tree_check: sound trees pass and keep their bytes, unreachable nodes are marked, and every lie a
 * file can tell about a tree is refused with the node's number.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "tests/unit/random_forest.h"

#define NODES 7

/* 0 -> 1, 2; 2 -> 5, 6; nodes 3 and 4 are left over from pruning. */
struct small {
    int32_t left[NODES];
    int32_t right[NODES];
    uint32_t feature[NODES];
    float value[NODES];
    uint8_t default_left[NODES];
    uint8_t categorical[NODES];
    uint32_t category_start[NODES + 1];
    int32_t categories[3];
    struct tree tree;
};

static void small_init(struct small *small)
{
    *small = (struct small){
        .left = {1, -1, 5, 4, -1, -1, -1},
        .right = {2, -1, 6, 3, -1, 77, -1}, /* the right of a leaf is nobody's business */
        .feature = {0, 9999, 2, 8888, 7777, 6666, 5555},
        .categorical = {0, 0, 1},
        .category_start = {0, 0, 0, 3, 3, 3, 3, 3},
        .categories = {0, 31, TREE_CATEGORY_MAX},
    };
    small->tree = (struct tree){
        .nodes = NODES,
        .leaf_width = 1,
        .left = small->left,
        .right = small->right,
        .feature = small->feature,
        .value = small->value,
        .default_left = small->default_left,
        .categorical = small->categorical,
        .category_start = small->category_start,
        .categories = small->categories,
    };
}

static void expect_refused(struct small *small, const char *text)
{
    struct err err = ERR_INIT;

    assert_int_equal(tree_check(&small->tree, 3, &err), -1);
    assert_string_equal(err.text, text);
    assert_int_equal(err.kind, ERR_INPUT);
    small_init(small);
}

static void test_sound_tree(void **state)
{
    struct small small;
    struct err err = ERR_INIT;

    (void)state;
    small_init(&small);
    assert_int_equal(tree_check(&small.tree, 3, &err), 0);
    for (int n = 3; n <= 4; n++) {
        assert_int_equal(small.left[n], -1);
        assert_int_equal(small.feature[n], TREE_DELETED);
    }
    assert_int_equal(small.left[0], 1);
    assert_int_equal(small.left[2], 5);
    assert_int_equal(small.feature[1], 9999); /* a leaf may hold anything */
    assert_int_equal(tree_check(&small.tree, 3, &err), 0);
}

static void test_one_node(void **state)
{
    struct small small;
    struct err err = ERR_INIT;

    (void)state;
    small_init(&small);
    small.tree.nodes = 1;
    small.left[0] = -1;
    assert_int_equal(tree_check(&small.tree, 0, &err), 0);
    assert_int_equal(small.left[0], -1);
}

static void test_children(void **state)
{
    struct small small;

    (void)state;
    small_init(&small);
    small.left[0] = -2;
    expect_refused(&small, "node 0: child -2 is not in 1 to 6");
    small.right[0] = -1;
    expect_refused(&small, "node 0: child -1 is not in 1 to 6");
    small.right[2] = NODES;
    expect_refused(&small, "node 2: child 7 is not in 1 to 6");
    small.left[2] = INT32_MAX;
    expect_refused(&small, "node 2: child 2147483647 is not in 1 to 6");
    small.left[2] = 0;
    expect_refused(&small, "node 2: child 0 is not in 1 to 6");
}

static void test_cycles_and_sharing(void **state)
{
    struct small small;

    (void)state;
    small_init(&small);
    small.right[0] = 1;
    expect_refused(&small, "node 0: child 1 is reached a second time");
    small.left[2] = 2;
    expect_refused(&small, "node 2: child 2 is reached a second time");
    small.left[2] = 1;
    expect_refused(&small, "node 2: child 1 is reached a second time");
    small.left[6] = 2;
    small.feature[6] = 0;
    expect_refused(&small, "node 6: child 2 is reached a second time");
}

static void test_features(void **state)
{
    struct small small;

    (void)state;
    small_init(&small);
    small.feature[2] = 3;
    expect_refused(&small, "node 2: splits on feature 3 of 3");
    small.feature[0] = UINT32_MAX;
    expect_refused(&small, "node 0: splits on feature 4294967295 of 3");
}

static void test_categories(void **state)
{
    struct small small;

    (void)state;
    small_init(&small);
    small.categories[0] = -1;
    expect_refused(&small, "node 2: category -1 is not in 0 to 16777215");
    small.categories[2] = TREE_CATEGORY_MAX + 1;
    expect_refused(&small, "node 2: category 16777216 is not in 0 to 16777215");
    small.categories[1] = 16777215;
    small.categories[2] = 5;
    expect_refused(&small, "node 2: category 5 after 16777215: not ascending");
    small.category_start[2] = 4;
    expect_refused(&small, "node 2: its categories end before they begin");
    small.tree.categories = NULL;
    expect_refused(&small, "splits by category without categories");
}

static void test_sizes(void **state)
{
    struct small small;

    (void)state;
    small_init(&small);
    small.tree.nodes = 0;
    expect_refused(&small, "a tree without nodes");
    small.tree.leaf_width = 0;
    expect_refused(&small, "leaves of 0 values: the values are missing");
    small.tree.leaf_width = 2;
    expect_refused(&small, "leaves of 2 values: the values are missing");
}

static void test_no_memory(void **state)
{
    struct small small;

    (void)state;
    small_init(&small);
    for (long n = 1; n <= 2; n++) {
        struct err err = ERR_INIT;

        mem_fail_at(n);
        assert_int_equal(tree_check(&small.tree, 3, &err), -1);
        mem_fail_at(0);
        assert_int_equal(err.kind, ERR_MEMORY);
    }
}

/* A chain of a million nodes: no recursion, linear time. */
static void test_deep_chain(void **state)
{
    const struct tree_options options = {
        .shape = SHAPE_CHAIN, .splits = 500000, .features = 3, .leaf_width = 1};
    struct rng rng = {1};
    struct tree tree = random_tree(&rng, &options);
    struct err err = ERR_INIT;
    uint32_t leaves = 0;

    (void)state;
    assert_int_equal(tree_check(&tree, 3, &err), 0);
    for (uint32_t n = 0; n < tree.nodes; n++)
        leaves += tree.left[n] == -1 && tree.feature[n] != TREE_DELETED;
    assert_int_equal(leaves, 500001);
    free_tree(&tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound_tree), cmocka_unit_test(test_one_node),
        cmocka_unit_test(test_children),   cmocka_unit_test(test_cycles_and_sharing),
        cmocka_unit_test(test_features),   cmocka_unit_test(test_categories),
        cmocka_unit_test(test_sizes),      cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_deep_chain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
