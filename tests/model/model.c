/* model: see model.h. Each function is the promise in the simplest words that C has. */
#include "tests/model/model.h"

#include <councilws/error.h>
#include <stdio.h>
#include <string.h>

void model_init(struct model *m, int64_t max_events, int64_t retention_ms, int64_t wall_ms) {
  memset(m, 0, sizeof *m);
  m->max_events = max_events;
  m->retention_ms = retention_ms;
  m->wall_ms = wall_ms;
}

/* The message_id of the event that has this event_id, 0 for none. Trimmed ones count as never seen.
 */
static int64_t find(const struct model_request *r, int id) {
  for (int64_t i = r->base; i < r->last; i++) {
    if (id != 0 && r->events[i].id == id)
      return i + 1;
  }
  return 0;
}

struct model_answer model_publish(struct model *m, const struct model_batch *b) {
  struct model_request *r = &m->requests[b->request];
  struct model_answer a = {.first_id = INT64_MAX};
  int64_t last = r->last;
  for (int i = 0; i < b->count; i++) {
    int64_t id = find(r, b->events[i].id);
    if (id != 0 && r->events[id - 1].content != b->events[i].content) {
      r->last = last; /* all or nothing */
      return (struct model_answer){.code = CWS_EEVENTIDREUSED};
    }
    if (id == 0) {
      r->events[r->last] = b->events[i];
      id = ++r->last;
      a.stored++;
    }
    a.first_id = id < a.first_id ? id : a.first_id;
    a.last_id = id > a.last_id ? id : a.last_id;
  }
  if (a.stored > 0) {
    r->exists = true;
    r->updated_ms = m->wall_ms;
  }
  if (m->max_events > 0 && r->last - r->base > m->max_events)
    r->base = r->last - m->max_events;
  return a;
}

int64_t model_ack(struct model *m, int request, int subscriber, int64_t message_id) {
  struct model_request *r = &m->requests[request];
  if (r->exists && message_id > r->acked[subscriber] && message_id <= r->last)
    r->acked[subscriber] = message_id;
  return r->acked[subscriber];
}

static void forget(struct model_request *r) {
  snprintf(r->old_epochs[r->old_count++ % MODEL_OLD_EPOCHS], sizeof r->epoch, "%s", r->epoch);
  r->exists = false;
  r->epoch[0] = '\0';
  r->base = r->last = r->updated_ms = 0;
  memset(r->acked, 0, sizeof r->acked);
  memset(r->saved, 0, sizeof r->saved);
}

bool model_delete(struct model *m, int request) {
  bool was_there = m->requests[request].exists;
  if (was_there)
    forget(&m->requests[request]);
  return was_there;
}

void model_sweep(struct model *m) {
  for (int i = 0; i < MODEL_REQUESTS; i++) {
    struct model_request *r = &m->requests[i];
    if (r->exists && r->updated_ms <= m->wall_ms - m->retention_ms)
      forget(r);
  }
}

void model_flushed(struct model *m) {
  for (int i = 0; i < MODEL_REQUESTS; i++)
    memcpy(m->requests[i].saved, m->requests[i].acked, sizeof m->requests[i].saved);
}

bool model_epoch_is_old(const struct model *m, int request, const char *epoch) {
  const struct model_request *r = &m->requests[request];
  for (int i = 0; i < r->old_count && i < MODEL_OLD_EPOCHS; i++) {
    if (strcmp(r->old_epochs[i], epoch) == 0)
      return true;
  }
  return false;
}

void model_forget_all(struct model *m) {
  for (int i = 0; i < MODEL_REQUESTS; i++)
    model_delete(m, i);
}
