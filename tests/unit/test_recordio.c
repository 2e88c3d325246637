#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/formats/decode.h"
#include "server/formats/recordio.h"

#define MAGIC "\x0a\x23\xd7\xce"
#define RAGGED                                                                                     \
    "all the input array dimensions except for the concatenation axis must match exactly, "
#define NO_RECORDS "ValueError No records found in RecordIO-Protobuf data"
#define BAD_PROTO  "google.protobuf.message.DecodeError Truncated message."

static struct decoder decoder;
static struct buffer made; /* the body under construction */

static int setup(void **state)
{
    (void)state;
    decoder_init(&decoder);
    buffer_init(&made, SIZE_MAX);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    decoder_fini(&decoder);
    buffer_fini(&made);
    return 0;
}

/* Bodies are made of hexadecimal; '[' ... ']' is a frame with its head and padding, '(' ... ')' a
 * length in one byte and what it counts. */
static size_t open_places[16];
static size_t open_count;

static void put(const void *bytes, size_t n)
{
    assert_int_equal(buffer_append(&made, bytes, n), 0);
}

static void close_place(char bracket)
{
    size_t at = open_places[--open_count];
    size_t n = made.size - at;

    if (bracket == ')') {
        assert_true(n < 0x80);
        made.data[at - 1] = (char)n;
        return;
    }
    assert_true(n < 0x10000);
    made.data[at - 4] = (char)(n & 0xff);
    made.data[at - 3] = (char)(n >> 8);
    put("\0\0\0", -n & 3);
}

static struct bytes body(const char *text)
{
    buffer_clear(&made);
    open_count = 0;
    for (; *text; text++) {
        unsigned byte;

        if (*text == '[') {
            put(MAGIC "\0\0\0\0", 8);
            open_places[open_count++] = made.size;
        } else if (*text == '(') {
            put("\0", 1);
            open_places[open_count++] = made.size;
        } else if (*text == ']' || *text == ')') {
            close_place(*text);
        } else if (*text != ' ') {
            assert_int_equal(sscanf(text, "%2x", &byte), 1);
            put(&(uint8_t){(uint8_t)byte}, 1);
            text++;
        }
    }
    assert_int_equal(open_count, 0);
    return bytes_of(made.data, made.size);
}

/* A record with the features entry "values" of that tensor. */
#define F32(tensor) "[0a(0a(76616c756573) 12(12(" tensor ")))]"
#define F64(tensor) "[0a(0a(76616c756573) 12(1a(" tensor ")))]"
#define I32(tensor) "[0a(0a(76616c756573) 12(3a(" tensor ")))]"

#define ONE      "0000803f"
#define TWO      "00000040"
#define MISSING  "0000c07f"
#define INFINITE "0000807f"

/* Appends what the decoder hands out: "D 1 2\n" a dense row, "S 0:1 4:2\n" another. */
static int drain(size_t block, struct buffer *text, struct decode_fault *fault)
{
    struct matrix matrix;

    for (;;) {
        if (decoder_next(&decoder, block, &matrix, fault))
            return -1;
        if (!matrix.rows)
            return 0;
        assert_true(matrix.rows <= block);
        assert_int_equal(matrix.columns, decoder.columns);
        for (size_t row = 0; row < matrix.rows; row++) {
            bool dense = matrix.kind == MATRIX_DENSE;
            size_t i = dense ? row * matrix.columns : matrix.row_start[row];
            size_t end = dense ? i + matrix.columns : matrix.row_start[row + 1];

            assert_int_equal(buffer_print(text, dense ? "D" : "S"), 0);
            for (size_t first = i; i < end; i++) {
                assert_true(dense || i == first || matrix.column[i - 1] < matrix.column[i]);
                assert_int_equal(dense ? 0 : buffer_print(text, " %u:", matrix.column[i]), 0);
                assert_int_equal(
                    buffer_print(text, dense ? " %.9g" : "%.9g",
                                 isnan(matrix.values[i]) ? (double)NAN : (double)matrix.values[i]),
                    0);
            }
            assert_int_equal(buffer_append(text, "\n", 1), 0);
        }
    }
}

/* The outcome as one text: "COLUMNS\nROWS" or "EXCEPTION MESSAGE". The caller frees it. */
static char *decode_rules(struct bytes bytes, const struct decode_rules *rules, size_t block)
{
    uint8_t *copy = malloc(bytes.size ? bytes.size : 1);
    struct decode_fault fault;
    struct buffer text;
    int result;

    assert_non_null(copy);
    if (bytes.size)
        memcpy(copy, bytes.data, bytes.size);
    buffer_init(&text, SIZE_MAX);
    decode_fault_init(&fault);
    result = decoder_open(&decoder, FORMAT_RECORDIO, bytes_of(copy, bytes.size), rules, &fault);
    if (!result) {
        assert_int_equal(buffer_print(&text, "%llu\n", (unsigned long long)decoder.columns), 0);
        result = drain(block, &text, &fault);
    }
    if (result) {
        assert_false(fault.out_of_memory);
        buffer_clear(&text);
        assert_int_equal(buffer_print(&text, "%s %.*s", fault.exception, (int)fault.message.size,
                                      fault.message.data),
                         0);
    }
    assert_int_equal(buffer_append(&text, "", 1), 0);
    decode_fault_fini(&fault);
    free(copy);
    return text.data;
}

static void check_bytes(struct bytes bytes, enum decode_recordio_rows rows, const char *expected)
{
    char *text = decode_rules(bytes, &(struct decode_rules){.recordio = rows}, 2);

    assert_string_equal(text, expected);
    free(text);
}

static void check(const char *text, const char *expected)
{
    check_bytes(body(text), RECORDIO_ANY, expected);
}

static void check_stacked(const char *text, const char *expected)
{
    check_bytes(body(text), RECORDIO_STACKED, expected);
}

static void check_schema(const char *text, const char *expected)
{
    check_bytes(body(text), RECORDIO_ONE_SCHEMA, expected);
}

/* Payloads whose bytes are in the container's manual. */
static void test_golden(void **state)
{
    (void)state;
    check("0a23d7ce130000000a110a0676616c75657312073a050a032a060900", "3\nD 42 6 9\n");
    check("0a23d7ce1f0000000a1d0a0676616c756573121312110a08cdcccc3d9a99993e120200021a010500",
          "5\nS 0:0.100000001 2:0.300000012\n");
    check("0a23d7ce240000000a220a0676616c756573121812160a14"
          "cdcccc3dcdcc4c3e9a99993ecdcccc3e0000003f",
          "5\nD 0.100000001 0.200000003 0.300000012 0.400000006 0.5\n");
    check("0a23d7ce200000000a1e0a0676616c7565731214"
          "12120a100000c03f000080410000604100 00b841",
          "4\nD 1.5 16 14 23\n");
    check("0a23d7ce210000000a1f0a0676616c756573121512130a080000803f00008040 1203 1ab601 1a02d00f"
          "000000",
          "2000\nS 26:1 182:4\n");
}

