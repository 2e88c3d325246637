/* csv_decode and csv_line under the built-ins' rules (linear-learner 4.4). */
#include "tests/unit/decode_result.h"

#include "base/cpu.h"
#include "server/formats/csv_stream.h"

#define VALUES_MAX 8

struct good_case {
    const char *body;
    uint32_t label_size;
    uint64_t expected; /* columns; 0: not told */
    size_t rows, columns;
    float values[VALUES_MAX];
};

static const struct good_case good_cases[] = {
    {"1.5,16,14,23", 0, 0, 1, 4, {1.5f, 16, 14, 23}},
    {"1.5,16\n14,23\n", 0, 2, 2, 2, {1.5f, 16, 14, 23}},
    {"1,2\r\n3,4\r\n", 0, 2, 2, 2, {1, 2, 3, 4}},
    {"1,2\r\n3,4", 0, 0, 2, 2, {1, 2, 3, 4}},
    {"1,2\r", 0, 0, 1, 2, {1, 2}},
    {" 1 , 2\t,3\n4,5 ,\v6 ", 0, 0, 2, 3, {1, 2, 3, 4, 5, 6}},
    {"+1,-2.5e1,.5,5.,1E2,007", 0, 6, 1, 6, {1, -25, 0.5f, 5, 100, 7}},
    {"1e39,-1e39,1e-60", 0, 3, 1, 3, {INFINITY, -INFINITY, 0}},
    {"\"1.5\",\"2\"\n3,\" 4 \" \n", 0, 2, 2, 2, {1.5f, 2, 3, 4}},
    {"\"1\"\n\"2\"", 0, 0, 2, 1, {1, 2}},
    /* the delimiter is a comma, whatever there is */
    {"1\n2\n3", 0, 0, 3, 1, {1, 2, 3}},
    {"12345", 0, 1, 1, 1, {12345}},
    /* blank lines, also where another line would make up for their commas */
    {"\n\n1,2\n\n", 0, 0, 1, 2, {1, 2}},
    {"1,2\n\n3,4\n \t\r\n\n5,6", 0, 2, 3, 2, {1, 2, 3, 4, 5, 6}},
    {"1\n\n2\n\r\n3", 0, 1, 3, 1, {1, 2, 3}},
    {"1,2\r\n\r\n3,4\r\n\r\n", 0, 0, 2, 2, {1, 2, 3, 4}},
    {"\"a,b,c\",1,2\n\nd,3,4", 1, 0, 2, 2, {1, 2, 3, 4}},
    /* labels */
    {"7,1,2\n8,3,4", 1, 2, 2, 2, {1, 2, 3, 4}},
    {"7,8,1,2\n9,,3,4", 2, 0, 2, 2, {1, 2, 3, 4}},
    {"cat,1,2\n,3,4\n \"dog, \"\"x\"\"\" ,5,6\n", 1, 2, 3, 2, {1, 2, 3, 4, 5, 6}},
    {"a\"b,1\nc,2", 1, 1, 2, 1, {1, 2}},
    {"\xc3\xa9t\xc3\xa9,1", 1, 0, 1, 1, {1}},
    {"1_000,2", 0, 0, 1, 2, {1000, 2}},
};

static struct decode_rules rules_of(uint32_t label_size, uint64_t columns)
{
    return (struct decode_rules){
        .infinite_ok = true,
        .csv = {.builtin = true, .label_size = label_size, .columns = columns},
    };
}

static struct result decode(const char *body, const struct decode_rules *rules, size_t block)
{
    return decode_copy(FORMAT_CSV, body, strlen(body), rules, block, append_dense);
}

