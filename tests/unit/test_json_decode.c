#include "tests/unit/decode_result.h"

#define MISS       NAN
#define VALUES_MAX 24
#define XGBOOST                                                                                    \
    (struct decode_rules)                                                                          \
    {                                                                                              \
        .json_null_is_missing = true                                                               \
    }

static void append_missing(struct buffer *values, size_t count)
{
    float missing = NAN;

    for (size_t i = 0; i < count; i++)
        assert_int_equal(buffer_append(values, &missing, sizeof(missing)), 0);
}

static void append_csr(struct result *result, const struct matrix *matrix)
{
    for (size_t r = 0; r < matrix->rows; r++) {
        size_t before = result->output.size;
        float *row;

        append_missing(&result->output, matrix->columns);
        row = (float *)(void *)(result->output.data + before);
        for (size_t i = matrix->row_start[r]; i < matrix->row_start[r + 1]; i++) {
            assert_true(matrix->column[i] < matrix->columns);
            assert_true(i == matrix->row_start[r] || matrix->column[i - 1] < matrix->column[i]);
            row[matrix->column[i]] = matrix->values[i];
        }
    }
}

/* Absent entries of CSR rows are NaN here. */
static void append_any(struct result *result, const struct matrix *matrix)
{
    if (matrix->kind == MATRIX_CSR)
        append_csr(result, matrix);
    else
        append_dense(result, matrix);
}

static void drain(struct result *result, size_t block)
{
    drain_rows(result, block, append_any);
}

static struct result decode(enum format format, const void *body, size_t size,
                            struct decode_rules rules, size_t block)
{
    struct result result = decode_copy(format, body, size, &rules, block, append_any);

    assert_int_equal(result.rows, result.rows_told);
    return result;
}

static struct result decode_text(enum format format, const char *body)
{
    return decode(format, body, strlen(body), XGBOOST, 1000);
}

static void check_values(const struct result *result, const float *expected, const char *body)
{
    const float *values = result_values(result);

    for (size_t i = 0; i < result->rows * result->columns; i++) {
        if (!same_float(values[i], expected[i]))
            fail_msg("%s: value %zu is %.9g", body, i, (double)values[i]);
    }
}

/* Records, which are wrapped in {"instances": [...]} and also put on lines. */
struct good_case {
    const char *records[4];
    bool sparse;
    size_t columns;
    float values[VALUES_MAX];
};

#define F(numbers) "{\"features\":" numbers "}"

