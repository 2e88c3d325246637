#pragma once
/*
 * A symbolic pickle machine: reads the pickle protocols 0 to 5 into a tree of values and never
 * resolves, imports or calls anything. A global is a name; REDUCE, NEWOBJ and BUILD only record
 * what would be called with what. The few callables that are pure data constructors are interpreted
 * (xgboost-models 2.3, 9.4 and 11.9): bytearray, bytes, _codecs.encode, OrderedDict,
 * copyreg._reconstructor, numpy's _reconstruct, scalar, dtype, _frombuffer, and joblib's
 * NumpyArrayWrapper, whose raw array data stands inside the stream.
 *
 * Bounded: no recursion, lengths checked against what is left, values shared by reference, all
 * memory from one capped arena. Persistent ids, extension codes, out-of-band buffers and the INST
 * and OBJ opcodes are refused.
 *
 * A stream can make a container hold itself: never walk values to an unbounded depth. Members that
 * a value's type does not name are zero.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/err.h"
#include "base/memory.h"

enum pickle_type {
    PICKLE_NONE,
    PICKLE_BOOL,   /* integer: 0 or 1 */
    PICKLE_INT,    /* integer; outside int64: PICKLE_BIG */
    PICKLE_BIG,    /* bytes: little-endian two's complement */
    PICKLE_FLOAT,  /* real */
    PICKLE_BYTES,  /* bytes; also bytearray */
    PICKLE_TEXT,   /* bytes: UTF-8, or the raw bytes of a Python 2 str */
    PICKLE_TUPLE,  /* items */
    PICKLE_LIST,   /* items */
    PICKLE_SET,    /* items */
    PICKLE_DICT,   /* items: key, value, key, value, ... (also OrderedDict) */
    PICKLE_GLOBAL, /* module, name */
    PICKLE_OBJECT, /* cls, args, state, items (list items), pairs (dict items) */
    PICKLE_DTYPE,  /* dtype */
    PICKLE_ARRAY,  /* array: numpy's ndarray; scalar: an array without dimensions */
};

struct pickle_value;

struct pickle_items {
    struct pickle_value **at;
    size_t count;
    size_t capacity;
};

/* Never changes once it is made: a stream that alters a dtype gets a new one. */
struct pickle_dtype {
    char kind; /* numpy's: 'f', 'i', 'u', 'b', 'c', 'U', 'S', 'O', 'M', 'm', 'V' (with fields) */
    bool big_endian;
    bool has_objects; /* 'O', or a record with such a field */
    uint32_t item_size;
    uint32_t field_count;
    struct pickle_field {
        struct bytes name;
        uint32_t offset;
        struct pickle_dtype *dtype;
    } * fields;
};

#define PICKLE_DIMENSIONS_MAX 8

struct pickle_array {
    struct pickle_dtype *dtype;
    unsigned dimensions;
    size_t shape[PICKLE_DIMENSIONS_MAX];
    size_t count; /* product of shape */
    bool fortran;
    struct bytes data;           /* count * item_size bytes; empty where dtype has_objects */
    struct pickle_items objects; /* dtype has_objects: the count elements */
};

struct pickle_value {
    enum pickle_type type;
    int64_t integer;
    double real;
    struct bytes bytes;
    struct bytes module; /* GLOBAL, and OBJECT: of its class */
    struct bytes name;
    struct pickle_items items;
    struct pickle_items pairs;
    struct pickle_value *args;
    struct pickle_value *state;
    struct pickle_dtype *dtype;
    struct pickle_array *array;
};

/* Whether data looks like a pickle (section 1 of the spec: 0x80 and a protocol, or a protocol 0/1
 * opener). */
bool pickle_probe(struct bytes data);

/* The value that the stream leaves. Its views point into data and the arena. Bytes after STOP are
 * an error. Errors are "offset N: OPCODE: ...": ERR_INPUT not a sound pickle, ERR_UNSUPPORTED sound
 * but refused (above), ERR_LIMIT more values or bytes than the arena or the machine takes. */
int pickle_read(struct bytes data, struct arena *arena, struct pickle_value **ret,
                struct err *err) MUST_CHECK;

/* dict[key] for a text key (str or bytes), in a DICT, in an OBJECT's state (the dict of a (dict,
 * slots) pair too); NULL where absent. */
const struct pickle_value *pickle_get(const struct pickle_value *value, const char *key);

/* Whether value is a GLOBAL, or an OBJECT of class, module.name. */
bool pickle_is(const struct pickle_value *value, const char *module, const char *name);

/* "module.name" of an OBJECT or GLOBAL, else the Python name of the type ("dict", "list"),
 * printable (for an error text). size is at least 16. Returns out. */
const char *pickle_class_name(const struct pickle_value *value, char *out, size_t size);

/* The whole number or the real that value holds: INT, BOOL, FLOAT (pickle_number alone), and numpy
 * scalars of those kinds. False where it holds none, or one that does not fit. */
bool pickle_integer(const struct pickle_value *value, int64_t *ret);
bool pickle_number(const struct pickle_value *value, double *ret);

/* The same for element i of an array, in the order of its data. */
bool pickle_element_integer(const struct pickle_array *array, size_t i, int64_t *ret);
bool pickle_element_number(const struct pickle_array *array, size_t i, double *ret);

/* The dtype of numpy's code: "<f8", "i4", "U3", "O8", "V56", "b1", "O", "?". False where it is none
 * of those. */
bool pickle_dtype_of_code(struct bytes code, struct pickle_dtype *ret);

/*
 * What Python's str() makes of a number, a bool or a text, in UTF-8 and NUL terminated, in the
 * arena (class labels, feature names). Text that is not UTF-8 (a Python 2 str) is read as Latin-1.
 * ERR_UNSUPPORTED: a value of another kind, a text with a NUL in it.
 */
int pickle_text(const struct pickle_value *value, struct arena *arena, const char **ret,
                struct err *err) MUST_CHECK;
int pickle_element_text(const struct pickle_array *array, size_t i, struct arena *arena,
                        const char **ret, struct err *err) MUST_CHECK;
