#pragma once
/*
 * The inside of the pickle machine: what its loop (pickle.c), its opcodes (pickle_opcodes.c,
 * pickle_literals.c, pickle_containers.c) and the callables that it interprets (pickle_callables.c,
 * pickle_numpy.c) share. Nobody else includes this.
 *
 * Every function that fails has set the error, with the offset and the name of the opcode.
 */

#include "models/pickle.h"

#define PICKLE_STACK_MAX 1000000
#define PICKLE_MEMO_MAX  10000000

struct pickle_memo {
    struct pickle_value **at; /* by index, NULL where nothing was put */
    size_t capacity;
    size_t count; /* entries that are set: MEMOIZE's next index */
};

/* One pickle stream. An array of objects in a joblib file is a whole pickle of its own in the
 * middle of the outer one, and that is a plain pickle: two levels are all there can be. */
struct pickle_level {
    struct pickle_memo memo;
    size_t stack_base; /* its stack and marks begin here */
    size_t mark_base;
};

struct pickle_machine {
    struct cursor in;
    struct arena *arena;

    struct pickle_value **stack;
    size_t depth;
    size_t stack_capacity;
    size_t *marks; /* stack depths at which a MARK stands */
    size_t mark_count;
    size_t mark_capacity;

    struct pickle_level levels[2];
    unsigned level;

    size_t op_offset; /* of the opcode at work, for errors */
    const char *op_name;

    struct pickle_value *constants[4]; /* None, False, True, (): made once, never changed */
    struct pickle_value *result;       /* set by the outer STOP */
};

enum pickle_constant {
    PICKLE_CONSTANT_NONE,
    PICKLE_CONSTANT_FALSE,
    PICKLE_CONSTANT_TRUE,
    PICKLE_CONSTANT_EMPTY_TUPLE,
};

/* One entry of the opcode table. The argument tells opcodes apart that share a function: mostly the
 * width of a length field. */
struct pickle_opcode {
    const char *name;
    int (*run)(struct pickle_machine *m, unsigned argument, struct err *err);
    unsigned argument;
};

/* "offset N: OPCODE: ...", ERR_INPUT; pickle_refuse: ERR_UNSUPPORTED. Both return -1. */
int pickle_fail(const struct pickle_machine *m, struct err *err, const char *format, ...)
    PRINTF_LIKE(3, 4);
