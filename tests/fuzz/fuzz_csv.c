/*
 * text/csv. The first byte chooses the rules and the block size, the rest is the body. Whatever it
 * is: either a fault with texts, or rows x columns numbers, the same for every block size and on
 * every level of the processor, none infinite.
 */
#include "base/cpu.h"
#include "tests/fuzz/decode_check.h"

static void run_csv(struct decoder *decoder, struct bytes body, const struct decode_rules *rules,
                    size_t block, struct outcome *outcome)
{
    run(decoder, FORMAT_CSV, body, rules, block, outcome);
    must(!outcome->sparse && !outcome->no_columns);
    if (outcome->status)
        return;
    must(outcome->rows * decoder->columns <= body.size + 1);
    must(!outcome->infinite);
}

static void must_fail_alike(const struct outcome *a, const struct outcome *b)
{
    const struct buffer *x = &a->fault.message, *y = &b->fault.message;

    if (!a->status)
        return;
    must(strcmp(a->fault.exception, b->fault.exception) == 0);
    must(a->fault.row == b->fault.row && a->fault.column == b->fault.column);
    must(x->size == y->size && memcmp(x->data, y->data, x->size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct outcome first, second;
    struct decode_rules rules;
    struct decoder decoder;
    struct bytes body;

    if (size < 1 || size > BODY_MAX)
        return 0;
    body = bytes_of(data + 1, size - 1);
    rules = (struct decode_rules){.refuse_empty_cr = data[0] & 1, .more_follows = data[0] & 2};
    decoder_init(&decoder);
    outcome_init(&first);
    outcome_init(&second);
    run_csv(&decoder, body, &rules, 1000, &first);
    run_csv(&decoder, body, &rules, small_block(data[0] >> 2), &second);
    must_equal(&first, &second);
    must_fail_alike(&first, &second);
    for (int level = CPU_BASELINE; level <= CPU_VBMI && cpu_limit((enum cpu_level)level); level++) {
        run_csv(&decoder, body, &rules, 1000, &second);
        must_equal(&first, &second);
        must_fail_alike(&first, &second);
    }
    if (!first.status) {
        /* the same text once more is more rows, or a fault, and never a crash */
        run_on(&decoder, body, 7, &second);
        must(!second.sparse && !second.no_columns);
    }
    outcome_fini(&first);
    outcome_fini(&second);
    decoder_fini(&decoder);
    return 0;
}
