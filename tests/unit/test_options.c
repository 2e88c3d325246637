#include <stdlib.h>

#include "base/cpu.h"
#include "server/options.h"
#include "tests/unit/unit.h"

static enum options_result parse(struct settings *settings, struct err *err, const char *a,
                                 const char *b, const char *c)
{
    char *words[3];
    int count = 0;

    if (a)
        words[count++] = (char *)(uintptr_t)a;
    if (b)
        words[count++] = (char *)(uintptr_t)b;
    if (c)
        words[count++] = (char *)(uintptr_t)c;
    return options_parse(COMMAND_SERVE, count, words, settings, err);
}

static int clear_environment(void **state)
{
    (void)state;
    return unsetenv("ENDPOINTD_PORT") || unsetenv("SAGEMAKER_BIND_TO_PORT") ||
           unsetenv("SAGEMAKER_INFERENCE_ENSEMBLE") || unsetenv("ENDPOINTD_VERIFY") ||
           unsetenv("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT");
}

static void test_precedence(void **state)
{
    struct settings settings;
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(parse(&settings, &err, NULL, NULL, NULL), OPTIONS_OK);
    assert_int_equal(settings.port, 8080);
    setenv("SAGEMAKER_BIND_TO_PORT", "8001", 1);
    assert_int_equal(parse(&settings, &err, NULL, NULL, NULL), OPTIONS_OK);
    assert_int_equal(settings.port, 8001);
    setenv("ENDPOINTD_PORT", "8002", 1);
    assert_int_equal(parse(&settings, &err, NULL, NULL, NULL), OPTIONS_OK);
    assert_int_equal(settings.port, 8002);
    assert_int_equal(parse(&settings, &err, "--port=8003", NULL, NULL), OPTIONS_OK);
    assert_int_equal(settings.port, 8003);
    assert_int_equal(parse(&settings, &err, "--port", "8004", NULL), OPTIONS_OK);
    assert_int_equal(settings.port, 8004);
}

static void test_range_at_its_ends(void **state)
{
    struct settings settings;
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(parse(&settings, &err, "--port=65535", "--threads=1024", NULL), OPTIONS_OK);
    assert_int_equal(parse(&settings, &err, "--port=65536", NULL, NULL), OPTIONS_ERROR);
    assert_string_equal(err.text, "--port is '65536': it takes a whole number from 0 to 65535");
    err_clear(&err);
    assert_int_equal(parse(&settings, &err, "--threads=1025", NULL, NULL), OPTIONS_ERROR);
    err_clear(&err);
    assert_int_equal(parse(&settings, &err, "--port=8e3", NULL, NULL), OPTIONS_ERROR);
    err_clear(&err);
    assert_int_equal(parse(&settings, &err, "--port=", NULL, NULL), OPTIONS_ERROR);
}

static void test_hosts_replace_the_default(void **state)
{
    struct settings settings;
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(parse(&settings, &err, NULL, NULL, NULL), OPTIONS_OK);
    assert_int_equal(settings.host_count, 1);
    assert_string_equal(settings.hosts[0], "0.0.0.0");
    assert_int_equal(parse(&settings, &err, "--host=::1", "--host", "127.0.0.1"), OPTIONS_OK);
    assert_int_equal(settings.host_count, 2);
    assert_string_equal(settings.hosts[0], "::1");
}

static void test_kernel_and_cpu(void **state)
{
    struct settings settings;
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(parse(&settings, &err, NULL, NULL, NULL), OPTIONS_OK);
    assert_string_equal(settings.kernel, "auto");
    assert_string_equal(settings.cpu, "auto");
    assert_int_equal(parse(&settings, &err, "--kernel=sweep", "--cpu=baseline", NULL), OPTIONS_OK);
    assert_string_equal(settings.kernel, "sweep");
    assert_string_equal(settings.cpu, "baseline");
    assert_int_equal(parse(&settings, &err, "--kernel=avx2", NULL, NULL), OPTIONS_ERROR);
    assert_string_equal(err.text, "--kernel is 'avx2': it takes auto, scalar, sweep or masks");
    err_clear(&err);
    assert_int_equal(parse(&settings, &err, "--cpu=sse9", NULL, NULL), OPTIONS_ERROR);
    assert_string_equal(err.text, "--cpu is 'sse9': it takes auto, baseline, avx2, avx512 or vbmi");
}

