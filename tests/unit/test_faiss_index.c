/* FAISS's flat index: what one is, and what it can lie about. */
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "models/faiss_index.h"

#define HEAD 45

struct file {
    uint8_t data[256];
    size_t size;
};

static void put(struct file *file, const void *bytes, size_t n)
{
    assert_true(file->size + n <= sizeof(file->data));
    memcpy(file->data + file->size, bytes, n);
    file->size += n;
}

static void put_number(struct file *file, uint64_t value, size_t width)
{
    for (size_t i = 0; i < width; i++)
        put(file, &(uint8_t){(uint8_t)(value >> 8 * i)}, 1);
}

static void set_number(struct file *file, size_t at, uint64_t value, size_t width)
{
    for (size_t i = 0; i < width; i++)
        file->data[at + i] = (uint8_t)(value >> 8 * i);
}

/* n vectors of d numbers 0, 0.5, 1, ... */
static struct file make(uint32_t d, uint32_t n)
{
    struct file file = {.size = 0};

    put(&file, "IxF2", 4);
    put_number(&file, d, 4);
    put_number(&file, n, 8);
    put_number(&file, 1 << 20, 8);
    put_number(&file, 1 << 20, 8);
    put_number(&file, 1, 1);
    put_number(&file, 1, 4);
    put_number(&file, (uint64_t)d * n, 8);
    for (uint32_t i = 0; i < d * n; i++) {
        float value = (float)i / 2;
        uint32_t bits;

        memcpy(&bits, &value, sizeof(bits));
        put_number(&file, bits, 4);
    }
    return file;
}

/* From memory that ends where the file does. */
static int read_cut(const struct file *file, size_t size, struct faiss_index *ret, struct err *err)
{
    uint8_t *copy = malloc(size ? size : 1);
    int status;

    assert_non_null(copy);
    memcpy(copy, file->data, size);
    status = faiss_index_read(bytes_of(copy, size), ret, err);
    free(copy); /* the view is not used */
    return status;
}

static void assert_refused(const struct file *file, enum err_kind kind, const char *text)
{
    struct faiss_index index;
    struct err err = ERR_INIT;

    assert_int_equal(read_cut(file, file->size, &index, &err), -1);
    if (err.kind != kind || !strstr(err.text, text))
        fail_msg("kind %d, \"%s\" instead of \"%s\"", err.kind, err.text, text);
}

static void reads(void **state)
{
    struct file file = make(3, 4);
    struct faiss_index index;
    struct err err = ERR_INIT;

    (void)state;
    assert_true(faiss_index_probe(bytes_of(file.data, file.size)));
    if (faiss_index_read(bytes_of(file.data, file.size), &index, &err))
        fail_msg("%s", err.text);
    assert_int_equal(index.dimension, 3);
    assert_int_equal(index.count, 4);
    assert_int_equal(index.vectors.size, 48);
    assert_ptr_equal(index.vectors.data, file.data + HEAD);
    assert_true(load_le_f32(index.vectors.data + 11 * 4) == 5.5f);

    file = make(3, 0);
    assert_int_equal(faiss_index_read(bytes_of(file.data, file.size), &index, &err), 0);
    assert_int_equal(index.count, 0);
}

static void every_cut(void **state)
{
    struct file file = make(3, 4);

    (void)state;
    for (size_t size = 0; size < file.size; size++) {
        struct faiss_index index = {.dimension = 77};
        struct err err = ERR_INIT;

        assert_int_equal(read_cut(&file, size, &index, &err), -1);
        assert_int_equal(err.kind, ERR_INPUT);
        assert_non_null(strstr(err.text, "offset"));
        assert_int_equal(index.dimension, 77);
    }
    put_number(&file, 0, 1);
    assert_refused(&file, ERR_INPUT, "offset 93: 1 bytes follow");
}

