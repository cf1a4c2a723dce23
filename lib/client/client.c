/*
 * client: the life of a client: its options, its loop, what runs on it, and its
 * end. It knows neither the protocol nor a socket.
 */
#include "lib/client/client.h"

#include "lib/client/http.h"
#include "lib/client/ws.h"
#include "lib/core/backoff.h"
#include "lib/core/err.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONNECT_TIMEOUT_MS 10000
#define CALL_TIMEOUT_MS 30000

void client_take_struct(void *dst, const void *src) {
  size_t size, known;
  memcpy(&size, src, sizeof(size)); /* the first member of every such struct */
  memcpy(&known, dst, sizeof(known));
  memcpy(dst, src, size < known ? size : known);
  memcpy(dst, &known, sizeof(known));
}

/* ---- operations ---- */

int client_check_open(const struct cws_client *client, struct cws_error *err) {
  return client->freeing ? err_set(err, CWS_ECANCELED, "the client is being freed") : 0;
}

void op_start(struct op *op, struct cws_client *client, void (*cancel)(struct op *),
              void (*destroy)(struct op *)) {
  op->client = client;
  op->cancel = cancel;
  op->destroy = destroy;
  op->refs = 1;
  op->next = &client->ops;
  op->prev = client->ops.prev;
  op->prev->next = op;
  client->ops.prev = op;
  uv_ref((uv_handle_t *)&client->wake); /* the loop runs as long as something is under way */
  client_hold(client);
}

void op_ref(struct op *op) {
  op->refs++;
}

void op_unref(struct op *op) {
  if (--op->refs > 0)
    return;
  struct cws_client *client = op->client;
  op->destroy(op);
  client_release(client);
}

static bool client_is_idle(const struct cws_client *client) {
  return client->ops.next == &client->ops;
}

static void client_on_idle(struct cws_client *client) {
  uv_unref((uv_handle_t *)&client->wake);
  if (client->running)
    uv_stop(client->loop);
}

void op_end(struct op *op) {
  op->prev->next = op->next;
  op->next->prev = op->prev;
  op->prev = op->next = op;
  if (client_is_idle(op->client))
    client_on_idle(op->client);
}

/* ---- options ---- */

void cws_client_options_init(struct cws_client_options *options) {
  *options = (struct cws_client_options){
      .size = sizeof(*options),
      .url = "http://127.0.0.1:8765",
      .backoff_base_ms = BACKOFF_BASE_MS,
      .backoff_cap_ms = BACKOFF_CAP_MS,
      .connect_timeout_ms = CONNECT_TIMEOUT_MS,
      .call_timeout_ms = CALL_TIMEOUT_MS,
      .log_level = CWS_LOG_INFO,
  };
}

/* A token or user agent goes into a header line: anything else could end that line. */
static bool is_header_value(const char *s) {
  for (; *s != '\0'; s++) {
    if ((unsigned char)*s < ' ' || (unsigned char)*s >= 0x7f)
      return false;
  }
  return true;
}

static int check_options(const struct cws_client_options *o, struct cws_error *err) {
  if (o->url == NULL)
    return err_set(err, CWS_EINVAL, "no url");
  if (o->user_agent != NULL && !is_header_value(o->user_agent))
    return err_set(err, CWS_EINVAL, "the user agent has a character that a header cannot hold");
  if (o->ca_file != NULL && access(o->ca_file, R_OK) != 0)
    return err_set(err, CWS_EINVAL, "cannot read the CA file '%s'", o->ca_file);
  if (o->cert_file != NULL && access(o->cert_file, R_OK) != 0)
    return err_set(err, CWS_EINVAL, "cannot read the certificate '%s'", o->cert_file);
  if (o->key_file != NULL && o->cert_file == NULL)
    return err_set(err, CWS_EINVAL, "a key needs its certificate");
  if (o->key_file != NULL && access(o->key_file, R_OK) != 0)
    return err_set(err, CWS_EINVAL, "cannot read the key '%s'", o->key_file);
  if (o->backoff_base_ms < 1 || o->backoff_cap_ms < o->backoff_base_ms)
    return err_set(err, CWS_EINVAL,
                   "the backoff needs a base of 1 ms or more and a cap not below it");
  if (o->connect_timeout_ms < 1 || o->call_timeout_ms < 1)
    return err_set(err, CWS_EINVAL, "a timeout must be 1 ms or more");
  return 0;
}

static char *copy_or_null(const char *s, bool *failed) {
  char *copy = s == NULL ? NULL : strdup(s);
  *failed = *failed || (s != NULL && copy == NULL);
  return copy;
}

static bool copy_strings(struct cws_client_options *o) {
  bool failed = false;
  o->url = NULL; /* parsed into client->url */
  o->token = copy_or_null(o->token, &failed);
  o->ca_file = copy_or_null(o->ca_file, &failed);
  o->cert_file = copy_or_null(o->cert_file, &failed);
  o->key_file = copy_or_null(o->key_file, &failed);
  o->user_agent = copy_or_null(o->user_agent != NULL ? o->user_agent : "councilws", &failed);
  return !failed;
}

static void free_strings(struct cws_client_options *o) {
  free((char *)o->token);
  free((char *)o->ca_file);
  free((char *)o->cert_file);
  free((char *)o->key_file);
  free((char *)o->user_agent);
}

