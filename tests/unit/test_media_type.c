#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/formats/media_type.h"

#define LIST                                                                                       \
    " is not an accepted ContentType: csv, libsvm, parquet, recordio-protobuf, text/csv, "         \
    "text/libsvm, text/x-libsvm, application/x-parquet, application/x-recordio-protobuf."
#define LABEL_SIZE                                                                                 \
    " is not an accepted csv ContentType. Optional parameter label_size must be equal to 1"

static char *to_text(const struct buffer *message)
{
    return strndup(message->data ? message->data : "", message->size);
}

static const struct content_type_rules ours = {.json = true};
static const struct content_type_rules strict = {.json = false};

static void test_content_type_accepted(void **state)
{
    static const struct {
        const char *header;
        enum format format;
    } cases[] = {
        {"csv", FORMAT_CSV},
        {"CSV", FORMAT_CSV},
        {"text/csv", FORMAT_CSV},
        {"Text/CSV", FORMAT_CSV},
        {"text/csv ; charset=latin-1", FORMAT_CSV},
        {" text/csv;header=present", FORMAT_CSV},
        {"text/csv;label_size=1", FORMAT_CSV},
        {"text/csv; label_size = 1", FORMAT_CSV},
        {"text/csv; LABEL_SIZE=1", FORMAT_CSV},
        {"text/csv;label_size=\"1\"", FORMAT_CSV},
        {"text/csv; label_size=2; label_size=1", FORMAT_CSV},
        {"text/csv; label_size", FORMAT_CSV},
        {"text/csv; note=\"a;label_size=2\"", FORMAT_CSV},
        {"text/csv;", FORMAT_CSV},
        {"text/csv\xa0", FORMAT_CSV}, /* no-break space in Latin-1 */
        {"libsvm", FORMAT_LIBSVM},
        {"text/libsvm", FORMAT_LIBSVM},
        {"text/x-libsvm; charset=utf-8", FORMAT_LIBSVM},
        {"text/libsvm; label_size=7", FORMAT_LIBSVM},
        {"recordio-protobuf", FORMAT_RECORDIO},
        {"application/x-recordio-protobuf", FORMAT_RECORDIO},
        {"application/json", FORMAT_JSON},
        {" Application/JSON; charset=utf-8", FORMAT_JSON},
        {"application/json;label_size=7", FORMAT_JSON},
        {"application/jsonlines", FORMAT_JSONLINES},
        {"application/jsonlines;data=text", FORMAT_JSONLINES},
    };
    enum format format = FORMAT_PARQUET;
    struct buffer message;

    (void)state;
    buffer_init(&message, SIZE_MAX);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        format = FORMAT_PARQUET;
        if (content_type_parse(true, bytes_text(cases[i].header), &ours, &format, &message) !=
            CONTENT_TYPE_OK)
            fail_msg("%s is refused", cases[i].header);
        assert_int_equal(format, cases[i].format);
    }
    /* no header at all */
    format = FORMAT_PARQUET;
    assert_int_equal(content_type_parse(false, bytes_of(NULL, 0), &ours, &format, &message),
                     CONTENT_TYPE_OK);
    assert_int_equal(format, FORMAT_LIBSVM);
    buffer_fini(&message);
}

