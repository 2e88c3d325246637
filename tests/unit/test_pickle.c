#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "models/pickle.h"

/* A literal with its NULs, without the one at its end. */
#define P(text) bytes_of((text), sizeof(text) - 1)

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, (size_t)16 * 1024 * 1024);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    mem_fail_at(0);
    arena_fini(&arena);
    return 0;
}

/* Reads a copy of exactly that size, so that sanitizers see a read beyond its end. */
static int try_read(struct bytes data, struct pickle_value **ret, struct err *err)
{
    uint8_t *copy = arena_alloc(&arena, data.size ? data.size : 1, 1);

    assert_non_null(copy);
    if (data.size)
        memcpy(copy, data.data, data.size);
    err_clear(err);
    return pickle_read(bytes_of(copy, data.size), &arena, ret, err);
}

static struct pickle_value *read_pickle(struct bytes data)
{
    struct pickle_value *value = NULL;
    struct err err = ERR_INIT;

    if (try_read(data, &value, &err))
        fail_msg("%s", err.text);
    assert_non_null(value);
    return value;
}

static void assert_bytes(struct bytes actual, struct bytes expected)
{
    assert_int_equal(actual.size, expected.size);
    assert_memory_equal(actual.data, expected.data, expected.size);
}

static void assert_fails(struct bytes data, enum err_kind kind, const char *text)
{
    struct pickle_value *value;
    struct err err = ERR_INIT;

    if (try_read(data, &value, &err) == 0)
        fail_msg("is read; expected: %s", text);
    if (err.kind != kind || !strstr(err.text, text))
        fail_msg("kind %d: %s; expected kind %d: %s", err.kind, err.text, kind, text);
}

/*
 * Literals.
 */

static void integers(void **state)
{
    static const struct {
        const char *data;
        size_t size;
        int64_t value;
    } cases[] = {
#define CASE(text, value) {(text), sizeof(text) - 1, (value)}
        CASE("K\xff.", 255),
        CASE("M\x01\x02.", 513),
        CASE("J\xfe\xff\xff\xff.", -2),
        CASE("I-17\n.", -17),
        CASE("I9223372036854775807\n.", INT64_MAX),
        CASE("L-9223372036854775808L\n.", INT64_MIN),
        CASE("L12\n.", 12),
        CASE("\x8a\x00.", 0),
        CASE("\x8a\x01\xff.", -1),
        CASE("\x8a\x02\xff\x00.", 255),
        CASE("\x8a\x09\xff\xff\xff\xff\xff\xff\xff\xff\xff.", -1),
        CASE("\x8b\x05\x00\x00\x00\x00\x00\x00\x00\x01.", 1LL << 32),
#undef CASE
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct pickle_value *value = read_pickle(bytes_of(cases[i].data, cases[i].size));

        assert_int_equal(value->type, PICKLE_INT);
        assert_int_equal(value->integer, cases[i].value);
    }
}

static void integers_beyond_64_bits(void **state)
{
    struct pickle_value *value;

    (void)state;
    value = read_pickle(P("L9223372036854775808L\n."));
    assert_int_equal(value->type, PICKLE_BIG);
    assert_bytes(value->bytes, P("\0\0\0\0\0\0\0\x80\0"));
    value = read_pickle(P("I-18446744073709551617\n."));
    assert_int_equal(value->type, PICKLE_BIG);
    assert_bytes(value->bytes, P("\xff\xff\xff\xff\xff\xff\xff\xff\xfe"));
    value = read_pickle(P("\x8a\x09\0\0\0\0\0\0\0\x80\x00."));
    assert_int_equal(value->type, PICKLE_BIG);
    assert_bytes(value->bytes, P("\0\0\0\0\0\0\0\x80\x00"));
    value = read_pickle(P("I0000000000000000000000000000000000000000000000007\n."));
    assert_int_equal(value->type, PICKLE_INT);
    assert_int_equal(value->integer, 7);
}

static void constants_and_floats(void **state)
{
    (void)state;
    assert_int_equal(read_pickle(P("N."))->type, PICKLE_NONE);
    assert_int_equal(read_pickle(P("\x88."))->integer, 1);
    assert_int_equal(read_pickle(P("\x89."))->type, PICKLE_BOOL);
    assert_int_equal(read_pickle(P("I01\n."))->type, PICKLE_BOOL);
    assert_int_equal(read_pickle(P("I01\n."))->integer, 1);
    assert_int_equal(read_pickle(P("I00\n."))->integer, 0);
    assert_int_equal(read_pickle(P("I1\n."))->type, PICKLE_INT);
    assert_true(read_pickle(P("G\x3f\xf8\0\0\0\0\0\0."))->real == 1.5);
    assert_true(read_pickle(P("F-2.5e-3\n."))->real == -0.0025);
    assert_true(isnan(read_pickle(P("Fnan\n."))->real));
    assert_true(read_pickle(P("F-inf\n."))->real == -(double)INFINITY);
}

