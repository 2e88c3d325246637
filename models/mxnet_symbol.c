/*
 * A graph as MXNet saves it (linear-learner 2.2):
 *
 *   {"nodes": [{"op": "null", "name": "fc0_weight", "attrs": {"__shape__": "(14, 1)"},
 *               "inputs": [[0, 0, 0], ...]}, ...],
 *    "arg_nodes": [0, 1, ...], "node_row_ptr": [...], "heads": [[6, 0, 0]],
 *    "attrs": {"mxnet_version": ["int", 10301]}}
 *
 * A node's attributes are under "attrs", before 1.0 under "attr", up to 0.8 under "param" too; an
 * input or a head has two numbers in the oldest. "null" is a variable.
 */
#include "models/mxnet_symbol.h"

#include <inttypes.h>

#include "base/json_reader.h"
#include "base/number_parse.h"

#define VERSION_UNTOLD 800 /* 0.8.0 */
#define NAME_QUOTED    96

struct reader {
    struct json_reader json;
    struct err *err;
    struct mxnet_symbol symbol;
    uint64_t nodes;
    bool seen_nodes;
    bool seen_heads;
    uint64_t largest; /* index of a node that is referred to, and where */
    size_t largest_offset;
    bool exp, divide, softmax, sigmoid; /* ops that are there */
};

/* What is remembered of a node while it is read. */
struct node {
    struct json_event op;
    struct json_event name;
    struct json_event shape;
    bool has_op, has_name, has_shape;
};

static struct json_source *source(struct reader *reader)
{
    return &reader->json.source;
}

static int expect(struct reader *reader, enum json_type type, const char *what,
                  struct json_event *ret)
{
    return json_expect(source(reader), type, what, ret, reader->err);
}

/* A node's index. It may be that of one which is yet to come: read_all looks at the largest. */
static int read_index(struct reader *reader, const struct json_event *event)
{
    if (event->type != JSON_INTEGER || event->integer < 0)
        return json_fail(source(reader), event->offset, reader->err, "no index of a node");
    if ((uint64_t)event->integer >= reader->largest) {
        reader->largest = (uint64_t)event->integer;
        reader->largest_offset = event->offset;
    }
    return 0;
}

/* [[node, output, version], ...], the last of each left out by the oldest. */
static int read_entries(struct reader *reader, const char *what, bool *ret_some)
{
    struct json_event event;
    size_t length;

    if (expect(reader, JSON_ARRAY_BEGIN, what, &event))
        return -1;
    for (*ret_some = false;; *ret_some = true) {
        if (json_next(source(reader), &event, reader->err))
            return -1;
        if (event.type == JSON_ARRAY_END)
            return 0;
        if (event.type != JSON_ARRAY_BEGIN)
            return json_fail(source(reader), event.offset, reader->err, "%s: an array of numbers",
                             what);
        for (length = 0;; length++) {
            if (json_next(source(reader), &event, reader->err))
                return -1;
            if (event.type == JSON_ARRAY_END)
                break;
            if (event.type != JSON_INTEGER)
                return json_fail(source(reader), event.offset, reader->err, "%s: no number", what);
            if (length == 0 && read_index(reader, &event))
                return -1;
        }
        if (length != 2 && length != 3)
            return json_fail(source(reader), event.offset, reader->err,
                             "%s: %zu numbers, of 2 or 3", what, length);
    }
}

static int read_arg_nodes(struct reader *reader)
{
    struct json_event event;

    if (expect(reader, JSON_ARRAY_BEGIN, "arg_nodes", &event))
        return -1;
    for (;;) {
        if (json_next(source(reader), &event, reader->err))
            return -1;
        if (event.type == JSON_ARRAY_END)
            return 0;
        if (read_index(reader, &event))
            return -1;
    }
}

