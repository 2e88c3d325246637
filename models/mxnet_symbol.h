#pragma once
/*
 * The graph beside an MXNet checkpoint (linear-learner 1.4 and 2.2), JSON of any version. No graph
 * is executed: what the model computes follows from its parameters, and the graph must agree.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/err.h"

enum mxnet_link {
    MXNET_IDENTITY,
    MXNET_SIGMOID, /* LogisticRegressionOutput */
    MXNET_SOFTMAX, /* exp and broadcast_div (broadcast_divide), or SoftmaxOutput */
};

struct mxnet_symbol {
    enum mxnet_link link; /* what the head computes of the sums */
    int version;     /* major * 10000 + minor * 100 + patch; 800 where the file does not tell */
    bool has_weight; /* variables of these names: fc0_weight, */
    bool has_bias;   /* fc0_bias */
    uint64_t weight_rows, weight_columns; /* __shape__ of fc0_weight; 0 where it is not told */
};

/* The longest text that is read. */
#define MXNET_SYMBOL_MAX ((size_t)16 << 20)

/* ERR_INPUT: no JSON, no nodes, no heads, a node without op or name, indices that name no node, a
 * shape of fc0_weight that has not two dimensions; ERR_LIMIT: beyond MXNET_SYMBOL_MAX. */
int mxnet_symbol_read(struct bytes text, struct mxnet_symbol *ret, struct err *err) MUST_CHECK;

/* "identity", "sigmoid", "softmax" */
const char *mxnet_link_name(enum mxnet_link link);