static void test_types(void **state)
{
    (void)state;
    check(F64("0a(000000000000f03f 9a9999999999b93f)"), "2\nD 1 0.100000001\n");
    check(F64("0a(0000000000000080 0100000000000000)"), "2\nD -0 0\n");
    check(I32("0a(00 01 ffffffffffffffffff01 80808080f8ffffffff01)"),
          "4\nD 0 1 -1 -2.14748365e+09\n");
    check(I32("0a(8180 8008)"), "1\nD 16777216\n"); /* 2^24 + 1 is no float */
    check(F32("0a(" MISSING "000000000000 0080)"), "3\nD nan 0 -0\n");
    check(F64("0a(000000000000f03f) 12(02) 1a(04)"), "4\nS 2:1\n");
    check(I32("0a(07) 12(02) 1a(04)"), "4\nS 2:7\n");
}

/* What any writer of protobuf may do. */
static void test_wire(void **state)
{
    (void)state;
    check(F32("0d" ONE "0d" TWO), "2\nD 1 2\n");
    check(F32("0a(" ONE ") 0a() 0d" TWO "0a(" ONE TWO ")"), "4\nD 1 2 1 2\n");
    check(F64("09 000000000000f03f 0a(0000000000000040)"), "2\nD 1 2\n");
    check(I32("08 05 0a(06 07)"), "3\nD 5 6 7\n");
    check(F32("1805 1001 0d" ONE "1003 0d" TWO), "5\nS 1:1 3:2\n");
    check(F32("12(01) 1a(05) 12(03) 0a(" ONE TWO ")"), "5\nS 1:1 3:2\n");
    /* unknown fields, groups among them, and known ones of another type */
    check("[1a(756964) 2801 35 01020304 39 0102030405060708 7a(ff) 0a(0a(76616c756573) 22(05) 12("
          "12(1d 00000000 0a(" ONE ") 0801 3005)))]",
          "1\nD 1\n");
    check("[a306 0801 ab0612(ff)ac06 a406 0a(0a(76616c756573) 12(12(0a(" ONE "))))]", "1\nD 1\n");
    check("[0b0c 0805 0a(0a(76616c756573) 12(12(0b0c 0a(" ONE "))))]", "1\nD 1\n");
    /* the value before the key; the last key; another entry; the last entry */
    check("[0a(12(12(0a(" ONE "))) 0a(76616c756573))]", "1\nD 1\n");
    check("[0a(0a(78) 0a(76616c756573) 12(12(0a(" ONE "))))]", "1\nD 1\n");
    check("[0a(0a(78) 12(12(0a(" TWO TWO ")))) 0a(0a(76616c756573) 12(12(0a(" ONE "))))"
          "0a(12(12(0a(" TWO TWO "))))]",
          "1\nD 1\n");
    check("[0a(0a(76616c756573) 12(12(0a(" TWO TWO ")))) 0a(0a(76616c756573) 12(3a(0a(09))))]",
          "1\nD 9\n");
    /* pieces of one message are joined, members of a oneof replace each other */
    check("[0a(0a(76616c756573) 12(12(0a(" ONE "))) 12(12(0a(" TWO "))))]", "2\nD 1 2\n");
    check("[0a(0a(76616c756573) 12(12(0a(" ONE ")) 12(0a(" TWO ") 1a(07) 12(0103))))]",
          "7\nS 1:1 3:2\n");
    check("[0a(0a(76616c756573) 12(12(0a(" ONE ")) 3a(0a(0809)) 12(0a(" TWO "))))]", "1\nD 2\n");
    check("[0a(0a(76616c756573) 12(12(0a(" ONE "))) 12(3a(0a(0809))))]", "2\nD 8 9\n");
    /* a name is no prefix */
    check("[0a(0a(76616c7565) 12(12(0a(" ONE "))))]", NO_RECORDS);
    check("[0a(0a(76616c75657373) 12(12(0a(" ONE "))))]", NO_RECORDS);
}

/* Records that are no rows. */
static void test_no_rows(void **state)
{
    (void)state;
    check("", NO_RECORDS);
    check("616263", NO_RECORDS);
    check("20 0a 20", NO_RECORDS);
    check("[]", NO_RECORDS);
    check("[] []" F32("0a(" ONE ")") "[] 61", "1\nD 1\n");
    check("[0a(0a(78) 12(12(0a(" ONE "))))]", NO_RECORDS);
    check("[12(0a(76616c756573) 12(12(0a(" ONE "))))]", NO_RECORDS);
    check("[0a(0a(76616c756573))]", NO_RECORDS);
    check("[0a(0a(76616c756573) 12())]", NO_RECORDS);
    check("[0a(0a(76616c756573) 12(4a(0a(78))))]", NO_RECORDS);
    check("[0a(0a(76616c756573) 12(12(0a(" ONE ")) 4a()))]", NO_RECORDS);
    check_schema(F32("0a(" ONE ")") "[]",
                 "ValueError record 2 has no tensor under the key 'values'");
}

