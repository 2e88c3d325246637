#include "server/container/mme_request.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "server/container/mme_answer.h"
#include "tests/unit/unit.h"

static void check_route(const char *path, enum mme_route route, const char *name)
{
    struct bytes found;

    assert_int_equal(mme_route(bytes_text(path), &found), route);
    assert_true(bytes_is(found, name));
}

static void test_routes(void **state)
{
    (void)state;
    check_route("/", MME_ROUTE_ROOT, "");
    check_route("*", MME_ROUTE_ROOT, "");
    check_route("/ping", MME_ROUTE_PING, "");
    check_route("/ping/", MME_ROUTE_PING, "");
    check_route("/execution-parameters", MME_ROUTE_EXECUTION_PARAMETERS, "");
    check_route("/models", MME_ROUTE_MODELS, "");
    check_route("/models/", MME_ROUTE_MODELS, "");
    check_route("/models/a%2Fb", MME_ROUTE_MODEL, "a%2Fb");
    check_route("/models/a/invoke", MME_ROUTE_INVOKE, "a");
    check_route("/models/invoke/invoke", MME_ROUTE_INVOKE, "invoke");
    check_route("/predictions/a", MME_ROUTE_INVOKE, "a");
    check_route("/invocations", MME_ROUTE_INVOCATIONS, "");
    assert_int_equal(mme_route(bytes_text("/predictions"), &(struct bytes){0}), MME_ROUTE_NONE);
    assert_int_equal(mme_route(bytes_text("/models/a/b"), &(struct bytes){0}), MME_ROUTE_NONE);
    assert_int_equal(mme_route(bytes_text("/models/a/invoke/b"), &(struct bytes){0}),
                     MME_ROUTE_NONE);
    assert_int_equal(mme_route(bytes_text("/pingx"), &(struct bytes){0}), MME_ROUTE_NONE);
}

static void check_decode(const char *text, bool query, const char *expected)
{
    struct mme_text decoded;

    assert_int_equal(mme_decode(bytes_text(text), query, &decoded), MME_DECODED);
    assert_string_equal(decoded.data, expected);
}

static void test_decoding(void **state)
{
    static char text[REGISTRY_URL_MAX + 2];
    struct mme_text decoded;

    (void)state;
    check_decode("a%20b+c%2f%2B", false, "a b+c/+");
    check_decode("a%20b+c%2f%2B", true, "a b c/+");
    check_decode("%C3%A9", false, "\xc3\xa9");
    check_decode("", false, "");
    static const char *const malformed[] = {"%",   "a%2", "%zz",    "%2z",      "%00",
                                            "%0a", "%7f", "%ff%fe", "%ed%a0%80"};
    for (size_t i = 0; i < ARRAY_LENGTH(malformed); i++)
        assert_int_equal(mme_decode(bytes_text(malformed[i]), false, &decoded), MME_MALFORMED);
    memset(text, 'x', sizeof(text));
    assert_int_equal(mme_decode(bytes_of(text, REGISTRY_URL_MAX), false, &decoded), MME_DECODED);
    assert_int_equal(mme_decode(bytes_of(text, REGISTRY_URL_MAX + 1), false, &decoded),
                     MME_TOO_LONG);
}

static void test_parameters(void **state)
{
    struct bytes query = bytes_text("a=1&b=x%3Dy&a=2&c&d=-3&e=99999999999&f=1x&g=TRUE");
    struct mme_text text;

    (void)state;
    assert_int_equal(mme_parameter(query, "b", &text), MME_DECODED);
    assert_string_equal(text.data, "x=y");
    assert_int_equal(mme_parameter(query, "c", &text), MME_DECODED);
    assert_int_equal(text.size, 0);
    assert_int_equal(mme_parameter(query, "z", &text), MME_NOT_THERE);
    assert_int_equal(mme_parameter(bytes_text(""), "a", &text), MME_NOT_THERE);
    assert_int_equal(mme_parameter_number(query, "a", 7), 1); /* the first counts */
    assert_int_equal(mme_parameter_number(query, "d", 7), -3);
    assert_int_equal(mme_parameter_number(query, "c", 7), 7);
    assert_int_equal(mme_parameter_number(query, "e", 7), 7);
    assert_int_equal(mme_parameter_number(query, "f", 7), 7);
    assert_int_equal(mme_parameter_number(query, "z", 7), 7);
    assert_true(mme_parameter_bool(query, "g", false));
    assert_false(mme_parameter_bool(query, "a", true));
    assert_true(mme_parameter_bool(query, "z", true));
}

static enum mme_load_result parse(const char *type, const char *query, const char *body,
                                  struct mme_load *ret, struct err *err)
{
    err_clear(err);
    return mme_load_parse(bytes_text(type), bytes_text(query), bytes_text(body), ret, err);
}

