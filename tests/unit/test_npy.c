/* numpy's array files: versions, types of numbers, headers as others write them, lies. */
#include "tests/unit/unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/npy.h"

#define DICT(descr, shape) "{'descr': " descr ", 'fortran_order': False, 'shape': " shape ", }"

struct file {
    uint8_t data[512];
    size_t size;
};

static struct file make(unsigned version, const char *header, const void *data, size_t size)
{
    struct file file = {.data = {0x93, 'N', 'U', 'M', 'P', 'Y', (uint8_t)version, 0}};
    size_t length = strlen(header);
    size_t width = version == 1 ? 2 : 4;

    assert_true(8 + width + length + size <= sizeof(file.data));
    for (size_t i = 0; i < width; i++)
        file.data[8 + i] = (uint8_t)(length >> 8 * i);
    memcpy(file.data + 8 + width, header, length);
    memcpy(file.data + 8 + width + length, data, size);
    file.size = 8 + width + length + size;
    return file;
}

/* From memory that ends where the file does. */
static int read_cut(const struct file *file, size_t size, struct arena *arena, double **ret,
                    uint64_t *count, struct err *err)
{
    uint8_t *copy = malloc(size ? size : 1);
    int status;

    assert_non_null(copy);
    memcpy(copy, file->data, size);
    status = npy_read_f64(bytes_of(copy, size), arena, ret, count, err);
    free(copy);
    return status;
}

static void assert_reads(const struct file *file, const double *expected, size_t count)
{
    struct arena arena;
    double *got = NULL;
    uint64_t n = 0;
    struct err err = ERR_INIT;

    arena_init(&arena, 1 << 16);
    if (read_cut(file, file->size, &arena, &got, &n, &err))
        fail_msg("%s", err.text);
    assert_int_equal(n, count);
    for (size_t i = 0; i < count; i++)
        assert_true(got[i] == expected[i]);
    arena_fini(&arena);
}

static void assert_refused(const struct file *file, enum err_kind kind, const char *text)
{
    struct arena arena;
    double *got = NULL;
    uint64_t n = 77;
    struct err err = ERR_INIT;

    arena_init(&arena, 1 << 16);
    assert_int_equal(read_cut(file, file->size, &arena, &got, &n, &err), -1);
    if (err.kind != kind || !strstr(err.text, text))
        fail_msg("kind %d, \"%s\" instead of \"%s\"", err.kind, err.text, text);
    assert_int_equal(n, 77);
    arena_fini(&arena);
}

static void versions(void **state)
{
    static const double numbers[] = {1, -2.5, 3e300};

    (void)state;
    for (unsigned version = 1; version <= 3; version++) {
        struct file file = make(version, DICT("'<f8'", "(3,)") "     \n", numbers, sizeof(numbers));

        assert_reads(&file, numbers, 3);
        file.data[7] = 1;
        assert_refused(&file, ERR_UNSUPPORTED, "version");
    }
    assert_refused(&(struct file){.data = "\x93NUMPY\4\0\0\0", .size = 10}, ERR_UNSUPPORTED,
                   "version 4.0");
    assert_refused(&(struct file){.data = "\x93NUMPY\0\0\0\0", .size = 10}, ERR_UNSUPPORTED,
                   "version 0.0");
    assert_refused(&(struct file){.data = "\x93NUMPX\1\0\0\0", .size = 10}, ERR_INPUT, "offset 0");
}

