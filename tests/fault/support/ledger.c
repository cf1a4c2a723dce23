/* ledger: see ledger.h. */
#include "tests/fault/support/ledger.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka.h needs those before it */
#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void ledger_init(struct ledger *l) {
  static const char *const IDS[LEDGER_REQUESTS] = {"alpha", "beta", "gamma"};
  *l = (struct ledger){0};
  for (int i = 0; i < LEDGER_REQUESTS; i++)
    l->requests[i].id = IDS[i];
}

void ledger_finish(struct ledger *l) {
  for (int i = 0; i < LEDGER_REQUESTS; i++)
    free(l->requests[i].events);
  for (int i = 0; i < LEDGER_PUBLISHERS; i++) {
    free(l->publishers[i].ids);
    free(l->publishers[i].acknowledged);
  }
}

static void *grow(void *old, size_t from, size_t to, size_t size) {
  char *out = realloc(old, to * size);
  assert_non_null(out);
  memset(out + from * size, 0, (to - from) * size);
  return out;
}

static struct ledger_event *event_at(struct ledger *l, int request, int64_t message_id) {
  struct ledger_request *r = &l->requests[request];
  assert_true(message_id > 0 && message_id < INT32_MAX);
  while ((size_t)message_id >= r->cap) {
    size_t cap = r->cap > 0 ? 2 * r->cap : 4096;
    r->events = grow(r->events, r->cap, cap, sizeof *r->events);
    for (size_t i = r->cap; i < cap; i++)
      r->events[i].publisher = -1;
    r->cap = cap;
  }
  if (message_id > r->last_known)
    r->last_known = message_id;
  return &r->events[message_id];
}

int64_t ledger_send(struct ledger *l, int publisher) {
  struct ledger_publisher *p = &l->publishers[publisher];
  int64_t number = ++p->sent;
  if ((size_t)number >= p->cap) {
    size_t cap = p->cap > 0 ? 2 * p->cap : 4096;
    p->ids = grow(p->ids, p->cap, cap, sizeof *p->ids);
    p->acknowledged = grow(p->acknowledged, p->cap, cap, sizeof *p->acknowledged);
    p->cap = cap;
  }
  return number;
}

static const char *is_acknowledged(const struct ledger *l, int publisher, int64_t number) {
  return l->publishers[publisher].acknowledged[number] ? " (acknowledged)" : "";
}

static void contradict(struct ledger *l, int request, const char *what) {
  struct ledger_request *r = &l->requests[request];
  if (!l->is_lenient)
    fail_msg("%s", what);
  if (r->contradiction[0] == '\0')
    snprintf(r->contradiction, sizeof r->contradiction, "%s", what);
}

/* One event, one id; one id, one event. */
static void learn(struct ledger *l, int request, int64_t message_id, int publisher,
                  int64_t number) {
  struct ledger_publisher *p = &l->publishers[publisher];
  struct ledger_event *e = event_at(l, request, message_id);
  assert_int_equal(p->request, request);
  char what[256];
  if (p->ids[number] != 0 && p->ids[number] != message_id) {
    snprintf(what, sizeof what,
             "event %d-%" PRId64 " of '%s' is stored twice: as %" PRId64 " and as %" PRId64,
             publisher, number, l->requests[request].id, p->ids[number], message_id);
    contradict(l, request, what);
  }
  if (e->publisher != -1 && (e->publisher != publisher || e->number != number)) {
    snprintf(what, sizeof what,
             "message %" PRId64 " of '%s' was event %d-%" PRId64 "%s and is now %d-%" PRId64 "%s",
             message_id, l->requests[request].id, e->publisher, e->number,
             is_acknowledged(l, e->publisher, e->number), publisher, number,
             is_acknowledged(l, publisher, number));
    contradict(l, request, what);
  }
  p->ids[number] = message_id;
  *e = (struct ledger_event){publisher, number};
}

void ledger_acknowledge(struct ledger *l, int publisher, int64_t number, int64_t message_id) {
  struct ledger_publisher *p = &l->publishers[publisher];
  learn(l, p->request, message_id, publisher, number);
  if (!p->acknowledged[number])
    p->acknowledged_count++;
  p->acknowledged[number] = true;
}

