/*
 * What a request costs besides its work: the real server and container in this process, whose
 * allocations and system calls are counted by standing between them and the C library. The
 * sanitizers stand there, too: without them only.
 */
#include "tests/unit/http_client.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#include "tests/unit/serving.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COUNTED 0
#else
#define COUNTED 1
#endif

/* Of all threads but the test's own. */
static struct {
    _Atomic bool on;
    _Atomic uint64_t allocations;
    _Atomic uint64_t frees;
    _Atomic uint64_t formats;
    _Atomic uint64_t sends;
    _Atomic uint64_t receives;
    _Atomic int accepted; /* the last descriptor */
    _Atomic int accept_flags;
} counted;

static _Thread_local bool is_client;

#if COUNTED

#define EXPORTED __attribute__((visibility("default")))

static void count(_Atomic uint64_t *number)
{
    if (atomic_load_explicit(&counted.on, memory_order_relaxed) && !is_client)
        atomic_fetch_add(number, 1);
}

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *memory, size_t size);
void __libc_free(void *memory);

EXPORTED void *malloc(size_t size)
{
    count(&counted.allocations);
    return __libc_malloc(size);
}

EXPORTED void *calloc(size_t n, size_t size)
{
    count(&counted.allocations);
    return __libc_calloc(n, size);
}

EXPORTED void *realloc(void *memory, size_t size)
{
    count(&counted.allocations);
    return __libc_realloc(memory, size);
}

EXPORTED void free(void *memory)
{
    if (memory)
        count(&counted.frees);
    __libc_free(memory);
}

EXPORTED ssize_t send(int fd, const void *data, size_t size, int flags)
{
    count(&counted.sends);
    return syscall(SYS_sendto, fd, data, size, flags, NULL, 0);
}

EXPORTED ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    count(&counted.sends);
    return syscall(SYS_sendmsg, fd, message, flags);
}

EXPORTED ssize_t recv(int fd, void *data, size_t size, int flags)
{
    count(&counted.receives);
    return syscall(SYS_recvfrom, fd, data, size, flags, NULL, NULL);
}

EXPORTED int accept4(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
    int accepted = (int)syscall(SYS_accept4, fd, address, length, flags);

    if (accepted >= 0) {
        atomic_store(&counted.accept_flags, flags);
        atomic_store(&counted.accepted, accepted);
    }
    return accepted;
}

/* Formatting: the four names that snprintf and vsnprintf have in a build with _FORTIFY_SOURCE and
 * in one without. */

static int format(char *out, size_t size, const char *text, va_list args)
{
    static int (*real)(char *, size_t, const char *, va_list);

    if (!real)
        real = (int (*)(char *, size_t, const char *, va_list))dlsym(RTLD_NEXT, "vsnprintf");
    count(&counted.formats);
    return real(out, size, text, args);
}

EXPORTED int vsnprintf(char *out, size_t size, const char *text, va_list args)
{
    return format(out, size, text, args);
}

EXPORTED int snprintf(char *out, size_t size, const char *text, ...)
{
    va_list args;
    int n;

    va_start(args, text);
    n = format(out, size, text, args);
    va_end(args);
    return n;
}

int __vsnprintf_chk(char *out, size_t size, int flag, size_t room, const char *text, va_list args);
int __snprintf_chk(char *out, size_t size, int flag, size_t room, const char *text, ...);

EXPORTED int __vsnprintf_chk(char *out, size_t size, int flag, size_t room, const char *text,
                             va_list args)
{
    (void)flag;
    (void)room;
    return format(out, size, text, args);
}

EXPORTED int __snprintf_chk(char *out, size_t size, int flag, size_t room, const char *text, ...)
{
    va_list args;
    int n;

    (void)flag;
    (void)room;
    va_start(args, text);
    n = format(out, size, text, args);
    va_end(args);
    return n;
}

#endif

static void start_counting(void)
{
    counted.allocations = counted.frees = counted.formats = 0;
    counted.sends = counted.receives = 0;
    atomic_store(&counted.on, true);
}

static void stop_counting(void)
{
    usleep(20000); /* the server ends a request after its answer is out */
    atomic_store(&counted.on, false);
}

static void skip_where_not_counted(void)
{
    if (!COUNTED) {
        print_message("skipped: the sanitizer counts\n");
        skip();
    }
}

static void put_rows(int fd, const char *rows, size_t size)
{
    char head[200];

    snprintf(head, sizeof(head),
             "POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: text/csv\r\n"
             "Content-Length: %zu\r\n\r\n",
             multi_model ? "/models/m/invoke" : "/invocations", size);
    put(fd, head);
    assert_true(try_put(fd, rows, size));
}

