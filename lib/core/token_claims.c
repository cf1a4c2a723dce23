/* token_claims: the registered claims; see token_claims.h. The claim "councilws" is read in
 * token_rights.c. */
#include "lib/core/token_claims.h"

#include "lib/core/err.h"
#include "lib/core/token_rights.h"
#include "lib/core/utf8.h"
#include <stdlib.h>
#include <string.h>

/* Control characters (C0, DEL, C1) and U+2028, U+2029: they would break lines of a log or a
 * terminal. */
static bool has_control(const unsigned char *s) {
  for (; *s != '\0'; s++) {
    if (*s < 0x20 || *s == 0x7f || (s[0] == 0xc2 && s[1] < 0xa0))
      return true;
    if (s[0] == 0xe2 && s[1] == 0x80 && (s[2] == 0xa8 || s[2] == 0xa9))
      return true;
  }
  return false;
}

static bool is_printable(const char *s, size_t max) {
  size_t len = strnlen(s, max + 1);
  return len >= 1 && len <= max && utf8_feed(UTF8_ACCEPT, (const uint8_t *)s, len) == UTF8_ACCEPT &&
         !has_control((const unsigned char *)s);
}

bool claims_sub_is_valid(const char *sub) {
  return is_printable(sub, CLAIM_SUB_MAX);
}

bool claims_glob_is_valid(const char *glob) {
  return is_printable(glob, CLAIM_GLOB_MAX);
}

static int read_sub(struct cws_claims *c, const json_t *json, struct cws_error *err) {
  c->sub = json_string_value(json_object_get(json, "sub"));
  if (c->sub == NULL)
    return err_set(err, CWS_EBADTOKEN, "the claim \"sub\" (a string) is missing");
  if (!claims_sub_is_valid(c->sub))
    return err_set(err, CWS_EBADTOKEN,
                   "the claim \"sub\" must have 1 to %d bytes and no control "
                   "characters",
                   CLAIM_SUB_MAX);
  return 0;
}

/* A NumericDate (RFC 7519, section 2) in whole seconds; *out stays when the claim is absent. */
static int read_time(const json_t *json, const char *name, int64_t *out, struct cws_error *err) {
  const json_t *value = json_object_get(json, name);
  if (value == NULL)
    return 0;
  double seconds = json_is_number(value) ? json_number_value(value) : -1;
  if (!(seconds >= 0 && seconds <= (double)CLAIM_TIME_MAX))
    return err_set(err, CWS_EBADTOKEN, "the claim \"%s\" must be a number of seconds since 1970",
                   name);
  *out = (int64_t)seconds;
  return 0;
}

static int read_times(struct cws_claims *c, const json_t *json, int64_t now_s,
                      struct cws_error *err) {
  c->exp = -1;
  int code = read_time(json, "exp", &c->exp, err);
  if (code == 0)
    code = read_time(json, "nbf", &c->nbf, err);
  if (code == 0)
    code = read_time(json, "iat", &c->iat, err);
  if (code != 0)
    return code;
  if (c->exp < 0)
    return err_set(err, CWS_EBADTOKEN, "the claim \"exp\" is missing");
  if (now_s >= c->exp + CWS_TOKEN_LEEWAY_S)
    return err_set(err, CWS_ETOKENEXPIRED, "the token expired %lld s ago",
                   (long long)(now_s - c->exp));
  if (now_s < c->nbf - CWS_TOKEN_LEEWAY_S)
    return err_set(err, CWS_EBADTOKEN, "the token is not valid for another %lld s (\"nbf\")",
                   (long long)(c->nbf - now_s));
  if (now_s < c->iat - CWS_TOKEN_LEEWAY_S)
    return err_set(err, CWS_EBADTOKEN,
                   "the token was issued %lld s in the future (\"iat\"); "
                   "compare the clocks",
                   (long long)(c->iat - now_s));
  return 0;
}

static int read_issuer(struct cws_claims *c, const json_t *json, const char *wanted,
                       struct cws_error *err) {
  const json_t *iss = json_object_get(json, "iss");
  if (iss != NULL && !json_is_string(iss))
    return err_set(err, CWS_EBADTOKEN, "the claim \"iss\" must be a string");
  c->iss = json_string_value(iss);
  if (wanted != NULL && (c->iss == NULL || strcmp(c->iss, wanted) != 0))
    return err_set(err, CWS_EBADTOKEN, "the claim \"iss\" must be \"%.80s\"", wanted);
  return 0;
}

/* "aud" is a string or an array of them (RFC 7519, section 4.1.3). */
static int read_audience(const json_t *json, const char *wanted, struct cws_error *err) {
  const json_t *aud = json_object_get(json, "aud");
  size_t count = json_is_array(aud) ? json_array_size(aud) : aud != NULL;
  bool is_found = wanted == NULL;
  for (size_t i = 0; i < count; i++) {
    const json_t *item = json_is_array(aud) ? json_array_get(aud, i) : aud;
    if (!json_is_string(item))
      return err_set(err, CWS_EBADTOKEN,
                     "the claim \"aud\" must be a string or an array of "
                     "strings");
    if (wanted != NULL && strcmp(json_string_value(item), wanted) == 0)
      is_found = true;
  }
  if (!is_found)
    return err_set(err, CWS_EBADTOKEN, "the claim \"aud\" must hold \"%.80s\"", wanted);
  return 0;
}

static size_t size_of(const char *s) {
  return s != NULL ? strlen(s) + 1 : 0;
}

static size_t copied_size(const struct cws_claims *c, const struct rights *r) {
  return sizeof(struct cws_claims_owned) + rights_size(r) + size_of(c->sub) + size_of(c->iss);
}

static const char *put(char **at, const char *s) {
  size_t size = size_of(s);
  char *copy = *at;
  if (s == NULL)
    return NULL;
  memcpy(copy, s, size);
  *at += size;
  return copy;
}

/* One allocation: the struct, the arrays of globs, then every string. */
static int copy_claims(const struct cws_claims *c, const struct rights *r,
                       struct cws_claims_owned **out, struct cws_error *err) {
  struct cws_claims_owned *owned = malloc(copied_size(c, r));
  if (owned == NULL)
    return err_set(err, CWS_ENOMEM, NULL);
  owned->view = *c;
  char *at = rights_copy(r, (char *)(owned + 1), &owned->view);
  owned->view.sub = put(&at, c->sub);
  owned->view.iss = put(&at, c->iss);
  *out = owned;
  return 0;
}

int claims_read(const json_t *json, const struct cws_verify_options *options,
                struct cws_claims_owned **out, struct cws_error *err) {
  struct cws_claims c = {0};
  struct rights rights = {0};
  int code = read_sub(&c, json, err);
  if (code == 0)
    code = read_times(&c, json, options->now_s, err);
  if (code == 0)
    code = read_issuer(&c, json, options->issuer, err);
  if (code == 0)
    code = read_audience(json, options->audience, err);
  if (code == 0)
    code = rights_read(json_object_get(json, "councilws"), &rights, err);
  return code == 0 ? copy_claims(&c, &rights, out, err) : code;
}

const struct cws_claims *cws_claims_view(const struct cws_claims_owned *claims) {
  return &claims->view;
}

void cws_claims_free(struct cws_claims_owned *claims) {
  free(claims);
}