void ledger_data(int publisher, int64_t number, char *out, size_t size) {
  snprintf(out, size, "{\"publisher\":%d,\"number\":%" PRId64 ",\"pad\":\"%.*s\"}", publisher,
           number, (int)(number * 7 % 64),
           "................................................................");
}

void ledger_see(struct ledger *l, int request, int64_t message_id, const char *data) {
  int publisher = -1;
  int64_t number = 0;
  char expected[160];
  if (sscanf(data, "{\"publisher\":%d,\"number\":%" SCNd64, &publisher, &number) != 2 ||
      publisher < 0 || publisher >= LEDGER_PUBLISHERS || number < 1 ||
      number > l->publishers[publisher].sent)
    fail_msg("message %" PRId64 " of '%s' is nobody's: %s", message_id, l->requests[request].id,
             data);
  ledger_data(publisher, number, expected, sizeof expected);
  assert_string_equal(data, expected);
  learn(l, request, message_id, publisher, number);
}

void ledger_see_epoch(struct ledger *l, int request, const char *epoch) {
  struct ledger_request *r = &l->requests[request];
  if (r->epoch[0] != '\0' && r->last_known > 0)
    assert_string_equal(epoch, r->epoch);
  snprintf(r->epoch, sizeof r->epoch, "%s", epoch);
}

void ledger_note_epoch(struct ledger *l, int request, const char *epoch) {
  struct ledger_request *r = &l->requests[request];
  r->is_renewed = r->is_renewed || (r->epoch[0] != '\0' && strcmp(r->epoch, epoch) != 0);
  snprintf(r->epoch, sizeof r->epoch, "%s", epoch);
}

void ledger_forget_ids(struct ledger *l) {
  l->is_lenient = false;
  for (int i = 0; i < LEDGER_REQUESTS; i++) {
    struct ledger_request *r = &l->requests[i];
    if (r->contradiction[0] != '\0' && !r->is_renewed)
      fail_msg("%s, and the epoch is the same", r->contradiction);
    if (r->contradiction[0] != '\0')
      print_message("%s, and the epoch is another one\n", r->contradiction);
    r->contradiction[0] = '\0';
    r->is_renewed = false;
    r->last_known = 0;
    for (size_t id = 0; id < r->cap; id++)
      r->events[id].publisher = -1;
  }
  for (int i = 0; i < LEDGER_PUBLISHERS; i++)
    if (l->publishers[i].ids != NULL)
      memset(l->publishers[i].ids, 0, l->publishers[i].cap * sizeof *l->publishers[i].ids);
}

/* ---- the end ---- */

static void check_publisher(const struct ledger *l, int publisher, int64_t last) {
  const struct ledger_publisher *p = &l->publishers[publisher];
  for (int64_t n = 1; n <= p->sent; n++) {
    if (p->acknowledged[n] && p->ids[n] == 0)
      fail_msg("event %d-%" PRId64 " of '%s' was acknowledged, and is nowhere", publisher, n,
               l->requests[p->request].id);
    if (p->acknowledged[n] && p->ids[n] > last)
      fail_msg("event %d-%" PRId64 " of '%s' was acknowledged as %" PRId64
               ", but the last one is %" PRId64,
               publisher, n, l->requests[p->request].id, p->ids[n], last);
  }
}

void ledger_check(const struct ledger *l, int request, int64_t first, int64_t last,
                  bool is_settled) {
  const struct ledger_request *r = &l->requests[request];
  int64_t sent = 0;
  for (int i = 0; i < LEDGER_PUBLISHERS; i++) {
    const struct ledger_publisher *p = &l->publishers[i];
    if (p->request != request || p->sent == 0)
      continue;
    check_publisher(l, i, last);
    if (is_settled)
      assert_int_equal(p->acknowledged_count, p->sent);
    sent += p->sent;
  }
  for (int64_t id = is_settled ? 1 : first; id <= last; id++) {
    if ((size_t)id >= r->cap || r->events[id].publisher == -1)
      fail_msg("message %" PRId64 " of '%s' is a hole", id, r->id);
  }
  if (is_settled)
    assert_int_equal(last, sent);
}
