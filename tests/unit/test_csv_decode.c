#include "tests/unit/decode_result.h"

#include "base/cpu.h"

#define SHAPE(n)                                                                                   \
    "setting an array element with a sequence. The requested array has an inhomogeneous shape "    \
    "after 1 dimensions. The detected shape was (" n ",) + inhomogeneous part."
#define FLOAT "could not convert string to float: "
#define MISS  NAN

static void drain(struct result *result, size_t block)
{
    drain_rows(result, block, append_dense);
}

static struct result decode(const void *body, size_t size, struct decode_rules rules, size_t block)
{
    return decode_copy(FORMAT_CSV, body, size, &rules, block, append_dense);
}

#define VALUES_MAX 16

struct good_case {
    const char *body;
    size_t size; /* 0: up to the NUL */
    size_t rows;
    size_t columns;
    float values[VALUES_MAX];
};

static const struct good_case good_cases[] = {
    {"0.1,0.2,0.3,0.4,0.5", 0, 1, 5, {0.1f, 0.2f, 0.3f, 0.4f, 0.5f}},
    {"\n\n0.1,0.2,0.3\n\n", 0, 1, 3, {0.1f, 0.2f, 0.3f}},
    {"1,2\n3,4", 0, 2, 2, {1, 2, 3, 4}},
    {"1,2\r\n3,4\r\n", 0, 2, 2, {1, 2, 3, 4}},
    {" \t\v\f1,2\r\n3,4 \f\n", 0, 2, 2, {1, 2, 3, 4}},
    /* one column: the delimiter that was guessed is never there */
    {"1", 0, 1, 1, {1}},
    {"1\n2\n3", 0, 3, 1, {1, 2, 3}},
    {"12345", 0, 1, 1, {12345}},
    {"11111", 0, 1, 1, {11111}},
    {"-0.5", 0, 1, 1, {-0.5f}},
    {"123.45", 0, 1, 1, {123.45f}},
    {"1\n\n2", 0, 3, 1, {1, MISS, 2}},
    {"1\r\n\r\n2", 0, 3, 1, {1, MISS, 2}},
    /* delimiters */
    {"1\t2\t3", 0, 1, 3, {1, 2, 3}},
    {"1;2;3", 0, 1, 3, {1, 2, 3}},
    {"1 2 3", 0, 1, 3, {1, 2, 3}},
    {"1:2:3", 0, 1, 3, {1, 2, 3}},
    {"1|2|3", 0, 1, 3, {1, 2, 3}},
    {"1.2.3", 0, 1, 3, {1, 2, 3}},
    {"1.2.3\n.4.5", 0, 2, 3, {1, 2, 3, MISS, 4, 5}},
    {"1+2+3", 0, 1, 3, {1, 2, 3}},
    {"1--2", 0, 1, 3, {1, MISS, 2}},
    {"\"5\"", 0, 1, 3, {MISS, 5, MISS}},
    {"1  2", 0, 1, 3, {1, MISS, 2}},
    {"1\0002\0003", 5, 1, 3, {1, 2, 3}},
    {"0.1, 0.2, 0.3", 0, 1, 3, {0.1f, 0.2f, 0.3f}},
    {"1 ,2 ,3 ", 0, 1, 3, {1, 2, 3}},
    {"1;2\n3;4", 0, 2, 2, {1, 2, 3, 4}},
    /* missing cells */
    {",0.2,,0.4,", 0, 1, 5, {MISS, 0.2f, MISS, 0.4f, MISS}},
    {",,,,", 0, 1, 5, {MISS, MISS, MISS, MISS, MISS}},
    {"1,\n,2", 0, 2, 2, {1, MISS, MISS, 2}},
    {"0.1\t0.2\t\t0.4", 0, 1, 4, {0.1f, 0.2f, MISS, 0.4f}},
    {"\t0.2\t0.3", 0, 1, 2, {0.2f, 0.3f}},
    {"1,\r\n2,\r\n", 0, 2, 2, {1, MISS, 2, MISS}},
    {"nan,NaN,-nan", 0, 1, 3, {MISS, MISS, MISS}},
    /* numbers */
    {"+.5,5.,1E2,-0,00012", 0, 1, 5, {0.5f, 5, 100, -0.0f, 12}},
    {"1e5,1E+5,1e-5,.1e1,1.e1", 0, 1, 5, {1e5f, 1e5f, 1e-5f, 1, 10}},
    {"1_0,1_000", 0, 1, 2, {10, 1000}},
    {"\xef\xbc\x91,2", 0, 1, 2, {1, 2}},
    {"1.0\xc2\xa0,2", 0, 1, 2, {1, 2}},
    {"1\0,2", 4, 1, 2, {1, 2}},
    {"1,2\0\0\n3,4", 9, 2, 2, {1, 2, 3, 4}},
    {"3.4028235e38,-3.4028235e38,1e-50", 0, 1, 3, {3.4028235e38f, -3.4028235e38f, 0}},
    {"1e3,-2E-1,+3e+0\n4e0,,5e-324", 0, 2, 3, {1000, -0.2f, 3, 4, MISS, 0}},
    {"1, 2,-3\r\n 4, .5,6\r\n", 0, 2, 3, {1, 2, -3, 4, 0.5f, 6}},
    {"12345678901234567,0.12345678901234567",
     0,
     1,
     2,
     {12345678901234567.0f, 0.12345678901234567f}},
    /* rounded to a double first, this is a tie and goes down; straight to float32 it would go up */
    {"1.000000059604644775390625000000001,1", 0, 1, 2, {1, 1}},
};

