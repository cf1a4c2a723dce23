/*
 * run: what is known of one watched request: the summary that a hub would make of its events, and
 * beside it what only a picture shows: the tree of the subtasks, their times and words, the
 * response, the connection. Pure: events and times come in, nothing goes out.
 */
#ifndef CLI_PICTURE_RUN_H
#define CLI_PICTURE_RUN_H

#include <councilws/event.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/summary/summary_state.h"

#define RUN_NODES_MAX 2000     /* subtasks in the tree, and parents that are only named */
#define RUN_RESPONSE_LINES 500 /* of the response that are shown in the end */
#define RUN_NONE ((size_t)-1)

enum run_link { RUN_CONNECTING, RUN_LIVE, RUN_LOST, RUN_OVER };

struct run_node {
  char *id;
  char *message;             /* the last one, or NULL */
  size_t parent;             /* RUN_NONE for a root */
  size_t item;               /* in summary->subtasks.items; RUN_NONE for one that is only named */
  double confidence;         /* as given; negative: not known */
  double seconds;            /* data.executionTime; negative: not known */
  int64_t first_ms, last_ms; /* timestamps of its events; 0: none yet */
  uint64_t touched;          /* the higher the later */
};

struct run {
  char *request_id;
  struct summary *summary;
  struct run_node *nodes;
  uint32_t *hashes; /* of their ids */
  size_t count, cap;
  uint64_t touches;
  int64_t first_ms, last_ms; /* timestamps of the first and last event; 0: none yet */
  int64_t heard_ms;          /* when the last one came, on the clock of `now_ms` */
  char *response;            /* what the run ended with, or NULL */
  enum run_link link;
  int64_t retry_ms; /* RUN_LOST: when the next attempt is due */
};

struct run *run_new(const char *request_id); /* NULL when memory is out */
void run_free(struct run *r);                /* NULL is fine */
/* `data` is the event's, or NULL where it cannot be read. An event whose message_id is not higher
 * than the last one's changes nothing. */
void run_event(struct run *r, const struct cws_event *event, const json_t *data, int64_t now_ms);
void run_link(struct run *r, enum run_link link, int64_t retry_ms);

bool run_has_ended(const struct run *r);
/* How long the run has been going, by its own timestamps and the time since the last of them. */
int64_t run_elapsed_ms(const struct run *r, int64_t now_ms);
/* The subtask's state and sums; NULL for one that is only named. */
const struct subtask *run_subtask(const struct run *r, size_t node);

#endif