static void test_content_type_refused(void **state)
{
    static const struct {
        const char *header;
        const char *message;
    } cases[] = {
        {"", LIST},
        {"application/json", "application/json" LIST},
        {"Application/JSON", "Application/JSON" LIST},
        {"application/jsonlines; a=b", "application/jsonlines; a=b" LIST},
        {"text/plain; charset=utf-8", "text/plain; charset=utf-8" LIST},
        {"image/png", "image/png" LIST},
        {"incorrect_format", "incorrect_format" LIST},
        {"text/csvx", "text/csvx" LIST},
        {"text/cs", "text/cs" LIST},
        {"label_size=1; text/csv", "label_size=1; text/csv" LIST},
        {"caf\xe9", "caf\xc3\xa9" LIST}, /* Latin-1 to UTF-8 */
        {"text/csv;label_size=0", "text/csv;label_size=0" LABEL_SIZE},
        {"TEXT/csv; label_size=5", "TEXT/csv; label_size=5" LABEL_SIZE},
        {"text/csv; label_size=1=1", "text/csv; label_size=1=1" LABEL_SIZE},
        {"text/csv; label_size=", "text/csv; label_size=" LABEL_SIZE},
        {"text/csv; label_size=01", "text/csv; label_size=01" LABEL_SIZE},
        {"text/csv; label_size=\"1", "text/csv; label_size=\"1" LABEL_SIZE},
        {"text/csv; label_size=1; label_size=2", "text/csv; label_size=1; label_size=2" LABEL_SIZE},
        {"csv;label_size=2", "csv;label_size=2" LABEL_SIZE},
        {"application/x-parquet", "Content-type application/x-parquet is not supported."},
        {"PARQUET; a=b", "Content-type PARQUET; a=b is not supported."},
    };
    enum format format = FORMAT_PARQUET;
    struct buffer message;

    (void)state;
    buffer_init(&message, SIZE_MAX);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *text;

        assert_int_equal(
            content_type_parse(true, bytes_text(cases[i].header), &strict, &format, &message),
            CONTENT_TYPE_REFUSED);
        text = to_text(&message);
        assert_string_equal(text, cases[i].message);
        free(text);
    }
    assert_int_equal(format, FORMAT_PARQUET); /* written on success only */
    buffer_fini(&message);
    buffer_init(&message, SIZE_MAX);
    mem_fail_at(1);
    assert_int_equal(content_type_parse(true, bytes_text("x"), &ours, &format, &message),
                     CONTENT_TYPE_NO_MEMORY);
    mem_fail_at(0);
    buffer_fini(&message);
}

/* What is like JSON and is not is refused whatever the rules, in the words for any unknown type. */
static void test_content_type_not_json(void **state)
{
    static const char *const headers[] = {"json", "application/json-seq", "text/json",
                                          "application/x-json"};
    struct buffer message;

    (void)state;
    buffer_init(&message, SIZE_MAX);
    for (size_t i = 0; i < ARRAY_LENGTH(headers); i++) {
        char expected[400];
        enum format format;
        char *text;

        assert_int_equal(content_type_parse(true, bytes_text(headers[i]), &ours, &format, &message),
                         CONTENT_TYPE_REFUSED);
        snprintf(expected, sizeof(expected), "%s" LIST, headers[i]);
        text = to_text(&message);
        assert_string_equal(text, expected);
        free(text);
    }
    buffer_fini(&message);
}

static void test_content_type_form(void **state)
{
    static const char *const headers[] = {
        "application/x-www-form-urlencoded",
        "Application/X-WWW-form-urlencoded; charset=utf-8",
        "multipart/form-data; boundary=x",
    };
    enum format format;
    struct buffer message;

    (void)state;
    buffer_init(&message, SIZE_MAX);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(content_type_parse(true, bytes_text(headers[i]), &ours, &format, &message),
                         CONTENT_TYPE_FORM);
    buffer_fini(&message);
}

