#include "server/container/pages.h"

#include <string.h>

#define OLD_HEAD "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 3.2 Final//EN\">\n"
#define NEW_HEAD "<!doctype html>\n<html lang=en>\n"

static const struct page {
    int status;
    const char *title;
    const char *text;
} pages[] = {
    {404, "Not Found",
     "The requested URL was not found on the server. If you entered the URL manually please check "
     "your spelling and try again."},
    {405, "Method Not Allowed", "The method is not allowed for the requested URL."},
    {413, "Request Entity Too Large", "The data value transmitted exceeds the capacity limit."},
    {500, "Internal Server Error",
     "The server encountered an internal error and was unable to complete your request. Either the "
     "server is overloaded or there is an error in the application."},
};

/* The front end's types by suffix, as far as anybody asks a scoring endpoint for such things. */
static const struct suffix {
    const char *suffix;
    const char *type;
} suffixes[] = {
    {".html", "text/html"},        {".htm", "text/html"},       {".css", "text/css"},
    {".xml", "text/xml"},          {".txt", "text/plain"},      {".js", "application/javascript"},
    {".json", "application/json"}, {".ico", "image/x-icon"},    {".png", "image/png"},
    {".jpg", "image/jpeg"},        {".gif", "image/gif"},       {".svg", "image/svg+xml"},
    {".zip", "application/zip"},   {".pdf", "application/pdf"},
};

/* A page that does not fit in memory is sent without its body: the status says it all. */
static void set_body(struct http_response *response, struct bytes text)
{
    buffer_clear(&response->body);
    if (buffer_append(&response->body, text.data, text.size))
        buffer_clear(&response->body);
}

void pages_text(struct http_response *response, int status, struct bytes text)
{
    response->status = status;
    response->content_type = "text/html; charset=utf-8";
    set_body(response, text);
}

void pages_fill(struct http_response *response, int status, bool html5, const char *why)
{
    const struct page *page = NULL;

    for (size_t i = 0; i < ARRAY_LENGTH(pages); i++) {
        if (pages[i].status == status)
            page = &pages[i];
    }
    if (!page) {
        pages_text(response, status, bytes_text(why));
        if (buffer_append(&response->body, "\n", 1))
            buffer_clear(&response->body);
        return;
    }
    response->status = status;
    response->content_type = html5 ? "text/html; charset=utf-8" : "text/html";
    buffer_clear(&response->body);
    if (buffer_print(&response->body, "%s<title>%d %s</title>\n<h1>%s</h1>\n<p>%s</p>\n",
                     html5 ? NEW_HEAD : OLD_HEAD, status, page->title, page->title, page->text))
        buffer_clear(&response->body);
}

void pages_unknown_path(struct http_response *response, struct bytes path)
{
    const char *type = "application/octet-stream";

    for (size_t i = 0; i < ARRAY_LENGTH(suffixes); i++) {
        size_t n = strlen(suffixes[i].suffix);

        if (path.size > n && memcmp(path.data + path.size - n, suffixes[i].suffix, n) == 0)
            type = suffixes[i].type;
    }
    response->status = 404;
    response->reason = "Not Found"; /* the front end's, in mixed case */
    response->content_type = type;
    set_body(response, bytes_text("{}"));
}
