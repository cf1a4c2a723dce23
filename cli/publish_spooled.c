/*
 * publish_spooled: see publish_spooled.h. The file in the spool stays until the command is done:
 * its whole input was read and all of it was answered.
 */
#include "cli/publish_spooled.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/event_args.h"
#include "cli/exit_code.h"
#include "cli/line_source.h"
#include "cli/out.h"
#include "cli/sender.h"
#include "cli/talk.h"

struct spooled {
  struct runner runner;
  struct sender sender;
  struct spool *spool;
  struct line_source *source; /* --file */
  const char *request_id;
  bool is_json;
  unsigned long long skipped; /* events that an earlier run had taken in */
  int input_code;             /* not 0: the input was not taken in whole */
  int refused_code;           /* not 0: the hub refused an event */
};

/* ---- what comes back ---- */

static void on_published(int64_t message_id, bool duplicate, void *user) {
  struct spooled *p = user;
  if (p->is_json)
    out_printf("{\"request_id\":\"%s\",\"message_id\":%lld,\"duplicate\":%s}\n", p->request_id,
               (long long)message_id, duplicate ? "true" : "false");
  else
    out_printf("%lld\n", (long long)message_id);
  int failed = out_flush();
  if (failed != 0)
    runner_finish(&p->runner, failed);
}

static void on_refused(uint64_t number, const struct cws_error *why, void *user) {
  struct spooled *p = user;
  talk_error("event %llu: %s", (unsigned long long)number, why->message);
  p->refused_code = exit_code_of(why->code);
}

static void end_input(struct spooled *p, int code) {
  if (p->input_code == 0)
    p->input_code = code;
  line_source_close(p->source);
  p->source = NULL;
  sender_end(&p->sender);
}

static void on_unkept(int failed, void *user) {
  struct spooled *p = user;
  talk_error("cannot keep events in '%s': %s", spool_path(p->spool), strerror(failed));
  end_input(p, EXIT_IO);
}

static void on_end(const struct cws_error *why, void *user) {
  struct spooled *p = user;
  if (why == NULL) {
    runner_finish(&p->runner, p->input_code != 0 ? p->input_code : p->refused_code);
    return;
  }
  int code = runner_report(&p->runner, p->request_id, why);
  runner_finish(&p->runner, cws_error_is_temporary(why->code) ? EXIT_TRYAGAIN : code);
}

static const struct sender_handlers HANDLERS = {
    .on_published = on_published,
    .on_refused = on_refused,
    .on_unkept = on_unkept,
    .on_end = on_end,
};

/* ---- input ---- */

static bool on_line(const char *line, size_t len, unsigned long number, void *user) {
  struct spooled *p = user;
  if (strspn(line, " \t") >= len)
    return true;
  struct cws_event_owned *event = NULL;
  struct cws_error err = {0};
  if (cws_event_parse(line, len, SPOOL_EVENT_MAX, &event, &err) != 0) {
    talk_error("line %lu: %s; the lines before it are published or kept", number, err.message);
    end_input(p, exit_code_of(err.code));
    return false;
  }
  int failed = 0;
  if (spool_has_next(p->spool, cws_event_view(event)))
    p->skipped++;
  else
    failed = spool_add(p->spool, cws_event_view(event));
  cws_event_free(event);
  if (failed != 0)
    on_unkept(failed, p);
  return failed == 0;
}

static void on_source_end(int failed, void *user) {
  struct spooled *p = user;
  if (failed != 0)
    talk_error("cannot read on: %s", strerror(failed));
  end_input(p, failed != 0 ? EXIT_IO : 0);
}

static const struct line_source_handlers SOURCE = {.on_line = on_line, .on_end = on_source_end};

/* Checked here, since nobody is to find a bad event in the spool. */
static int add_checked(struct spooled *p, const struct cws_event *given) {
  size_t len;
  char *text = cws_event_format(given, true, &len);
  if (text == NULL)
    return EXIT_OS;
  struct cws_event_owned *event = NULL;
  struct cws_error err = {0};
  int code = 0, failed = 0;
  if (cws_event_parse(text, len, SPOOL_EVENT_MAX, &event, &err) != 0) {
    talk_error("%s", err.message);
    code = exit_code_of(err.code);
  } else if (spool_has(p->spool, cws_event_view(event))) {
    p->skipped++;
  } else {
    failed = spool_add(p->spool, cws_event_view(event));
  }
  cws_event_free(event);
  free(text);
  return failed != 0 ? EXIT_OS : code;
}

