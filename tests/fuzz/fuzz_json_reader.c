/*
 * The pull reader by itself. The input is read three times: event by event, passing over every
 * other value, and taking every array for one of numbers. What one way finds well formed has to end
 * where the input ends.
 */
#include "base/json_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_events(struct json_source *source, struct arena *arena)
{
    struct err err = ERR_INIT;
    struct json_event event;

    while (json_next(source, &event, &err) == 0) {
        if (event.type == JSON_END) {
            if (cursor_left(&source->cursor))
                __builtin_trap();
            return;
        }
        if (event.type == JSON_STRING && !json_text(&event, arena))
            return;
    }
}

static void read_skipping(struct json_source *source)
{
    struct err err = ERR_INIT;
    struct json_event event;
    struct bytes skipped;

    while (json_next(source, &event, &err) == 0 && event.type != JSON_END) {
        if (event.type != JSON_KEY)
            continue;
        if (json_skip(source, &skipped, &err))
            return;
        if (skipped.data < source->cursor.start || skipped.data + skipped.size != source->cursor.at)
            __builtin_trap();
    }
}

static void read_arrays(struct json_source *source, struct arena *arena, enum json_element element)
{
    struct err err = ERR_INIT;
    struct json_event event;
    size_t count;
    void *array;

    while (json_next(source, &event, &err) == 0 && event.type != JSON_END) {
        if (event.type == JSON_KEY &&
            source->ops->read(source, element, SIZE_MAX, arena, &array, &count, &err))
            return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = bytes_of(data, size);
    struct json_reader reader;
    struct arena arena;

    arena_init(&arena, (size_t)64 << 20);
    json_reader_init(&reader, text, 0);
    read_events(&reader.source, &arena);
    json_reader_init(&reader, text, 0);
    read_skipping(&reader.source);
    for (int element = JSON_F32; element <= JSON_U8; element++) {
        json_reader_init(&reader, text, 0);
        read_arrays(&reader.source, &arena, (enum json_element)element);
    }
    arena_fini(&arena);
    return 0;
}
