/* replay: stored events again, from a hub or a file, at once or at their own pace, to stdout or
 * into another request. */
#include <councilws/client.h>
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/line_source.h"
#include "cli/out.h"
#include "cli/player.h"
#include "cli/render.h"
#include "cli/runner.h"
#include "cli/talk.h"
#include "cli/tty.h"
#include "cli/type_list.h"

struct replay {
  struct runner runner;
  struct player *player;
  const char *request_id; /* NULL with --file */
  const char *types;
  bool is_json;
  int64_t next, last; /* the window to be read next begins after `next` */
  bool is_reading, is_full;
  struct line_source *source;
  struct cws_publisher *publisher; /* --into */
  struct tty *tty;                 /* keys, with --speed on a terminal; or NULL */
  int attempts;
  int64_t after, to, number; /* number: of the event in a file without message_ids */
};

/* ---- out ---- */

static bool print(struct replay *r, const struct cws_event *event) {
  struct cws_event shown = *event;
  if (shown.timestamp == NULL)
    shown.timestamp = "";
  if (shown.message_id == 0 && !r->is_json)
    shown.message_id = r->number;
  if (r->is_json)
    render_json(NULL, event);
  else
    render_text(NULL, &shown);
  int failed = out_flush();
  if (failed != 0)
    runner_finish(&r->runner, failed);
  return failed == 0;
}

static bool publish(struct replay *r, const struct cws_event *event) {
  struct cws_event anew = *event;
  anew.event_id = NULL;
  struct cws_error err = {0};
  int64_t seq;
  int rc = cws_publisher_send(r->publisher, &anew, &seq, &err);
  if (rc == CWS_EBUSY)
    return false;
  if (rc != 0)
    runner_finish(&r->runner, runner_report(&r->runner, NULL, &err));
  return rc == 0;
}

static bool on_play(const struct cws_event *event, void *user) {
  struct replay *r = user;
  if (r->runner.exit_code >= 0)
    return false;
  if (r->publisher != NULL && !publish(r, event))
    return false;
  if (r->publisher == NULL) {
    r->number++;
    return print(r, event);
  }
  return true;
}

static void on_played(void *user) {
  struct replay *r = user;
  player_close(r->player);
  r->player = NULL;
  if (r->publisher != NULL)
    cws_publisher_end(r->publisher); /* its on_end finishes */
  else
    runner_finish(&r->runner, 0);
}

/* ---- in, from a hub: windows of message_ids, so that memory stays bounded ---- */

static void on_stored(const struct cws_event *event, void *user) {
  struct replay *r = user;
  size_t len;
  char *text = cws_event_format(event, false, &len);
  struct cws_event_owned *copy = NULL;
  if (text != NULL && cws_event_parse_stored(text, len, &copy, NULL) == 0)
    player_add(r->player, copy);
  else
    runner_finish(&r->runner, EXIT_OS);
  free(text);
}

static void on_window(const struct cws_error *why, const char *json, size_t len, void *user) {
  (void)json;
  (void)len;
  struct replay *r = user;
  r->is_reading = false;
  if (why != NULL) {
    if (why->code != CWS_ECANCELED)
      runner_finish(&r->runner, runner_report(&r->runner, r->request_id, why));
    return;
  }
  player_go(r->player);
}

static void read_window(struct replay *r) {
  if (r->is_reading)
    return;
  if (r->next >= r->last) {
    player_no_more(r->player);
    player_go(r->player);
    return;
  }
  struct cws_read_options o;
  cws_read_options_init(&o);
  o.request_id = r->request_id;
  o.after = r->next;
  o.to = r->last - r->next > PLAYER_QUEUE ? r->next + PLAYER_QUEUE : r->last;
  o.types = r->types;
  r->next = o.to;
  struct cws_call *call;
  struct cws_error err = {0};
  r->is_reading = cws_read(r->runner.client, &o, on_stored, on_window, r, &call, &err) == 0;
  if (!r->is_reading)
    runner_finish(&r->runner, runner_report(&r->runner, r->request_id, &err));
}

static void on_request(const struct cws_error *why, const char *json, size_t len, void *user) {
  struct replay *r = user;
  if (why != NULL) {
    if (why->code != CWS_ECANCELED)
      runner_finish(&r->runner, runner_report(&r->runner, r->request_id, why));
    return;
  }
  json_t *answer = json_loadb(json, len, 0, NULL);
  int64_t first = json_integer_value(json_object_get(answer, "first_message_id"));
  r->last = json_integer_value(json_object_get(answer, "last_message_id"));
  json_decref(answer);
  r->next = r->after > first - 1 ? r->after : first - 1;
  if (r->to > 0 && r->to < r->last)
    r->last = r->to;
  player_go(r->player);
}

