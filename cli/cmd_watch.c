/*
 * watch: follows requests until each has ended. An event is acknowledged only after its output was
 * flushed, so what was not seen comes again.
 */
#include <councilws/client.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/ending.h"
#include "cli/exit_code.h"
#include "cli/live.h"
#include "cli/out.h"
#include "cli/render.h"
#include "cli/runner.h"
#include "cli/talk.h"
#include "cli/tty.h"
#include "cli/type_list.h"

struct watch;

struct watched {
  struct watch *watch;
  const char *request_id;
  struct cws_follow *follow; /* NULL before it starts and after it has ended */
  struct cws_call *call;     /* a question under way, or NULL */
  bool is_done;              /* its end has been decided */
  bool is_lost;              /* the connection is, at the moment */
  bool has_past_end;         /* past_code is that of an ending from before */
  int past_code;
  int attempts;
  int64_t count;
  int64_t seen, acked; /* message_ids: given to the picture, acknowledged */
  int64_t passed;      /* the last that came, or that was not to come any more */
  int64_t ask_at;      /* whether it had already ended is asked once this one has come; 0: not */
};

struct watch {
  struct runner runner;
  const struct options *options;
  struct ending ending;
  const char *types;
  bool is_json, is_many, no_ack, no_follow, fails_on_gap;
  int64_t max_count, idle_ms;
  uv_timer_t idle;
  struct live *live; /* the picture, or NULL: plain lines */
  struct watched *items;
  size_t count, open;
  int worst; /* the highest exit code so far */
};

static void end_one(struct watched *w, int exit_code) {
  if (w->is_done)
    return;
  w->is_done = true;
  if (exit_code > w->watch->worst)
    w->watch->worst = exit_code;
  if (w->watch->live != NULL)
    live_flush(w->watch->live); /* so that what was seen is acknowledged */
  if (w->call != NULL)
    cws_call_cancel(w->call);
  if (w->follow != NULL)
    cws_follow_end(w->follow);
}

static void end_all(struct runner *r) {
  struct watch *watch = (struct watch *)r; /* its first member */
  for (size_t i = 0; i < watch->count; i++)
    end_one(&watch->items[i], 0);
}

static void on_idle(uv_timer_t *timer) {
  struct watch *watch = timer->data;
  talk("no event for too long");
  runner_finish(&watch->runner, EXIT_STALLED);
}

static void restart_idle(struct watch *watch) {
  if (watch->idle_ms > 0)
    uv_timer_start(&watch->idle, on_idle, (uint64_t)watch->idle_ms, 0);
}

/* ---- events ---- */

static void show(const struct watched *w, const struct cws_event *event) {
  if (!type_list_has(w->watch->types, event->type))
    return;
  const char *prefix = w->watch->is_many ? w->request_id : NULL;
  if (w->watch->is_json)
    render_json(prefix, event);
  else
    render_text(prefix, event);
}

static size_t index_of(const struct watched *w) {
  return (size_t)(w - w->watch->items);
}

static void acknowledge(struct watched *w) {
  if (w->follow != NULL && w->seen > w->acked && !w->watch->no_ack)
    cws_follow_ack(w->follow, w->seen);
  w->acked = w->seen;
}

static void on_drawn(int failed, void *user) {
  struct watch *watch = user;
  for (size_t i = 0; failed == 0 && i < watch->count; i++)
    acknowledge(&watch->items[i]);
  if (failed != 0)
    runner_finish(&watch->runner, failed);
}

static void on_quit(void *user) {
  struct watch *watch = user;
  runner_finish(&watch->runner, EXIT_SIGNAL(SIGINT));
}

static const struct live_handlers LIVE = {.on_drawn = on_drawn, .on_quit = on_quit};

/* In the picture it is drawn a little later, and acknowledged then. */
static int give_out(struct watched *w, const struct cws_event *event) {
  w->seen = event->message_id;
  if (w->watch->live != NULL) {
    live_event(w->watch->live, index_of(w), event, type_list_has(w->watch->types, event->type));
    return 0;
  }
  show(w, event);
  int failed = out_flush();
  if (failed == 0)
    acknowledge(w);
  return failed;
}

static void ask_already(struct watched *w);

static void on_event(struct cws_follow *f, const struct cws_event *event, void *user) {
  (void)f;
  struct watched *w = user;
  struct watch *watch = w->watch;
  if (w->is_done)
    return;
  restart_idle(watch);
  w->passed = event->message_id;
  int failed = give_out(w, event);
  if (failed != 0) {
    runner_finish(&watch->runner, failed);
    return;
  }
  int code;
  if (ending_reached(&watch->ending, event, &code))
    end_one(w, code);
  else if (++w->count == watch->max_count)
    end_one(w, EXIT_DONE);
  else if (w->ask_at > 0 && event->message_id >= w->ask_at)
    ask_already(w);
}

