/* server_config: the hub's options: defaults, checks, copies. Knows no thread and no socket. */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/core/err.h"
#include "server/net/tls_files.h"
#include "server/server_internal.h"

#define MINUTE_MS ((int64_t)60 * 1000)
#define WORKERS_MAX 1024
#define SPARE_DESCRIPTORS 64 /* the store's files, logs, name look-ups, the embedder's own */
#define SPARE_PER_WORKER                                                                           \
  32 /* a loop's own, and connections beyond the limit, see server_worker.c */
#define CONNECTIONS_MIN 64
#define EVENT_BYTES_MAX (64 * 1024 * 1024)
#define BODY_BYTES_MAX (1024 * 1024 * 1024)
#define COUNT_MAX (INT64_C(1) << 40)
#define DURATION_MAX (INT64_C(100) * 365 * 24 * 60 * MINUTE_MS)

void cws_server_options_init(struct cws_server_options *options) {
  *options = (struct cws_server_options){
      .size = sizeof *options,
      .store = "memory:",
      .heartbeat_interval_ms = MINUTE_MS / 2,
      .inactivity_timeout_ms = 5 * MINUTE_MS,
      .retention_ms = 24 * 60 * MINUTE_MS,
      .max_event_bytes = CWS_EVENT_BYTES_DEFAULT,
      .max_body_bytes = 16 * 1024 * 1024,
      .max_batch_events = 10000,
      .max_connections_per_user = 100,
      .drain_timeout_ms = 10000,
      .log_level = CWS_LOG_INFO,
  };
}

int server_config_widen(const struct cws_server_options *options, struct cws_server_options *out,
                        struct cws_error *err) {
  if (options == NULL || options->size < sizeof options->size || options->size > sizeof *options)
    return err_set(err, CWS_EINVAL, "options: call cws_server_options_init first");
  cws_server_options_init(out);
  memcpy(out, options, options->size);
  out->size = sizeof *out;
  return 0;
}

/* ---- numbers ---- */

static int check_numbers(const struct cws_server_options *o, struct cws_error *err) {
  const struct {
    const char *name;
    int64_t value, min, max;
  } numbers[] = {
      {"heartbeat-interval", o->heartbeat_interval_ms, 0, DURATION_MAX},
      {"inactivity-timeout", o->inactivity_timeout_ms, 0, DURATION_MAX},
      {"retention", o->retention_ms, 0, DURATION_MAX},
      {"max-request-events", o->max_request_events, 0, COUNT_MAX},
      {"max-request-bytes", o->max_request_bytes, 0, COUNT_MAX},
      {"max-event-bytes", o->max_event_bytes, 1, EVENT_BYTES_MAX},
      {"max-body-bytes", o->max_body_bytes, 1, BODY_BYTES_MAX},
      {"max-batch-events", o->max_batch_events, 1, COUNT_MAX},
      {"max-connections", o->max_connections, 0, COUNT_MAX},
      {"max-connections-per-user", o->max_connections_per_user, 0, COUNT_MAX},
      {"max-connections-per-address", o->max_connections_per_address, 0, COUNT_MAX},
      {"max-publish-rate", o->max_publish_rate, 0, COUNT_MAX},
      {"workers", o->workers, 0, WORKERS_MAX},
      {"drain-timeout", o->drain_timeout_ms, 0, DURATION_MAX},
  };
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    if (numbers[i].value < numbers[i].min || numbers[i].value > numbers[i].max)
      return err_set(err, CWS_ECONFIG, "%s: %lld is not within %lld and %lld", numbers[i].name,
                     (long long)numbers[i].value, (long long)numbers[i].min,
                     (long long)numbers[i].max);
  }
  return 0;
}

static int core_count(void) {
  long cores = sysconf(_SC_NPROCESSORS_ONLN);
  return cores < 1 ? 1 : cores > WORKERS_MAX ? WORKERS_MAX : (int)cores;
}

static int64_t connections_by_descriptors(int workers) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
    return 0;
  int64_t left = (int64_t)limit.rlim_cur - SPARE_DESCRIPTORS - SPARE_PER_WORKER * workers;
  return left > CONNECTIONS_MIN ? left : CONNECTIONS_MIN;
}

