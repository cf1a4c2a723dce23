/* publish: one event from the command line, or NDJSON from a file or a pipe as it comes. */
#include <councilws/client.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/event_args.h"
#include "cli/exit_code.h"
#include "cli/line_source.h"
#include "cli/out.h"
#include "cli/publish_spooled.h"
#include "cli/runner.h"
#include "cli/talk.h"

#define LINE_MAX_BYTES (64 * 1024 * 1024) /* of one event; the hub's own limit is far below */

struct publish {
  struct runner runner;
  const char *request_id;
  bool is_json;
  struct cws_publisher *publisher;
  struct line_source *source;      /* --file */
  struct cws_event_owned *waiting; /* the line that found the publisher full */
  unsigned long waiting_line;
  unsigned long *lines; /* line number of event seq, at [seq % lines_cap] */
  size_t lines_cap;
  int64_t published;
  int attempts;
};

/* ---- what the hub answers ---- */

static void on_published(struct cws_publisher *p, int64_t seq, int64_t message_id, bool duplicate,
                         void *user) {
  (void)p;
  (void)seq;
  struct publish *pub = user;
  pub->published++;
  pub->runner.was_reached = true;
  pub->attempts = 0;
  if (pub->is_json)
    out_printf("{\"request_id\":\"%s\",\"message_id\":%lld,\"duplicate\":%s}\n", pub->request_id,
               (long long)message_id, duplicate ? "true" : "false");
  else
    out_printf("%lld\n", (long long)message_id);
  int failed = out_flush();
  if (failed != 0)
    runner_finish(&pub->runner, failed);
}

static void on_refused(struct cws_publisher *p, int64_t seq, const struct cws_error *why,
                       void *user) {
  (void)p;
  struct publish *pub = user;
  char line[32] = "";
  if (pub->source != NULL)
    snprintf(line, sizeof line, "line %lu: ", pub->lines[(size_t)seq % pub->lines_cap]);
  talk_error("%s%s", line, why->message);
  runner_finish(&pub->runner, exit_code_of(why->code));
}

static void on_state(struct cws_publisher *p, const struct cws_error *why, int64_t wait_ms,
                     void *user) {
  (void)p;
  struct publish *pub = user;
  if (why == NULL) {
    if (pub->attempts > 0)
      talk("%s: connected again", pub->request_id);
    pub->attempts = 0;
  } else if (!runner_lost(&pub->runner, &pub->attempts, pub->request_id, why, wait_ms)) {
    runner_finish(&pub->runner, runner_report(&pub->runner, NULL, why));
  }
}

static void close_source(struct publish *pub) {
  line_source_close(pub->source);
  pub->source = NULL;
}

static void on_end(struct cws_publisher *p, const struct cws_error *why, void *user) {
  (void)p;
  struct publish *pub = user;
  pub->publisher = NULL;
  close_source(pub);
  if (why != NULL && why->code != CWS_ECANCELED)
    runner_finish(&pub->runner, runner_report(&pub->runner, NULL, why));
}

/* ---- lines ---- */

/* What came before the bad line is still published; then the command ends with 65. */
static void refuse_line(struct publish *pub, unsigned long number, const struct cws_error *why) {
  talk_error("line %lu: %s; the lines before it are published", number, why->message);
  pub->runner.exit_code = exit_code_of(why->code);
  close_source(pub);
  cws_publisher_end(pub->publisher);
}

/* False where the publisher is full and the event waits. */
static bool send_line(struct publish *pub, unsigned long number) {
  struct cws_error err = {0};
  int64_t seq = 0;
  int rc = cws_publisher_send(pub->publisher, cws_event_view(pub->waiting), &seq, &err);
  if (rc == CWS_EBUSY)
    return false;
  if (rc == 0)
    pub->lines[(size_t)seq % pub->lines_cap] = number;
  cws_event_free(pub->waiting);
  pub->waiting = NULL;
  if (rc != 0)
    refuse_line(pub, number, &err);
  return true;
}

static bool is_blank(const char *line, size_t len) {
  return strspn(line, " \t") >= len;
}

static bool on_line(const char *line, size_t len, unsigned long number, void *user) {
  struct publish *pub = user;
  if (len == 0 || is_blank(line, len))
    return true;
  struct cws_error err = {0};
  if (cws_event_parse(line, len, LINE_MAX_BYTES, &pub->waiting, &err) != 0) {
    refuse_line(pub, number, &err);
    return false;
  }
  pub->waiting_line = number;
  return send_line(pub, number);
}

static void on_ready(struct cws_publisher *p, void *user) {
  (void)p;
  struct publish *pub = user;
  if (pub->waiting != NULL && !send_line(pub, pub->waiting_line))
    return;
  if (pub->source != NULL)
    line_source_resume(pub->source);
}

static void on_source_end(int failed, void *user) {
  struct publish *pub = user;
  if (failed != 0) {
    talk_error("cannot read on: %s", strerror(failed));
    pub->runner.exit_code = EXIT_IO;
  }
  cws_publisher_end(pub->publisher);
}

static const struct line_source_handlers SOURCE = {.on_line = on_line, .on_end = on_source_end};

/* ---- one event ---- */

static int start_one(struct publish *pub, const struct options *o) {
  char *data = NULL;
  struct cws_event event;
  int code = event_args_event(o, &event, &data);
  if (code != 0)
    return code;
  struct cws_error err = {0};
  int64_t seq;
  if (cws_publisher_send(pub->publisher, &event, &seq, &err) != 0) {
    talk_error("%s", err.message);
    code = exit_code_of(err.code);
  } else {
    cws_publisher_end(pub->publisher);
  }
  free(data);
  return code;
}