static void test_load_from_json(void **state)
{
    static const char json[] = "application/json; charset=utf-8";
    struct err err = ERR_INIT;
    struct mme_load load;

    (void)state;
    assert_int_equal(
        parse(json, "", "{\"model_name\": \"a b\", \"url\": \"/m\", \"x\": [1]}", &load, &err),
        MME_LOAD_OK);
    assert_string_equal(load.name.data, "a b");
    assert_string_equal(load.url.data, "/m");
    assert_int_equal(load.initial_workers, -1);
    assert_int_equal(load.batch_size, 1);
    assert_int_equal(load.max_batch_delay, 100);
    assert_true(load.synchronous);
    assert_int_equal(parse("text/plain", "",
                           " {\"model_name\": \"a\", \"url\": \"/m\", \"initial_workers\": 0, "
                           "\"batch_size\": \"4\", \"synchronous\": false, \"handler\": null}",
                           &load, &err),
                     MME_LOAD_OK);
    assert_int_equal(load.initial_workers, 0);
    assert_int_equal(load.batch_size, 4);
    assert_false(load.synchronous);
    assert_int_equal(parse(json, "", "", &load, &err), MME_LOAD_NO_JSON);
    assert_int_equal(parse(json, "", "{\"model_name\": \"a\"", &load, &err), MME_LOAD_BAD_JSON);
    assert_int_equal(parse(json, "", "[1]", &load, &err), MME_LOAD_BAD_JSON);
    assert_int_equal(parse(json, "", "{\"url\": 7}", &load, &err), MME_LOAD_BAD_JSON);
    assert_int_equal(parse(json, "", "{\"url\": \"/m\", \"batch_size\": 1.5}", &load, &err),
                     MME_LOAD_BAD_JSON);
    assert_int_equal(parse(json, "", "{\"url\": \"/m\\u0000\"}", &load, &err), MME_LOAD_BAD_JSON);
    assert_int_equal(parse(json, "", "{\"url\": \"/m\\n\"}", &load, &err), MME_LOAD_BAD_PARAMETER);
    assert_int_equal(parse(json, "", "{\"model_name\": \"a\"}", &load, &err),
                     MME_LOAD_BAD_PARAMETER);
    assert_string_equal(err.text, "Parameter url is required.");
    assert_int_equal(parse(json, "", "{\"url\": \"/m\"}", &load, &err), MME_LOAD_BAD_PARAMETER);
    assert_string_equal(err.text, "Parameter model_name is required.");
}

static void test_load_from_query(void **state)
{
    struct err err = ERR_INIT;
    struct mme_load load;

    (void)state;
    assert_int_equal(
        parse("", "url=%2Fa%20b&model_name=q&synchronous=false&initial_workers=3", "", &load, &err),
        MME_LOAD_OK);
    assert_string_equal(load.url.data, "/a b");
    assert_string_equal(load.name.data, "q");
    assert_int_equal(load.initial_workers, 3);
    assert_false(load.synchronous);
    assert_int_equal(parse("", "url=%2Fx%2F..%2Fy&model_name=q", "", &load, &err),
                     MME_LOAD_RELATIVE);
    assert_string_equal(load.url.data, "/x/../y");
    assert_int_equal(parse("", "", "", &load, &err), MME_LOAD_BAD_PARAMETER);
    assert_string_equal(err.text, "Parameter url is required.");
    assert_int_equal(parse("", "url=/x&model_name=%ff", "", &load, &err), MME_LOAD_BAD_PARAMETER);
}

static void test_limits(void **state)
{
    static char text[MME_LOAD_BODY_MAX + 100];
    struct err err = ERR_INIT;
    struct mme_load load;
    char query[REGISTRY_NAME_MAX + 50];
    int head;

    (void)state;
    head = snprintf(query, sizeof(query), "url=/x&model_name=");
    memset(query + head, 'n', REGISTRY_NAME_MAX);
    query[head + REGISTRY_NAME_MAX] = '\0';
    assert_int_equal(parse("", query, "", &load, &err), MME_LOAD_OK);
    memcpy(query + head + REGISTRY_NAME_MAX, "n", 2);
    assert_int_equal(parse("", query, "", &load, &err), MME_LOAD_BAD_PARAMETER);

    head = snprintf(text, sizeof(text), "{\"url\": \"/x\", \"model_name\": \"n\", \"pad\": \"");
    memset(text + head, 'p', MME_LOAD_BODY_MAX - (size_t)head - 2);
    memcpy(text + MME_LOAD_BODY_MAX - 2, "\"}", 3);
    assert_int_equal(parse("application/json", "", text, &load, &err), MME_LOAD_OK);
    memcpy(text + MME_LOAD_BODY_MAX - 2, "p\"}", 4);
    assert_int_equal(parse("application/json", "", text, &load, &err), MME_LOAD_BAD_JSON);
}

static void test_answers_are_escaped(void **state)
{
    static const char expected[] = "{\n  \"code\": 404,\n  \"type\": \"T\",\n  \"message\": "
                                   "\"\\u003ca\\u003e \\u0026 \\u0027\\u003d \\\"\\\\ \\n\\t "
                                   "\\u0001 \xc3\xa9 \xef\xbf\xbd \\u2028\"\n}\n";
    struct buffer body;

    (void)state;
    buffer_init(&body, 1000);
    assert_int_equal(
        mme_answer_error(&body, 404, "T",
                         bytes_text("<a> & '= \"\\ \n\t \x01 \xc3\xa9 \xff \xe2\x80\xa8")),
        0);
    assert_int_equal(body.size, strlen(expected));
    assert_memory_equal(body.data, expected, body.size);
    buffer_fini(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_routes),
        cmocka_unit_test(test_decoding),
        cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_load_from_json),
        cmocka_unit_test(test_load_from_query),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_answers_are_escaped),
    };

    return cmocka_run_group_tests_name("mme_request", tests, NULL, NULL);
}
