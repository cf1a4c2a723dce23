/* nats_config: see nats_config.h. */
#include "server/nats_config.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/core/err.h"

#define PREFIX_MAX 32
#define REPLICAS_MAX 5 /* JetStream's own */
#define AGE_MAX (INT64_C(100) * 365 * 24 * 60 * 60 * 1000)
#define BYTES_MAX (INT64_C(1) << 50)

bool nats_config_is_for(const char *store) {
  return store != NULL && strncmp(store, "nats:", 5) == 0;
}

static int widen(const struct cws_nats_options *options, struct cws_nats_options *out,
                 struct cws_error *err) {
  *out = (struct cws_nats_options){.size = sizeof *out};
  if (options == NULL)
    return 0;
  if (options->size < sizeof options->size || options->size > sizeof *options)
    return err_set(err, CWS_EINVAL, "nats options: set their size");
  memcpy(out, options, options->size);
  out->size = sizeof *out;
  return 0;
}

/* ---- the servers ---- */

static bool is_port(const char *p, const char *end) {
  long port = 0;
  const char *begin = p;
  for (; p < end && isdigit((unsigned char)*p) && p - begin < 5; p++)
    port = port * 10 + (*p - '0');
  return p == end && port >= 1 && port <= 65535;
}

static bool is_all_of(const char *p, const char *end, const char *others) {
  const char *begin = p;
  while (p < end && (isalnum((unsigned char)*p) || strchr(others, *p) != NULL))
    p++;
  return p == end && p > begin;
}

/* HOST, HOST:PORT, [v6], [v6]:PORT */
static bool is_server(const char *p, const char *end) {
  const char *host_end;
  if (p < end && *p == '[') {
    host_end = memchr(p, ']', (size_t)(end - p));
    if (host_end == NULL || !is_all_of(p + 1, host_end, ":.%"))
      return false;
    host_end++;
  } else {
    host_end = memchr(p, ':', (size_t)(end - p));
    host_end = host_end != NULL ? host_end : end;
    if (!is_all_of(p, host_end, ".-_"))
      return false;
  }
  return host_end == end || (*host_end == ':' && is_port(host_end + 1, end));
}

static int check_servers(const char *store, struct cws_error *err) {
  const char *p = store + strlen("nats:");
  if (strchr(p, '@') != NULL) /* not quoted: a password may be in it */
    return err_set(err, CWS_ECONFIG,
                   "store: a server's address has no user in it: give nats-user and "
                   "nats-password-file, or nats-credentials");
  if (strncmp(p, "//", 2) != 0)
    return err_set(err, CWS_ECONFIG, "store '%s': give nats://HOST[:PORT][,HOST[:PORT]...]", store);
  for (p += 2;; p++) {
    const char *end = p + strcspn(p, ",");
    if (!is_server(p, end))
      return err_set(err, CWS_ECONFIG, "store '%s': '%.*s' is neither HOST nor HOST:PORT", store,
                     (int)(end - p), p);
    if (*end == '\0')
      return 0;
    p = end;
  }
}

/* ---- the options ---- */

/* Nothing that would be given without being used. */
static int check_unused(const struct cws_nats_options *o, const char *store,
                        struct cws_error *err) {
  const struct {
    const char *name;
    bool is_given;
  } all[] = {
      {"nats-state", o->state_file != NULL},
      {"nats-prefix", o->prefix != NULL},
      {"nats-replicas", o->replicas != 0},
      {"nats-storage", o->storage != NULL},
      {"nats-max-age", o->max_age_ms != 0},
      {"nats-max-bytes", o->max_bytes != 0},
      {"nats-user", o->user != NULL},
      {"nats-password-file", o->password != NULL},
      {"nats-tls-ca", o->tls_ca_file != NULL},
      {"nats-credentials", o->credentials_file != NULL},
      {"nats-tls-key", o->tls_key_file != NULL},
      {"nats-tls-cert", o->tls_cert_file != NULL},
  };
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    if (all[i].is_given)
      return err_set(err, CWS_ECONFIG, "%s needs a store nats://HOST; the store is '%s'",
                     all[i].name, store != NULL ? store : "");
  }
  return 0;
}

static int check_numbers(const struct cws_nats_options *o, struct cws_error *err) {
  const struct {
    const char *name;
    int64_t value, max;
  } numbers[] = {
      {"nats-replicas", o->replicas, REPLICAS_MAX},
      {"nats-max-age", o->max_age_ms, AGE_MAX},
      {"nats-max-bytes", o->max_bytes, BYTES_MAX},
  };
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    if (numbers[i].value < 0 || numbers[i].value > numbers[i].max)
      return err_set(err, CWS_ECONFIG, "%s: %lld is not within 0 and %lld", numbers[i].name,
                     (long long)numbers[i].value, (long long)numbers[i].max);
  }
  return 0;
}

