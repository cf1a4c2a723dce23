/* origin: see origin.h. Scheme and host are compared without case, ports as numbers. */
#include "server/auth/origin.h"

#include <string.h>
#include <strings.h>

struct span {
  const char *text;
  size_t len;
};

struct origin {
  struct span scheme, host;
  long port; /* -1: none was written and the scheme has none of its own */
};

static bool is_scheme_char(char c) {
  return strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.", c) != NULL &&
         c != '\0';
}

static bool span_is(struct span s, const char *text) {
  return s.len == strlen(text) && strncasecmp(s.text, text, s.len) == 0;
}

static bool span_equals(struct span a, struct span b) {
  return a.len == b.len && strncasecmp(a.text, b.text, a.len) == 0;
}

static long default_port(struct span scheme) {
  if (span_is(scheme, "http"))
    return 80;
  return span_is(scheme, "https") ? 443 : -1;
}

/* Digits up to the end, 1 to 65535. */
static bool parse_port(const char *text, long *port) {
  long value = 0;
  size_t digits = strspn(text, "0123456789");
  if (digits == 0 || digits > 5 || text[digits] != '\0')
    return false;
  for (; *text != '\0'; text++)
    value = value * 10 + (*text - '0');
  *port = value;
  return value >= 1 && value <= 65535;
}

/* HOST[:PORT] to the end of the text; *port stays when there is none. */
static bool parse_authority(const char *text, struct span *host, long *port) {
  size_t len = text[0] == '[' ? strcspn(text, "]") + 1 : strcspn(text, ":");
  if (len == 0 || len > strlen(text) || strcspn(text, "/?#@\\ \t,") < strlen(text))
    return false;
  *host = (struct span){text, len};
  return text[len] == '\0' || (text[len] == ':' && parse_port(text + len + 1, port));
}

static bool parse_origin(const char *text, struct origin *out) {
  const char *rest = strstr(text, "://");
  if (rest == NULL || rest == text)
    return false;
  for (const char *p = text; p < rest; p++) {
    if (!is_scheme_char(*p))
      return false;
  }
  out->scheme = (struct span){text, (size_t)(rest - text)};
  out->port = default_port(out->scheme);
  return parse_authority(rest + 3, &out->host, &out->port);
}

static bool is_same(const struct origin *a, const struct origin *b) {
  return span_equals(a->scheme, b->scheme) && span_equals(a->host, b->host) && a->port == b->port;
}

bool origin_is_own(const char *origin, const char *host) {
  struct origin o;
  if (host == NULL || !parse_origin(origin, &o) || default_port(o.scheme) < 0)
    return false;
  struct span own_host;
  long own_port = default_port(o.scheme);
  return parse_authority(host, &own_host, &own_port) && span_equals(o.host, own_host) &&
         o.port == own_port;
}

static bool entry_matches(const char *entry, const char *origin) {
  struct origin a, b;
  if (strcmp(entry, "*") == 0 || strcmp(entry, "null") == 0)
    return entry[0] == '*' || strcmp(origin, "null") == 0;
  return parse_origin(entry, &a) && parse_origin(origin, &b) && is_same(&a, &b);
}

bool origin_is_listed(const char *origin, const char *const *list) {
  for (; list != NULL && *list != NULL; list++) {
    if (entry_matches(*list, origin))
      return true;
  }
  return false;
}

bool origin_is_entry(const char *entry) {
  struct origin o;
  return strcmp(entry, "*") == 0 || strcmp(entry, "null") == 0 || parse_origin(entry, &o);
}
