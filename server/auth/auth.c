/*
 * auth: see auth.h. `current` is what changes: the mutex is held to read or swap it, and what was
 * verified with it, never while a token is verified or a key is read, so a loop never waits for a
 * file or a network.
 */
#include "server/auth/auth.h"

#include "lib/core/err.h"
#include "lib/core/token_verify.h"
#include "server/auth/fetch.h"
#include "server/auth/keyring.h"
#include "server/auth/origin.h"
#include "server/auth/refresher.h"
#include "server/auth/verified.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define REFRESH_MS 300000 /* URLs: every 5 minutes, and as often at most for an unknown kid */

struct auth {
  pthread_mutex_t mutex;   /* of current, verified, refresher and unknown_kid_ms */
  pthread_mutex_t reading; /* one reload or refresh at a time, or an older one might win */
  struct keyring *current;
  struct verified verified; /* with the keys of current */
  int64_t unknown_kid_ms;   /* when a kid last caused a refresh; INT64_MIN: never */
  atomic_bool is_ending;
  char *issuer, *audience; /* or NULL */
  char **origins;          /* NULL-terminated, or NULL */
  const struct clock *clock;
  struct log *log;
  struct refresher *refresher; /* NULL without URLs */
};

static void swap_ring(struct auth *a, struct keyring *ring) {
  pthread_mutex_lock(&a->mutex);
  struct keyring *old = a->current;
  a->current = ring;
  verified_clear(&a->verified);
  pthread_mutex_unlock(&a->mutex);
  keyring_unref(old);
}

static int start_refresher(struct auth *a, const struct keyring *ring, struct cws_error *err);

/* What the local secret opens is this machine's only: nobody may be led to it by a missing option.
 */
static int check_kind(const struct auth *a, const struct keyring *ring, struct cws_error *err) {
  if (!keyring_is_local(ring) || keyring_is_local(a->current))
    return 0;
  return err_set(err, CWS_ECONFIG,
                 "no key is left; give a secret file, a public key file or a JWK set");
}

static int read_ring(struct auth *a, const struct cws_server_options *options, struct keyring **out,
                     struct cws_error *err) {
  struct keyring *named = NULL;
  int code = 0;
  if (options != NULL)
    code = keyring_new(options, &named, err);
  if (code == 0 && named != NULL)
    code = check_kind(a, named, err);
  if (code == 0)
    code = keyring_reload(named != NULL ? named : a->current, &a->is_ending, out, err);
  keyring_unref(named);
  return code;
}

int auth_reload(struct auth *a, const struct cws_server_options *options, struct cws_error *err) {
  struct keyring *fresh = NULL;
  pthread_mutex_lock(&a->reading);
  int code = read_ring(a, options, &fresh, err);
  if (code == 0)
    code = start_refresher(a, fresh, err);
  if (code == 0)
    swap_ring(a, fresh);
  else
    keyring_unref(fresh);
  pthread_mutex_unlock(&a->reading);
  return code;
}

int auth_refresh(struct auth *a, struct cws_error *err) {
  struct keyring *fresh;
  pthread_mutex_lock(&a->reading);
  int code = keyring_refresh(a->current, &a->is_ending, a->log, &fresh, err);
  if (code == 0)
    swap_ring(a, fresh);
  pthread_mutex_unlock(&a->reading);
  return code;
}

static void refresh_in_background(void *user) {
  struct auth *a = user;
  struct cws_error err = {0};
  if (auth_refresh(a, &err) != 0 && err.code != CWS_ECANCELED)
    log_warn(a->log, "refreshing the keys: %s; the old ones stay", err.message);
}

/* ---- life ---- */

static void free_list(char **list) {
  for (char **item = list; item != NULL && *item != NULL; item++)
    free(*item);
  free(list);
}

static char **copy_list(const char *const *list) {
  size_t n = 0;
  while (list[n] != NULL)
    n++;
  char **copy = calloc(n + 1, sizeof *copy);
  for (size_t i = 0; copy != NULL && i < n; i++) {
    copy[i] = strdup(list[i]);
    if (copy[i] == NULL) {
      free_list(copy);
      return NULL;
    }
  }
  return copy;
}

static int copy_texts(struct auth *a, const struct cws_server_options *o, struct cws_error *err) {
  if (o->issuer != NULL && (a->issuer = strdup(o->issuer)) == NULL)
    return err_set(err, CWS_ENOMEM, NULL);
  if (o->audience != NULL && (a->audience = strdup(o->audience)) == NULL)
    return err_set(err, CWS_ENOMEM, NULL);
  for (const char *const *origin = o->allow_origins; origin != NULL && *origin != NULL; origin++) {
    if (!origin_is_entry(*origin))
      return err_set(err, CWS_ECONFIG,
                     "allowed origin \"%.100s\": not \"*\" and no "
                     "SCHEME://HOST[:PORT] without a path",
                     *origin);
  }
  if (o->allow_origins != NULL && (a->origins = copy_list(o->allow_origins)) == NULL)
    return err_set(err, CWS_ENOMEM, NULL);
  return 0;
}

static void warn_of_plain_http(const struct auth *a, const struct keyring *ring) {
  for (size_t i = 0; i < ring->count; i++) {
    const struct key_source *s = &ring->sources[i];
    char label[KEY_SOURCE_LABEL];
    if (!key_source_is_url(s) || !fetch_is_plain(s->where))
      continue;
    key_source_label(s, label, sizeof label);
    log_warn(a->log, "%s is fetched without TLS: who is on the way can put in keys", label);
  }
}