static void test_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(good_cases); i++) {
        const struct good_case *c = &good_cases[i];
        struct decode_rules rules = rules_of(c->label_size, c->expected);

        for (size_t block = 1; block < 4; block++) {
            struct result result = decode(c->body, &rules, block);
            const float *values = result_values(&result);

            if (result.status)
                fail_msg("%s: %s", c->body, result.message);
            if (result.rows != c->rows || result.columns != c->columns ||
                result.rows_told != c->rows)
                fail_msg("%s: %zu x %zu", c->body, result.rows, (size_t)result.columns);
            for (size_t v = 0; v < c->rows * c->columns; v++) {
                if (!same_float(values[v], c->values[v]))
                    fail_msg("%s: value %zu is %.9g", c->body, v, (double)values[v]);
            }
            result_fini(&result);
        }
    }
}

static const struct bad_case {
    const char *body;
    uint32_t label_size;
    uint64_t expected;
    uint64_t row, column;
    const char *message;
} bad_cases[] = {
    {"", 0, 0, 0, 0, "the body has no row"},
    {" \r\n\t\n", 0, 3, 0, 0, "the body has no row"},
    {"1,\n2,3", 0, 0, 1, 2, "an empty cell"},
    {"1,2\n3,", 0, 0, 2, 2, "an empty cell"},
    {"1,2\n,4", 0, 2, 2, 1, "an empty cell"},
    {"1,,3", 0, 0, 1, 2, "an empty cell"},
    {"1, ,3", 0, 0, 1, 2, "an empty cell"},
    {"1,\"\",3", 0, 0, 1, 2, "an empty cell"},
    {"1,2,\r\n3,4,5", 0, 0, 1, 3, "an empty cell"},
    {"a,b\n1,2", 0, 2, 1, 1, "'a' is not a number"},
    {"1,2\n3,\"x y\"", 0, 2, 2, 2, "'x y' is not a number"},
    {"1,2\n3,\"4\"5", 0, 2, 2, 2, "'\"4\"5' is not a number"},
    {"1,2\n3,\"4", 0, 2, 2, 2, "'\"4' is not a number"},
    {"1;2", 0, 1, 1, 1, "'1;2' is not a number"},
    {"1,0x10", 0, 2, 1, 2, "'0x10' is not a number"},
    {"1,2 3", 0, 2, 1, 2, "'2 3' is not a number"},
    {"1,2,3\n4,5,6,7", 0, 0, 2, 0, "4 columns, not 3"},
    {"1,2,3\n4,5", 0, 0, 2, 0, "2 columns, not 3"},
    {"1,2,3", 0, 4, 1, 0, "3 columns, not 4"},
    {"1,2,3,4,", 0, 4, 1, 0, "5 columns, not 4"},
    /* blank lines are no rows */
    {"1,2\n\n\n3,x", 0, 0, 2, 2, "'x' is not a number"},
    {"1\n\n\n2\nx", 0, 0, 3, 1, "'x' is not a number"},
    /* the first fault in the body, whatever it is */
    {"1,2\nx,2\n1,2,3", 0, 2, 2, 1, "'x' is not a number"},
    {"1,2\n1,2,3\nx,2", 0, 2, 2, 0, "3 columns, not 2"},
    {"1,2\n\n1,2,3,4\nx,2", 0, 2, 2, 0, "4 columns, not 2"},
    {"1,2\n1,\n1,2,3\n", 0, 2, 2, 2, "an empty cell"},
    /* of a row of another width its width */
    {"1,2\nx,y,z", 0, 2, 2, 0, "3 columns, not 2"},
    {"7,1,2\n7,1,x", 1, 2, 2, 3, "'x' is not a number"},
    {"7,1,2\n7,1", 1, 2, 2, 0, "2 columns, not 3 (label_size is 1)"},
    {"1,2", 2, 0, 1, 0, "2 columns, not 3 (label_size is 2)"},
    {"1,2", 5, 0, 1, 0, "2 columns, not 6 (label_size is 5)"},
    /* text comes first */
    {"1,x\n2,\xff\n", 0, 2, 0, 0, "the byte at offset 6 is not UTF-8"},
    {"1,2\n\"\xc3\",3", 0, 2, 0, 0, "the byte at offset 5 is not UTF-8"},
};