/* ---- in, from a file ---- */

static bool is_wanted(struct replay *r, const struct cws_event *event, int64_t number) {
  int64_t id = event->message_id > 0 ? event->message_id : number;
  return id > r->after && (r->to == 0 || id <= r->to) && type_list_has(r->types, event->type);
}

static bool on_line(const char *line, size_t len, unsigned long number, void *user) {
  struct replay *r = user;
  if (len == 0)
    return true;
  struct cws_error err = {0};
  struct cws_event_owned *event = NULL;
  /* As a hub writes it, or else as a publisher does. */
  if (cws_event_parse_stored(line, len, &event, NULL) != 0 &&
      cws_event_parse(line, len, SIZE_MAX, &event, &err) != 0) {
    talk_error("line %lu: %s", number, err.message);
    runner_finish(&r->runner, EXIT_DATA);
    return false;
  }
  if (!is_wanted(r, cws_event_view(event), (int64_t)number)) {
    cws_event_free(event);
    return true;
  }
  bool has_room = player_add(r->player, event);
  if (!has_room)
    player_go(r->player);
  return has_room;
}

static void on_file_end(int failed, void *user) {
  struct replay *r = user;
  if (failed != 0) {
    talk_error("cannot read on: %s", strerror(failed));
    runner_finish(&r->runner, EXIT_IO);
    return;
  }
  line_source_close(r->source);
  r->source = NULL;
  player_no_more(r->player);
  player_go(r->player);
}

static const struct line_source_handlers FILE_SOURCE = {.on_line = on_line, .on_end = on_file_end};

static void on_hungry(void *user) {
  struct replay *r = user;
  if (r->request_id != NULL)
    read_window(r);
  else if (r->source != NULL)
    line_source_resume(r->source);
}

static const struct player_handlers PLAYER = {
    .on_event = on_play, .on_hungry = on_hungry, .on_end = on_played};

/* ---- into another request ---- */

static void on_published(struct cws_publisher *p, int64_t seq, int64_t message_id, bool duplicate,
                         void *user) {
  (void)p;
  (void)seq;
  (void)duplicate;
  struct replay *r = user;
  r->runner.was_reached = true;
  out_printf("%lld\n", (long long)message_id);
  int failed = out_flush();
  if (failed != 0)
    runner_finish(&r->runner, failed);
}

static void on_refused(struct cws_publisher *p, int64_t seq, const struct cws_error *why,
                       void *user) {
  (void)p;
  struct replay *r = user;
  talk_error("event %lld: %s", (long long)seq, why->message);
  runner_finish(&r->runner, exit_code_of(why->code));
}

static void on_ready(struct cws_publisher *p, void *user) {
  (void)p;
  struct replay *r = user;
  if (r->player != NULL)
    player_go(r->player);
}

static void on_state(struct cws_publisher *p, const struct cws_error *why, int64_t wait_ms,
                     void *user) {
  (void)p;
  struct replay *r = user;
  if (why == NULL)
    r->attempts = 0;
  else if (!runner_lost(&r->runner, &r->attempts, "replay", why, wait_ms))
    runner_finish(&r->runner, runner_report(&r->runner, NULL, why));
}

static void on_end(struct cws_publisher *p, const struct cws_error *why, void *user) {
  (void)p;
  struct replay *r = user;
  r->publisher = NULL;
  if (why == NULL)
    runner_finish(&r->runner, 0);
  else if (why->code != CWS_ECANCELED)
    runner_finish(&r->runner, runner_report(&r->runner, NULL, why));
}

static const struct cws_publisher_handlers PUBLISHER = {
    .size = sizeof PUBLISHER,
    .on_published = on_published,
    .on_refused = on_refused,
    .on_ready = on_ready,
    .on_state = on_state,
    .on_end = on_end,
};

/* ---- keys ---- */

static void on_key(int key, void *user) {
  struct replay *r = user;
  if (r->player == NULL)
    return;
  if (key == 'q' || key == 'Q') {
    runner_finish(&r->runner, EXIT_SIGNAL(SIGINT));
  } else if (key == ' ') {
    bool is_paused = !player_is_paused(r->player);
    talk("%s", is_paused ? "paused; space goes on, right arrow steps, q quits" : "goes on");
    player_pause(r->player, is_paused);
  } else if (key == TTY_RIGHT) {
    player_pause(r->player, true);
    player_step(r->player);
  }
}

