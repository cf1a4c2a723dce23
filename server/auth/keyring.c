/* keyring: see keyring.h. */
#include "server/auth/keyring.h"

#include "lib/core/err.h"
#include <stdlib.h>

static size_t list_length(const char *const *list) {
  size_t n = 0;
  while (list != NULL && list[n] != NULL)
    n++;
  return n;
}

static struct keyring *ring_alloc(size_t sources) {
  struct keyring *ring = calloc(1, sizeof *ring);
  if (ring == NULL)
    return NULL;
  atomic_init(&ring->refs, 1);
  ring->sources = calloc(sources + 1, sizeof *ring->sources);
  if (ring->sources != NULL)
    return ring;
  free(ring);
  return NULL;
}

struct keyring *keyring_ref(struct keyring *ring) {
  atomic_fetch_add(&ring->refs, 1);
  return ring;
}

void keyring_unref(struct keyring *ring) {
  if (ring == NULL || atomic_fetch_sub(&ring->refs, 1) > 1)
    return;
  for (size_t i = 0; i < ring->count; i++)
    key_source_finish(&ring->sources[i]);
  free(ring->sources);
  cws_keys_free(ring->keys);
  free(ring);
}

static int add_source(struct keyring *ring, enum key_source_kind kind, const char *where,
                      const char *bytes, size_t len) {
  int code = key_source_init(&ring->sources[ring->count], kind, where, bytes, len);
  if (code == 0)
    ring->count++;
  return code;
}

static int add_list(struct keyring *ring, enum key_source_kind kind, const char *const *list) {
  for (; list != NULL && *list != NULL; list++) {
    int code = add_source(ring, kind, *list, NULL, 0);
    if (code != 0)
      return code;
  }
  return 0;
}

static int add_sources(struct keyring *ring, const struct cws_server_options *o) {
  int code = add_list(ring, SOURCE_SECRET, o->secret_files);
  if (code == 0)
    code = add_list(ring, SOURCE_PEM, o->public_key_files);
  if (code == 0)
    code = add_list(ring, SOURCE_JWKS, o->jwks);
  if (code == 0 && ring->count == 0 && o->local_secret != NULL)
    code = add_source(ring, SOURCE_LOCAL, NULL, o->local_secret, o->local_secret_len);
  return code;
}

int keyring_new(const struct cws_server_options *options, struct keyring **out,
                struct cws_error *err) {
  size_t most = list_length(options->secret_files) + list_length(options->public_key_files) +
                list_length(options->jwks) + 1;
  struct keyring *ring = ring_alloc(most);
  int code = ring != NULL ? add_sources(ring, options) : CWS_ENOMEM;
  if (code != 0)
    err_set(err, code, NULL);
  else if (ring->count == 0)
    code = err_set(err, CWS_ECONFIG,
                   "no key to check tokens with; give a secret file, a public "
                   "key file or a JWK set");
  if (code != 0) {
    keyring_unref(ring);
    return code;
  }
  *out = ring;
  return 0;
}

static int copy_sources(struct keyring *ring, const struct keyring *from, struct cws_error *err) {
  for (size_t i = 0; i < from->count; i++) {
    const struct key_source *s = &from->sources[i];
    if (add_source(ring, s->kind, s->where, s->bytes, s->len) != 0)
      return err_set(err, CWS_ENOMEM, NULL);
  }
  return 0;
}

static int read_all(struct keyring *ring, const atomic_bool *stop, struct cws_error *err) {
  int code = 0;
  for (size_t i = 0; i < ring->count && code == 0; i++)
    code = key_source_read(&ring->sources[i], stop, err);
  return code;
}

static int read_urls(struct keyring *ring, const atomic_bool *stop, struct log *log,
                     struct cws_error *err) {
  for (size_t i = 0; i < ring->count; i++) {
    struct cws_error why = {0};
    if (!key_source_is_url(&ring->sources[i]) ||
        key_source_read(&ring->sources[i], stop, &why) == 0)
      continue;
    if (why.code != CWS_ECONFIG)
      return err_set(err, why.code, NULL);
    log_warn(log, "%s; the keys it gave last stay", why.message);
  }
  return 0;
}

static int fill(struct keyring *ring, struct cws_error *err) {
  ring->keys = cws_keys_new();
  int code = ring->keys != NULL ? 0 : err_set(err, CWS_ENOMEM, NULL);
  for (size_t i = 0; i < ring->count && code == 0; i++)
    code = key_source_add(&ring->sources[i], ring->keys, err);
  return code;
}

static int finish_ring(struct keyring *ring, int code, struct keyring **out,
                       struct cws_error *err) {
  if (code == 0)
    code = fill(ring, err);
  if (code == 0)
    *out = ring;
  else
    keyring_unref(ring);
  return code;
}

static struct keyring *copy(const struct keyring *from, struct cws_error *err) {
  struct keyring *ring = ring_alloc(from->count);
  if (ring == NULL) {
    err_set(err, CWS_ENOMEM, NULL);
    return NULL;
  }
  if (copy_sources(ring, from, err) == 0)
    return ring;
  keyring_unref(ring);
  return NULL;
}

int keyring_reload(const struct keyring *from, const atomic_bool *stop, struct keyring **out,
                   struct cws_error *err) {
  struct keyring *ring = copy(from, err);
  if (ring == NULL)
    return CWS_ENOMEM;
  return finish_ring(ring, read_all(ring, stop, err), out, err);
}

int keyring_refresh(const struct keyring *from, const atomic_bool *stop, struct log *log,
                    struct keyring **out, struct cws_error *err) {
  struct keyring *ring = copy(from, err);
  if (ring == NULL)
    return CWS_ENOMEM;
  return finish_ring(ring, read_urls(ring, stop, log, err), out, err);
}

bool keyring_has_urls(const struct keyring *ring) {
  for (size_t i = 0; i < ring->count; i++) {
    if (key_source_is_url(&ring->sources[i]))
      return true;
  }
  return false;
}

bool keyring_is_local(const struct keyring *ring) {
  return ring->count == 1 && ring->sources[0].kind == SOURCE_LOCAL;
}
