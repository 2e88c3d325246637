/*
 * Lists of MXNet arrays: every version, storage and type gives the numbers that were written; what
 * is cut, counted wrongly or out of range is refused, with where.
 */
#include "models/ndarray.h"

#include <math.h>

#include "tests/unit/mxnet_builder.h"
#include "tests/unit/unit.h"

/* linear-learner 2.1: a multiclass model of 2 features and 3 classes, byte for byte. */
static const uint8_t example[] = {
    0x12, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xc9, 0xfa, 0x93, 0xf9, 0x00, 0x00, 0x00, 0x00,
    0x02, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x56, 0x9b, 0x39, 0xbe, 0x88, 0x2d, 0x1d, 0xbe, 0xb3, 0x2b, 0x74, 0x3e, 0x2d, 0xff, 0xad, 0xbe,
    0xd0, 0xf7, 0xb5, 0x3e, 0x8f, 0x58, 0x7a, 0xbd, 0xc9, 0xfa, 0x93, 0xf9, 0x00, 0x00, 0x00, 0x00,
    0x02, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x87, 0x9d, 0x49, 0xbf, 0x80, 0xaf, 0x6d, 0xbd, 0x88, 0x60, 0x09, 0x3f, 0x02, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x0e, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x61, 0x72, 0x67, 0x3a,
    0x66, 0x63, 0x30, 0x5f, 0x77, 0x65, 0x69, 0x67, 0x68, 0x74, 0x0c, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x61, 0x72, 0x67, 0x3a, 0x66, 0x63, 0x30, 0x5f, 0x62, 0x69, 0x61, 0x73,
};

/* A list and the memory of it, and of what is taken from it. */
struct read {
    struct arena arena;
    struct ndarray_list list;
};

static int try_read(struct bytes data, struct read *ret, struct err *err)
{
    arena_init(&ret->arena, BUILDER_MAX);
    return ndarray_list_read(data, &ret->arena, &ret->list, err);
}

static void read_ok(const struct buffer *data, struct read *ret)
{
    struct err err = ERR_INIT;

    if (try_read(build_bytes(data), ret, &err))
        fail_msg("%s", err.text);
}

static void read_done(struct read *read)
{
    arena_fini(&read->arena);
}

static void refused(struct bytes data, const char *why)
{
    struct err err = ERR_INIT;
    struct read read;

    if (try_read(data, &read, &err) == 0)
        fail_msg("read, but expected: %s", why);
    if (!strstr(err.text, why))
        fail_msg("\"%s\" does not say: %s", err.text, why);
    read_done(&read);
}

static void values_are(struct read *read, size_t i, const float *expected, size_t count)
{
    struct err err = ERR_INIT;
    float *values;

    assert_int_equal(read->list.arrays[i].size, count);
    if (ndarray_to_f32(&read->list.arrays[i], count, &read->arena, &values, &err))
        fail_msg("%s", err.text);
    assert_memory_equal(values, expected, count * sizeof(*values));
}

/* The list can be read, its array cannot be turned to numbers. */
static void values_refused(const struct buffer *data, const char *why)
{
    struct err err = ERR_INIT;
    struct read read;
    float *values;

    read_ok(data, &read);
    if (ndarray_to_f32(&read.list.arrays[0], 1000, &read.arena, &values, &err) == 0)
        fail_msg("values given, but expected: %s", why);
    if (!strstr(err.text, why))
        fail_msg("\"%s\" does not say: %s", err.text, why);
    read_done(&read);
}

static void test_example(void **state)
{
    static const float weight[] = {-0x1.7336acp-3f, -0x1.3a5b1p-3f, 0x1.e85766p-3f,
                                   -0x1.5bfe5ap-2f, 0x1.6befap-2f,  -0x1.f4b11ep-5f};
    struct bytes data = bytes_of(example, sizeof(example));
    struct err err = ERR_INIT;
    struct read read;

    (void)state;
    assert_int_equal(sizeof(example), 190);
    assert_true(ndarray_list_probe(data));
    assert_int_equal(try_read(data, &read, &err), 0);
    assert_int_equal(read.list.count, 2);
    assert_true(read.list.named);
    assert_ptr_equal(ndarray_find(&read.list, "fc0_weight"), &read.list.arrays[0]);
    assert_ptr_equal(ndarray_find(&read.list, "fc0_bias"), &read.list.arrays[1]);
    assert_null(ndarray_find(&read.list, "arg:fc0_bias"));
    assert_null(ndarray_find(&read.list, ""));
    assert_int_equal(read.list.arrays[0].dimensions, 2);
    assert_int_equal(read.list.arrays[0].shape[0], 2);
    assert_int_equal(read.list.arrays[0].shape[1], 3);
    values_are(&read, 0, weight, 6);
    read_done(&read);
    for (size_t size = 0; size < sizeof(example); size++)
        refused(bytes_of(example, size), size < 8 ? "offset 0" : "offset");
}

