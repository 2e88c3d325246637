/*
 * The opcodes that make containers and put values into them. Lists, dicts, sets and objects change
 * in place, and may be in the memo and in other containers by then, themselves included.
 */
#include "models/pickle_machine.h"

/* EMPTY_LIST, EMPTY_DICT, EMPTY_SET */
int pickle_op_empty(struct pickle_machine *m, unsigned type, struct err *err)
{
    struct pickle_value *value = pickle_new(m, (enum pickle_type)type, err);

    return value ? pickle_push(m, value, err) : -1;
}

static int push_collection(struct pickle_machine *m, enum pickle_type type,
                           struct pickle_value *const *first, size_t n, struct err *err)
{
    struct pickle_value *value = pickle_new(m, type, err);

    if (!value || pickle_items_add(m, &value->items, first, n, err))
        return -1;
    return pickle_push(m, value, err);
}

/* TUPLE, LIST, FROZENSET: of the values above the mark */
int pickle_op_collect(struct pickle_machine *m, unsigned type, struct err *err)
{
    struct pickle_value **first = NULL;
    size_t n = 0;

    if (pickle_pop_mark(m, &first, &n, err))
        return -1;
    return push_collection(m, (enum pickle_type)type, first, n, err);
}

/* TUPLE1, TUPLE2, TUPLE3 */
int pickle_op_tuple(struct pickle_machine *m, unsigned n, struct err *err)
{
    struct pickle_value *values[3];

    for (unsigned i = n; i > 0; i--) {
        values[i - 1] = pickle_pop(m, err);
        if (!values[i - 1])
            return -1;
    }
    return push_collection(m, PICKLE_TUPLE, values, n, err);
}

/* Pairs into a dict, or into the dict items of an object (a dict subclass). */
static int add_pairs(struct pickle_machine *m, struct pickle_value *value,
                     struct pickle_value *const *first, size_t n, struct err *err)
{
    char name[128];

    if (n % 2)
        return pickle_fail(m, err, "a key without a value");
    switch (value->type) {
    case PICKLE_DICT:
        return pickle_items_add(m, &value->items, first, n, err);
    case PICKLE_OBJECT:
        return pickle_items_add(m, &value->pairs, first, n, err);
    default:
        return pickle_fail(m, err, "%s is no dict", pickle_class_name(value, name, sizeof(name)));
    }
}

int pickle_op_dict(struct pickle_machine *m, unsigned argument UNUSED, struct err *err)
{
    struct pickle_value *dict = pickle_new(m, PICKLE_DICT, err);
    struct pickle_value **first = NULL;
    size_t n = 0;

    if (!dict || pickle_pop_mark(m, &first, &n, err) || add_pairs(m, dict, first, n, err))
        return -1;
    return pickle_push(m, dict, err);
}

int pickle_op_setitem(struct pickle_machine *m, unsigned argument UNUSED, struct err *err)
{
    struct pickle_value *pair[2];
    struct pickle_value *dict;

    pair[1] = pickle_pop(m, err);
    pair[0] = pair[1] ? pickle_pop(m, err) : NULL;
    dict = pair[0] ? pickle_top(m, err) : NULL;
    return dict ? add_pairs(m, dict, pair, 2, err) : -1;
}

int pickle_op_setitems(struct pickle_machine *m, unsigned argument UNUSED, struct err *err)
{
    struct pickle_value **first = NULL;
    struct pickle_value *dict;
    size_t n = 0;

    if (pickle_pop_mark(m, &first, &n, err))
        return -1;
    dict = pickle_top(m, err);
    return dict ? add_pairs(m, dict, first, n, err) : -1;
}

/* Items into a list or a set (`type`), or into the list items of an object (a subclass of one). */
static int add_items(struct pickle_machine *m, enum pickle_type type, struct pickle_value *value,
                     struct pickle_value *const *first, size_t n, struct err *err)
{
    char name[128];

    if (value->type != type && value->type != PICKLE_OBJECT)
        return pickle_fail(m, err, "%s is no %s", pickle_class_name(value, name, sizeof(name)),
                           type == PICKLE_LIST ? "list" : "set");
    return pickle_items_add(m, &value->items, first, n, err);
}

int pickle_op_append(struct pickle_machine *m, unsigned argument UNUSED, struct err *err)
{
    struct pickle_value *item = pickle_pop(m, err);
    struct pickle_value *list = item ? pickle_top(m, err) : NULL;

    return list ? add_items(m, PICKLE_LIST, list, &item, 1, err) : -1;
}

/* APPENDS, ADDITEMS */
int pickle_op_additems(struct pickle_machine *m, unsigned type, struct err *err)
{
    struct pickle_value **first = NULL;
    struct pickle_value *value;
    size_t n = 0;

    if (pickle_pop_mark(m, &first, &n, err))
        return -1;
    value = pickle_top(m, err);
    return value ? add_items(m, (enum pickle_type)type, value, first, n, err) : -1;
}
