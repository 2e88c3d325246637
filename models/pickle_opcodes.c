/*
 * The opcodes of the stack, the memo, names and calls, and the table of all opcodes.
 */
#include "models/pickle_machine.h"

static int op_proto(struct pickle_machine *m, unsigned argument UNUSED, struct err *err)
{
    uint64_t protocol = 0;

    if (pickle_take_number(m, 1, &protocol, err))
        return -1;
    if (protocol > 5)
        return pickle_refuse(m, err, "protocol %u is newer than 5, the newest that is read",
                             (unsigned)protocol);
    return 0;
}

static int op_frame(struct pickle_machine *m, unsigned argument UNUSED, struct err *err)
{
    uint64_t n = 0;

    if (pickle_take_number(m, 8, &n, err))
        return -1;
    if (n > cursor_left(&m->in))
        return pickle_fail(m, err, "%llu bytes are announced, %zu are left: the pickle is cut",
                           (unsigned long long)n, cursor_left(&m->in));
    return 0;
}

/* The end of the file's pickle, or of one that is nested in it: its value then stands in for the
 * array that the outer pickle announced. */
static int op_stop(struct pickle_machine *m, unsigned argument UNUSED, struct err *err)
{
    struct pickle_level *level = &m->levels[m->level];
    struct pickle_value *value;

    m->mark_count = level->mark_base;
    value = pickle_pop(m, err);
    if (!value)
        return -1;
    if (m->level == 0) {
        m->result = value;
        return 0;
    }
    if (value->type != PICKLE_ARRAY)
        return pickle_fail(m, err, "the pickle nested for an array of objects holds another thing");
    m->depth = level->stack_base;
    m->level--;
    return pickle_push(m, value, err);
}

/*
 * Stack and memo.
 */

static int op_mark(struct pickle_machine *m, unsigned argument UNUSED, struct err *err)
{
    size_t *marks;

    if (m->mark_count >= PICKLE_STACK_MAX)
        return err_set(err, ERR_LIMIT, "offset %zu: more than %d marks on the stack", m->op_offset,
                       PICKLE_STACK_MAX);
    marks = pickle_grow(m, m->marks, m->mark_count, &m->mark_capacity, m->mark_count + 1,
                        sizeof(*marks), err);
    if (!marks)
        return -1;
    m->marks = marks;
    m->marks[m->mark_count++] = m->depth;
    return 0;
}

/* POP takes a mark off where one is on top. */
static int op_pop(struct pickle_machine *m, unsigned argument UNUSED, struct err *err)
{
    if (m->mark_count > m->levels[m->level].mark_base && m->marks[m->mark_count - 1] == m->depth) {
        m->mark_count--;
        return 0;
    }
    return pickle_pop(m, err) ? 0 : -1;
}

static int op_pop_mark(struct pickle_machine *m, unsigned argument UNUSED, struct err *err)
{
    struct pickle_value **first = NULL;
    size_t n = 0;

    return pickle_pop_mark(m, &first, &n, err);
}

static int op_dup(struct pickle_machine *m, unsigned argument UNUSED, struct err *err)
{
    struct pickle_value *value = pickle_top(m, err);

    return value ? pickle_push(m, value, err) : -1;
}

static int op_constant(struct pickle_machine *m, unsigned which, struct err *err)
{
    return pickle_push(m, m->constants[which], err);
}

/* An index that could not come from a stream of this size is refused, so that the table stays in
 * proportion to it: what is memoized took at least a byte. */
