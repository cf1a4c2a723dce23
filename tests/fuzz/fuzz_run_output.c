/*
 * What a command writes, as `run` takes it: the first byte says how much comes at a time. Cut in
 * whatever way, the same lines come out, and together they are all that went in. Each becomes an
 * event that reads as the same once it is written; a log has the line as its message.
 */
#include "cli/line_cutter.h"
#include "cli/line_event.h"
#include "lib/core/utf8.h"
#include "tests/fuzz/fuzz.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_MAX 16 /* small, so that short inputs are cut, too */

struct taken {
  struct buf marked; /* each line and what ended it, to be compared */
  struct buf joined; /* what went in */
};

static void check_log(const struct cws_event *event, const char *line, size_t len, bool continues) {
  json_t *data = json_loadb(event->data, event->data_len, JSON_ALLOW_NUL, NULL);
  const json_t *message = json_object_get(data, "message");
  CHECK(strcmp(json_string_value(json_object_get(data, "stream")), "stdout") == 0);
  CHECK(json_is_string(message));
  CHECK(json_is_true(json_object_get(data, "continues")) == continues);
  if (utf8_feed(UTF8_ACCEPT, (const uint8_t *)line, len) == UTF8_ACCEPT)
    CHECK(json_string_length(message) == len && memcmp(json_string_value(message), line, len) == 0);
  json_decref(data);
}

static void check_event(const char *line, size_t len, bool continues) {
  struct cws_event_owned *event = line_event("stdout", line, len, continues), *again = NULL;
  CHECK(event != NULL);
  const struct cws_event *e = cws_event_view(event);
  size_t text_len;
  char *text = cws_event_format(e, true, &text_len);
  CHECK(text != NULL && cws_event_parse(text, text_len, 0, &again, NULL) == 0);
  CHECK(strcmp(e->type, cws_event_view(again)->type) == 0);
  CHECK(e->data_len == cws_event_view(again)->data_len &&
        memcmp(e->data, cws_event_view(again)->data, e->data_len) == 0);
  struct cws_event_owned *own = NULL;
  if (!continues && cws_event_parse(line, len, 0, &own, NULL) == 0)
    CHECK(strcmp(e->type, cws_event_view(own)->type) == 0);
  else
    check_log(e, line, len, continues);
  cws_event_free(own);
  cws_event_free(event);
  cws_event_free(again);
  free(text);
}

static void on_line(const char *line, size_t len, bool continues, void *user) {
  struct taken *t = user;
  CHECK(line[len] == '\0' && len <= PIECE_MAX && (len > 0 || !continues));
  CHECK(memchr(line, '\n', len) == NULL);
  buf_add(&t->marked, line, len);
  buf_add_str(&t->marked, continues ? "+" : "|");
  buf_add(&t->joined, line, len);
  if (!continues)
    buf_add_str(&t->joined, "\n");
  check_event(line, len, continues);
}

static void cut(struct taken *t, const uint8_t *data, size_t size, size_t step) {
  struct line_cutter c;
  buf_init(&t->marked);
  buf_init(&t->joined);
  CHECK(line_cutter_init(&c, PIECE_MAX, on_line, t) == 0);
  for (size_t at = 0; at < size; at += step)
    line_cutter_take(&c, (const char *)data + at, size - at < step ? size - at : step);
  line_cutter_end(&c);
  line_cutter_finish(&c);
}

/* But for a CR before each end of line, and the newline that the last line may lack. */
static void check_all_is_there(const struct taken *t, const uint8_t *data, size_t size) {
  size_t at = 0;
  for (size_t i = 0; i < t->joined.len; i++) {
    if (at < size && data[at] == '\r' && t->joined.data[i] == '\n')
      at++;
    CHECK(at < size ? data[at] == (uint8_t)t->joined.data[i] : i + 1 == t->joined.len);
    at++;
  }
  CHECK(at >= size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct taken whole, parts;
  size_t step = size > 0 ? data[0] % 32 + 1 : 1;
  cut(&whole, data, size, size > 0 ? size : 1);
  cut(&parts, data, size, step);
  CHECK(whole.marked.len == parts.marked.len);
  CHECK(whole.marked.len == 0 ||
        memcmp(whole.marked.data, parts.marked.data, whole.marked.len) == 0);
  check_all_is_there(&whole, data, size);
  buf_finish(&whole.marked);
  buf_finish(&whole.joined);
  buf_finish(&parts.marked);
  buf_finish(&parts.joined);
  return 0;
}