static const struct good_case good_cases[] = {
    /* the guide's forms */
    {{"{\"features\": [1.5, 16.0, 14.0, 23.0]}"}, false, 4, {1.5f, 16, 14, 23}},
    {{"{\"data\": {\"features\": {\"values\": [1.5, 16.0, 14.0, 23.0]}}}"},
     false,
     4,
     {1.5f, 16, 14, 23}},
    {{"{\"data\": {\"features\": [1.5, 16.0]}}"}, false, 2, {1.5f, 16}},
    {{"{\"features\": {\"values\": [1.5, 16.0]}}"}, false, 2, {1.5f, 16}},
    {{"{\"data\": {\"features\": { \"keys\": [0, 1, 3], \"shape\": [4], "
      "\"values\": [1, 4, 1] } } }"},
     true,
     4,
     {1, 4, MISS, 1}},
    {{"{\"features\":{\"keys\":[3],\"shape\":[4],\"values\":[0]}}"},
     true,
     4,
     {MISS, MISS, MISS, 0}},
    {{"{\"configuration\": {}, \"data\": {\"features\": [1]}}"}, false, 1, {1}},
    {{F("[28, 2, 133937, 9, 13, 2, 0, 0, 4, 1, 15024, 0, 55, 37]")},
     false,
     14,
     {28, 2, 133937, 9, 13, 2, 0, 0, 4, 1, 15024, 0, 55, 37}},
    /* and what is plain */
    {{"[1,2]", "[3,4]"}, false, 2, {1, 2, 3, 4}},
    {{"[1,2]", F("[3,4]"), "{\"data\":{\"features\":{\"values\":[5,6]}}}"},
     false,
     2,
     {1, 2, 3, 4, 5, 6}},
    {{F("{\"values\":[5,6],\"shape\":[2]}")}, false, 2, {5, 6}},
    /* white space */
    {{" { \"features\"\t:\r[ 1 ,\t2\r,  3 ] } "}, false, 3, {1, 2, 3}},
    {{"{\"features\":[1,2 ,3,\t4 , 5]}"}, false, 5, {1, 2, 3, 4, 5}},
    /* members that nobody asked for, before and after, in any depth; any order */
    {{"{\"id\":\"x\",\"features\":[1],\"t\":[{\"features\":[2,3]},null,true,1e5,{}]}"},
     false,
     1,
     {1}},
    {{"{\"data\":{\"label\":{\"values\":[7]},\"features\":{\"x\":[[[]]],\"values\":[1]}}}"},
     false,
     1,
     {1}},
    {{"{\"data\":{\"features\":{\"values\":[2,1],\"shape\":[3],\"keys\":[1,2]},\"x\":0},\"y\":0}"},
     true,
     3,
     {MISS, 2, 1}},
    /* other members named alike are others */
    {{"{\"Features\":[9],\"feature\":[9],\"features\\u0000\":[9],\"features\":[1]}"},
     false,
     1,
     {1}},
    /* escapes in keys */
    {{"{\"f\\u0065atur\\u0065s\":[1]}"}, false, 1, {1}},
    {{"{\"d\\u0061t\\u0061\":{\"\\u0066eatures\":{\"v\\u0061lues\":[1]}}}"}, false, 1, {1}},
    {{"{\"\\/\\\\\\\"\\b\\f\\n\\r\\t\\ud83d\\ude00\":1,\"\xc3\xa9\xf0\x9f\x98\x80\":2,"
      "\"features\":[1]}"},
     false,
     1,
     {1}},
    /* missing */
    {{"[1,null,3]", "[null,NaN,null]"}, false, 3, {1, MISS, 3, MISS, MISS, MISS}},
    {{F("{\"keys\":[0,2],\"shape\":[3],\"values\":[null,5]}")}, true, 3, {MISS, MISS, 5}},
    /* sparse: the zero row, keys in any order, twice the same */
    {{F("{\"keys\":[],\"shape\":[3],\"values\":[]}")}, true, 3, {MISS, MISS, MISS}},
    {{F("{\"keys\":[ ],\"shape\":[2],\"values\":[\t]}"), F("[7,8]")}, true, 2, {MISS, MISS, 7, 8}},
    {{F("{\"keys\":[3,0,2],\"shape\":[4],\"values\":[1,2,3]}")}, true, 4, {2, MISS, 3, 1}},
    {{F("{\"keys\":[1,1],\"shape\":[2],\"values\":[1.5,2]}")}, true, 2, {MISS, 3.5f}},
    {{F("{\"keys\":[2,0,2,2],\"shape\":[3],\"values\":[1,9,0.5,0.25]}")},
     true,
     3,
     {9, MISS, 1.75f}},
    {{F("{\"keys\":[2,0,2],\"shape\":[3],\"values\":[1,9,null]}")}, true, 3, {9, MISS, MISS}},
    {{F("{\"keys\":[1.0,2e0,0],\"shape\":[3.0],\"values\":[1,2,3]}")}, true, 3, {3, 1, 2}},
    /* dense and sparse mixed, whichever comes first; a shape may be another one */
    {{F("[1,2,3]"), F("[4,null,6]"), F("{\"keys\":[1],\"shape\":[3],\"values\":[8]}"), "[7,8,9]"},
     true,
     3,
     {1, 2, 3, 4, MISS, 6, MISS, 8, MISS, 7, 8, 9}},
    {{F("{\"keys\":[1],\"shape\":[3],\"values\":[8]}"), F("[1,2,3]")},
     true,
     3,
     {MISS, 8, MISS, 1, 2, 3}},
    {{F("{\"keys\":[1],\"shape\":[2],\"values\":[8]}"),
      F("{\"keys\":[0],\"shape\":[4],\"values\":[9]}")},
     true,
     4,
     {MISS, 8, MISS, MISS, 9, MISS, MISS, MISS}},
    {{F("[1,2]"), F("{\"keys\":[2],\"shape\":[3],\"values\":[5]}"), F("[3,4]")},
     true,
     3,
     {1, 2, MISS, MISS, MISS, 5, 3, 4, MISS}},
    /* numbers: to double, then to float32 */
    {{"[0,-0,0.5,-0.5,1e5,1E+5,1e-5,1.5e3,10,0e1]"},
     false,
     10,
     {0, -0.0f, 0.5f, -0.5f, 1e5f, 1e5f, 1e-5f, 1500, 10, 0}},
    {{"[3.4028235e38,-3.4028235e38,1e-50,1e-400]"},
     false,
     4,
     {3.4028235e38f, -3.4028235e38f, 0, 0}},
    {{"[0.1234567890123456789,12345678901234567890123,1.000000059604644775390625000000001]"},
     false,
     3,
     {0.1234567890123456789f, 12345678901234567890123.0f, 1}},
    {{"[100000000000000000000,0.00000000000000000001e20]"}, false, 2, {1e20f, 1}},
};

/* Every form, as {"instances": [...]} and as lines, in blocks of any size. */
static void check_good(const struct good_case *c, enum format format, const char *between,
                       const char *before, const char *after)
{
    static const size_t blocks[] = {1, 2, 3, 1000};
    char body[2048] = "";
    size_t rows = 0;

    strcat(body, before);
    for (; rows < 4 && c->records[rows]; rows++) {
        strcat(body, rows ? between : "");
        strcat(body, c->records[rows]);
    }
    strcat(body, after);
    for (size_t b = 0; b < ARRAY_LENGTH(blocks); b++) {
        struct result result = decode(format, body, strlen(body), XGBOOST, blocks[b]);

        if (result.status)
            fail_msg("%s: %s", body, result.message);
        if (result.rows != rows || result.columns != c->columns || result.sparse != c->sparse)
            fail_msg("%s: %zu x %zu", body, result.rows, (size_t)result.columns);
        check_values(&result, c->values, body);
        result_fini(&result);
    }
}

static void test_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(good_cases); i++) {
        const struct good_case *c = &good_cases[i];

        check_good(c, FORMAT_JSON, ",", "{\"instances\":[", "]}");
        check_good(c, FORMAT_JSON, " ,\n", "\r\n{\"x\":{\"instances\":[[1]]}, \"instances\" : [ ",
                   " ] , \"configuration\":{\"k\":[1,\"]}\"]}}\n");
        check_good(c, FORMAT_JSONLINES, "\n", "", "");
        check_good(c, FORMAT_JSONLINES, "\n", "", "\n");
        check_good(c, FORMAT_JSONLINES, "\r\n", "", "\r\n");
        check_good(c, FORMAT_JSONLINES, "\n\n \t\n", "\n\r\n", " \n\n");
    }
}