static const struct tty_handlers TTY = {.on_key = on_key};

/* Only where there is time to press one, and stdin is not what is replayed. */
static void open_keys(struct replay *r, const struct options *o, double speed) {
  const char *file = options_string(o, "file");
  bool is_input = file != NULL && strcmp(file, "-") == 0;
  if (speed > 0 && !is_input && tty_has_keys())
    r->tty = tty_open(r->runner.loop, &TTY, r);
}

/* ---- the command ---- */

static int start(struct replay *r, const struct options *o) {
  struct cws_error err = {0};
  const char *into = options_string(o, "into");
  if (into != NULL) {
    struct cws_publisher_options p;
    cws_publisher_options_init(&p);
    p.request_id = into;
    if (cws_publisher_start(r->runner.client, &p, &PUBLISHER, r, &r->publisher, &err) != 0)
      return runner_report(&r->runner, NULL, &err);
  }
  if (r->request_id != NULL) {
    struct cws_call *call;
    return cws_status(r->runner.client, r->request_id, on_request, r, &call, &err) == 0
               ? 0
               : runner_report(&r->runner, r->request_id, &err);
  }
  const char *path = options_string(o, "file");
  return line_source_start(r->runner.loop, path, &FILE_SOURCE, r, &r->source);
}

static bool read_speed(const struct options *o, double *speed) {
  const char *text = options_string(o, "speed");
  *speed = 0;
  if (text == NULL)
    return true;
  char *end;
  *speed = strtod(text, &end);
  if (end != text && *end == '\0' && *speed > 0 && *speed <= 1e6)
    return true;
  talk_error("--speed: '%s' is not a number above 0", text);
  return false;
}

static int run_replay(const struct options *o) {
  struct replay r = {.request_id = options_arg(o, 0),
                     .types = options_string(o, "type"),
                     .is_json = strcmp(options_string(o, "output"), "json") == 0,
                     .after = options_int(o, "after", 0),
                     .to = options_int(o, "to", 0)};
  double speed;
  if ((r.request_id != NULL) == (options_string(o, "file") != NULL)) {
    talk_error("give either a REQUEST or --file; see 'councilws replay --help'");
    return EXIT_USAGE;
  }
  if (!read_speed(o, &speed))
    return EXIT_USAGE;
  int code = runner_open(&r.runner, o, 0);
  if (code != 0)
    return code;
  r.player = player_new(r.runner.loop, speed, options_duration(o, "max-gap", 0), &PLAYER, &r);
  code = r.player != NULL ? start(&r, o) : EXIT_OS;
  if (code == 0)
    open_keys(&r, o, speed);
  if (code == 0)
    code = runner_run_to_finish(&r.runner);
  tty_close(r.tty);
  line_source_close(r.source);
  player_close(r.player);
  runner_close(&r.runner);
  return code;
}

static const struct option_spec OPTIONS[] = {
    {"file", 'f', OPTION_STRING, "FILE", NULL, NULL, false,
     "replay NDJSON from FILE instead (- for standard input)"},
    {"after", 0, OPTION_INT, "N", NULL, NULL, false, "begin after message_id N"},
    {"to", 0, OPTION_INT, "N", NULL, NULL, false, "end with message_id N"},
    {"type", 0, OPTION_STRING, "TYPE,...", NULL, NULL, false, "only events of these types"},
    {"speed", 0, OPTION_STRING, "X", NULL, NULL, false,
     "1 as it happened, 4 four times faster [at once]"},
    {"max-gap", 0, OPTION_DURATION, "D", NULL, NULL, false, "the longest pause between two events"},
    {"into", 0, OPTION_STRING, "REQUEST", NULL, NULL, false,
     "publish the events anew into this request, and print their message_ids"},
    {"output", 'o', OPTION_CHOICE, "FORMAT", "auto", "auto|text|tree|json", true,
     "plain lines, or the events as the hub holds them, one a line"},
    {0},
};

const struct command COMMAND_REPLAY = {
    .name = "replay",
    .usage = "REQUEST\n--file FILE",
    .summary = "shows or publishes stored events again, at once or at their own pace",
    .details = "With --speed on a terminal the space bar pauses and goes on, the right arrow steps "
               "one event further and stays there, q quits (130).",
    .options = OPTIONS,
    .is_client = true,
    .max_args = 1,
    .run = run_replay,
};
