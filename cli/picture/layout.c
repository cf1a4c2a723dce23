/* layout: see layout.h. Here: how the lines there are are shared out between the parts. */
#include "cli/picture/layout.h"

#include <stdlib.h>
#include <string.h>

#include "cli/picture/sheet.h"
#include "cli/picture/tree.h"

#define HEAD_LINES 3
#define RECENT_MIN 3
#define RECENT_USUAL 12
#define ROOMY 14 /* lines below the head from which on blank lines divide the parts */

/* ---- the latest events ---- */

size_t layout_recent_count(const struct picture *p, size_t run) {
  size_t n = 0;
  uint64_t from = p->recent_count > PICTURE_RECENT ? p->recent_count - PICTURE_RECENT : 0;
  for (uint64_t i = from; i < p->recent_count; i++)
    n += run == RUN_NONE || p->recent[i % PICTURE_RECENT].run == run ? 1 : 0;
  return n;
}

void layout_recent(const struct sheet *s, size_t run, size_t max_rows) {
  const struct picture *p = s->picture;
  size_t left = layout_recent_count(p, run);
  uint64_t from = p->recent_count > PICTURE_RECENT ? p->recent_count - PICTURE_RECENT : 0;
  for (uint64_t i = from; i < p->recent_count; i++) {
    const struct picture_recent *recent = &p->recent[i % PICTURE_RECENT];
    if ((run != RUN_NONE && recent->run != run) || left-- > max_rows)
      continue;
    struct line l;
    sheet_begin(s, &l);
    if (run == RUN_NONE) {
      line_fit(&l, p->runs[recent->run]->request_id, 12);
      line_add(&l, " ");
    }
    line_add(&l, recent->text);
    sheet_end(s, &l);
  }
}

/* ---- the response ---- */

static void rule(const struct sheet *s, const char *word) {
  struct line l;
  sheet_begin(s, &l);
  line_ink(&l, INK_DIM);
  line_addf(&l, "%s%s %s ", s->marks->rule, s->marks->rule, word);
  while (l.cells < l.max)
    line_add(&l, s->marks->rule);
  sheet_end(s, &l);
}

/* Where the next line of the text ends: at a blank that fits, else in the middle of a word. *next
 * is where the one after it begins. */
static size_t line_end(const struct sheet *s, const char *text, const char **next) {
  size_t len = strcspn(text, "\n"), blank = 0, at = 0;
  int cells = 0;
  while (at < len) {
    struct line one;
    sheet_begin(s, &one);
    one.is_folded = false;
    size_t n = 1;
    while (at + n < len && ((unsigned char)text[at + n] & 0xc0) == 0x80)
      n++;
    line_chars(&one, text + at, n, 0);
    cells += one.cells;
    line_finish(&one);
    if (cells > s->view->width)
      break;
    if (text[at] == ' ')
      blank = at;
    at += n;
  }
  if (at >= len) {
    *next = text + len + (text[len] == '\n' ? 1 : 0);
    return len;
  }
  if (blank > 0)
    at = blank;
  *next = text + at + (text[at] == ' ' ? 1 : 0);
  return at;
}

void layout_response(const struct sheet *s, const struct run *r, size_t max_rows) {
  if (r->response == NULL || max_rows < 2)
    return;
  rule(s, r->summary->status == SUMMARY_FAILED ? "failed" : "response");
  size_t rows = 1;
  for (const char *at = r->response, *next; *at != '\0'; at = next) {
    struct line l;
    if (++rows > max_rows)
      return;
    sheet_begin(s, &l);
    l.is_folded = false;
    size_t len = line_end(s, at, &next);
    if (rows == max_rows && *next != '\0')
      line_add(&l, s->marks->cut);
    else
      line_chars(&l, at, len, 0);
    sheet_end(s, &l);
  }
}

/* ---- one run ---- */

static size_t smaller(size_t a, size_t b) {
  return a < b ? a : b;
}

