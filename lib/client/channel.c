/* channel: see channel.h. */
#include "lib/client/channel.h"

#include "lib/client/timer.h"
#include "lib/client/ws.h"
#include "lib/core/err.h"
#include "lib/core/ws_frame.h"
#include <stdlib.h>
#include <string.h>

/* A silent hub is dead after 2 heartbeat intervals and SLACK, watched in quarters of that, so that
 * a loop that was itself held up for long sees one quarter pass and not all four. */
#define SILENCE_SLACK_MS 5000
#define SILENCE_QUARTERS 4

struct channel {
  struct cws_client *client;
  const struct channel_handlers *handlers;
  void *user;
  struct ws *ws;
  struct timer *silence;
  int64_t quarter_ms; /* 0: the hub sends no heartbeats */
  int silent_quarters;
  int depth; /* of its callbacks on the stack */
  bool freed, greeted, paused;
  struct loss bye; /* what `bye` said; close_code 0: it was not said */
};

static void channel_destroy(struct channel *s) {
  timer_free(s->silence);
  ws_free(s->ws);
  free(s);
}

static void channel_leave(struct channel *s) {
  if (--s->depth == 0 && s->freed)
    channel_destroy(s);
}

void channel_free(struct channel *s) {
  if (s == NULL || s->freed)
    return;
  s->freed = true;
  ws_free(s->ws);
  s->ws = NULL;
  timer_stop(s->silence);
  if (s->depth == 0)
    channel_destroy(s);
}

/* ---- the end ---- */

static void channel_lost(struct channel *s, const struct loss *loss) {
  timer_stop(s->silence);
  ws_free(s->ws);
  s->ws = NULL;
  s->depth++;
  s->handlers->on_lost(s, loss, s->user);
  channel_leave(s);
}

static void loss_from_close(struct channel *s, const struct ws_end *end, struct loss *loss) {
  int code = end->close_code;
  /* libwebsockets 4.1.6 shows 1012 to 1014 as 1002; the hub says bye before, but a proxy does not.
   */
  loss->close_code = code == WS_CLOSE_PROTOCOL ? WS_CLOSE_TRY_LATER : code;
  if (end->error.code == CWS_ETOOLARGE || end->error.code == CWS_EPROTOCOL)
    return; /* found on our side */
  loss->error = (struct cws_error){0};
  err_set(&loss->error, retry_code_of_close(loss->close_code),
          code == WS_CLOSE_ABNORMAL ? "the connection to %s was lost"
                                    : "%s closed the connection (%d)",
          s->client->url.host_port, code);
}

static void channel_on_closed(struct ws *ws, const struct ws_end *end, void *user) {
  struct channel *s = user;
  struct loss loss = {
      .error = end->error, .http_status = end->http_status, .hint_ms = end->retry_after_ms};
  (void)ws;
  if (s->bye.close_code != 0)
    loss = s->bye;
  else if (end->close_code != 0)
    loss_from_close(s, end, &loss);
  channel_lost(s, &loss);
}

static void channel_fail(struct channel *s, const struct cws_error *why) {
  struct loss loss = {.error = *why, .is_final = !cws_error_is_temporary(why->code)};
  channel_lost(s, &loss);
}

static void channel_answer_heartbeat(struct channel *s) {
  struct buf b;
  buf_init(&b);
  client_format_heartbeat_response(&b);
  channel_send(s, &b);
  buf_finish(&b);
}

/* A paused session reads no heartbeat, but the hub must hear that its client lives. */
static void channel_on_silence(void *arg) {
  struct channel *s = arg;
  struct cws_error why = {0};
  if (!s->greeted) {
    err_set(&why, CWS_ETIMEOUT, "%s did not begin in time", s->client->url.host_port);
    channel_fail(s, &why);
    return;
  }
  if (s->paused) {
    channel_answer_heartbeat(s);
    timer_start(s->silence, s->quarter_ms);
    return;
  }
  if (++s->silent_quarters <= SILENCE_QUARTERS) {
    timer_start(s->silence, s->quarter_ms);
    return;
  }
  err_set(&why, CWS_EDISCONNECTED, "nothing was heard from %s for two heartbeats",
          s->client->url.host_port);
  channel_fail(s, &why);
}

static void watch_silence(struct channel *s) {
  s->silent_quarters = 0;
  if (s->quarter_ms > 0)
    timer_start(s->silence, s->quarter_ms);
}

/* ---- messages ---- */

