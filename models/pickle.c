/*
 * A pickle is a program for a stack machine: one opcode byte after the other, each with its literal
 * behind it, until STOP ('.'), which leaves the topmost value as the result.
 *
 *   80 P                                  PROTO: protocols 2 to 5 begin so; 0 and 1 have no opener
 *   95 u64                                FRAME: how much to read at once; of no meaning here
 *   N  88  89  K u8  M u16  J i32         None, True, False, integers
 *   I..\n  L..L\n  F..\n  S'..'\n  V..\n  protocol 0: literals as lines of text
 *   G f64 (big-endian)  8a u8 n  8b u32 n float; two's complement of n bytes
 *   X u32 n  8c u8 n  8d u64 n            text, UTF-8
 *   B u32 n  C u8 n  8e u64 n  96 u64 n   bytes (96: bytearray);  T u32 n  U u8 n: a Python 2 str
 *   (  )  t  85 86 87  ]  l  }  d  8f 91  MARK and the containers
 *   a e s u 90                            into the container below: APPEND(S), SETITEM(S), ADDITEMS
 *   q u8  r u32  p..\n  94                memo[n] = top;  h u8  j u32  g..\n  push memo[n]
 *   c..\n..\n  93                         GLOBAL: a module and a name in it
 *   R  81  92                             callable(*args), cls.__new__(*args): REDUCE, NEWOBJ(_EX)
 *   b                                     BUILD: object.__setstate__(state)
 *
 * This file has the loop, and the stack that all opcodes work on.
 */
#include "models/pickle.h"

#include <stdio.h>

#include "models/pickle_machine.h"

static int fail(const struct pickle_machine *m, struct err *err, enum err_kind kind,
                const char *format, va_list args)
{
    if (err->kind != ERR_NONE)
        return -1;
    err_setv(err, kind, format, args);
    return err_wrap(err, "offset %zu: %s", m->op_offset, m->op_name);
}

int pickle_fail(const struct pickle_machine *m, struct err *err, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fail(m, err, ERR_INPUT, format, args);
    va_end(args);
    return -1;
}

int pickle_refuse(const struct pickle_machine *m, struct err *err, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fail(m, err, ERR_UNSUPPORTED, format, args);
    va_end(args);
    return -1;
}

int pickle_no_memory(const struct pickle_machine *m, size_t size, struct err *err)
{
    if (size <= m->arena->cap - m->arena->used)
        return err_memory(err, size, "a pickle");
    return err_set(err, ERR_LIMIT,
                   "offset %zu: %s: its objects take more than the %zu bytes allowed", m->op_offset,
                   m->op_name, m->arena->cap);
}

struct pickle_value *pickle_new(struct pickle_machine *m, enum pickle_type type, struct err *err)
{
    struct pickle_value *value = arena_zero(m->arena, 1, sizeof(*value));

    if (!value) {
        pickle_no_memory(m, sizeof(*value), err);
        return NULL;
    }
    value->type = type;
    return value;
}

void *pickle_grow(struct pickle_machine *m, void *old, size_t used, size_t *capacity, size_t need,
                  size_t size, struct err *err)
{
    size_t larger = *capacity * 2 > need ? *capacity * 2 : need;
    void *block;

    if (LIKELY(need <= *capacity))
        return old;
    block = arena_alloc(m->arena, larger, size);
    if (!block) {
        pickle_no_memory(m, larger * size, err);
        return NULL;
    }
    if (used)
        memcpy(block, old, used * size);
    *capacity = larger;
    return block;
}

int pickle_items_add(struct pickle_machine *m, struct pickle_items *items,
                     struct pickle_value *const *values, size_t n, struct err *err)
{
    struct pickle_value **at;

    if (n == 0)
        return 0;
    at = pickle_grow(m, items->at, items->count, &items->capacity, items->count + n, sizeof(*at),
                     err);
    if (!at)
        return -1;
    items->at = at;
    memcpy(at + items->count, values, n * sizeof(*at));
    items->count += n;
    return 0;
}

int pickle_push(struct pickle_machine *m, struct pickle_value *value, struct err *err)
{
    struct pickle_value **stack;

    if (m->depth >= PICKLE_STACK_MAX)
        return err_set(err, ERR_LIMIT, "offset %zu: %s: more than %d values on the stack",
                       m->op_offset, m->op_name, PICKLE_STACK_MAX);
    stack =
        pickle_grow(m, m->stack, m->depth, &m->stack_capacity, m->depth + 1, sizeof(*stack), err);
    if (!stack)
        return -1;
    m->stack = stack;
    m->stack[m->depth++] = value;
    return 0;
}