static int memo_put(struct pickle_machine *m, uint64_t index, struct err *err)
{
    struct pickle_memo *memo = &m->levels[m->level].memo;
    struct pickle_value *value = pickle_top(m, err);
    size_t capacity = memo->capacity;
    struct pickle_value **at;

    if (!value)
        return -1;
    if (index >= (size_t)(m->in.end - m->in.start))
        return pickle_fail(m, err, "memo index %llu in a pickle of %zu bytes",
                           (unsigned long long)index, (size_t)(m->in.end - m->in.start));
    if (index >= PICKLE_MEMO_MAX)
        return err_set(err, ERR_LIMIT, "offset %zu: %s: more than %d memo entries", m->op_offset,
                       m->op_name, PICKLE_MEMO_MAX);
    at = pickle_grow(m, memo->at, capacity, &memo->capacity, (size_t)index + 1, sizeof(*at), err);
    if (!at)
        return -1;
    for (size_t i = capacity; i < memo->capacity; i++)
        at[i] = NULL;
    memo->at = at;
    if (!at[index])
        memo->count++;
    at[index] = value;
    return 0;
}

static int memo_get(struct pickle_machine *m, uint64_t index, struct err *err)
{
    const struct pickle_memo *memo = &m->levels[m->level].memo;

    if (index >= memo->capacity || !memo->at[index])
        return pickle_fail(m, err, "memo entry %llu was never put", (unsigned long long)index);
    return pickle_push(m, memo->at[index], err);
}

static int op_put(struct pickle_machine *m, unsigned width, struct err *err)
{
    uint64_t index = 0;

    if (pickle_take_number(m, width, &index, err))
        return -1;
    return memo_put(m, index, err);
}

static int op_get(struct pickle_machine *m, unsigned width, struct err *err)
{
    uint64_t index = 0;

    if (pickle_take_number(m, width, &index, err))
        return -1;
    return memo_get(m, index, err);
}

static int op_line_put(struct pickle_machine *m, unsigned argument UNUSED, struct err *err)
{
    uint64_t index = 0;

    return pickle_take_index_line(m, &index, err) ? -1 : memo_put(m, index, err);
}

static int op_line_get(struct pickle_machine *m, unsigned argument UNUSED, struct err *err)
{
    uint64_t index = 0;

    return pickle_take_index_line(m, &index, err) ? -1 : memo_get(m, index, err);
}

static int op_memoize(struct pickle_machine *m, unsigned argument UNUSED, struct err *err)
{
    return memo_put(m, m->levels[m->level].memo.count, err);
}

/*
 * Names, and what would be done with them.
 */

static int push_global(struct pickle_machine *m, struct bytes module, struct bytes name,
                       struct err *err)
{
    struct pickle_value *global = pickle_new(m, PICKLE_GLOBAL, err);

    if (!global)
        return -1;
    global->module = module;
    global->name = name;
    return pickle_push(m, global, err);
}

static int op_global(struct pickle_machine *m, unsigned argument UNUSED, struct err *err)
{
    struct bytes module = {0}, name = {0};

    if (pickle_take_line(m, &module, err) || pickle_take_line(m, &name, err))
        return -1;
    return push_global(m, module, name, err);
}

static int op_stack_global(struct pickle_machine *m, unsigned argument UNUSED, struct err *err)
{
    struct pickle_value *name = pickle_pop(m, err);
    struct pickle_value *module = name ? pickle_pop(m, err) : NULL;

    if (!module)
        return -1;
    if (module->type != PICKLE_TEXT || name->type != PICKLE_TEXT)
        return pickle_fail(m, err, "the module and the name are not texts");
    return push_global(m, module->bytes, name->bytes, err);
}

/* Takes a tuple of arguments, and below it the callable. */
static int pop_call(struct pickle_machine *m, struct pickle_value **ret_callable,
                    struct pickle_value **ret_args, struct err *err)
{
    struct pickle_value *args = pickle_pop(m, err);
    struct pickle_value *callable = args ? pickle_pop(m, err) : NULL;

    if (!callable)
        return -1;
    if (args->type != PICKLE_TUPLE)
        return pickle_fail(m, err, "the arguments are not a tuple");
    *ret_callable = callable;
    *ret_args = args;
    return 0;
}

