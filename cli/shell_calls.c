/* shell_calls: the console's commands that ask or tell the hub once: publish, status, list, replay.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/event_args.h"
#include "cli/exit_code.h"
#include "cli/list_view.h"
#include "cli/out.h"
#include "cli/render.h"
#include "cli/shell.h"
#include "cli/status_view.h"
#include "cli/talk.h"
#include "cli/tty.h"

#define PUBLISH_ATTEMPTS 6

struct call {
  struct shell *shell;
  char *request_id; /* or NULL */
  int code;
};

static struct call *call_new(struct shell *s, const char *request_id) {
  struct call *c = calloc(1, sizeof *c);
  if (c == NULL)
    return NULL;
  c->shell = s;
  c->request_id = request_id != NULL ? strdup(request_id) : NULL;
  if (request_id == NULL || c->request_id != NULL)
    return c;
  free(c);
  return NULL;
}

/* Frees it. */
static void call_end(struct call *c, const struct cws_error *why) {
  struct shell *s = c->shell;
  int code = why != NULL ? shell_report(s, c->request_id, why) : c->code;
  free(c->request_id);
  free(c);
  shell_end(s, code);
}

/* After it was started with `rc`. */
static int call_begin(struct call *c, int rc, const struct cws_error *err) {
  if (rc == 0) {
    shell_begin(c->shell);
    return 0;
  }
  int code = shell_report(c->shell, c->request_id, err);
  free(c->request_id);
  free(c);
  return code;
}

/* ---- publish ---- */

static void on_published(struct cws_publisher *p, int64_t seq, int64_t message_id, bool duplicate,
                         void *user) {
  (void)p;
  (void)seq;
  struct call *c = user;
  c->shell->runner.was_reached = true;
  names_add(&c->shell->requests, c->request_id);
  shell_above(c->shell);
  if (c->shell->is_json)
    out_printf("{\"request_id\":\"%s\",\"message_id\":%lld,\"duplicate\":%s}\n", c->request_id,
               (long long)message_id, duplicate ? "true" : "false");
  else
    out_printf("%lld\n", (long long)message_id);
  shell_flush(c->shell);
}

static void on_refused(struct cws_publisher *p, int64_t seq, const struct cws_error *why,
                       void *user) {
  (void)p;
  (void)seq;
  struct call *c = user;
  c->code = shell_report(c->shell, c->request_id, why);
}

static void on_state(struct cws_publisher *p, const struct cws_error *why, int64_t wait_ms,
                     void *user) {
  (void)p;
  const struct call *c = user;
  if (why != NULL)
    talk("%s: %s; next attempt in %.1f s", c->request_id, why->message, (double)wait_ms / 1000);
}

static void on_publisher_end(struct cws_publisher *p, const struct cws_error *why, void *user) {
  (void)p;
  call_end(user, why);
}

static const struct cws_publisher_handlers PUBLISHER = {
    .size = sizeof PUBLISHER,
    .on_published = on_published,
    .on_refused = on_refused,
    .on_state = on_state,
    .on_end = on_publisher_end,
};

static int publish_event(struct shell *s, const char *request_id, const struct cws_event *event) {
  struct cws_publisher_options p;
  cws_publisher_options_init(&p);
  p.request_id = request_id;
  p.max_attempts = PUBLISH_ATTEMPTS;
  struct call *c = call_new(s, request_id);
  if (c == NULL)
    return EXIT_OS;
  struct cws_publisher *publisher;
  struct cws_error err = {0};
  int rc = cws_publisher_start(s->runner.client, &p, &PUBLISHER, c, &publisher, &err);
  int code = call_begin(c, rc, &err);
  if (code != 0)
    return code;
  int64_t seq;
  if (cws_publisher_send(publisher, event, &seq, &err) != 0)
    c->code = shell_report(s, request_id, &err);
  cws_publisher_end(publisher);
  return 0;
}

int shell_publish(struct shell *s, const struct options *o) {
  char *data = NULL;
  struct cws_event event;
  int code = event_args_event(o, &event, &data);
  if (code != 0)
    return code;
  code = publish_event(s, options_arg(o, 0), &event);
  free(data);
  return code;
}

