/*
 * The first line is a hub's URL: what is taken is written anew and reads as the same. The rest is a
 * query's value: it comes back from its escapes byte for byte.
 */
#include "lib/client/url.h"
#include "tests/fuzz/fuzz.h"
#include <stdlib.h>
#include <string.h>

static void check_parts(const struct url *u) {
  size_t prefix = strlen(u->prefix);
  CHECK(u->host[0] != '\0' && strpbrk(u->host, "/@?#[] \r\n") == NULL);
  CHECK(strpbrk(u->host_port, "/@?# \r\n") == NULL);
  CHECK(strpbrk(u->prefix, "?# \r\n") == NULL && prefix <= 512);
  CHECK(prefix == 0 || (u->prefix[0] == '/' && u->prefix[prefix - 1] != '/'));
  CHECK(u->unix_path != NULL || (u->port >= 1 && u->port <= 65535));
  CHECK(u->unix_path == NULL || (u->unix_path[0] == '/' && url_is_loopback(u)));
}

static void check_again(const struct url *u) {
  struct url again;
  struct buf b;
  buf_init(&b);
  if (u->unix_path != NULL) {
    buf_addf(&b, "unix:%s", u->unix_path);
  } else {
    url_add_origin(&b, u);
    buf_add_str(&b, u->prefix);
  }
  CHECK(url_parse(b.data, &again, NULL) == 0);
  CHECK(again.tls == u->tls && again.port == u->port && strcmp(again.host, u->host) == 0);
  CHECK(strcmp(again.host_port, u->host_port) == 0 && strcmp(again.prefix, u->prefix) == 0);
  CHECK(u->unix_path == NULL || strcmp(again.unix_path, u->unix_path) == 0);
  CHECK(url_is_loopback(&again) == url_is_loopback(u));
  url_finish(&again);
  buf_finish(&b);
}

static void check_query(const char *value) {
  struct buf b, back;
  buf_init(&b);
  buf_init(&back);
  url_add_query(&b, "a", value);
  url_add_query_i64(&b, "n", 7);
  CHECK(b.len >= 7 && strncmp(b.data, "?a=", 3) == 0 && strcmp(b.data + b.len - 4, "&n=7") == 0);
  CHECK(strcspn(b.data + 3, "&# \r\n?") == b.len - 7);
  for (const char *p = b.data + 3; *p != '&'; p++) {
    char pair[3] = "";
    if (*p == '%') {
      memcpy(pair, p + 1, 2);
      p += 2;
    }
    buf_add_char(&back, pair[0] != '\0' ? (char)strtol(pair, NULL, 16) : *p);
  }
  CHECK(back.len == strlen(value) && (back.len == 0 || memcmp(back.data, value, back.len) == 0));
  buf_finish(&b);
  buf_finish(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct url u;
  struct cws_error err = {0};
  char *text = strndup((const char *)data, size);
  CHECK(text != NULL);
  char *rest = text + strcspn(text, "\n");
  if (*rest != '\0')
    *rest++ = '\0';
  int rc = url_parse(text, &u, &err);
  if (rc != 0) {
    fuzz_check_error(rc, &err);
    CHECK(u.host == NULL && u.host_port == NULL && u.prefix == NULL && u.unix_path == NULL);
  } else {
    check_parts(&u);
    check_again(&u);
    url_finish(&u);
  }
  check_query(rest);
  free(text);
  return 0;
}
