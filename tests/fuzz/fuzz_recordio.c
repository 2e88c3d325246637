/*
 * application/x-recordio-protobuf. The first byte chooses the rules and the block size, the rest is
 * the body. Whatever it is: either a fault with texts, or rows of ascending columns below
 * `columns`, the same for every block size and for a body that comes in two pieces, no value
 * infinite.
 */
#include "server/formats/recordio.h"
#include "tests/fuzz/decode_check.h"

static void run_recordio(struct decoder *decoder, struct bytes body,
                         const struct decode_rules *rules, size_t block, struct outcome *outcome)
{
    run(decoder, FORMAT_RECORDIO, body, rules, block, outcome);
    must(!outcome->infinite);
    must(outcome->entries <= body.size && outcome->rows * 16 <= body.size);
}

/* The body in two pieces, cut where its first half is whole records. */
static void run_pieces(struct decoder *decoder, struct bytes body, struct decode_rules rules,
                       struct outcome *outcome)
{
    size_t first = recordio_whole(bytes_head(body, body.size / 2));

    must(first <= body.size / 2);
    rules.more_follows = true;
    run_recordio(decoder, bytes_head(body, first), &rules, 3, outcome);
    if (outcome->status)
        return;
    run_on(decoder, bytes_of(body.data + first, body.size - first), 3, outcome);
    must(!outcome->infinite);
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
    rules = (struct decode_rules){.recordio = data[0] % 4, .recordio_builtin = data[0] & 64};
    decoder_init(&decoder);
    outcome_init(&first);
    outcome_init(&second);
    run_recordio(&decoder, body, &rules, 1000, &first);
    run_recordio(&decoder, body, &rules, small_block(data[0] >> 4), &second);
    must_equal(&first, &second);
    /* labels are judged, and a first width known, at the end of a piece: other outcomes are right
     */
    if (rules.recordio == RECORDIO_ANY && !first.status) {
        run_pieces(&decoder, body, rules, &second);
        must_equal(&first, &second);
    }
    outcome_fini(&first);
    outcome_fini(&second);
    decoder_fini(&decoder);
    return 0;
}
