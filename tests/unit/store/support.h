/*
 * support: a store under test: its clock, its temporary directory, a listener that counts, and
 * calls that wait for what they started. Every wait has a deadline and fails the test.
 */
#ifndef TESTS_UNIT_STORE_SUPPORT_H
#define TESTS_UNIT_STORE_SUPPORT_H

/* cmocka needs these before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include "server/store/store.h"
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof(*(array)))

struct record { /* what the listener saw; the writer's thread writes, a test reads after its wait */
  atomic_int commits, stored, removes, trims, batches, positions, told, foreign, partings, renewals;
  int64_t renewed_from;
  char position_of[CWS_SUBSCRIBER_MAX + 1];
  int64_t position;
  enum store_remove_reason reason;
  char removed_epoch[CWS_EPOCH_MAX + 1];
  int64_t trimmed_to, left_count, left_bytes;
  char trimmed[CWS_REQUEST_ID_MAX + 1];
};

struct world {
  const char *kind; /* "memory", "sqlite", "shared": sqlite behind a log in memory, or "nats" */
  char dir[64];
  char uri[160];
  char prefix[16];        /* "nats": of its stream */
  const char *next_epoch; /* of a request that begins */
  _Atomic int64_t wall_ms;
  struct clock clock;
  struct record record;
  struct store_options options;
  struct fake_log *log; /* "shared": its own, or one that was set before world_open */
  bool owns_log;
  struct store *s;
};

extern const char *world_home;    /* where their directories are */
extern const char *world_servers; /* of all that are "nats": "//HOST:PORT,…" */

void world_init(struct world *w, const char *kind); /* not opened yet; options may be changed */
void world_open(struct world *w);
int world_try_open(struct world *w, struct cws_error *err);
void world_close(struct world *w);
void world_reopen(struct world *w);
void world_finish(struct world *w); /* closes where open; removes the directory */
/* What a request that begins now gets, and one that did. */
const char *first_epoch(struct world *w, const char *request_id);
const char *epoch_of(struct world *w, const char *request_id);
const char *world_path(const struct world *w); /* of the database */

void wait_for(sem_t *sem);

/* One append that can be waited for. */
struct put {
  struct store_append append; /* first */
  sem_t done;
};
void put_init(struct put *p, const char *request_id, struct store_event *events, size_t count);
void put_start(struct put *p, struct store *s); /* asserts that it is taken */
int put_wait(struct put *p);                    /* its code */
int put_run(struct put *p, struct store *s);

struct store_event event_of(const char *data);
struct store_event event_with_id(const char *data, const char *event_id);

/* Stores one event and returns its id. */
int64_t put_one(struct world *w, const char *request_id, const char *data);
/* The code; for an event with an id. */
int put_id(struct world *w, const char *request_id, const char *data, const char *event_id,
           struct store_event *out);

int remove_run(struct store *s, const char *request_id);

struct store_info info_of(struct world *w, const char *request_id);
struct store_page *page_of(struct world *w, const char *request_id, struct store_range range);
bool is_known(struct world *w, const char *request_id);
void expect_data(struct world *w, const char *request_id, int64_t message_id, const char *data);

/* Holds the writer inside a `done` until it is let go, so that what is queued meanwhile is one
 * batch. */
struct gate {
  struct put put; /* first */
  struct store_event event;
  sem_t reached, open;
};
void gate_close(struct gate *g, struct world *w);
void gate_open(struct gate *g);

#endif
