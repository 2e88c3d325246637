/*
 * text/libsvm. The first byte chooses the rules and the block size, the rest is the body. Whatever
 * it is: either a fault with texts, or rows of ascending columns below `columns`, the same for
 * every block size, no value infinite.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "server/formats/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BODY_MAX 65536

/* What two runs must have in common. */
struct outcome {
    int status;
    uint64_t rows, entries, checksum;
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

static void add(struct outcome *outcome, uint32_t number)
{
    outcome->checksum = (outcome->checksum ^ number) * 0x100000001b3u;
}

static void take_row(const struct matrix *matrix, size_t row, struct outcome *outcome)
{
    size_t end = matrix->row_start[row + 1];

    must(matrix->row_start[row] <= end);
    for (size_t i = matrix->row_start[row]; i < end; i++) {
        uint32_t bits;

        must(matrix->column[i] < matrix->columns && !isinf(matrix->values[i]));
        must(i == matrix->row_start[row] || matrix->column[i - 1] < matrix->column[i]);
        memcpy(&bits, &matrix->values[i], sizeof(bits));
        add(outcome, matrix->column[i]);
        add(outcome, bits);
        outcome->entries++;
    }
    add(outcome, 0xffffffffu);
}

static void take_rows(struct decoder *decoder, size_t block, struct outcome *outcome)
{
    struct matrix matrix;

    for (;;) {
        outcome->status = decoder_next(decoder, block, &matrix, &outcome->fault);
        if (outcome->status || !matrix.rows)
            break;
        must(matrix.kind == MATRIX_CSR && matrix.rows <= block && matrix.row_start[0] == 0);
        for (size_t row = 0; row < matrix.rows; row++)
            take_row(&matrix, row, outcome);
        outcome->rows += matrix.rows;
    }
    if (outcome->status)
        check_fault(&outcome->fault);
    else
        must(outcome->rows == decoder->rows && outcome->rows == decoder->rows_done);
}

static void run(struct decoder *decoder, struct bytes body, const struct decode_rules *rules,
                size_t block, struct outcome *outcome)
{
    outcome->rows = outcome->entries = outcome->checksum = 0;
    outcome->status = decoder_open(decoder, FORMAT_LIBSVM, body, rules, &outcome->fault);
    if (outcome->status) {
        check_fault(&outcome->fault);
        return;
    }
    take_rows(decoder, block, outcome);
    must(outcome->entries * 4 <= body.size + 1 && outcome->rows <= body.size + 1);
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
    rules = (struct decode_rules){.libsvm_shift = data[0] & 1,
                                  .keep_trailing_rows = data[0] & 2,
                                  .more_follows = data[0] & 16};
    decoder_init(&decoder);
    decode_fault_init(&first.fault);
    decode_fault_init(&second.fault);
    run(&decoder, body, &rules, 1000, &first);
    run(&decoder, body, &rules, blocks[data[0] >> 2 & 3], &second);
    must(first.status == second.status);
    if (!first.status) {
        must(first.rows == second.rows && first.entries == second.entries);
        must(first.checksum == second.checksum);
        second.status = decoder_continue(&decoder, body, &second.fault);
        if (second.status)
            check_fault(&second.fault);
        else
            take_rows(&decoder, 7, &second);
    }
    decode_fault_fini(&first.fault);
    decode_fault_fini(&second.fault);
    decoder_fini(&decoder);
    return 0;
}