static void test_malformed(void **state)
{
    static const char *const bad[] = {
        "[ffffff]",                                       /* half a tag */
        "[00]",                                           /* field 0 */
        "[0a]",                                           /* no length */
        "[0a05 00]",                                      /* a length beyond the end */
        "[0aff ffff ff0f]",                               /* a large one */
        "[0aff ffffffffffffffff01]",                      /* a huge one */
        "[0affffffffffffffffffff01]",                     /* more than 10 bytes */
        "[ffffffff1f01]",                                 /* a tag beyond 32 bits */
        "[31 00]",                                        /* half a fixed64 */
        "[35 0000]",                                      /* half a fixed32 */
        "[30 80]",                                        /* half a varint */
        "[0c]",                                           /* an end without a group */
        "[0b]",                                           /* a group without an end */
        "[0b14]",                                         /* another's end */
        "[36]",                                           /* type 6 */
        "[0a(0a(76616c756573) 12(12(0a(0000 80))))]",     /* 3 bytes of floats */
        "[0a(0a(76616c756573) 12(1a(0a(00000000))))]",    /* half a double */
        "[0a(0a(76616c756573) 12(3a(0a(0180))))]",        /* half an int */
        "[0a(0a(76616c756573) 12(12(12(80))))]",          /* half a key */
        "[0a(0a(76616c756573) 12(12(1a(80))))]",          /* half a dimension */
        "[0a(0a(76616c756573) 12(4a(0a05)))]",            /* half a bytes */
        "[0a(0a(78) 12(12(0a(00))))]",                    /* in an entry that is not used */
        "[12(0a(78) 12(12(0a(00))))]",                    /* in a label */
        "[0a(0a(76616c756573) 12(12(0a(00))) 12(12()))]", /* in a piece */
        "[0a(12(12(0a(" ONE "))) 0a(76616c756573) 0c)]",  /* at the end of an entry */
        "[0a(0a(76616c756573) 12(12(0a(" ONE "))))"
        "1a05 75]", /* behind the row */
    };
    char text[1024];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        check(bad[i], BAD_PROTO);
        snprintf(text, sizeof(text), "%s %s", F32("0a(" ONE ")"), bad[i]);
        check(text, BAD_PROTO);
        check_stacked(text, BAD_PROTO);
        check_schema(text, BAD_PROTO);
    }
}

/* 100 groups in one another are read, 101 are not. */
static void test_nested_groups(void **state)
{
    char text[1024] = "[";

    (void)state;
    for (int depth = 100; depth <= 101; depth++) {
        text[1] = '\0';
        for (int i = 0; i < depth; i++)
            strcat(text, "33");
        for (int i = 0; i < depth; i++)
            strcat(text, "34");
        strcat(text, "0a(0a(76616c756573) 12(12(0a(" ONE "))))]");
        check(text, depth == 100 ? "1\nD 1\n" : BAD_PROTO);
    }
}

static void test_framing(void **state)
{
    (void)state;
    check("6761726261676521 6761726261676521", "ValueError Invalid RecordIO magic at offset 0");
    check(F32("0a(" ONE ")") "0b23d7ce 00000000", "ValueError Invalid RecordIO magic at offset 28");
    check("0a23d7ce 24000000 0a", "ValueError Truncated record at offset 8");
    check("0a23d7ce 01000000", "ValueError Truncated record at offset 8");
    check(F32("0a(" ONE ")") "0a23d7ce ffffff1f 00", "ValueError Truncated record at offset 36");
    check(F32("0a(" ONE ")") "0a23d7ce ffffffff 00", "ValueError Truncated record at offset 36");
    /* what is left over is ignored, but by ml-io */
    check(F32("0a(" ONE ")") "0a23d7ce 000000", "1\nD 1\n");
    check_stacked(F32("0a(" ONE ")") "616263", "1\nD 1\n");
    check_schema(F32("0a(" ONE ")") "616263", "ValueError 3 bytes at offset 28 are no record");
    /* padding that is missing at the end, padding that is not zero */
    check("0a23d7ce 17000000 0a150a0676616c756573120b3a09 0a0101 120100 1a010a", "10\nS 0:1\n");
    check("0a23d7ce 13000000 0a110a0676616c75657312073a050a032a0609 ff" I32("0a(010203)"),
          "3\nD 42 6 9\nD 1 2 3\n");
}

/* A body cut anywhere: nothing but what its length says. */
static void test_every_cut(void **state)
{
    char expected[100];
    struct bytes whole;
    uint8_t copy[100];
    size_t second;

    (void)state;
    body(F32("0a(" ONE ")"));
    second = made.size;
    whole = body(F32("0a(" ONE ")") I32("0a(07)"));
    assert_true(whole.size < sizeof(copy));
    memcpy(copy, whole.data, whole.size);
    for (size_t n = 0; n <= whole.size; n++) {
        size_t start = n < second ? 0 : second;
        size_t payload = start + copy[start + 4];

        if (n == 0 || n < 8)
            snprintf(expected, sizeof(expected), NO_RECORDS);
        else if (n - start >= 8 && n < payload + 8)
            snprintf(expected, sizeof(expected), "ValueError Truncated record at offset %zu",
                     start + 8);
        else
            snprintf(expected, sizeof(expected), "1\nD 1\n%s",
                     n >= payload + 8 && start ? "D 7\n" : "");
        check_bytes(bytes_of(copy, n), RECORDIO_ANY, expected);
        check_bytes(bytes_of(copy, n), RECORDIO_STACKED, expected);
    }
}

/* A message cut anywhere is malformed or one of fewer fields, and never read beyond its end. */
static void test_every_message_cut(void **state)
{
    uint8_t message[200] = MAGIC;
    struct bytes whole =
        body("[1a(756964) 0a(0a(76616c756573) 12(12(0a(" ONE TWO ") 12(0305) 1a(09)"
             "))) 12(0a(76616c756573) 12(1a(0a(000000000000f03f)))) a306 0801 a406]");
    size_t size = whole.data[4];
    size_t read = 0;

    (void)state;
    for (size_t n = 0; n <= size; n++) {
        char *text;

        memcpy(message + 8, whole.data + 8, n);
        message[4] = (uint8_t)n;
        text = decode_rules(bytes_of(message, 8 + n), &(struct decode_rules){0}, 1);
        if (n == size || strcmp(text, "9\nS 3:1 5:2\n") == 0) {
            assert_string_equal(text, "9\nS 3:1 5:2\n");
            read++;
        } else if (n == 0 || n == 5) {
            assert_string_equal(text, NO_RECORDS);
        } else {
            assert_string_equal(text, BAD_PROTO);
        }
        free(text);
    }
    assert_int_equal(read, 3); /* after the features, after the label, whole */
}

