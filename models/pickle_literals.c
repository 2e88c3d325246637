/*
 * The opcodes that push a literal: numbers, text, bytes (formats: first comment of pickle.c).
 */
#include "base/number_parse.h"
#include "base/unicode.h"
#include "models/pickle_machine.h"

/* As many decimal digits as Python itself reads (sys.get_int_max_str_digits). */
#define DIGITS_MAX 4300

int pickle_take_line(struct pickle_machine *m, struct bytes *ret, struct err *err)
{
    const uint8_t *newline = memchr(m->in.at, '\n', cursor_left(&m->in));

    if (!newline)
        return pickle_fail(m, err, "the line does not end: the pickle is cut");
    *ret = bytes_of(m->in.at, (size_t)(newline - m->in.at));
    m->in.at = newline + 1;
    return 0;
}

int pickle_take_number(struct pickle_machine *m, unsigned width, uint64_t *ret, struct err *err)
{
    struct bytes bytes = {0};
    uint64_t value = 0;

    if (!cursor_take(&m->in, width, &bytes))
        return pickle_fail(m, err, "%u bytes are needed, %zu are left: the pickle is cut", width,
                           cursor_left(&m->in));
    for (unsigned i = width; i > 0; i--)
        value = value << 8 | bytes.data[i - 1];
    *ret = value;
    return 0;
}

/* A length of `width` bytes, and that many bytes. */
static int take_sized(struct pickle_machine *m, unsigned width, struct bytes *ret, struct err *err)
{
    uint64_t n = 0;

    if (pickle_take_number(m, width, &n, err))
        return -1;
    if (n > cursor_left(&m->in))
        return pickle_fail(m, err, "%llu bytes are announced, %zu are left: the pickle is cut",
                           (unsigned long long)n, cursor_left(&m->in));
    return cursor_take(&m->in, (size_t)n, ret) ? 0 : -1;
}

static int push_integer(struct pickle_machine *m, int64_t integer, struct err *err)
{
    struct pickle_value *value = pickle_new(m, PICKLE_INT, err);

    if (!value)
        return -1;
    value->integer = integer;
    return pickle_push(m, value, err);
}

static int push_real(struct pickle_machine *m, double real, struct err *err)
{
    struct pickle_value *value = pickle_new(m, PICKLE_FLOAT, err);

    if (!value)
        return -1;
    value->real = real;
    return pickle_push(m, value, err);
}

static int push_bytes(struct pickle_machine *m, enum pickle_type type, struct bytes bytes,
                      struct err *err)
{
    struct pickle_value *value = pickle_new(m, type, err);

    if (!value)
        return -1;
    value->bytes = bytes;
    return pickle_push(m, value, err);
}

/* Little-endian two's complement of any length. */
static int push_twos_complement(struct pickle_machine *m, struct bytes bytes, struct err *err)
{
    uint8_t fill = bytes.size && bytes.data[bytes.size - 1] & 0x80 ? 0xff : 0;
    uint64_t value = fill ? UINT64_MAX : 0;

    while (bytes.size > 8 && bytes.data[bytes.size - 1] == fill &&
           (bytes.data[bytes.size - 2] & 0x80) == (fill & 0x80))
        bytes.size--;
    if (bytes.size > 8)
        return push_bytes(m, PICKLE_BIG, bytes, err);
    for (size_t i = bytes.size; i > 0; i--)
        value = value << 8 | bytes.data[i - 1];
    return push_integer(m, (int64_t)value, err);
}

/* Decimal digits to two's complement: nine at a time into limbs of 32 bits. */
static int push_decimal(struct pickle_machine *m, struct bytes digits, bool negative,
                        struct err *err)
{
    uint32_t limbs[DIGITS_MAX / 9 + 2] = {0}; /* 9 digits take less than a limb; one for the sign */
    size_t count = 0;
    uint64_t carry = negative;
    uint8_t *bytes;

    for (size_t i = 0; i < digits.size;) {
        uint32_t scale = 1;
        uint32_t chunk = 0;

        for (; i < digits.size && scale < 1000000000; i++, scale *= 10)
            chunk = chunk * 10 + (uint32_t)(digits.data[i] - '0');
        for (size_t k = 0; k < count || chunk; k++) {
            uint64_t product = (uint64_t)limbs[k] * scale + chunk;

            limbs[k] = (uint32_t)product;
            chunk = (uint32_t)(product >> 32);
            if (k == count)
                count++;
        }
    }
    count++;
    bytes = arena_alloc(m->arena, count, 4);
    if (!bytes)
        return pickle_no_memory(m, count * 4, err);
    for (size_t k = 0; k < count; k++) {
        carry += negative ? (uint32_t)~limbs[k] : limbs[k];
        for (unsigned b = 0; b < 4; b++)
            bytes[k * 4 + b] = (uint8_t)(carry >> (8 * b));
        carry >>= 32;
    }
    return push_twos_complement(m, bytes_of(bytes, count * 4), err);
}

