/* layout_head: the three lines on top of a run: what it is and how it is, its stages, its progress.
 */
#include <stdio.h>
#include <string.h>

#include "cli/picture/sheet.h"

#define NARROW 60 /* below: shorter words */

static const char *link_text(const struct sheet *s, const struct run *r, char *out, size_t size) {
  bool is_narrow = s->view->width < NARROW;
  long long left = (long long)((r->retry_ms - s->view->now_ms + 999) / 1000);
  if (s->view->is_last || r->link == RUN_OVER)
    return "";
  switch (r->link) {
  case RUN_LIVE:
    return run_has_ended(r) ? "" : "live";
  case RUN_LOST:
    snprintf(out, size, is_narrow ? "retry %llds" : "lost, retry in %lld s", left > 0 ? left : 0);
    return out;
  default:
    return is_narrow ? "connect" : "connecting";
  }
}

static void head_line(const struct sheet *s, const struct run *r) {
  char clock[NUMBER_BUF], buf[40];
  const char *status = summary_status_name(r->summary->status);
  const char *link = link_text(s, r, buf, sizeof buf);
  sheet_clock(run_elapsed_ms(r, s->view->now_ms), clock);
  int rest = 2 + (int)strlen(status) + 2 + (int)strlen(clock);
  rest += link[0] != '\0' ? 2 + (int)strlen(link) : 0;
  int room = s->view->width - rest;
  struct line l;
  sheet_begin(s, &l);
  line_ink(&l, INK_BOLD);
  line_fit(&l, r->request_id, room > 4 ? room : 4);
  line_ink(&l, INK_PLAIN);
  line_add(&l, "  ");
  line_ink(&l, sheet_status_ink(r->summary->status));
  line_add(&l, status);
  line_ink(&l, INK_PLAIN);
  line_addf(&l, "  %s", clock);
  if (link[0] != '\0') {
    line_add(&l, "  ");
    line_ink(&l, r->link == RUN_LIVE ? INK_GREEN : r->link == RUN_LOST ? INK_RED : INK_DIM);
    line_add(&l, link);
  }
  sheet_end(s, &l);
}

/* ---- stages ---- */

#define STAGES_WITH_MARKS 79 /* cells that the line takes with a mark before each stage */
#define STAGES_IN_FULL 69

static void stage_word(const struct sheet *s, struct line *l, enum facts_stage stage,
                       enum facts_stage now, bool has_ended) {
  int width = s->view->width;
  bool is_now = stage == now && !has_ended, is_past = stage < now || (has_ended && stage == now);
  bool has_marks = width >= STAGES_WITH_MARKS;
  const char *word = stage_name(stage);
  line_ink(l, is_now ? INK_BOLD : is_past ? INK_GREEN : INK_DIM);
  if (has_marks && (is_past || is_now))
    line_addf(l, "%s ", s->marks->state[is_now ? SUBTASK_RUNNING : SUBTASK_DONE]);
  line_addf(l, !has_marks && stage == now ? "[%.*s]" : "%.*s", width < STAGES_IN_FULL ? 3 : 20,
            word);
  line_ink(l, INK_PLAIN);
}

static void stages_line(const struct sheet *s, const struct run *r) {
  bool has_ended = run_has_ended(r);
  struct line l;
  sheet_begin(s, &l);
  for (int i = 0; i < STAGES; i++) {
    if (i > 0) {
      line_ink(&l, INK_DIM);
      line_add(&l, s->marks->arrow);
    }
    stage_word(s, &l, (enum facts_stage)i, r->summary->stage, has_ended);
  }
  sheet_end(s, &l);
}

/* ---- progress ---- */

/* A part that is there whole or not at all. */
static void part(struct line *l, enum ink ink, const char *text) {
  if (l->cells + 2 + line_cells(text) > l->max)
    return;
  line_add(l, "  ");
  line_ink(l, ink);
  line_add(l, text);
  line_ink(l, INK_PLAIN);
}

static void progress_parts(struct line *l, const struct summary *m) {
  char text[64], number[NUMBER_BUF];
  const struct subtasks *t = &m->subtasks;
  if (t->count > 0) {
    snprintf(text, sizeof text, l->max < NARROW ? "%zu/%zu" : "%zu/%zu subtasks",
             t->in_state[SUBTASK_DONE], t->count);
    part(l, INK_PLAIN, text);
  }
  if (t->in_state[SUBTASK_FAILED] > 0) {
    snprintf(text, sizeof text, "%zu failed", t->in_state[SUBTASK_FAILED]);
    part(l, INK_RED, text);
  }
  double cost = m->cost_before + m->cost;
  if (cost > 0) {
    snprintf(text, sizeof text, "cost %s", sheet_cost(cost, number));
    part(l, INK_PLAIN, text);
  }
  int64_t tokens = m->tokens_before + m->tokens;
  if (tokens > 0) {
    snprintf(text, sizeof text, "%s tokens", sheet_tokens(tokens, number));
    part(l, INK_PLAIN, text);
  }
}

static void progress_line(const struct sheet *s, const struct run *r) {
  int cells = s->view->width / 3;
  struct line l;
  sheet_begin(s, &l);
  sheet_bar(s, &l, r->summary->progress, cells < 10 ? 10 : cells > 40 ? 40 : cells);
  line_addf(&l, "%4d %%", (int)r->summary->progress);
  progress_parts(&l, r->summary);
  sheet_end(s, &l);
}

void layout_head(const struct sheet *s, const struct run *r) {
  head_line(s, r);
  stages_line(s, r);
  progress_line(s, r);
}
