/*
 * sender: publishes what is in a spool, as it comes, and writes down in it what the hub has
 * answered. What the loop brings in one turn is made durable at once, before any of it is sent.
 */
#ifndef CLI_SENDER_H
#define CLI_SENDER_H

#include <uv.h>

#include "cli/runner.h"
#include "cli/spool.h"

struct sender;

struct sender_handlers {
  /* An event is durable in the hub. May be NULL. */
  void (*on_published)(int64_t message_id, bool duplicate, void *user);
  /* The hub will not have event `number` of the spool; it counts as answered. */
  void (*on_refused)(uint64_t number, const struct cws_error *why, void *user);
  /* What was added since the last turn cannot be kept (an errno value), and is lost. */
  void (*on_unkept)(int failed, void *user);
  /* Last call: why NULL, everything is answered after sender_end; else what is left stays in the
   * spool: the hub cannot be reached (after sender_end), or it refuses all of it. */
  void (*on_end)(const struct cws_error *why, void *user);
};

enum sender_state {
  SENDER_OPEN,   /* takes events; ends by sender_end, or where the hub refuses all */
  SENDER_ENDING, /* sends what is left; ends by the last answer, or after patience_ms without a hub
                  */
  SENDER_ENDED,  /* on_end was called */
};

struct sender {
  struct runner *runner;
  struct spool *spool;
  const char *request_id;
  struct cws_publisher *publisher; /* NULL before and after */
  struct cws_event_owned *waiting; /* that found the publisher full */
  uv_prepare_t turn;
  uv_timer_t patience;
  uint64_t base;       /* event seq of the publisher is event base + seq of the spool */
  int64_t patience_ms; /* without a hub, after the end of the input */
  uint64_t quiet_since_ms;
  struct cws_error lost; /* code 0 while there is a connection */
  enum sender_state state;
  const struct sender_handlers *handlers;
  void *user;
};

/* Starts; `s` must stay until sender_finish. 0 or an exit code, after saying why. */
int sender_start(struct sender *s, const char *owner);
/* No more will be added. */
void sender_end(struct sender *s);
/* Closes its handles; the loop has to turn once more. */
void sender_finish(struct sender *s);
/* Says how many events are kept and where; nothing where there are none. */
void sender_tell_kept(const struct sender *s);

#endif