static void on_gap(struct cws_follow *f, int64_t from, int64_t to, const char *reason, void *user) {
  (void)f;
  struct watched *w = user;
  if (to >= from)
    talk("%s: events %lld to %lld are gone (%s)", w->request_id, (long long)from, (long long)to,
         reason);
  else
    talk("%s: events from %lld on may be gone (%s)", w->request_id, (long long)from, reason);
  if (w->watch->fails_on_gap)
    end_one(w, EXIT_GAP);
}

/* ---- the backlog is through: has it ended already? ---- */

static void on_past_event(const struct cws_event *event, void *user) {
  struct watched *w = user;
  if (!w->has_past_end)
    w->has_past_end = ending_reached(&w->watch->ending, event, &w->past_code);
}

static void on_past_events(const struct cws_error *why, const char *json, size_t len, void *user) {
  (void)json;
  (void)len;
  struct watched *w = user;
  w->call = NULL;
  if (w->is_done)
    return;
  if (why != NULL) {
    end_one(w, runner_report(&w->watch->runner, w->request_id, why));
    return;
  }
  if (!w->has_past_end)
    talk_error("%s: --exit-from: the ending event is gone", w->request_id);
  end_one(w, w->has_past_end ? w->past_code : EXIT_GAP);
}

/* Its ending event was acknowledged before and does not come again; --exit-from needs its data. */
static void read_past_end(struct watched *w) {
  struct cws_read_options o;
  cws_read_options_init(&o);
  o.request_id = w->request_id;
  o.types = "final_response,error";
  struct cws_error err = {0};
  if (cws_read(w->watch->runner.client, &o, on_past_event, on_past_events, w, &w->call, &err) != 0)
    end_one(w, runner_report(&w->watch->runner, w->request_id, &err));
}

static void on_already(const struct cws_error *why, const char *json, size_t len, void *user) {
  struct watched *w = user;
  w->call = NULL;
  if (why != NULL || w->is_done)
    return;
  json_t *answer = json_loadb(json, len, 0, NULL);
  const char *status = json_string_value(json_object_get(answer, "status"));
  bool has_ended =
      status != NULL && (strcmp(status, "completed") == 0 || strcmp(status, "failed") == 0);
  int64_t last = json_integer_value(json_object_get(answer, "last_message_id"));
  if (has_ended && last > w->passed) { /* what has ended it may be among what is still to come */
    w->ask_at = last;
  } else if (has_ended) {
    talk("%s: had already ended (%s)", w->request_id, status);
    if (ending_needs_event(&w->watch->ending))
      read_past_end(w);
    else
      end_one(w, ending_of_status(&w->watch->ending, status));
  }
  json_decref(answer);
}

static void ask_already(struct watched *w) {
  w->ask_at = 0;
  if (w->call == NULL)
    cws_status(w->watch->runner.client, w->request_id, on_already, w, &w->call, NULL);
}

static void on_caught_up(struct cws_follow *f, int64_t last_message_id, void *user) {
  (void)f;
  struct watched *w = user;
  struct watch *watch = w->watch;
  if (w->is_done)
    return;
  if (last_message_id > w->passed)
    w->passed = last_message_id;
  if (watch->no_follow)
    end_one(w, ending_without(&watch->ending));
  else if (last_message_id > 0)
    ask_already(w);
}

static void show_link(const struct watched *w, enum run_link link, int64_t wait_ms) {
  if (w->watch->live != NULL)
    live_link(w->watch->live, index_of(w), link, wait_ms);
}

static void on_state(struct cws_follow *f, enum cws_follow_state state, const struct cws_error *why,
                     int64_t wait_ms, void *user) {
  (void)f;
  struct watched *w = user;
  struct runner *r = &w->watch->runner;
  if (state == CWS_FOLLOW_WAITING) {
    w->is_lost = true;
    show_link(w, RUN_LOST, wait_ms);
    if (!runner_lost(r, &w->attempts, w->request_id, why, wait_ms))
      end_one(w, runner_report(r, w->request_id, why));
  } else if (state != CWS_FOLLOW_CONNECTING) {
    if (w->is_lost)
      talk("%s: connected again", w->request_id);
    w->is_lost = false;
    show_link(w, RUN_LIVE, 0);
    r->was_reached = true;
    w->attempts = 0;
  } else if (!w->is_lost) {
    show_link(w, RUN_CONNECTING, 0);
  }
}