static void test_versions(void **state)
{
    static const float weight[] = {1, -2, 0.5f, 4};
    static const float bias[] = {-0.0f, 7};

    (void)state;
    for (enum mx_version version = MX_V0; version <= MX_V3; version++) {
        struct read read;
        MX_BUFFER(data);

        mx_params(&data, version, 2, 2, weight, bias);
        read_ok(&data, &read);
        values_are(&read, 0, weight, 4);
        values_are(&read, 1, bias, 2);
        read_done(&read);
        for (size_t size = 0; size < data.size; size++)
            refused(bytes_of(data.data, size), "offset");
        build_append(&data, "", 1);
        refused(build_bytes(&data), "1 bytes follow");
    }
}

static void test_types(void **state)
{
    static const float values[] = {1, -2, 200};
    static const uint8_t f64[] = {0, 0, 0, 0,    0, 0, 0xf0, 0x3f, 0, 0, 0,    0,
                                  0, 0, 0, 0xc0, 0, 0, 0,    0,    0, 0, 0x69, 0x40};
    static const struct {
        uint32_t type;
        uint8_t bytes[24];
        size_t size;
        float expected[3];
    } cases[] = {
        {2, {0x00, 0x3c, 0x00, 0xc0, 0x40, 0x5a}, 6, {1, -2, 200}},
        {2, {0x01, 0x00, 0x00, 0x80, 0xff, 0x03}, 6, {0x1p-24f, -0.0f, 0x3ffp-24f}},
        {2, {0xff, 0x7b, 0x00, 0xfc, 0x00, 0x04}, 6, {65504, -INFINITY, 0x1p-14f}},
        {3, {1, 0, 200}, 3, {1, 0, 200}},
        {4, {1, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff, 200, 0, 0, 0}, 12, {1, -2, 200}},
        {5, {1, 0xfe, 0x80}, 3, {1, -2, -128}},
        {6,
         {1, 0, 0, 0, 0, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 200},
         24,
         {1, -2, 200}},
        {7, {1, 0, 1}, 3, {1, 0, 1}},
        {8, {1, 0, 0xfe, 0xff, 200, 0}, 6, {1, -2, 200}},
        {9, {1, 0, 0xfe, 0xff, 200, 0}, 6, {1, 65534, 200}},
        {10, {1, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff, 200, 0, 0, 0}, 12, {1, 4294967294.0f, 200}},
        {11,
         {1, 0, 0, 0, 0, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 200},
         24,
         {1, 18446744073709551614.0f, 200}},
        {12, {0x80, 0x3f, 0x00, 0xc0, 0x48, 0x43}, 6, {1, -2, 200}},
    };
    struct read read;
    MX_BUFFER(data);

    (void)state;
    mx_list(&data, 2);
    mx_dense(&data, MX_V2, 0, 1, (const uint64_t[]){3}, values, sizeof(values));
    mx_dense(&data, MX_V2, 1, 1, (const uint64_t[]){3}, f64, sizeof(f64));
    mx_names(&data, NULL, 0);
    read_ok(&data, &read);
    assert_false(read.list.named);
    assert_null(ndarray_find(&read.list, ""));
    values_are(&read, 0, values, 3);
    values_are(&read, 1, values, 3);
    read_done(&read);
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        assert_int_equal(ndarray_type_size(cases[i].type) * 3, cases[i].size);
        buffer_clear(&data);
        mx_list(&data, 1);
        mx_dense(&data, MX_V2, cases[i].type, 1, (const uint64_t[]){3}, cases[i].bytes,
                 cases[i].size);
        mx_names(&data, NULL, 0);
        read_ok(&data, &read);
        values_are(&read, 0, cases[i].expected, 3);
        read_done(&read);
    }
    for (int type = -1; type <= 13; type += 14) {
        buffer_clear(&data);
        mx_list(&data, 1);
        mx_dense(&data, MX_V2, (uint32_t)type, 1, (const uint64_t[]){3}, f64, sizeof(f64));
        mx_names(&data, NULL, 0);
        refused(build_bytes(&data), type < 0 ? "offset 52: unknown type flag -1" : "flag 13");
    }
}