struct pickle_value *pickle_top(struct pickle_machine *m, struct err *err)
{
    const struct pickle_level *level = &m->levels[m->level];
    size_t floor =
        m->mark_count > level->mark_base ? m->marks[m->mark_count - 1] : level->stack_base;

    if (m->depth <= floor) {
        pickle_fail(m, err, "there is no value on the stack");
        return NULL;
    }
    return m->stack[m->depth - 1];
}

struct pickle_value *pickle_pop(struct pickle_machine *m, struct err *err)
{
    struct pickle_value *value = pickle_top(m, err);

    if (value)
        m->depth--;
    return value;
}

int pickle_pop_mark(struct pickle_machine *m, struct pickle_value ***ret_first, size_t *ret_count,
                    struct err *err)
{
    size_t mark;

    if (m->mark_count == m->levels[m->level].mark_base)
        return pickle_fail(m, err, "there is no MARK on the stack");
    mark = m->marks[--m->mark_count];
    *ret_first = m->stack ? m->stack + mark : NULL; /* an empty stack has no memory yet */
    *ret_count = m->depth - mark;
    m->depth = mark;
    return 0;
}

/* None, False, True and () are by far the most frequent values. */
static int make_constants(struct pickle_machine *m, struct err *err)
{
    static const enum pickle_type types[] = {
        [PICKLE_CONSTANT_NONE] = PICKLE_NONE,
        [PICKLE_CONSTANT_FALSE] = PICKLE_BOOL,
        [PICKLE_CONSTANT_TRUE] = PICKLE_BOOL,
        [PICKLE_CONSTANT_EMPTY_TUPLE] = PICKLE_TUPLE,
    };

    for (size_t i = 0; i < ARRAY_LENGTH(types); i++) {
        m->constants[i] = pickle_new(m, types[i], err);
        if (!m->constants[i])
            return -1;
    }
    m->constants[PICKLE_CONSTANT_TRUE]->integer = 1;
    return 0;
}

static int run(struct pickle_machine *m, struct err *err)
{
    while (!m->result) {
        const struct pickle_opcode *op;
        uint8_t code;

        m->op_offset = cursor_offset(&m->in);
        if (!cursor_u8(&m->in, &code))
            return err_set(err, ERR_INPUT, "offset %zu: the pickle ends without STOP: it is cut",
                           m->op_offset);
        op = &pickle_opcodes[code];
        if (!op->run)
            return err_set(err, ERR_INPUT, "offset %zu: 0x%02x is not a pickle opcode",
                           m->op_offset, code);
        m->op_name = op->name;
        if (op->run(m, op->argument, err))
            return -1;
    }
    if (cursor_left(&m->in))
        return err_set(err, ERR_INPUT, "offset %zu: %zu bytes follow the end of the pickle",
                       cursor_offset(&m->in), cursor_left(&m->in));
    return 0;
}

int pickle_read(struct bytes data, struct arena *arena, struct pickle_value **ret, struct err *err)
{
    struct pickle_machine m = {
        .in = cursor_of(data),
        .arena = arena,
        .op_name = "start",
    };

    if (make_constants(&m, err) || run(&m, err))
        return -1;
    *ret = m.result;
    return 0;
}

/* Whether text[*at..] is a line of at least one printable ASCII character; moves behind it. */
static bool is_plain_line(struct bytes text, size_t *at)
{
    size_t start = *at;
    size_t i = start;

    while (i < text.size && text.data[i] > 0x20 && text.data[i] < 0x7f)
        i++;
    if (i == start || i == text.size || text.data[i] != '\n')
        return false;
    *at = i + 1;
    return true;
}

bool pickle_probe(struct bytes data)
{
    size_t at = 1;

    if (data.size < 2)
        return false;
    switch (data.data[0]) {
    case 0x80:
        return data.data[1] >= 2 && data.data[1] <= 5;
    case 'c': /* protocols 0 and 1: copy_reg, newline, _reconstructor, newline */
        return is_plain_line(data, &at) && is_plain_line(data, &at);
    case '(': /* protocol 0: (dp0, newline; no binary model has such a line at its start */
        return is_plain_line(data, &at);
    default:
        return false;
    }
}
