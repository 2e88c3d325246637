#pragma once
/*
 * Files of SageMaker's built-in algorithms, made by hand so that they can be as wrong as a test
 * wants: lists of MXNet arrays of every version and storage, graphs, zips in any order.
 */

#include <inttypes.h>
#include <stdbool.h>

#include "models/mxnet_symbol.h"
#include "tests/unit/archive_builder.h"

#define BUILDER_MAX ((size_t)8 << 20)
#define MX_BUFFER(name)                                                                            \
    CLEANUP(buffer_fini) struct buffer name = {.data = NULL, .size = 0, .max = BUILDER_MAX}

enum mx_version { MX_V0, MX_V1, MX_V2, MX_V3 };

static inline void mx_list(struct buffer *out, uint64_t arrays)
{
    put_le(out, 8, 0x112);
    put_le(out, 8, 0);
    put_le(out, 8, arrays);
}

/* The end of a list; names is NULL for one without. */
static inline void mx_names(struct buffer *out, const char *const *names, size_t count)
{
    put_le(out, 8, names ? count : 0);
    for (size_t i = 0; names && i < count; i++) {
        put_le(out, 8, strlen(names[i]));
        build_append(out, names[i], strlen(names[i]));
    }
}

static inline void mx_shape(struct buffer *out, enum mx_version version, uint32_t dimensions,
                            const uint64_t *shape)
{
    put_le(out, 4, dimensions);
    for (uint32_t i = 0; i < dimensions; i++)
        put_le(out, version == MX_V0 ? 4 : 8, shape[i]);
}

static inline void mx_context(struct buffer *out)
{
    put_le(out, 4, 1);
    put_le(out, 4, 0);
}

static inline void mx_magic(struct buffer *out, enum mx_version version)
{
    if (version != MX_V0)
        put_le(out, 4, 0xF993FAC8u + (version - MX_V1));
}

/* A dense array of `size` bytes of values. */
static inline void mx_dense(struct buffer *out, enum mx_version version, uint32_t type,
                            uint32_t dimensions, const uint64_t *shape, const void *values,
                            size_t size)
{
    mx_magic(out, version);
    if (version >= MX_V2)
        put_le(out, 4, 0);
    mx_shape(out, version, dimensions, shape);
    mx_context(out);
    put_le(out, 4, type);
    build_append(out, values, size);
}

/* Two dimensions of float32. */
static inline void mx_matrix(struct buffer *out, enum mx_version version, uint64_t rows,
                             uint64_t columns, const float *values)
{
    mx_dense(out, version, 0, 2, (const uint64_t[]){rows, columns}, values,
             rows * columns * sizeof(*values));
}

/* Rows `index[0..stored)` of a matrix of float32, row_sparse. */
static inline void mx_row_sparse(struct buffer *out, uint64_t rows, uint64_t columns,
                                 uint64_t stored, const int64_t *index, const float *values)
{
    mx_magic(out, MX_V2);
    put_le(out, 4, 1);
    mx_shape(out, MX_V2, 2, (const uint64_t[]){stored, columns});
    mx_shape(out, MX_V2, 2, (const uint64_t[]){rows, columns});
    mx_context(out);
    put_le(out, 4, 0);
    put_le(out, 4, 6);
    mx_shape(out, MX_V2, 1, &stored);
    build_append(out, values, stored * columns * sizeof(*values));
    build_append(out, index, stored * sizeof(*index));
}

static inline void mx_csr(struct buffer *out, uint64_t rows, uint64_t columns, uint64_t stored,
                          const int64_t *starts, const int64_t *column, const float *values)
{
    mx_magic(out, MX_V2);
    put_le(out, 4, 2);
    mx_shape(out, MX_V2, 1, &stored);
    mx_shape(out, MX_V2, 2, (const uint64_t[]){rows, columns});
    mx_context(out);
    put_le(out, 4, 0);
    put_le(out, 4, 6);
    mx_shape(out, MX_V2, 1, (const uint64_t[]){rows + 1});
    put_le(out, 4, 6);
    mx_shape(out, MX_V2, 1, &stored);
    build_append(out, values, stored * sizeof(*values));
    build_append(out, starts, (rows + 1) * sizeof(*starts));
    build_append(out, column, stored * sizeof(*column));
}

/* Linear Learner's parameters; bias may be NULL. */
static inline void mx_params(struct buffer *out, enum mx_version version, uint64_t features,
                             uint64_t outputs, const float *weight, const float *bias)
{
    static const char *const names[] = {"arg:fc0_weight", "arg:fc0_bias"};

    mx_list(out, bias ? 2 : 1);
    mx_matrix(out, version, features, outputs, weight);
    if (bias)
        mx_matrix(out, version, 1, outputs, bias);
    mx_names(out, names, bias ? 2 : 1);
}

