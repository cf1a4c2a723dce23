/*
 * rescue_diff: what a request has in one state and not in another, event by event. Both are read as
 * they are; nothing is changed. On one thread.
 */
#ifndef CWS_STORE_RESCUE_DIFF_H
#define CWS_STORE_RESCUE_DIFF_H

#include "server/store/store_ops.h"

/* One request, in the state that was set aside (`kept`) and in the one of the log (`state`). */
struct rescue_diff {
  struct store_engine *kept, *state;
  const struct store_info *info; /* of the one that was kept */
  int64_t state_first;           /* what the other one has from; 1 where it does not have it */
};

/* The first message that is not the same in both, of those that the other one has not trimmed; 0:
 * there is none. A transient error, or CWS_ECORRUPT of either. */
int rescue_diff_first(const struct rescue_diff *d, int64_t *first, struct cws_error *err);

/* Calls fn for each event from `first` on that is nowhere from there on in the other state. It has
 * an event_id: its own, or one that says where it was. */
typedef int rescue_lost_fn(const struct store_event *event, void *user,
                           struct cws_error *err); /* not 0: stop and return it */
int rescue_diff_lost(const struct rescue_diff *d, int64_t first, rescue_lost_fn *fn, void *user,
                     struct cws_error *err);

#endif
