/*
 * text/csv. The first byte chooses the rules and the block size, the rest is the body. Whatever it
 * is: either a fault with texts, or rows x columns numbers, the same for every block size, none
 * infinite.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "server/formats/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BODY_MAX 65536

struct outcome {
    int status;
    uint64_t rows;
    struct buffer values;
    struct decode_fault fault;
};

static void must(bool condition)
{
    if (!condition)
        abort();
}

static void check_fault(const struct decode_fault *fault)
{
    must(!fault->out_of_memory && fault->exception && fault->message.size);
}

static void take_rows(struct decoder *decoder, size_t block, struct outcome *outcome)
{
    struct matrix matrix;

    for (;;) {
        outcome->status = decoder_next(decoder, block, &matrix, &outcome->fault);
        if (outcome->status || !matrix.rows)
            break;
        must(matrix.kind == MATRIX_DENSE && matrix.rows <= block && matrix.columns > 0);
        must(matrix.columns == decoder->columns);
        outcome->rows += matrix.rows;
        must(buffer_append(&outcome->values, matrix.values,
                           matrix.rows * matrix.columns * sizeof(float)) == 0);
    }
    if (outcome->status)
        check_fault(&outcome->fault);
    else
        must(outcome->rows == decoder->rows && outcome->rows == decoder->rows_done);
}

static void run(struct decoder *decoder, struct bytes body, const struct decode_rules *rules,
                size_t block, struct outcome *outcome)
{
    outcome->rows = 0;
    buffer_clear(&outcome->values);
    outcome->status = decoder_open(decoder, FORMAT_CSV, body, rules, &outcome->fault);
    if (outcome->status)
        check_fault(&outcome->fault);
    else
        take_rows(decoder, block, outcome);
    if (outcome->status)
        return;
    must(outcome->rows * decoder->columns <= body.size + 1);
    for (size_t i = 0; i < outcome->values.size / sizeof(float); i++)
        must(!isinf(((const float *)(const void *)outcome->values.data)[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t blocks[] = {1, 2, 7, 64};
    struct outcome first, second;
    struct decode_rules rules;
    struct decoder decoder;
    struct bytes body;

    if (size < 1 || size > BODY_MAX)
        return 0;
    body = bytes_of(data + 1, size - 1);
    rules = (struct decode_rules){.refuse_empty_cr = data[0] & 1, .more_follows = data[0] & 2};
    decoder_init(&decoder);
    decode_fault_init(&first.fault);
    decode_fault_init(&second.fault);
    buffer_init(&first.values, SIZE_MAX);
    buffer_init(&second.values, SIZE_MAX);
    run(&decoder, body, &rules, 1000, &first);
    run(&decoder, body, &rules, blocks[data[0] >> 2 & 3], &second);
    must(first.status == second.status);
    if (first.status) {
        must(strcmp(first.fault.exception, second.fault.exception) == 0);
        must(first.fault.row == second.fault.row && first.fault.column == second.fault.column);
    } else {
        must(first.rows == second.rows && first.values.size == second.values.size);
        must(memcmp(first.values.data, second.values.data, first.values.size) == 0);
        /* the same text once more is more rows, or a fault, and never a crash */
        second.status = decoder_continue(&decoder, body, &second.fault);
        if (second.status)
            check_fault(&second.fault);
        else
            take_rows(&decoder, 7, &second);
    }
    decode_fault_fini(&first.fault);
    decode_fault_fini(&second.fault);
    buffer_fini(&first.values);
    buffer_fini(&second.values);
    decoder_fini(&decoder);
    return 0;
}
