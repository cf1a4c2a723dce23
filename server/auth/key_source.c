/* key_source: see key_source.h. */
#include "server/auth/key_source.h"

#include "lib/core/err.h"
#include "server/auth/fetch.h"
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void drop_bytes(char *bytes, size_t len) {
  if (bytes != NULL)
    OPENSSL_cleanse(bytes, len);
  free(bytes);
}

int key_source_init(struct key_source *s, enum key_source_kind kind, const char *where,
                    const char *bytes, size_t len) {
  *s = (struct key_source){.kind = kind, .len = len};
  s->where = where != NULL ? strdup(where) : NULL;
  s->bytes = len > 0 ? malloc(len) : NULL;
  if ((where != NULL && s->where == NULL) || (len > 0 && s->bytes == NULL)) {
    s->len = 0;
    key_source_finish(s);
    return CWS_ENOMEM;
  }
  if (len > 0)
    memcpy(s->bytes, bytes, len);
  return 0;
}

void key_source_finish(struct key_source *s) {
  drop_bytes(s->bytes, s->len);
  free(s->where);
  *s = (struct key_source){0};
}

bool key_source_is_url(const struct key_source *s) {
  return s->kind == SOURCE_JWKS && fetch_is_url(s->where);
}

void key_source_label(const struct key_source *s, char *label, size_t size) {
  static const char *const NAMES[] = {
      [SOURCE_SECRET] = "secret file", [SOURCE_PEM] = "public key file", [SOURCE_JWKS] = "JWK set"};
  char url[KEY_SOURCE_LABEL - 32]; /* the name and quotes around it */
  const char *where = s->where;
  if (s->kind == SOURCE_LOCAL) {
    snprintf(label, size, "local secret");
    return;
  }
  if (key_source_is_url(s)) {
    fetch_url_label(s->where, url, sizeof url);
    where = url;
  }
  snprintf(label, size, "%s \"%s\"", NAMES[s->kind], where);
}

/* Puts the source's label before what went wrong; out of memory and canceled need none. */
static int name_source(const struct key_source *s, const struct cws_error *why,
                       struct cws_error *err) {
  char label[KEY_SOURCE_LABEL];
  if (why->code == CWS_ENOMEM || why->code == CWS_ECANCELED)
    return err_set(err, why->code, NULL);
  key_source_label(s, label, sizeof label);
  return err_set(err, CWS_ECONFIG, "%s: %s", label, why->message);
}

static int read_stream(FILE *file, char **out, size_t *len, struct cws_error *err) {
  char *bytes = malloc(KEY_SOURCE_MAX + 1);
  if (bytes == NULL)
    return err_set(err, CWS_ENOMEM, NULL);
  errno = 0;
  size_t n = fread(bytes, 1, KEY_SOURCE_MAX + 1, file);
  char *fitting = NULL;
  int code = 0;
  if (ferror(file))
    code = err_set_sys(err, CWS_ECONFIG, errno, "cannot be read");
  else if (n > KEY_SOURCE_MAX)
    code = err_set(err, CWS_ECONFIG, "larger than %d bytes", KEY_SOURCE_MAX);
  else if ((fitting = malloc(n + 1)) == NULL)
    code = err_set(err, CWS_ENOMEM, NULL);
  else {
    memcpy(fitting, bytes, n);
    *out = fitting;
    *len = n;
  }
  drop_bytes(bytes, n);
  return code;
}

static int read_file(const char *path, char **out, size_t *len, struct cws_error *err) {
  FILE *file = fopen(path, "rbe");
  if (file == NULL)
    return err_set_sys(err, CWS_ECONFIG, errno, "cannot be opened");
  setvbuf(file, NULL, _IONBF, 0); /* leaves no copy of a secret behind */
  int code = read_stream(file, out, len, err);
  fclose(file);
  return code;
}

/* What an editor or echo puts at the end of a file is not part of a secret. Nothing else is taken
 * away, or `councilws token` would sign with another one. */
static size_t without_newline(const char *bytes, size_t len) {
  return len > 0 && bytes[len - 1] == '\n' ? len - 1 : len;
}

static int add(const struct key_source *s, struct cws_keys *keys, struct cws_error *err) {
  switch (s->kind) {
  case SOURCE_SECRET:
    return cws_keys_add_secret(keys, s->bytes, without_newline(s->bytes, s->len), err);
  case SOURCE_PEM:
    return cws_keys_add_pem(keys, s->bytes, s->len, err);
  case SOURCE_JWKS:
    return cws_keys_add_jwks(keys, s->bytes, s->len, err);
  case SOURCE_LOCAL:
    return cws_keys_add_secret(keys, s->bytes, s->len, err);
  }
  return err_set(err, CWS_EINTERNAL, NULL);
}

int key_source_add(const struct key_source *s, struct cws_keys *keys, struct cws_error *err) {
  struct cws_error why = {0};
  return add(s, keys, &why) == 0 ? 0 : name_source(s, &why, err);
}

static int try_keys(const struct key_source *s, struct cws_error *err) {
  struct cws_keys *keys = cws_keys_new();
  int code = keys != NULL ? key_source_add(s, keys, err) : err_set(err, CWS_ENOMEM, NULL);
  cws_keys_free(keys);
  return code;
}

static int get_bytes(const struct key_source *s, const atomic_bool *stop, char **bytes, size_t *len,
                     struct cws_error *err) {
  struct cws_error why = {0};
  int code = key_source_is_url(s) ? fetch_url(s->where, KEY_SOURCE_MAX, stop, bytes, len, &why)
                                  : read_file(s->where, bytes, len, &why);
  return code == 0 ? 0 : name_source(s, &why, err);
}

int key_source_read(struct key_source *s, const atomic_bool *stop, struct cws_error *err) {
  if (s->kind == SOURCE_LOCAL)
    return try_keys(s, err);
  struct key_source fresh = {.kind = s->kind, .where = s->where};
  int code = get_bytes(s, stop, &fresh.bytes, &fresh.len, err);
  if (code == 0)
    code = try_keys(&fresh, err);
  if (code != 0) {
    drop_bytes(fresh.bytes, fresh.len);
    return code;
  }
  drop_bytes(s->bytes, s->len);
  s->bytes = fresh.bytes;
  s->len = fresh.len;
  return 0;
}