static int start_refresher(struct auth *a, const struct keyring *ring, struct cws_error *err) {
  if (!keyring_has_urls(ring))
    return 0;
  warn_of_plain_http(a, ring);
  if (a->refresher != NULL)
    return 0;
  struct refresher *refresher = refresher_new(REFRESH_MS, refresh_in_background, a);
  pthread_mutex_lock(&a->mutex);
  a->refresher = refresher;
  pthread_mutex_unlock(&a->mutex);
  return refresher != NULL ? 0 : err_set(err, CWS_ENOMEM, "no thread to refresh keys with");
}

static int fill(struct auth *a, const struct cws_server_options *options, struct cws_error *err) {
  int code = copy_texts(a, options, err);
  if (code == 0)
    code = keyring_new(options, &a->current, err);
  if (code == 0)
    code = auth_reload(a, NULL, err);
  return code;
}

int auth_new(const struct cws_server_options *options, const struct clock *clock, struct log *log,
             struct auth **out, struct cws_error *err) {
  struct auth *a = calloc(1, sizeof *a);
  if (a == NULL)
    return err_set(err, CWS_ENOMEM, NULL);
  a->clock = clock;
  a->log = log;
  a->unknown_kid_ms = INT64_MIN;
  atomic_init(&a->is_ending, false);
  pthread_mutex_init(&a->mutex, NULL); /* cannot fail with default attributes on Linux */
  pthread_mutex_init(&a->reading, NULL);
  int code = fill(a, options, err);
  if (code != 0) {
    auth_free(a);
    return code;
  }
  *out = a;
  return 0;
}

void auth_free(struct auth *a) {
  if (a == NULL)
    return;
  atomic_store(&a->is_ending, true);
  refresher_free(a->refresher);
  verified_clear(&a->verified);
  keyring_unref(a->current);
  free(a->issuer);
  free(a->audience);
  free_list(a->origins);
  pthread_mutex_destroy(&a->reading);
  pthread_mutex_destroy(&a->mutex);
  free(a);
}

bool auth_is_local_only(const struct auth *a) {
  return keyring_is_local(a->current);
}

/* ---- tokens and origins ---- */

/* A key that came into use since the last refresh: look for it, but not more often than REFRESH_MS,
 * since anyone can make up a kid. */
static void look_for_key(struct auth *a) {
  int64_t now_ms = clock_mono_ms(a->clock);
  pthread_mutex_lock(&a->mutex);
  struct refresher *refresher = a->refresher;
  bool is_due = refresher != NULL &&
                (a->unknown_kid_ms == INT64_MIN || now_ms - a->unknown_kid_ms >= REFRESH_MS);
  if (is_due)
    a->unknown_kid_ms = now_ms;
  pthread_mutex_unlock(&a->mutex);
  if (is_due)
    refresher_wake(refresher);
}

static int make_grants(struct cws_claims_owned *claims, const char *token, struct grants **out,
                       struct cws_error *err) {
  *out = grants_new(claims, token);
  return *out != NULL ? 0 : err_set(err, CWS_ENOMEM, NULL);
}

/* The ring to verify with, unless the token is known: then its grants. */
static struct keyring *look_up(struct auth *a, const struct token_digest *digest, int64_t now_s,
                               struct grants **out) {
  pthread_mutex_lock(&a->mutex);
  *out = verified_find(&a->verified, digest, now_s);
  struct keyring *ring = *out == NULL ? keyring_ref(a->current) : NULL;
  pthread_mutex_unlock(&a->mutex);
  return ring;
}

/* Unless the keys changed meanwhile: then it may be good no more. */
static void remember(struct auth *a, const struct keyring *ring, const struct token_digest *digest,
                     struct grants *grants, int64_t now_s) {
  pthread_mutex_lock(&a->mutex);
  if (a->current == ring)
    verified_add(&a->verified, digest, grants, now_s);
  pthread_mutex_unlock(&a->mutex);
}

static int verify(struct auth *a, const struct keyring *ring, const char *token, size_t len,
                  int64_t now_s, struct grants **out, struct cws_error *err) {
  struct cws_claims_owned *claims;
  struct cws_verify_options options = {
      .size = sizeof options, .now_s = now_s, .issuer = a->issuer, .audience = a->audience};
  int code = cws_token_verify(ring->keys, token, len, &options, &claims, err);
  if (code == CWS_EBADTOKEN && token_names_unknown_key(ring->keys, token, len))
    look_for_key(a);
  return code == 0 ? make_grants(claims, token, out, err) : code;
}

int auth_check(struct auth *a, const char *token, struct grants **out, struct cws_error *err) {
  if (token == NULL || token[0] == '\0')
    return err_set(err, CWS_ENOTOKEN, NULL);
  int64_t now_s = clock_wall_ms(a->clock) / 1000;
  size_t len = strlen(token);
  struct token_digest digest = token_digest(token, len);
  struct grants *known;
  struct keyring *ring = look_up(a, &digest, now_s, &known);
  if (ring == NULL) {
    *out = known;
    return 0;
  }
  int code = verify(a, ring, token, len, now_s, out, err);
  if (code == 0)
    remember(a, ring, &digest, *out, now_s);
  keyring_unref(ring);
  return code;
}

bool auth_origin_allowed(const struct auth *a, const char *origin, const char *host) {
  if (origin == NULL || origin[0] == '\0')
    return true;
  return origin_is_own(origin, host) || origin_is_listed(origin, (const char *const *)a->origins);
}
