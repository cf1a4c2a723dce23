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
  p->is_scrolled = false;
}

/* By rows; from a choice of rows to all of them with the first move, which shows the top. Above the
 * top there is the choice again. */
static void scroll(struct picture *p, bool is_down, size_t rows) {
  if (!p->is_scrolled) {
    p->is_scrolled = is_down && p->scroll_max > 0;
    p->scroll = 0;
  } else if (is_down) {
    p->scroll = p->scroll + rows < p->scroll_max ? p->scroll + rows : p->scroll_max;
  } else if (p->scroll == 0) {
    p->is_scrolled = false;
  } else {
    p->scroll -= rows < p->scroll ? rows : p->scroll;
  }
}

static void scroll_to(struct picture *p, size_t row) {
  p->is_scrolled = p->scroll_max > 0;
  p->scroll = row;
}

static void move(struct picture *p, bool is_down) {
  size_t before = p->selected;
  if (p->count == 1) {
    scroll(p, is_down, 1);
    return;
  }
  if (is_down)
    p->selected += p->selected + 1 < p->count ? 1 : 0;
  else
    p->selected -= p->selected > 0 ? 1 : 0;
  p->is_scrolled = p->is_scrolled && p->selected == before;
}

static void close_one(struct picture *p) {
  if (p->is_scrolled)
    p->is_scrolled = false;
  else
    p->is_expanded = false;
}

void picture_key(struct picture *p, enum picture_key key) {
  size_t page = p->scroll_page > 1 ? p->scroll_page : 1;
  switch (key) {
  case PICTURE_UP:
  case PICTURE_DOWN:
    move(p, key == PICTURE_DOWN);
    break;
  case PICTURE_PAGE_UP:
  case PICTURE_PAGE_DOWN:
    scroll(p, key == PICTURE_PAGE_DOWN, page);
    break;
  case PICTURE_FIRST:
    scroll_to(p, 0);
    break;
  case PICTURE_LAST:
    scroll_to(p, p->scroll_max);
    break;
  case PICTURE_TOGGLE:
    p->is_expanded = !p->is_expanded;
    p->is_scrolled = false;
    break;
  case PICTURE_CLOSE:
    close_one(p);
    break;
  }
}

void picture_drawn(struct picture *p, size_t scroll_max, size_t scroll_page) {
  p->scroll_max = scroll_max;
  p->scroll_page = scroll_page;
  p->scroll = p->scroll < scroll_max ? p->scroll : scroll_max;
}