static void types(void **state)
{
    static const struct {
        const char *header, *data;
        size_t size;
        double expected;
    } cases[] = {
        {DICT("'<f8'", "(1,)"), "\0\0\0\0\0\0\xf8\x3f", 8, 1.5},
        {DICT("'>f8'", "(1,)"), "\x3f\xf8\0\0\0\0\0\0", 8, 1.5},
        {DICT("'<f4'", "(1,)"), "\0\0\xc0\x3f", 4, 1.5},
        {DICT("'>f4'", "(1,)"), "\x3f\xc0\0\0", 4, 1.5},
        {DICT("'=f4'", "(1,)"), "\0\0\xc0\x3f", 4, 1.5},
        {DICT("'<i8'", "(1,)"), "\xfe\xff\xff\xff\xff\xff\xff\xff", 8, -2},
        {DICT("'>i8'", "(1,)"), "\0\0\0\0\0\0\1\2", 8, 258},
        {DICT("'<i4'", "(1,)"), "\xfe\xff\xff\xff", 4, -2},
        {DICT("'<i2'", "(1,)"), "\xfe\xff", 2, -2},
        {DICT("'|i1'", "(1,)"), "\xfe", 1, -2},
        {DICT("'<u8'", "(1,)"), "\xff\xff\xff\xff\xff\xff\xff\x7f", 8, 0x1p63},
        {DICT("'>u4'", "(1,)"), "\xff\xff\xff\xfe", 4, 4294967294.0},
        {DICT("'<u2'", "(1,)"), "\xfe\xff", 2, 65534},
        {DICT("'|u1'", "(1,)"), "\xfe", 1, 254},
        {DICT("'|b1'", "(1,)"), "\1", 1, 1},
        {DICT("'?'", "(1,)"), "\1", 1, 1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct file file = make(1, cases[i].header, cases[i].data, cases[i].size);

        assert_reads(&file, &cases[i].expected, 1);
    }
    assert_reads(&(struct file[]){make(1, DICT("'<f8'", "(0,)"), "", 0)}[0], NULL, 0);
}

static void other_types(void **state)
{
    static const char *const headers[] = {
        DICT("'|O'", "(1,)"),   DICT("'|O8'", "(1,)"),          DICT("'<U3'", "(1,)"),
        DICT("'|S8'", "(1,)"),  DICT("'<c8'", "(1,)"),          DICT("'<M8[ns]'", "(1,)"),
        DICT("'|V8'", "(1,)"),  DICT("'<f2'", "(1,)"),          DICT("'<f16'", "(1,)"),
        DICT("'<i3'", "(1,)"),  DICT("'<i0'", "(1,)"),          DICT("''", "(1,)"),
        DICT("'<f-8'", "(1,)"), DICT("[('a', '<f8')]", "(1,)"),
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(headers); i++) {
        struct file file = make(1, headers[i], "\0\0\0\0\0\0\0\0", 8);

        assert_refused(&file, ERR_UNSUPPORTED, "");
    }
    assert_refused(&(struct file[]){make(1, DICT("'<u8'", "(1,)"), "\0\0\0\0\0\0\0\x80", 8)}[0],
                   ERR_UNSUPPORTED, "2^63");
}

/* Headers that Python reads as the same, and some that numpy itself wrote once. */
static void headers(void **state)
{
    static const char *const same[] = {
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }\n",
        "{\"shape\": (1, ),\"fortran_order\":True,\"descr\":\"<f8\"}",
        " { 'shape' : ( 1L , ) , 'descr' : '<f8' , 'fortran_order' : False } \n",
    };
    static const struct {
        const char *header;
        enum err_kind kind;
        const char *text;
    } wrong[] = {
        {"", ERR_INPUT, "offset 10: a dict"},
        {"[]", ERR_INPUT, "a dict"},
        {"{}", ERR_INPUT, "lacks"},
        {"{'descr': '<f8', 'shape': (1,)}", ERR_INPUT, "lacks"},
        {"{'descr': '<f8', 'fortran_order': False}", ERR_INPUT, "lacks"},
        {"{'fortran_order': False, 'shape': (1,)}", ERR_INPUT, "lacks"},
        {DICT("'<f8'", "(1,)") "x", ERR_INPUT, "goes on"},
        {DICT("'<f8'", "(1)"), ERR_INPUT, "a comma"},
        {DICT("'<f8'", "1"), ERR_INPUT, "a shape"},
        {DICT("'<f8'", "(-1,)"), ERR_INPUT, "a number of elements"},
        {DICT("'<f8'", "(1,"), ERR_INPUT, "a number of elements"},
        {DICT("'<f8'", "(99999999999999999999,)"), ERR_INPUT, "a number of elements"},
        {DICT("'<f8'", "(18446744073709551615,)"), ERR_INPUT, "elements of 8 bytes"},
        {DICT("'<f8'", "(2305843009213693953,)"), ERR_INPUT, "elements of 8 bytes"},
        {DICT("'<f8'", "()"), ERR_UNSUPPORTED, "0 dimensions"},
        {DICT("'<f8'", "(1, 1)"), ERR_UNSUPPORTED, "2 dimensions"},
        {DICT("'<f8'", "(1, 1,)"), ERR_UNSUPPORTED, "2 dimensions"},
        {DICT("'<f8", "(1,)"), ERR_INPUT, "offset"},
        {DICT("<f8", "(1,)"), ERR_INPUT, "a type of elements"},
        {"{'descr': '<f8', 'descr': '<f8', 'fortran_order': False, 'shape': (1,)}", ERR_INPUT,
         "once"},
        {"{'descr': '<f8', 'fortran_order': 0, 'shape': (1,)}", ERR_INPUT, "False or True"},
        {"{'descr': '<f8' 'fortran_order': False, 'shape': (1,)}", ERR_INPUT, "a comma or the end"},
        {"{'descr' '<f8'}", ERR_INPUT, "a colon"},
        {"{descr: '<f8'}", ERR_INPUT, "a key"},
        {"{'x': 1}", ERR_INPUT, "a key that a header does not have"},
    };
    static const double one[] = {1};

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(same); i++) {
        struct file file = make(1, same[i], one, sizeof(one));

        assert_reads(&file, one, 1);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
        struct file file = make(1, wrong[i].header, one, sizeof(one));

        assert_refused(&file, wrong[i].kind, wrong[i].text);
    }
}

static void every_cut(void **state)
{
    static const double numbers[] = {1, 2, 3};

    (void)state;
    for (unsigned version = 1; version <= 2; version++) {
        struct file file = make(version, DICT("'<f8'", "(3,)") "\n", numbers, sizeof(numbers));

        for (size_t size = 0; size < file.size; size++) {
            struct arena arena;
            double *got;
            uint64_t n;
            struct err err = ERR_INIT;

            arena_init(&arena, 1 << 16);
            assert_int_equal(read_cut(&file, size, &arena, &got, &n, &err), -1);
            assert_int_equal(err.kind, ERR_INPUT);
            assert_non_null(strstr(err.text, "offset"));
            arena_fini(&arena);
        }
        file.size++;
        assert_refused(&file, ERR_INPUT, "3 elements of 8 bytes in 25 bytes");
    }
}

static void no_memory(void **state)
{
    static const double numbers[32] = {1};
    struct file file = make(1, DICT("'<f8'", "(32,)"), numbers, sizeof(numbers));
    struct arena arena;
    double *got;
    uint64_t n;
    struct err err = ERR_INIT;

    (void)state;
    arena_init(&arena, 100);
    assert_int_equal(read_cut(&file, file.size, &arena, &got, &n, &err), -1);
    assert_int_equal(err.kind, ERR_MEMORY);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions), cmocka_unit_test(types),     cmocka_unit_test(other_types),
        cmocka_unit_test(headers),  cmocka_unit_test(every_cut), cmocka_unit_test(no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
