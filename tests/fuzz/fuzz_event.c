/* An event that is taken is one line, and reads as the same event again; as a hub's event, too. */
#include "lib/core/event.h"
#include "tests/fuzz/fuzz.h"
#include <stdlib.h>
#include <string.h>

static bool same_text(const char *a, const char *b) {
  return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void check_same(const struct cws_event *a, const struct cws_event *b) {
  CHECK(same_text(a->type, b->type));
  CHECK(same_text(a->timestamp, b->timestamp));
  CHECK(same_text(a->event_id, b->event_id));
  CHECK(a->message_id == b->message_id);
  CHECK(a->data_len == b->data_len && memcmp(a->data, b->data, a->data_len) == 0);
  CHECK(event_fingerprint(a) == event_fingerprint(b));
}

static void check_event(const struct cws_event *e) {
  CHECK(cws_event_type_check(e->type, strlen(e->type), NULL) == 0);
  CHECK(e->data[e->data_len] == '\0' && strlen(e->data) == e->data_len);
  CHECK(strpbrk(e->data, "\r\n") == NULL);
}

static void check_again(const struct cws_event *e, bool is_stored) {
  struct cws_event_owned *again = NULL;
  size_t len;
  char *wire = cws_event_format(e, true, &len);
  CHECK(strlen(wire) == len && strpbrk(wire, "\r\n") == NULL);
  CHECK((is_stored ? cws_event_parse_stored(wire, len, &again, NULL)
                   : cws_event_parse(wire, len, SIZE_MAX, &again, NULL)) == 0);
  check_same(e, cws_event_view(again));
  cws_event_free(again);
  free(wire);
}

/* Parts are held to the same rules as text. */
static void check_parts(const struct cws_event *e) {
  struct cws_event_owned *made = NULL;
  CHECK(event_new(e, &made, NULL) == 0);
  check_same(e, cws_event_view(made));
  cws_event_free(made);
}

static void run(const char *text, size_t len, bool is_stored) {
  struct cws_event_owned *event = NULL;
  struct cws_error err = {0};
  int rc = is_stored ? cws_event_parse_stored(text, len, &event, &err)
                     : cws_event_parse(text, len, 0, &event, &err);
  if (rc != 0) {
    fuzz_check_error(rc, &err);
    return;
  }
  check_event(cws_event_view(event));
  check_again(cws_event_view(event), is_stored);
  check_parts(cws_event_view(event));
  cws_event_free(event);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  run((const char *)data, size, false);
  run((const char *)data, size, true);
  return 0;
}