/* Small requests. */

static void ask(const int *fds, size_t count_of_fds, unsigned rounds)
{
    static const char rows[] = "1,2,3\n4,-5,6e1";

    for (unsigned round = 0; round < rounds; round++) {
        for (size_t i = 0; i < count_of_fds; i++)
            put_rows(fds[i], rows, sizeof(rows) - 1);
        for (size_t i = 0; i < count_of_fds; i++)
            expect(fds[i], 200, NULL, false);
        put(fds[0], "GET /ping HTTP/1.1\r\nHost: a\r\n\r\n");
        expect(fds[0], 200, NULL, false);
    }
}

static void check_small_requests(void)
{
    int fds[5];

    for (size_t i = 0; i < ARRAY_LENGTH(fds); i++)
        fds[i] = dial();
    ask(fds, ARRAY_LENGTH(fds), 50);
    start_counting();
    ask(fds, ARRAY_LENGTH(fds), 200);
    stop_counting();
    assert_int_equal(counted.allocations, 0);
    assert_int_equal(counted.frees, 0);
    assert_int_equal(counted.sends, 1200); /* one a response */
    /* one a request, or one for its head and one for its body, which the client sends apart */
    assert_in_range(counted.receives, 1200, 2200);
    for (size_t i = 0; i < ARRAY_LENGTH(fds); i++)
        close(fds[i]);
}

static void test_small_requests(void **state)
{
    (void)state;
    skip_where_not_counted();
    is_client = true;
    begin_single_model(1);
    check_small_requests();
    assert_int_equal(counted.formats, 0); /* no log is on */
    finish();
    begin_multi_model(1);
    check_small_requests();
    finish();
}

static void test_accepted_sockets(void **state)
{
    int on = 0;
    socklen_t size = sizeof(on);
    int fd;

    (void)state;
    skip_where_not_counted();
    is_client = true;
    begin_single_model(1);
    counted.accepted = -1;
    fd = dial();
    put(fd, "GET /ping HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(fd, 200, "", false);
    assert_true(counted.accepted >= 0);
    assert_int_equal(counted.accept_flags, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_int_equal(getsockopt(counted.accepted, IPPROTO_TCP, TCP_NODELAY, &on, &size), 0);
    assert_true(on);
    assert_true(fcntl(counted.accepted, F_GETFL) & O_NONBLOCK);
    close(fd);
    finish();
}

/* Streamed bodies. */

static char *many_rows(size_t rows, size_t *ret_size)
{
    char *text = memory(rows * 24 + 1);
    size_t size = 0;

    for (size_t i = 0; i < rows; i++)
        size += (size_t)sprintf(text + size, "%zu,%zu.25,-0.5\n", i % 1000, i % 77);
    *ret_size = size;
    return text;
}

/* The most allocations that one of several such bodies takes; the answers are `answer`. */
static uint64_t allocations_of(int fd, const char *rows, size_t size)
{
    struct reply first;
    uint64_t most = 0;

    put_rows(fd, rows, size);
    assert_true(try_get(fd, false, &first));
    assert_int_equal(first.status, 200);
    for (int i = 0; i < 4; i++) {
        struct reply reply;

        start_counting();
        put_rows(fd, rows, size);
        assert_true(try_get(fd, false, &reply));
        stop_counting();
        assert_int_equal(reply.size, first.size);
        assert_memory_equal(reply.body, first.body, first.size);
        free(reply.body);
        if (counted.allocations > most)
            most = counted.allocations;
    }
    free(first.body);
    return most;
}

/* A bound that does not depend on the size: some for each of 17 blocks at most, less what the pool
 * has, and for the answer, which grows by doubling. */
#define ALLOCATIONS_MAX 150

static void test_streamed_bodies(void **state)
{
    static const size_t rows[] = {2000, 20000, 300000};

    (void)state;
    skip_where_not_counted();
    for (unsigned workers = 1; workers < 5; workers++) {
        if (workers % 2)
            begin_single_model(workers);
        else
            begin_multi_model(workers);
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
            int fd = dial();
            size_t size;
            char *text = many_rows(rows[i], &size);
            uint64_t allocations = allocations_of(fd, text, size);

            if (allocations > ALLOCATIONS_MAX)
                fail_msg("%llu allocations for a body of %zu bytes",
                         (unsigned long long)allocations, size);
            free(text);
            close(fd);
        }
        finish();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_requests),
        cmocka_unit_test(test_accepted_sockets),
        cmocka_unit_test(test_streamed_bodies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
