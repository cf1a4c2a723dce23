#include "support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h wants the three above */
#include <cmocka.h>

#include "cli/picture/event_line.h"

static struct cws_event_owned *parse(const char *json, struct cws_event *view, int64_t id) {
  struct cws_event_owned *owned = NULL;
  struct cws_error err = {0};
  if (cws_event_parse(json, strlen(json), 0, &owned, &err) != 0)
    fail_msg("%s: %s", json, err.message);
  *view = *cws_event_view(owned);
  view->message_id = id;
  if (view->timestamp == NULL)
    view->timestamp = "2026-03-02T09:00:00Z";
  return owned;
}

void feed_run(struct run *r, int64_t id, const char *json) {
  struct cws_event event;
  struct cws_event_owned *owned = parse(json, &event, id != 0 ? id : r->summary->message_id + 1);
  json_t *data = event_line_data(&event);
  run_event(r, &event, data, NOW_MS);
  json_decref(data);
  cws_event_free(owned);
}

void feed(struct picture *p, size_t index, const char *json) {
  struct cws_event event;
  struct cws_event_owned *owned = parse(json, &event, p->runs[index]->summary->message_id + 1);
  picture_event(p, index, &event, true, NOW_MS);
  cws_event_free(owned);
}

char *file_text(const char *path) {
  FILE *f = fopen(path, "r");
  if (f == NULL)
    return NULL;
  char *text = NULL;
  size_t cap = 0;
  ssize_t len = getdelim(&text, &cap, '\0', f);
  if (len < 0 && text != NULL)
    text[0] = '\0'; /* an empty file */
  fclose(f);
  return text;
}

void feed_file(struct picture *p, size_t index, const char *path) {
  char *text = file_text(path), *rest = text;
  if (text == NULL)
    fail_msg("no such file: %s", path);
  for (char *line; (line = strtok_r(rest, "\n", &rest)) != NULL;)
    feed(p, index, line);
  free(text);
}

char *plain(const char *line) {
  char *out = malloc(strlen(line) + 1);
  size_t len = 0;
  for (; *line != '\0'; line++) {
    unsigned char c = (unsigned char)*line;
    if (c <= INK_LAST)
      continue;
    if (c < 0x20 || c == 0x7f || (c == 0xc2 && (unsigned char)line[1] < 0xa0))
      fail_msg("a control byte 0x%02x in a line", c);
    out[len++] = *line;
  }
  out[len] = '\0';
  return out;
}

char *plain_frame(const struct frame *f) {
  char *out = calloc(1, 1);
  size_t len = 0;
  assert_false(f->failed);
  for (size_t i = 0; i < f->count; i++) {
    char *line = plain(f->lines[i]);
    size_t n = strlen(line);
    while (n > 0 && line[n - 1] == ' ')
      n--;
    out = realloc(out, len + n + 2);
    memcpy(out + len, line, n);
    len += n;
    out[len++] = '\n';
    out[len] = '\0';
    free(line);
  }
  return out;
}
