/*
 * fixture: a hub on the memory store with workers whose mail the test runs itself, and a clock that
 * stands still until it is moved. Whatever waits does so on a condition, with a deadline.
 */
#ifndef CWS_TEST_HUB_FIXTURE_H
#define CWS_TEST_HUB_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include "server/hub/hub.h"
#include <cmocka.h>
#include <pthread.h>

#define FIXTURE_WORKERS 2
#define FIXTURE_START_MS 1700000000000

struct inbox {
  struct mail *first, **end;
};

struct fixture {
  struct hub *hub;
  struct hub_options options;
  struct clock clock;
  atomic_int_fast64_t wall_ms, mono_ms;
  pthread_mutex_t lock; /* of the inboxes */
  pthread_cond_t arrived;
  struct inbox inboxes[FIXTURE_WORKERS];
};

/* Defaults; a test may change f->options before fixture_open. */
void fixture_init(struct fixture *f);
void fixture_open(struct fixture *f);
void fixture_close(struct fixture *f);
void fixture_advance(struct fixture *f, int64_t ms); /* both clocks */

/* Runs the mail that has arrived; returns how many. */
size_t fixture_pump(struct fixture *f, int worker);
/* Runs the oldest mail only, waiting for it. */
void fixture_pump_one(struct fixture *f, int worker);
size_t fixture_mail_count(struct fixture *f, int worker);
/* Runs mail as it arrives until *flag is set; fails the test when none comes for 20 s. */
void fixture_pump_until(struct fixture *f, int worker, const bool *flag);
void fixture_pump_all_until(struct fixture *f, const bool *flag); /* of all workers */
/* For a loop on a thread of its own: waits for mail and runs it. */
void fixture_run_worker(struct fixture *f, int worker, const atomic_bool *stop);
void fixture_post(struct fixture *f, int worker, struct mail *mail);
/* Waits until the store has nothing pending, then runs all mail of all workers. */
void fixture_settle(struct fixture *f);

/* Every stream without a reference of the test's leaves memory. */
void fixture_evict(struct fixture *f);

/* ---- calls with their answer waited for ---- */

struct opened {
  struct hub_open open;
  bool is_done;
  int code;
  struct stream *stream;
  int64_t acked;
};
void open_begin(struct fixture *f, int worker, const char *request_id, const char *subscriber,
                struct opened *o);
/* A reference for the test to let go of. */
struct stream *open_stream(struct fixture *f, int worker, const char *request_id);

#define PUBLISH_MAX 64
struct published {
  struct hub_publish publish;
  struct cws_event_owned *events[PUBLISH_MAX];
  json_t *data_json[PUBLISH_MAX];
  bool is_done;
  int order; /* when it was answered, among all */
};
/* Adds an event; event_id and timestamp may be NULL. */
void published_init(struct published *p);
void published_add(struct published *p, const char *type, const char *data, const char *event_id,
                   const char *timestamp);
void publish_begin(struct fixture *f, int worker, struct stream *s, struct published *p);
void publish_wait(struct fixture *f, int worker, struct stream *s, struct published *p);
/* One event, which must succeed; returns its id. */
int64_t publish_one(struct fixture *f, struct stream *s, const char *type, const char *data);
/* Events of type "log" with data {"n":1} … {"n":count}. */
void publish_many(struct fixture *f, struct stream *s, int count);

struct asked {
  struct hub_query query;
  bool is_done;
};
/* The caller has filled in a->query; asks on worker 0 and runs the mail of all workers. */
void ask(struct fixture *f, struct asked *a);
void asked_finish(struct asked *a);
json_t *asked_json(const struct asked *a); /* parsed; to be let go of */
int delete_request(struct fixture *f, const char *request_id);

#endif
