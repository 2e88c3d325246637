/* The end of the server in the middle of large bodies: what was cut off is let go of. */
#define DRAIN_SECONDS 1

#include "tests/unit/serving.h"

#include <pthread.h>

#define CLIENTS 8
#define BODY    ((size_t)60 << 20)

static char *body;

/* Sends until the server does not want any more. */
static void *post(void *argument)
{
    char head[200];
    int fd = dial();

    (void)argument;
    snprintf(head, sizeof(head),
             "POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: text/csv\r\nContent-Length: %zu\r\n\r\n",
             multi_model ? "/models/m/invoke" : "/invocations", BODY);
    put(fd, head);
    (void)try_put(fd, body, BODY);
    close(fd);
    return NULL;
}

static void stop_in_the_middle(void)
{
    pthread_t threads[CLIENTS];
    int other = dial();

    for (unsigned i = 0; i < CLIENTS; i++)
        assert_int_equal(pthread_create(threads + i, NULL, post, NULL), 0);
    usleep(100000);
    if (multi_model) /* whose requests still use it */
        put(other, "DELETE /models/m HTTP/1.1\r\nHost: a\r\n\r\n");
    finish();
    close(other);
    for (unsigned i = 0; i < CLIENTS; i++)
        pthread_join(threads[i], NULL);
}

static void test_single_model(void **state)
{
    (void)state;
    begin_single_model(1);
    stop_in_the_middle();
}

static void test_multi_model(void **state)
{
    (void)state;
    begin_multi_model(1);
    stop_in_the_middle();
}

static int setup(void **state)
{
    (void)state;
    body = memory(BODY + 16);
    for (size_t at = 0; at < BODY; at += 6)
        memcpy(body + at, "1,2,3\n", 6);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(body);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_single_model),
        cmocka_unit_test(test_multi_model),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