/* [+-]digits, and for a long the L that Python 2 and 3 both write. */
int pickle_op_line_int(struct pickle_machine *m, unsigned is_long, struct err *err)
{
    struct bytes line = {0};
    bool negative = false;

    if (pickle_take_line(m, &line, err))
        return -1;
    if (!is_long && (bytes_is(line, "00") || bytes_is(line, "01")))
        return pickle_push(
            m, m->constants[line.data[1] == '1' ? PICKLE_CONSTANT_TRUE : PICKLE_CONSTANT_FALSE],
            err);
    if (is_long && line.size && line.data[line.size - 1] == 'L')
        line.size--;
    if (line.size && (line.data[0] == '-' || line.data[0] == '+')) {
        negative = line.data[0] == '-';
        line = bytes_of(line.data + 1, line.size - 1);
    }
    if (line.size == 0)
        return pickle_fail(m, err, "an integer without digits");
    for (size_t i = 0; i < line.size; i++) {
        if (line.data[i] < '0' || line.data[i] > '9')
            return pickle_fail(m, err, "an integer with a byte 0x%02x in it", line.data[i]);
    }
    if (line.size > DIGITS_MAX)
        return err_set(err, ERR_LIMIT, "offset %zu: %s: an integer of more than %d digits",
                       m->op_offset, m->op_name, DIGITS_MAX);
    return push_decimal(m, line, negative, err);
}

int pickle_take_index_line(struct pickle_machine *m, uint64_t *ret, struct err *err)
{
    struct bytes line = {0};
    uint64_t value = 0;

    if (pickle_take_line(m, &line, err))
        return -1;
    if (line.size == 0 || line.size > 19)
        return pickle_fail(m, err, "a memo index of %zu digits", line.size);
    for (size_t i = 0; i < line.size; i++) {
        if (line.data[i] < '0' || line.data[i] > '9')
            return pickle_fail(m, err, "a memo index with a byte 0x%02x in it", line.data[i]);
        value = value * 10 + (uint64_t)(line.data[i] - '0');
    }
    *ret = value;
    return 0;
}

int pickle_op_line_float(struct pickle_machine *m, unsigned argument UNUSED, struct err *err)
{
    struct bytes line = {0};
    char quoted[64];
    double real;

    if (pickle_take_line(m, &line, err))
        return -1;
    /* Python would take digits of any script here, but never writes them: number_parse_python wants
     * valid UTF-8, and plain ASCII is that */
    for (size_t i = 0; i < line.size; i++) {
        if (line.data[i] >= 0x80)
            return pickle_fail(m, err, "a number with a byte 0x%02x in it", line.data[i]);
    }
    if (number_parse_python((const char *)line.data, line.size, &real) != NUMBER_OK)
        return pickle_fail(m, err, "%s is not a number",
                           err_quote(quoted, sizeof(quoted), line.data, line.size));
    return push_real(m, real, err);
}

int pickle_op_int(struct pickle_machine *m, unsigned width, struct err *err)
{
    uint64_t bits = 0;

    if (pickle_take_number(m, width, &bits, err))
        return -1;
    return push_integer(m, width == 4 ? (int32_t)bits : (int64_t)bits, err);
}

int pickle_op_long(struct pickle_machine *m, unsigned length_width, struct err *err)
{
    struct bytes bytes = {0};

    if (take_sized(m, length_width, &bytes, err))
        return -1;
    return push_twos_complement(m, bytes, err);
}

int pickle_op_float(struct pickle_machine *m, unsigned argument UNUSED, struct err *err)
{
    struct bytes bytes = {0};

    if (!cursor_take(&m->in, 8, &bytes))
        return pickle_fail(m, err, "8 bytes are needed, %zu are left: the pickle is cut",
                           cursor_left(&m->in));
    return push_real(m, load_be_f64(bytes.data), err);
}

int pickle_op_text(struct pickle_machine *m, unsigned length_width, struct err *err)
{
    struct bytes bytes = {0};

    if (take_sized(m, length_width, &bytes, err))
        return -1;
    return push_bytes(m, PICKLE_TEXT, bytes, err);
}

