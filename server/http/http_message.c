/*
 * A request head (RFC 9112), every line ended by CR LF:
 *
 *     [CR LF [CR LF]]                          left over from the client's last body: passed over
 *     method SP target SP "HTTP/1." ("0" | "1")
 *     *( name ":" OWS value OWS )              name: token; value: no control but tab
 *     CR LF
 *
 * Reading goes in two steps. The first looks for line feeds only and finds where the head ends, or
 * that it cannot end well: what it answers depends on nothing but the position in the stream, so
 * that a head gives the same result however it was cut into packets. The second reads the complete
 * head once; it needs no bounds checks, because no byte class contains CR and the head ends with
 * it.
 */
#include "server/http/http_message.h"

#include <string.h>

#define LEADING_LINES_MAX 2

/* Classes of bytes. */
#define TOKEN  1 /* method, field name */
#define TARGET 2 /* request target: visible ASCII, no fragment */
#define VALUE  4 /* field value: tab, space, visible, and what is not ASCII */
#define HOST   8 /* host and port: RFC 3986 3.2.2 */
#define SPACE  16

#define T  (TARGET | VALUE)
#define TK (TOKEN | T)
#define TH (HOST | T)
#define A  (TOKEN | HOST | T)

/* clang-format off */
static const uint8_t classes[256] = {
    ['\t'] = VALUE | SPACE, [' '] = VALUE | SPACE, ['!'] = A, ['"'] = T, ['#'] = TOKEN | VALUE,
    ['$'] = A, ['%'] = A, ['&'] = A, ['\''] = A, ['('] = TH, [')'] = TH, ['*'] = A, ['+'] = A,
    [','] = TH, ['-'] = A, ['.'] = A, ['/'] = T, ['0' ... '9'] = A, [':'] = TH, [';'] = TH,
    ['<'] = T, ['='] = TH, ['>'] = T, ['?'] = T, ['@'] = T, ['A' ... 'Z'] = A,
    ['['] = TH, ['\\'] = T, [']'] = TH, ['^'] = TK, ['_'] = A, ['`'] = TK,
    ['a' ... 'z'] = A, ['{'] = T, ['|'] = TK, ['}'] = T, ['~'] = A,
    [0x80 ... 0xff] = VALUE,
};
/* clang-format on */

#undef T
#undef TK
#undef TH
#undef A

static bool is(uint8_t byte, uint8_t class)
{
    return (classes[byte] & class) != 0;
}

/* What a refusal is made of; the functions below return false after they filled it. */
struct fault {
    int status;
    const char *reason;
};

static bool fail(struct fault *fault, int status, const char *reason)
{
    fault->status = status;
    fault->reason = reason;
    return false;
}

static enum http_parse refuse(struct fault *fault, int status, const char *reason)
{
    fail(fault, status, reason);
    return HTTP_PARSE_ERROR;
}

/* Passes over empty lines before the request line. DONE: *ret_start is the first byte of a request,
 * and it can begin one. */
static enum http_parse find_start(struct bytes data, size_t *ret_start, struct fault *fault)
{
    size_t at = 0;

    while (at < data.size && data.data[at] == '\r') {
        if (at == 2 * LEADING_LINES_MAX)
            return refuse(fault, 400, "more than two empty lines before the request");
        if (at + 1 == data.size)
            return HTTP_PARSE_MORE;
        if (data.data[at + 1] != '\n')
            return refuse(fault, 400, "a carriage return without a line feed");
        at += 2;
    }
    if (at == data.size)
        return HTTP_PARSE_MORE;
    if (!is(data.data[at], TOKEN))
        return refuse(fault, 400, "the request does not begin with a method");
    *ret_start = at;
    return HTTP_PARSE_DONE;
}

/* Finds the end of the head that begins at `start`. All line ends before it are CR LF. */
static enum http_parse find_end(struct bytes data, size_t start, size_t seen,
                                const struct http_limits *limits, size_t *ret_end,
                                struct fault *fault)
{
    size_t known = data.size < limits->head ? data.size : limits->head;
    size_t line_max = limits->request_line < limits->head ? limits->request_line : limits->head;
    size_t at = seen > start ? seen : start;
    const uint8_t *feed;