static int start_one(struct spooled *p, const struct options *o) {
  char *data = NULL;
  struct cws_event event;
  int code = event_args_event(o, &event, &data);
  if (code != 0)
    return code;
  code = add_checked(p, &event);
  free(data);
  if (code == 0)
    sender_end(&p->sender);
  return code;
}

static int start_input(struct spooled *p, const struct options *o) {
  const char *path = options_string(o, "file");
  if (path != NULL)
    return line_source_start(p->runner.loop, path, &SOURCE, p, &p->source);
  if (options_argc(o) > 1)
    return start_one(p, o);
  sender_end(&p->sender); /* nothing new, only what is kept */
  return 0;
}

/* ---- one file of the spool ---- */

static int run_sender(struct spooled *p, const struct options *o) {
  p->sender = (struct sender){.runner = &p->runner,
                              .spool = p->spool,
                              .request_id = p->request_id,
                              .patience_ms = options_duration(o, "linger", RUNNER_PATIENCE_MS),
                              .handlers = &HANDLERS,
                              .user = p};
  int code = sender_start(&p->sender, options_string(o, "owner"));
  if (code != 0)
    return code;
  code = start_input(p, o);
  if (code == 0)
    code = runner_run_to_finish(&p->runner);
  line_source_close(p->source);
  sender_finish(&p->sender);
  return code;
}

static void close_spool(struct spooled *p, int code) {
  if (p->skipped > 0)
    talk("%llu events of the input had been taken in before", p->skipped);
  int failed = 0;
  if (spool_sync(p->spool) != 0)
    talk_error("cannot write to '%s'", spool_path(p->spool));
  bool is_empty = spool_count_pending(p->spool) == 0 && spool_count_answered(p->spool) == 0;
  bool is_done = spool_count_pending(p->spool) == 0 && p->input_code == 0 &&
                 (code == 0 || code == p->refused_code);
  if (is_done || is_empty)
    failed = spool_remove(p->spool);
  else {
    if (spool_count_pending(p->spool) > 0)
      sender_tell_kept(&p->sender);
    else
      talk("'%s' keeps what was taken in: the same command goes on behind it",
           spool_path(p->spool));
    spool_close(p->spool);
  }
  if (failed != 0)
    talk_error("cannot remove the spool's file: %s", strerror(failed));
}

static int one_slot(const struct options *o, int slot) {
  struct spooled p = {.request_id = options_arg(o, 0),
                      .is_json = strcmp(options_string(o, "output"), "json") == 0};
  int code = spool_open(options_string(o, "spool"), p.request_id, slot, &p.spool);
  if (code == EXIT_TRYAGAIN)
    talk_error("'%s': another process works on the events of '%s'", options_string(o, "spool"),
               p.request_id);
  if (code != 0)
    return code;
  code = runner_open(&p.runner, o, options_duration(o, "timeout", 0));
  if (code == 0) {
    code = run_sender(&p, o);
    close_spool(&p, code);
    runner_close(&p.runner);
  } else {
    spool_close(p.spool);
  }
  return code;
}

int publish_spooled(const struct options *o) {
  const char *dir = options_string(o, "spool"), *request_id = options_arg(o, 0);
  struct cws_error err = {0};
  if (cws_request_id_check(request_id, strlen(request_id), &err) != 0) {
    talk_error("%s", err.message);
    return exit_code_of(err.code);
  }
  if (options_argc(o) > 1 || options_string(o, "file") != NULL)
    return one_slot(o, 1);
  int code = 0, found = 0;
  for (int slot = 1; slot <= SPOOL_SLOTS; slot++) {
    if (!spool_exists(dir, request_id, slot))
      continue;
    found++;
    int one = one_slot(o, slot);
    code = code != 0 ? code : one;
  }
  if (found == 0)
    talk("'%s' keeps nothing of '%s'", dir, request_id);
  return code;
}