/* As on a processor that has less. */
static void test_cpu_that_is_not_there(void **state)
{
    struct settings settings;
    struct err err = ERR_INIT;
    enum cpu_level has = cpu_level();

    (void)state;
    assert_true(cpu_limit(CPU_BASELINE));
    assert_int_equal(parse(&settings, &err, "--cpu=avx2", NULL, NULL), OPTIONS_ERROR);
    assert_string_equal(err.text, "--cpu is avx2: this processor has baseline at most");
    assert_true(cpu_limit(has));
}

static void test_switches(void **state)
{
    struct settings settings;
    struct err err = ERR_INIT;

    (void)state;
    setenv("ENDPOINTD_VERIFY", "true", 1);
    assert_int_equal(parse(&settings, &err, NULL, NULL, NULL), OPTIONS_OK);
    assert_true(settings.verify);
    assert_int_equal(parse(&settings, &err, "--verify=false", NULL, NULL), OPTIONS_OK);
    assert_false(settings.verify);
    setenv("ENDPOINTD_VERIFY", "maybe", 1);
    assert_int_equal(parse(&settings, &err, NULL, NULL, NULL), OPTIONS_ERROR);
    assert_string_equal(err.text, "ENDPOINTD_VERIFY is 'maybe': it takes true or false");
}

static void test_ensemble_variable(void **state)
{
    struct settings settings;
    struct err err = ERR_INIT;

    (void)state;
    setenv("SAGEMAKER_INFERENCE_ENSEMBLE", "true", 1);
    assert_int_equal(parse(&settings, &err, NULL, NULL, NULL), OPTIONS_OK);
    assert_false(settings.no_ensemble);
    setenv("SAGEMAKER_INFERENCE_ENSEMBLE", "True", 1);
    assert_int_equal(parse(&settings, &err, NULL, NULL, NULL), OPTIONS_OK);
    assert_true(settings.no_ensemble);
}

static void test_empty_variables(void **state)
{
    struct settings settings;
    struct err err = ERR_INIT;

    (void)state;
    setenv("SAGEMAKER_BIND_TO_PORT", "", 1);
    setenv("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", "", 1);
    assert_int_equal(parse(&settings, &err, NULL, NULL, NULL), OPTIONS_OK);
    assert_int_equal(settings.port, 8080);
    assert_string_equal(settings.default_accept, "");
}

static void test_help_and_arguments(void **state)
{
    struct settings settings;
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(parse(&settings, &err, "--port", "1", "--help"), OPTIONS_HELP);
    assert_int_equal(parse(&settings, &err, "--version", NULL, NULL), OPTIONS_VERSION);
    assert_int_equal(parse(&settings, &err, "--", "--help", NULL), OPTIONS_OK);
    assert_string_equal(settings.arguments[0], "--help");
    assert_int_equal(parse(&settings, &err, "a", "b", NULL), OPTIONS_ERROR);
    err_clear(&err);
    assert_int_equal(parse(&settings, &err, "-x", NULL, NULL), OPTIONS_ERROR);
}

#define TEST(name) cmocka_unit_test_setup(name, clear_environment)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_precedence),
        TEST(test_range_at_its_ends),
        TEST(test_hosts_replace_the_default),
        TEST(test_kernel_and_cpu),
        TEST(test_cpu_that_is_not_there),
        TEST(test_switches),
        TEST(test_ensemble_variable),
        TEST(test_empty_variables),
        TEST(test_help_and_arguments),
    };

    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
