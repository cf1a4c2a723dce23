/* picture: see picture.h. */
#include "cli/picture/picture.h"

#include <stdlib.h>
#include <string.h>

#include "cli/picture/event_line.h"

#define RECENT_CELLS 500 /* of one line: wider than any terminal */

int picture_init(struct picture *p, const char *const *request_ids, size_t count, bool is_ascii) {
  *p = (struct picture){.is_ascii = is_ascii};
  p->runs = calloc(count + 1, sizeof *p->runs);
  if (p->runs == NULL)
    return -1;
  for (; p->count < count; p->count++) {
    p->runs[p->count] = run_new(request_ids[p->count]);
    if (p->runs[p->count] == NULL) {
      picture_finish(p);
      return -1;
    }
  }
  return 0;
}

void picture_finish(struct picture *p) {
  for (size_t i = 0; i < p->count; i++)
    run_free(p->runs[i]);
  free(p->runs);
  for (size_t i = 0; i < PICTURE_RECENT; i++)
    free(p->recent[i].text);
  *p = (struct picture){0};
}

static void add_recent(struct picture *p, size_t run, struct line *l, bool is_note) {
  if (l->failed || l->bytes == NULL) {
    line_finish(l);
    return;
  }
  struct picture_recent *slot = &p->recent[p->recent_count++ % PICTURE_RECENT];
  free(slot->text);
  *slot = (struct picture_recent){.text = l->bytes, .run = run, .is_note = is_note};
}

static void begin(const struct picture *p, struct line *l) {
  line_init(l, RECENT_CELLS);
  l->is_folded = true;
  l->is_ascii = p->is_ascii;
}

void picture_event(struct picture *p, size_t run, const struct cws_event *event, bool is_shown,
                   int64_t now_ms) {
  json_t *data = event_line_data(event);
  run_event(p->runs[run], event, data, now_ms);
  if (is_shown) {
    struct line l;
    begin(p, &l);
    event_line_add(&l, event, data);
    add_recent(p, run, &l, false);
  }
  json_decref(data);
}

void picture_note(struct picture *p, size_t run, const char *text) {
  if (p->recent_count > 0) {
    const struct picture_recent *last = &p->recent[(p->recent_count - 1) % PICTURE_RECENT];
    p->recent_count -= last->is_note && last->run == run ? 1 : 0;
  }
  struct line l;
  begin(p, &l);
  line_ink(&l, INK_YELLOW);
  line_chars(&l, text, strlen(text), 0);
  line_ink(&l, INK_PLAIN);
  add_recent(p, run, &l, true);
}

void picture_select(struct picture *p, size_t run) {
  if (run >= p->count)
    return;
  p->is_expanded = !(p->is_expanded && p->selected == run);
  p->selected = run;
}

void picture_key(struct picture *p, enum picture_key key) {
  switch (key) {
  case PICTURE_UP:
    p->selected -= p->selected > 0 ? 1 : 0;
    break;
  case PICTURE_DOWN:
    p->selected += p->selected + 1 < p->count ? 1 : 0;
    break;
  case PICTURE_TOGGLE:
    p->is_expanded = !p->is_expanded;
    break;
  case PICTURE_CLOSE:
    p->is_expanded = false;
    break;
  }
}