static void test_good(void **state)
{
    static const size_t blocks[] = {1, 7, 1000};

    (void)state;
    for (size_t i = 0; i < sizeof(good_cases) / sizeof(good_cases[0]); i++) {
        const struct good_case *c = &good_cases[i];
        size_t size = c->size ? c->size : strlen(c->body);

        for (size_t b = 0; b < 3; b++) {
            struct result result = decode(c->body, size, (struct decode_rules){0}, blocks[b]);
            const float *values = result_values(&result);

            if (result.status)
                fail_msg("%s: %s", c->body, result.message);
            if (result.rows != c->rows || result.columns != c->columns)
                fail_msg("%s: %zu x %zu", c->body, result.rows, (size_t)result.columns);
            for (size_t v = 0; v < c->rows * c->columns; v++) {
                if (!same_float(values[v], c->values[v]))
                    fail_msg("%s: value %zu is %.9g", c->body, v, (double)values[v]);
            }
            result_fini(&result);
        }
    }
}

struct bad_case {
    const char *body;
    size_t size;
    const char *exception;
    const char *message;
    uint64_t row;
    uint64_t column;
};

static const struct bad_case bad_cases[] = {
    {"   ", 0, "_csv.Error", "Could not determine delimiter", 1, 0},
    {"\n", 0, "_csv.Error", "Could not determine delimiter", 1, 0},
    {"\xc3\xa9", 0, "_csv.Error", "Could not determine delimiter", 1, 0},
    /* no UTF-8; positions are those of the stripped body */
    {"\n\xff", 0, "UnicodeDecodeError",
     "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte", 1, 0},
    {"1,2\n3,\xc3(", 0, "UnicodeDecodeError",
     "'utf-8' codec can't decode byte 0xc3 in position 6: invalid continuation byte", 2, 0},
    {"1,\xe2\x80", 0, "UnicodeDecodeError",
     "'utf-8' codec can't decode bytes in position 2-3: unexpected end of data", 1, 0},
    {"1,\xed\xa0\x80", 0, "UnicodeDecodeError",
     "'utf-8' codec can't decode byte 0xed in position 2: invalid continuation byte", 1, 0},
    /* that comes before a first line without delimiter, and before all else */
    {"\xc3\xa9\n\xff", 0, "UnicodeDecodeError",
     "'utf-8' codec can't decode byte 0xff in position 3: invalid start byte", 2, 0},
    {"a,b\n1\n\xff", 0, "UnicodeDecodeError",
     "'utf-8' codec can't decode byte 0xff in position 6: invalid start byte", 3, 0},
    /* ragged lines, which come before a bad cell */
    {"0.1,0.2\n0.1", 0, "ValueError", SHAPE("2"), 2, 0},
    {"0.1,0.2\n\n0.1,0.2", 0, "ValueError", SHAPE("3"), 2, 0},
    {"1\n2,3", 0, "ValueError", SHAPE("2"), 2, 0},
    {"1,2\na\n1,2", 0, "ValueError", SHAPE("3"), 2, 0},
    {"a,2\n1,2\n1", 0, "ValueError", SHAPE("3"), 3, 0},
    /* as many cells in all as lines of equal length would have */
    {"a,2\n1,2\n1,2,3\n1", 0, "ValueError", SHAPE("4"), 3, 0},
    {"1,2\n1\n1,2,3", 0, "ValueError", SHAPE("3"), 2, 0},
    {"1,2\n1,2,3\n1", 0, "ValueError", SHAPE("3"), 2, 0},
    {"inf,2\n1,2,3\n1", 0, "ValueError", SHAPE("3"), 2, 0},
    /* bad cells: the first one in reading order */
    {"a,b,c\n1,2,3", 0, "ValueError", FLOAT "'a'", 1, 1},
    {"1,2,3\n1,2,c\nd,e,f", 0, "ValueError", FLOAT "'c'", 2, 3},
    {"0.1,0.2, ,0.4", 0, "ValueError", FLOAT "' '", 1, 3},
    {"0.1|0.2|0.3|0.4|0.5", 0, "ValueError", FLOAT "'0.1|0.2|0.3|0.4|0.5'", 1, 1},
    {"0.1,0.2\t0.3", 0, "ValueError", FLOAT "'0.2\\t0.3'", 1, 2},
    {"5/5/5", 0, "ValueError", FLOAT "'5/5/5'", 1, 1},
    {"1,2\r3,4", 0, "ValueError", FLOAT "'2\\r3'", 1, 2},
    {"0x10,1", 0, "ValueError", FLOAT "'0x10'", 1, 1},
    {"1__0,1", 0, "ValueError", FLOAT "'1__0'", 1, 1},
    {"1d3,1", 0, "ValueError", FLOAT "'1d3'", 1, 1},
    {"1e,1", 0, "ValueError", FLOAT "'1e'", 1, 1},
    {"-,1", 0, "ValueError", FLOAT "'-'", 1, 1},
    {"True,1", 0, "ValueError", FLOAT "'True'", 1, 1},
    {"1,2019-1-1", 0, "ValueError", FLOAT "'2019-1-1'", 1, 2},
    {"1,2,3,12:12:12", 0, "ValueError", FLOAT "'12:12:12'", 1, 4},
    {"1,2,3,-14 days", 0, "ValueError", FLOAT "'-14 days'", 1, 4},
    {"(1,2)", 0, "ValueError", FLOAT "'(1'", 1, 1},
    {"\xef\xbb\xbf"
     "1,2",
     0, "ValueError", FLOAT "'\\ufeff1'", 1, 1},
    {"\0,1", 3, "ValueError", FLOAT "''", 1, 1},
    {"1\0\r,1", 5, "ValueError", FLOAT "'1\\x00\\r'", 1, 1},
    /* the cell as Python's repr() */
    {"\"0.1\",2", 0, "ValueError", FLOAT "'\"0.1\"'", 1, 1},
    {"it's,1", 0, "ValueError", FLOAT "\"it's\"", 1, 1},
    {"'\",1", 0, "ValueError", FLOAT "'\\'\"'", 1, 1},
    {"a\\b,1", 0, "ValueError", FLOAT "'a\\\\b'", 1, 1},
    {"x\t\r\x01\x7f,1", 0, "ValueError", FLOAT "'x\\t\\r\\x01\\x7f'", 1, 1},
    {"x\xc2\x85\xc2\xa0\xc3\xa9,1", 0, "ValueError", FLOAT "'x\\x85\\xa0\xc3\xa9'", 1, 1},
    {"x\xe2\x80\xa8,1", 0, "ValueError", FLOAT "'x\\u2028'", 1, 1},
    {"x\xf4\x8f\xbf\xbf,1", 0, "ValueError", FLOAT "'x\\U0010ffff'", 1, 1},
    {"x\xf0\x9f\x98\x80,1", 0, "ValueError", FLOAT "'x\xf0\x9f\x98\x80'", 1, 1},
    /* a bad cell anywhere comes before an infinity anywhere */
    {"inf,1\n1,x", 0, "ValueError", FLOAT "'x'", 2, 2},
};