const struct option_spec SHELL_PUBLISH_OPTIONS[] = {
    {"data", 0, OPTION_STRING, "JSON", NULL, NULL, false, "the whole data: JSON, or @FILE"},
    {"timestamp", 0, OPTION_STRING, "TIME", NULL, NULL, false,
     "RFC 3339 in UTC, as 2026-11-23T08:00:00Z [the hub's clock]"},
    {"event-id", 0, OPTION_STRING, "ID", NULL, NULL, false,
     "an id of one's own: published again under it, an event is not stored twice"},
    {0},
};

/* ---- status ---- */

static void on_status(const struct cws_error *why, const char *json, size_t len, void *user) {
  struct call *c = user;
  json_t *answer = why == NULL ? json_loadb(json, len, 0, NULL) : NULL;
  if (answer != NULL) {
    shell_above(c->shell);
    if (c->shell->is_json)
      out_printf("%.*s\n", (int)len, json);
    else if (c->request_id != NULL)
      status_view_request(answer, tty_is_output());
    else
      status_view_hub(answer, c->shell->url, tty_is_output());
    shell_flush(c->shell);
    json_decref(answer);
  }
  call_end(c, why);
}

int shell_status(struct shell *s, const struct options *o) {
  struct call *c = call_new(s, options_arg(o, 0));
  if (c == NULL)
    return EXIT_OS;
  struct cws_call *handle;
  struct cws_error err = {0};
  return call_begin(c, cws_status(s->runner.client, c->request_id, on_status, c, &handle, &err),
                    &err);
}

/* ---- list ---- */

static void show_list(struct shell *s, const json_t *requests) {
  size_t i;
  json_t *item;
  json_array_foreach(requests, i, item) {
    const char *id = json_string_value(json_object_get(item, "request_id"));
    names_add(&s->requests, id != NULL ? id : "");
  }
  list_view(requests, s->is_json        ? LIST_VIEW_JSON
                      : tty_is_output() ? LIST_VIEW_TABLE
                                        : LIST_VIEW_LINES);
}

static void on_list(const struct cws_error *why, const char *json, size_t len, void *user) {
  struct call *c = user;
  json_t *answer = why == NULL ? json_loadb(json, len, 0, NULL) : NULL;
  if (answer != NULL) {
    shell_above(c->shell);
    show_list(c->shell, json_object_get(answer, "requests"));
    shell_flush(c->shell);
    json_decref(answer);
  }
  call_end(c, why);
}

int shell_list(struct shell *s, const struct options *o) {
  struct call *c = call_new(s, NULL);
  if (c == NULL)
    return EXIT_OS;
  struct cws_call *handle;
  struct cws_error err = {0};
  int rc = cws_list(s->runner.client, options_string(o, "status"), options_int(o, "limit", 20),
                    NULL, on_list, c, &handle, &err);
  return call_begin(c, rc, &err);
}

const struct option_spec SHELL_LIST_OPTIONS[] = {
    {"status", 0, OPTION_CHOICE, "STATUS", NULL, "pending|processing|completed|failed", false,
     "only requests in this state"},
    {"limit", 0, OPTION_INT, "N", "20", NULL, false, "at most N"},
    {0},
};

/* ---- replay ---- */

static void on_stored(const struct cws_event *event, void *user) {
  const struct call *c = user;
  shell_above(c->shell);
  names_add(&c->shell->types, event->type);
  if (c->shell->is_json)
    render_json(c->request_id, event);
  else
    render_text(c->request_id, event);
  shell_flush(c->shell);
}

static void on_replayed(const struct cws_error *why, const char *json, size_t len, void *user) {
  (void)json;
  (void)len;
  call_end(user, why);
}

int shell_replay(struct shell *s, const struct options *o) {
  struct call *c = call_new(s, options_arg(o, 0));
  if (c == NULL)
    return EXIT_OS;
  struct cws_read_options r;
  cws_read_options_init(&r);
  r.request_id = c->request_id;
  r.after = options_int(o, "after", 0);
  r.to = options_int(o, "to", 0);
  r.types = options_string(o, "type");
  struct cws_call *handle;
  struct cws_error err = {0};
  return call_begin(c, cws_read(s->runner.client, &r, on_stored, on_replayed, c, &handle, &err),
                    &err);
}

const struct option_spec SHELL_REPLAY_OPTIONS[] = {
    {"after", 0, OPTION_INT, "N", NULL, NULL, false, "begin after message_id N"},
    {"to", 0, OPTION_INT, "N", NULL, NULL, false, "end with message_id N"},
    {"type", 0, OPTION_STRING, "TYPE,...", NULL, NULL, false, "only events of these types"},
    {0},
};