static void work_out_defaults(struct cws_server_options *o) {
  if (o->workers == 0)
    o->workers = core_count();
  if (o->max_connections == 0)
    o->max_connections = connections_by_descriptors(o->workers);
  if (o->max_body_bytes < o->max_event_bytes) /* one event always fits into one publish */
    o->max_body_bytes = o->max_event_bytes;
}

int server_config_take_limits(struct cws_server_options *old, const struct cws_server_options *from,
                              struct cws_error *err) {
  struct cws_server_options now = *old;
  now.max_connections = from->max_connections;
  now.max_connections_per_user = from->max_connections_per_user;
  now.max_connections_per_address = from->max_connections_per_address;
  now.max_publish_rate = from->max_publish_rate;
  int rc = check_numbers(&now, err);
  if (rc != 0)
    return rc;
  work_out_defaults(&now);
  *old = now;
  return 0;
}

struct quota_limits server_config_quota(const struct cws_server_options *numbers) {
  return (struct quota_limits){
      .max_connections = numbers->max_connections,
      .max_connections_per_user = numbers->max_connections_per_user,
      .max_connections_per_address = numbers->max_connections_per_address,
      .max_publish_rate = numbers->max_publish_rate,
  };
}

/* ---- texts ---- */

static int copy_text(const char *from, char **to, struct cws_error *err) {
  *to = from != NULL ? strdup(from) : NULL;
  return from != NULL && *to == NULL ? err_set(err, CWS_ENOMEM, NULL) : 0;
}

static int read_addresses(struct server_config *c, const char *const *listen,
                          struct cws_error *err) {
  size_t count = 0;
  while (listen != NULL && listen[count] != NULL)
    count++;
  if (count == 0)
    return err_set(err, CWS_ECONFIG, "listen: give at least one address");
  c->addresses = calloc(count, sizeof *c->addresses);
  if (c->addresses == NULL)
    return err_set(err, CWS_ENOMEM, NULL);
  for (; c->address_count < count; c->address_count++) {
    int rc = listener_address_parse(listen[c->address_count], &c->addresses[c->address_count], err);
    if (rc != 0)
      return rc;
  }
  return 0;
}

static int read_tls(struct server_config *c, const struct cws_server_options *o,
                    struct cws_error *err) {
  if ((o->tls_cert_file == NULL) != (o->tls_key_file == NULL))
    return err_set(err, CWS_ECONFIG, "tls-cert and tls-key go together: give both");
  if (o->tls_cert_file == NULL)
    return o->tls_client_ca_file == NULL
               ? 0
               : err_set(err, CWS_ECONFIG, "tls-client-ca needs tls-cert and tls-key");
  int rc = copy_text(o->tls_cert_file, &c->tls_cert_file, err);
  if (rc == 0)
    rc = copy_text(o->tls_key_file, &c->tls_key_file, err);
  if (rc == 0)
    rc = copy_text(o->tls_client_ca_file, &c->tls_client_ca_file, err);
  if (rc == 0)
    rc = tls_files_check(c->tls_cert_file, c->tls_key_file, c->tls_client_ca_file, err);
  return rc;
}

int server_config_init(struct server_config *c, const struct cws_server_options *options,
                       struct cws_error *err) {
  *c = (struct server_config){.numbers = *options};
  int rc = check_numbers(options, err);
  if (rc == 0)
    rc = read_addresses(c, options->listen, err);
  if (rc == 0)
    rc = nats_config_init(&c->nats, options->store, options->nats, err);
  if (rc == 0)
    rc = store_uri_check(options->store, err);
  if (rc == 0)
    rc = copy_text(options->store, &c->store, err);
  if (rc == 0)
    rc = read_tls(c, options, err);
  work_out_defaults(&c->numbers);
  return rc;
}

void server_config_finish(struct server_config *c) {
  free(c->addresses);
  free(c->store);
  nats_config_finish(&c->nats);
  free(c->tls_cert_file);
  free(c->tls_key_file);
  free(c->tls_client_ca_file);
  *c = (struct server_config){0};
}