int client_token(struct cws_client *client, bool expired, char **token, struct cws_error *err) {
  const struct cws_client_options *o = &client->options;
  *token = NULL;
  if (o->token_fn == NULL && o->token == NULL)
    return 0;
  char *t = o->token_fn != NULL ? o->token_fn(expired, o->token_user) : strdup(o->token);
  if (t == NULL)
    return err_set(err, o->token_fn != NULL ? CWS_ENOTOKEN : CWS_ENOMEM, NULL);
  if (*t == '\0' && o->token_fn != NULL) {
    free(t);
    return 0;
  }
  if (*t == '\0' || strchr(t, ' ') != NULL || !is_header_value(t)) {
    free(t);
    return err_set(err, CWS_EINVAL, "the token is empty or has a character that no token has");
  }
  *token = t;
  return 0;
}

/* ---- life ---- */

static void client_on_wake(uv_async_t *handle) {
  struct cws_client *client = handle->data;
  if (atomic_load(&client->stop) && client->running)
    uv_stop(client->loop);
}

static int client_open_loop(struct cws_client *client) {
  client->loop = client->options.uv_loop;
  if (client->loop == NULL) {
    if (uv_loop_init(&client->own_loop) != 0)
      return CWS_ESYSTEM;
    client->loop = &client->own_loop;
  }
  if (uv_async_init(client->loop, &client->wake, client_on_wake) == 0) {
    client->wake.data = client;
    client->holds = 1;                      /* for the handle `wake` */
    uv_unref((uv_handle_t *)&client->wake); /* an idle client keeps no foreign loop alive */
    return 0;
  }
  if (client_has_own_loop(client))
    uv_loop_close(&client->own_loop);
  return CWS_ESYSTEM;
}

static void client_destroy(struct cws_client *client) {
  free_strings(&client->options);
  url_finish(&client->url);
  log_free(client->log);
  free(client);
}

int cws_client_new(const struct cws_client_options *options, struct cws_client **out,
                   struct cws_error *err) {
  struct cws_client *client = calloc(1, sizeof(*client));
  if (client == NULL)
    return err_set(err, CWS_ENOMEM, NULL);
  client->ops.prev = client->ops.next = &client->ops;
  cws_client_options_init(&client->options);
  client_take_struct(&client->options, options);
  const char *url = client->options.url;
  int rc = check_options(&client->options, err);
  if (!copy_strings(&client->options) && rc == 0)
    rc = err_set(err, CWS_ENOMEM, NULL);
  if (rc == 0)
    rc = url_parse(url, &client->url, err);
  if (rc == 0 && client->options.log != NULL) {
    client->log = log_new(client->options.log_level, client->options.log, client->options.log_user);
    rc = client->log == NULL ? err_set(err, CWS_ENOMEM, NULL) : 0;
  }
  if (rc == 0 && client_open_loop(client) != 0)
    rc = err_set(err, CWS_ESYSTEM, "cannot make an event loop");
  if (rc != 0) {
    client_destroy(client);
    return rc;
  }
  *out = client;
  return 0;
}

void client_hold(struct cws_client *client) {
  client->holds++;
}

void client_release(struct cws_client *client) {
  client->holds--;
  if (client->holds == 0 && !client_has_own_loop(client))
    client_destroy(client); /* with a loop of its own, client_finish_own does */
}

/* Runs its own loop until everything on it has closed, then frees. The caller's own handles on this
 * loop are his to close before. */
static void client_finish_own(struct cws_client *client) {
  while (client->holds > 0 && uv_run(&client->own_loop, UV_RUN_ONCE) != 0) {
  }
  for (int i = 0; i < 8 && uv_loop_close(&client->own_loop) == UV_EBUSY; i++)
    uv_run(&client->own_loop, UV_RUN_NOWAIT);
  client_destroy(client);
}

int cws_client_run(struct cws_client *client) {
  if (!client_has_own_loop(client) || client->running)
    return CWS_EINVAL;
  client->running = true;
  while (!client->freeing && !client_is_idle(client) && !atomic_exchange(&client->stop, false))
    uv_run(&client->own_loop, UV_RUN_DEFAULT);
  client->running = false;
  if (client->freeing)
    client_finish_own(client);
  else
    atomic_store(&client->stop, false);
  return 0;
}

void cws_client_stop(struct cws_client *client) {
  atomic_store(&client->stop, true);
  uv_async_send(&client->wake);
}

bool cws_client_is_loopback(const struct cws_client *client) {
  return url_is_loopback(&client->url);
}

void *cws_client_loop(struct cws_client *client) {
  return client->loop;
}

static void client_on_wake_closed(uv_handle_t *handle) {
  client_release(handle->data);
}

void cws_client_free(struct cws_client *client) {
  if (client == NULL || client->freeing)
    return;
  client->freeing = true;
  client_hold(client);
  while (!client_is_idle(client))
    client->ops.next->cancel(client->ops.next);
  ws_engine_free(client->ws);
  http_free(client->http);
  client->ws = NULL;
  client->http = NULL;
  uv_close((uv_handle_t *)&client->wake, client_on_wake_closed);
  if (client->running)
    uv_stop(client->loop);
  bool own = client_has_own_loop(client), running = client->running;
  client_release(client);
  if (own && !running)
    client_finish_own(client);
}