static void test_bad(void **state)
{
    static const size_t blocks[] = {1, 7, 1000};

    (void)state;
    for (size_t i = 0; i < sizeof(bad_cases) / sizeof(bad_cases[0]); i++) {
        const struct bad_case *c = &bad_cases[i];
        size_t size = c->size ? c->size : strlen(c->body);

        for (size_t b = 0; b < 3; b++) {
            struct result result = decode(c->body, size, (struct decode_rules){0}, blocks[b]);

            if (!result.status)
                fail_msg("%s: no fault", c->body);
            assert_string_equal(result.message, c->message);
            assert_string_equal(result.fault.exception, c->exception);
            assert_false(result.fault.out_of_memory);
            if (result.fault.row != c->row || result.fault.column != c->column)
                fail_msg("%s: row %zu column %zu", c->body, (size_t)result.fault.row,
                         (size_t)result.fault.column);
            result_fini(&result);
        }
    }
}

static void test_infinity(void **state)
{
    static const struct {
        const char *body;
        uint64_t row, column;
    } cases[] = {
        {"1e39,0", 1, 1},
        {"nan,NaN,inf", 1, 3},
        {"1,2\n3,-Infinity\n1e400,1", 2, 2},
        {"3.4028236e38", 1, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct result result =
            decode(cases[i].body, strlen(cases[i].body), (struct decode_rules){0}, 1);
        const char *text;

        assert_int_equal(result.status, -1);
        assert_string_equal(result.fault.exception, "xgboost.core.XGBoostError");
        assert_int_equal(result.message[0], '[');
        assert_int_equal(result.message[9], ']');
        text = strstr(result.message, "/src/data/data.cc:");
        assert_non_null(text);
        text = strstr(text, ": ");
        assert_non_null(text);
        assert_string_equal(
            text, ": Check failed: valid: Input data contains `inf` or `nan`\nStack trace:\n");
        assert_int_equal(result.fault.row, cases[i].row);
        assert_int_equal(result.fault.column, cases[i].column);
        result_fini(&result);
        result = decode(cases[i].body, strlen(cases[i].body),
                        (struct decode_rules){.infinite_ok = true}, 1);
        assert_int_equal(result.status, 0);
        result_fini(&result);
    }
}

/* The original refuses "\r" in the last cell; by default it is a missing value. */
static void test_empty_last_cell(void **state)
{
    static const char body[] = ",0.2,,0.4,\r\n,0.2,,0.4,\r\n";
    struct decode_rules strict = {.refuse_empty_cr = true};
    struct result result = decode(body, strlen(body), strict, 10);

    (void)state;
    assert_int_equal(result.status, -1);
    assert_string_equal(result.message, FLOAT "'\\r'");
    assert_int_equal(result.fault.row, 1);
    assert_int_equal(result.fault.column, 5);
    result_fini(&result);

    result = decode(body, strlen(body), (struct decode_rules){0}, 10);
    assert_int_equal(result.status, 0);
    assert_int_equal(result.rows, 2);
    assert_int_equal(result.columns, 5);
    result_fini(&result);

    /* not where it is another cell than the last */
    result = decode("1,\r,2\n", 6, (struct decode_rules){0}, 10);
    assert_int_equal(result.status, -1);
    assert_string_equal(result.message, FLOAT "'\\r'");
    result_fini(&result);
}

/* The delimiter is guessed from 512 characters, whatever their size in bytes. */
static void test_sniffed_length(void **state)
{
    static const char *const fillers[] = {"1", "\xc3\xa9"};

    (void)state;
    for (size_t f = 0; f < 2; f++) {
        for (size_t n = 511; n <= 512; n++) {
            char body[2048] = "";
            struct result result;

            for (size_t i = 0; i < n; i++)
                strcat(body, fillers[f]);
            strcat(body, ";7");
            result = decode(body, strlen(body), (struct decode_rules){0}, 10);
            assert_int_equal(result.status, -1);
            if (n == 511) { /* ';' is seen: two cells */
                if (f == 1)
                    assert_memory_equal(result.message + strlen(result.message) - 3, "\xc3\xa9'",
                                        3);
                else /* the first cell is a number of 511 digits */
                    assert_string_equal(result.fault.exception, "xgboost.core.XGBoostError");
            } else if (f == 0) { /* all digits, so ',': one cell */
                assert_memory_equal(result.message + strlen(result.message) - 4, "1;7'", 4);
            } else {
                assert_string_equal(result.fault.exception, "_csv.Error");
            }
            result_fini(&result);
        }
    }
}

/* Some rows in text, all of one shape, with odd cells among them. */
static char *make_body(size_t rows, size_t columns, char delimiter)
{
    static const char *const cells[] = {"1",    "-0.25", "",   "1e-3", " 7", "nan",
                                        "12.5", "1_0",   "5.", "3",    "0",  "1234567.875"};
    char *body = malloc(rows * columns * 13 + 2);
    char *p = body;
    unsigned random = 12345;

    assert_non_null(body);
    *p++ = '8'; /* so that stripping removes no cell */
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < columns; c++) {
            const char *cell;

            random = random * 1103515245 + 12345;
            cell = cells[(random >> 16) % 12];
            p = stpcpy(p, c + 1 == columns ? "2" : cell);
            *p++ = c + 1 < columns ? delimiter : '\n';
        }
    }
    *p = '\0';
    return body;
}

