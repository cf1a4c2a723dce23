/*
 * loop: one worker's libuv loop with a libwebsockets context as a guest on it; see loop.h.
 * libwebsockets' log is a process global: it goes to the log of the loop made last, errors and
 * warnings only.
 */
#include "server/net/loop.h"

#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/err.h"
#include "lib/event/event_fd.h"
#include "server/net/loop_internal.h"
#include "server/net/tls_files.h"

#define TLS_HANDSHAKE_S 10 /* as long as a client may take for its headers */
#define SERVICE_BUFFER 16384
#define SEND_MAX                                                                                   \
  (1 << 20) /* bytes of one write that libwebsockets passes to the kernel at once                  \
             */

static const struct lws_protocols PROTOCOLS[] = {
    {.name = "raw", .callback = connection_lws_callback, .tx_packet_size = SEND_MAX},
    {0},
};

/* No validity timer: its list is sorted, so that each accept would cost more than the one before.
 */
static const lws_retry_bo_t NO_VALIDITY = {.secs_since_valid_ping = 0,
                                           .secs_since_valid_hangup = 0};

/* ---- libwebsockets' log ---- */

static _Atomic(struct log *) lws_log;

static void on_lws_log(int level, const char *line) {
  struct log *log = atomic_load(&lws_log);
  size_t len = strcspn(line, "\n");
  if (level == LLL_ERR)
    log_warn(log, "libwebsockets: %.*s", (int)len, line); /* its errors are ours to judge */
  else
    log_debug(log, "libwebsockets: %.*s", (int)len, line);
}

/* ---- the wheel on the loop ---- */

static void on_tick(uv_timer_t *timer) {
  (void)timer; /* the check handle behind it does the work */
}

static void on_check(uv_check_t *check) {
  struct loop *loop = check->data;
  timer_wheel_advance(loop->wheel, (int64_t)uv_now(&loop->uv));
}

static void on_prepare(uv_prepare_t *prepare) {
  struct loop *loop = prepare->data;
  int64_t wait_ms = timer_wheel_next_ms(loop->wheel);
  if (wait_ms < 0)
    uv_timer_stop(&loop->tick);
  else
    uv_timer_start(&loop->tick, on_tick, (uint64_t)wait_ms, 0);
}

static void on_stop(uv_async_t *async) {
  struct loop *loop = async->data;
  uv_stop(&loop->uv);
}

static int open_handles(struct loop *loop) {
  if (uv_async_init(&loop->uv, &loop->stop, on_stop) != 0)
    return CWS_ESYSTEM;
  uv_prepare_init(&loop->uv, &loop->prepare);
  uv_check_init(&loop->uv, &loop->check);
  uv_timer_init(&loop->uv, &loop->tick);
  loop->stop.data = loop->prepare.data = loop->check.data = loop;
  uv_prepare_start(&loop->prepare, on_prepare);
  uv_check_start(&loop->check, on_check);
  return 0;
}

static void close_handles(struct loop *loop) {
  uv_close((uv_handle_t *)&loop->stop, NULL);
  uv_close((uv_handle_t *)&loop->prepare, NULL);
  uv_close((uv_handle_t *)&loop->check, NULL);
  uv_close((uv_handle_t *)&loop->tick, NULL);
}

/* ---- the context ---- */

static int make_context(struct loop *loop, struct cws_error *err) {
  void *foreign[] = {&loop->uv};
  struct lws_context_creation_info info = {0};
  lws_set_log_level(LLL_ERR | LLL_WARN, on_lws_log);
  atomic_store(&lws_log, loop->log);
  info.port = CONTEXT_PORT_NO_LISTEN;
  info.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
                 LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
  info.foreign_loops = foreign;
  info.user = loop;
  info.pcontext = &loop->context; /* becomes NULL when its end has come */
  info.pt_serv_buf_size = SERVICE_BUFFER;
  info.timeout_secs = TLS_HANDSHAKE_S;
  info.retry_and_idle_policy = &NO_VALIDITY;
  loop->context = lws_create_context(&info);
  if (loop->context == NULL)
    return err_set(err, CWS_ESYSTEM,
                   "libwebsockets cannot start; is the package libwebsockets-evlib-uv installed?");
  loop->event_fd = event_fd_find(&loop->uv);
  return 0;
}

