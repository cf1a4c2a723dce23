/* A client's message that is taken says the same when it is written and read again. */
#include "lib/core/protocol.h"
#include "tests/fuzz/fuzz.h"
#include <string.h>

static void write_again(struct buf *b, const struct client_message *m) {
  switch (m->kind) {
  case CLIENT_ACK:
    client_format_ack(b, m->message_id < 0 ? 0 : m->message_id);
    break;
  case CLIENT_HEARTBEAT_RESPONSE:
    client_format_heartbeat_response(b);
    break;
  case CLIENT_RECONNECT:
    client_format_reconnect(b, m->last_message_id);
    break;
  case CLIENT_PUBLISH:
    client_format_publish(b, cws_event_view(m->event), m->ref);
    break;
  }
}

static void check_again(const struct client_message *m) {
  struct client_message again;
  struct buf b;
  buf_init(&b);
  write_again(&b, m);
  CHECK(client_message_parse(b.data, b.len, SIZE_MAX, &again, NULL) == 0);
  CHECK(again.kind == m->kind && again.last_message_id == m->last_message_id);
  CHECK(again.message_id == m->message_id || m->message_id == -1);
  CHECK(again.ref_len == m->ref_len && (m->ref == NULL || strcmp(m->ref, again.ref) == 0));
  CHECK(json_equal(m->data_json, again.data_json) || m->data_json == NULL);
  client_message_finish(&again);
  buf_finish(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct client_message m;
  struct cws_error err = {0};
  int rc = client_message_parse((const char *)data, size, 0, &m, &err);
  CHECK(m.ref_len <= PROTOCOL_REF_MAX);
  if (rc != 0) {
    fuzz_check_error(rc, &err);
    CHECK(m.event == NULL || rc == CWS_ENOMEM);
  } else {
    CHECK((m.event != NULL) == (m.kind == CLIENT_PUBLISH));
    check_again(&m);
  }
  client_message_finish(&m);
  return 0;
}