static void test_block_sizes(void **state)
{
    static const size_t blocks[] = {1, 7, 64, 1000, SIZE_MAX};
    char *body = make_body(300, 9, ',');
    struct result first = decode(body, strlen(body), (struct decode_rules){0}, blocks[0]);

    (void)state;
    assert_int_equal(first.status, 0);
    assert_int_equal(first.rows, 300);
    assert_int_equal(first.columns, 9);
    for (size_t b = 1; b < 5; b++) {
        struct result result = decode(body, strlen(body), (struct decode_rules){0}, blocks[b]);

        assert_int_equal(result.rows, 300);
        assert_int_equal(result.output.size, first.output.size);
        assert_memory_equal(result.output.data, first.output.data, first.output.size);
        result_fini(&result);
    }
    result_fini(&first);
    free(body);
}

/* A cell at every place that is missing, bad, one too many, or that and bad above it. */
static void test_every_place(void **state)
{
    enum { ROWS = 30, COLUMNS = 7 };

    (void)state;
    for (size_t place = 0; place < ROWS * COLUMNS * 5; place++) {
        size_t at = place % (ROWS * COLUMNS), kind = place / (ROWS * COLUMNS);
        size_t row = at / COLUMNS + 1, column = at % COLUMNS + 1;
        static const char *const cells[] = {"", "x", "1,2", "1,2", "-"};
        char body[4000], *p = body;
        struct result result;

        for (size_t i = 0; i < ROWS * COLUMNS; i++) {
            if (i == at)
                p = stpcpy(p, cells[kind]);
            else
                p +=
                    sprintf(p, kind == 3 && i < at ? "y" : "%.*g", (int)(i % 9 + 1), (double)i / 7);
            p = stpcpy(p, (i + 1) % COLUMNS ? "," : kind % 2 || kind == 4 ? "\n" : "\r\n");
        }
        if (at == 0 && kind == 2) /* the first line tells how many cells there should be */
            continue;
        result = decode(body, (size_t)(p - body), (struct decode_rules){0}, 8);
        if (kind == 0) {
            assert_int_equal(result.status, 0);
            assert_true(isnan(result_values(&result)[at]));
        } else {
            bool ragged = kind == 2 || kind == 3;

            assert_int_equal(result.status, -1);
            assert_string_equal(result.message, ragged      ? SHAPE("30")
                                                : kind == 1 ? FLOAT "'x'"
                                                            : FLOAT "'-'");
            assert_int_equal(result.fault.row, ragged && row == 1 ? 2 : row);
            assert_int_equal(result.fault.column, ragged ? 0 : column);
        }
        result_fini(&result);
    }
}

