/*
 * model: what a hub and its store promise, as plain arrays: the requests with their events and the
 * subscribers' positions. It lies in memory that outlives a killed hub. Pure, no pointers inside.
 */
#ifndef TESTS_MODEL_MODEL_H
#define TESTS_MODEL_MODEL_H

#include <councilws/event.h>
#include <stdbool.h>
#include <stdint.h>

enum {
  MODEL_REQUESTS = 4,
  MODEL_SUBSCRIBERS = 3,
  MODEL_EVENTS = 4096, /* of one request between two removals */
  MODEL_BATCH = 24,
  MODEL_OLD_EPOCHS = 32
};

struct model_event {
  int data;    /* {"n":data} */
  int id;      /* of its event_id; 0: none */
  int content; /* what the event_id stands for */
};

struct model_batch {
  int request, count;
  struct model_event events[MODEL_BATCH];
  int key; /* Idempotency-Key; 0: none */
};

struct model_request {
  bool exists;
  char epoch[CWS_EPOCH_MAX + 1];
  int64_t base, last; /* events base+1 … last are there */
  int64_t updated_ms;
  struct model_event events[MODEL_EVENTS]; /* event i has message_id i + 1 */
  int64_t acked[MODEL_SUBSCRIBERS];
  int64_t saved[MODEL_SUBSCRIBERS]; /* what survives a crash at least */
  char old_epochs[MODEL_OLD_EPOCHS][CWS_EPOCH_MAX + 1];
  int old_count;
};

struct model {
  int64_t max_events, retention_ms;
  int64_t wall_ms;
  struct model_request requests[MODEL_REQUESTS];
};

struct model_answer {
  int code; /* 0 or CWS_EEVENTIDREUSED */
  int64_t first_id, last_id;
  int stored;
};

void model_init(struct model *m, int64_t max_events, int64_t retention_ms, int64_t wall_ms);
/* What the hub has to answer; the model moves on with it. The epoch of a new request is to be
 * filled in by the caller. */
struct model_answer model_publish(struct model *m, const struct model_batch *b);
/* The position that stands then. */
int64_t model_ack(struct model *m, int request, int subscriber, int64_t message_id);
bool model_delete(struct model *m, int request); /* whether there was one */
void model_sweep(struct model *m);               /* what is too old goes */
void model_flushed(struct model *m);             /* positions are durable */
bool model_epoch_is_old(const struct model *m, int request, const char *epoch);
/* A store in memory ends with its hub. */
void model_forget_all(struct model *m);

#endif