struct bad_case {
    enum format format;
    const char *body;
    size_t size; /* 0: up to the NUL */
    const char *message;
};

#define J(records) "{\"instances\":[" records "]}"

static const struct bad_case bad_cases[] = {
    /* the document */
    {FORMAT_JSON, "[[1,2]]", 0,
     "offset 0: the body, {\"instances\": [...]}, must be an object, not an array"},
    {FORMAT_JSON, "1", 0,
     "offset 0: the body, {\"instances\": [...]}, must be an object, not an integer"},
    {FORMAT_JSON, "{}", 0, "offset 1: an object without \"instances\""},
    {FORMAT_JSON, "{\"features\":[1]}", 0, "offset 15: an object without \"instances\""},
    {FORMAT_JSON, "{\"instances\":{}}", 0,
     "offset 13: \"instances\" must be an array, not an object"},
    {FORMAT_JSON, "{\"instances\":null}", 0, "offset 13: \"instances\" must be an array, not null"},
    {FORMAT_JSON, J(""), 0, "offset 14: \"instances\" has no record"},
    {FORMAT_JSON, "{\"instances\":[[1]],\"inst\\u0061nces\":[[2]]}", 0,
     "offset 19: \"instances\" comes twice"},
    {FORMAT_JSON, J("[1]") "x", 0, "offset 19: something follows after the end of the document"},
    {FORMAT_JSON, J("[1]") J("[1]"), 0,
     "offset 19: something follows after the end of the document"},
    {FORMAT_JSON, "  ", 0, "offset 2: the text ends in the middle of a value"},
    {FORMAT_JSON, "\f{\"instances\":[[1]]}", 0, "offset 0: a value must come here, not '\\x0c'"},
    {FORMAT_JSON, "{\"instances\":[[1]]}\v", 0,
     "offset 19: something follows after the end of the document"},
    {FORMAT_JSON, "\xef\xbb\xbf" J("[1]"), 0, "offset 0: '\\xef\\xbb\\xbf' is not a value"},
    {FORMAT_JSON, J("[1]],[[2]"), 0, "offset 19: a key in quotes must come here"},
    {FORMAT_JSON, "{\"instances\":[[1]],}", 0, "offset 19: a key in quotes must come here"},
    {FORMAT_JSON, "{\"instances\":[[1],]}", 0, "offset 18: a value must come here, not ']'"},
    {FORMAT_JSON, "{\"instances\":[[1] [2]]}", 0, "offset 18: ',' or ']' must come here"},
    {FORMAT_JSON, J("[1]") "\0", sizeof(J("[1]")),
     "offset 19: something follows after the end of the document"},
    /* records */
    {FORMAT_JSON, J("1,2"), 0,
     "record 1, offset 14: a record must be an object with \"features\", or an array of numbers"},
    {FORMAT_JSON, J("\"1,2\""), 0,
     "record 1, offset 14: a record must be an object with \"features\", or an array of numbers"},
    {FORMAT_JSON, J("[1],null"), 0,
     "record 2, offset 18: a record must be an object with \"features\", or an array of numbers"},
    {FORMAT_JSON, J("{}"), 0, "record 1, offset 14: a record without \"features\""},
    {FORMAT_JSON, J("[1],{\"data\":{}}"), 0, "record 2, offset 18: a record without \"features\""},
    {FORMAT_JSON, J("{\"data\":[1]}"), 0,
     "record 1, offset 22: \"data\" must be an object, not an array"},
    {FORMAT_JSON, J("{\"data\":{\"data\":{\"features\":[1]}}}"), 0,
     "record 1, offset 14: a record without \"features\""},
    {FORMAT_JSON, J(F("[1],\"features\":[1]")), 0, "record 1, offset 30: \"features\" comes twice"},
    {FORMAT_JSON, J("{\"data\":{\"features\":[1]},\"f\\u0065atures\":[1]}"), 0,
     "record 1, offset 39: \"features\" comes twice"},
    {FORMAT_JSON, J(F("\"1,2\"")), 0,
     "record 1, offset 26: \"features\" must be an array of numbers, or an object with \"values\""},
    {FORMAT_JSON, J(F("{}")), 0, "record 1, offset 14: \"features\" without \"values\""},
    {FORMAT_JSON, J(F("{\"keys\":[0],\"shape\":[1]}")), 0,
     "record 1, offset 14: \"features\" without \"values\""},
    {FORMAT_JSON, J(F("{\"values\":7}")), 0, "record 1, offset 36: \"values\" must be an array"},
    {FORMAT_JSON, J(F("{\"values\":[1],\"values\":[1]}")), 0,
     "record 1, offset 40: \"values\" comes twice"},
    {FORMAT_JSON, J(F("[]")), 0, "record 1, offset 14: a record of no numbers"},
    {FORMAT_JSON, J("[1],[]"), 0, "record 2, offset 18: a record of no numbers"},
    /* widths */
    {FORMAT_JSON, J("[1,2],[3]"), 0,
     "record 2, offset 20: a record of 1 numbers, those before have 2"},
    {FORMAT_JSON, J("[1,2],[3,4],[5,6,7]"), 0,
     "record 3, offset 26: a record of 3 numbers, those before have 2"},
    {FORMAT_JSON, J(F("{\"keys\":[0],\"shape\":[9],\"values\":[1]}") ",[1,2],[1]"), 0,
     "record 3, offset 71: a record of 1 numbers, those before have 2"},
    /* shapes that lie */
    {FORMAT_JSON, J(F("{\"keys\":[0,3],\"shape\":[3],\"values\":[1,2]}")), 0,
     "record 1, offset 14: key 3 in a record of shape [3]"},
    {FORMAT_JSON, J(F("{\"keys\":[0],\"shape\":[3],\"values\":[1,2]}")), 0,
     "record 1, offset 14: \"keys\" has 1 elements and \"values\" has 2"},
    {FORMAT_JSON, J(F("{\"keys\":[],\"shape\":[3],\"values\":[1]}")), 0,
     "record 1, offset 14: \"keys\" has 0 elements and \"values\" has 1"},
    {FORMAT_JSON, J(F("{\"keys\":[0,1],\"shape\":[3],\"values\":[]}")), 0,
     "record 1, offset 14: \"keys\" has 2 elements and \"values\" has 0"},
    {FORMAT_JSON, J(F("{\"keys\":[0],\"values\":[1]}")), 0,
     "record 1, offset 14: \"keys\" without \"shape\", the number of columns: [N]"},
    {FORMAT_JSON, J(F("{\"shape\":[],\"keys\":[0],\"values\":[1]}")), 0,
     "record 1, offset 36: \"shape\" must be one number, the columns of the record, from 1 on"},
    {FORMAT_JSON, J(F("{\"shape\":[1,2],\"keys\":[0],\"values\":[1]}")), 0,
     "record 1, offset 36: \"shape\" must be one number, the columns of the record, from 1 on"},
    {FORMAT_JSON, J(F("{\"shape\":[0],\"keys\":[],\"values\":[]}")), 0,
     "record 1, offset 36: \"shape\" must be one number, the columns of the record, from 1 on"},
    {FORMAT_JSON, J(F("{\"shape\":2,\"keys\":[0],\"values\":[1]}")), 0,
     "record 1, offset 35: \"shape\" must be an array"},
    {FORMAT_JSON, J(F("{\"shape\":[3],\"values\":[1,2]}")), 0,
     "record 1, offset 14: \"values\" has 2 elements and no \"keys\", but \"shape\" is [3]"},
    {FORMAT_JSON, J(F("{\"keys\":[-1],\"shape\":[3],\"values\":[1]}")), 0,
     "record 1, offset 35: a whole number from 0 on is expected, not '-1'"},
    {FORMAT_JSON, J(F("{\"keys\":[0.5],\"shape\":[3],\"values\":[1]}")), 0,
     "record 1, offset 35: a whole number from 0 on is expected, not '0.5'"},
    {FORMAT_JSON, J(F("{\"keys\":[\"0\"],\"shape\":[3],\"values\":[1]}")), 0,
     "record 1, offset 35: a whole number from 0 on is expected, not a string"},
    {FORMAT_JSON, J(F("{\"keys\":[99999999999999999999],\"shape\":[3],\"values\":[1]}")), 0,
     "record 1, offset 35: a whole number from 0 on is expected, not '99999999999999999999'"},
    {FORMAT_JSON, J(F("{\"keys\":[0],\"shape\":[-3],\"values\":[1]}")), 0,
     "record 1, offset 47: a whole number from 0 on is expected, not '-3'"},
    /* numbers */
    {FORMAT_JSON, J("[1,\"2\"]"), 0, "record 1, offset 17: a number is expected, not a string"},
    {FORMAT_JSON, J("[1],[true]"), 0, "record 2, offset 19: a number is expected, not 'true'"},
    {FORMAT_JSON, J("[[1]]"), 0, "record 1, offset 15: a number is expected, not an array"},
    {FORMAT_JSON, J("[{\"a\":1}]"), 0, "record 1, offset 15: a number is expected, not an object"},
    {FORMAT_JSON, J("[1,]"), 0, "record 1, offset 17: a number is expected, not ']'"},
    {FORMAT_JSON, J("[,1]"), 0, "record 1, offset 15: a number is expected, not ','"},
    {FORMAT_JSON, J("[1,,1]"), 0, "record 1, offset 17: a number is expected, not ','"},
    {FORMAT_JSON, J("[1 2]"), 0, "record 1, offset 17: ',' or ']' must come here"},
    {FORMAT_JSON, J("[1;2]"), 0, "record 1, offset 16: ',' or ']' must come here"},
    {FORMAT_JSON, J("[1}"), 0, "record 1, offset 16: ',' or ']' must come here"},
    {FORMAT_JSON, J("[0x10]"), 0, "record 1, offset 16: ',' or ']' must come here"},
    {FORMAT_JSON, J("[1_0]"), 0, "record 1, offset 16: ',' or ']' must come here"},
    {FORMAT_JSON, J("[1,+2]"), 0, "record 1, offset 17: a number is expected, not '+2'"},
    {FORMAT_JSON, J("[1,01]"), 0, "record 1, offset 17: a number is expected, not '01'"},
    {FORMAT_JSON, J("[1,-01.5]"), 0, "record 1, offset 17: a number is expected, not '-01.5'"},
    {FORMAT_JSON, J("[1,.5]"), 0, "record 1, offset 17: a number is expected, not '.5'"},
    {FORMAT_JSON, J("[1, -.5]"), 0, "record 1, offset 18: a number is expected, not '-.5'"},
    {FORMAT_JSON, J("[1,5.]"), 0, "record 1, offset 17: a number is expected, not '5.'"},
    {FORMAT_JSON, J("[1,\t5.e3,1]"), 0, "record 1, offset 18: a number is expected, not '5.e3'"},
    {FORMAT_JSON, J("[5.]"), 0, "record 1, offset 15: a number is expected, not '5.'"},
    {FORMAT_JSON, J("[1.5.5]"), 0, "record 1, offset 18: ',' or ']' must come here"},
    {FORMAT_JSON, J("[-]"), 0, "record 1, offset 15: a number is expected, not '-'"},
    {FORMAT_JSON, J("[1e]"), 0, "record 1, offset 16: ',' or ']' must come here"},
    {FORMAT_JSON, J("[nan]"), 0, "record 1, offset 15: a number is expected, not 'nan'"},
    {FORMAT_JSON, J("[None]"), 0, "record 1, offset 15: a number is expected, not 'None'"},
    {FORMAT_JSON, J("[-NaN]"), 0, "record 1, offset 15: a number is expected, not '-NaN'"},
    {FORMAT_JSON, J("[nullx]"), 0, "record 1, offset 15: a number is expected, not 'nullx'"},
    {FORMAT_JSON, J("[\xef\xbc\x91]"), 0,
     "record 1, offset 15: a number is expected, not '\\xef\\xbc\\x91'"},
    {FORMAT_JSON, J("[1\0]"), sizeof(J("[1\0]")) - 1,
     "record 1, offset 16: ',' or ']' must come here"},
    /* what is passed over is read as strictly */
    {FORMAT_JSON, "{\"a\":01,\"instances\":[[1]]}", 0, "offset 5: '01' is not a value"},
    {FORMAT_JSON, "{\"a\":[1.,2],\"instances\":[[1]]}", 0, "offset 6: '1.' is not a value"},
    {FORMAT_JSON, J("{\"a\":tru,\"features\":[1]}"), 0,
     "record 1, offset 19: 'tru' is not a value"},
    {FORMAT_JSON, J("{\"a\":\"\xff\",\"features\":[1]}"), 0,
     "record 1, offset 20: byte 0xff is not UTF-8: invalid start byte"},
    {FORMAT_JSON, J("{\"a\":\"\xed\xa0\x80\",\"features\":[1]}"), 0,
     "record 1, offset 20: byte 0xed is not UTF-8: invalid continuation byte"},
    {FORMAT_JSON, J("{\"a\xc3\":1,\"features\":[1]}"), 0,
     "record 1, offset 17: byte 0xc3 is not UTF-8: unexpected end of data"},
    {FORMAT_JSON, J("{\"a\":\"x\ty\",\"features\":[1]}"), 0,
     "record 1, offset 21: control character 0x09 in a string must be escaped"},
    {FORMAT_JSON, J("{\"a\":\"\\u00g0\",\"features\":[1]}"), 0,
     "record 1, offset 20: four hexadecimal digits must come after \\u"},
    {FORMAT_JSON, J("{\"a\":\"\\u00\",\"features\":[1]}"), 0,
     "record 1, offset 20: four hexadecimal digits must come after \\u"},
    {FORMAT_JSON, J("{\"a\":\"\\x\",\"features\":[1]}"), 0,
     "record 1, offset 20: unknown escape in a string"},
    {FORMAT_JSON, J("{'features':[1]}"), 0, "record 1, offset 15: a key in quotes must come here"},
    /* lines: offsets are those in the line */
    {FORMAT_JSONLINES, "\n \r\n", 0, "the body has no record"},
    {FORMAT_JSONLINES, "[1]\n\n[2,x]\n", 0, "record 2, offset 3: a number is expected, not 'x'"},
    {FORMAT_JSONLINES, "[1]\n[2\n]", 0,
     "record 2, offset 2: the text ends in the middle of a value"},
    {FORMAT_JSONLINES, "[1]\n[2] [3]\n", 0,
     "record 2, offset 4: something follows after the end of the document"},
    {FORMAT_JSONLINES, "[1],\n[2]\n", 0,
     "record 1, offset 3: something follows after the end of the document"},
    {FORMAT_JSONLINES, "[1]\n[2,3]\n", 0,
     "record 2, offset 0: a record of 2 numbers, those before have 1"},
    {FORMAT_JSONLINES, J("[1]"), 0, "record 1, offset 0: a record without \"features\""},
    {FORMAT_JSONLINES, "[1]\n\f\n", 0, "record 2, offset 0: a value must come here, not '\\x0c'"},
    {FORMAT_JSONLINES, "[1]\r[2]", 0,
     "record 1, offset 4: something follows after the end of the document"},
};