/* How a graph is spelt. */
struct mx_spelling {
    const char *attributes; /* the key: "attrs", "attr", "param"; NULL: "attrs" */
    bool short_inputs;      /* of two numbers */
    bool untold;            /* no mxnet_version */
};

static inline void mx_print(struct buffer *out, const char *format, ...) PRINTF_LIKE(2, 3);

static inline void mx_print(struct buffer *out, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    build_append(out, text, (size_t)vsnprintf(text, sizeof(text), format, args));
    va_end(args);
}

/* A node with up to two inputs; -1 for none. `text` is what its attributes are. */
static inline void mx_node(struct buffer *out, const struct mx_spelling *spelling, const char *op,
                           const char *name, const char *text, int first, int second)
{
    const char *version = spelling->short_inputs ? "" : ", 0";

    mx_print(out, "%s{\"op\": \"%s\", \"name\": \"%s\", ",
             out->data[out->size - 1] == '[' ? "" : ", ", op, name);
    if (text)
        mx_print(out, "\"%s\": {%s}, ", spelling->attributes ? spelling->attributes : "attrs",
                 text);
    mx_print(out, "\"inputs\": [");
    if (first >= 0)
        mx_print(out, "[%d, 0%s]", first, version);
    if (second >= 0)
        mx_print(out, ", [%d, 0%s]", second, version);
    mx_print(out, "]}");
}

/* The nodes of z = data . weight + bias: node 4 is the sum. */
static inline void mx_sum_nodes(struct buffer *out, const struct mx_spelling *spelling,
                                uint64_t features, uint64_t outputs)
{
    char shape[128];

    mx_node(out, spelling, "null", "data", NULL, -1, -1);
    snprintf(shape, sizeof(shape), "\"__shape__\": \"(%" PRIu64 ", %" PRIu64 ")\"", features,
             outputs);
    mx_node(out, spelling, "null", "fc0_weight", shape, -1, -1);
    mx_node(out, spelling, "dot", "dot22", NULL, 0, 1);
    snprintf(shape, sizeof(shape), "\"__lr_mult__\": \"10.0\", \"__shape__\": \"(1, %" PRIu64 ")\"",
             outputs);
    mx_node(out, spelling, "null", "fc0_bias", shape, -1, -1);
    mx_node(out, spelling, "broadcast_add", "broadcast_plus22", NULL, 2, 3);
}

/* Clipped softmax as Linear Learner has it: nodes from 5 on. Returns the head. */
static inline int mx_softmax_nodes(struct buffer *out, const struct mx_spelling *spelling)
{
    static const struct {
        const char *op, *attributes;
        int first, second;
    } nodes[] = {
        {"max", "\"axis\": \"1\", \"keepdims\": \"True\"", 4, -1},
        {"broadcast_sub", NULL, 4, 5},
        {"_plus_scalar", "\"scalar\": \"10.0\"", 6, -1},
        {"exp", NULL, 7, -1},
        {"sum", "\"axis\": \"1\", \"keepdims\": \"True\"", 8, -1},
        {"broadcast_div", NULL, 8, 9},
        {"clip", "\"a_max\": \"1.0\", \"a_min\": \"1e-10\"", 10, -1},
        {"BlockGrad", NULL, 11, -1},
        {"null", NULL, -1, -1}, /* out_label */
        {"pick", "\"axis\": \"1\"", 11, 13},
        {"log", NULL, 14, -1},
        {"negative", NULL, 15, -1},
        {"make_loss", NULL, 16, -1},
        {"_mul_scalar", "\"scalar\": \"1e-30\"", 17, -1},
        {"broadcast_add", NULL, 12, 18},
    };
    char name[32];

    for (size_t i = 0; i < ARRAY_LENGTH(nodes); i++) {
        snprintf(name, sizeof(name), "node%zu", i);
        mx_node(out, spelling, nodes[i].op, nodes[i].first < 0 ? "out_label" : name,
                nodes[i].attributes, nodes[i].first, nodes[i].second);
    }
    return 5 + (int)ARRAY_LENGTH(nodes) - 1;
}

/* The loss that MXNet has no output for: BlockGrad(z) + 1e-30 * |z - label|. Returns the head. */
static inline int mx_loss_nodes(struct buffer *out, const struct mx_spelling *spelling)
{
    mx_node(out, spelling, "BlockGrad", "blockgrad0", NULL, 4, -1);
    mx_node(out, spelling, "null", "out_label", NULL, -1, -1);
    mx_node(out, spelling, "broadcast_sub", "sub0", NULL, 4, 6);
    mx_node(out, spelling, "abs", "abs0", NULL, 7, -1);
    mx_node(out, spelling, "_mul_scalar", "mul0", "\"scalar\": \"1e-30\"", 8, -1);
    mx_node(out, spelling, "broadcast_add", "add0", NULL, 5, 9);
    return 10;
}

