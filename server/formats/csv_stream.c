#include "server/formats/csv_stream.h"

#include "server/formats/decode_internal.h"

struct csv_shape csv_shape_of(struct bytes line, const struct decode_rules *rules)
{
    struct csv_shape shape;

    decode_csv_shape(line, &rules->csv, &shape.delimiter, &shape.columns);
    return shape;
}

int csv_part_open(struct decoder *decoder, const struct csv_part *part,
                  const struct decode_rules *rules, struct decode_fault *fault)
{
    decode_begin(decoder, FORMAT_CSV, rules);
    decoder->delimiter = (char)part->shape.delimiter;
    decoder->columns = part->shape.columns;
    return decode_csv_part(decoder, part->text, part->offset, part->known, fault);
}

void csv_verdict_begin(struct csv_verdict *verdict, const struct csv_shape *shape)
{
    decode_fault_clear(&verdict->fault);
    verdict->rows = 0;
    if (shape->delimiter < 0)
        (void)decode_csv_fail_delimiter(&verdict->fault);
}

void csv_verdict_add(struct csv_verdict *verdict, uint64_t rows, struct decode_fault *fault)
{
    struct decode_fault known = verdict->fault;
    uint64_t rows_before = verdict->rows;

    verdict->rows += rows;
    if (known.out_of_memory || (!fault->out_of_memory && fault->rank <= known.rank))
        return;
    if (fault->row)
        fault->row += rows_before;
    verdict->fault = *fault;
    *fault = known; /* each keeps memory for a message */
}

int csv_verdict_end(struct csv_verdict *verdict)
{
    struct decode_fault *fault = &verdict->fault;

    if (fault->rank == DECODE_RANK_SHAPE)
        (void)decode_csv_fail_ragged(fault, fault->row, verdict->rows);
    return fault->rank || fault->out_of_memory ? -1 : 0;
}
