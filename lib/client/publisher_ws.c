/*
 * publisher_ws: events pipelined over one WebSocket. `ref` is the event's seq. After a
 * lost connection everything unanswered is sent again in order; the event ids make that safe. After
 * a temporary refusal nothing more is sent until what is under way is answered, then everything
 * that was not stored goes out again in order, with a window of one that grows with each success.
 */
#include "lib/client/publisher.h"
#include "lib/core/err.h"

#define UNSENT_MAX (1u << 20) /* bytes queued for the socket; more wait as events */

static void send_one(struct cws_publisher *p, struct outgoing *o) {
  char ref[24];
  struct buf b;
  buf_init(&b);
  snprintf(ref, sizeof(ref), "%lld", (long long)o->seq);
  client_format_publish(&b, cws_event_view(o->event), ref);
  channel_send(p->ws.channel, &b);
  buf_finish(&b);
  p->ws.in_flight++;
}

static void ws_push(struct cws_publisher *p) {
  struct publisher_ws_part *ws = &p->ws;
  if (ws->channel == NULL || ws->held.error.code != 0)
    return;
  while (ws->unsent != NULL && ws->in_flight < ws->window &&
         channel_unsent(ws->channel) < UNSENT_MAX) {
    send_one(p, ws->unsent);
    ws->unsent = ws->unsent->next;
  }
}

static void ws_cut(struct cws_publisher *p) {
  channel_free(p->ws.channel);
  p->ws.channel = NULL;
}

/* Everything unanswered counts as unsent, on a new connection or after a temporary refusal. */
static void ws_rewind(struct cws_publisher *p) {
  p->ws.unsent = p->head;
  p->ws.in_flight = 0;
  p->ws.held.error.code = 0;
}

/* All that was under way when the hub refused one for now has been answered. */
static void ws_check_held(struct cws_publisher *p) {
  if (p->ws.held.error.code == 0 || p->ws.in_flight > 0 || p->phase != PUBLISHER_RUNNING)
    return;
  struct loss loss = p->ws.held;
  ws_rewind(p);
  publisher_lose(p, &loss);
}

static void ws_on_published(struct cws_publisher *p, const struct hub_message *m) {
  p->ws.in_flight--;
  p->ws.window =
      p->ws.window > p->options.max_in_flight / 2 ? p->options.max_in_flight : p->ws.window * 2;
  publisher_published(p, json_integer_value(m->ref), m->message_id, m->duplicate);
}

static void ws_on_refusal(struct cws_publisher *p, const struct hub_message *m) {
  const struct cws_error *why = &m->error;
  p->ws.in_flight--;
  if (cws_error_is_temporary(why->code)) {
    p->ws.window = 1;
    p->ws.held = (struct loss){.error = *why, .hint_ms = m->retry_after_ms};
  } else if (publisher_is_event_fault(why->code)) {
    publisher_refused(p, json_integer_value(m->ref), why);
  } else {
    publisher_finish(p, why);
  }
}

static void ws_on_message(struct channel *s, const struct hub_message *m, void *user) {
  struct cws_publisher *p = user;
  (void)s;
  bool is_answer = m->kind == HUB_PUBLISHED || m->kind == HUB_PROTOCOL_ERROR;
  if (!is_answer || p->phase == PUBLISHER_ENDED)
    return; /* events, if the token may watch: not asked for */
  if (!json_is_integer(m->ref)) {
    log_warn(p->op.client->log, "the hub objects: %s", m->error.message);
    return;
  }
  op_ref(&p->op);
  if (m->kind == HUB_PUBLISHED)
    ws_on_published(p, m);
  else
    ws_on_refusal(p, m);
  ws_check_held(p);
  if (p->phase == PUBLISHER_RUNNING)
    timer_start(p->timer, 0); /* one push for all answers of this turn */
  publisher_settle(p);
  op_unref(&p->op);
}

static void ws_on_hello(struct channel *s, const struct hub_hello *hello, void *user) {
  struct cws_publisher *p = user;
  (void)s;
  (void)hello;
  if (p->phase != PUBLISHER_OPENING)
    return;
  op_ref(&p->op);
  ws_rewind(p);
  publisher_is_back(p);
  if (p->phase == PUBLISHER_OPENING)
    publisher_is_open(p);
  op_unref(&p->op);
}

static void ws_on_drained(struct channel *s, void *user) {
  struct cws_publisher *p = user;
  (void)s;
  if (p->phase == PUBLISHER_RUNNING)
    ws_push(p);
}

static void ws_on_lost(struct channel *s, const struct loss *loss, void *user) {
  struct cws_publisher *p = user;
  op_ref(&p->op);
  p->ws.channel = NULL;
  if (p->phase == PUBLISHER_CLOSING)
    publisher_finish(p, NULL);
  else if (p->phase != PUBLISHER_ENDED)
    publisher_lose(p, loss);
  channel_free(s);
  op_unref(&p->op);
}

static const struct channel_handlers channel_handlers = {
    .on_hello = ws_on_hello,
    .on_message = ws_on_message,
    .on_drained = ws_on_drained,
    .on_lost = ws_on_lost,
};

/* from=new: a token that may also watch is not sent the backlog. */
static void ws_path(struct buf *b, const struct cws_publisher *p) {
  url_add_path(b, &p->op.client->url, "/ws/");
  buf_add_str(b, p->options.request_id);
  url_add_query(b, "from", "new");
  if (p->options.owner != NULL)
    url_add_query(b, "owner", p->options.owner);
}

static void ws_open_session(struct cws_publisher *p) {
  struct loss loss = {.http_status = 0};
  struct buf path;
  buf_init(&path);
  ws_path(&path, p);
  publisher_set_phase(p, PUBLISHER_OPENING);
  int rc = path.failed ? err_set(&loss.error, CWS_ENOMEM, NULL)
                       : channel_open(p->op.client, path.data, p->expired, &channel_handlers, p,
                                      &p->ws.channel, &loss.error);
  buf_finish(&path);
  p->expired = false;
  if (rc != 0)
    publisher_lose(p, &loss);
}

static void ws_open_transport(struct cws_publisher *p) {
  if (p->ws.channel != NULL)
    publisher_is_open(p); /* it stood all the time; the hub asked to wait */
  else
    ws_open_session(p);
}

static void ws_close_transport(struct cws_publisher *p) {
  if (p->ws.channel != NULL)
    channel_close(p->ws.channel);
  else
    publisher_finish(p, NULL);
}

const struct publisher_transport publisher_ws = {
    .name = "websocket",
    .open = ws_open_transport,
    .push = ws_push,
    .close = ws_close_transport,
    .cut = ws_cut,
};
