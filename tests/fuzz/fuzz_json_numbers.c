/*
 * An array of numbers of JSON. The first byte says how many numbers are before the rest, which is
 * whatever it is: the values, or the fault, are the same on every level of the processor, whether
 * they are read one by one or many at a time.
 */
#include <math.h>
#include <stdlib.h>

#include "base/cpu.h"
#include "base/json_numbers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXT_MAX 65536

static void must(bool condition)
{
    if (!condition)
        abort();
}

/* On the level that is set. Returns what json_numbers_f32 does. */
static int read_array(struct bytes text, bool null_is_nan, struct buffer *values, struct err *err)
{
    struct json_reader reader;
    struct json_event event;
    int status;

    err_clear(err);
    buffer_clear(values);
    json_reader_init_strict(&reader, text);
    must(json_next(&reader.source, &event, err) == 0 && event.type == JSON_ARRAY_BEGIN);
    status = json_numbers_f32(&reader, null_is_nan, values, err);
    must((status == 0) == (err->kind == ERR_NONE) && err->kind != ERR_MEMORY);
    must(status || (reader.source.cursor.at > text.data && reader.source.cursor.at[-1] == ']'));
    return status;
}

static void check(struct bytes text, bool null_is_nan)
{
    struct err first_err = ERR_INIT, err = ERR_INIT;
    struct buffer first, values;
    int status;

    buffer_init(&first, SIZE_MAX);
    buffer_init(&values, SIZE_MAX);
    must(cpu_limit(CPU_BASELINE));
    status = read_array(text, null_is_nan, &first, &first_err);
    must(first.size <= text.size * sizeof(float));
    for (int level = CPU_BASELINE + 1; level <= CPU_VBMI && cpu_limit((enum cpu_level)level);
         level++) {
        must(read_array(text, null_is_nan, &values, &err) == status);
        must(strcmp(err.text, first_err.text) == 0);
        must(status || values.size == first.size);
        must(status || !first.size || memcmp(values.data, first.data, first.size) == 0);
    }
    buffer_fini(&first);
    buffer_fini(&values);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer text;
    uint8_t *copy;

    if (size < 1 || size > TEXT_MAX)
        return 0;
    buffer_init(&text, SIZE_MAX);
    must(buffer_append(&text, "[", 1) == 0);
    for (int i = 0; i < (data[0] & 63); i++)
        must(buffer_append(&text, i % 3 ? "0," : "2.5,", i % 3 ? 2 : 4) == 0);
    must(buffer_append(&text, data + 1, size - 1) == 0);
    copy = malloc(text.size); /* of exactly its size: a sanitizer sees a byte more */
    must(copy != NULL);
    memcpy(copy, text.data, text.size);
    check(bytes_of(copy, text.size), data[0] & 64);
    free(copy);
    buffer_fini(&text);
    return 0;
}