static void texts(void **state)
{
    (void)state;
    assert_bytes(read_pickle(P("X\x03\0\0\0a\xc3\xa9."))->bytes, P("a\xc3\xa9"));
    assert_bytes(read_pickle(P("\x8c\x02hi."))->bytes, P("hi"));
    assert_bytes(read_pickle(P("\x8d\x02\0\0\0\0\0\0\0hi."))->bytes, P("hi"));
    assert_bytes(read_pickle(P("T\x02\0\0\0\xff\x00."))->bytes, P("\xff\x00"));
    assert_bytes(read_pickle(P("U\x00."))->bytes, P(""));
    /* repr() of a Python 2 str, in either quotes */
    assert_bytes(read_pickle(P("S'a\\n\\x00\\\\\\'\\t\\r\\101\\7'\n."))->bytes,
                 P("a\n\0\\'\t\rA\7"));
    assert_bytes(read_pickle(P("S\"it's \\q\"\n."))->bytes, P("it's \\q"));
    /* raw-unicode-escape: Latin-1 but for \u and \U */
    assert_bytes(read_pickle(P("V\xe9\\u20ac\\U0001f600\\u005c\\n\\\\u0041\n."))->bytes,
                 P("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\\\\n\\\\u0041"));
    assert_int_equal(read_pickle(P("V\n."))->type, PICKLE_TEXT);
}

static void bytes_of_every_protocol(void **state)
{
    static const struct {
        const char *data;
        size_t size;
    } cases[] = {
#define CASE(text) {(text), sizeof(text) - 1}
        /* each is the bytes 00 41 5c ff */
        CASE("C\x04\0A\\\xff."),
        CASE("B\x04\0\0\0\0A\\\xff."),
        CASE("\x8e\x04\0\0\0\0\0\0\0\0A\\\xff."),
        CASE("\x96\x04\0\0\0\0\0\0\0\0A\\\xff."),
        CASE("\x80\x03"
             "cbuiltins\nbytearray\nC\x04\0A\\\xff\x85R."),
        CASE("\x80\x04\x8c\x08"
             "builtins\x8c\x09"
             "bytearray\x93"
             "C\x04\0A\\\xff\x85R."),
        CASE("c_codecs\nencode\n(V\\u0000A\\u005c\xff\nVlatin1\ntR."),
        CASE("c__builtin__\nbytearray\nc_codecs\nencode\nX\x05\0\0\0\0A\\\xc3\xbfX\x06\0\0\0latin1"
             "\x86R\x85R."),
        CASE("c__builtin__\nbytearray\nX\x05\0\0\0\0A\\\xc3\xbfU\x07latin-1\x86R."),
        CASE("c__builtin__\nbytearray\n(V\\u0000A\\u005c\xff\nS'latin-1'\ntR."),
        CASE("cdill._dill\n_load_type\nX\x09\0\0\0"
             "bytearray\x85R"
             "C\x04\0A\\\xff\x85R."),
#undef CASE
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct pickle_value *value = read_pickle(bytes_of(cases[i].data, cases[i].size));

        assert_int_equal(value->type, PICKLE_BYTES);
        assert_bytes(value->bytes, P("\0A\\\xff"));
    }
    assert_int_equal(read_pickle(P("c__builtin__\nbytes\n)R."))->type, PICKLE_BYTES);
    assert_int_equal(read_pickle(P("c__builtin__\nbytes\n)R."))->bytes.size, 0);
    assert_fails(P("c_codecs\nencode\nX\x03\0\0\0\xe2\x82\xacX\x06\0\0\0latin1\x86R."), ERR_INPUT,
                 "not Latin-1");
    assert_fails(P("c_codecs\nencode\nX\x01\0\0\0\xc3X\x06\0\0\0latin1\x86R."), ERR_INPUT,
                 "not Latin-1");
    assert_fails(P("c_codecs\nencode\nX\x01\0\0\0\x81X\x06\0\0\0latin1\x86R."), ERR_INPUT,
                 "not Latin-1");
}

/*
 * Containers, memo, sharing.
 */

static void containers(void **state)
{
    struct pickle_value *value;

    (void)state;
    value = read_pickle(P("(K\1K\2K\3t."));
    assert_int_equal(value->type, PICKLE_TUPLE);
    assert_int_equal(value->items.count, 3);
    assert_int_equal(value->items.at[2]->integer, 3);
    assert_int_equal(read_pickle(P("K\1K\2\x86."))->items.at[1]->integer, 2);
    assert_int_equal(read_pickle(P(")."))->type, PICKLE_TUPLE);
    value = read_pickle(P("(lp0\nI1\naI2\na."));
    assert_int_equal(value->type, PICKLE_LIST);
    assert_int_equal(value->items.count, 2);
    assert_int_equal(value->items.at[1]->integer, 2);
    assert_int_equal(read_pickle(P("](K\5K\6e."))->items.at[1]->integer, 6);
    value = read_pickle(P("(dp0\nS'a'\nI1\nsS'b'\nI2\ns."));
    assert_int_equal(value->type, PICKLE_DICT);
    assert_int_equal(pickle_get(value, "a")->integer, 1);
    assert_int_equal(pickle_get(value, "b")->integer, 2);
    assert_null(pickle_get(value, "c"));
    assert_int_equal(pickle_get(read_pickle(P("}(U\1xK\7U\1yK\10u.")), "y")->integer, 8);
    assert_int_equal(pickle_get(read_pickle(P("(C\1xK\7d.")), "x")->integer, 7);
    assert_int_equal(read_pickle(P("\x8f(K\1K\2\x90."))->items.count, 2);
    assert_int_equal(read_pickle(P("(K\1\x91."))->type, PICKLE_SET);
    /* the last of two equal keys wins, as in Python */
    assert_int_equal(pickle_get(read_pickle(P("}(U\1xK\1U\1xK\2u.")), "x")->integer, 2);
}