int pickle_op_bytes(struct pickle_machine *m, unsigned length_width, struct err *err)
{
    struct bytes bytes = {0};

    if (take_sized(m, length_width, &bytes, err))
        return -1;
    return push_bytes(m, PICKLE_BYTES, bytes, err);
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The n hexadecimal digits at p; -1 where one of them is none. */
static int64_t hex_number(const uint8_t *p, size_t n)
{
    int64_t value = 0;

    for (size_t i = 0; i < n; i++) {
        int digit = hex_digit(p[i]);

        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

/* The escape whose letter is at p[0], after its backslash: writes what it stands for, returns how
 * many bytes of p it takes, 0 where it is malformed. Unknown ones stand for themselves. */
static size_t unescape(const uint8_t *p, size_t left, uint8_t *out, size_t *out_size)
{
    static const char letters[] = "\\'\"abfnrtv";
    static const char meant[] = "\\'\"\a\b\f\n\r\t\v";
    const char *known = p[0] ? strchr(letters, p[0]) : NULL;
    size_t n = 0;

    if (known) {
        out[(*out_size)++] = (uint8_t)meant[known - letters];
        return 1;
    }
    if (p[0] == 'x') {
        int64_t value = left >= 3 ? hex_number(p + 1, 2) : -1;

        if (value < 0)
            return 0;
        out[(*out_size)++] = (uint8_t)value;
        return 3;
    }
    if (p[0] >= '0' && p[0] <= '7') {
        unsigned value = 0;

        while (n < 3 && n < left && p[n] >= '0' && p[n] <= '7')
            value = value * 8 + (unsigned)(p[n++] - '0');
        out[(*out_size)++] = (uint8_t)value;
        return n;
    }
    out[(*out_size)++] = '\\';
    out[(*out_size)++] = p[0];
    return 1;
}

/* A Python 2 str as repr() writes it, in either kind of quotes. */
int pickle_op_line_string(struct pickle_machine *m, unsigned argument UNUSED, struct err *err)
{
    struct bytes line = {0};
    uint8_t *out;
    size_t n = 0;

    if (pickle_take_line(m, &line, err))
        return -1;
    if (line.size < 2 || (line.data[0] != '\'' && line.data[0] != '"') ||
        line.data[line.size - 1] != line.data[0])
        return pickle_fail(m, err, "a text without quotes");
    line = bytes_of(line.data + 1, line.size - 2);
    if (!line.size || !memchr(line.data, '\\', line.size))
        return push_bytes(m, PICKLE_TEXT, line, err);
    out = arena_alloc(m->arena, line.size, 1);
    if (!out)
        return pickle_no_memory(m, line.size, err);
    for (size_t i = 0; i < line.size;) {
        size_t used;

        if (line.data[i] != '\\') {
            out[n++] = line.data[i++];
            continue;
        }
        i++;
        used = i < line.size ? unescape(line.data + i, line.size - i, out, &n) : 0;
        if (used == 0)
            return pickle_fail(m, err, "a malformed escape %zu bytes into the text", i);
        i += used;
    }
    return push_bytes(m, PICKLE_TEXT, bytes_of(out, n), err);
}

/*
 * Raw-unicode-escape: bytes are Latin-1, but for \uXXXX and \UXXXXXXXX; any other backslash stands
 * for itself, and so does the character after it.
 */
int pickle_op_line_unicode(struct pickle_machine *m, unsigned argument UNUSED, struct err *err)
{
    struct bytes line = {0};
    char *out;
    size_t n = 0;

    if (pickle_take_line(m, &line, err))
        return -1;
    out = arena_alloc(m->arena, line.size, 2);
    if (!out)
        return pickle_no_memory(m, line.size, err);
    for (size_t i = 0; i < line.size;) {
        uint8_t c = line.data[i++];
        uint8_t letter = c == '\\' && i < line.size ? line.data[i] : 0;
        char encoded[4];
        size_t length;

        if (letter == 'u' || letter == 'U') {
            size_t digits = letter == 'u' ? 4 : 8;
            int64_t code = line.size - i > digits ? hex_number(line.data + i + 1, digits) : -1;

            if (code < 0 || code > 0x10ffff)
                return pickle_fail(m, err, "a malformed escape %zu bytes into the text", i);
            length = unicode_encode(encoded, (uint32_t)code);
            i += digits + 1;
        } else {
            length = unicode_encode(encoded, c);
            if (letter) {
                memcpy(out + n, encoded, length);
                n += length;
                length = unicode_encode(encoded, letter);
                i++;
            }
        }
        memcpy(out + n, encoded, length);
        n += length;
    }
    return push_bytes(m, PICKLE_TEXT, bytes_of(out, n), err);
}