/* Tree and events share `room`: the tree has what it needs, but for RECENT_MIN lines. */
static void parts_below(const struct sheet *s, size_t index, size_t room) {
  const struct run *r = s->picture->runs[index];
  size_t size = tree_size(r), recent = layout_recent_count(s->picture, index);
  bool is_roomy = room >= ROOMY;
  size_t blanks = is_roomy ? 2 : 0;
  if (room <= blanks)
    return;
  room -= blanks;
  size_t kept = smaller(recent, room > 2 * RECENT_MIN ? RECENT_MIN : room / 2);
  size_t rows = smaller(size, room - kept);
  if (is_roomy && rows > 0)
    sheet_blank(s);
  layout_tree(s, r, rows);
  if (is_roomy && recent > 0)
    sheet_blank(s);
  size_t most = rows == size ? room - rows : kept;
  layout_recent(s, index, smaller(most, rows > 0 ? RECENT_USUAL : room));
}

static void take_lines(const struct sheet *s, struct frame *from) {
  for (size_t i = 0; i < from->count; i++)
    sheet_take(s, from->lines[i]);
  from->count = 0;
  s->frame->failed = s->frame->failed || from->failed;
  frame_finish(from);
}

/* The response is shown whole in the end; the parts above give it up to half of their room, so that
 * a short one leaves everything on the screen. */
static void one_run(const struct sheet *s, size_t index, size_t height) {
  const struct run *r = s->picture->runs[index];
  size_t room = height - smaller(height, HEAD_LINES);
  struct frame response = {0};
  struct sheet below = *s;
  below.frame = &response;
  if (run_has_ended(r))
    layout_response(&below, r, s->view->is_last ? RUN_RESPONSE_LINES : room / 2);
  layout_head(s, r);
  parts_below(s, index, room - smaller(response.count, room / 2));
  take_lines(s, &response);
}

/* ---- several ---- */

static void hint(const struct sheet *s) {
  struct line l;
  sheet_begin(s, &l);
  line_ink(&l, INK_DIM);
  line_add(&l, s->view->width < 60 ? "up, down, Enter, q"
                                   : "up, down or a number: choose; Enter: open, close; q: quit");
  sheet_end(s, &l);
}

static void last_words(const struct sheet *s) {
  for (size_t i = 0; i < s->picture->count; i++) {
    const struct run *r = s->picture->runs[i];
    if (r->response == NULL)
      continue;
    struct line l;
    sheet_begin(s, &l);
    line_ink(&l, INK_BOLD);
    line_fit(&l, r->request_id, s->view->width / 3);
    line_ink(&l, INK_PLAIN);
    line_add(&l, ": ");
    line_chars(&l, r->response, strlen(r->response), 0);
    sheet_end(s, &l);
  }
}

static void several(const struct sheet *s, size_t height) {
  const struct picture *p = s->picture;
  bool is_open = p->is_expanded && height >= 8;
  bool has_hint = s->view->has_keys && !s->view->is_last && height >= 6;
  size_t room = height - (has_hint ? 1 : 0);
  size_t list = smaller(p->count, is_open ? room / 3 : room - smaller(room / 3, RECENT_MIN));
  layout_list(s, list > 0 ? list : 1);
  room -= smaller(room, list);
  if (is_open) {
    struct line l;
    sheet_begin(s, &l);
    line_ink(&l, INK_DIM);
    while (l.cells < l.max)
      line_add(&l, s->marks->rule);
    sheet_end(s, &l);
    one_run(s, p->selected, room - 1);
  } else if (s->view->is_last) {
    last_words(s);
  } else {
    layout_recent(s, RUN_NONE, smaller(room, RECENT_USUAL));
  }
  if (has_hint)
    hint(s);
}

void layout_picture(const struct picture *p, const struct layout_view *view, struct frame *out) {
  *out = (struct frame){0};
  struct sheet s = {.picture = p, .view = view, .marks = sheet_marks(p->is_ascii), .frame = out};
  size_t height = view->height > 1 ? (size_t)view->height : 1;
  if (p->count == 1)
    one_run(&s, 0, height);
  else
    several(&s, height);
  while (!view->is_last && out->count > height) /* a terminal of one or two lines */
    free(out->lines[--out->count]);
}
