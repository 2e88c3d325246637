/*
 * Graphs of every spelling tell the same: what the sums become, the weight's shape, the version.
 * What is no graph is refused, with where.
 */
#include "models/mxnet_symbol.h"

#include "tests/unit/mxnet_builder.h"
#include "tests/unit/unit.h"

static void read_text(struct bytes text, struct mxnet_symbol *ret)
{
    struct err err = ERR_INIT;

    if (mxnet_symbol_read(text, ret, &err))
        fail_msg("%s", err.text);
}

static void refused(const char *text, const char *why)
{
    struct mxnet_symbol symbol;
    struct err err = ERR_INIT;

    if (mxnet_symbol_read(bytes_text(text), &symbol, &err) == 0)
        fail_msg("read, but expected: %s", why);
    if (!strstr(err.text, why))
        fail_msg("\"%s\" does not say: %s", err.text, why);
}

static void test_links(void **state)
{
    static const struct {
        const char *head;
        uint64_t outputs;
        enum mxnet_link link;
        const char *name;
    } cases[] = {
        {"LogisticRegressionOutput", 1, MXNET_SIGMOID, "sigmoid"},
        {"LinearRegressionOutput", 1, MXNET_IDENTITY, "identity"},
        {"MAERegressionOutput", 1, MXNET_IDENTITY, "identity"},
        {"loss", 1, MXNET_IDENTITY, "identity"},
        {"SoftmaxOutput", 3, MXNET_SOFTMAX, "softmax"},
        {"softmax", 3, MXNET_SOFTMAX, "softmax"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct mxnet_symbol symbol;
        MX_BUFFER(text);

        mx_symbol(&text, cases[i].head, 14, cases[i].outputs, NULL);
        read_text(build_bytes(&text), &symbol);
        assert_int_equal(symbol.link, cases[i].link);
        assert_string_equal(mxnet_link_name(symbol.link), cases[i].name);
        assert_int_equal(symbol.version, 10301);
        assert_true(symbol.has_weight && symbol.has_bias);
        assert_int_equal(symbol.weight_rows, 14);
        assert_int_equal(symbol.weight_columns, cases[i].outputs);
    }
}

/* exp alone, or a division alone, is no softmax. */
static void test_softmax_needs_both(void **state)
{
    static const char *const cut[] = {"exp", "broadcast_div"};
    struct mxnet_symbol symbol;
    MX_BUFFER(text);

    (void)state;
    mx_symbol(&text, "softmax", 4, 3, NULL);
    build_append(&text, "", 1);
    for (size_t i = 0; i < ARRAY_LENGTH(cut); i++) {
        char *op = strstr(text.data, cut[i]);

        assert_non_null(op);
        op[0] = 'x';
        read_text(bytes_of(text.data, text.size - 1), &symbol);
        assert_int_equal(symbol.link, MXNET_IDENTITY);
        op[0] = cut[i][0];
    }
    read_text(bytes_text("{\"nodes\": [{\"op\": \"exp\", \"name\": \"a\"}, "
                         "{\"op\": \"broadcast_divide\", \"name\": \"b\"}], \"heads\": [[1, 0]]}"),
              &symbol);
    assert_int_equal(symbol.link, MXNET_SOFTMAX);
    assert_false(symbol.has_weight || symbol.has_bias);
}

static void test_spellings(void **state)
{
    static const char *const keys[] = {"attrs", "attr", "param"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(keys) * 4; i++) {
        struct mx_spelling spelling = {
            .attributes = keys[i / 4], .short_inputs = i & 1, .untold = i & 2};
        struct mxnet_symbol symbol;
        MX_BUFFER(text);

        mx_symbol(&text, "LogisticRegressionOutput", 784, 1, &spelling);
        read_text(build_bytes(&text), &symbol);
        assert_int_equal(symbol.link, MXNET_SIGMOID);
        assert_int_equal(symbol.version, spelling.untold ? 800 : 10301);
        assert_int_equal(symbol.weight_rows, 784);
        assert_int_equal(symbol.weight_columns, 1);
    }
}

#define NODE(more) "{\"nodes\": [{\"op\": \"null\", \"name\": \"fc0_weight\"" more "}], "
#define HEADS      "\"heads\": [[0, 0, 0]]}"

/* Attributes of a node under several keys are one map. */
static void test_merged(void **state)
{
    struct mxnet_symbol symbol;

    (void)state;
    read_text(bytes_text(NODE(", \"param\": {\"x\": \"1\"}, \"attr\": {\"__shape__\": \"(2,3)\"}, "
                              "\"attrs\": {}, \"backward_source_id\": -1") HEADS),
              &symbol);
    assert_int_equal(symbol.weight_rows, 2);
    assert_int_equal(symbol.weight_columns, 3);
}

static void test_weight_shape(void **state)
{
    static const struct {
        const char *text;
        uint64_t rows, columns;
    } good[] = {{"(513, 1)", 513, 1}, {" ( 7 ,2 ) ", 7, 2}, {"(-1, 3)", 0, 3}, {"(0, 0)", 0, 0}};
    static const char *const bad[] = {"",         "(",     "(513,)",   "(1, 2, 3)", "513, 1",
                                      "(a, 1)",   "(1 1)", "(1, 1",    "1, 1)",     ",",
                                      "(1e2, 1)", "()",    "[[1], 1]", "None"};
    char text[256];

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(good); i++) {
        struct mxnet_symbol symbol;

        snprintf(text, sizeof(text), NODE(", \"attrs\": {\"__shape__\": \"%s\"}") HEADS,
                 good[i].text);
        read_text(bytes_text(text), &symbol);
        assert_int_equal(symbol.weight_rows, good[i].rows);
        assert_int_equal(symbol.weight_columns, good[i].columns);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        snprintf(text, sizeof(text), NODE(", \"attrs\": {\"__shape__\": \"%s\"}") HEADS, bad[i]);
        refused(text, "fc0_weight has the shape");
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "offset 0"},
        {"[]", "the graph must be an object, not an array"},
        {"{}", "the graph has no nodes"},
        {"{\"nodes\": []}", "the graph has no nodes"},
        {"{\"nodes\": {}}", "nodes must be an array"},
        {"{\"nodes\": [1]}", "node 0 is no object"},
        {"{\"nodes\": [{\"name\": \"x\"}]}", "offset 11: node 0 has no op"},
        {"{\"nodes\": [{\"op\": \"null\"}]}", "node 0 has no name"},
        {"{\"nodes\": [{\"op\": 1}]}", "op must be a string"},
        {"{\"nodes\": [{\"name\": null}]}", "name must be a string"},
        {"{\"nodes\": [], \"nodes\": []}", "nodes are there twice"},
        {NODE("") "\"x\": 1}", "the graph has no heads"},
        {NODE("") "\"heads\": []}", "the graph has no heads"},
        {NODE("") "\"heads\": [[1, 0, 0]]}", "node 1 of 1 is referred to"},
        {NODE("") "\"heads\": [[-1, 0, 0]]}", "no index of a node"},
        {NODE("") "\"heads\": [[0]]}", "1 numbers, of 2 or 3"},
        {NODE("") "\"heads\": [[0, 0, 0, 0]]}", "4 numbers, of 2 or 3"},
        {NODE("") "\"heads\": [[]]}", "0 numbers, of 2 or 3"},
        {NODE("") "\"heads\": [0]}", "heads: an array of numbers"},
        {NODE("") "\"heads\": [[0, \"0\"]]}", "heads: no number"},
        {NODE("") "\"heads\": [[0.5, 0]]}", "heads: no number"},
        {NODE("") "\"arg_nodes\": [7], " HEADS, "offset 64: node 7 of 1 is referred to"},
        {NODE("") "\"arg_nodes\": [\"0\"], " HEADS, "no index of a node"},
        {NODE(", \"inputs\": [[1, 0, 0]]") HEADS, "node 1 of 1 is referred to"},
        {NODE(", \"inputs\": 0") HEADS, "inputs must be an array"},
        {NODE(", \"attrs\": []") HEADS, "a node's attributes must be an object"},
        {NODE(", \"attrs\": {\"__shape__\": 1}") HEADS, "__shape__ must be a string"},
        {NODE("") "\"attrs\": {\"mxnet_version\": 1}, " HEADS, "mxnet_version must be an array"},
        {NODE("") "\"attrs\": {\"mxnet_version\": [\"int\", -1]}, " HEADS, "no version of MXNet"},
        {NODE("") "\"attrs\": {\"mxnet_version\": [\"int\"]}, " HEADS, "number must be"},
        {NODE("") HEADS "x", "offset"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        refused(cases[i].text, cases[i].why);
}

/* No cut of a graph is one. */
static void test_truncated(void **state)
{
    struct mxnet_symbol symbol;
    MX_BUFFER(text);

    (void)state;
    mx_symbol(&text, "softmax", 4, 3, NULL);
    for (size_t size = 0; size < text.size; size++) {
        struct err err = ERR_INIT;

        assert_int_equal(mxnet_symbol_read(bytes_of(text.data, size), &symbol, &err), -1);
        assert_int_equal(err.kind, ERR_INPUT);
    }
}

static void test_limit(void **state)
{
    struct mxnet_symbol symbol;
    struct err err = ERR_INIT;
    char *text = mem_alloc(MXNET_SYMBOL_MAX + 1, 1);
    static const char graph[] = NODE("") HEADS;

    (void)state;
    assert_non_null(text);
    memset(text, ' ', MXNET_SYMBOL_MAX + 1);
    memcpy(text, graph, sizeof(graph) - 1);
    read_text(bytes_of(text, MXNET_SYMBOL_MAX), &symbol);
    assert_int_equal(mxnet_symbol_read(bytes_of(text, MXNET_SYMBOL_MAX + 1), &symbol, &err), -1);
    assert_int_equal(err.kind, ERR_LIMIT);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_links),        cmocka_unit_test(test_softmax_needs_both),
        cmocka_unit_test(test_spellings),    cmocka_unit_test(test_merged),
        cmocka_unit_test(test_weight_shape), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_truncated),    cmocka_unit_test(test_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
