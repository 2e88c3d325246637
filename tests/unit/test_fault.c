/*
 * Every allocation fails in turn, on the way from a file to an answered request: what fails says
 * so, nothing crashes or leaks (the address sanitizer sees to that), and afterwards all works
 * again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/container/invocations.h"
#include "tests/unit/linear_parts.h"

#define TRIES_MAX 100000

static char *example_path(void)
{
    const char *source = getenv("ENDPOINTD_SOURCE");
    char *path = NULL;

    if (!source || asprintf(&path, "%s/docker/example/model.json", source) < 0)
        return NULL;
    return path;
}

static void test_loading(void **state)
{
    const struct model_options options = MODEL_OPTIONS_DEFAULT;
    char *path = example_path();
    long n;

    (void)state;
    if (!path)
        skip();
    for (n = 1; n < TRIES_MAX; n++) {
        struct model *model = NULL;
        struct err err = ERR_INIT;
        int result;

        mem_fail_at(n);
        result = model_load(path, &options, &model, &err);
        mem_fail_at(0);
        if (result == 0) {
            model_unref(model);
            break;
        }
        assert_int_equal(err.kind, ERR_MEMORY);
        assert_null(model);
    }
    assert_true(n > 5 && n < TRIES_MAX);
    free(path);
}

static void test_requests(void **state)
{
    const struct model_options options = MODEL_OPTIONS_DEFAULT;
    const struct invocation_rules rules = {.strict = false};
    static const char body_text[] = "1,2,3,4\n5,,7,8\n";
    static const char bad_text[] = "1,2,3,oops\n";
    char *path = example_path();
    struct model *model = NULL;
    struct err err = ERR_INIT;
    unsigned refused = 0;
    bool done[4] = {false, false, false, false};

    (void)state;
    if (!path)
        skip();
    assert_int_equal(model_load(path, &options, &model, &err), 0);
    for (long n = 1; n < TRIES_MAX && !(done[0] && done[1] && done[2] && done[3]); n++) {
        for (int kind = 0; kind < 4; kind++) {
            struct invocation request = {
                .body = bytes_text(kind == 1 ? bad_text : body_text),
                .has_content_type = true,
                .content_type = bytes_text(kind == 2 ? "text/libsvm" : "text/csv"),
                .has_accept = true,
                .accept = bytes_text(kind == 3 ? "application/json" : "text/csv"),
            };
            struct invocation_scratch scratch;
            struct invocation_result result;
            struct buffer body;
            char why[256];

            if (kind == 2)
                request.body = bytes_text("1 0:1 3:2\n0 1:2\n");
            buffer_init(&body, 1 << 20);
            invocation_scratch_init(&scratch);
            mem_fail_at(n);
            invocation_run(model, &rules, &request, &scratch, &body, &result, why, sizeof(why));
            mem_fail_at(0);
            done[kind] = result.status == (kind == 1 ? 415 : 200);
            if (!done[kind]) {
                assert_int_equal(result.status, 503);
                refused++;
            }
            invocation_scratch_fini(&scratch);
            buffer_fini(&body);
        }
    }
    assert_true(done[0] && done[1] && done[2] && done[3]);
    assert_true(refused > 8);
    model_unref(model);
    free(path);
}

/* A built-in's artifact: zip, texts, arrays, scorers. */
static void test_loading_builtin(void **state)
{
    struct mx_file file;
    long n;
    LINEAR_PARTS(parts);

    (void)state;
    linear_texts(&parts, "multiclass_classifier", "softmax_loss", "softmax", 2, 3);
    mx_params(&parts.params, MX_V2, 2, 3, (const float[]){1, 2, 3, 4, 5, 6},
              (const float[]){1, 2, 3});
    file = linear_zip(&parts);
    for (n = 1; n < TRIES_MAX; n++) {
        struct model *model = NULL;
        struct err err = ERR_INIT;
        int result;

        mem_fail_at(n);
        result = artifact_load(&file, 1, false, NULL, &model, &err);
        mem_fail_at(0);
        if (result == 0) {
            model_unref(model);
            break;
        }
        assert_int_equal(err.kind, ERR_MEMORY);
        assert_null(model);
    }
    assert_true(n > 10 && n < TRIES_MAX);
}

static void test_builtin_requests(void **state)
{
    static const struct {
        const char *type, *accept, *body;
        int status;
    } cases[] = {
        {"text/csv", "text/csv", "1,2\n3,4\n", 200},
        {"text/csv; label_size=1", "application/json", "a,1,2\n\nb,3,4\n", 200},
        {"text/csv", "text/csv", "1,oops\n", 400},
        {"application/json", "application/jsonlines",
         "{\"instances\": [{\"features\": [1, 2]}, {\"data\": {\"features\": {\"keys\": [1, 0], "
         "\"shape\": [2], \"values\": [1, 2]}}}]}",
         200},
        {"application/jsonlines", "application/x-recordio-protobuf", "{\"features\": [1, 2]}\n",
         200},
        {"application/json", "*/*", "{\"instances\": []}", 400},
    };
    const struct invocation_rules rules = {.strict = false};
    struct model *model;
    unsigned refused = 0;
    LINEAR_PARTS(parts);

    (void)state;
    linear_binary(&parts);
    model = linear_model(&parts);
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        bool done = false;

        for (long n = 1; n < TRIES_MAX && !done; n++) {
            struct invocation request = {.body = bytes_text(cases[i].body),
                                         .has_content_type = true,
                                         .content_type = bytes_text(cases[i].type),
                                         .has_accept = true,
                                         .accept = bytes_text(cases[i].accept)};
            struct invocation_scratch scratch;
            struct invocation_result result;
            struct buffer body;
            char why[256];

            buffer_init(&body, 1 << 20);
            invocation_scratch_init(&scratch);
            mem_fail_at(n);
            invocation_run(model, &rules, &request, &scratch, &body, &result, why, sizeof(why));
            mem_fail_at(0);
            done = result.status == cases[i].status;
            if (!done)
                assert_int_equal(result.status, 503);
            refused += !done;
            invocation_scratch_fini(&scratch);
            buffer_fini(&body);
        }
        assert_true(done);
    }
    assert_true(refused > 12);
    model_unref(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loading),
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_loading_builtin),
        cmocka_unit_test(test_builtin_requests),
    };

    return cmocka_run_group_tests_name("fault", tests, NULL, NULL);
}