static void test_sparse(void **state)
{
    (void)state;
    check(F32("0a(" ONE TWO ") 12(0002)"), "3\nS 0:1 2:2\n");
    check(F32("0a() 12() 1a(05)"), "5\nS\n");
    check(F32("1a(05)"), "5\nS\n");
    check(F32("1a(00)"), "0\nS\n");
    check(F32(""), "0\nD\n");
    /* any order; of a column's values the last that is not missing; beyond the width: none */
    check(F32("0a(" ONE TWO ONE ") 12(040100) 1a(05)"), "5\nS 0:1 1:2 4:1\n");
    check(F32("0a(" ONE TWO ") 12(0303) 1a(05)"), "5\nS 3:2\n");
    check(F32("0a(" ONE MISSING ") 12(0303) 1a(05)"), "5\nS 3:1\n");
    check(F32("0a(" MISSING MISSING ") 12(0303) 1a(05)"), "5\nS 3:nan\n");
    check(F32("0a(" TWO ONE TWO MISSING ") 12(03010303) 1a(05)"), "5\nS 1:1 3:2\n");
    check(F32("0a(" ONE TWO ") 12(0507) 1a(06)"), "6\nS 5:1\n");
    check(F32("0a(" ONE TWO ") 12(0705) 1a(05)"), "5\nS\n");
    /* keys as large as they get */
    check(F32("0a(" ONE TWO ") 12(ffffffffffffffffff01 02)"), "18446744073709551615\nS 2:2\n");
    check(F32("0a(" ONE TWO ") 12(feffffffffffffffff01 02)"), "18446744073709551615\nS 2:2\n");
    check(F32("0a(" ONE TWO ") 12(ffffffff0f 8080808010)"), "4294967297\nS 4294967295:1\n");
    /* widths: the largest counts, a dense row has one too */
    check(F32("0a(" ONE ") 12(02)") F32("1a(09)") F32("0a(" ONE TWO ") 1a(07)"),
          "9\nS 2:1\nS\nS 0:1 1:2\n");
    check(F32("0a(" ONE TWO ONE ")") F32("0a(" MISSING ") 12(00)"), "3\nS 0:1 1:2 2:1\nS 0:nan\n");
    /* a number for each key */
    check(F32("0a(" ONE ") 12(00)") F32("0a(" ONE TWO ") 12(01)"),
          "ValueError record 2 has 1 keys and 2 values");
    check(F32("12(00) 1a(05)"), "ValueError record 1 has 1 keys and 0 values");
}

/* Many entries in the worst orders come out sorted, the last of each column. */
static void test_large_unordered(void **state)
{
    enum { COUNT = 30000 };
    static uint8_t bytes[8 + COUNT * 7 + 64];
    struct decode_fault fault;
    struct matrix matrix;

    (void)state;
    decode_fault_init(&fault);
    for (int order = 0; order < 3; order++) {
        uint8_t head[] = MAGIC "....\x0a....\x0a\x06values\x12....\x12....\x0a....";
        uint8_t *p = bytes + sizeof(head) - 1;
        size_t at[] = {9, 22, 27, 32};
        uint8_t *keys;

        for (size_t i = 0; i < COUNT; i++, p += 4) {
            float value = (float)i;

            memcpy(p, &value, 4);
        }
        *p++ = 0x12;
        keys = p + 4;
        p = keys;
        for (unsigned i = 0; i < COUNT; i++) {
            unsigned key = order == 0   ? COUNT - 1 - i
                           : order == 1 ? i * 7919 % COUNT
                                        : i / 2 % 5000;

            *p++ = (uint8_t)(0x80 | (key & 0x7f));
            *p++ = (uint8_t)(0x80 | (key >> 7 & 0x7f));
            *p++ = (uint8_t)(key >> 14);
        }
        memcpy(bytes, head, sizeof(head) - 1);
        for (size_t i = 0; i <= 4; i++) {
            uint8_t *length = i < 4 ? bytes + at[i] : keys - 4;
            size_t n = i < 3 ? (size_t)(p - length - 4) : i < 4 ? COUNT * 4 : (size_t)(p - keys);

            for (int b = 0; b < 4; b++)
                length[b] = (uint8_t)((b < 3 ? 0x80 : 0) | (n >> 7 * b & 0x7f));
        }
        for (size_t n = (size_t)(p - bytes) - 8, b = 0; b < 4; b++)
            bytes[4 + b] = (uint8_t)(n >> 8 * b);
        assert_int_equal(decoder_open(&decoder, FORMAT_RECORDIO,
                                      bytes_of(bytes, (size_t)(p - bytes)),
                                      &(struct decode_rules){0}, &fault),
                         0);
        assert_int_equal(decoder.columns, order == 2 ? 5000 : COUNT);
        assert_int_equal(decoder_next(&decoder, 1, &matrix, &fault), 0);
        assert_int_equal(matrix.row_start[1], decoder.columns);
        for (unsigned i = 0; i < matrix.row_start[1]; i++) {
            unsigned from = (unsigned)matrix.values[i];

            assert_int_equal(matrix.column[i], i);
            assert_int_equal(order == 0   ? COUNT - 1 - from
                             : order == 1 ? from * 7919 % COUNT
                                          : from / 2 % 5000,
                             i);
            assert_true(order < 2 || from >= COUNT - 10000);
            assert_true(order < 2 || from % 2 == 1);
        }
    }
    decode_fault_fini(&fault);
}

static void test_dense(void **state)
{
    (void)state;
    check(F32("0a(" ONE TWO ") 1a(05)"), "2\nD 1 2\n");
    check(F32("0a(" ONE ")") I32("0a(02)") F64("0a(0000000000000840)"), "1\nD 1\nD 2\nD 3\n");
    check(F32("0a(" ONE TWO ")") F32("0a(" ONE TWO ")") F32("0a(" ONE ")") F32(""),
          "ValueError " RAGGED
          "but along dimension 1, the array at index 0 has size 2 and the array "
          "at index 2 has size 1");
    /* beside sparse rows dense ones are of one width too */
    check(F32("1a(05)") F32("0a(" ONE TWO ")") F32("0a(" ONE ")"),
          "ValueError " RAGGED
          "but along dimension 1, the array at index 1 has size 2 and the array "
          "at index 2 has size 1");
}

static void test_flat_shape(void **state)
{
    struct decode_rules rules = {.recordio_builtin = true};
    char *text = decode_rules(body(F32("0a(" ONE ") 12(05) 1a(0203)")), &rules, 1);

    (void)state;
    assert_string_equal(text, "6\nS 5:1\n");
    free(text);
    text = decode_rules(body(F32("0a(" ONE ") 12(05) 1a(8080808080808080 4003)")), &rules, 1);
    assert_string_equal(text, "13835058055282163712\nS 5:1\n");
    free(text);
    text = decode_rules(body(F32("0a(" ONE ") 12(05) 1a(8080808080808080 4008)")), &rules, 1);
    assert_string_equal(text, "18446744073709551615\nS 5:1\n");
    free(text);
    check(F32("0a(" ONE ") 12(01) 1a(0203)"), "2\nS 1:1\n");
    text = decode_rules(body(F32("0a(" ONE TWO ONE ") 12(020001) 1a(03)")
                                 F32("0a(" ONE TWO ONE ") 12(020002) 1a(03)")),
                        &rules, 1);
    assert_string_equal(text, "3\nS 0:2 1:1 2:1\nS 0:2 2:2\n");
    free(text);
    text = decode_rules(body(F32("0a(" ONE ") 12(03) 1a(03)")), &rules, 1);
    assert_string_equal(text, "ValueError key 3 in a record of 3 columns");
    free(text);
    text = decode_rules(body(F32("0a(" ONE ")") ""), &rules, 1);
    assert_string_equal(text, "1\nD 1\n");
    free(text);
}