    if (seen < start + line_max + 2 && known > start) {
        size_t window = known - start < line_max + 2 ? known - start : line_max + 2;

        if (window == line_max + 2 && !memchr(data.data + start, '\n', window))
            return refuse(fault, 414, "the request line is too long");
    }
    while (at < known && (feed = memchr(data.data + at, '\n', known - at))) {
        size_t i = (size_t)(feed - data.data);

        /* data[start] is no line feed, so i > start */
        if (data.data[i - 1] != '\r')
            return refuse(fault, 400, "a line feed without a carriage return");
        if (i >= start + 2 && data.data[i - 2] == '\n') {
            *ret_end = i + 1;
            return HTTP_PARSE_DONE;
        }
        at = i + 1;
    }
    if (data.size >= limits->head)
        return refuse(fault, 431, "the request head is too large");
    return HTTP_PARSE_MORE;
}

static enum http_method method_of(struct bytes text)
{
    static const char *const names[] = {
        [HTTP_GET] = "GET",     [HTTP_HEAD] = "HEAD",     [HTTP_POST] = "POST",
        [HTTP_PUT] = "PUT",     [HTTP_DELETE] = "DELETE", [HTTP_OPTIONS] = "OPTIONS",
        [HTTP_PATCH] = "PATCH", [HTTP_TRACE] = "TRACE",
    };

    if (bytes_is(text, "POST"))
        return HTTP_POST;
    for (unsigned i = 0; i < ARRAY_LENGTH(names); i++) {
        if (bytes_is(text, names[i]))
            return (enum http_method)i;
    }
    return HTTP_METHOD_OTHER;
}

/* The authority of an absolute target: "http://" host [":" port]. Returns its end, NULL where bad.
 */
static const uint8_t *skip_authority(struct bytes target)
{
    const uint8_t *end = target.data + target.size;
    const uint8_t *p = target.data;
    const uint8_t *host;

    if (bytes_is_nocase(bytes_of(p, target.size < 7 ? target.size : 7), "http://"))
        p += 7;
    else if (bytes_is_nocase(bytes_of(p, target.size < 8 ? target.size : 8), "https://"))
        p += 8;
    else
        return NULL;
    host = p;
    while (p < end && is(*p, HOST))
        p++;
    if (p == host || *host == ':' || (p < end && *p != '/' && *p != '?'))
        return NULL;
    return p;
}

static bool split_target(struct http_request *request, struct fault *fault)
{
    const uint8_t *end = request->target.data + request->target.size;
    const uint8_t *p = request->target.data;
    const uint8_t *mark;

    if (*p != '/') {
        if (bytes_is(request->target, "*") && request->method == HTTP_OPTIONS) {
            request->path = request->target;
            request->query = bytes_of(end, 0);
            return true;
        }
        p = skip_authority(request->target);
        if (!p)
            return fail(fault, 400, "the request target is not a path");
    }
    mark = memchr(p, '?', (size_t)(end - p));
    request->path = bytes_of(p, (size_t)((mark ? mark : end) - p));
    request->query = mark ? bytes_of(mark + 1, (size_t)(end - mark - 1)) : bytes_of(end, 0);
    if (request->path.size == 0) /* "http://host" means "/": the last one of "://" serves as it */
        request->path = bytes_of((const uint8_t *)memchr(request->target.data, '/', 8) + 1, 1);
    return true;
}

/* Reads the request line at *at and moves behind it. */
static bool read_request_line(struct http_request *request, const uint8_t **at, const uint8_t *end,
                              struct fault *fault)
{
    const uint8_t *p = *at;
    const uint8_t *begin = p;

    while (is(*p, TOKEN))
        p++;
    if (*p != ' ')
        return fail(fault, 400, "the method is not a token followed by one space");
    request->method_text = bytes_of(begin, (size_t)(p - begin));
    request->method = method_of(request->method_text);
    begin = ++p;
    while (is(*p, TARGET))
        p++;
    if (p == begin || *p != ' ')
        return fail(fault, 400, "the request target is not followed by a space and a version");
    request->target = bytes_of(begin, (size_t)(p - begin));
    p++;
    /* "HTTP/1.1" and the two line ends that the head has at least */
    if (end - p < 12 || memcmp(p, "HTTP/", 5) != 0 || p[5] < '0' || p[5] > '9' || p[6] != '.' ||
        p[7] < '0' || p[7] > '9' || p[8] != '\r' || p[9] != '\n')
        return fail(fault, 400, "the request line does not end with an HTTP version");
    if (p[5] != '1' || p[7] > '1')
        return fail(fault, 505, "only HTTP/1.0 and HTTP/1.1 are served");
    request->minor = (unsigned)(p[7] - '0');
    *at = p + 10;
    return split_target(request, fault);
}

