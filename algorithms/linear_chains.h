#pragma once
/*
 * CSR rows side by side: a sum waits for the one before it, so that one row at a time would leave
 * the processor idle. As many steps are made at once as the shortest of the rows allows; a row that
 * ended makes room for the next. Before it the file that includes this defines:
 *
 *   CHAINS         rows side by side
 *   chain          what a row's sums are kept in
 *   chain_begin()  zero
 *   chain_step(sums, sum, value, column)   with value * weight added
 *   chain_end(sums, sum, z)                with the bias, to z
 */

#include <stdbool.h>
#include <stdint.h>

#include "algorithms/linear_kernels.h"

#define EACH_CHAIN _Pragma("GCC unroll 8") for (int c = 0; c < CHAINS; c++)
#define NO_ROW     SIZE_MAX

struct chains {
    chain sums[CHAINS];
    size_t row[CHAINS];
    size_t at[CHAINS];
    size_t left[CHAINS];
};

static void sum_chains(const struct linear_sum *sum, const struct matrix *matrix,
                       const struct linear_sums *ret)
{
    struct chains chains;
    size_t next = 0;
    bool full = true;

    EACH_CHAIN
    {
        chains.row[c] = NO_ROW;
        chains.left[c] = chains.at[c] = 0;
        chains.sums[c] = chain_begin();
    }
    for (;;) {
        size_t steps = SIZE_MAX;

        EACH_CHAIN
        {
            while (!chains.left[c] && full) {
                if (chains.row[c] != NO_ROW)
                    chain_end(chains.sums[c], sum, ret->z + chains.row[c] * ret->stride);
                chains.row[c] = NO_ROW;
                full = next < matrix->rows;
                if (!full)
                    break;
                chains.sums[c] = chain_begin();
                chains.at[c] = matrix->row_start[next];
                chains.left[c] = linear_row_end(sum, matrix, next) - chains.at[c];
                chains.row[c] = next++;
            }
        }
        if (!full)
            break;
        EACH_CHAIN steps = chains.left[c] < steps ? chains.left[c] : steps;
        for (size_t i = 0; i < steps; i++) {
            EACH_CHAIN
            {
                size_t at = chains.at[c] + i;

                chains.sums[c] =
                    chain_step(chains.sums[c], sum, matrix->values[at], matrix->column[at]);
            }
        }
        EACH_CHAIN
        {
            chains.at[c] += steps;
            chains.left[c] -= steps;
        }
    }
    EACH_CHAIN
    {
        if (chains.row[c] == NO_ROW)
            continue;
        for (size_t at = chains.at[c]; at < chains.at[c] + chains.left[c]; at++)
            chains.sums[c] =
                chain_step(chains.sums[c], sum, matrix->values[at], matrix->column[at]);
        chain_end(chains.sums[c], sum, ret->z + chains.row[c] * ret->stride);
    }
}