/* libwebsockets gives a vhost with TLS a context for client connections, too, with every CA of the
 * system in it: 700 KB a worker for nothing, and of several loops' all but one are never freed. An
 * empty one of ours stands in for it. */
static int make_no_client(struct loop *loop, struct cws_error *err) {
  loop->no_client = SSL_CTX_new(TLS_client_method());
  return loop->no_client != NULL ? 0 : err_set(err, CWS_ENOMEM, NULL);
}

static struct lws_vhost *make_vhost(struct loop *loop, const char *name, bool is_tls) {
  struct lws_context_creation_info info = {0};
  info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
  info.vhost_name = name;
  info.protocols = PROTOCOLS;
  info.retry_and_idle_policy = &NO_VALIDITY;
  info.timeout_secs = TLS_HANDSHAKE_S;
  if (is_tls) {
    info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT; /* without it a vhost serves plain bytes */
    info.ssl_cert_filepath = loop->tls_cert_file;
    info.ssl_private_key_filepath = loop->tls_key_file;
    info.provided_client_ssl_ctx = loop->no_client;
    info.alpn = "http/1.1";
    info.ssl_options_set = (long)(SSL_OP_NO_SSLv3 | SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1);
    if (loop->tls_client_ca_file != NULL) {
      info.ssl_ca_filepath = loop->tls_client_ca_file;
      info.options |= LWS_SERVER_OPTION_REQUIRE_VALID_OPENSSL_CLIENT_CERT;
    }
  }
  return lws_create_vhost(loop->context, &info);
}

static int make_vhosts(struct loop *loop, struct cws_error *err) {
  loop->plain = make_vhost(loop, "plain", false);
  if (loop->plain == NULL)
    return err_set(err, CWS_ESYSTEM, "libwebsockets cannot make a vhost");
  if (loop->tls_cert_file == NULL)
    return 0;
  if (make_no_client(loop, err) != 0)
    return CWS_ENOMEM;
  loop->tls = make_vhost(loop, "tls", true);
  if (loop->tls == NULL)
    return err_set(err, CWS_ECONFIG, "TLS cannot start with '%s'", loop->tls_cert_file);
  return 0;
}

static int copy_text(const char *from, char **to) {
  if (from == NULL)
    return 0;
  *to = strdup(from);
  return *to != NULL ? 0 : CWS_ENOMEM;
}

static int copy_options(struct loop *loop, const struct loop_options *options,
                        struct cws_error *err) {
  loop->index = options->index;
  loop->log = options->log;
  if (copy_text(options->tls_cert_file, &loop->tls_cert_file) != 0 ||
      copy_text(options->tls_key_file, &loop->tls_key_file) != 0 ||
      copy_text(options->tls_client_ca_file, &loop->tls_client_ca_file) != 0)
    return err_set(err, CWS_ENOMEM, NULL);
  if (loop->tls_cert_file == NULL)
    return 0;
  return tls_files_check(loop->tls_cert_file, loop->tls_key_file, loop->tls_client_ca_file, err);
}

/* ---- life ---- */

static void free_texts(struct loop *loop) {
  free(loop->tls_cert_file);
  free(loop->tls_key_file);
  free(loop->tls_client_ca_file);
}