static int op_reduce(struct pickle_machine *m, unsigned argument UNUSED, struct err *err)
{
    struct pickle_value *callable = NULL, *args = NULL, *value;

    if (pop_call(m, &callable, &args, err))
        return -1;
    value = pickle_call(m, callable, args, err);
    return value ? pickle_push(m, value, err) : -1;
}

/* NEWOBJ; NEWOBJ_EX has keyword arguments too, which no class that is read has a use for. */
static int op_newobj(struct pickle_machine *m, unsigned keywords, struct err *err)
{
    struct pickle_value *callable = NULL, *args = NULL, *value;

    if ((keywords && !pickle_pop(m, err)) || pop_call(m, &callable, &args, err))
        return -1;
    value = pickle_object(m, callable, args, err);
    return value ? pickle_push(m, value, err) : -1;
}

static int op_build(struct pickle_machine *m, unsigned argument UNUSED, struct err *err)
{
    struct pickle_value *state = pickle_pop(m, err);
    struct pickle_value *value = state ? pickle_top(m, err) : NULL;
    char name[128];

    if (!value)
        return -1;
    switch (value->type) {
    case PICKLE_OBJECT:
    case PICKLE_GLOBAL: /* attributes of a function or a class */
    case PICKLE_DICT:   /* of an OrderedDict */
        value->state = state;
        break;
    case PICKLE_DTYPE:
        return pickle_dtype_build(m, value, state, err);
    case PICKLE_ARRAY:
        return pickle_array_build(m, value, state, err);
    default:
        return pickle_fail(m, err, "%s has no state", pickle_class_name(value, name, sizeof(name)));
    }
    /* a nested pickle is a plain one: no raw data in it */
    if (m->level == 0 && pickle_is_joblib_array(value))
        return pickle_joblib_read(m, value, err);
    return 0;
}

/*
 * What is never read.
 */

enum refusal {
    REFUSE_PERSISTENT,
    REFUSE_EXTENSION,
    REFUSE_BUFFER,
    REFUSE_OLD_INSTANCE,
};

static int op_refused(struct pickle_machine *m, unsigned why, struct err *err)
{
    static const char *const texts[] = {
        [REFUSE_PERSISTENT] = "a persistent id: parts of the object are stored outside of the file",
        [REFUSE_EXTENSION] = "an extension code: its meaning is not in the file",
        [REFUSE_BUFFER] = "an out-of-band buffer: its bytes are not in the file",
        [REFUSE_OLD_INSTANCE] = "an instance of an old-style class of Python 2 is not read",
    };

    return pickle_refuse(m, err, "%s", texts[why]);
}

