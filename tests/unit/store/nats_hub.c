/* nats_hub: see nats_hub.h. */
#include "tests/unit/store/nats_hub.h"

#include <time.h>

#define DEADLINE_MS 60000 /* on a busy machine, with elections */

static int64_t now_ms(void) {
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void on_wake(void *user) {
  struct hub *h = user;
  sem_post(&h->woken);
}

void hub_init(struct hub *h, const char *prefix) {
  memset(h, 0, sizeof *h);
  sem_init(&h->woken, 0, 0);
  h->nats.prefix = prefix;
}

int hub_try(struct hub *h, const char *servers, struct cws_error *err) {
  struct store_log_options options = {
      .servers = servers, .nats = &h->nats, .wake = on_wake, .user = h};
  return nats_log_ops.open(&options, &h->log, err);
}

void hub_open(struct hub *h, const struct nats_nodes *nodes, const char *prefix) {
  struct cws_error err = {0};
  hub_init(h, prefix);
  if (hub_try(h, nodes->servers, &err) != 0)
    fail_msg("%s", err.message);
}

void hub_close(struct hub *h) {
  nats_log_ops.close(h->log);
  h->log = NULL;
  sem_destroy(&h->woken);
}

void hub_follow(struct hub *h, uint64_t after) {
  h->last = after;
  assert_int_equal(h->log->ops->follow(h->log, after, NULL), 0);
}

struct store_log_state hub_state(struct hub *h) {
  struct store_log_state state;
  struct cws_error err = {0};
  if (h->log->ops->state(h->log, &state, &err) != 0)
    fail_msg("%s", err.message);
  return state;
}

bool hub_is_up(struct hub *h, struct cws_error *why) {
  memset(why, 0, sizeof *why);
  return h->log->ops->is_up(h->log, why);
}

static void take_entry(struct hub *h, const struct store_log_entry *entry) {
  assert_int_equal(entry->seq, h->last + 1);
  if (h->first == 0)
    h->first = entry->seq;
  h->last = entry->seq;
  h->bytes += entry->len;
  if (entry->seq < HUB_ENTRIES)
    snprintf(h->texts[entry->seq], sizeof h->texts[0], "%.*s", (int)entry->len,
             (const char *)entry->bytes);
}

void hub_pump(struct hub *h) {
  struct store_log_entry *entry = h->log->ops->take(h->log, 1 << 20), *next;
  for (; entry != NULL; entry = next) {
    take_entry(h, entry);
    next = entry->next;
    free(entry);
  }
  for (entry = h->log->ops->take_told(h->log); entry != NULL; entry = next) {
    snprintf(h->told, sizeof h->told, "%.*s", (int)entry->len, (const char *)entry->bytes);
    h->told_count++;
    next = entry->next;
    free(entry);
  }
  while (h->log->ops->take_outcome(h->log, &h->outcome))
    h->outcomes++;
}

int64_t hub_deadline(void) {
  return now_ms() + DEADLINE_MS;
}

void hub_wait(struct hub *h, int64_t end, const char *what, const char *file, int line) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_nsec += 50 * 1000000; /* some conditions are not announced */
  if (until.tv_nsec >= 1000000000) {
    until.tv_sec++;
    until.tv_nsec -= 1000000000;
  }
  sem_timedwait(&h->woken, &until);
  if (now_ms() < end)
    return;
  print_error("%s:%d: waited in vain for: %s\n", file, line, what);
  fail();
}

int hub_send(struct hub *h, const char *text, struct cws_error *err) {
  return h->log->ops->publish(h->log, h->outcomes + 1, text, strlen(text), err);
}

int hub_put(struct hub *h, const char *text) {
  struct cws_error err = {0};
  size_t before = h->outcomes;
  int code = hub_send(h, text, &err);
  if (code != 0)
    return code;
  HUB_WAIT(h, h->outcomes > before);
  assert_int_equal(h->outcome.ticket, before + 1);
  return h->outcome.code;
}