/* A double is rounded to nearest, not cut. */
static void test_rounding(void **state)
{
    static const double values[] = {0.1, 1 + 0x1.8p-24, 1e300};
    static const float expected[] = {0.1f, 1 + 0x1p-23f, INFINITY};
    struct read read;
    MX_BUFFER(data);

    (void)state;
    mx_list(&data, 1);
    mx_dense(&data, MX_V1, 1, 1, (const uint64_t[]){3}, values, sizeof(values));
    mx_names(&data, NULL, 0);
    read_ok(&data, &read);
    values_are(&read, 0, expected, 3);
    read_done(&read);
}

static void test_row_sparse(void **state)
{
    static const float values[] = {1, 2, 3, 4};
    static const float expected[] = {0, 0, 1, 2, 0, 0, 0, 0, 3, 4};
    static const float zeros[10];
    struct read read;
    MX_BUFFER(data);

    (void)state;
    mx_list(&data, 2);
    mx_row_sparse(&data, 5, 2, 2, (const int64_t[]){1, 4}, values);
    mx_row_sparse(&data, 5, 2, 0, (const int64_t[]){0}, values);
    mx_names(&data, (const char *const[]){"aux:a", "b"}, 2);
    read_ok(&data, &read);
    assert_int_equal(read.list.arrays[0].storage, NDARRAY_ROW_SPARSE);
    assert_int_equal(read.list.arrays[0].stored_rows, 2);
    assert_ptr_equal(ndarray_find(&read.list, "a"), &read.list.arrays[0]);
    values_are(&read, 0, expected, 10);
    values_are(&read, 1, zeros, 10);
    read_done(&read);
    for (size_t size = 0; size < data.size; size++)
        refused(bytes_of(data.data, size), "offset");
}

static void test_row_sparse_lies(void **state)
{
    static const float values[] = {1, 2, 3, 4, 5, 6};
    static const struct {
        int64_t rows[3];
        const char *why;
    } cases[] = {
        {{1, 4, 5}, "offset 24: stored row 2 has index 5 of 5 rows"},
        {{-1, 1, 2}, "stored row 0 has index -1 of 5"},
        {{0, 2, 1}, "stored row 2 has index 1, which is not above"},
        {{0, 2, 2}, "stored row 2 has index 2, which is not above"},
        {{INT64_MIN, 1, 2}, "of 5 rows"},
    };
    struct read read;
    struct err err = ERR_INIT;
    float *out;

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        MX_BUFFER(data);

        mx_list(&data, 1);
        mx_row_sparse(&data, 5, 2, 3, cases[i].rows, values);
        mx_names(&data, NULL, 0);
        values_refused(&data, cases[i].why);
    }
    {
        MX_BUFFER(data);

        mx_list(&data, 1);
        mx_row_sparse(&data, (uint64_t)1 << 40, 1000, 0, (const int64_t[]){0}, values);
        mx_names(&data, NULL, 0);
        read_ok(&data, &read);
        assert_int_equal(ndarray_to_f32(&read.list.arrays[0], UINT64_MAX, &read.arena, &out, &err),
                         -1);
        assert_int_equal(err.kind, ERR_LIMIT);
        err_clear(&err);
        assert_int_equal(ndarray_to_f32(&read.list.arrays[0], 999999, &read.arena, &out, &err), -1);
        assert_int_equal(err.kind, ERR_LIMIT);
        assert_non_null(strstr(err.text, "more than 999999"));
        read_done(&read);
    }
}

