/* layout_list: several runs, a line each; the chosen one is marked. Where there are more than fit,
 * those around the chosen one are shown. */
#include <stdio.h>
#include <string.h>

#include "cli/picture/sheet.h"

#define ID_MIN 8

static const char *state_word(const struct sheet *s, const struct run *r) {
  if (r->link == RUN_LOST && !s->view->is_last)
    return "lost";
  if (r->link == RUN_CONNECTING && !s->view->is_last)
    return "connecting";
  return summary_status_name(r->summary->status);
}

static enum ink state_ink(const struct sheet *s, const struct run *r) {
  return r->link == RUN_LOST && !s->view->is_last ? INK_RED : sheet_status_ink(r->summary->status);
}

static int id_cells(const struct sheet *s) {
  int most = ID_MIN;
  for (size_t i = 0; i < s->picture->count; i++) {
    int cells = line_cells(s->picture->runs[i]->request_id);
    most = cells > most ? cells : most;
  }
  int rest = 2 + 2 + 10 + 6 + (s->view->width >= 60 ? 12 : 0) + (s->view->width >= 50 ? 9 : 0) +
             (s->view->width >= 76 ? 12 : 0);
  int room = s->view->width - rest;
  return most < room ? most : room > ID_MIN ? room : ID_MIN;
}

static void run_line(const struct sheet *s, size_t index, int id_width) {
  const struct run *r = s->picture->runs[index];
  bool is_chosen = index == s->picture->selected && s->view->has_keys && !s->view->is_last;
  const char *stage = stage_name(r->summary->stage);
  char clock[NUMBER_BUF];
  struct line l;
  sheet_begin(s, &l);
  line_ink(&l, INK_BOLD);
  line_addf(&l, "%s ", is_chosen ? s->marks->chosen : " ");
  line_fit(&l, r->request_id, id_width);
  line_ink(&l, INK_PLAIN);
  line_pad(&l, 2 + id_width + 2);
  line_ink(&l, state_ink(s, r));
  line_add(&l, state_word(s, r));
  line_ink(&l, INK_PLAIN);
  line_pad(&l, 2 + id_width + 2 + 10);
  if (s->view->width >= 60) {
    line_add(&l, "  ");
    sheet_bar(s, &l, r->summary->progress, 10);
  }
  line_addf(&l, "%4d %%", (int)r->summary->progress);
  if (s->view->width >= 50)
    line_addf(&l, " %8s", sheet_clock(run_elapsed_ms(r, s->view->now_ms), clock));
  if (s->view->width >= 76)
    line_addf(&l, "  %s", stage != NULL ? stage : "");
  sheet_end(s, &l);
}

void layout_list(const struct sheet *s, size_t max_rows) {
  size_t count = s->picture->count, from = 0;
  bool is_cut = count > max_rows;
  size_t shown = is_cut ? max_rows - 1 : count;
  if (is_cut && s->picture->selected >= shown)
    from = s->picture->selected - shown + 1;
  int id_width = id_cells(s);
  for (size_t i = from; i < from + shown; i++)
    run_line(s, i, id_width);
  if (!is_cut)
    return;
  size_t ended = 0;
  for (size_t i = 0; i < count; i++)
    ended += run_has_ended(s->picture->runs[i]) ? 1 : 0;
  struct line l;
  sheet_begin(s, &l);
  line_ink(&l, INK_DIM);
  line_addf(&l, "%s %zu more; %zu of %zu ended", s->marks->cut, count - shown, ended, count);
  sheet_end(s, &l);
}
