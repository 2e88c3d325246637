/*
 * Callables that build plain data, interpreted; every other call stays an object that says what
 * would be called with what.
 *
 *   copy_reg|copyreg _reconstructor(cls, base, state)   an object of cls (protocols 0 and 1)
 *   copy_reg|copyreg __newobj__(cls, *args)             the same
 *   _codecs encode(text, 'latin1')                      bytes, in protocols without an opcode for
 * them
 *   __builtin__|builtins bytes(), bytearray()           also of (bytes,) and (text, 'latin-1')
 *   collections OrderedDict([(key, value), ...])        a dict
 *   dill._dill|dill.dill _load_type('bytearray')        the name of a builtin type
 *   numpy's: pickle_numpy.c
 */
#include "models/pickle_machine.h"

/* Text of code points up to 0xff to bytes. Copied even where it is ASCII: a stream that has one
 * text encoded again and again meets the arena's cap, instead of taking forever. */
static int latin1_encode(struct pickle_machine *m, struct bytes text, struct bytes *ret,
                         struct err *err)
{
    size_t wide = 0;
    uint8_t *out;
    size_t n = 0;

    for (size_t i = 0; i < text.size; i++)
        wide += text.data[i] >= 0xc0;
    out = arena_alloc(m->arena, text.size - wide, 1);
    if (!out)
        return pickle_no_memory(m, text.size - wide, err);
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];

        if (c >= 0x80) {
            /* U+0080 to U+00FF are C2 or C3 and one more byte */
            if ((c != 0xc2 && c != 0xc3) || i + 1 == text.size || (text.data[i + 1] & 0xc0) != 0x80)
                return pickle_fail(m, err, "the text is not Latin-1 in UTF-8, %zu bytes into it",
                                   i);
            c = (uint8_t)(c << 6 | (text.data[++i] & 0x3f));
        }
        out[n++] = c;
    }
    *ret = bytes_of(out, n);
    return 0;
}

static bool is_latin1(const struct pickle_value *encoding)
{
    return encoding->type == PICKLE_TEXT &&
           (bytes_is(encoding->bytes, "latin1") || bytes_is(encoding->bytes, "latin-1"));
}

static int make_encoded(struct pickle_machine *m, const struct pickle_items *args,
                        struct pickle_value **ret, struct err *err)
{
    struct pickle_value *value;

    if (args->count != 2 || args->at[0]->type != PICKLE_TEXT || !is_latin1(args->at[1]))
        return 0;
    value = pickle_new(m, PICKLE_BYTES, err);
    if (!value || latin1_encode(m, args->at[0]->bytes, &value->bytes, err))
        return -1;
    *ret = value;
    return 0;
}

static int make_bytes(struct pickle_machine *m, const struct pickle_items *args,
                      struct pickle_value **ret, struct err *err)
{
    struct pickle_value *value;

    if (args->count == 2)
        return make_encoded(m, args, ret, err);
    if (args->count > 1 || (args->count == 1 && args->at[0]->type != PICKLE_BYTES))
        return 0;
    value = pickle_new(m, PICKLE_BYTES, err);
    if (!value)
        return -1;
    if (args->count == 1)
        value->bytes = args->at[0]->bytes;
    *ret = value;
    return 0;
}

/* OrderedDict() or OrderedDict(pairs), a list of lists or of tuples. */
static int make_ordered_dict(struct pickle_machine *m, const struct pickle_items *args,
                             struct pickle_value **ret, struct err *err)
{
    const struct pickle_value *list = args->count == 1 ? args->at[0] : NULL;
    struct pickle_value *dict;

    if (args->count > 1 || (list && list->type != PICKLE_LIST))
        return 0;
    dict = pickle_new(m, PICKLE_DICT, err);
    if (!dict)
        return -1;
    for (size_t i = 0; list && i < list->items.count; i++) {
        const struct pickle_value *pair = list->items.at[i];

        if ((pair->type != PICKLE_LIST && pair->type != PICKLE_TUPLE) || pair->items.count != 2)
            return 0;
        if (pickle_items_add(m, &dict->items, pair->items.at, 2, err))
            return -1;
    }
    *ret = dict;
    return 0;
}