/* As Linear Learner reads them (linear-learner 4.5). */
static void test_one_width(void **state)
{
    static const struct {
        const char *records;
        const char *expected;
    } cases[] = {
        {F32("0a(" ONE TWO ")") F32("0a(" TWO ONE ")"), "2\nD 1 2\nD 2 1\n"},
        {F32("0a(" ONE TWO ") 1a(02)") F64("0a(000000000000f03f) 12(01) 1a(02)"),
         "2\nS 0:1 1:2\nS 1:1\n"},
        {F32("0a(" ONE ") 12(05) 1a(0203)") I32("1a(06)") F32("1a(0302)"), "6\nS 5:1\nS\nS\n"},
        {F32("1a(02)"), "2\nS\n"},
        {F32("0a(" ONE ") 12(02)"), "ValueError record 1 is sparse and has no shape"},
        {F32("0a(" ONE TWO ") 1a(03)"), "ValueError record 1 has 2 values and a shape of 3"},
        {F32("0a(" ONE TWO ")") F32("0a(" ONE ")"),
         "ValueError record 2 has 1 columns, those before have 2"},
        {F32("0a(" ONE TWO ")") F32("0a(" ONE ") 12(00) 1a(03)"),
         "ValueError record 2 has 3 columns, those before have 2"},
        {F32("0a(" ONE ")") "[1a(756964)]",
         "ValueError record 2 has no tensor under the key 'values'"},
    };
    struct decode_rules rules = {.recordio = RECORDIO_ONE_WIDTH, .recordio_builtin = true};

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char *text = decode_rules(body(cases[i].records), &rules, 2);

        assert_string_equal(text, cases[i].expected);
        free(text);
    }
}

/* The image 3.2-0 to the letter. */
static void test_stacked(void **state)
{
    (void)state;
    check_stacked(F32("0a() 12() 1a(05)"), "0\nD\n");
    check_stacked(F32("0a(" ONE ") 12(02)"), "3\nS 2:1\n");
    check_stacked(F32("1a(03)") F32("1a(03)") F32("0a(" ONE ") 12(00) 1a(03)"), "3\nS\nS\nS 0:1\n");
    check_stacked(F32("0a(" ONE ") 12(02) 1a(05)") F32("0a() 12() 1a(05)"),
                  "ValueError blocks[:,0] has incompatible column dimensions. Got "
                  "blocks[1,0].shape[1] == 0, expected 5.");
    check_stacked(F32("1a(03)") F32("0a(" ONE ") 12(01) 1a(03)") F32("1a(03)"),
                  "ValueError blocks[:,0] has incompatible column dimensions. Got "
                  "blocks[2,0].shape[1] == 0, expected 3.");
    check_stacked(F32("0a(" ONE TWO ")") F32("0a(" ONE ") 12(01) 1a(02)"), "2\nS 0:1 1:2\nS 1:1\n");
    check_stacked(F32("0a(" ONE TWO ")") F32("0a(" ONE ") 12(01) 1a(03)"),
                  "ValueError blocks[:,0] has incompatible column dimensions. Got "
                  "blocks[1,0].shape[1] == 3, expected 2.");
    check_stacked(F32("0a(" ONE TWO ")") F32("0a(" ONE ")") F32(""),
                  "ValueError " RAGGED "but along dimension 1, the array at index 0 has size 2 and "
                  "the array at index 1 has size 1");
    check_stacked(F32("1a(02)") F32("0a(" ONE ")"),
                  "ValueError " RAGGED "but along dimension 1, the array at index 0 has size 0 and "
                  "the array at index 1 has size 1");
    /* malformed comes before ragged */
    check_stacked(F32("0a(" ONE TWO ")") F32("0a(" ONE ")") "[ff]", BAD_PROTO);
}

#define LABELLED(label)                                                                            \
    "[0a(0a(76616c756573) 12(12(0a(" ONE ")))) 12(0a(76616c756573) 12(" label "))]"
#define CHECK_LABEL "xgboost.core.XGBoostError [00:00:00] /workspace/src/data/data.cc:"