static void the_memo_shares_values(void **state)
{
    struct pickle_value *value;

    (void)state;
    value = read_pickle(P("]q\0(h\0K\1e."));
    assert_ptr_equal(value->items.at[0], value); /* it holds itself, and is read all the same */
    value = read_pickle(P("(]q\5h\5h\5K\1at."));
    assert_int_equal(value->items.count, 3);
    assert_ptr_equal(value->items.at[0], value->items.at[2]);
    assert_int_equal(value->items.at[0]->items.count, 1); /* appended through one of the names */
    value = read_pickle(P("K\1\x94K\2\x94\x86\x94h\1h\0h\2\x87."));
    assert_int_equal(value->items.at[0]->integer, 2);
    assert_int_equal(value->items.at[1]->integer, 1);
    assert_int_equal(value->items.at[2]->items.count, 2);
    assert_int_equal(read_pickle(P("I5\np7\n0g7\n."))->integer, 5);
    assert_int_equal(read_pickle(P("K\5r\3\0\0\0"
                                   "0j\3\0\0\0."))
                         ->integer,
                     5);
    assert_int_equal(read_pickle(P("K\1(K\2K\3"
                                   "1."))
                         ->integer,
                     1);
    assert_int_equal(read_pickle(P("K\1(0."))->integer, 1);
    assert_int_equal(read_pickle(P("K\1"
                                   "2\x86."))
                         ->items.count,
                     2);
}

static void ordered_dicts(void **state)
{
    struct pickle_value *value;

    (void)state;
    value = read_pickle(P("ccollections\nOrderedDict\n)R(U\1aK\1u."));
    assert_int_equal(value->type, PICKLE_DICT);
    assert_int_equal(pickle_get(value, "a")->integer, 1);
    value = read_pickle(P("ccollections\nOrderedDict\n](](U\1aK\1e](U\1bK\2ee\x85R."));
    assert_int_equal(value->type, PICKLE_DICT);
    assert_int_equal(pickle_get(value, "b")->integer, 2);
}

/*
 * Objects are recorded, never made.
 */

static void objects(void **state)
{
    struct pickle_value *value;
    char name[64];

    (void)state;
    value = read_pickle(P("\x80\2cpkg.mod\nThing\n)\x81}(U\1aK\1ub."));
    assert_int_equal(value->type, PICKLE_OBJECT);
    assert_true(pickle_is(value, "pkg.mod", "Thing"));
    assert_false(pickle_is(value, "pkg", "Thing"));
    assert_int_equal(pickle_get(value, "a")->integer, 1);
    assert_string_equal(pickle_class_name(value, name, sizeof(name)), "pkg.mod.Thing");

    value = read_pickle(P("ccopy_reg\n_reconstructor\n(cpkg.mod\nThing\nc__builtin__\nobject\nNtR"
                          "(dS'a'\nI1\nsb."));
    assert_true(pickle_is(value, "pkg.mod", "Thing"));
    assert_int_equal(pickle_get(value, "a")->integer, 1);

    value = read_pickle(P("\x80\4\x8c\3pkg\x8c\5Thing\x93)}(\x8c\1kK\1u\x92."));
    assert_true(pickle_is(value, "pkg", "Thing"));

    /* __slots__: the state is a pair */
    value = read_pickle(P("cpkg\nThing\n)\x81N}U\1aK\7s\x86"
                          "b."));
    assert_int_equal(pickle_get(value, "a")->integer, 7);

    /* subclasses of list and dict */
    value = read_pickle(P("cpkg\nThing\n)\x81(K\1K\2e(U\1aK\3u."));
    assert_int_equal(value->items.count, 2);
    assert_int_equal(value->pairs.count, 2);

    assert_int_equal(read_pickle(P("cos\nsystem\n."))->type, PICKLE_GLOBAL);
    value = read_pickle(P("cposix\nsystem\n(S'touch /tmp/pickled'\ntR."));
    assert_int_equal(value->type, PICKLE_OBJECT);
    assert_true(pickle_is(value, "posix", "system"));
    assert_bytes(value->args->items.at[0]->bytes, P("touch /tmp/pickled"));

    /* what a call returns may be called */
    value = read_pickle(P("cfunctools\npartial\n(cos\nsystem\ntR)R."));
    assert_int_equal(value->type, PICKLE_OBJECT);
    assert_string_equal(pickle_class_name(value, name, sizeof(name)), "object");

    /* a name is foreign text */
    value = read_pickle(P("cpkg\n\x1b[31mred\n."));
    assert_string_equal(pickle_class_name(value, name, sizeof(name)), "pkg.\\x1b[31mred");
}

/*
 * numpy.
 */

#define DTYPE(code, rest) "cnumpy\ndtype\n(U\2" code "I00\nI01\ntR(K\3" rest "tb"
#define NDARRAY                                                                                    \
    "cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\0\x85"                              \
    "C\1btR"