/* {"__shape__": "(14, 1)", ...} */
static int read_attributes(struct reader *reader, struct node *node)
{
    struct bytes passed;
    struct json_event event;

    if (expect(reader, JSON_OBJECT_BEGIN, "a node's attributes", &event))
        return -1;
    for (;;) {
        if (json_next(source(reader), &event, reader->err))
            return -1;
        if (event.type == JSON_OBJECT_END)
            return 0;
        if (json_text_is(&event, "__shape__")) {
            if (expect(reader, JSON_STRING, "__shape__", &node->shape))
                return -1;
            node->has_shape = true;
        } else if (json_skip(source(reader), &passed, reader->err)) {
            return -1;
        }
    }
}

/* Two numbers in "(14, 1)"; -1 and 0 stand for what is not known. */
static int read_weight_shape(struct reader *reader, const struct json_event *event)
{
    struct bytes text = bytes_trim(event->text);
    const char *comma = text.size ? memchr(text.data, ',', text.size) : NULL;
    const char *first = (const char *)text.data;
    const char *end = first + text.size;
    int64_t rows;
    int64_t columns;
    char quoted[NAME_QUOTED];

    if (!comma || *first != '(' || end[-1] != ')' ||
        number_parse_int(first + 1, (size_t)(comma - first - 1), &rows) != NUMBER_OK ||
        number_parse_int(comma + 1, (size_t)(end - comma - 2), &columns) != NUMBER_OK)
        return json_fail(source(reader), event->offset, reader->err,
                         "fc0_weight has the shape %s, not one of two dimensions",
                         err_quote(quoted, sizeof(quoted), event->text.data, event->text.size));
    reader->symbol.weight_rows = rows > 0 ? (uint64_t)rows : 0;
    reader->symbol.weight_columns = columns > 0 ? (uint64_t)columns : 0;
    return 0;
}

static int take_node(struct reader *reader, const struct node *node)
{
    if (json_text_is(&node->op, "null")) {
        if (json_text_is(&node->name, "fc0_bias"))
            reader->symbol.has_bias = true;
        if (!json_text_is(&node->name, "fc0_weight"))
            return 0;
        reader->symbol.has_weight = true;
        return node->has_shape ? read_weight_shape(reader, &node->shape) : 0;
    }
    if (json_text_is(&node->op, "LogisticRegressionOutput"))
        reader->sigmoid = true;
    else if (json_text_is(&node->op, "SoftmaxOutput"))
        reader->softmax = true;
    else if (json_text_is(&node->op, "exp"))
        reader->exp = true;
    else if (json_text_is(&node->op, "broadcast_div") ||
             json_text_is(&node->op, "broadcast_divide"))
        reader->divide = true;
    return 0;
}

static int read_node_member(struct reader *reader, const struct json_event *key, struct node *node)
{
    struct bytes passed;
    bool some;

    if (json_text_is(key, "op")) {
        node->has_op = true;
        return expect(reader, JSON_STRING, "op", &node->op);
    }
    if (json_text_is(key, "name")) {
        node->has_name = true;
        return expect(reader, JSON_STRING, "name", &node->name);
    }
    if (json_text_is(key, "inputs"))
        return read_entries(reader, "inputs", &some);
    if (json_text_is(key, "attrs") || json_text_is(key, "attr") || json_text_is(key, "param"))
        return read_attributes(reader, node);
    return json_skip(source(reader), &passed, reader->err);
}

static int read_nodes(struct reader *reader)
{
    struct json_event event;
    size_t offset;

    if (expect(reader, JSON_ARRAY_BEGIN, "nodes", &event))
        return -1;
    for (;; reader->nodes++) {
        struct node node = {.has_op = false};

        if (json_next(source(reader), &event, reader->err))
            return -1;
        if (event.type == JSON_ARRAY_END)
            return 0;
        offset = event.offset;
        if (event.type != JSON_OBJECT_BEGIN)
            return json_fail(source(reader), offset, reader->err, "node %" PRIu64 " is no object",
                             reader->nodes);
        for (;;) {
            if (json_next(source(reader), &event, reader->err))
                return -1;
            if (event.type == JSON_OBJECT_END)
                break;
            if (read_node_member(reader, &event, &node))
                return -1;
        }
        if (!node.has_op || !node.has_name)
            return json_fail(source(reader), offset, reader->err, "node %" PRIu64 " has no %s",
                             reader->nodes, node.has_op ? "name" : "op");
        if (take_node(reader, &node))
            return -1;
    }
}