static void test_accept(void **state)
{
    static const struct {
        const char *header; /* NULL: absent */
        const char *default_accept;
        enum accept_type accept;
    } cases[] = {
        {NULL, NULL, ACCEPT_CSV},
        {"", NULL, ACCEPT_CSV},
        {" ", NULL, ACCEPT_CSV},
        {"*/*", NULL, ACCEPT_CSV},
        {"*/*;q=0.1", NULL, ACCEPT_CSV},
        {"; q=1", NULL, ACCEPT_CSV},
        {"text/csv", NULL, ACCEPT_CSV},
        {"TEXT/CSV", NULL, ACCEPT_CSV},
        {"text/csv; q=0.5", NULL, ACCEPT_CSV},
        {"application/json", NULL, ACCEPT_JSON},
        {"application/json;verbose=True", NULL, ACCEPT_JSON},
        {" Application/Json ", NULL, ACCEPT_JSON},
        {"application/jsonlines", NULL, ACCEPT_JSONLINES},
        {"application/x-recordio-protobuf", NULL, ACCEPT_RECORDIO},
        /* the environment's default is for requests that do not ask, and is used as it is */
        {NULL, "application/json", ACCEPT_JSON},
        {"", "application/json", ACCEPT_JSON},
        {"*/*", "application/jsonlines", ACCEPT_JSONLINES},
        {"text/csv", "application/json", ACCEPT_CSV},
        {NULL, "TEXT/CSV", ACCEPT_NO_ENCODER},
        {NULL, "text/csv; charset=utf-8", ACCEPT_NO_ENCODER},
        {NULL, "", ACCEPT_NO_ENCODER},
        {NULL, "application/x-recordio-protobuf", ACCEPT_RECORDIO},
        {NULL, "text/csv ", ACCEPT_NO_ENCODER},
        {NULL, "*/*", ACCEPT_NO_ENCODER},
        {NULL, "image/png", ACCEPT_NO_ENCODER},
        /* what a header may not ask for and the environment may */
        {"*/*", "application/x-npy", ACCEPT_NPY},
        {NULL, "application/x-npy", ACCEPT_NPY},
        {"text/csv", "application/x-npy", ACCEPT_CSV},
        {NULL, "application/X-npy", ACCEPT_NO_ENCODER},
        {"application/json", "", ACCEPT_JSON},
    };
    struct buffer message;

    (void)state;
    buffer_init(&message, SIZE_MAX);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bool present = cases[i].header != NULL;
        enum accept_type accept =
            accept_parse(present, present ? bytes_text(cases[i].header) : bytes_of(NULL, 0),
                         cases[i].default_accept, &message);

        if (accept != cases[i].accept)
            fail_msg("case %zu: %d", i, (int)accept);
    }
    buffer_fini(&message);
}

static void test_accept_refused(void **state)
{
    static const char *const headers[][2] = {
        {"text/csv, application/json", "text/csv, application/json"},
        {"text/*", "text/*"},
        {"Text/Plain; q=1", "Text/Plain"},
        {"csv", "csv"},
        {"*", "*"},
        {"*/*, text/csv", "*/*, text/csv"},
        {" application/x-npy ", "application/x-npy"},
        {"\xe9", "\xc3\xa9"},
    };
    struct buffer message;

    (void)state;
    buffer_init(&message, SIZE_MAX);
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        char expected[300] = "Accept type ";
        char *text;

        assert_int_equal(
            accept_parse(true, bytes_text(headers[i][0]), "application/json", &message),
            ACCEPT_REFUSED);
        strcat(expected, headers[i][1]);
        strcat(expected, " is not supported. Please use supported accept types: "
                         "['application/json', 'application/jsonlines', "
                         "'application/x-recordio-protobuf', 'text/csv'].");
        text = to_text(&message);
        assert_string_equal(text, expected);
        free(text);
    }
    buffer_fini(&message);
}

static void test_answer_content_type(void **state)
{
    (void)state;
    assert_string_equal(accept_content_type(ACCEPT_CSV), "text/csv; charset=utf-8");
    assert_string_equal(accept_content_type(ACCEPT_JSON), "application/json");
    assert_string_equal(accept_content_type(ACCEPT_JSONLINES), "application/jsonlines");
    assert_string_equal(accept_content_type(ACCEPT_RECORDIO), "application/x-recordio-protobuf");
    assert_string_equal(accept_content_type(ACCEPT_NPY), "application/x-npy");
    assert_string_equal(accept_content_type(ACCEPT_REFUSED), "text/html; charset=utf-8");
}

/* Linear Learner and its siblings. */

static enum content_type_result parse_builtin(const char *header, struct builtin_content_type *ret,
                                              struct buffer *message)
{
    return builtin_content_type_parse(header != NULL, bytes_text(header ? header : ""), ret,
                                      message);
}

