/* A hub's message either breaks the protocol or has everything its kind promises. */
#include "lib/core/protocol.h"
#include "tests/fuzz/fuzz.h"
#include <stdlib.h>

static void check_hello(const struct hub_hello *h) {
  struct hub_message again;
  struct buf b;
  buf_init(&b);
  hub_format_hello(&b, h, 0);
  CHECK(hub_message_parse(b.data, b.len, &again, NULL) == 0);
  CHECK(again.hello.resume_from == h->resume_from);
  CHECK(again.hello.heartbeat_interval_ms == h->heartbeat_interval_ms);
  hub_message_finish(&again);
  buf_finish(&b);
}

static void check_event(const struct cws_event *e) {
  struct hub_message again;
  size_t len;
  char *wire = cws_event_format(e, true, &len);
  CHECK(hub_message_parse(wire, len, &again, NULL) == 0 && again.kind == HUB_EVENT);
  CHECK(cws_event_view(again.event)->message_id == e->message_id);
  hub_message_finish(&again);
  free(wire);
}

static void check(const struct hub_message *m) {
  CHECK((m->event != NULL) == (m->kind == HUB_EVENT));
  if (m->kind == HUB_EVENT)
    check_event(cws_event_view(m->event));
  if (m->kind == HUB_HELLO)
    check_hello(&m->hello);
  if (m->kind == HUB_GAP)
    CHECK(m->reason != NULL && m->from >= 0 && m->to >= -1);
  if (m->kind == HUB_BYE)
    CHECK(m->reason != NULL && m->code >= 1000 && m->code <= 4999);
  if (m->kind == HUB_PROTOCOL_ERROR)
    CHECK(m->error.code < 0);
  CHECK(m->last_message_id >= 0 && m->message_id >= 0 && m->retry_after_ms >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct hub_message m;
  struct cws_error err = {0};
  int rc = hub_message_parse((const char *)data, size, &m, &err);
  if (rc != 0)
    fuzz_check_error(rc, &err);
  else
    check(&m);
  hub_message_finish(&m);
  return 0;
}
