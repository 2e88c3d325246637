/*
 * The input of predict in pieces of any size: the rows are the same however the bytes arrive, and
 * what is too long to hold is told by its kind.
 */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/row_reader.h"
#include "tests/unit/unit.h"

/* Opens a reader of a pipe that a child fills, `step` bytes at a time. */
static pid_t open_pipe(struct row_reader *reader, enum format format, bool shift, const char *text,
                       size_t step)
{
    const struct decode_rules rules = {.libsvm_shift = shift, .keep_trailing_rows = true};
    struct err err = ERR_INIT;
    size_t size = strlen(text);
    static char path[32]; /* the reader's name for messages */
    int ends[2];
    pid_t child;

    assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        for (size_t at = 0; at < size; at += step) {
            if (write(ends[1], text + at, size - at < step ? size - at : step) < 0)
                break;
            usleep(200);
        }
        _exit(0);
    }
    close(ends[1]);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[0]);
    assert_int_equal(row_reader_open(reader, path, format, &rules, &err), 0);
    close(ends[0]);
    return child;
}

/* Reads all; the rows, or -1 and the error. */
static long read_all(struct row_reader *reader, float *ret_sum, struct err *err)
{
    struct matrix block;
    long rows = 0;

    *ret_sum = 0;
    do {
        if (row_reader_next(reader, 7, &block, err))
            return -1;
        for (size_t i = 0; block.rows && i < block.row_start[block.rows]; i++)
            *ret_sum += block.values[i] * (float)(block.column[i] + 1);
        rows += (long)block.rows;
    } while (block.rows);
    return rows;
}

static void close_pipe(struct row_reader *reader, pid_t child)
{
    row_reader_close(reader);
    waitpid(child, NULL, 0);
}

static void test_pieces(void **state)
{
    static const char text[] = "\n \n0 0:1 1:2\n\n  \n1 2:0.5\n\n\n0\n\n1 0:4\r\n \n\n";

    (void)state;
    for (size_t step = 1; step < sizeof(text); step++) {
        struct row_reader reader;
        struct err err = ERR_INIT;
        float sum;
        pid_t child = open_pipe(&reader, FORMAT_LIBSVM, false, text, step);

        assert_int_equal(read_all(&reader, &sum, &err), 9);
        assert_true(sum == 1 + 4 + 1.5f + 4);
        close_pipe(&reader, child);
    }
}

static void check_limit(enum format format, bool shift, const char *text, const char *needed)
{
    struct row_reader reader;
    struct err err = ERR_INIT;
    float sum;
    pid_t child = open_pipe(&reader, format, shift, text, strlen(text));

    reader.line_max = 20;
    assert_int_equal(read_all(&reader, &sum, &err), -1);
    assert_int_equal(err.kind, ERR_LIMIT);
    assert_non_null(strstr(err.text, needed));
    assert_non_null(strstr(err.text, "longer than 20 bytes"));
    close_pipe(&reader, child);
}

static void test_limits(void **state)
{
    struct row_reader reader;
    struct err err = ERR_INIT;
    float sum;
    pid_t child;

    (void)state;
    check_limit(FORMAT_LIBSVM, false, "1 0:1 1:1 2:1 3:1 4:1 5:1\n", "a line");
    check_limit(FORMAT_LIBSVM, false, "1 0:1\n                          ", "blank lines");
    check_limit(FORMAT_LIBSVM, true, "1 1:1\n1 1:1\n1 1:1\n1 1:1\n", "from a pipe");
    check_limit(FORMAT_JSON, false, "{\"instances\": [{\"features\": [1]}]}", "JSON Lines");
    /* lines within the limit, more than it together, where they are not read whole */
    child = open_pipe(&reader, FORMAT_LIBSVM, false, "1 0:1\n1 0:1\n1 0:1\n1 0:1\n", 100);
    reader.line_max = 20;
    assert_int_equal(read_all(&reader, &sum, &err), 4);
    close_pipe(&reader, child);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