static void arrays_of_numbers(void **state)
{
    struct pickle_value *value;
    int64_t integer;
    double real;

    (void)state;
    value = read_pickle(P(NDARRAY
                          "(K\1K\2K\2\x86" DTYPE("i2", "U\1<NNNJ\xff\xff\xff\xffJ\xff\xff\xff"
                                                       "\xffK\0") "\x89"
                                                                  "C\10\1\0\2\0\3\0\xfe\xfftb."));
    assert_int_equal(value->type, PICKLE_ARRAY);
    assert_int_equal(value->array->dimensions, 2);
    assert_int_equal(value->array->shape[0], 2);
    assert_int_equal(value->array->count, 4);
    assert_false(value->array->fortran);
    assert_true(pickle_element_integer(value->array, 3, &integer));
    assert_int_equal(integer, -2);
    assert_false(pickle_element_integer(value->array, 4, &integer));
    assert_true(pickle_element_number(value->array, 2, &real));
    assert_true(real == 3.0);

    /* big-endian, Fortran order, and data as Python 2 wrote it: a str */
    value =
        read_pickle(P(NDARRAY "(K\1K\1\x85" DTYPE("f4", "U\1>NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff"
                                                        "K\0") "\x88"
                                                               "S'\\x3f\\xc0\\x00\\x00'\ntb."));
    assert_true(value->array->fortran);
    assert_true(pickle_element_number(value->array, 0, &real));
    assert_true(real == 1.5);

    /* protocol 5 */
    value = read_pickle(P("cnumpy._core.numeric\n_frombuffer\n(\x96\4\0\0\0\0\0\0\0\1\0\0\0"
                          "cnumpy\ndtype\n(U\2u4\x89\x88tRK\1\x85U\1FtR."));
    assert_int_equal(value->type, PICKLE_ARRAY);
    assert_true(value->array->fortran);
    assert_true(pickle_element_integer(value->array, 0, &integer));
    assert_int_equal(integer, 1);
}

static void scalars(void **state)
{
    struct pickle_value *value;
    int64_t integer;
    double real;

    (void)state;
    value = read_pickle(P("cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(U\2i8I00\nI01\ntR"
                          "C\10\x2a\0\0\0\0\0\0\0tR."));
    assert_int_equal(value->array->dimensions, 0);
    assert_true(pickle_integer(value, &integer));
    assert_int_equal(integer, 42);
    value = read_pickle(P("cnumpy._core.multiarray\nscalar\n(cnumpy\ndtype\n(U\2f8\x89\x88tR"
                          "C\10\0\0\0\0\0\0\xf8\x3ftR."));
    assert_false(pickle_integer(value, &integer));
    assert_true(pickle_number(value, &real));
    assert_true(real == 1.5);
    assert_true(pickle_number(read_pickle(P("K\7.")), &real));
    assert_true(real == 7.0);
    assert_false(pickle_number(read_pickle(P("U\0017.")), &real));
    assert_fails(P("cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(U\2i8\x89\x88tRC\1*tR."),
                 ERR_INPUT, "comes with 1 bytes");
}

#define RECORD                                                                                     \
    DTYPE("V9", "U\1|N(U\1aU\1bt}(U\1acnumpy\ndtype\n(U\2i8\x89\x88tRK\0\x86U\1bcnumpy\ndtype\n"   \
                "(U\2u1\x89\x88tRK\10\x86uK\11K\1K\20")

static void arrays_of_records(void **state)
{
    const struct pickle_value *value = read_pickle(P(NDARRAY "(K\1K\1\x85" RECORD "\x89"
                                                             "C\11\1\0\0\0\0\0\0\0\2tb."));
    const struct pickle_dtype *dtype = value->array->dtype;

    (void)state;
    assert_int_equal(dtype->kind, 'V');
    assert_int_equal(dtype->item_size, 9);
    assert_int_equal(dtype->field_count, 2);
    assert_bytes(dtype->fields[1].name, P("b"));
    assert_int_equal(dtype->fields[1].offset, 8);
    assert_int_equal(dtype->fields[1].dtype->kind, 'u');
    assert_int_equal(value->array->data.size, 9);
    /* a field that does not lie within the record */
    assert_fails(
        P(DTYPE("V9", "U\1|N(U\1at}U\1acnumpy\ndtype\n(U\2i8\x89\x88tRK\2\x86sK\11K\1K\20") "."),
        ERR_INPUT, "lies outside of its 9 bytes");
}

static void arrays_of_texts_and_objects(void **state)
{
    struct pickle_value *value;
    struct err err = ERR_INIT;
    const char *text;

    (void)state;
    value = read_pickle(P(NDARRAY "(K\1K\2\x85" DTYPE(
        "U2", "U\1<NNNK\10K\4K\10") "\x89"
                                    "C\20a\0\0\0\xac\x20\0\0b\0\0\0\0\0\0\0tb."));
    assert_int_equal(pickle_element_text(value->array, 0, &arena, &text, &err), 0);
    assert_string_equal(text, "a\xe2\x82\xac");
    assert_int_equal(pickle_element_text(value->array, 1, &arena, &text, &err), 0);
    assert_string_equal(text, "b");

    value =
        read_pickle(P(NDARRAY "(K\1K\3\x85" DTYPE("O8", "U\1|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff"
                                                        "K\77") "\x89](U\1xK\5\x88"
                                                                "etb."));
    assert_int_equal(value->array->objects.count, 3);
    assert_int_equal(pickle_element_text(value->array, 0, &arena, &text, &err), 0);
    assert_string_equal(text, "x");
    assert_int_equal(pickle_element_text(value->array, 1, &arena, &text, &err), 0);
    assert_string_equal(text, "5");
    assert_int_equal(pickle_element_text(value->array, 2, &arena, &text, &err), 0);
    assert_string_equal(text, "True");
    assert_int_equal(pickle_element_text(value->array, 3, &arena, &text, &err), -1);
}