/* The storage shape, the aux shape and the logical shape must fit one another. */
static void test_sparse_shapes(void **state)
{
    static const struct {
        uint64_t stored[2], logical[2], aux;
    } cases[] = {
        {{2, 2}, {3, 2}, 1},
        {{2, 2}, {3, 3}, 2},
        {{3, 2}, {2, 2}, 3},
        {{0, 0}, {3, 2}, 2},
    };
    static const float zeros[16];

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        MX_BUFFER(data);

        mx_list(&data, 1);
        mx_magic(&data, MX_V2);
        put_le(&data, 4, 1);
        mx_shape(&data, MX_V2, 2, cases[i].stored);
        mx_shape(&data, MX_V2, 2, cases[i].logical);
        mx_context(&data);
        put_le(&data, 4, 0);
        put_le(&data, 4, 6);
        mx_shape(&data, MX_V2, 1, &cases[i].aux);
        build_append(&data, zeros, sizeof(zeros)); /* more than enough */
        refused(build_bytes(&data), "offset 24: the shapes of a sparse array disagree");
    }
}

static void test_csr_shapes(void **state)
{
    static const struct {
        uint64_t stored, rows, starts, columns;
    } cases[] = {{2, 3, 5, 2}, {2, 3, 3, 2}, {2, 3, 4, 1}, {1, 3, 4, 2}};
    static const float zeros[64];

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        MX_BUFFER(data);

        mx_list(&data, 1);
        mx_magic(&data, MX_V2);
        put_le(&data, 4, 2);
        mx_shape(&data, MX_V2, 1, &cases[i].stored);
        mx_shape(&data, MX_V2, 2, (const uint64_t[]){cases[i].rows, 2});
        mx_context(&data);
        put_le(&data, 4, 0);
        put_le(&data, 4, 6);
        mx_shape(&data, MX_V2, 1, &cases[i].starts);
        put_le(&data, 4, 6);
        mx_shape(&data, MX_V2, 1, &cases[i].columns);
        build_append(&data, zeros, sizeof(zeros)); /* more than enough */
        refused(build_bytes(&data), "offset 24: the shapes of a sparse array disagree");
    }
}

static void test_csr(void **state)
{
    static const float values[] = {1, 2, 3, 4};
    static const float expected[] = {0, 1, 0, 0, 0, 0, 3, 0, 2};
    struct read read;
    MX_BUFFER(data);

    (void)state;
    mx_list(&data, 1);
    mx_csr(&data, 3, 3, 3, (const int64_t[]){0, 1, 1, 3}, (const int64_t[]){1, 2, 0}, values);
    mx_names(&data, NULL, 0);
    read_ok(&data, &read);
    assert_int_equal(read.list.arrays[0].storage, NDARRAY_CSR);
    values_are(&read, 0, expected, 9);
    read_done(&read);
    for (size_t size = 0; size < data.size; size++)
        refused(bytes_of(data.data, size), "offset");
}