static void test_builtin_content_type(void **state)
{
    static const struct {
        const char *header; /* NULL: none */
        enum format format;
        uint32_t label_size;
    } cases[] = {
        {NULL, FORMAT_JSON, 0},
        {"", FORMAT_JSON, 0},
        {" ; charset=utf-8", FORMAT_JSON, 0},
        {"application/json", FORMAT_JSON, 0},
        {" Application/JSON ; charset=utf-8", FORMAT_JSON, 0},
        {"application/json;label_size=many", FORMAT_JSON, 0},
        {"application/jsonlines", FORMAT_JSONLINES, 0},
        {"application/x-recordio-protobuf", FORMAT_RECORDIO, 0},
        {"text/csv", FORMAT_CSV, 0},
        {"TEXT/CSV;", FORMAT_CSV, 0},
        {"text/csv;label_size=0", FORMAT_CSV, 0},
        {"text/csv; Label_Size = 1", FORMAT_CSV, 1},
        {"text/csv; charset=utf-8; header; label_size=12;=;x", FORMAT_CSV, 12},
        {"text/csv; label_size=\"2\"", FORMAT_CSV, 2},
        {"text/csv; label_size=x; label_size=03", FORMAT_CSV, 3},
        {"text/csv; label_size", FORMAT_CSV, 0},
        {"text/csv; label_size=1000000", FORMAT_CSV, 1000000},
    };
    struct buffer message;

    (void)state;
    buffer_init(&message, SIZE_MAX);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct builtin_content_type type = {.format = FORMAT_PARQUET, .label_size = 99};

        if (parse_builtin(cases[i].header, &type, &message) != CONTENT_TYPE_OK)
            fail_msg("%s is refused", cases[i].header);
        assert_int_equal(type.format, cases[i].format);
        assert_int_equal(type.label_size, cases[i].label_size);
    }
    buffer_fini(&message);
}

#define LABELS " is not a whole number from 0 to 1000000"

static void test_builtin_content_type_refused(void **state)
{
    static const struct {
        const char *header;
        enum content_type_result result;
        const char *message;
    } cases[] = {
        {"application/octet-stream", CONTENT_TYPE_REFUSED,
         "content-type application/octet-stream not supported"},
        {"Text/LibSVM; charset=utf-8", CONTENT_TYPE_REFUSED,
         "content-type text/libsvm not supported"},
        {"csv", CONTENT_TYPE_REFUSED, "content-type csv not supported"},
        {"multipart/form-data; boundary=x", CONTENT_TYPE_REFUSED,
         "content-type multipart/form-data not supported"},
        {"caf\xe9", CONTENT_TYPE_REFUSED, "content-type caf\xc3\xa9 not supported"},
        {"text/csv; label_size=", CONTENT_TYPE_BAD_PARAMETER, "label_size \"\"" LABELS},
        {"text/csv; label_size=-1", CONTENT_TYPE_BAD_PARAMETER, "label_size \"-1\"" LABELS},
        {"text/csv; label_size=1.0", CONTENT_TYPE_BAD_PARAMETER, "label_size \"1.0\"" LABELS},
        {"text/csv; label_size=1000001", CONTENT_TYPE_BAD_PARAMETER,
         "label_size \"1000001\"" LABELS},
        {"text/csv; label_size=4294967297", CONTENT_TYPE_BAD_PARAMETER,
         "label_size \"4294967297\"" LABELS},
        {"text/csv; label_size=1;label_size=Two", CONTENT_TYPE_BAD_PARAMETER,
         "label_size \"Two\"" LABELS},
    };
    struct builtin_content_type type;
    struct buffer message;

    (void)state;
    buffer_init(&message, SIZE_MAX);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(parse_builtin(cases[i].header, &type, &message), cases[i].result);
        assert_int_equal(buffer_append(&message, "", 1), 0);
        assert_string_equal(message.data, cases[i].message);
    }
    buffer_fini(&message);
    buffer_init(&message, 4);
    assert_int_equal(parse_builtin("a", &type, &message), CONTENT_TYPE_NO_MEMORY);
    assert_int_equal(parse_builtin("text/csv; label_size=a", &type, &message),
                     CONTENT_TYPE_NO_MEMORY);
    buffer_fini(&message);
}