static void test_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(bad_cases); i++) {
        const struct bad_case *c = &bad_cases[i];
        struct decode_rules rules = rules_of(c->label_size, c->expected);

        for (size_t block = 1; block < 4; block++) {
            struct result result = decode(c->body, &rules, block);

            if (!result.status)
                fail_msg("%s: accepted", c->body);
            if (strcmp(result.message, c->message) != 0 || result.fault.row != c->row ||
                result.fault.column != c->column)
                fail_msg("%s: row %zu, column %zu: %s", c->body, (size_t)result.fault.row,
                         (size_t)result.fault.column, result.message);
            assert_true(result.fault.rank == DECODE_RANK_CELL ||
                        result.fault.rank == DECODE_RANK_TEXT);
            result_fini(&result);
        }
    }
}

/* A cell that is told is cut, and printable. */
static void test_quoted(void **state)
{
    struct decode_rules rules = rules_of(0, 1);
    char body[400];
    struct result result;

    (void)state;
    memset(body, 'x', sizeof(body));
    body[1] = '\x01';
    body[sizeof(body) - 1] = '\0';
    result = decode(body, &rules, 1);
    assert_true(result.fault.message.size < 100);
    assert_null(memchr(result.message, '\x01', strlen(result.message)));
    assert_non_null(strstr(result.message, "x\\x01x"));
    result_fini(&result);
}

#define LARGE 100000

/* A fault, a blank line or a quote in any row of a large body that is otherwise read many cells at
 * a time. */
static void test_every_row(void **state)
{
    static const char *const rows[] = {"1,2,3", "", "\"1\",2,3", " 1, 2 ,3", "1,2,3\r", "1,,3"};
    static char body[LARGE];
    struct decode_rules rules = rules_of(0, 3);

    (void)state;
    for (size_t kind = 0; kind < ARRAY_LENGTH(rows); kind++) {
        for (size_t odd = 0; odd < 600; odd += 1 + odd / 7) {
            size_t size = 0;
            struct result result;

            for (size_t row = 0; row < 700; row++)
                size += (size_t)sprintf(body + size, "%s\n", row == odd ? rows[kind] : "1,2,3");
            result = decode(body, &rules, 64);
            if (kind == 5) {
                assert_int_equal(result.status, -1);
                assert_int_equal(result.fault.row, odd + 1);
                assert_int_equal(result.fault.column, 2);
            } else {
                assert_int_equal(result.status, 0);
                assert_int_equal(result.rows, kind == 1 ? 699 : 700);
                for (size_t i = 0; i < result.rows * 3; i++)
                    assert_true(same_float(result_values(&result)[i], (float)(i % 3 + 1)));
            }
            result_fini(&result);
        }
    }
}

/* In pieces, as `predict` reads a file. */
static void test_pieces(void **state)
{
    static const char *const pieces[] = {"\n \n", "9,1,2\n\n", "\n", "8,3,4\r\n7,5,6\n", "6,x,1\n"};
    struct decode_rules rules = rules_of(1, 0);
    struct result result = result_new();

    (void)state;
    rules.more_follows = true;
    assert_int_equal(
        decoder_open(&decoder, FORMAT_CSV, bytes_text(pieces[0]), &rules, &result.fault), 0);
    drain_rows(&result, 2, append_dense);
    for (size_t i = 1; i < ARRAY_LENGTH(pieces); i++) {
        assert_int_equal(decoder_continue(&decoder, bytes_text(pieces[i]), &result.fault), 0);
        drain_rows(&result, 2, append_dense);
    }
    assert_int_equal(result.status, -1);
    assert_int_equal(result.fault.row, 4);
    assert_int_equal(result.fault.column, 2);
    assert_int_equal(result.rows, 3);
    for (size_t i = 0; i < 6; i++)
        assert_true(same_float(result_values(&result)[i], (float)(i + 1)));
    result_fini(&result);
}