static void test_labels(void **state)
{
    static const struct {
        const char *text;
        const char *stacked; /* NULL: the rows as otherwise */
    } cases[] = {
        {LABELLED("12(0a(" TWO "))"), NULL},
        {LABELLED("12(0a())"), NULL},
        {LABELLED("12(0a(" MISSING "))"), "461: Check failed: valid: Label contains NaN, infinity "
                                          "or a value too large.\nStack trace:\n"},
        {LABELLED("12(0d" INFINITE ")"),
         "461: Check failed: valid: Label contains NaN, infinity or "
         "a value too large.\nStack trace:\n"},
        {LABELLED("1a(0a(000000000000f07f))"), "461: Check failed: valid: Label contains NaN, "
                                               "infinity or a value too large.\nStack trace:\n"},
        {F32("0a(" ONE ")") LABELLED("12(0a(" ONE "))"),
         "455: Check failed: this->labels.Size() % this->num_row_ == 0 (1 vs. 0) : Incorrect size "
         "for labels.\nStack trace:\n"},
        {LABELLED("12(0a(" MISSING "))") LABELLED("3a(0a(05))") F32("0a(" ONE ")"),
         "455: Check failed: this->labels.Size() % this->num_row_ == 0 (2 vs. 0) : Incorrect size "
         "for labels.\nStack trace:\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *plain = decode_rules(body(cases[i].text), &(struct decode_rules){0}, 1);
        char expected[300];

        assert_memory_equal(plain, "1\nD 1\n", 6);
        snprintf(expected, sizeof(expected), "%s%s", cases[i].stacked ? CHECK_LABEL : "",
                 cases[i].stacked ? cases[i].stacked : plain);
        check_stacked(cases[i].text, expected);
        check_schema(cases[i].text, plain);
        free(plain);
    }
}

/* The images up to 3.0-5 to the letter. */
static void test_one_schema(void **state)
{
    (void)state;
    check_schema(F32("0a(" ONE TWO ") 1a(02)") F32("0a(" ONE ONE ")"), "2\nD 1 2\nD 1 1\n");
    check_schema(F32("0a(" ONE TWO ") 1a(03)"),
                 "ValueError record 1 has 2 values and a shape of 3");
    check_schema(F32("0a(" ONE ") 12(02)"), "ValueError record 1 is sparse and has no shape");
    check_schema(F32("0a(" ONE ") 12(02) 1a(03)") F32("1a(03)"), "3\nS 2:1\nS\n");
    check_schema(F32("1a(03)") F32("0a(" ONE ") 12(02) 1a(03)"), "3\nS\nS 2:1\n");
    check_schema(F32("0a(" ONE ")") I32("0a(01)"),
                 "ValueError record 2 is dense int32 of 1 columns, the first one is dense float32 "
                 "of 1");
    check_schema(
        F32("0a(" ONE ")") F32("0a(" ONE TWO ")"),
        "ValueError record 2 is dense float32 of 2 columns, the first one is dense float32 "
        "of 1");
    check_schema(F64("1a(03)") F64("1a(04)"),
                 "ValueError record 2 is sparse float64 of 4 columns, the first one is sparse "
                 "float64 of 3");
    check_schema(
        F32("0a(" ONE ")") F32("1a(01)"),
        "ValueError record 2 is sparse float32 of 1 columns, the first one is dense float32 "
        "of 1");
}

static void check_infinite(const char *text, uint64_t row, uint64_t column)
{
    struct decode_fault fault;
    struct buffer rows;

    decode_fault_init(&fault);
    buffer_init(&rows, SIZE_MAX);
    assert_int_equal(
        decoder_open(&decoder, FORMAT_RECORDIO, body(text), &(struct decode_rules){0}, &fault), 0);
    assert_int_equal(drain(2, &rows, &fault), -1);
    assert_string_equal(fault.exception, "xgboost.core.XGBoostError");
    assert_true(bytes_contains(bytes_of(fault.message.data, fault.message.size),
                               "Input data contains `inf` or `nan`"));
    assert_int_equal(fault.row, row);
    assert_int_equal(fault.column, column);
    decode_fault_fini(&fault);
    buffer_fini(&rows);
}

static void test_infinite(void **state)
{
    (void)state;
    check_infinite(F32("0a(" ONE INFINITE ")"), 1, 2);
    check_infinite("[]" F32("0a(" ONE ")") F32("0a(" ONE ")") F32("0a(000080ff)"), 3, 1);
    check_infinite(F64("0a(000000000000f07f)"), 1, 1);
    check_infinite(F64("0a(000000000000f07e)"), 1, 1); /* too large for a float */
    check_infinite(F32("0a(" ONE INFINITE ") 12(0703) 1a(09)"), 1, 4);
    check_infinite(F32("1a(09)") F32("0a(" INFINITE ONE ")"), 2, 1);
    check(F32("0a(ffff7f7f ffff7fff)"), "2\nD 3.40282347e+38 -3.40282347e+38\n");
    check(F64("0a(000000e0ffffef47)"), "1\nD 3.40282347e+38\n");
    check(F32("0a(" ONE INFINITE ") 12(0309) 1a(09)"), "9\nS 3:1\n");
}

/* MXNet's frames: a record that has the magic in it comes in parts, without it. */
static void test_parts(void **state)
{
    (void)state;
    check("0a23d7ce 14000020 0a1c 0a0676616c756573 1212 1210 0a0c 0000803f"
          "0a23d7ce 04000060 00000040",
          BAD_PROTO);
    check("0a23d7ce 14000020 0a1a 0a0676616c756573 1210 120e 0a0c 0000803f"
          "0a23d7ce 04000060 00000040" F32("0a(" ONE ONE ONE ")"),
          "3\nD 1 -1.80469888e+09 2\nD 1 1 1\n");
    check("0a23d7ce 14000020 0a22 0a0676616c756573 1218 1216 0a14 0000803f"
          "0a23d7ce 04000040 00000040"
          "0a23d7ce 04000060 0000803f",
          "5\nD 1 -1.80469888e+09 2 -1.80469888e+09 1\n");
    /* to 3.2-0 all of it is length */
    check_stacked("0a23d7ce 14000020 0a1a 0a0676616c756573 1210 120e 0a0c 0000803f"
                  "0a23d7ce 04000060 00000040",
                  "ValueError Truncated record at offset 8");
    /* parts that do not follow each other */
    check("0a23d7ce 04000020 00000000", "ValueError Truncated record at offset 12");
    check("0a23d7ce 04000060 00000000", "ValueError Truncated record at offset 8");
    check("0a23d7ce 04000040 00000000", "ValueError Truncated record at offset 8");
    check("0a23d7ce 04000020 00000000 0a23d7ce 04000020 00000000",
          "ValueError Truncated record at offset 20");
    check("0a23d7ce 04000020 00000000 0a23d7ce 00000000",
          "ValueError Truncated record at offset 20");
    check("0a23d7ce 04000020 00000000 0b23d7ce 00000000",
          "ValueError Invalid RecordIO magic at offset 12");
}

#define MIXED                                                                                      \
    F32("0a(" ONE TWO ")")                                                                         \
    "[]" F32("0a(" ONE TWO ONE ") 12(080304) 1a(09)") F32("1a(04)")                                \
        I32("0a(0708)") "[12(0a(76616c756573) 12(12(0a(" ONE                                       \
                        "))))]" F64("12(02) 0a(000000000000f03f)")

#define MIXED_ROWS "S 0:1 1:2\nS 3:2 4:1 8:1\nS\nS 0:7 1:8\nS 2:1\n"

static void test_block_sizes(void **state)
{
    struct bytes bytes = body(MIXED);

    (void)state;
    for (size_t block = 1; block < 8; block++) {
        char *text = decode_rules(bytes, &(struct decode_rules){0}, block);

        assert_string_equal(text, "9\n" MIXED_ROWS);
        assert_int_equal(decoder.rows, 5);
        assert_int_equal(decoder.rows_done, 5);
        free(text);
    }
}

/* A file that is read in pieces gives the rows that it gives whole. */
static void test_pieces(void **state)
{
    struct decode_rules rules = {.more_follows = true};
    struct bytes bytes = body(F32("1a(04)") MIXED);
    struct decode_fault fault;
    struct buffer text;

    (void)state;
    decode_fault_init(&fault);
    buffer_init(&text, SIZE_MAX);
    for (size_t n = 1; n <= bytes.size; n++) {
        size_t first = recordio_whole(bytes_of(bytes.data, n));

        buffer_clear(&text);
        assert_true(first <= n);
        assert_int_equal(
            decoder_open(&decoder, FORMAT_RECORDIO, bytes_of(bytes.data, first), &rules, &fault),
            0);
        assert_int_equal(drain(2, &text, &fault), 0);
        assert_int_equal(
            decoder_continue(&decoder, bytes_of(bytes.data + first, bytes.size - first), &fault),
            0);
        assert_int_equal(drain(3, &text, &fault), 0);
        if (first >= 20) {
            assert_int_equal(buffer_append(&text, "", 1), 0);
            assert_string_equal(text.data, "S\n" MIXED_ROWS);
        }
        assert_int_equal(decoder.columns, 9);
        assert_int_equal(decoder.rows, 6);
    }
    buffer_fini(&text);
    decode_fault_fini(&fault);
}

/* Widths and offsets count on from piece to piece. */
static void test_pieces_faults(void **state)
{
    struct decode_rules rules = {.more_follows = true};
    struct decode_fault fault;
    struct buffer text;
    struct bytes bytes = body(F32("0a(" ONE TWO ")") F32("0a(" ONE ")") "6162636465666768");
    size_t first = recordio_whole(bytes);

    (void)state;
    decode_fault_init(&fault);
    buffer_init(&text, SIZE_MAX);
    assert_int_equal(first, bytes.size - 8);
    first = recordio_whole(bytes_of(bytes.data, first - 1));
    assert_int_equal(
        decoder_open(&decoder, FORMAT_RECORDIO, bytes_of(bytes.data, first), &rules, &fault), 0);
    assert_int_equal(drain(2, &text, &fault), 0);
    assert_int_equal(
        decoder_continue(&decoder, bytes_of(bytes.data + first, bytes.size - first - 8), &fault),
        -1);
    assert_int_equal(fault.row, 2);
    assert_true(
        bytes_contains(bytes_of(fault.message.data, fault.message.size), "index 1 has size 1"));
    assert_int_equal(
        decoder_open(&decoder, FORMAT_RECORDIO, bytes_of(bytes.data, first), &rules, &fault), 0);
    assert_int_equal(decoder_continue(&decoder, bytes_of(bytes.data + bytes.size - 8, 8), &fault),
                     -1);
    assert_int_equal(buffer_append(&fault.message, "", 1), 0);
    assert_string_equal(fault.message.data, "Invalid RecordIO magic at offset 32");
    /* the first piece may be without a row */
    assert_int_equal(decoder_open(&decoder, FORMAT_RECORDIO, body("[]"), &rules, &fault), 0);
    buffer_fini(&text);
    decode_fault_fini(&fault);
}

static void test_whole(void **state)
{
    static const struct {
        const char *text;
        size_t expected;
    } cases[] = {
        {"", 0},
        {"61", 0},
        {"6162636465666768", 8}, /* for the decoder to refuse */
        {"[]", 8},
        {"[] 0a23d7", 8},
        {"[] 6162636465666768", 8},
        {"[00] [0000]", 24},
        {"[00] 0a23d7ce 02000000 00", 12},
        {"[00] 0a23d7ce 02000000 0000", 12}, /* padding is to come */
        {"[00] 0a23d7ce 02000000 000000", 12},
        {"[] 0a23d7ce 04000020 00000000", 8}, /* other parts are to come */
        {"[] 0a23d7ce 04000020 00000000 0a23d7ce 04000040 00000000", 8},
        {"[] 0a23d7ce 04000020 00000000 0a23d7ce 04000060 00000000 0a", 32},
        {"[] 0a23d7ce 04000060 00000000", 8},
        {"0a23d7ce 04000060 00000000 00", 13},
        {"0a23d7ce 04000020 00000000 0a23d7ce 00000000", 20},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(recordio_whole(body(cases[i].text)), cases[i].expected);
}

/* Each allocation fails once: the request is refused for memory, and the next one is answered. */
static void test_memory(void **state)
{
    static const char *const texts[] = {
        MIXED,
        "0a23d7ce 14000020 0a1a 0a0676616c756573 1210 120e 0a0c 0000803f"
        "0a23d7ce 04000060 00000040",
        F32("0a(" ONE ")") "[ff]",
    };
    bool done;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct bytes bytes = body(texts[i]);

        done = false;
        for (long n = 1; !done; n++) {
            struct decode_fault fault;
            struct matrix matrix = {.rows = 0};
            int result;

            assert_true(n < 100);
            decode_fault_init(&fault);
            decoder_fini(&decoder);
            decoder_init(&decoder);
            mem_fail_at(n);
            result =
                decoder_open(&decoder, FORMAT_RECORDIO, bytes, &(struct decode_rules){0}, &fault);
            do {
                result = result ? result : decoder_next(&decoder, 2, &matrix, &fault);
            } while (!result && matrix.rows);
            mem_fail_at(0);
            done = !(result && fault.out_of_memory);
            if (done)
                assert_int_equal(result, i == 2 ? -1 : 0);
            decode_fault_fini(&fault);
        }
    }
}

static void check_written(struct buffer *text, const char *expected)
{
    struct bytes bytes = body(expected);

    assert_int_equal(text->size, bytes.size);
    assert_memory_equal(text->data, bytes.data, bytes.size);
    buffer_clear(text);
}

static void write_label(struct buffer *text, const char *name, const float *values, size_t n)
{
    struct err err = ERR_INIT;

    assert_int_equal(recordio_label(text, bytes_text(name), values, n, &err), 0);
}

/* Answers whose bytes are in the manuals. */
static void test_write(void **state)
{
    float zero = 0, probability = 0.05105557292699814f, score = 0.4f, two = 2;
    float scores[] = {0.1f, 0.2f, 0.4f, 0.3f};
    struct err err = ERR_INIT;
    struct buffer text;
    size_t record;

    (void)state;
    buffer_init(&text, SIZE_MAX);
    assert_int_equal(recordio_begin(&text, &record, &err), 0);
    write_label(&text, "predicted_label", &zero, 1);
    write_label(&text, "probability", &probability, 1);
    assert_int_equal(recordio_end(&text, record, &err), 0);
    check_written(&text,
                  "0a23d7ce36000000121b0a0f7072656469637465645f6c6162656c120812060a0400000000"
                  "12170a0b70726f626162696c697479120812060a04a61f513d0000");

    assert_int_equal(recordio_begin(&text, &record, &err), 0);
    write_label(&text, "score", &score, 1);
    assert_int_equal(recordio_end(&text, record, &err), 0);
    check_written(&text, "0a23d7ce1300000012110a0573636f7265120812060a04cdcccc3e00");

    assert_int_equal(recordio_begin(&text, &record, &err), 0);
    write_label(&text, "score", scores, 4);
    write_label(&text, "predicted_label", &two, 1);
    assert_int_equal(recordio_end(&text, record, &err), 0);
    check_written(&text, "0a23d7ce3c000000121d0a0573636f7265121412120a10cdcccc3dcdcc4c3ecdcccc3e"
                         "9a99993e121b0a0f7072656469637465645f6c6162656c120812060a0400000040");
    buffer_fini(&text);
}

static void test_write_odd(void **state)
{
    uint32_t bits = 0xffc12345; /* a NaN with a sign and a payload */
    struct err err = ERR_INIT;
    struct buffer text;
    size_t record;
    float nan;

    (void)state;
    memcpy(&nan, &bits, sizeof(nan));
    buffer_init(&text, SIZE_MAX);
    assert_int_equal(recordio_begin(&text, &record, &err), 0);
    assert_int_equal(recordio_end(&text, record, &err), 0);
    check_written(&text, "[]");
    for (int n = 0; n < 4; n++) {
        assert_int_equal(recordio_begin(&text, &record, &err), 0);
        write_label(&text, &"foo"[3 - n], &nan, 1);
        assert_int_equal(recordio_end(&text, record, &err), 0);
        check_written(&text, n == 0   ? "[12(0a() 12(12(0a(0000c07f))))]"
                             : n == 1 ? "[12(0a(6f) 12(12(0a(0000c07f))))]"
                             : n == 2 ? "[12(0a(6f6f) 12(12(0a(0000c07f))))]"
                                      : "[12(0a(666f6f) 12(12(0a(0000c07f))))]");
    }
    assert_int_equal(recordio_begin(&text, &record, &err), 0);
    write_label(&text, "x", NULL, 0);
    assert_int_equal(recordio_end(&text, record, &err), 0);
    check_written(&text, "[12(0a(78) 12(12()))]");
    buffer_fini(&text);
}

/* Sizes that need more bytes than one; what is written is read again. */
static void test_write_long(void **state)
{
    static float values[5000];
    static const size_t sizes[] = {28, 29, 30, 31, 32, 4090, 4096, 5000};
    struct err err = ERR_INIT;
    struct buffer text;

    (void)state;
    buffer_init(&text, SIZE_MAX);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        values[i] = (float)i;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct matrix matrix;
        struct decode_fault fault;
        size_t record;

        buffer_clear(&text);
        decode_fault_init(&fault);
        assert_int_equal(recordio_begin(&text, &record, &err), 0);
        write_label(&text, "values", values, sizes[i]);
        assert_int_equal(recordio_end(&text, record, &err), 0);
        assert_int_equal(recordio_whole(bytes_of(text.data, text.size)), text.size);
        text.data[8] = 0x0a; /* a label as features */
        assert_int_equal(decoder_open(&decoder, FORMAT_RECORDIO, bytes_of(text.data, text.size),
                                      &(struct decode_rules){0}, &fault),
                         0);
        assert_int_equal(decoder_next(&decoder, 1, &matrix, &fault), 0);
        assert_int_equal(matrix.columns, sizes[i]);
        assert_memory_equal(matrix.values, values, sizes[i] * sizeof(float));
        decode_fault_fini(&fault);
    }
    buffer_fini(&text);
}