static void test_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(bad_cases); i++) {
        const struct bad_case *c = &bad_cases[i];
        struct result result =
            decode(c->format, c->body, c->size ? c->size : strlen(c->body), XGBOOST, 1000);

        if (!result.status)
            fail_msg("%s: no fault", c->body);
        if (strcmp(result.message, c->message) != 0)
            fail_msg("%s: %s", c->body, result.message);
        assert_string_equal(result.fault.exception, "ValueError");
        assert_false(result.fault.out_of_memory);
        assert_null(strchr(result.message, '\n'));
        result_fini(&result);
    }
}

/* Nesting is bounded, where it is passed over too. */
static void test_depth(void **state)
{
    size_t deep = 1000000;
    char *body = malloc(deep + 64);
    struct result result;
    size_t n;

    (void)state;
    assert_non_null(body);
    n = (size_t)sprintf(body, "{\"a\":");
    memset(body + n, '[', deep);
    result = decode(FORMAT_JSON, body, n + deep, XGBOOST, 1);
    assert_int_equal(result.status, -1);
    assert_string_equal(result.message, "offset 68: nested more than 64 levels deep");
    result_fini(&result);
    free(body);
}

/* An infinity is told in the words of csv, once all of the body was found to be readable. */
static void test_infinity(void **state)
{
    static const struct {
        enum format format;
        const char *body;
        uint64_t row, column;
    } cases[] = {
        {FORMAT_JSON, J("[1,1e39]"), 1, 2},
        {FORMAT_JSON, J("[1,2],[NaN,-1e400],[Infinity,1]"), 2, 2},
        {FORMAT_JSON, J("[1,2],[-Infinity,3.4028236e38]"), 2, 1},
        {FORMAT_JSONLINES, "[1]\n[2]\n[-Infinity]", 3, 1},
        {FORMAT_JSON, J(F("{\"keys\":[7,5],\"shape\":[8],\"values\":[1,1e39]}")), 1, 6},
        {FORMAT_JSON, J(F("{\"keys\":[1,1],\"shape\":[2],\"values\":[3e38,3e38]}")), 1, 2},
    };
    struct result result;

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct decode_rules keep = {.infinite_ok = true};

        result = decode_text(cases[i].format, cases[i].body);
        assert_int_equal(result.status, -1);
        assert_string_equal(result.fault.exception, "xgboost.core.XGBoostError");
        assert_string_equal(result.message,
                            "[00:00:00] /workspace/src/data/data.cc:1104: Check failed: valid: "
                            "Input data contains `inf` or `nan`\nStack trace:\n");
        assert_int_equal(result.fault.row, cases[i].row);
        assert_int_equal(result.fault.column, cases[i].column);
        result_fini(&result);

        result = decode(cases[i].format, cases[i].body, strlen(cases[i].body), keep, 10);
        assert_int_equal(result.status, 0);
        result_fini(&result);
    }
    result = decode_text(FORMAT_JSON, J("[1e39],[x]"));
    assert_string_equal(result.message, "record 2, offset 22: a number is expected, not 'x'");
    result_fini(&result);
}

