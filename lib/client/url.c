/* url: parses the user's URL strictly, since a part that is silently dropped (a user name, a query)
 * would surprise later. */
#include "lib/client/url.h"

#include "lib/core/err.h"
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#define URL_PREFIX_MAX 512 /* libwebsockets builds the request line in 2,048 bytes */
#define URL_HOST_MAX 253   /* RFC 1035 */

static bool is_host_char(char c, bool in_brackets) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
    return true;
  return strchr(in_brackets ? ":.%" : "-._", c) != NULL;
}

/* Where the host ends: at '/', ':' or the end; for "[…]" behind the bracket. NULL: not a host. */
static const char *host_end(const char *text, bool *brackets) {
  *brackets = *text == '[';
  const char *p = text + (*brackets ? 1 : 0), *start = p;
  while (*p != '\0' && is_host_char(*p, *brackets))
    p++;
  if (p == start || p - start > URL_HOST_MAX)
    return NULL;
  if (!*brackets)
    return p;
  return *p == ']' ? p + 1 : NULL;
}

static const char *parse_port(const char *p, int *port) {
  long v = 0;
  const char *start = p;
  while (*p >= '0' && *p <= '9' && p - start < 5)
    v = v * 10 + (*p++ - '0');
  if (p == start || v < 1 || v > 65535)
    return NULL;
  *port = (int)v;
  return p;
}

static int parse_prefix(const char *p, struct url *url, struct cws_error *err) {
  size_t len = strlen(p);
  for (size_t i = 0; i < len; i++) {
    if (p[i] <= ' ' || p[i] >= 0x7f || p[i] == '?' || p[i] == '#')
      return err_set(err, CWS_EINVAL, "the url has a query, a fragment or a blank; leave it out");
  }
  while (len > 0 && p[len - 1] == '/')
    len--;
  if (len > URL_PREFIX_MAX)
    return err_set(err, CWS_EINVAL, "the path of the url is longer than %d bytes", URL_PREFIX_MAX);
  url->prefix = strndup(p, len);
  return url->prefix == NULL ? err_set(err, CWS_ENOMEM, NULL) : 0;
}

static int set_host(struct url *url, const char *start, const char *end, bool brackets,
                    struct cws_error *err) {
  struct buf b;
  buf_init(&b);
  buf_add(&b, start, (size_t)(end - start));
  if (url->port != (url->tls ? 443 : 80))
    buf_addf(&b, ":%d", url->port);
  size_t len;
  url->host_port = buf_take(&b, &len);
  url->host = brackets ? strndup(start + 1, (size_t)(end - start) - 2)
                       : strndup(start, (size_t)(end - start));
  if (url->host == NULL || url->host_port == NULL)
    return err_set(err, CWS_ENOMEM, NULL);
  return 0;
}

static int parse_tcp(const char *text, struct url *url, struct cws_error *err) {
  bool brackets;
  const char *end = host_end(text, &brackets), *p = end;
  if (end == NULL)
    return err_set(err, CWS_EINVAL, "the url has no good host name");
  if (*p == '@')
    return err_set(err, CWS_EINVAL, "the url has a user name; give a token instead");
  url->port = url->tls ? 443 : 80;
  if (*p == ':')
    p = parse_port(p + 1, &url->port);
  if (p != NULL && *p == '@')
    return err_set(err, CWS_EINVAL, "the url has a user name; give a token instead");
  if (p == NULL || (*p != '\0' && *p != '/' && *p != '?' && *p != '#'))
    return err_set(err, CWS_EINVAL, "the url has a bad port or host name");
  int rc = parse_prefix(p, url, err);
  return rc != 0 ? rc : set_host(url, text, end, brackets, err);
}

static int parse_unix(const char *path, struct url *url, struct cws_error *err) {
  if (path[0] != '/')
    return err_set(err, CWS_EINVAL, "the url needs an absolute path behind 'unix:'");
  if (strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
    return err_set(err, CWS_EINVAL, "the path of the unix socket is too long");
  url->unix_path = strdup(path);
  url->host = strdup("localhost");
  url->host_port = strdup("localhost");
  url->prefix = strdup("");
  if (url->unix_path == NULL || url->host == NULL || url->host_port == NULL || url->prefix == NULL)
    return err_set(err, CWS_ENOMEM, NULL);
  return 0;
}

static int parse(const char *text, struct url *url, struct cws_error *err) {
  if (strncmp(text, "unix:", 5) == 0)
    return parse_unix(text + 5, url, err);
  url->tls = strncmp(text, "https://", 8) == 0;
  if (url->tls)
    return parse_tcp(text + 8, url, err);
  if (strncmp(text, "http://", 7) == 0)
    return parse_tcp(text + 7, url, err);
  return err_set(err, CWS_EINVAL,
                 "'%.64s' is not a hub's url: it begins with http://, https:// or unix:", text);
}

int url_parse(const char *text, struct url *url, struct cws_error *err) {
  memset(url, 0, sizeof(*url));
  int rc = parse(text, url, err);
  if (rc != 0)
    url_finish(url);
  return rc;
}

bool url_is_loopback(const struct url *url) {
  struct in_addr v4;
  struct in6_addr v6;
  if (url->unix_path != NULL || strcasecmp(url->host, "localhost") == 0)
    return true;
  if (inet_pton(AF_INET, url->host, &v4) == 1)
    return ntohl(v4.s_addr) >> 24 == 127;
  return inet_pton(AF_INET6, url->host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

void url_finish(struct url *url) {
  free(url->host);
  free(url->host_port);
  free(url->prefix);
  free(url->unix_path);
  memset(url, 0, sizeof(*url));
}

void url_add_outer_path(struct buf *b, const struct url *url, const char *path) {
  buf_add_str(b, url->prefix);
  buf_add_str(b, path);
}

void url_add_path(struct buf *b, const struct url *url, const char *path) {
  url_add_outer_path(b, url, "/api/v1");
  buf_add_str(b, path);
}

void url_add_origin(struct buf *b, const struct url *url) {
  buf_add_str(b, url->tls ? "https://" : "http://");
  buf_add_str(b, url->host_port);
}

static bool is_unreserved(unsigned char c) { /* RFC 3986, section 2.3 */
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

static void add_name(struct buf *b, const char *name) {
  bool first = b->len == 0 || memchr(b->data, '?', b->len) == NULL;
  buf_add_char(b, first ? '?' : '&');
  buf_add_str(b, name);
  buf_add_char(b, '=');
}

void url_add_query(struct buf *b, const char *name, const char *value) {
  add_name(b, name);
  for (const unsigned char *p = (const unsigned char *)value; *p != '\0'; p++) {
    if (is_unreserved(*p))
      buf_add_char(b, (char)*p);
    else
      buf_addf(b, "%%%02X", *p);
  }
}

void url_add_query_i64(struct buf *b, const char *name, int64_t value) {
  add_name(b, name);
  buf_add_i64(b, value);
}