/* Pieces of whole lines, of any number of lines, give what the whole gives. */
static void test_continue_equals_whole(void **state)
{
    char *body = make_body(100, 4, '\t');
    size_t size = strlen(body);
    struct result whole = decode(body, size, (struct decode_rules){0}, 8);

    (void)state;
    assert_int_equal(whole.status, 0);
    for (size_t lines = 1; lines < 40; lines += 13) {
        struct result result = result_new();
        struct decode_rules rules = {.more_follows = true};

        for (size_t at = 0; at < size;) {
            size_t end = at;

            for (size_t n = 0; n < lines && end < size; n++)
                end = (size_t)((char *)memchr(body + end, '\n', size - end) - body) + 1;
            result.status =
                at ? decoder_continue(&decoder, bytes_of(body + at, end - at), &result.fault)
                   : decoder_open(&decoder, FORMAT_CSV, bytes_of(body, end), &rules, &result.fault);
            assert_int_equal(result.status, 0);
            drain(&result, 8);
            assert_int_equal(result.status, 0);
            at = end;
        }
        assert_int_equal(result.rows, 100);
        assert_int_equal(decoder.rows_done, 100);
        assert_int_equal(result.output.size, whole.output.size);
        assert_memory_equal(result.output.data, whole.output.data, whole.output.size);
        result_fini(&result);
    }
    result_fini(&whole);
    free(body);
}