static inline int mx_output_node(struct buffer *out, const struct mx_spelling *spelling,
                                 const char *op)
{
    mx_node(out, spelling, "null", "out_label", NULL, -1, -1);
    mx_node(out, spelling, op, "output22", NULL, 4, 5);
    return 6;
}

/* A whole graph. head: an op that ends it ("LogisticRegressionOutput"), "softmax", "loss". */
static inline void mx_symbol(struct buffer *out, const char *head, uint64_t features,
                             uint64_t outputs, const struct mx_spelling *spelling)
{
    static const struct mx_spelling usual = {.attributes = "attrs"};
    int last;

    spelling = spelling ? spelling : &usual;
    mx_print(out, "{\"nodes\": [");
    mx_sum_nodes(out, spelling, features, outputs);
    if (strcmp(head, "softmax") == 0)
        last = mx_softmax_nodes(out, spelling);
    else if (strcmp(head, "loss") == 0)
        last = mx_loss_nodes(out, spelling);
    else
        last = mx_output_node(out, spelling, head);
    mx_print(out, "], \"arg_nodes\": [0, 1, 3, 5], \"node_row_ptr\": [0, 1, 2], ");
    mx_print(out, "\"heads\": [[%d, 0%s]]", last, spelling->short_inputs ? "" : ", 0");
    if (!spelling->untold)
        mx_print(out, ", \"attrs\": {\"mxnet_version\": [\"int\", 10301]}");
    mx_print(out, "}");
}

/* additional-params.json as the image writes it. */
static inline void mx_settings(struct buffer *out, const char *predictor, const char *loss,
                               const char *threshold)
{
    mx_print(out,
             "{\"threshold\": %s, \"loss_type\": \"%s\", \"metrics_params\": {\"class_weights\": "
             "null, \"accuracy_top_k\": 3, \"threshold\": %s}, \"predictor_type\": \"%s\"}",
             threshold, loss, threshold, predictor);
}

#define MX_MANIFEST                                                                                \
    "{\"additional-params.json\": \"json\", \"mx-mod\": \"mxnet_module\", \"version\": 1}"

/* A member of a zip, or a file. */
struct mx_file {
    const char *name;
    struct bytes bytes;
};

static inline struct mx_file mx_file(const char *name, const struct buffer *content)
{
    return (struct mx_file){name, build_bytes(content)};
}

static inline void mx_zip_fields(struct buffer *out, const struct mx_file *member,
                                 struct bytes packed, bool deflated)
{
    put_le(out, 2, 20);
    put_le(out, 2, 0);
    put_le(out, 2, deflated ? 8 : 0);
    put_le(out, 4, 0x00210000);
    put_le(out, 4, crc32(0, member->bytes.data, (uInt)member->bytes.size));
    put_le(out, 4, packed.size);
    put_le(out, 4, member->bytes.size);
    put_le(out, 2, strlen(member->name));
    put_le(out, 2, 0);
}

/* Raw deflate: a gzip member without its head and end. */
static inline void mx_deflate(struct buffer *out, struct bytes data)
{
    MX_BUFFER(whole);

    gzip_append(&whole, data);
    build_append(out, whole.data + 10, whole.size - 18);
}

/* A zip of these members, in this order. */
static inline void mx_zip(struct buffer *out, const struct mx_file *members, size_t count,
                          bool deflated)
{
    struct buffer packed[8] = {{.data = NULL}};
    size_t offsets[8];
    size_t directory;

    if (count > ARRAY_LENGTH(offsets))
        abort();
    for (size_t i = 0; i < count; i++) {
        packed[i].max = BUILDER_MAX;
        if (deflated)
            mx_deflate(&packed[i], members[i].bytes);
        else
            build_append(&packed[i], members[i].bytes.data, members[i].bytes.size);
        offsets[i] = out->size;
        build_append(out, "PK\x03\x04", 4);
        mx_zip_fields(out, &members[i], build_bytes(&packed[i]), deflated);
        build_append(out, members[i].name, strlen(members[i].name));
        build_append(out, packed[i].data, packed[i].size);
    }
    directory = out->size;
    for (size_t i = 0; i < count; i++) {
        build_append(out, "PK\x01\x02", 4);
        put_le(out, 2, 3 << 8 | 20); /* made on Unix */
        mx_zip_fields(out, &members[i], build_bytes(&packed[i]), deflated);
        put_le(out, 6, 0); /* comment length, disk, internal attributes */
        put_le(out, 4, (unsigned long)0100644 << 16);
        put_le(out, 4, offsets[i]);
        build_append(out, members[i].name, strlen(members[i].name));
        buffer_fini(&packed[i]);
    }
    directory = out->size - directory;
    build_append(out, "PK\x05\x06", 4);
    put_le(out, 4, 0);
    put_le(out, 2, count);
    put_le(out, 2, count);
    put_le(out, 4, directory);
    put_le(out, 4, out->size - 16 - directory);
    put_le(out, 2, 0);
}