int loop_new(const struct loop_options *options, struct loop **out, struct cws_error *err) {
  struct loop *loop = calloc(1, sizeof *loop);
  if (loop == NULL)
    return err_set(err, CWS_ENOMEM, NULL);
  int rc = copy_options(loop, options, err);
  if (rc != 0 || uv_loop_init(&loop->uv) != 0) {
    free_texts(loop);
    free(loop);
    return rc != 0 ? rc : err_set(err, CWS_ESYSTEM, "cannot make an event loop");
  }
  uv_update_time(&loop->uv);
  loop->wheel = timer_wheel_new((int64_t)uv_now(&loop->uv));
  rc = loop->wheel != NULL ? open_handles(loop) : CWS_ENOMEM;
  if (rc == 0)
    rc = mailbox_open(&loop->uv, &loop->mailbox);
  if (rc != 0)
    err_set(err, rc, "cannot make an event loop");
  if (rc == 0)
    rc = make_context(loop, err);
  if (rc == 0)
    rc = make_vhosts(loop, err);
  if (rc != 0) {
    loop_free(loop);
    return rc;
  }
  *out = loop;
  return 0;
}

void loop_run(struct loop *loop) {
  uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *loop) {
  uv_async_send(&loop->stop);
}

static void close_connections(struct loop *loop) {
  connection_abort_all(loop);
  while (loop->connections != NULL)
    uv_run(&loop->uv, UV_RUN_ONCE);
}

void loop_free(struct loop *loop) {
  if (loop == NULL)
    return;
  close_connections(loop);
  if (loop->mailbox != NULL)
    mailbox_close(loop->mailbox);
  if (loop->context != NULL) {
    lws_context_destroy(loop->context);
    event_fd_hold(&loop->uv, loop->event_fd);
  }
  if (loop->stop.data != NULL)
    close_handles(loop);
  uv_run(&loop->uv, UV_RUN_DEFAULT);
  if (loop->context !=
      NULL) /* on a foreign loop its end takes a second call, after its handles are closed */
    lws_context_destroy(loop->context);
  if (uv_loop_close(&loop->uv) != 0)
    log_error(loop->log, "an event loop was left with open handles");
  timer_wheel_free(loop->wheel);
  SSL_CTX_free(loop->no_client);
  buf_finish(&loop->gathered);
  free_texts(loop);
  struct log *own = loop->log;
  atomic_compare_exchange_strong(&lws_log, &own, NULL);
  free(loop);
}

int loop_index(const struct loop *loop) {
  return loop->index;
}

uv_loop_t *loop_uv(struct loop *loop) {
  return &loop->uv;
}

struct mailbox *loop_mailbox(struct loop *loop) {
  return loop->mailbox;
}

struct timer_wheel *loop_wheel(struct loop *loop) {
  return loop->wheel;
}

struct log *loop_log(struct loop *loop) {
  return loop->log;
}

void loop_post(struct loop *loop, struct mail *mail) {
  mailbox_post(loop->mailbox, mail);
}

/* The clients' CAs, for handshakes to come; libwebsockets reloads certificate and key only. */
static int reload_client_ca(struct loop *loop, struct cws_error *err) {
  X509_STORE *store = X509_STORE_new();
  STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(loop->tls_client_ca_file);
  if (store == NULL || names == NULL ||
      X509_STORE_load_file(store, loop->tls_client_ca_file) != 1) {
    X509_STORE_free(store);
    sk_X509_NAME_pop_free(names, X509_NAME_free);
    return err_set(err, CWS_ECONFIG, "TLS cannot use '%s'", loop->tls_client_ca_file);
  }
  SSL_CTX_set_cert_store(loop->tls_ctx, store);
  SSL_CTX_set_client_CA_list(loop->tls_ctx, names);
  return 0;
}

int loop_reload_tls(struct loop *loop, struct cws_error *err) {
  if (loop->tls == NULL)
    return 0;
  int rc = tls_files_check(loop->tls_cert_file, loop->tls_key_file, loop->tls_client_ca_file, err);
  if (rc != 0)
    return rc;
  if (lws_tls_cert_updated(loop->context, loop->tls_cert_file, loop->tls_key_file, NULL, 0, NULL,
                           0) != 0)
    return err_set(err, CWS_ECONFIG, "TLS cannot use '%s'", loop->tls_cert_file);
  return loop->tls_client_ca_file != NULL ? reload_client_ca(loop, err) : 0;
}