static void test_write_predictions(void **state)
{
    float values[] = {1, 2, 1, 2};
    struct predictions predictions = {.values = values, .rows = 2, .columns = 1};
    struct err err = ERR_INIT;
    struct buffer text;

    (void)state;
    buffer_init(&text, SIZE_MAX);
    assert_int_equal(encode_recordio(&predictions, &text, &err), 0);
    check_written(&text, "[12(0a(73636f7265) 12(12(0a(" ONE "))))]"
                         "[12(0a(73636f7265) 12(12(0a(" TWO "))))]");
    predictions.columns = 2;
    assert_int_equal(encode_recordio(&predictions, &text, &err), 0);
    check_written(&text, "[12(0a(73636f7265) 12(12(0a(" ONE TWO "))))]"
                         "[12(0a(73636f7265) 12(12(0a(" ONE TWO "))))]");
    predictions.rows = 0;
    assert_int_equal(encode_recordio(&predictions, &text, &err), 0);
    assert_int_equal(text.size, 0);
    buffer_fini(&text);
}

/* The answer's maximum to the byte, and each allocation that fails. */
static void test_write_limits(void **state)
{
    float value = 1;
    struct predictions predictions = {.values = &value, .rows = 1, .columns = 1};
    struct err err = ERR_INIT;
    struct buffer text;

    (void)state;
    for (size_t max = 0; max <= 28; max++) {
        buffer_init(&text, max);
        err_clear(&err);
        assert_int_equal(encode_recordio(&predictions, &text, &err), max < 28 ? -1 : 0);
        assert_int_equal(err.kind, max < 28 ? ERR_LIMIT : ERR_NONE);
        assert_true(text.size <= max);
        buffer_fini(&text);
    }
    buffer_init(&text, SIZE_MAX);
    err_clear(&err);
    mem_fail_at(1);
    assert_int_equal(encode_recordio(&predictions, &text, &err), -1);
    mem_fail_at(0);
    assert_int_equal(err.kind, ERR_MEMORY);
    err_clear(&err);
    assert_int_equal(recordio_label(&text, bytes_text("x"), NULL, SIZE_MAX / 4, &err), -1);
    assert_int_equal(err.kind, ERR_LIMIT);
    buffer_fini(&text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_golden),
        TEST(test_types),
        TEST(test_wire),
        TEST(test_no_rows),
        TEST(test_malformed),
        TEST(test_nested_groups),
        TEST(test_framing),
        TEST(test_every_cut),
        TEST(test_every_message_cut),
        TEST(test_sparse),
        TEST(test_large_unordered),
        TEST(test_dense),
        TEST(test_flat_shape),
        TEST(test_one_width),
        TEST(test_stacked),
        TEST(test_labels),
        TEST(test_one_schema),
        TEST(test_infinite),
        TEST(test_parts),
        TEST(test_block_sizes),
        TEST(test_pieces),
        TEST(test_pieces_faults),
        TEST(test_whole),
        TEST(test_memory),
        TEST(test_write),
        TEST(test_write_odd),
        TEST(test_write_long),
        TEST(test_write_predictions),
        TEST(test_write_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