static void close_if_done(struct watch *watch) {
  if (watch->open == 0)
    uv_timer_stop(&watch->idle);
}

static void on_end(struct cws_follow *f, const struct cws_error *why, void *user) {
  (void)f;
  struct watched *w = user;
  w->follow = NULL;
  show_link(w, RUN_OVER, 0);
  if (!w->is_done && why != NULL && why->code != CWS_ECANCELED)
    end_one(w, runner_report(&w->watch->runner, w->request_id, why));
  w->watch->open--;
  close_if_done(w->watch);
}

static const struct cws_follow_handlers HANDLERS = {
    .size = sizeof HANDLERS,
    .on_event = on_event,
    .on_state = on_state,
    .on_gap = on_gap,
    .on_caught_up = on_caught_up,
    .on_end = on_end,
};

/* ---- starting ---- */

/* A picture is of the whole run: it needs what was acknowledged before, too. */
static enum cws_follow_from from_of(const char *text, bool is_picture) {
  if (text == NULL)
    return is_picture ? CWS_FROM_START : CWS_FROM_ACKED;
  return strcmp(text, "start") == 0 ? CWS_FROM_START : CWS_FROM_NEW;
}

static void start_one(struct watched *w) {
  const struct options *o = w->watch->options;
  struct cws_follow_options f;
  cws_follow_options_init(&f);
  f.request_id = w->request_id;
  f.subscriber = options_string(o, "subscriber");
  f.from = from_of(options_string(o, "from"), w->watch->live != NULL);
  f.after = options_int(o, "after", -1);
  f.manual_ack = true;
  f.no_ack = w->watch->no_ack;
  struct cws_error err = {0};
  int rc = cws_follow_start(w->watch->runner.client, &f, &HANDLERS, w, &w->follow, &err);
  if (rc == 0) {
    w->watch->open++;
    return;
  }
  w->follow = NULL;
  end_one(w, runner_report(&w->watch->runner, w->request_id, &err));
}

static void on_exists(const struct cws_error *why, const char *json, size_t len, void *user) {
  struct watched *w = user;
  w->call = NULL;
  if (w->is_done)
    return;
  if (why != NULL) {
    end_one(w, runner_report(&w->watch->runner, w->request_id, why));
    return;
  }
  json_t *answer = json_loadb(json, len, 0, NULL);
  bool is_empty = json_integer_value(json_object_get(answer, "last_message_id")) == 0;
  json_decref(answer);
  if (is_empty) {
    talk_error("%s: no such request", w->request_id);
    end_one(w, EXIT_NOINPUT);
  } else {
    start_one(w);
  }
}

static void begin(struct watched *w) {
  if (!options_flag(w->watch->options, "must-exist")) {
    start_one(w);
    return;
  }
  struct cws_error err = {0};
  if (cws_status(w->watch->runner.client, w->request_id, on_exists, w, &w->call, &err) != 0)
    end_one(w, runner_report(&w->watch->runner, w->request_id, &err));
}

static void read_options(struct watch *watch, const struct options *o) {
  watch->options = o;
  watch->types = options_string(o, "type");
  watch->is_json = strcmp(options_string(o, "output"), "json") == 0;
  watch->no_ack = options_flag(o, "no-ack");
  watch->no_follow = options_flag(o, "no-follow");
  watch->fails_on_gap = strcmp(options_string(o, "on-gap"), "fail") == 0;
  watch->max_count = options_int(o, "count", 0);
  watch->idle_ms = options_duration(o, "idle", 0);
  watch->count = options_argc(o);
  watch->is_many = watch->count > 1;
  ending_init(&watch->ending, options_list(o, "until"), options_string(o, "exit-from"));
}

static int open_picture(struct watch *watch) {
  const char *output = options_string(watch->options, "output");
  bool is_wanted =
      strcmp(output, "tree") == 0 || (strcmp(output, "auto") == 0 && tty_is_attended());
  if (!is_wanted || !tty_can_draw())
    return 0;
  const char **ids = calloc(watch->count, sizeof *ids);
  for (size_t i = 0; ids != NULL && i < watch->count; i++)
    ids[i] = options_arg(watch->options, i);
  if (ids != NULL)
    watch->live = live_open(watch->runner.loop, ids, watch->count, &LIVE, watch);
  free(ids);
  return watch->live != NULL ? 0 : EXIT_OS;
}

