/* sheet: see sheet.h. */
#include "cli/picture/sheet.h"

#include <stdio.h>
#include <stdlib.h>

static const struct marks UTF8 = {
    .state = {[SUBTASK_PENDING] = "·",
              [SUBTASK_RUNNING] = "▸",
              [SUBTASK_DONE] = "✓",
              [SUBTASK_FAILED] = "✗"},
    .fork = "├─ ",
    .last = "└─ ",
    .bar = "│  ",
    .gap = "   ",
    .full = "█",
    .empty = "░",
    .arrow = " → ",
    .chosen = "▸",
    .rule = "─",
    .cut = "…",
};

static const struct marks ASCII = {
    .state = {[SUBTASK_PENDING] = ".",
              [SUBTASK_RUNNING] = "*",
              [SUBTASK_DONE] = "+",
              [SUBTASK_FAILED] = "x"},
    .fork = "|- ",
    .last = "`- ",
    .bar = "|  ",
    .gap = "   ",
    .full = "#",
    .empty = "-",
    .arrow = " > ",
    .chosen = ">",
    .rule = "-",
    .cut = "~",
};

const struct marks *sheet_marks(bool is_ascii) {
  return is_ascii ? &ASCII : &UTF8;
}

enum ink sheet_state_ink(enum subtask_state state) {
  static const enum ink INKS[SUBTASK_STATES] = {[SUBTASK_PENDING] = INK_DIM,
                                                [SUBTASK_RUNNING] = INK_YELLOW,
                                                [SUBTASK_DONE] = INK_GREEN,
                                                [SUBTASK_FAILED] = INK_RED};
  return INKS[state];
}

enum ink sheet_status_ink(enum summary_status status) {
  if (status == SUMMARY_FAILED)
    return INK_RED;
  return status == SUMMARY_COMPLETED ? INK_GREEN : INK_YELLOW;
}

/* ---- lines ---- */

void sheet_begin(const struct sheet *s, struct line *l) {
  line_init(l, s->view->width);
  l->is_ascii = s->picture->is_ascii;
  l->is_folded = true;
}

static bool frame_add(struct frame *f, char *text) {
  if (f->count == f->cap) {
    size_t cap = f->cap > 0 ? f->cap * 2 : 32;
    char **lines = realloc(f->lines, cap * sizeof *lines);
    if (lines == NULL)
      return false;
    f->lines = lines;
    f->cap = cap;
  }
  f->lines[f->count++] = text;
  return true;
}

void sheet_end(const struct sheet *s, struct line *l) {
  line_ink(l, INK_PLAIN);
  if (!l->failed) {
    sheet_take(s, l->bytes);
    return;
  }
  s->frame->failed = true;
  line_finish(l);
}

void sheet_take(const struct sheet *s, char *text) {
  if (!s->frame->failed && frame_add(s->frame, text))
    return;
  s->frame->failed = true;
  free(text);
}

void sheet_blank(const struct sheet *s) {
  struct line l;
  sheet_begin(s, &l);
  sheet_end(s, &l);
}

void frame_finish(struct frame *f) {
  for (size_t i = 0; i < f->count; i++)
    free(f->lines[i]);
  free(f->lines);
  *f = (struct frame){0};
}

/* ---- numbers ---- */

const char *sheet_clock(int64_t ms, char out[NUMBER_BUF]) {
  long long s = (long long)(ms / 1000);
  if (s < 3600)
    snprintf(out, NUMBER_BUF, "%lld:%02lld", s / 60, s % 60);
  else if (s < 100 * 3600)
    snprintf(out, NUMBER_BUF, "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
  else
    snprintf(out, NUMBER_BUF, "%lldd %02lldh", s / 86400, s / 3600 % 24);
  return out;
}

const char *sheet_span(double seconds, char out[NUMBER_BUF]) {
  long long s = seconds < 8e9 ? (long long)seconds : 8000000000;
  if (seconds < 10)
    snprintf(out, NUMBER_BUF, "%.1fs", seconds);
  else if (s < 100)
    snprintf(out, NUMBER_BUF, "%llds", s);
  else if (s < 3600)
    snprintf(out, NUMBER_BUF, "%lldm%02llds", s / 60, s % 60);
  else if (s < 86400)
    snprintf(out, NUMBER_BUF, "%lldh%02lldm", s / 3600, s / 60 % 60);
  else
    snprintf(out, NUMBER_BUF, "%lldd", s / 86400);
  return out;
}

const char *sheet_cost(double cost, char out[NUMBER_BUF]) {
  if (cost < 1000)
    snprintf(out, NUMBER_BUF, "%.4f", cost);
  else if (cost < 99999)
    snprintf(out, NUMBER_BUF, "%.2f", cost);
  else
    snprintf(out, NUMBER_BUF, "%.1e", cost);
  return out;
}

const char *sheet_tokens(int64_t tokens, char out[NUMBER_BUF]) {
  static const char UNITS[] = " kMGTPE";
  double v = (double)tokens;
  size_t unit = 0;
  for (; v >= 999.5 && unit + 2 < sizeof UNITS; unit++)
    v /= 1000;
  if (unit == 0)
    snprintf(out, NUMBER_BUF, "%.0f", v);
  else
    snprintf(out, NUMBER_BUF, "%.*f%c", v < 99.95 ? 1 : 0, v, UNITS[unit]);
  return out;
}

void sheet_bar(const struct sheet *s, struct line *l, double percent, int cells) {
  int full = (int)(percent / 100 * cells + 0.5);
  line_ink(l, INK_BLUE);
  for (int i = 0; i < cells; i++) {
    if (i == full)
      line_ink(l, INK_DIM);
    line_add(l, i < full ? s->marks->full : s->marks->empty);
  }
  line_ink(l, INK_PLAIN);
}