static void test_builtin_accept(void **state)
{
    static const struct {
        const char *header; /* NULL: none */
        const char *value;  /* of the environment */
        enum accept_type type;
        bool verbose;
        bool no_csv;
    } cases[] = {
        {NULL, NULL, ACCEPT_JSON},
        {"", NULL, ACCEPT_JSON},
        {"*/*", NULL, ACCEPT_JSON},
        {"application/json", "text/csv", ACCEPT_JSON},
        {"text/csv", NULL, ACCEPT_CSV},
        {"application/jsonlines", NULL, ACCEPT_JSONLINES},
        {"application/x-recordio-protobuf", NULL, ACCEPT_RECORDIO},
        {" Application/JSONLines ; q=1", NULL, ACCEPT_JSONLINES},
        {"application/json; verbose=true", NULL, ACCEPT_JSON, true},
        {"application/jsonlines;x; Verbose = \"TRUE\"", NULL, ACCEPT_JSONLINES, true},
        {"application/json; verbose=false", NULL, ACCEPT_JSON},
        {"application/json; verbose", NULL, ACCEPT_JSON},
        /* what is not supported, and csv where there is none */
        {"image/png", NULL, ACCEPT_JSON},
        {"image/png", "text/csv", ACCEPT_JSON},
        {"text/*", "text/csv", ACCEPT_JSON},
        {"text/csv", NULL, ACCEPT_JSON, false, true},
        {NULL, "text/csv", ACCEPT_JSON, false, true},
        /* lists */
        {"text/html, text/csv;q=0.5, application/jsonlines", NULL, ACCEPT_CSV},
        {"text/csv, application/jsonlines;verbose=true", NULL, ACCEPT_JSONLINES, true, true},
        {"text/csv;verbose=true, application/jsonlines", NULL, ACCEPT_JSONLINES, false, true},
        {"text/html,*/*;q=0.1,text/csv", "application/jsonlines", ACCEPT_JSONLINES},
        {", ,", NULL, ACCEPT_JSON},
        /* the environment's */
        {NULL, "text/csv", ACCEPT_CSV},
        {"", "TEXT/CSV; charset=utf-8", ACCEPT_CSV},
        {"*/*", "application/x-recordio-protobuf", ACCEPT_RECORDIO},
        {"*/*;verbose=true", "application/jsonlines", ACCEPT_JSONLINES, true},
        {NULL, "application/json;verbose=true", ACCEPT_JSON, true},
        {NULL, "image/png, text/csv", ACCEPT_CSV},
        {NULL, "", ACCEPT_JSON},
        {NULL, "*/*", ACCEPT_JSON},
        {NULL, "application/x-npy", ACCEPT_JSON},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *header = cases[i].header;
        struct builtin_accept accept = builtin_accept_parse(
            header != NULL, bytes_text(header ? header : ""), cases[i].value, !cases[i].no_csv);

        if (accept.type != cases[i].type || accept.verbose != cases[i].verbose)
            fail_msg("case %zu, %s: %d", i, header ? header : "(none)", (int)accept.type);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_builtin_content_type),
        cmocka_unit_test(test_builtin_content_type_refused),
        cmocka_unit_test(test_builtin_accept),
        cmocka_unit_test(test_content_type_accepted),
        cmocka_unit_test(test_content_type_refused),
        cmocka_unit_test(test_content_type_not_json),
        cmocka_unit_test(test_content_type_form),
        cmocka_unit_test(test_accept),
        cmocka_unit_test(test_accept_refused),
        cmocka_unit_test(test_answer_content_type),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
