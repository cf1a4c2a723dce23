/* http_target: the request target: path, its segments, the query;
 * percent-decoded, with bad escapes and %00 refused. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/core/err.h"
#include "server/http/http_internal.h"

static int hex(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  c = (char)(c | 0x20);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes len bytes from s to *to and ends them with a NUL; false for a bad
 * escape or %00. */
static bool decode(const char *s, size_t len, bool plus_is_blank, char **to) {
  char *out = *to;
  for (size_t i = 0; i < len; i++) {
    char c = s[i];
    if (c == '%') {
      int high = i + 2 < len ? hex(s[i + 1]) : -1;
      int low = i + 2 < len ? hex(s[i + 2]) : -1;
      if (high < 0 || low < 0 || (high == 0 && low == 0))
        return false;
      c = (char)(high * 16 + low);
      i += 2;
    } else if (c == '+' && plus_is_blank) {
      c = ' ';
    }
    *out++ = c;
  }
  *out++ = '\0';
  *to = out;
  return true;
}

static bool read_path(struct http_request *r, char **to) {
  for (const char *p = r->path; *p == '/' && p[1] != '\0';) {
    size_t len = strcspn(++p, "/");
    if (r->segment_count == SEGMENTS_MAX)
      return true; /* no route is that deep; the count says so */
    r->segments[r->segment_count++] = *to;
    if (!decode(p, len, false, to))
      return false;
    p += len;
  }
  return true;
}

static bool read_query(struct http_request *r, const char *query, char **to) {
  for (const char *p = query; *p != '\0' && r->query_count < QUERY_MAX;) {
    size_t len = strcspn(p, "&");
    size_t name = strcspn(p, "=&");
    struct field *f = &r->query[r->query_count];
    f->name = *to;
    if (!decode(p, name, true, to))
      return false;
    f->value = *to;
    if (!decode(p + name + (name < len), len - name - (name < len), true, to))
      return false;
    r->query_count += len > 0 ? 1 : 0;
    p += len + (p[len] == '&' ? 1 : 0);
  }
  return true;
}

/* Past scheme and authority of an absolute form, which a server has to accept (RFC 9112, section
 * 3.2.2); the hub answers for whatever host it is reached by. */
static const char *origin_form(const char *target) {
  size_t scheme = strncasecmp(target, "http://", 7) == 0    ? 7
                  : strncasecmp(target, "https://", 8) == 0 ? 8
                                                            : 0;
  if (scheme == 0)
    return target;
  const char *path = target + scheme + strcspn(target + scheme, "/?");
  return *path == '/' ? path : "/";
}

int http_request_target(struct http_request *r) {
  const char *target = r->target.data != NULL ? origin_form(r->target.data) : NULL;
  if (target == NULL || target[0] != '/')
    return err_set(&r->refusal, CWS_EBADREQUEST, "the request target has to begin with '/'");
  size_t path = strcspn(target, "?");
  r->path = strndup(target, path);
  r->decoded = malloc(2 * strlen(target) + 2 * QUERY_MAX + SEGMENTS_MAX + 2);
  if (r->path == NULL || r->decoded == NULL)
    return err_set(&r->refusal, CWS_ENOMEM, NULL);
  char *to = r->decoded;
  const char *query = target[path] == '?' ? target + path + 1 : "";
  if (!read_path(r, &to) || !read_query(r, query, &to))
    return err_set(&r->refusal, CWS_EBADREQUEST, "a bad percent escape in the request target");
  return 0;
}

/* ---- reading ---- */

enum http_verb http_method(const struct http_request *r) {
  switch ((int)r->parser.method) {
  case HTTP_GET:
    return HTTP_M_GET;
  case HTTP_HEAD:
    return HTTP_M_HEAD;
  case HTTP_POST:
    return HTTP_M_POST;
  case HTTP_DELETE:
    return HTTP_M_DELETE;
  case HTTP_OPTIONS:
    return HTTP_M_OPTIONS;
  default:
    return HTTP_M_OTHER;
  }
}

const char *http_method_name(const struct http_request *r) {
  return http_method_str((enum http_method)r->parser.method);
}

const char *http_segment(const struct http_request *r, size_t i) {
  return i < r->segment_count ? r->segments[i] : NULL;
}

size_t http_segment_count(const struct http_request *r) {
  return r->segment_count;
}

const char *http_path(const struct http_request *r) {
  return r->path != NULL ? r->path : "";
}

const char *http_query(const struct http_request *r, const char *name) {
  for (size_t i = 0; i < r->query_count; i++) {
    if (strcmp(r->query[i].name, name) == 0)
      return r->query[i].value;
  }
  return NULL;
}

const char *http_query_name(const struct http_request *r, size_t i) {
  return i < r->query_count ? r->query[i].name : NULL;
}