/* {"mxnet_version": ["int", 10301], ...} */
static int read_graph_attributes(struct reader *reader)
{
    struct bytes passed;
    struct json_event event;

    if (expect(reader, JSON_OBJECT_BEGIN, "attrs", &event))
        return -1;
    for (;;) {
        if (json_next(source(reader), &event, reader->err))
            return -1;
        if (event.type == JSON_OBJECT_END)
            return 0;
        if (!json_text_is(&event, "mxnet_version")) {
            if (json_skip(source(reader), &passed, reader->err))
                return -1;
            continue;
        }
        if (expect(reader, JSON_ARRAY_BEGIN, "mxnet_version", &event) ||
            expect(reader, JSON_STRING, "mxnet_version's type", &event) ||
            expect(reader, JSON_INTEGER, "mxnet_version's number", &event))
            return -1;
        if (event.integer < 0 || event.integer > INT32_MAX)
            return json_fail(source(reader), event.offset, reader->err, "no version of MXNet");
        reader->symbol.version = (int)event.integer;
        if (expect(reader, JSON_ARRAY_END, "the rest of mxnet_version", &event))
            return -1;
    }
}

static int read_member(struct reader *reader, const struct json_event *key)
{
    struct bytes passed;
    if (json_text_is(key, "nodes")) {
        if (reader->seen_nodes)
            return json_fail(source(reader), key->offset, reader->err, "nodes are there twice");
        reader->seen_nodes = true;
        return read_nodes(reader);
    }
    if (json_text_is(key, "heads"))
        return read_entries(reader, "heads", &reader->seen_heads);
    if (json_text_is(key, "arg_nodes"))
        return read_arg_nodes(reader);
    if (json_text_is(key, "attrs"))
        return read_graph_attributes(reader);
    return json_skip(source(reader), &passed, reader->err);
}

static int read_all(struct reader *reader)
{
    struct json_event event;

    if (expect(reader, JSON_OBJECT_BEGIN, "the graph", &event))
        return -1;
    for (;;) {
        if (json_next(source(reader), &event, reader->err))
            return -1;
        if (event.type == JSON_OBJECT_END)
            break;
        if (read_member(reader, &event))
            return -1;
    }
    if (expect(reader, JSON_END, "the rest", &event))
        return -1;
    if (reader->nodes == 0)
        return err_set(reader->err, ERR_INPUT, "the graph has no nodes");
    if (!reader->seen_heads)
        return err_set(reader->err, ERR_INPUT, "the graph has no heads");
    if (reader->largest >= reader->nodes)
        return json_fail(source(reader), reader->largest_offset, reader->err,
                         "node %" PRIu64 " of %" PRIu64 " is referred to", reader->largest,
                         reader->nodes);
    return 0;
}

int mxnet_symbol_read(struct bytes text, struct mxnet_symbol *ret, struct err *err)
{
    struct reader reader = {.err = err, .symbol.version = VERSION_UNTOLD};

    if (text.size > MXNET_SYMBOL_MAX)
        return err_set(err, ERR_LIMIT, "%zu bytes, more than %zu", text.size, MXNET_SYMBOL_MAX);
    json_reader_init_strict(&reader.json, text);
    if (read_all(&reader))
        return -1;
    if (reader.sigmoid)
        reader.symbol.link = MXNET_SIGMOID;
    else if (reader.softmax || (reader.exp && reader.divide))
        reader.symbol.link = MXNET_SOFTMAX;
    *ret = reader.symbol;
    return 0;
}

const char *mxnet_link_name(enum mxnet_link link)
{
    switch (link) {
    case MXNET_SIGMOID:
        return "sigmoid";
    case MXNET_SOFTMAX:
        return "softmax";
    case MXNET_IDENTITY:
        break;
    }
    return "identity";
}
