/*
 * text/libsvm. The first byte chooses the rules and the block size, the rest is the body. Whatever
 * it is: either a fault with texts, or rows of ascending columns below `columns`, the same for
 * every block size, no value infinite.
 */
#include "tests/fuzz/decode_check.h"

static void run_libsvm(struct decoder *decoder, struct bytes body, const struct decode_rules *rules,
                       size_t block, struct outcome *outcome)
{
    run(decoder, FORMAT_LIBSVM, body, rules, block, outcome);
    must(!outcome->dense && !outcome->infinite);
    must(outcome->entries * 4 <= body.size + 1 && outcome->rows <= body.size + 1);
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
    rules = (struct decode_rules){.libsvm_shift = data[0] & 1,
                                  .keep_trailing_rows = data[0] & 2,
                                  .more_follows = data[0] & 16};
    decoder_init(&decoder);
    outcome_init(&first);
    outcome_init(&second);
    run_libsvm(&decoder, body, &rules, 1000, &first);
    run_libsvm(&decoder, body, &rules, small_block(data[0] >> 2), &second);
    must_equal(&first, &second);
    if (!first.status) {
        run_on(&decoder, body, 7, &second);
        must(!second.dense && !second.infinite);
    }
    outcome_fini(&first);
    outcome_fini(&second);
    decoder_fini(&decoder);
    return 0;
}
