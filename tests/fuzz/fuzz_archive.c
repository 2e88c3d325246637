/*
 * Any bytes as an archive, with small limits. What is accepted must keep what models/artifact.h
 * promises: plain names, no two alike, content within the limits.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "models/artifact.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct artifact *artifact, const struct artifact_limits *limits)
{
    size_t content = 0;

    if (artifact->count == 0 || artifact->count > limits->entries)
        abort();
    for (size_t i = 0; i < artifact->count; i++) {
        const struct artifact_file *file = &artifact->files[i];

        if (file->name[0] == '\0' || file->name[0] == '.' || strchr(file->name, '/'))
            abort();
        for (size_t k = 0; k < i; k++) {
            if (strcmp(artifact->files[k].name, file->name) == 0)
                abort();
        }
        content += file->bytes.size;
    }
    if (content > limits->bytes)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct artifact_limits limits = {.entries = 64, .bytes = 1 << 20, .ratio = 20};
    struct artifact *artifact = NULL;
    struct bytes archive = bytes_of(data, size);
    struct err err = ERR_INIT;

    if (artifact_from_archive(archive, "fuzz", &limits, &artifact, &err) == 0) {
        if (!artifact_is_archive(archive))
            abort();
        check(artifact, &limits);
        artifact_free(artifact);
    } else if (err.kind == ERR_NONE || err.text[0] == '\0') {
        abort();
    }
    return 0;
}