/* ---- the command ---- */

static const struct cws_publisher_handlers HANDLERS = {
    .size = sizeof HANDLERS,
    .on_published = on_published,
    .on_refused = on_refused,
    .on_ready = on_ready,
    .on_state = on_state,
    .on_end = on_end,
};

static int start(struct publish *pub, const struct options *o) {
  struct cws_publisher_options p;
  cws_publisher_options_init(&p);
  p.request_id = pub->request_id;
  p.owner = options_string(o, "owner");
  pub->lines_cap = (size_t)p.max_in_flight + 1;
  pub->lines = calloc(pub->lines_cap, sizeof *pub->lines);
  if (pub->lines == NULL)
    return EXIT_OS;
  struct cws_error err = {0};
  if (cws_publisher_start(pub->runner.client, &p, &HANDLERS, pub, &pub->publisher, &err) != 0)
    return runner_report(&pub->runner, NULL, &err);
  const char *path = options_string(o, "file");
  return path != NULL ? line_source_start(pub->runner.loop, path, &SOURCE, pub, &pub->source)
                      : start_one(pub, o);
}

static int check_arguments(const struct options *o) {
  bool has_file = options_string(o, "file") != NULL;
  if (has_file && options_argc(o) > 1) {
    talk_error("with --file the events' types come from the file; unexpected argument '%s'",
               options_arg(o, 1));
    return EXIT_USAGE;
  }
  static const char *const OF_ONE[] = {"data", "timestamp", "event-id"};
  for (size_t i = 0; has_file && i < sizeof OF_ONE / sizeof OF_ONE[0]; i++) {
    if (options_is_given(o, OF_ONE[i])) {
      talk_error("--%s is for one event; with --file each line has its own", OF_ONE[i]);
      return EXIT_USAGE;
    }
  }
  bool only_sends = options_string(o, "spool") != NULL && options_argc(o) == 1;
  if (!has_file && options_argc(o) < 2 && !only_sends) {
    talk_error("give the event's TYPE, or --file; see 'councilws publish --help'");
    return EXIT_USAGE;
  }
  return 0;
}

static int run_publish(const struct options *o) {
  struct publish pub = {.request_id = options_arg(o, 0),
                        .is_json = strcmp(options_string(o, "output"), "json") == 0};
  int code = check_arguments(o);
  if (code == 0 && options_string(o, "spool") != NULL)
    return publish_spooled(o);
  if (code == 0)
    code = runner_open(&pub.runner, o, options_duration(o, "timeout", 0));
  if (code != 0)
    return code;
  code = start(&pub, o);
  if (code == 0)
    code = runner_run(&pub.runner);
  if (code != 0 && options_string(o, "file") != NULL)
    talk("%lld events were published", (long long)pub.published);
  close_source(&pub);
  cws_event_free(pub.waiting);
  runner_close(&pub.runner);
  free(pub.lines);
  return code;
}

static const struct option_spec OPTIONS[] = {
    {"file", 'f', OPTION_STRING, "FILE", NULL, NULL, false,
     "publish NDJSON, an event a line, as it comes (- for standard input)"},
    {"data", 0, OPTION_STRING, "JSON", NULL, NULL, false,
     "the whole data: JSON, @FILE, or - for standard input"},
    {"timestamp", 0, OPTION_STRING, "TIME", NULL, NULL, false,
     "RFC 3339 in UTC, as 2026-11-23T08:00:00Z [the hub's clock]"},
    {"event-id", 0, OPTION_STRING, "ID", NULL, NULL, false,
     "an id of one's own: published again under it, an event is not stored twice"},
    {"owner", 0, OPTION_STRING, "SUB", NULL, NULL, false,
     "who may watch the request with a plain login token, if this is its first event"},
    {"spool", 0, OPTION_STRING, "DIR", NULL, NULL, true,
     "keep in DIR what is not yet acknowledged; the same command run again sends the rest, once"},
    {"linger", 0, OPTION_DURATION, "D", "5s", NULL, true,
     "with --spool: how long to wait for a hub that is away once the input has ended"},
    {"timeout", 0, OPTION_DURATION, "D", NULL, NULL, false, "give up after this time (exit 124)"},
    {"output", 'o', OPTION_CHOICE, "FORMAT", "auto", "auto|text|tree|json", true,
     "the message_id alone, or an object, for each event"},
    {0},
};

const struct command COMMAND_PUBLISH = {
    .name = "publish",
    .usage = "REQUEST TYPE [k=v | k:=JSON ...]\nREQUEST --file FILE\nREQUEST --spool DIR",
    .summary = "publishes events and prints their message_ids once they are durable",
    .details = "k=v adds a string to the event's data, k:=JSON any JSON. Comes back by itself over "
               "lost connections without storing anything twice. A bad line ends it (exit 65) "
               "after what was before it is published. With --spool an event is on disk before it "
               "is sent. Where the hub cannot be reached the command ends with 75, and DIR has a "
               "file for the request as long as the command is unfinished. Run again with the same "
               "input, it skips what it had already read; without TYPE and --file it only sends "
               "what is kept.",
    .options = OPTIONS,
    .is_client = true,
    .min_args = 1,
    .max_args = -1,
    .run = run_publish,
};