const struct pickle_opcode pickle_opcodes[256] = {
    [0x80] = {"PROTO", op_proto, 0},
    [0x95] = {"FRAME", op_frame, 0},
    ['.'] = {"STOP", op_stop, 0},

    ['('] = {"MARK", op_mark, 0},
    ['0'] = {"POP", op_pop, 0},
    ['1'] = {"POP_MARK", op_pop_mark, 0},
    ['2'] = {"DUP", op_dup, 0},
    ['q'] = {"BINPUT", op_put, 1},
    ['r'] = {"LONG_BINPUT", op_put, 4},
    ['p'] = {"PUT", op_line_put, 0},
    [0x94] = {"MEMOIZE", op_memoize, 0},
    ['h'] = {"BINGET", op_get, 1},
    ['j'] = {"LONG_BINGET", op_get, 4},
    ['g'] = {"GET", op_line_get, 0},

    ['N'] = {"NONE", op_constant, PICKLE_CONSTANT_NONE},
    [0x88] = {"NEWTRUE", op_constant, PICKLE_CONSTANT_TRUE},
    [0x89] = {"NEWFALSE", op_constant, PICKLE_CONSTANT_FALSE},
    [')'] = {"EMPTY_TUPLE", op_constant, PICKLE_CONSTANT_EMPTY_TUPLE},
    ['I'] = {"INT", pickle_op_line_int, false},
    ['L'] = {"LONG", pickle_op_line_int, true},
    ['F'] = {"FLOAT", pickle_op_line_float, 0},
    ['S'] = {"STRING", pickle_op_line_string, 0},
    ['V'] = {"UNICODE", pickle_op_line_unicode, 0},
    ['K'] = {"BININT1", pickle_op_int, 1},
    ['M'] = {"BININT2", pickle_op_int, 2},
    ['J'] = {"BININT", pickle_op_int, 4},
    [0x8a] = {"LONG1", pickle_op_long, 1},
    [0x8b] = {"LONG4", pickle_op_long, 4},
    ['G'] = {"BINFLOAT", pickle_op_float, 0},
    ['U'] = {"SHORT_BINSTRING", pickle_op_text, 1},
    ['T'] = {"BINSTRING", pickle_op_text, 4},
    [0x8c] = {"SHORT_BINUNICODE", pickle_op_text, 1},
    ['X'] = {"BINUNICODE", pickle_op_text, 4},
    [0x8d] = {"BINUNICODE8", pickle_op_text, 8},
    ['C'] = {"SHORT_BINBYTES", pickle_op_bytes, 1},
    ['B'] = {"BINBYTES", pickle_op_bytes, 4},
    [0x8e] = {"BINBYTES8", pickle_op_bytes, 8},
    [0x96] = {"BYTEARRAY8", pickle_op_bytes, 8},

    ['t'] = {"TUPLE", pickle_op_collect, PICKLE_TUPLE},
    [0x85] = {"TUPLE1", pickle_op_tuple, 1},
    [0x86] = {"TUPLE2", pickle_op_tuple, 2},
    [0x87] = {"TUPLE3", pickle_op_tuple, 3},
    [']'] = {"EMPTY_LIST", pickle_op_empty, PICKLE_LIST},
    ['l'] = {"LIST", pickle_op_collect, PICKLE_LIST},
    ['a'] = {"APPEND", pickle_op_append, 0},
    ['e'] = {"APPENDS", pickle_op_additems, PICKLE_LIST},
    ['}'] = {"EMPTY_DICT", pickle_op_empty, PICKLE_DICT},
    ['d'] = {"DICT", pickle_op_dict, 0},
    ['s'] = {"SETITEM", pickle_op_setitem, 0},
    ['u'] = {"SETITEMS", pickle_op_setitems, 0},
    [0x8f] = {"EMPTY_SET", pickle_op_empty, PICKLE_SET},
    [0x90] = {"ADDITEMS", pickle_op_additems, PICKLE_SET},
    [0x91] = {"FROZENSET", pickle_op_collect, PICKLE_SET},

    ['c'] = {"GLOBAL", op_global, 0},
    [0x93] = {"STACK_GLOBAL", op_stack_global, 0},
    ['R'] = {"REDUCE", op_reduce, 0},
    [0x81] = {"NEWOBJ", op_newobj, false},
    [0x92] = {"NEWOBJ_EX", op_newobj, true},
    ['b'] = {"BUILD", op_build, 0},

    ['P'] = {"PERSID", op_refused, REFUSE_PERSISTENT},
    ['Q'] = {"BINPERSID", op_refused, REFUSE_PERSISTENT},
    [0x82] = {"EXT1", op_refused, REFUSE_EXTENSION},
    [0x83] = {"EXT2", op_refused, REFUSE_EXTENSION},
    [0x84] = {"EXT4", op_refused, REFUSE_EXTENSION},
    [0x97] = {"NEXT_BUFFER", op_refused, REFUSE_BUFFER},
    [0x98] = {"READONLY_BUFFER", op_refused, REFUSE_BUFFER},
    ['i'] = {"INST", op_refused, REFUSE_OLD_INSTANCE},
    ['o'] = {"OBJ", op_refused, REFUSE_OLD_INSTANCE},
};