static void texts_of_values(void **state)
{
    static const struct {
        const char *data;
        size_t size;
        const char *text;
    } cases[] = {
#define CASE(data, text) {(data), sizeof(data) - 1, (text)}
#define SCALAR(code, data)                                                                         \
    "cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(U\2" code "\x89\x88tR" data "tR."
        CASE("I-3\n.", "-3"),
        CASE("G\x3f\xf8\0\0\0\0\0\0.", "1.5"),
        CASE("\x89.", "False"),
        CASE("U\2ab.", "ab"),
        CASE("U\2\xe9!.", "\xc3\xa9!"), /* a Python 2 str that is not UTF-8 */
        CASE("X\2\0\0\0\xc3\xa9.", "\xc3\xa9"),
        CASE("U\0.", ""),
        CASE(SCALAR("f8", "C\10\x9a\x99\x99\x99\x99\x99\xb9\x3f"), "0.1"),
        CASE(SCALAR("f4", "C\4\xcd\xcc\xcc\x3d"), "0.1"), /* shortest as a float32 */
        CASE(SCALAR("f4", "C\4\0\0\x80\x3f"), "1.0"),
        CASE(SCALAR("b1", "C\1\1"), "True"),
        CASE(SCALAR("i1", "C\1\xff"), "-1"),
        CASE(SCALAR("S3", "C\3ab\0"), "ab"),
#undef CASE
#undef SCALAR
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct pickle_value *value = read_pickle(bytes_of(cases[i].data, cases[i].size));
        struct err err = ERR_INIT;
        const char *text;

        if (pickle_text(value, &arena, &text, &err))
            fail_msg("%s", err.text);
        assert_string_equal(text, cases[i].text);
    }
}

static void values_without_a_text(void **state)
{
    struct err err = ERR_INIT;
    const char *text;

    (void)state;
    assert_int_equal(pickle_text(read_pickle(P("}.")), &arena, &text, &err), -1);
    assert_string_equal(err.text, "a dict is neither a number nor a text");
    err_clear(&err);
    assert_int_equal(pickle_text(read_pickle(P("U\3a\0b.")), &arena, &text, &err), -1);
    assert_non_null(strstr(err.text, "NUL"));
}

/* An array keeps the dtype it was made with: its data was measured with that. */
static void a_dtype_that_changes_later(void **state)
{
    const struct pickle_value *value = read_pickle(P("(" NDARRAY "(K\1K\1\x85"
                                                     "cnumpy\ndtype\n(U\2V1I00\nI01\ntRq\1"
                                                     "\x89"
                                                     "C\1xtbh\1(K\3U\1|NNNM\0\1K\1K\0tbt."));

    (void)state;
    assert_int_equal(value->items.at[0]->array->dtype->item_size, 1);
    assert_int_equal(value->items.at[1]->dtype->item_size, 256);
}

#define WRAPPER(module, more)                                                                      \
    "c" module "\nNumpyArrayWrapper\n)\x81}(U\10subclasscnumpy\nndarray\nU\5shapeK\2\x85U\5order"  \
    "U\1CU\5dtypecnumpy\ndtype\n(U\2i2\x89\x88tRU\12allow_mmap\x88" more "ub"

static void joblib_data_inside_of_the_stream(void **state)
{
    static const struct {
        const char *data;
        size_t size;
    } cases[] = {
#define CASE(text) {(text), sizeof(text) - 1}
        CASE("(" WRAPPER("joblib.numpy_pickle", "") "\7\0\x10\x01K\5t."),
        CASE("(" WRAPPER("sklearn.externals.joblib.numpy_pickle", "") "\7\0\x10\x01K\5t."),
        CASE("(" WRAPPER("joblib.numpy_pickle",
                         "U\33numpy_array_alignment_bytesK\20") "\3\xff\xff\xff\7\0\x10\x01K\5t."),
        CASE("(" WRAPPER("joblib.numpy_pickle",
                         "U\33numpy_array_alignment_bytesN") "\7\0\x10\x01K\5t."),
#undef CASE
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct pickle_value *value = read_pickle(bytes_of(cases[i].data, cases[i].size));
        int64_t integer;

        assert_int_equal(value->items.count, 2);
        assert_int_equal(value->items.at[0]->type, PICKLE_ARRAY);
        assert_true(pickle_element_integer(value->items.at[0]->array, 1, &integer));
        assert_int_equal(integer, 0x110);
        assert_int_equal(value->items.at[1]->integer, 5);
    }
    assert_fails(P(WRAPPER("joblib.numpy_pickle", "") "\7\0\x10"), ERR_INPUT,
                 "an array of 4 bytes, 3 are left");
    assert_fails(P(WRAPPER("joblib.numpy_pickle", "U\33numpy_array_alignment_bytesK\20") "\7\0"),
                 ERR_INPUT, "7 bytes of padding, 1 are left");
}