/* The first byte from p on that is not allowed in a field value; there is a CR to stop at. Eight
 * bytes at a time while they are plain: no control, which a tab is too, and no DEL. */
static const uint8_t *skip_value(const uint8_t *p, const uint8_t *end)
{
    const uint64_t ones = 0x0101010101010101u;
    const uint64_t highs = ones * 0x80;

    while (end - p >= 8) {
        uint64_t word;
        uint64_t del;

        memcpy(&word, p, 8);
        del = word ^ ones * 0x7f;
        if ((((word - ones * 0x20) & ~word) | ((del - ones) & ~del)) & highs)
            break;
        p += 8;
    }
    while (is(*p, VALUE))
        p++;
    return p;
}

static bool read_length(struct http_request *request, struct bytes value, struct fault *fault)
{
    uint64_t length = 0;

    if (request->has_length)
        return fail(fault, 400, "Content-Length is given twice");
    if (value.size == 0)
        return fail(fault, 400, "Content-Length is empty");
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] < '0' || value.data[i] > '9')
            return fail(fault, 400, "Content-Length is not a number");
        if (__builtin_mul_overflow(length, (uint64_t)10, &length) ||
            __builtin_add_overflow(length, (uint64_t)(value.data[i] - '0'), &length) ||
            length > INT64_MAX)
            return fail(fault, 400, "Content-Length is too large to be true");
    }
    request->has_length = true;
    request->content_length = length;
    return true;
}

/* What the fields have said so far that is not in the request itself. */
struct head_state {
    bool has_host;
    bool says_close;
    bool says_keep_alive;
};

static void read_connection(struct head_state *state, struct bytes value)
{
    const uint8_t *end = value.data + value.size;
    const uint8_t *p = value.data;

    while (p < end) {
        const uint8_t *comma = memchr(p, ',', (size_t)(end - p));
        const uint8_t *stop = comma ? comma : end;
        struct bytes option = bytes_trim(bytes_of(p, (size_t)(stop - p)));

        if (bytes_is_nocase(option, "close"))
            state->says_close = true;
        else if (bytes_is_nocase(option, "keep-alive"))
            state->says_keep_alive = true;
        p = stop + 1;
    }
}

static bool read_host(struct head_state *state, struct bytes value, struct fault *fault)
{
    if (state->has_host)
        return fail(fault, 400, "Host is given twice");
    state->has_host = true;
    for (size_t i = 0; i < value.size; i++) {
        if (!is(value.data[i], HOST))
            return fail(fault, 400, "Host is not a host");
    }
    return true;
}

static bool read_transfer_encoding(struct http_request *request, struct bytes value,
                                   struct fault *fault)
{
    if (request->chunked)
        return fail(fault, 400, "Transfer-Encoding is given twice");
    if (!bytes_is_nocase(value, "chunked"))
        return fail(fault, 400, "the only Transfer-Encoding that is served is chunked");
    request->chunked = true;
    return true;
}

/* Fields on which the reading of the message depends; the others are only listed. */
static bool read_known(struct http_request *request, struct head_state *state,
                       const struct http_field *field, struct fault *fault)
{
    switch (field->name.size) {
    case 4:
        if (bytes_is_nocase(field->name, "Host"))
            return read_host(state, field->value, fault);
        break;
    case 6:
        if (bytes_is_nocase(field->name, "Accept")) {
            if (!request->has_accept)
                request->accept = field->value;
            request->has_accept = true;
        } else if (bytes_is_nocase(field->name, "Expect")) {
            if (!bytes_is_nocase(field->value, "100-continue"))
                return fail(fault, 417, "the only Expect that is served is 100-continue");
            request->expect_continue = request->minor > 0;
        }
        break;
    case 10:
        if (bytes_is_nocase(field->name, "Connection"))
            read_connection(state, field->value);
        break;
    case 12:
        if (bytes_is_nocase(field->name, "Content-Type")) {
            if (request->has_content_type)
                return fail(fault, 400, "Content-Type is given twice");
            request->has_content_type = true;
            request->content_type = field->value;
        }
        break;
    case 14:
        if (bytes_is_nocase(field->name, "Content-Length"))
            return read_length(request, field->value, fault);
        break;
    case 17:
        if (bytes_is_nocase(field->name, "Transfer-Encoding"))
            return read_transfer_encoding(request, field->value, fault);
        break;
    default:
        break;
    }
    return true;
}