/* It becomes a stream's name and the first word of subjects. */
static int check_names(const struct cws_nats_options *o, struct cws_error *err) {
  const char *prefix = o->prefix;
  size_t len = prefix != NULL ? strlen(prefix) : 1;
  if (prefix != NULL && (len > PREFIX_MAX || !is_all_of(prefix, prefix + len, "-_")))
    return err_set(err, CWS_ECONFIG, "nats-prefix '%s': give 1 to %d of A-Z a-z 0-9 - _", prefix,
                   PREFIX_MAX);
  if (o->storage != NULL && strcmp(o->storage, "file") != 0 && strcmp(o->storage, "memory") != 0)
    return err_set(err, CWS_ECONFIG, "nats-storage '%s' is neither file nor memory", o->storage);
  if (o->state_file == NULL || o->state_file[0] == '\0')
    return err_set(err, CWS_ECONFIG, "nats-state: give the file of this hub's own state");
  return 0;
}

static int check_login(const struct cws_nats_options *o, struct cws_error *err) {
  if ((o->user == NULL) != (o->password == NULL))
    return err_set(err, CWS_ECONFIG, "nats-user and nats-password-file go together: give both");
  if (o->user != NULL && o->credentials_file != NULL)
    return err_set(err, CWS_ECONFIG, "give nats-user or nats-credentials, not both");
  if ((o->tls_cert_file == NULL) != (o->tls_key_file == NULL))
    return err_set(err, CWS_ECONFIG, "nats-tls-cert and nats-tls-key go together: give both");
  return 0;
}

static int check_files(const struct cws_nats_options *o, struct cws_error *err) {
  const struct {
    const char *name, *file;
  } files[] = {
      {"nats-credentials", o->credentials_file},
      {"nats-tls-ca", o->tls_ca_file},
      {"nats-tls-cert", o->tls_cert_file},
      {"nats-tls-key", o->tls_key_file},
  };
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    if (files[i].file != NULL && access(files[i].file, R_OK) != 0)
      return err_set_sys(err, CWS_ECONFIG, errno, "%s: cannot read '%s'", files[i].name,
                         files[i].file);
  }
  return 0;
}

static int check(const struct cws_nats_options *o, const char *store, struct cws_error *err) {
  int rc = check_servers(store, err);
  if (rc == 0)
    rc = check_numbers(o, err);
  if (rc == 0)
    rc = check_names(o, err);
  if (rc == 0)
    rc = check_login(o, err);
  return rc == 0 ? check_files(o, err) : rc;
}

/* ---- copying ---- */

/* NULL without one, and where there is no memory: then *is_short is set. */
static const char *keep(struct nats_config *c, const char *text, bool *is_short) {
  if (text == NULL)
    return NULL;
  char *copy = strdup(text);
  if (copy == NULL)
    *is_short = true;
  else
    c->texts[c->text_count++] = copy;
  return copy;
}

static int copy(struct nats_config *c, const struct cws_nats_options *o, struct cws_error *err) {
  bool is_short = false;
  c->options = (struct store_nats_options){
      .state_path = keep(c, o->state_file, &is_short),
      .prefix = keep(c, o->prefix, &is_short),
      .replicas = o->replicas,
      .storage = keep(c, o->storage, &is_short),
      .max_age_ms = o->max_age_ms,
      .max_bytes = o->max_bytes,
      .user = keep(c, o->user, &is_short),
      .password = keep(c, o->password, &is_short),
      .credentials = keep(c, o->credentials_file, &is_short),
      .tls_ca = keep(c, o->tls_ca_file, &is_short),
      .tls_cert = keep(c, o->tls_cert_file, &is_short),
      .tls_key = keep(c, o->tls_key_file, &is_short),
  };
  return is_short ? err_set(err, CWS_ENOMEM, NULL) : 0;
}

int nats_config_init(struct nats_config *c, const char *store,
                     const struct cws_nats_options *options, struct cws_error *err) {
  struct cws_nats_options wide;
  *c = (struct nats_config){0};
  int rc = widen(options, &wide, err);
  if (rc != 0)
    return rc;
  if (!nats_config_is_for(store))
    return check_unused(&wide, store, err);
  rc = check(&wide, store, err);
  return rc == 0 ? copy(c, &wide, err) : rc;
}

void nats_config_finish(struct nats_config *c) {
  for (size_t i = 0; i < c->text_count; i++)
    free(c->texts[i]);
  *c = (struct nats_config){0};
}