#define OBJECT_WRAPPER                                                                             \
    "cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}(U\5shapeK\2\x85U\5orderU\1CU\5dtypecnumpy\n"  \
    "dtype\n(U\1O\x89\x88tRu"                                                                      \
    "b"
#define OBJECT_ARRAY                                                                               \
    NDARRAY "(K\1K\2\x85"                                                                          \
            "cnumpy\ndtype\n(U\1O\x89\x88tR\x89](U\1aU\1betb"

static void joblib_pickle_inside_of_the_pickle(void **state)
{
    const struct pickle_value *value;

    (void)state;
    value = read_pickle(P("K\7q\0(" OBJECT_WRAPPER "\x80\2K\1q\0"
                          "0" OBJECT_ARRAY ".h\0t."));
    assert_int_equal(value->items.count, 2);
    assert_int_equal(value->items.at[0]->array->objects.count, 2);
    assert_int_equal(value->items.at[1]->integer, 7); /* the outer memo is back */

    /* the inner pickle sees nothing of the outer stack and memo */
    assert_fails(P("K\7q\0(" OBJECT_WRAPPER "h\0.t."), ERR_INPUT, "memo entry 0 was never put");
    assert_fails(P("K\7" OBJECT_WRAPPER "0N..."), ERR_INPUT, "no value on the stack");
    assert_fails(P("(" OBJECT_WRAPPER "t."), ERR_INPUT, "no MARK on the stack");
    assert_fails(P(OBJECT_WRAPPER "K\1.."), ERR_INPUT, "holds another thing");
    /* a wrapper in it is an object like any other: no third level */
    assert_fails(P(OBJECT_WRAPPER OBJECT_WRAPPER "N.."), ERR_INPUT, "holds another thing");
}

/*
 * What is refused.
 */

static void what_is_never_read(void **state)
{
    (void)state;
    assert_fails(P("Pid\n."), ERR_UNSUPPORTED, "offset 0: PERSID: a persistent id");
    assert_fails(P("K\1Q."), ERR_UNSUPPORTED, "offset 2: BINPERSID: a persistent id");
    assert_fails(P("\x82\1."), ERR_UNSUPPORTED, "an extension code");
    assert_fails(P("\x97."), ERR_UNSUPPORTED, "an out-of-band buffer");
    assert_fails(P("N\x98."), ERR_UNSUPPORTED, "an out-of-band buffer");
    assert_fails(P("(imodule\nName\n."), ERR_UNSUPPORTED, "old-style class");
    assert_fails(P("(cm\nn\no."), ERR_UNSUPPORTED, "old-style class");
    assert_fails(P("\x80\6."), ERR_UNSUPPORTED, "protocol 6 is newer");
}

static void broken_streams(void **state)
{
    (void)state;
    assert_fails(P(""), ERR_INPUT, "offset 0: the pickle ends without STOP");
    assert_fails(P("N"), ERR_INPUT, "offset 1: the pickle ends without STOP");
    assert_fails(P("."), ERR_INPUT, "offset 0: STOP: there is no value on the stack");
    assert_fails(P("N.N"), ERR_INPUT, "offset 2: 1 bytes follow the end of the pickle");
    assert_fails(P("\xff."), ERR_INPUT, "offset 0: 0xff is not a pickle opcode");
    assert_fails(P("X\xff\xff\xff\xffhi."), ERR_INPUT,
                 "offset 0: BINUNICODE: 4294967295 bytes are announced, 3 are left");
    assert_fails(P("\x8e\xff\xff\xff\xff\xff\xff\xff\xff."), ERR_INPUT, "announced, 1 are left");
    assert_fails(P("\x95\xff\0\0\0\0\0\0\0N."), ERR_INPUT, "announced, 2 are left");
    assert_fails(P("J\1\2"), ERR_INPUT, "4 bytes are needed, 2 are left");
    assert_fails(P("Vno end"), ERR_INPUT, "the line does not end");
    assert_fails(P("I1x\n."), ERR_INPUT, "an integer with a byte 0x78");
    assert_fails(P("I\n."), ERR_INPUT, "an integer without digits");
    assert_fails(P("Fone\n."), ERR_INPUT, "'one' is not a number");
    assert_fails(P("Sx\n."), ERR_INPUT, "a text without quotes");
    assert_fails(P("S'x\n."), ERR_INPUT, "a text without quotes");
    assert_fails(P("S'\n."), ERR_INPUT, "a text without quotes");
    assert_fails(P("S'\\xg0'\n."), ERR_INPUT, "a malformed escape");
    assert_fails(P("S'\\'\n."), ERR_INPUT, "a malformed escape");
    assert_fails(P("V\\u12\n."), ERR_INPUT, "a malformed escape");
    assert_fails(P("V\\U00110000\n."), ERR_INPUT, "a malformed escape");
    assert_fails(P("h\0."), ERR_INPUT, "memo entry 0 was never put");
    assert_fails(P("q\0."), ERR_INPUT, "there is no value on the stack");
    assert_fails(P("Ng-1\n."), ERR_INPUT, "a memo index with a byte 0x2d");
    assert_fails(P("t."), ERR_INPUT, "there is no MARK on the stack");
    assert_fails(P("N(\x85."), ERR_INPUT, "there is no value on the stack"); /* not below a mark */
    assert_fails(P("](K\1u."), ERR_INPUT, "a key without a value");
    assert_fails(P("](K\1K\2u."), ERR_INPUT, "list is no dict");
    assert_fails(P("}K\1a."), ERR_INPUT, "dict is no list");
    assert_fails(P(")K\1a."), ERR_INPUT, "tuple is no list"); /* () is shared: never changed */
    assert_fails(P("(K\1d."), ERR_INPUT, "a key without a value");
    assert_fails(P("K\1}b."), ERR_INPUT, "int has no state");
    assert_fails(P("cm\nn\nNR."), ERR_INPUT, "the arguments are not a tuple");
    assert_fails(P("K\1K\2\x93."), ERR_INPUT, "the module and the name are not texts");
}