static int watch_items(struct watch *watch) {
  uv_timer_init(watch->runner.loop, &watch->idle);
  watch->idle.data = watch;
  uv_unref((uv_handle_t *)&watch->idle);
  watch->runner.on_finish = end_all;
  restart_idle(watch);
  for (size_t i = 0; i < watch->count; i++) {
    watch->items[i] =
        (struct watched){.watch = watch, .request_id = options_arg(watch->options, i)};
    begin(&watch->items[i]);
  }
  int code = runner_run(&watch->runner);
  int failed = live_close(watch->live);
  watch->live = NULL;
  if (code == 0 && watch->worst == 0)
    code = failed;
  uv_close((uv_handle_t *)&watch->idle, NULL);
  return code != 0 ? code : watch->worst;
}

static int run_watch(const struct options *o) {
  struct watch watch = {0};
  read_options(&watch, o);
  watch.items = calloc(watch.count, sizeof *watch.items);
  if (watch.items == NULL)
    return EXIT_OS;
  int code = runner_open(&watch.runner, o, options_duration(o, "timeout", 0));
  if (code == 0) {
    code = open_picture(&watch);
    if (code == 0)
      code = watch_items(&watch);
    runner_close(&watch.runner);
  }
  free(watch.items);
  return code;
}

static const struct option_spec OPTIONS[] = {
    {"output", 'o', OPTION_CHOICE, "FORMAT", "auto", "auto|text|tree|json", true,
     "tree: a live picture; text: plain lines; json: the events as the hub holds them, one a line. "
     "auto is the picture on a terminal, else lines"},
    {"from", 0, OPTION_CHOICE, "WHERE", NULL, "start|new", false,
     "begin at the first event, or with what comes from now on; else after the last acknowledged "
     "one (the picture: at the first)"},
    {"after", 0, OPTION_INT, "N", NULL, NULL, false, "begin after message_id N"},
    {"until", 0, OPTION_LIST, "TYPE", NULL, NULL, false,
     "end at an event of this type (may be given again); else at final_response or error"},
    {"exit-from", 0, OPTION_STRING, "PATH", NULL, NULL, false,
     "take the exit code from this member of the ending event's data (a.b.c); clamped to 1-63 when "
     "not 0"},
    {"no-follow", 0, OPTION_FLAG, NULL, NULL, NULL, false,
     "end when the stored events are through"},
    {"count", 0, OPTION_INT, "N", NULL, NULL, false, "end after N events"},
    {"type", 0, OPTION_STRING, "TYPE,...", NULL, NULL, false, "show only events of these types"},
    {"subscriber", 0, OPTION_STRING, "NAME", NULL, NULL, true,
     "acknowledge under a name of its own, so that others are not moved"},
    {"no-ack", 0, OPTION_FLAG, NULL, NULL, NULL, false, "acknowledge nothing"},
    {"timeout", 0, OPTION_DURATION, "D", NULL, NULL, false, "give up after this time (exit 124)"},
    {"idle", 0, OPTION_DURATION, "D", NULL, NULL, false,
     "give up when no event came for this time (exit 82)"},
    {"must-exist", 0, OPTION_FLAG, NULL, NULL, NULL, false,
     "fail at once if the request has no events yet (exit 66)"},
    {"on-gap", 0, OPTION_CHOICE, "WHAT", "warn", "warn|fail", false,
     "when events are gone: say so and go on, or end (exit 81)"},
    {0},
};

const struct command COMMAND_WATCH = {
    .name = "watch",
    .usage = "REQUEST...",
    .summary = "shows the events of requests as they come, until each has ended",
    .details =
        "Comes back by itself when the connection is lost, and goes on after the last event it "
        "acknowledged. Ends with 0 on final_response, with 1 where its data.success is false or on "
        "an error that is not retried. A request may be watched before it exists. With more than "
        "one request each line names its own.\n"
        "On a terminal it draws a live picture, in place: the request, its status, how long it has "
        "been going and the connection; the stages; a progress bar; the subtasks as a tree with "
        "state, agent and model, confidence, cost, tokens and time, sums for each branch; the "
        "latest events. Where not all subtasks fit, those that run or failed come first. When the "
        "request has ended the picture stays, with the response below it. Several requests are a "
        "line each: up, down or a number chooses one, Enter opens and closes it. Where the tree is "
        "higher "
        "than its place PgUp and PgDn scroll it, up and down too where there is one request; Esc "
        "goes back. q ends it like "
        "ctrl-C, with 130. Where standard output or standard error is no terminal, in the "
        "background, and with TERM=dumb there are plain lines instead; without -o tree also where "
        "standard input is /dev/null, as for a job of a script.",
    .options = OPTIONS,
    .is_client = true,
    .min_args = 1,
    .max_args = -1,
    .run = run_watch,
};
