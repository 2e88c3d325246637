/*
 * application/x-recordio-protobuf. The first byte chooses the rules and the block size, the rest is
 * the body. Whatever it is: either a fault with texts, or rows of ascending columns below
 * `columns`, the same for every block size and for a body that comes in two pieces, no value
 * infinite.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "server/formats/decode.h"
#include "server/formats/recordio.h"

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

/* The same for a dense row and for one of a CSR block: a piece may be without sparse rows. */
static void take_value(struct outcome *outcome, uint64_t column, float value)
{
    uint32_t bits;

    must(!isinf(value));
    memcpy(&bits, &value, sizeof(bits));
    outcome->checksum = (outcome->checksum ^ column) * 0x100000001b3u;
    outcome->checksum = (outcome->checksum ^ bits) * 0x100000001b3u;
    outcome->entries++;
}

static void take_row(const struct matrix *matrix, size_t row, struct outcome *outcome)
{
    outcome->checksum = (outcome->checksum ^ 0xffffffffu) * 0x100000001b3u;
    if (matrix->kind == MATRIX_DENSE) {
        for (size_t i = 0; i < matrix->columns; i++)
            take_value(outcome, i, matrix->values[row * matrix->columns + i]);
        return;
    }
    must(matrix->row_start[row] <= matrix->row_start[row + 1]);
    for (size_t i = matrix->row_start[row]; i < matrix->row_start[row + 1]; i++) {
        must(matrix->column[i] < matrix->columns);
        must(i == matrix->row_start[row] || matrix->column[i - 1] < matrix->column[i]);
        take_value(outcome, matrix->column[i], matrix->values[i]);
    }
}

static void take_rows(struct decoder *decoder, size_t block, struct outcome *outcome)
{
    struct matrix matrix;

    for (;;) {
        outcome->status = decoder_next(decoder, block, &matrix, &outcome->fault);
        if (outcome->status || !matrix.rows)
            break;
        must(matrix.rows <= block && matrix.columns == decoder->columns);
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
    outcome->status = decoder_open(decoder, FORMAT_RECORDIO, body, rules, &outcome->fault);
    if (outcome->status) {
        check_fault(&outcome->fault);
        return;
    }
    take_rows(decoder, block, outcome);
    must(outcome->entries <= body.size && outcome->rows * 16 <= body.size);
}

/* The body in two pieces, cut where its first half is whole records. */
static void run_pieces(struct decoder *decoder, struct bytes body, struct decode_rules rules,
                       struct outcome *outcome)
{
    size_t first = recordio_whole(bytes_head(body, body.size / 2));

    must(first <= body.size / 2);
    rules.more_follows = true;
    run(decoder, bytes_head(body, first), &rules, 3, outcome);
    if (outcome->status)
        return;
    outcome->status =
        decoder_continue(decoder, bytes_of(body.data + first, body.size - first), &outcome->fault);
    if (outcome->status)
        check_fault(&outcome->fault);
    else
        take_rows(decoder, 3, outcome);
}

static void must_equal(const struct outcome *a, const struct outcome *b)
{
    must(a->status == b->status);
    must(a->status || (a->rows == b->rows && a->entries == b->entries));
    must(a->status || a->checksum == b->checksum);
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
    rules = (struct decode_rules){.recordio = data[0] % 3, .recordio_flat_shape = data[0] & 64};
    decoder_init(&decoder);
    decode_fault_init(&first.fault);
    decode_fault_init(&second.fault);
    run(&decoder, body, &rules, 1000, &first);
    run(&decoder, body, &rules, blocks[data[0] >> 4 & 3], &second);
    must_equal(&first, &second);
    /* labels are judged, and a first width known, at the end of a piece: other outcomes are right
     */
    if (rules.recordio == RECORDIO_ANY && !first.status) {
        run_pieces(&decoder, body, rules, &second);
        must_equal(&first, &second);
    }
    decode_fault_fini(&first.fault);
    decode_fault_fini(&second.fault);
    decoder_fini(&decoder);
    return 0;
}