static void arrays_that_lie(void **state)
{
    (void)state;
    assert_fails(P(NDARRAY "(K\1K\2\x85"
                           "cnumpy\ndtype\n(U\2i8\x89\x88tR\x89"
                           "C\1xtb."),
                 ERR_INPUT, "an array of 2 elements of 8 bytes comes with 1 bytes");
    assert_fails(P(NDARRAY "(K\1I4611686018427387904\nI4611686018427387904\n\x86"
                           "cnumpy\ndtype\n(U\2i8\x89\x88tR\x89"
                           "C\0tb."),
                 ERR_INPUT, "the shape of an array overflows");
    assert_fails(P(NDARRAY "(K\1I2305843009213693952\n\x85"
                           "cnumpy\ndtype\n(U\2i8\x89\x88tR\x89"
                           "C\0tb."),
                 ERR_INPUT, "an array of 2305843009213693952 elements of 8 bytes");
    assert_fails(P(NDARRAY "(K\1I-1\n\x85"
                           "cnumpy\ndtype\n(U\2i8\x89\x88tR\x89"
                           "C\0tb."),
                 ERR_INPUT, "dimension 0 of an array");
    assert_fails(P(NDARRAY "(K\1I1000000000000\n\x85"
                           "cnumpy\ndtype\n(U\2V0\x89\x88tR\x89"
                           "C\0tb."),
                 ERR_INPUT, "elements of 0 bytes");
    assert_fails(P(NDARRAY "(K\1(K\1K\1K\1K\1K\1K\1K\1K\1K\1t"
                           "cnumpy\ndtype\n(U\2i1\x89\x88tR\x89"
                           "C\1xtb."),
                 ERR_UNSUPPORTED, "an array of 9 dimensions");
    assert_fails(P(NDARRAY "(K\1K\2\x85"
                           "cnumpy\ndtype\n(U\1O\x89\x88tR\x89](U\1aetb."),
                 ERR_INPUT, "an array of 2 objects comes with 1");
    assert_fails(P(NDARRAY "(K\1K\1\x85"
                           "cnumpy\ndtype\n(U\1O\x89\x88tR\x89"
                           "C\1xtb."),
                 ERR_INPUT, "in a bytes, not a list");
    assert_fails(P(NDARRAY "Nb."), ERR_INPUT, "not a tuple of 5");
}

/* Each of these would take hours if its work were not bounded by the memory it may take. */
static void work_is_bounded(void **state)
{
    size_t text = 4 * 1000 * 1000, calls = 500 * 1000, n = 0;
    size_t size = text + calls * 10 + 100;
    uint8_t *data = malloc(size);
    uint8_t length[4] = {(uint8_t)text, (uint8_t)(text >> 8), (uint8_t)(text >> 16), 0};
    static const char opening[] = "c_codecs\nencode\nq\0"
                                  "0U\6latin1q\1"
                                  "0X";
    static const char call[] = "h\0h\2h\1\x86R0";
    struct buffer pickle;

    (void)state;
    assert_non_null(data);
    memcpy(data, opening, sizeof(opening) - 1);
    n = sizeof(opening) - 1;
    memcpy(data + n, length, 4);
    memset(data + n + 4, 'x', text);
    n += 4 + text;
    memcpy(data + n,
           "q\2"
           "0",
           3);
    n += 3;
    for (size_t i = 0; i < calls; i++, n += sizeof(call) - 1)
        memcpy(data + n, call, sizeof(call) - 1);
    assert_fails(bytes_of(data, n), ERR_LIMIT, "more than the 16777216 bytes allowed");
    free(data);

    /* joblib's wrapper with a state of many members */
    buffer_init(&pickle, 65536);
    assert_int_equal(buffer_append(&pickle, "cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}(", 43),
                     0);
    for (int i = 0; i < 65; i++)
        assert_int_equal(buffer_append(&pickle, "NN", 2), 0);
    assert_int_equal(buffer_append(&pickle, "ub.", 3), 0);
    assert_fails(bytes_of(pickle.data, pickle.size), ERR_INPUT, "is not a small dict");
    buffer_fini(&pickle);
}