/* What a piece may hold after "1;2\n" and "3;4\n5;6\n", which were read. */
static void check_piece(const char *piece, size_t rows, const char *message, uint64_t row,
                        uint64_t column)
{
    struct result result = result_new();
    struct decode_rules rules = {.more_follows = true};

    assert_int_equal(decoder_open(&decoder, FORMAT_CSV, bytes_text("1;2\n"), &rules, &result.fault),
                     0);
    drain(&result, 10);
    assert_int_equal(decoder_continue(&decoder, bytes_text("3;4\n5;6\n"), &result.fault), 0);
    drain(&result, 10);
    assert_int_equal(result.rows, 3);
    result.status = decoder_continue(&decoder, bytes_text(piece), &result.fault);
    if (!result.status)
        drain(&result, 10);
    set_message(&result);
    if (message) {
        assert_int_equal(result.status, -1);
        assert_string_equal(result.fault.exception, "ValueError");
        assert_string_equal(result.message, message);
        assert_int_equal(result.fault.row, row);
        assert_int_equal(result.fault.column, column);
    } else {
        assert_int_equal(result.status, 0);
        assert_int_equal(result.rows, 3 + rows);
    }
    result_fini(&result);
}

static void test_continue(void **state)
{
    (void)state;
    check_piece("", 0, NULL, 0, 0);
    check_piece("7;8", 1, NULL, 0, 0);
    check_piece("7;8\n", 1, NULL, 0, 0);
    check_piece(";8\n7;\n;\n", 3, NULL, 0, 0);
    check_piece("7;8\n\n", 0, "row 5 has 1 columns, expected 2", 5, 0);
    check_piece("\n", 0, "row 4 has 1 columns, expected 2", 4, 0);
    check_piece("7;8\n9;10;11\n12\n", 0, "row 5 has 3 columns, expected 2", 5, 0);
    check_piece("7,8\n", 0, "row 4 has 1 columns, expected 2", 4, 0);
    check_piece("7;8\n9;x\n", 0, FLOAT "'x'", 5, 2);
}