static void test_csr_lies(void **state)
{
    static const float values[] = {1, 2, 3};
    static const struct {
        int64_t starts[4], column[3];
        const char *why;
    } cases[] = {
        {{1, 1, 1, 3}, {0, 1, 2}, "the first row does not start at 0"},
        {{0, 2, 1, 3}, {0, 1, 2}, "row 1 ends at value 1, after 2 of 3"},
        {{0, 1, 1, 4}, {0, 1, 2}, "row 2 ends at value 4"},
        {{0, 1, 1, 2}, {0, 1, 2}, "the rows end at value 2 of 3"},
        {{0, -1, 1, 3}, {0, 1, 2}, "row 0 ends at value -1"},
        {{0, 1, 1, 3}, {0, 1, 3}, "value 2 has column 3 of 3"},
        {{0, 1, 1, 3}, {0, -1, 2}, "value 1 has column -1 of 3"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        MX_BUFFER(data);

        mx_list(&data, 1);
        mx_csr(&data, 3, 3, 3, cases[i].starts, cases[i].column, values);
        mx_names(&data, NULL, 0);
        values_refused(&data, cases[i].why);
    }
}

/* Arrays of no shape end after it; a scalar has one value; neither harms its neighbours. */
static void test_none_and_scalar(void **state)
{
    static const float one = 3.5f;
    static const float pair[] = {1, 2};
    struct err err = ERR_INIT;
    struct read read;
    float *values;
    MX_BUFFER(data);

    (void)state;
    mx_list(&data, 7);
    put_le(&data, 4, 0); /* V0 */
    mx_magic(&data, MX_V1);
    put_le(&data, 4, 0);
    mx_magic(&data, MX_V2);
    put_le(&data, 8, 0);
    mx_magic(&data, MX_V3);
    put_le(&data, 4, 0);
    put_le(&data, 4, UINT32_MAX); /* -1 dimensions */
    mx_magic(&data, MX_V3);
    put_le(&data, 4, 0);
    mx_shape(&data, MX_V3, 2, (const uint64_t[]){3, UINT64_MAX}); /* -1 of one */
    mx_dense(&data, MX_V3, 0, 0, NULL, &one, sizeof(one));
    mx_matrix(&data, MX_V2, 2, 1, pair);
    mx_names(&data, NULL, 0);
    read_ok(&data, &read);
    for (size_t i = 0; i < 5; i++) {
        assert_true(read.list.arrays[i].none);
        err_clear(&err);
        assert_int_equal(ndarray_to_f32(&read.list.arrays[i], 10, &read.arena, &values, &err), -1);
        assert_non_null(strstr(err.text, "is none"));
    }
    assert_false(read.list.arrays[5].none);
    values_are(&read, 5, &one, 1);
    values_are(&read, 6, pair, 2);
    read_done(&read);
}

/* Counts and shapes that promise more than there is. */
static void test_lies(void **state)
{
    static const float values[4];
    const uint64_t limit = (uint64_t)1 << 20;
    struct read read;
    MX_BUFFER(data);

    (void)state;
    refused(bytes_text("\x13\1\0\0\0\0\0\0"), "offset 0");
    mx_list(&data, UINT64_MAX);
    build_append(&data, values, sizeof(values));
    refused(build_bytes(&data), "offset 16: 18446744073709551615 arrays");
    buffer_clear(&data);
    mx_list(&data, 5);
    build_append(&data, values, sizeof(values));
    refused(build_bytes(&data), "offset 16: 5 arrays, more than 1048576 or than 16 bytes can hold");

    for (uint64_t count = limit; count <= limit + 1; count++) { /* arrays of V0 that are none */
        buffer_clear(&data);
        mx_list(&data, count);
        assert_int_equal(buffer_reserve(&data, 4 * count + 8), 0);
        memset(data.data + data.size, 0, 4 * count + 8);
        data.size += 4 * count + 8;
        if (count > limit) {
            refused(build_bytes(&data), "arrays, more than 1048576");
        } else {
            struct err err = ERR_INIT;

            arena_init(&read.arena, (size_t)1 << 30);
            assert_int_equal(ndarray_list_read(build_bytes(&data), &read.arena, &read.list, &err),
                             0);
            assert_int_equal(read.list.count, limit);
            read_done(&read);
        }
    }
}

static void refused_shape(enum mx_version version, uint32_t dimensions, const uint64_t *shape,
                          const char *why)
{
    static const float values[64];
    MX_BUFFER(data);

    mx_list(&data, 1);
    mx_dense(&data, version, 0, dimensions, shape, values, sizeof(values));
    refused(build_bytes(&data), why);
}

static void test_shapes(void **state)
{
    uint64_t many[33];
    struct read read;
    MX_BUFFER(data);

    (void)state;
    for (size_t i = 0; i < 33; i++)
        many[i] = 1;
    refused_shape(MX_V2, 33, many, "offset 32: 33 dimensions, of 0 to 32");
    refused_shape(MX_V1, 33, many, "offset 28: 33 dimensions");
    refused_shape(MX_V0, 33, many, "offset 24: 0x00000021 begins no array");
    refused_shape(MX_V2, 2, (const uint64_t[]){1, UINT64_MAX}, "a dimension is negative");
    refused_shape(MX_V3, 2, (const uint64_t[]){1, UINT64_MAX - 1}, "a dimension is negative");
    refused_shape(MX_V2, 2, (const uint64_t[]){1ull << 40, 1ull << 40}, "64 bits");
    refused_shape(MX_V2, 1, (const uint64_t[]){1ull << 62}, "cut short: 4611686018427387904");
    refused_shape(MX_V0, 2, (const uint64_t[]){UINT32_MAX, UINT32_MAX}, "cut short");
    refused_shape(MX_V2, 1, (const uint64_t[]){65},
                  "offset 56: cut short: 65 numbers of type "
                  "float32 are announced, 256 bytes are left");
    mx_list(&data, 2);
    mx_dense(&data, MX_V2, 0, 32, many, &(const float){2}, 4);
    mx_dense(&data, MX_V2, 0, 3, (const uint64_t[]){1ull << 40, 1ull << 40, 0}, "", 0);
    mx_names(&data, NULL, 0);
    read_ok(&data, &read);
    values_are(&read, 0, &(const float){2}, 1);
    values_are(&read, 1, NULL, 0);
    read_done(&read);
}

static void test_storage(void **state)
{
    static const float values[4];

    (void)state;
    for (int storage = -1; storage <= 3; storage += 4) {
        MX_BUFFER(data);

        mx_list(&data, 1);
        mx_matrix(&data, MX_V2, 2, 2, values);
        data.data[28] = (char)storage;
        memset(data.data + 29, storage < 0 ? -1 : 0, 3);
        refused(build_bytes(&data), storage < 0 ? "offset 28: storage type -1" : "type 3");
    }
    {
        MX_BUFFER(data);

        mx_list(&data, 1);
        mx_row_sparse(&data, 2, 1, 2, (const int64_t[]){0, 1}, values);
        data.data[24] = (char)0xCA;
        refused(build_bytes(&data), "storage type 1 in an array of version 3");
        data.data[24] = (char)0xC9;
        data.data[84] = 0; /* rows as float32 */
        refused(build_bytes(&data), "offset 84: indices of type float32");
    }
}

static void test_names(void **state)
{
    static const float value = 1;
    static char long_name[NDARRAY_NAME_MAX + 2];
    const char *names[] = {long_name, "x"};

    (void)state;
    memset(long_name, 'n', NDARRAY_NAME_MAX);
    for (size_t extra = 0; extra < 2; extra++) {
        struct read read;
        MX_BUFFER(data);

        long_name[NDARRAY_NAME_MAX] = extra ? 'n' : '\0';
        mx_list(&data, 1);
        mx_matrix(&data, MX_V2, 1, 1, &value);
        mx_names(&data, names, 1);
        if (extra) {
            refused(build_bytes(&data), "a name of 4097 bytes, more than 4096");
        } else {
            read_ok(&data, &read);
            assert_non_null(ndarray_find(&read.list, long_name));
            read_done(&read);
        }
    }
    {
        MX_BUFFER(data);

        mx_list(&data, 1);
        mx_matrix(&data, MX_V2, 1, 1, &value);
        mx_names(&data, names, 2);
        refused(build_bytes(&data), "2 names of 1 arrays");
    }
}

/* An arena that is too small is a limit, and no harm; so is a failing allocator. */
static void test_memory(void **state)
{
    struct bytes data = bytes_of(example, sizeof(example));
    struct err err = ERR_INIT;
    struct ndarray_list list;
    struct arena arena;

    (void)state;
    arena_init(&arena, 100);
    assert_int_equal(ndarray_list_read(data, &arena, &list, &err), -1);
    assert_int_equal(err.kind, ERR_LIMIT);
    arena_fini(&arena);
    err_clear(&err);
    arena_init(&arena, BUILDER_MAX);
    mem_fail_at(1);
    assert_int_equal(ndarray_list_read(data, &arena, &list, &err), -1);
    assert_int_equal(err.kind, ERR_MEMORY);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_example),         cmocka_unit_test(test_versions),
        cmocka_unit_test(test_types),           cmocka_unit_test(test_rounding),
        cmocka_unit_test(test_row_sparse),      cmocka_unit_test(test_row_sparse_lies),
        cmocka_unit_test(test_sparse_shapes),   cmocka_unit_test(test_csr),
        cmocka_unit_test(test_csr_shapes),      cmocka_unit_test(test_csr_lies),
        cmocka_unit_test(test_none_and_scalar), cmocka_unit_test(test_lies),
        cmocka_unit_test(test_shapes),          cmocka_unit_test(test_storage),
        cmocka_unit_test(test_names),           cmocka_unit_test(test_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
