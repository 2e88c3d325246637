/*
 * Runs a fuzz target as an ordinary test: over each file of the directories named on the command
 * line and, for each file, over its beginning cut at every 1/64th and over copies with flipped
 * bytes (the same ones in every run). What a target must not do is crash; the sanitizers do the
 * rest. A directory that is not there or has no files is a skipped test (exit 77).
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A copy of exactly `size` bytes, so that the address sanitizer sees a read beyond it. */
static void run(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);

    if (!copy)
        abort();
    if (size)
        memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void run_variants(uint8_t *data, size_t size)
{
    uint64_t random = 0x9e3779b97f4a7c15u;

    run(data, size);
    for (size_t i = 0; i < 64; i++)
        run(data, size * i / 64);
    for (size_t i = 0; size && i < 256; i++) {
        size_t at;
        uint8_t kept;

        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        /* half of the flips hit the first kilobyte, where headers are */
        at = (size_t)(random >> 16) % (i & 1 && size > 1024 ? 1024 : size);
        kept = data[at];
        data[at] = (uint8_t)(i % 4 == 3 ? 0xff : kept ^ 1u << (random & 7));
        run(data, size);
        data[at] = kept;
    }
}

static int run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data;
    long size;

    if (!file)
        return -1;
    fseek(file, 0, SEEK_END);
    size = ftell(file);
    rewind(file);
    data = malloc(size > 0 ? (size_t)size : 1);
    if (!data || fread(data, 1, (size_t)size, file) != (size_t)size)
        abort();
    fclose(file);
    run_variants(data, (size_t)size);
    free(data);
    return 0;
}

int main(int argc, char **argv)
{
    size_t files = 0;

    for (int i = 1; i < argc; i++) {
        DIR *directory = opendir(argv[i]);
        struct dirent *entry;

        if (!directory)
            continue;
        while ((entry = readdir(directory))) {
            char path[4096];

            if (entry->d_name[0] == '.')
                continue;
            snprintf(path, sizeof(path), "%s/%s", argv[i], entry->d_name);
            if (run_file(path) == 0)
                files++;
        }
        closedir(directory);
    }
    printf("%zu files\n", files);
    return files ? 0 : 77;
}
