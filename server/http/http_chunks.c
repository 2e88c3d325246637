/*
 * The chunked coding (RFC 9112 7.1):
 *
 *     *( 1*16HEXDIG [BWS ";" extension] CR LF  data CR LF )
 *     1*16"0" [BWS ";" extension] CR LF  *( name ":" value CR LF )  CR LF
 *
 * Read byte by byte outside the data, with all state in struct http_chunks: whatever there is is
 * consumed, so that nobody has to keep half a line.
 */
#include "server/http/http_message.h"

#define DIGITS_MAX 16

enum state {
    SIZE_FIRST, /* the first digit of a size */
    SIZE_MORE,
    SIZE_SPACE, /* after it: only an extension can follow */
    EXTENSION,
    SIZE_END, /* the line feed of the size's line */
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER_FIRST, /* a trailer, or the empty line */
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_END,
    LAST_END,
    FINISHED,
};

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_control(uint8_t c)
{
    return (c < 0x20 && c != '\t') || c == 0x7f;
}

static bool is_name(uint8_t c)
{
    return c > 0x20 && c < 0x7f && c != ':';
}

/* One byte of the line with the size. NULL, or what is wrong. */
static const char *size_byte(struct http_chunks *chunks, uint8_t c)
{
    int digit = hex_value(c);

    switch (chunks->state) {
    case SIZE_FIRST:
    case SIZE_MORE:
        if (digit >= 0) {
            if (chunks->line == DIGITS_MAX)
                return "a chunk's size has more than 16 digits";
            chunks->left = chunks->left << 4 | (unsigned)digit;
            chunks->state = SIZE_MORE;
            break;
        }
        if (chunks->state == SIZE_FIRST)
            return "a chunk does not begin with its size";
        if (c == '\r')
            chunks->state = SIZE_END;
        else if (c == ';')
            chunks->state = EXTENSION;
        else if (c == ' ' || c == '\t')
            chunks->state = SIZE_SPACE;
        else
            return "a chunk's size is not a hexadecimal number";
        break;
    case SIZE_SPACE:
        if (c == ';')
            chunks->state = EXTENSION;
        else if (c != ' ' && c != '\t')
            return "a chunk's size is not a hexadecimal number";
        break;
    case EXTENSION:
        if (c == '\r')
            chunks->state = SIZE_END;
        else if (is_control(c))
            return "a control character in a chunk's extension";
        break;
    default: /* SIZE_END */
        if (c != '\n')
            return "a chunk's size does not end with CR LF";
        chunks->line = 0;
        chunks->state = chunks->left ? DATA : TRAILER_FIRST;
        return NULL;
    }
    if (chunks->state != SIZE_END && ++chunks->line > HTTP_CHUNK_LINE_MAX)
        return "a chunk's first line is too long";
    return NULL;
}

/* One byte after the last chunk. */
static const char *trailer_byte(struct http_chunks *chunks, uint8_t c)
{
    switch (chunks->state) {
    case TRAILER_FIRST:
        if (c == '\r')
            chunks->state = LAST_END;
        else if (is_name(c))
            chunks->state = TRAILER_NAME;
        else
            return "a trailer does not begin with a name";
        break;
    case TRAILER_NAME:
        if (c == ':')
            chunks->state = TRAILER_VALUE;
        else if (!is_name(c))
            return "a trailer without a valid name and a colon";
        break;
    case TRAILER_VALUE:
        if (c == '\r')
            chunks->state = TRAILER_END;
        else if (is_control(c))
            return "a control character in a trailer";
        break;
    default: /* TRAILER_END, LAST_END */
        if (c != '\n')
            return "a trailer does not end with CR LF";
        chunks->state = chunks->state == LAST_END ? FINISHED : TRAILER_FIRST;
        break;
    }
    return NULL;
}

static const char *framing_byte(struct http_chunks *chunks, uint8_t c)
{
    if (chunks->state < DATA)
        return size_byte(chunks, c);
    if (chunks->state >= TRAILER_FIRST)
        return trailer_byte(chunks, c);
    if (c != (chunks->state == DATA_CR ? '\r' : '\n'))
        return "a chunk's data does not end with CR LF";
    chunks->state = chunks->state == DATA_CR ? DATA_LF : SIZE_FIRST;
    return NULL;
}

uint64_t http_chunks_content(const struct http_chunks *chunks)
{
    return chunks->state == DATA ? chunks->left : 0;
}

void http_chunks_skip(struct http_chunks *chunks, size_t size)
{
    chunks->left -= size;
    if (chunks->left == 0)
        chunks->state = DATA_CR;
}

enum http_parse http_chunks_read(struct http_chunks *chunks, struct bytes data, size_t *ret_used,
                                 struct bytes *ret_data, int *ret_status, const char **ret_reason)
{
    const char *fault = NULL;
    size_t at = 0;

    *ret_data = bytes_of(data.data, 0);
    while (at < data.size && chunks->state != FINISHED) {
        if (chunks->state == DATA) {
            size_t run = data.size - at < chunks->left ? data.size - at : (size_t)chunks->left;

            http_chunks_skip(chunks, run);
            *ret_data = bytes_of(data.data + at, run);
            at += run;
            break;
        }
        *ret_status = 400;
        if (chunks->state >= TRAILER_FIRST && ++chunks->trailer > HTTP_TRAILER_MAX) {
            *ret_status = 431;
            fault = "the trailers are too large";
        } else {
            fault = framing_byte(chunks, data.data[at]);
        }
        if (fault) {
            *ret_reason = fault;
            *ret_used = at;
            return HTTP_PARSE_ERROR;
        }
        at++;
    }
    *ret_used = at;
    return chunks->state == FINISHED ? HTTP_PARSE_DONE : HTTP_PARSE_MORE;
}