static void channel_on_bye(struct channel *s, const struct hub_message *m) {
  int code = m->code != 0 ? m->code : WS_CLOSE_ABNORMAL;
  s->bye =
      (struct loss){.close_code = code, .hint_ms = m->retry_after_ms, .is_final = !m->reconnect};
  err_set(&s->bye.error, retry_code_of_close(code), "the hub closed the connection: %s",
          m->reason != NULL ? m->reason : cws_error_text(retry_code_of_close(code)));
}

static void channel_on_hello(struct channel *s, const struct hub_hello *hello) {
  s->greeted = true;
  if (hello->heartbeat_interval_ms > 0)
    s->quarter_ms = (2 * hello->heartbeat_interval_ms + SILENCE_SLACK_MS) / SILENCE_QUARTERS;
  watch_silence(s);
  s->handlers->on_hello(s, hello, s->user);
}

static void channel_take(struct channel *s, const struct hub_message *m) {
  struct cws_error why = {0};
  if (m->kind == HUB_BYE) {
    channel_on_bye(s, m);
  } else if (m->kind == HUB_HELLO && !s->greeted) {
    channel_on_hello(s, &m->hello);
  } else if (!s->greeted) {
    err_set(&why, CWS_EPROTOCOL, "the hub did not begin with connection_established");
    channel_fail(s, &why);
  } else if (m->kind == HUB_HEARTBEAT) {
    channel_answer_heartbeat(s);
  } else if (m->kind != HUB_OTHER) {
    s->handlers->on_message(s, m, s->user);
  }
}

static void channel_on_text(struct ws *ws, const char *text, size_t len, void *user) {
  struct channel *s = user;
  struct hub_message m;
  struct cws_error why = {0};
  (void)ws;
  s->silent_quarters = 0;
  s->depth++;
  int rc = hub_message_parse(text, len, &m, &why);
  if (rc == 0)
    channel_take(s, &m);
  else
    channel_fail(s, &why);
  hub_message_finish(&m);
  channel_leave(s);
}

static void channel_on_open(struct ws *ws, void *user) {
  struct channel *s = user; /* the hub speaks first */
  (void)ws;
  if (!s->paused)
    timer_start(s->silence, s->client->options.connect_timeout_ms);
}

static void channel_on_drained(struct ws *ws, void *user) {
  struct channel *s = user;
  (void)ws;
  if (s->handlers->on_drained == NULL || !s->greeted)
    return;
  s->depth++;
  s->handlers->on_drained(s, s->user);
  channel_leave(s);
}

/* ---- use ---- */

static const struct ws_handlers ws_handlers = {
    .on_open = channel_on_open,
    .on_text = channel_on_text,
    .on_drained = channel_on_drained,
    .on_closed = channel_on_closed,
};

int channel_open(struct cws_client *client, const char *path, bool expired,
                 const struct channel_handlers *handlers, void *user, struct channel **out,
                 struct cws_error *err) {
  char *token;
  int rc = client_token(client, expired, &token, err);
  if (rc != 0)
    return rc;
  struct channel *s = calloc(1, sizeof(*s));
  if (s != NULL)
    s->silence = timer_new(client, channel_on_silence, s);
  if (s == NULL || s->silence == NULL) {
    free(s);
    free(token);
    return err_set(err, CWS_ENOMEM, NULL);
  }
  s->client = client;
  s->handlers = handlers;
  s->user = user;
  rc = ws_open(client, path, token, &ws_handlers, s, &s->ws, err);
  free(token);
  if (rc != 0)
    channel_destroy(s);
  else
    *out = s;
  return rc;
}

void channel_send(struct channel *s, const struct buf *message) {
  if (s->ws != NULL && !message->failed)
    ws_send(s->ws, message->data, message->len);
}

size_t channel_unsent(const struct channel *s) {
  return s->ws == NULL ? 0 : ws_unsent(s->ws);
}

void channel_pause(struct channel *s) {
  s->paused = true;
  if (!s->greeted)
    timer_stop(s->silence); /* its hello is not read either */
  if (s->ws != NULL)
    ws_pause(s->ws);
}

void channel_resume(struct channel *s) {
  s->paused = false;
  if (s->greeted)
    watch_silence(s);
  else if (s->ws != NULL)
    timer_start(s->silence, s->client->options.connect_timeout_ms);
  if (s->ws != NULL)
    ws_resume(s->ws);
}

void channel_close(struct channel *s) {
  timer_stop(s->silence);
  if (s->ws != NULL)
    ws_close(s->ws, WS_CLOSE_NORMAL);
}
