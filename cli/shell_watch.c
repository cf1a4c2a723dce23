/* shell_watch: the console's watch, unwatch and ack: any number of requests followed at a time. */
#include <councilws/units.h>
#include <stdlib.h>
#include <string.h>

#include "cli/ending.h"
#include "cli/exit_code.h"
#include "cli/out.h"
#include "cli/render.h"
#include "cli/shell.h"
#include "cli/talk.h"
#include "cli/type_list.h"

struct shell_watch {
  struct shell_watch *next;
  struct shell *shell;
  char *request_id, *types;
  struct cws_follow *follow;
  bool acks_itself;
  bool is_begun; /* its command is: the stored events are not through yet */
  bool is_ending;
  int64_t seen;
  int attempts;
};

static struct shell_watch *find(struct shell *s, const char *request_id) {
  struct shell_watch *w = s->watches;
  while (w != NULL && (w->is_ending || strcmp(w->request_id, request_id) != 0))
    w = w->next;
  return w;
}

static void command_ended(struct shell_watch *w, int code) {
  if (w->is_begun)
    shell_end(w->shell, code);
  w->is_begun = false;
}

static void stop(struct shell_watch *w) {
  w->is_ending = true;
  cws_follow_end(w->follow);
}

static void show(const struct shell_watch *w, const struct cws_event *event) {
  if (!type_list_has(w->types, event->type))
    return;
  shell_above(w->shell);
  if (w->shell->is_json)
    render_json(w->request_id, event);
  else
    render_text(w->request_id, event);
  shell_flush(w->shell);
}

static void on_event(struct cws_follow *f, const struct cws_event *event, void *user) {
  struct shell_watch *w = user;
  struct ending ending;
  int code;
  show(w, event);
  names_add(&w->shell->types, event->type);
  w->seen = event->message_id;
  if (w->acks_itself)
    cws_follow_ack(f, w->seen);
  static const char *const NO_TYPES[] = {NULL};
  ending_init(&ending, NO_TYPES, NULL);
  if (w->acks_itself && ending_reached(&ending, event, &code)) {
    talk("%s: has ended (%s)", w->request_id, code == 0 ? "completed" : "failed");
    stop(w);
  }
}

static void on_gap(struct cws_follow *f, int64_t from, int64_t to, const char *reason, void *user) {
  (void)f;
  const struct shell_watch *w = user;
  if (to >= from)
    talk("%s: events %lld to %lld are gone (%s)", w->request_id, (long long)from, (long long)to,
         reason);
  else
    talk("%s: events from %lld on may be gone (%s)", w->request_id, (long long)from, reason);
}

static void on_caught_up(struct cws_follow *f, int64_t last_message_id, void *user) {
  (void)f;
  (void)last_message_id;
  command_ended(user, 0);
}

static void on_state(struct cws_follow *f, enum cws_follow_state state, const struct cws_error *why,
                     int64_t wait_ms, void *user) {
  (void)f;
  struct shell_watch *w = user;
  if (state == CWS_FOLLOW_WAITING) {
    if (!runner_lost(&w->shell->runner, &w->attempts, w->request_id, why, wait_ms)) {
      command_ended(w, shell_report(w->shell, w->request_id, why));
      stop(w);
    }
  } else if (state != CWS_FOLLOW_CONNECTING) {
    if (w->attempts > 0)
      talk("%s: connected again", w->request_id);
    w->shell->runner.was_reached = true;
    w->attempts = 0;
  }
}

static void on_end(struct cws_follow *f, const struct cws_error *why, void *user) {
  (void)f;
  struct shell_watch *w = user;
  struct shell_watch **at = &w->shell->watches;
  while (*at != w)
    at = &(*at)->next;
  *at = w->next;
  command_ended(w, why != NULL ? shell_report(w->shell, w->request_id, why) : 0);
  free(w->request_id);
  free(w->types);
  free(w);
}

static const struct cws_follow_handlers HANDLERS = {
    .size = sizeof HANDLERS,
    .on_event = on_event,
    .on_state = on_state,
    .on_gap = on_gap,
    .on_caught_up = on_caught_up,
    .on_end = on_end,
};

