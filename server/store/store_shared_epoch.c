/*
 * store_shared_epoch: the epochs of requests where hubs share a store. All hubs have to come to the
 * same one, and a watcher that waits for a request on any of them is told it before the request
 * begins; so it is made from the log, the request and the day. A request that is removed and begins
 * again has another one: that of another day, or of a later time on that day.
 */
#include "server/store/store_shared.h"

#include <stdio.h>
#include <string.h>

#define DAY_MS ((int64_t)24 * 60 * 60 * 1000)
#define EPOCH_CHARS 8 /* 41 bits */

#define TEXT_MAX (STORE_LOG_ID_MAX + CWS_EPOCH_MAX + CWS_REQUEST_ID_MAX + 64)

static void epoch_of(const char *text, int len, char out[CWS_EPOCH_MAX + 1]) {
  static const char digits[] = "abcdefghijklmnopqrstuvwxyz0123456789";
  static const struct siphash_key key; /* the same on all hubs: nothing is kept from anyone */
  uint64_t v = siphash_of(&key, text, (size_t)len).word[0];
  for (int i = 0; i < EPOCH_CHARS; i++, v /= 36)
    out[i] = digits[v % 36];
  out[EPOCH_CHARS] = '\0';
}

static void make_epoch(const struct store_shared *r, const char *request_id, int64_t day,
                       int64_t removals, char out[CWS_EPOCH_MAX + 1]) {
  char text[TEXT_MAX];
  int len = snprintf(text, sizeof(text), "%s %lld %lld %s", r->state.id, (long long)day,
                     (long long)removals, request_id);
  epoch_of(text, len, out);
}

void store_shared_next_epoch(struct store *s, const char *request_id, const struct store_row *row,
                             char out[CWS_EPOCH_MAX + 1]) {
  char text[TEXT_MAX];
  int len = snprintf(text, sizeof(text), "%s %s after %lld %s", s->shared->state.id, row->epoch,
                     (long long)row->last_id, request_id);
  epoch_of(text, len, out);
}

static int removals_of(struct store *s, const char *request_id, int64_t day, int64_t *out,
                       struct cws_error *err) {
  int64_t value = 0, at = 0;
  *out = 0;
  int code = s->engine->ops->get_note(s->engine, SHARED_NOTE_GONE, request_id, &value, &at, err);
  if (code == 0 && at == day)
    *out = value;
  return code == CWS_ENOTFOUND ? 0 : code;
}

int store_shared_epoch(struct store *s, const char *request_id, int64_t now_ms,
                       char out[CWS_EPOCH_MAX + 1], struct cws_error *err) {
  int64_t removals;
  int code = removals_of(s, request_id, now_ms / DAY_MS, &removals, err);
  if (code == 0)
    make_epoch(s->shared, request_id, now_ms / DAY_MS, removals, out);
  return code;
}

int store_shared_note_removal(struct store *s, const char *request_id, int64_t now_ms,
                              struct cws_error *err) {
  int64_t removals, day = now_ms / DAY_MS;
  int code = removals_of(s, request_id, day, &removals, err);
  if (code != 0)
    return code;
  return s->engine->ops->set_note(s->engine, SHARED_NOTE_GONE, request_id, removals + 1, day, err);
}

int store_shared_forget_removals(struct store *s, struct cws_error *err) {
  return s->engine->ops->drop_notes(s->engine, SHARED_NOTE_GONE, s->shared->time_ms / DAY_MS, err);
}

bool store_first_epoch(struct store *s, const char *request_id, char out[CWS_EPOCH_MAX + 1]) {
  if (s->shared == NULL)
    return false;
  make_epoch(s->shared, request_id, clock_wall_ms(s->options.clock) / DAY_MS, 0, out);
  return true;
}