static void lies(void **state)
{
    static const struct {
        size_t at, width;
        uint64_t value;
        const char *text;
    } changes[] = {
        {4, 4, 0, "offset 4: vectors of 0"},
        {4, 4, 0xffffffff, "offset 4: vectors of -1"},
        {4, 4, 4, "offset 37: 12 numbers for 4 vectors of 4"},
        {4, 4, 0x7fffffff, "offset 37"},
        {8, 8, 5, "offset 37"},
        {8, 8, 1ull << 63, "offset 8: -9223372036854775808"},
        {8, 8, (1ull << 63) - 1, "offset 37"},
        {8, 8, (1ull << 62) + 4, "offset 37"}, /* times 3, modulo 2^64, is not 12; times 4 is */
        {32, 1, 0, "offset 32: the index is not trained"},
        {37, 8, 11, "offset 37: 11 numbers"},
        {37, 8, 13, "offset 37: 13 numbers"},
        {37, 8, (1ull << 62) + 12, "offset 37"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(changes); i++) {
        struct file file = make(3, 4);

        set_number(&file, changes[i].at, changes[i].value, changes[i].width);
        assert_refused(&file, ERR_INPUT, changes[i].text);
    }
}

/* Counts that agree with one another, and not with the file. */
static void large_counts(void **state)
{
    struct file file = make(4, 3);

    (void)state;
    set_number(&file, 8, (1ull << 60) + 3, 8);
    set_number(&file, 37, (1ull << 62) + 12, 8); /* in bytes, modulo 2^64, 48 */
    assert_refused(&file, ERR_INPUT, "offset 45");
    set_number(&file, 8, (1ull << 62) + 3, 8); /* times 4, modulo 2^64, is 12 */
    set_number(&file, 37, 12, 8);
    assert_refused(&file, ERR_INPUT, "offset 37");
    file = make(4, 3);
    set_number(&file, 8, 1000000, 8);
    set_number(&file, 37, 4000000, 8);
    assert_refused(&file, ERR_INPUT, "offset 45: 4000000 numbers, and 48 bytes are left");
}

static void other_types(void **state)
{
    static const char *const types[][2] = {
        {"IxFI", "inner product"},
        {"IxFl", "a metric other than L2"},
        {"IwFl", "IVFFlat"},
        {"IwPQ", "IVFPQ"},
        {"IvPQ", "IVFPQ"},
        {"IxPq", "product quantization"},
        {"IHNf", "HNSW"},
        {"IxPT", "transform"},
        {"IxSQ", "scalar quantization"},
        {"IxHe", "LSH"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(types); i++) {
        struct file file = make(3, 4);

        memcpy(file.data, types[i][0], 4);
        assert_true(faiss_index_probe(bytes_of(file.data, file.size)));
        assert_refused(&file, ERR_UNSUPPORTED, types[i][0]);
        assert_refused(&file, ERR_UNSUPPORTED, types[i][1]);
    }
}

static void no_index(void **state)
{
    static const char *const others[] = {"", "I", "IxF", "PK\3\4", "binf", "ixf2", "IxXX", "Ivan"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(others); i++) {
        struct faiss_index index;
        struct err err = ERR_INIT;

        assert_false(faiss_index_probe(bytes_text(others[i])));
        assert_int_equal(faiss_index_read(bytes_text(others[i]), &index, &err), -1);
        assert_int_equal(err.kind, ERR_INPUT);
    }
}

static void other_metrics(void **state)
{
    static const struct {
        uint32_t metric;
        const char *name;
    } metrics[] = {{0, "inner product"},   {2, "L1"},       {3, "Linf"},
                   {22, "Jensen-Shannon"}, {7, "number 7"}, {1000, "number"},
                   {~0u, "number -1"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(metrics); i++) {
        struct file file = make(3, 4);

        set_number(&file, 33, metrics[i].metric, 4);
        assert_refused(&file, ERR_UNSUPPORTED, metrics[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads),         cmocka_unit_test(every_cut),   cmocka_unit_test(lies),
        cmocka_unit_test(large_counts),  cmocka_unit_test(other_types), cmocka_unit_test(no_index),
        cmocka_unit_test(other_metrics),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
