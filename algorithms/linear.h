#pragma once
/*
 * Linear Learner (linear-learner section 3): z[k] = sum over features i, ascending, of
 * x[i] * W[i][k], then + b[k], each product and each sum rounded to float32, without FMA. An absent
 * entry of a sparse row is 0. A row's answer depends on nothing but the row: not on the others of
 * its block, its place among them, or the number of threads; of the loop's kernels neither on the
 * processor.
 */

#include <stdbool.h>
#include <stdint.h>

#include "algorithms/scorer.h"
#include "base/compiler.h"
#include "base/err.h"

/* What a row is answered with. */
enum linear_answer {
    LINEAR_MARGIN,   /* z: `outputs` numbers (a regressor's answer, and --margin) */
    LINEAR_LOGISTIC, /* s = 1 / (1 + expf(-z)), s >= threshold ? 1 : 0; one output, two numbers */
    LINEAR_CUT,      /* z, z >= threshold ? 1 : 0 (hinge loss): one output, two numbers */
    LINEAR_SOFTMAX,  /* the first class of the largest score, then `outputs` scores as in 3.4 */
};

/* The sums' kernel. LINEAR_AUTO is the loop: of the four shapes in linear.c OpenBLAS, in blocks
 * padded to one shape, was slower for each, on one processor. It sums in another order too, so that
 * it is not for bodies that are to be equal to the byte. Where it would treat the rows of a block
 * differently (blas_even), LINEAR_BLAS is the loop. */
enum linear_kernel {
    LINEAR_AUTO,
    LINEAR_LOOP,
    LINEAR_BLAS,
};

struct linear_spec {
    const float *weights; /* [features][outputs]; stay, and are not copied */
    const float *bias;    /* [outputs]; the same */
    uint32_t features;
    uint32_t outputs;
    enum linear_answer answer;
    float threshold;
    enum linear_kernel kernel;
};

/* ERR_MEMORY. The scorer's name tells the kernel: "linear-loop-avx512", "linear-blas". */
int linear_new(const struct linear_spec *spec, struct scorer **ret, struct err *err) MUST_CHECK;
