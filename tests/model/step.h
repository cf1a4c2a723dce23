/*
 * step: one thing done to a hub, drawn from a seed, printed, and carried out against the hub and
 * the model at once.
 */
#ifndef TESTS_MODEL_STEP_H
#define TESTS_MODEL_STEP_H

#include "tests/model/model.h"
#include "tests/unit/hub/watcher.h"

enum step_kind {
  STEP_PUBLISH,       /* one event or a batch, without event ids */
  STEP_PUBLISH_IDS,   /* with: new ones, repeated ones, both at once */
  STEP_PUBLISH_OTHER, /* the same ids with another content */
  STEP_PUBLISH_KEY,   /* with an Idempotency-Key */
  STEP_READ,          /* a page of stored events */
  STEP_INFO,          /* what is known of a request, in memory and in the store */
  STEP_WATCH,         /* from the start, or from an acknowledged position */
  STEP_UNWATCH,
  STEP_ACK,
  STEP_POSITION,
  STEP_SETTLE, /* everything durable, watchers at the end */
  STEP_DELETE,
  STEP_SWEEP, /* time passes, retention runs */
  STEP_LIST,
  STEP_EVICT, /* streams leave memory */
  STEP_SAVE,  /* summaries are saved */
  STEP_REOPEN,
  STEP_CRASH,         /* kill -9 */
  STEP_CRASH_PUBLISH, /* kill -9 with a publish on its way */
  STEP_KINDS
};

struct step {
  enum step_kind kind;
  int request, who, n, count;
};

enum { STEP_WATCHERS = 4 };

/* What of a hub that is running is not in the model. */
struct rig {
  struct fixture f;
  struct model *model;
  char uri[200];
  bool is_durable; /* sqlite */
  struct watcher watchers[STEP_WATCHERS];
};

/* The next one of a sequence. */
struct step step_draw(uint64_t *random);
void step_print(const struct step *s);
/* How it is different from the model ends the process (cmocka's asserts do). */
void step_run(struct rig *rig, const struct step *s);

/* The batch of a publishing step. */
void step_batch(const struct step *s, struct model_batch *b);
/* Starts the publish of such a batch; `p` has to stay until it is done. */
void step_publish_begin(struct rig *rig, const struct model_batch *b, struct stream *s,
                        struct published *p);
/* A publish of the last process may have been stored or not: takes over which. */
void step_settle_crash(struct rig *rig, const struct model_batch *b);

#endif