/* The verdict of two parts, cut behind the line end at `cut`, is that of the whole. */
static void check_parts(const struct bad_case *c, size_t cut)
{
    struct bytes body = bytes_trim(bytes_text(c->body));
    struct decode_rules rules = rules_of(c->label_size, c->expected);
    const uint8_t *end = memchr(body.data, '\n', body.size);
    struct csv_part part = {
        .shape = csv_shape_of(bytes_of(body.data, (size_t)(end - body.data)), &rules)};
    struct csv_verdict verdict;
    struct decode_fault fault;

    decode_fault_init(&verdict.fault);
    decode_fault_init(&fault);
    csv_verdict_begin(&verdict, &part.shape);
    for (int i = 0; i < 2; i++) {
        struct matrix matrix = {.rows = 0};
        int status;

        part.text = i ? bytes_of(body.data + cut, body.size - cut) : bytes_of(body.data, cut);
        part.offset = i ? cut : 0;
        part.known = verdict.fault.rank;
        decode_fault_clear(&fault);
        status = csv_part_open(&decoder, &part, &rules, &fault);
        csv_verdict_add(&verdict, decoder.rows, &fault);
        verdict.rows -= decoder.rows;
        while (!status && (status = decoder_next(&decoder, 2, &matrix, &fault)) == 0 && matrix.rows)
            continue;
        csv_verdict_add(&verdict, decoder.rows, &fault);
    }
    assert_int_equal(csv_verdict_end(&verdict), -1);
    assert_int_equal(verdict.fault.row, c->row);
    assert_int_equal(verdict.fault.column, c->column);
    assert_int_equal(verdict.fault.message.size, strlen(c->message));
    assert_memory_equal(verdict.fault.message.data, c->message, strlen(c->message));
    decode_fault_fini(&verdict.fault);
    decode_fault_fini(&fault);
}

static void test_parts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(bad_cases); i++) {
        struct bytes body = bytes_trim(bytes_text(bad_cases[i].body));

        for (size_t cut = 1; cut < body.size; cut++) {
            if (body.data[cut - 1] == '\n')
                check_parts(&bad_cases[i], cut);
        }
    }
}

static void test_memory(void **state)
{
    struct decode_rules rules = rules_of(1, 2);

    (void)state;
    check_memory(FORMAT_CSV, "7,1,2\n8,3,4\n", &rules, 10, 0);
    check_memory(FORMAT_CSV, "\"7\",1,2\n\n8,3,4\n", &rules, 10, 0);
    check_memory(FORMAT_CSV, "7,1,2\n8,3,x\n", &rules, 10, -1);
    /* columns that are told cost nothing where the body does not have them */
    rules.csv.columns = UINT32_MAX;
    check_memory(FORMAT_CSV, "7,1,2\n8,3,4\n", &rules, 10, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_good, decoder_setup, decoder_teardown),
        cmocka_unit_test_setup_teardown(test_bad, decoder_setup, decoder_teardown),
        cmocka_unit_test_setup_teardown(test_quoted, decoder_setup, decoder_teardown),
        cmocka_unit_test_setup_teardown(test_every_row, decoder_setup, decoder_teardown),
        cmocka_unit_test_setup_teardown(test_pieces, decoder_setup, decoder_teardown),
        cmocka_unit_test_setup_teardown(test_parts, decoder_setup, decoder_teardown),
        cmocka_unit_test_setup_teardown(test_memory, decoder_setup, decoder_teardown),
    };
    int failed = 0;

    for (int level = 0; level <= CPU_VBMI && cpu_limit((enum cpu_level)level); level++)
        failed +=
            cmocka_run_group_tests_name(cpu_level_name((enum cpu_level)level), tests, NULL, NULL);
    return failed;
}