/* The rules that another family of models has. */
static void test_rules(void **state)
{
    static const struct {
        struct decode_rules rules;
        const char *body;
        const char *message; /* NULL: none */
    } cases[] = {
        {{0}, J("[1,null]"), "record 1, offset 17: a number is expected, not 'null'"},
        {{0},
         J(F("{\"keys\":[0],\"shape\":[2],\"values\":[null]}")),
         "record 1, offset 60: a number is expected, not 'null'"},
        {{0}, J("[1,NaN]"), NULL},
        {{.json_one_width = true}, J("[1,2],[3,4]"), NULL},
        {{.json_one_width = true},
         J("[1,2]," F("{\"keys\":[0],\"shape\":[2],\"values\":[1]}")),
         NULL},
        {{.json_one_width = true},
         J("[1,2]," F("{\"keys\":[0],\"shape\":[3],\"values\":[1]}")),
         "record 2, offset 20: a record of 3 columns, those before have 2"},
        {{.json_one_width = true},
         J(F("{\"keys\":[0],\"shape\":[3],\"values\":[1]}") ",[1,2]"),
         "record 2, offset 65: a record of 2 columns, those before have 3"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct result result =
            decode(FORMAT_JSON, cases[i].body, strlen(cases[i].body), cases[i].rules, 10);

        if (!cases[i].message != !result.message)
            fail_msg("%s: %s", cases[i].body, result.message ? result.message : "no fault");
        if (cases[i].message)
            assert_string_equal(result.message, cases[i].message);
        result_fini(&result);
    }
}

/* What is cut anywhere is a fault, or, where the cut is between lines, fewer rows. */
static void test_every_cut(void **state)
{
    static const char document[] =
        "{\"x\":{\"a\":[1,\"\\u00e9\xc3\xa9\",true]}, \"instances\": "
        "[{\"features\":[1.5,-2e1,null]},"
        " {\"data\":{\"features\":{\"keys\":[2,0],\"shape\":[3],\"values\":[10,11]}},\"id\":7},"
        "[1,0.25, NaN]],\"y\":[]}";
    static const char *const records[] = {
        "{\"features\":[1.5,-2e1,null]}",
        "{\"data\":{\"features\":{\"keys\":[2,0],\"shape\":[3],\"values\":[10,11]}},\"id\":7}",
        "[1,0.25, NaN]",
    };
    char lines[512] = "";
    size_t rows = 0;  /* whole ones before the cut */
    size_t start = 0; /* of the row that follows them */
    struct result whole = decode_text(FORMAT_JSON, document);
    struct result whole_lines;

    (void)state;
    for (size_t i = 0; i < 3; i++)
        strcat(strcat(lines, records[i]), "\r\n\n");
    whole_lines = decode_text(FORMAT_JSONLINES, lines);
    assert_int_equal(whole.rows, 3);
    assert_int_equal(whole_lines.rows, 3);
    assert_memory_equal(whole.output.data, whole_lines.output.data, whole.output.size);
    for (size_t size = 0; size < sizeof(document) - 1; size++) {
        struct result result = decode(FORMAT_JSON, document, size, XGBOOST, 2);

        if (!result.status)
            fail_msg("cut at %zu: no fault", size);
        result_fini(&result);
    }
    for (size_t size = 0; size <= strlen(lines); size++) {
        struct result result = decode(FORMAT_JSONLINES, lines, size, XGBOOST, 2);

        if (rows < 3 && size == start + strlen(records[rows])) {
            start += strlen(records[rows]) + 3;
            rows++;
        }
        if ((rows && size <= start) != (result.status == 0))
            fail_msg("cut of lines at %zu: %s", size, result.message ? result.message : "no fault");
        if (!result.status) {
            assert_int_equal(result.rows, rows);
            assert_memory_equal(result.output.data, whole_lines.output.data, result.output.size);
        }
        result_fini(&result);
    }
    result_fini(&whole);
    result_fini(&whole_lines);
}

#define PUT(buffer, ...) assert_int_equal(buffer_print(buffer, __VA_ARGS__), 0)

/* Many rows, of which each `sparse`-th is sparse; 0: none. The caller frees the text. */
static char *make_lines(size_t rows, size_t columns, size_t sparse)
{
    struct buffer lines;
    unsigned random = 1;

    buffer_init(&lines, SIZE_MAX);
    for (size_t r = 0; r < rows; r++) {
        bool is_sparse = sparse && r % sparse == sparse - 1;

        PUT(&lines, is_sparse ? "{\"features\":{\"values\":[" : "{\"features\":[");
        for (size_t c = 0; c < columns; c++) {
            random = random * 1103515245 + 12345;
            PUT(&lines, "%s%.4f", c ? "," : "", (double)(int)random * 1e-6);
        }
        if (is_sparse) { /* the same columns from behind */
            PUT(&lines, "],\"keys\":[");
            for (size_t c = 0; c < columns; c++)
                PUT(&lines, "%s%zu", c ? "," : "", columns - c - 1);
            PUT(&lines, "],\"shape\":[%zu]}}\n", columns);
        } else {
            PUT(&lines, "]}\n");
        }
    }
    return lines.data;
}

/* The same lines as a document. */
static char *make_document(const char *lines)
{
    struct buffer document;

    buffer_init(&document, SIZE_MAX);
    PUT(&document, "{\"instances\": [%.*s]}", (int)strlen(lines) - 1, lines);
    for (char *c = document.data; (c = strchr(c, '\n')); c++)
        *c = ',';
    return document.data;
}

static void test_block_sizes(void **state)
{
    static const size_t blocks[] = {7, 64, 1000, SIZE_MAX};

    (void)state;
    for (size_t sparse = 0; sparse <= 150; sparse += 50) {
        char *lines = make_lines(300, 9, sparse);
        char *document = make_document(lines);
        struct result first = decode(FORMAT_JSONLINES, lines, strlen(lines), XGBOOST, 1);

        assert_int_equal(first.status, 0);
        assert_int_equal(first.rows, 300);
        assert_int_equal(first.columns, 9);
        assert_int_equal(first.sparse, sparse != 0);
        for (size_t b = 0; b < ARRAY_LENGTH(blocks); b++) {
            struct result result =
                decode(FORMAT_JSON, document, strlen(document), XGBOOST, blocks[b]);

            assert_int_equal(result.rows, 300);
            assert_int_equal(result.output.size, first.output.size);
            assert_memory_equal(result.output.data, first.output.data, first.output.size);
            result_fini(&result);
        }
        result_fini(&first);
        free(lines);
        free(document);
    }
}

/* Pieces of whole lines, of any number of lines, give what the whole gives. */
static void test_continue_equals_whole(void **state)
{
    char *body = make_lines(100, 4, 13);
    size_t size = strlen(body);
    struct result whole = decode(FORMAT_JSONLINES, body, size, XGBOOST, 8);

    (void)state;
    assert_int_equal(whole.status, 0);
    for (size_t lines = 1; lines < 40; lines += 13) {
        struct result result = result_new();
        struct decode_rules rules = {.json_null_is_missing = true, .more_follows = true};

        for (size_t at = 0; at < size;) {
            size_t end = at;

            for (size_t n = 0; n < lines && end < size; n++)
                end = (size_t)((char *)memchr(body + end, '\n', size - end) - body) + 1;
            result.status =
                at ? decoder_continue(&decoder, bytes_of(body + at, end - at), &result.fault)
                   : decoder_open(&decoder, FORMAT_JSONLINES, bytes_of(body, end), &rules,
                                  &result.fault);
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

/* What a piece may hold after "[1,2]\n" and "[3,4]\n\n[5,6]\n", which were read. */
static void check_piece(const char *piece, size_t rows, const char *message)
{
    struct result result = result_new();
    struct decode_rules rules = {.more_follows = true};

    assert_int_equal(
        decoder_open(&decoder, FORMAT_JSONLINES, bytes_text("[1,2]\n"), &rules, &result.fault), 0);
    drain(&result, 10);
    assert_int_equal(decoder_continue(&decoder, bytes_text("[3,4]\n\n[5,6]\n"), &result.fault), 0);
    drain(&result, 10);
    assert_int_equal(result.rows, 3);
    result.status = decoder_continue(&decoder, bytes_text(piece), &result.fault);
    if (!result.status)
        drain(&result, 10);
    set_message(&result);
    if (message)
        assert_string_equal(result.message, message);
    else
        assert_int_equal(result.rows, 3 + rows);
    assert_int_equal(result.status, message ? -1 : 0);
    result_fini(&result);
}

static void test_continue(void **state)
{
    struct decode_rules rules = {.more_follows = true};
    static const float wide[] = {MISS, MISS, 9, 1, 2, MISS};
    struct result result = result_new();

    (void)state;
    check_piece("", 0, NULL);
    check_piece("\n", 0, NULL);
    check_piece("\n\n[7,8]\n\n", 1, NULL);
    check_piece("[7,8]", 1, NULL);
    check_piece("[7,8]\n[9]", 0, "record 5, offset 0: a record of 1 numbers, those before have 2");
    check_piece("[7,8]\n[9,x]", 0, "record 5, offset 3: a number is expected, not 'x'");

    /* dense rows after a sparse one that is wider, in pieces of their own */
    assert_int_equal(
        decoder_open(&decoder, FORMAT_JSONLINES, bytes_text("\n"), &rules, &result.fault), 0);
    drain(&result, 10);
    assert_int_equal(result.rows, 0);
    assert_int_equal(
        decoder_continue(&decoder,
                         bytes_text(F("{\"keys\":[2],\"shape\":[3],\"values\":[9]}") "\n"),
                         &result.fault),
        0);
    drain(&result, 10);
    assert_int_equal(decoder_continue(&decoder, bytes_text("[1,2]\n"), &result.fault), 0);
    drain(&result, 10);
    assert_int_equal(result.rows, 2);
    assert_int_equal(result.columns, 3);
    check_values(&result, wide, "pieces");
    result_fini(&result);

    result = decode_text(FORMAT_JSON, J("[1]"));
    assert_int_equal(decoder_continue(&decoder, bytes_text(J("[1]")), &result.fault), -1);
    result_fini(&result);
}

/* Columns that a matrix cannot have are told by `columns` alone. */
static void test_huge_columns(void **state)
{
    struct result result = result_new();
    struct matrix matrix;

    (void)state;
    result.status =
        decoder_open(&decoder, FORMAT_JSON,
                     bytes_text(J(F("{\"keys\":[4294967296,3,9223372036854775806,4294967295],"
                                    "\"shape\":[9223372036854775807],\"values\":[1,2,3,4]}"))),
                     &XGBOOST, &result.fault);
    assert_int_equal(result.status, 0);
    assert_true(decoder.columns == INT64_MAX);
    assert_int_equal(decoder_next(&decoder, 10, &matrix, &result.fault), 0);
    assert_int_equal(matrix.rows, 1);
    assert_int_equal(matrix.row_start[1], 2);
    assert_int_equal(matrix.column[0], 3);
    assert_true(matrix.column[1] == UINT32_MAX);
    assert_true(matrix.values[0] == 2 && matrix.values[1] == 4);
    result_fini(&result);
}

/* A failed allocation is ours, not the body's; the decoder is usable after it. */
static void test_memory(void **state)
{
    static const char *const bodies[] = {
        J("[1,2],[3,4]"),
        J("[1,2]," F("{\"keys\":[1,0],\"shape\":[2],\"values\":[1,2]}") ",[1,2]"),
        J("[1,2],x"),
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(bodies); i++)
        check_memory(FORMAT_JSON, bodies[i], &XGBOOST, 20, i == 2 ? -1 : 0);
}

/* Bodies as large as a request may be: one wide row, many narrow ones, keys from behind. */
static void test_extremes(void **state)
{
    size_t size = (size_t)6 * 1024 * 1024;
    char *body = malloc(size + 1);
    struct result result;
    char *p = body;
    size_t n = 400000;

    (void)state;
    assert_non_null(body);
    memset(body, '1', size);
    for (size_t i = 1; i < size; i += 2)
        body[i] = ',';
    body[0] = '[';
    memcpy(body + size - 2, "1]", 2);
    body[1] = '1';
    result = decode(FORMAT_JSONLINES, body, size, XGBOOST, 64);
    assert_int_equal(result.status, 0);
    assert_int_equal(result.rows, 1);
    assert_int_equal(result.columns, size / 2 - 1);
    result_fini(&result);

    for (size_t i = 0; i < size; i += 4)
        memcpy(body + i, "[1]\n", 4);
    result = decode(FORMAT_JSONLINES, body, size, XGBOOST, 64);
    assert_int_equal(result.status, 0);
    assert_int_equal(result.rows, size / 4);
    result_fini(&result);

    p += sprintf(p, "{\"features\":{\"keys\":[%zu", n);
    for (size_t i = n - 1; i > 0; i--)
        p += sprintf(p, ",%zu", i);
    p += sprintf(p, "],\"shape\":[%zu],\"values\":[1", n + 1);
    for (size_t i = n - 1; i > 0; i--)
        p += sprintf(p, ",2");
    p += sprintf(p, "]}}");
    result = decode(FORMAT_JSONLINES, body, (size_t)(p - body), XGBOOST, 64);
    assert_int_equal(result.status, 0);
    assert_int_equal(result.rows, 1);
    assert_int_equal(result.columns, n + 1);
    assert_true(result_values(&result)[n] == 1);
    result_fini(&result);
    free(body);
}

/* One decoder after another body, and after a fault, is as good as new. */
static void test_reuse(void **state)
{
    static const float one[] = {5};
    struct result result;

    (void)state;
    result = decode_text(FORMAT_JSON, J(F("{\"keys\":[9],\"shape\":[10],\"values\":[1]}")));
    result_fini(&result);
    result = decode_text(FORMAT_JSON, J("[1,2,3],[4"));
    result_fini(&result);
    result = decode_text(FORMAT_JSON, J("[5]"));
    assert_int_equal(result.status, 0);
    assert_false(result.sparse);
    assert_int_equal(result.columns, 1);
    check_values(&result, one, "reuse");
    result_fini(&result);
}

#define T(test) cmocka_unit_test_setup_teardown(test, decoder_setup, decoder_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_good),     T(test_bad),          T(test_depth),       T(test_infinity),
        T(test_rules),    T(test_every_cut),    T(test_block_sizes), T(test_continue_equals_whole),
        T(test_continue), T(test_huge_columns), T(test_memory),      T(test_extremes),
        T(test_reuse),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