static int make_reconstructed(struct pickle_machine *m, const struct pickle_items *args,
                              struct pickle_value **ret, struct err *err)
{
    if (args->count < 1 || args->at[0]->type != PICKLE_GLOBAL)
        return 0;
    *ret = pickle_object(m, args->at[0], m->constants[PICKLE_CONSTANT_EMPTY_TUPLE], err);
    return *ret ? 0 : -1;
}

/* cls.__new__(cls, *rest) */
static int make_newobj(struct pickle_machine *m, const struct pickle_items *args,
                       struct pickle_value **ret, struct err *err)
{
    struct pickle_value *rest;

    if (args->count < 1 || args->at[0]->type != PICKLE_GLOBAL)
        return 0;
    rest = pickle_new(m, PICKLE_TUPLE, err);
    if (!rest || pickle_items_add(m, &rest->items, args->at + 1, args->count - 1, err))
        return -1;
    *ret = pickle_object(m, args->at[0], rest, err);
    return *ret ? 0 : -1;
}

/* dill's name for a type: a name still, only the usual one. */
static int make_type_name(struct pickle_machine *m, const struct pickle_items *args,
                          struct pickle_value **ret, struct err *err)
{
    struct pickle_value *global;

    if (args->count != 1 || args->at[0]->type != PICKLE_TEXT)
        return 0;
    global = pickle_new(m, PICKLE_GLOBAL, err);
    if (!global)
        return -1;
    global->module = bytes_text("builtins");
    global->name = args->at[0]->bytes;
    *ret = global;
    return 0;
}

static const struct {
    const char *module;
    const char *name;
    pickle_constructor *make;
} constructors[] = {
    {"copy_reg", "_reconstructor", make_reconstructed},
    {"copyreg", "_reconstructor", make_reconstructed},
    {"copy_reg", "__newobj__", make_newobj},
    {"copyreg", "__newobj__", make_newobj},
    {"_codecs", "encode", make_encoded},
    {"__builtin__", "bytearray", make_bytes},
    {"builtins", "bytearray", make_bytes},
    {"__builtin__", "bytes", make_bytes},
    {"builtins", "bytes", make_bytes},
    {"collections", "OrderedDict", make_ordered_dict},
    {"dill._dill", "_load_type", make_type_name},
    {"dill.dill", "_load_type", make_type_name},
    {"numpy", "dtype", pickle_numpy_dtype},
    {"numpy.core.multiarray", "_reconstruct", pickle_numpy_reconstruct},
    {"numpy._core.multiarray", "_reconstruct", pickle_numpy_reconstruct},
    {"numpy.core._multiarray_umath", "_reconstruct", pickle_numpy_reconstruct},
    {"numpy._core._multiarray_umath", "_reconstruct", pickle_numpy_reconstruct},
    {"numpy.core.multiarray", "scalar", pickle_numpy_scalar},
    {"numpy._core.multiarray", "scalar", pickle_numpy_scalar},
    {"numpy.core._multiarray_umath", "scalar", pickle_numpy_scalar},
    {"numpy._core._multiarray_umath", "scalar", pickle_numpy_scalar},
    {"numpy.core.numeric", "_frombuffer", pickle_numpy_frombuffer},
    {"numpy._core.numeric", "_frombuffer", pickle_numpy_frombuffer},
};

struct pickle_value *pickle_object(struct pickle_machine *m, const struct pickle_value *callable,
                                   struct pickle_value *args, struct err *err)
{
    struct pickle_value *object = pickle_new(m, PICKLE_OBJECT, err);

    if (!object)
        return NULL;
    object->args = args;
    if (callable->type == PICKLE_GLOBAL) {
        object->module = callable->module;
        object->name = callable->name;
    }
    return object;
}

struct pickle_value *pickle_call(struct pickle_machine *m, const struct pickle_value *callable,
                                 struct pickle_value *args, struct err *err)
{
    if (callable->type == PICKLE_GLOBAL) {
        for (size_t i = 0; i < ARRAY_LENGTH(constructors); i++) {
            struct pickle_value *made = NULL;

            if (!pickle_is(callable, constructors[i].module, constructors[i].name))
                continue;
            if (constructors[i].make(m, &args->items, &made, err))
                return NULL;
            if (made)
                return made;
            break;
        }
    }
    return pickle_object(m, callable, args, err);
}