static struct shell_watch *watch_new(struct shell *s, const char *request_id,
                                     const struct options *o) {
  struct shell_watch *w = calloc(1, sizeof *w);
  const char *types = options_string(o, "type");
  if (w == NULL)
    return NULL;
  w->shell = s;
  w->acks_itself = !options_flag(o, "no-ack");
  w->request_id = strdup(request_id);
  w->types = types != NULL ? strdup(types) : NULL;
  if (w->request_id != NULL && (types == NULL || w->types != NULL))
    return w;
  free(w->request_id);
  free(w);
  return NULL;
}

static int watch_one(struct shell *s, const char *request_id, const struct options *o) {
  if (find(s, request_id) != NULL) {
    talk_error("%s: is watched already", request_id);
    return EXIT_USAGE;
  }
  struct shell_watch *w = watch_new(s, request_id, o);
  if (w == NULL)
    return EXIT_OS;
  const char *from = options_string(o, "from");
  struct cws_follow_options f;
  cws_follow_options_init(&f);
  f.request_id = w->request_id;
  f.from = from == NULL                 ? CWS_FROM_ACKED
           : strcmp(from, "start") == 0 ? CWS_FROM_START
                                        : CWS_FROM_NEW;
  f.after = options_int(o, "after", -1);
  f.manual_ack = true;
  struct cws_error err = {0};
  if (cws_follow_start(s->runner.client, &f, &HANDLERS, w, &w->follow, &err) != 0) {
    int code = shell_report(s, request_id, &err);
    free(w->request_id);
    free(w->types);
    free(w);
    return code;
  }
  w->next = s->watches;
  s->watches = w;
  w->is_begun = true;
  shell_begin(s);
  names_add(&s->requests, request_id);
  return 0;
}

int shell_watch(struct shell *s, const struct options *o) {
  int code = 0;
  for (size_t i = 0; code == 0 && i < options_argc(o); i++)
    code = watch_one(s, options_arg(o, i), o);
  return code;
}

static struct shell_watch *find_or_say(struct shell *s, const char *request_id) {
  struct shell_watch *w = find(s, request_id);
  if (w == NULL)
    talk_error("%s: is not watched", request_id);
  return w;
}

int shell_unwatch(struct shell *s, const struct options *o) {
  for (size_t i = 0; i < options_argc(o); i++) {
    struct shell_watch *w = find_or_say(s, options_arg(o, i));
    if (w == NULL)
      return EXIT_USAGE;
    stop(w);
  }
  return 0;
}

int shell_ack(struct shell *s, const struct options *o) {
  struct shell_watch *w = find_or_say(s, options_arg(o, 0));
  if (w == NULL)
    return EXIT_USAGE;
  int64_t id = w->seen;
  struct cws_error err = {0};
  const char *given = options_arg(o, 1);
  if (given != NULL && cws_int_parse(given, 1, INT64_MAX, &id, &err) != 0) {
    talk_error("%s", err.message);
    return EXIT_USAGE;
  }
  if (cws_follow_ack(w->follow, id) == 0)
    return 0;
  talk_error("%s: %lld has not been delivered", w->request_id, (long long)id);
  return EXIT_DATA;
}

void shell_unwatch_all(struct shell *s) {
  for (struct shell_watch *w = s->watches, *next; w != NULL; w = next) {
    next = w->next;
    if (!w->is_ending)
      stop(w);
  }
}

const struct option_spec SHELL_WATCH_OPTIONS[] = {
    {"from", 0, OPTION_CHOICE, "WHERE", NULL, "start|new", false,
     "begin at the first event, or with what comes from now on; else after the last acknowledged "
     "one"},
    {"after", 0, OPTION_INT, "N", NULL, NULL, false, "begin after message_id N"},
    {"type", 0, OPTION_STRING, "TYPE,...", NULL, NULL, false, "show only events of these types"},
    {"no-ack", 0, OPTION_FLAG, NULL, NULL, NULL, false,
     "acknowledge nothing but with ack, and go on behind the request's end"},
    {0},
};