/* A fault in an allocation is ours, not the body's; the decoder is usable after it. */
static void test_memory(void **state)
{
    static const char *const bodies[] = {"1,2\n3,4\n", "1,x\n", "1,2\n3"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(bodies); i++)
        check_memory(FORMAT_CSV, bodies[i], &(struct decode_rules){0}, 20, i == 0 ? 0 : -1);
}

/* A body of one row, or of one column, that is as large as a request may be. */
static void test_extremes(void **state)
{
    size_t size = (size_t)6 * 1024 * 1024;
    char *body = malloc(size);
    struct result result;

    (void)state;
    assert_non_null(body);
    memset(body, ',', size);
    result = decode(body, size, (struct decode_rules){0}, 64);
    assert_int_equal(result.status, 0);
    assert_int_equal(result.rows, 1);
    assert_int_equal(result.columns, size + 1);
    result_fini(&result);

    memset(body, '\n', size);
    body[0] = body[size - 1] = '1';
    result = decode(body, size, (struct decode_rules){0}, 64);
    assert_int_equal(result.status, 0);
    assert_int_equal(result.rows, size - 1);
    assert_int_equal(result.columns, 1);
    result_fini(&result);

    memset(body, '\1', size);
    result = decode(body, size, (struct decode_rules){0}, 64);
    assert_int_equal(result.status, 0); /* all delimiters */
    assert_int_equal(result.columns, size + 1);
    result_fini(&result);

    body[0] = ',';
    result = decode(body, size, (struct decode_rules){0}, 64);
    assert_int_equal(result.status, -1);
    assert_int_equal(result.fault.message.size, strlen(FLOAT) + 2 + (size - 1) * 4);
    result_fini(&result);
    free(body);
}

static void test_other_formats(void **state)
{
    struct decode_fault fault;

    (void)state;
    decode_fault_init(&fault);
    for (int format = FORMAT_RECORDIO; format <= FORMAT_PARQUET; format++) {
        assert_int_equal(decoder_open(&decoder, (enum format)format, bytes_text("1"),
                                      &(struct decode_rules){0}, &fault),
                         -1);
        assert_string_equal(fault.exception, "ValueError");
        assert_true(fault.message.size > 0);
    }
    decode_fault_fini(&fault);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_good, decoder_setup, decoder_teardown),
        cmocka_unit_test_setup_teardown(test_bad, decoder_setup, decoder_teardown),
        cmocka_unit_test_setup_teardown(test_infinity, decoder_setup, decoder_teardown),
        cmocka_unit_test_setup_teardown(test_empty_last_cell, decoder_setup, decoder_teardown),
        cmocka_unit_test_setup_teardown(test_sniffed_length, decoder_setup, decoder_teardown),
        cmocka_unit_test_setup_teardown(test_block_sizes, decoder_setup, decoder_teardown),
        cmocka_unit_test_setup_teardown(test_every_place, decoder_setup, decoder_teardown),
        cmocka_unit_test_setup_teardown(test_continue_equals_whole, decoder_setup,
                                        decoder_teardown),
        cmocka_unit_test_setup_teardown(test_continue, decoder_setup, decoder_teardown),
        cmocka_unit_test_setup_teardown(test_memory, decoder_setup, decoder_teardown),
        cmocka_unit_test_setup_teardown(test_extremes, decoder_setup, decoder_teardown),
        cmocka_unit_test_setup_teardown(test_other_formats, decoder_setup, decoder_teardown),
    };

    int failed = 0;

    for (int level = 0; level <= CPU_VBMI && cpu_limit((enum cpu_level)level); level++)
        failed +=
            cmocka_run_group_tests_name(cpu_level_name((enum cpu_level)level), tests, NULL, NULL);
    return failed;
}