int pickle_refuse(const struct pickle_machine *m, struct err *err, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* The arena did not give `size` bytes: ERR_LIMIT where its cap is why, else ERR_MEMORY. -1. */
int pickle_no_memory(const struct pickle_machine *m, size_t size, struct err *err);

/* A value of that type, all else zero; NULL on failure. */
struct pickle_value *pickle_new(struct pickle_machine *m, enum pickle_type type, struct err *err);

int pickle_push(struct pickle_machine *m, struct pickle_value *value, struct err *err) MUST_CHECK;

/* The topmost value above the last mark; NULL (an error) where there is none. */
struct pickle_value *pickle_pop(struct pickle_machine *m, struct err *err);
struct pickle_value *pickle_top(struct pickle_machine *m, struct err *err);

/* Takes the last mark and the values above it off the stack. *ret_first stays valid until the next
 * push. */
int pickle_pop_mark(struct pickle_machine *m, struct pickle_value ***ret_first, size_t *ret_count,
                    struct err *err) MUST_CHECK;

/* Appends n values. */
int pickle_items_add(struct pickle_machine *m, struct pickle_items *items,
                     struct pickle_value *const *values, size_t n, struct err *err) MUST_CHECK;

/* Room for `need` elements of `size` bytes in a table that holds `used` of them: returns old while
 * *capacity suffices, else a larger copy; NULL on failure. */
void *pickle_grow(struct pickle_machine *m, void *old, size_t used, size_t *capacity, size_t need,
                  size_t size, struct err *err);

/*
 * Opcodes that read a literal (pickle_literals.c).
 */
int pickle_op_line_int(struct pickle_machine *m, unsigned is_long, struct err *err);
int pickle_op_line_float(struct pickle_machine *m, unsigned argument, struct err *err);
int pickle_op_line_string(struct pickle_machine *m, unsigned argument, struct err *err);
int pickle_op_line_unicode(struct pickle_machine *m, unsigned argument, struct err *err);
int pickle_op_int(struct pickle_machine *m, unsigned width, struct err *err);
int pickle_op_long(struct pickle_machine *m, unsigned length_width, struct err *err);
int pickle_op_float(struct pickle_machine *m, unsigned argument, struct err *err);
int pickle_op_text(struct pickle_machine *m, unsigned length_width, struct err *err);
int pickle_op_bytes(struct pickle_machine *m, unsigned length_width, struct err *err);

/* A line of protocol 0, without its newline. */
int pickle_take_line(struct pickle_machine *m, struct bytes *ret, struct err *err) MUST_CHECK;
/* A little-endian number of 1, 2, 4 or 8 bytes. */
int pickle_take_number(struct pickle_machine *m, unsigned width, uint64_t *ret,
                       struct err *err) MUST_CHECK;
/* A decimal line that is an index. */
int pickle_take_index_line(struct pickle_machine *m, uint64_t *ret, struct err *err) MUST_CHECK;

/*
 * Opcodes of containers (pickle_containers.c). Where one function serves several, the argument is
 * an enum pickle_type, or for tuples their length.
 */
int pickle_op_empty(struct pickle_machine *m, unsigned type, struct err *err);
int pickle_op_collect(struct pickle_machine *m, unsigned type, struct err *err);
int pickle_op_tuple(struct pickle_machine *m, unsigned n, struct err *err);
int pickle_op_dict(struct pickle_machine *m, unsigned argument, struct err *err);
int pickle_op_setitem(struct pickle_machine *m, unsigned argument, struct err *err);
int pickle_op_setitems(struct pickle_machine *m, unsigned argument, struct err *err);
int pickle_op_append(struct pickle_machine *m, unsigned argument, struct err *err);
int pickle_op_additems(struct pickle_machine *m, unsigned type, struct err *err);

/*
 * Everything else (pickle_opcodes.c), and the table of all by opcode byte.
 */
extern const struct pickle_opcode pickle_opcodes[256];

/*
 * Callables. pickle_call: what callable(*args) gives: a value of its own for the data constructors
 * (pickle_callables.c has the table), else an OBJECT; NULL on failure.
 */
struct pickle_value *pickle_call(struct pickle_machine *m, const struct pickle_value *callable,
                                 struct pickle_value *args, struct err *err);

/* An OBJECT of the class that `callable` names. NULL on failure. */
struct pickle_value *pickle_object(struct pickle_machine *m, const struct pickle_value *callable,
                                   struct pickle_value *args, struct err *err);

/* A data constructor: leaves *ret NULL where the arguments are not of a form it knows (the call
 * stays an OBJECT then). -1 only where the data contradicts itself. */
typedef int pickle_constructor(struct pickle_machine *m, const struct pickle_items *args,
                               struct pickle_value **ret, struct err *err);

pickle_constructor pickle_numpy_reconstruct;
pickle_constructor pickle_numpy_scalar;
pickle_constructor pickle_numpy_dtype;
pickle_constructor pickle_numpy_frombuffer;

/* BUILD on a DTYPE and on an ARRAY: __setstate__. */
int pickle_dtype_build(struct pickle_machine *m, struct pickle_value *value,
                       const struct pickle_value *state, struct err *err) MUST_CHECK;
int pickle_array_build(struct pickle_machine *m, struct pickle_value *value,
                       const struct pickle_value *state, struct err *err) MUST_CHECK;

/* Whether value is joblib's stand-in for an array. After its BUILD, pickle_joblib_read reads the
 * raw data that follows in the stream and puts the array in the place of the stand-in (the stack's
 * top); for an array of objects it enters the nested pickle instead, whose STOP does that. */
bool pickle_is_joblib_array(const struct pickle_value *value);
int pickle_joblib_read(struct pickle_machine *m, const struct pickle_value *wrapper,
                       struct err *err) MUST_CHECK;