/* Reads the field line at *at and moves behind it. */
static bool read_field(struct http_field *field, const uint8_t **at, const uint8_t *end,
                       struct fault *fault)
{
    const uint8_t *p = *at;
    const uint8_t *begin = p;
    const uint8_t *last;

    while (is(*p, TOKEN))
        p++;
    if (*p != ':' || p == begin) {
        if (p == begin && is(*p, SPACE))
            return fail(fault, 400, "a header line begins with a space");
        if (is(*p, SPACE))
            return fail(fault, 400, "a space between a header's name and its colon");
        return fail(fault, 400, "a header line without a valid name and a colon");
    }
    field->name = bytes_of(begin, (size_t)(p - begin));
    p++;
    while (is(*p, SPACE))
        p++;
    begin = p;
    p = skip_value(p, end);
    if (p[0] != '\r' || p[1] != '\n')
        return fail(fault, 400, "a control character in a header's value");
    last = p;
    while (last > begin && is(last[-1], SPACE))
        last--;
    field->value = bytes_of(begin, (size_t)(last - begin));
    *at = p + 2;
    return true;
}

static bool read_fields(struct http_request *request, struct head_state *state, const uint8_t **at,
                        const uint8_t *end, struct fault *fault)
{
    while (**at != '\r') {
        struct http_field *field = request->fields + request->field_count;

        if (request->field_count == HTTP_FIELDS_MAX)
            return fail(fault, 431, "the request has more than 100 header fields");
        if (!read_field(field, at, end, fault) || !read_known(request, state, field, fault))
            return false;
        request->field_count++;
    }
    if ((*at)[1] != '\n')
        return fail(fault, 400, "a carriage return without a line feed");
    return true;
}

/* What only the fields together can tell. */
static bool check_framing(struct http_request *request, const struct head_state *state,
                          struct fault *fault)
{
    if (request->minor > 0 && !state->has_host)
        return fail(fault, 400, "the request has no Host");
    if (request->chunked && request->has_length)
        return fail(fault, 400, "both Content-Length and Transfer-Encoding are given");
    if (request->chunked && request->minor == 0)
        return fail(fault, 400, "HTTP/1.0 has no Transfer-Encoding");
    request->keep_alive = !state->says_close && (request->minor > 0 || state->says_keep_alive);
    return true;
}

static bool read_head(struct http_request *request, struct bytes head, struct fault *fault)
{
    const uint8_t *end = head.data + head.size;
    const uint8_t *p = head.data;
    struct head_state state = {0};

    request->chunked = false;
    request->has_length = false;
    request->expect_continue = false;
    request->content_length = 0;
    request->has_content_type = false;
    request->content_type = bytes_of(end, 0);
    request->has_accept = false;
    request->accept = bytes_of(end, 0);
    request->field_count = 0;
    request->head = head;
    request->body = bytes_of(end, 0);
    return read_request_line(request, &p, end, fault) &&
           read_fields(request, &state, &p, end, fault) && check_framing(request, &state, fault);
}

enum http_parse http_parse_head(struct bytes data, size_t seen, const struct http_limits *limits,
                                struct http_request *ret, size_t *ret_size, int *ret_status,
                                const char **ret_reason)
{
    struct fault fault = {0};
    size_t start = 0;
    size_t end = 0;
    enum http_parse result;

    result = find_start(data, &start, &fault);
    if (result == HTTP_PARSE_DONE)
        result = find_end(data, start, seen, limits, &end, &fault);
    if (result == HTTP_PARSE_DONE &&
        !read_head(ret, bytes_of(data.data + start, end - start), &fault))
        result = HTTP_PARSE_ERROR;
    if (result == HTTP_PARSE_DONE)
        *ret_size = end;
    if (result == HTTP_PARSE_ERROR) {
        *ret_status = fault.status;
        *ret_reason = fault.reason;
    }
    return result;
}

bool http_field(const struct http_request *request, const char *name, struct bytes *ret)
{
    for (size_t i = 0; i < request->field_count; i++) {
        if (bytes_is_nocase(request->fields[i].name, name)) {
            *ret = request->fields[i].value;
            return true;
        }
    }
    return false;
}