static void bounds(void **state)
{
    size_t n = 1000002;
    uint8_t *many = malloc(n + 8);
    struct pickle_value *value;
    struct err err = ERR_INIT;
    struct arena small;

    (void)state;
    assert_non_null(many);
    arena_fini(&arena);
    arena_init(&arena, (size_t)256 * 1024 * 1024);
    memset(many, 'N', n);
    assert_fails(bytes_of(many, n), ERR_LIMIT, "more than 1000000 values on the stack");
    memset(many, '(', n);
    assert_fails(bytes_of(many, n), ERR_LIMIT, "more than 1000000 marks on the stack");

    /* a memo as large as its indices say would be 16 GB */
    assert_fails(P("Nr\xff\xff\xff\x7f."), ERR_INPUT,
                 "memo index 2147483647 in a pickle of 7 bytes");
    assert_fails(P("Np99999999999999999999\n."), ERR_INPUT, "a memo index of 20 digits");

    /* a thousand lists in lists, without recursion, both ways round */
    memset(many, ']', n / 2);
    memset(many + n / 2, 'a', n / 2 - 1);
    many[n - 1] = '.';
    value = read_pickle(bytes_of(many, n));
    assert_int_equal(value->items.count, 1);

    arena_init(&small, 4096);
    memset(many, ']', 100);
    assert_int_equal(pickle_read(bytes_of(many, 100), &small, &value, &err), -1);
    assert_int_equal(err.kind, ERR_LIMIT);
    assert_non_null(strstr(err.text, "more than the 4096 bytes allowed"));
    arena_fini(&small);

    many[0] = 'L';
    memset(many + 1, '9', 5000);
    memcpy(many + 5001, "L\n.", 3);
    assert_fails(bytes_of(many, 5004), ERR_LIMIT, "more than 4300 digits");
    memcpy(many + 4301, "L\n.", 3);
    assert_int_equal(read_pickle(bytes_of(many, 4304))->type, PICKLE_BIG);
    free(many);
}

static const char everything[] =
    "\x80\4\x95\x10\0\0\0\0\0\0\0(K\1M\1\2J\1\2\3\4I5\nL6L\n\x8a\1\7F1.5\nG\0\0\0\0\0\0\0\0"
    "NS'a\\n'\nV\\u0041\n\x8c\1x\x94"
    "C\1yh\0(K\1l]K\1a}U\1aK\1s\x8f(K\1\x90"
    "cm\nn\n)\x81}b" NDARRAY "(K\1K\1\x85" RECORD "\x89"
    "C\11\1\0\0\0\0\0\0\0\2tb" WRAPPER("joblib.numpy_pickle",
                                       "") "\1\2\3\4" OBJECT_WRAPPER OBJECT_ARRAY ".t.";

static void every_cut_is_an_error(void **state)
{
    struct pickle_value *value = read_pickle(P(everything));
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(value->type, PICKLE_TUPLE);
    for (size_t n = 0; n < sizeof(everything) - 1; n++) {
        assert_int_equal(try_read(bytes_of(everything, n), &value, &err), -1);
        assert_int_equal(err.kind, ERR_INPUT);
        assert_true(bytes_starts(bytes_text(err.text), "offset "));
    }
}

static void every_failed_allocation_is_reported(void **state)
{
    size_t size = 40000;
    uint8_t *many = malloc(size);
    struct pickle_value *value;
    long n = 1;

    (void)state;
    assert_non_null(many);
    memset(many, ']', size - 1);
    many[size - 1] = '.';
    for (;; n++) {
        struct arena a;
        struct err err = ERR_INIT;
        int rc;

        arena_init(&a, (size_t)64 * 1024 * 1024);
        mem_fail_at(n);
        rc = pickle_read(bytes_of(many, size), &a, &value, &err);
        mem_fail_at(0);
        arena_fini(&a);
        if (rc == 0)
            break;
        assert_int_equal(err.kind, ERR_MEMORY);
    }
    assert_true(n > 5);
    free(many);
}

static void pickles_are_told_by_their_beginning(void **state)
{
    (void)state;
    assert_true(pickle_probe(P("\x80\2.")));
    assert_true(pickle_probe(P("\x80\5.")));
    assert_false(pickle_probe(P("\x80\6.")));
    assert_false(pickle_probe(P("\x80")));
    assert_true(pickle_probe(P("ccopy_reg\n_reconstructor\np0\n")));
    assert_false(pickle_probe(P("ccopy_reg\n")));
    assert_false(pickle_probe(P("cxxxxxxx")));
    assert_true(pickle_probe(P("(dp0\nS'a'\n")));
    assert_false(pickle_probe(P("(\0\0\x3f\5\0\0\0"))); /* a base_score */
    assert_false(pickle_probe(P("\0\0\0\x3f\5\0\0\0")));
    assert_false(pickle_probe(P("{\"learner\":{}}\n")));
    assert_false(pickle_probe(P("")));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(integers),
        TEST(integers_beyond_64_bits),
        TEST(constants_and_floats),
        TEST(texts),
        TEST(bytes_of_every_protocol),
        TEST(containers),
        TEST(the_memo_shares_values),
        TEST(ordered_dicts),
        TEST(objects),
        TEST(arrays_of_numbers),
        TEST(scalars),
        TEST(arrays_of_records),
        TEST(arrays_of_texts_and_objects),
        TEST(texts_of_values),
        TEST(values_without_a_text),
        TEST(a_dtype_that_changes_later),
        TEST(joblib_data_inside_of_the_stream),
        TEST(joblib_pickle_inside_of_the_pickle),
        TEST(what_is_never_read),
        TEST(broken_streams),
        TEST(arrays_that_lie),
        TEST(work_is_bounded),
        TEST(bounds),
        TEST(every_cut_is_an_error),
        TEST(every_failed_allocation_is_reported),
        TEST(pickles_are_told_by_their_beginning),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
