/*
 * summary: owns the fold: how the facts of one event change what is known of a request. The rules
 * stand in summary.h. It must not know JSON, streams or the store.
 */
#include "lib/summary/summary_state.h"

#include <councilws/event.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double PROGRESS_MAX_BEFORE_END = 99;
static const double UNDECLARED_SUBTASKS = 4; /* assumed to come while their number is not known */
static const int64_t TOKENS_MAX = CWS_MESSAGE_ID_MAX;

struct summary *summary_new(void) {
  struct summary *s = calloc(1, sizeof *s);
  if (s)
    s->stage = STAGE_NONE;
  return s;
}

void summary_free(struct summary *s) {
  if (!s)
    return;
  subtasks_finish(&s->subtasks);
  free(s);
}

void summary_reset(struct summary *s) {
  subtasks_finish(&s->subtasks);
  *s = (struct summary){.stage = STAGE_NONE};
}

int64_t summary_message_id(const struct summary *s) {
  return s->message_id;
}
enum summary_status summary_status(const struct summary *s) {
  return s->status;
}

static const char *const status_names[] = {
    [SUMMARY_PENDING] = "pending",
    [SUMMARY_PROCESSING] = "processing",
    [SUMMARY_COMPLETED] = "completed",
    [SUMMARY_FAILED] = "failed",
};

const char *summary_status_name(enum summary_status status) {
  return status_names[status];
}

bool summary_status_from_name(const char *name, enum summary_status *out) {
  for (size_t i = 0; i < sizeof status_names / sizeof status_names[0]; i++) {
    if (strcmp(status_names[i], name) == 0) {
      *out = (enum summary_status)i;
      return true;
    }
  }
  return false;
}

static int64_t tokens_sum(int64_t a, double b) {
  int64_t more = llround(b);
  return more > TOKENS_MAX - a ? TOKENS_MAX : a + more;
}

static bool has_ended(const struct summary *s) {
  return s->status == SUMMARY_COMPLETED || s->status == SUMMARY_FAILED;
}

static void begin_again(struct summary *s) {
  s->status = SUMMARY_PROCESSING;
  s->stage = STAGE_NONE;
  s->progress = 0;
  s->progress_is_given = s->total_is_known = false;
  s->cost_before += s->cost;
  s->cost = 0;
  s->tokens_before = tokens_sum(s->tokens_before, (double)s->tokens);
  s->tokens = 0;
  subtasks_finish(&s->subtasks);
}

/* ---- subtasks ---- */

static void keep_name(char **kept, const char *name) {
  if (!name || (*kept && strcmp(*kept, name) == 0))
    return;
  char *copy = strdup(name);
  if (!copy)
    return;
  free(*kept);
  *kept = copy;
}

static void fold_own(struct subtask *item, const struct facts *f, double *progress) {
  if (f->progress >= 0)
    *progress = f->progress;
  if (f->role == FACTS_FINAL)
    return;
  if (f->cost > 0)
    item->cost += f->cost;
  if (f->tokens > 0)
    item->tokens = tokens_sum(item->tokens, f->tokens);
}

static void fold_subtask(struct summary *s, const struct facts *f, size_t i) {
  const struct facts_subtask *t = &f->subtasks[i];
  struct subtask *item = subtasks_get(&s->subtasks, t->id);
  if (!item)
    return;
  keep_name(&item->model, t->model);
  keep_name(&item->agent, t->agent);
  enum subtask_state state = item->state;
  if (t->weight == STATE_SAID || (t->weight == STATE_ASSUMED && state == SUBTASK_PENDING))
    state = t->state;
  double progress = item->progress;
  if (i == 0 && f->has_own)
    fold_own(item, f, &progress);
  subtasks_update(&s->subtasks, item, state, progress);
}

static void fold_subtasks(struct summary *s, const struct facts *f) {
  for (size_t i = 0; i < f->count; i++)
    fold_subtask(s, f, i);
  if (f->declares_all)
    s->total_is_known = true;
}

/* ---- totals, end, progress ---- */

static void fold_totals(struct summary *s, const struct facts *f) {
  bool is_final = f->role == FACTS_FINAL;
  if (f->cost >= 0)
    s->cost = is_final ? f->cost : s->cost + f->cost;
  if (f->tokens >= 0)
    s->tokens = tokens_sum(is_final ? 0 : s->tokens, f->tokens);
}

static void fold_status(struct summary *s, const struct facts *f) {
  if (f->role == FACTS_FINAL)
    s->status = f->success ? SUMMARY_COMPLETED : SUMMARY_FAILED;
  else if (f->role == FACTS_ERROR)
    s->status = SUMMARY_FAILED;
  else if (s->status == SUMMARY_PENDING)
    s->status = SUMMARY_PROCESSING;
}

static double stage_floor(const struct summary *s) {
  if (s->stage == STAGE_NONE)
    return 0;
  if (s->stage == STAGE_ANALYSIS)
    return 5;
  if (s->stage == STAGE_ROUTING)
    return 10;
  return s->stage >= STAGE_SYNTHESIS && s->total_is_known ? 85 : 20;
}

static double derived_progress(const struct summary *s) {
  double floor = stage_floor(s), total = (double)s->subtasks.count;
  if (s->subtasks.finished <= 0)
    return floor;
  if (!s->total_is_known)
    total += UNDECLARED_SUBTASKS;
  double share = 20 + 60 * (s->subtasks.finished / total);
  return share > floor ? share : floor;
}

static void fold_progress(struct summary *s, const struct facts *f) {
  double progress = -1;
  if (f->progress >= 0 && !f->has_own) {
    s->progress_is_given = true;
    progress = f->progress;
  } else if (!s->progress_is_given) {
    progress = derived_progress(s);
  }
  if (progress > PROGRESS_MAX_BEFORE_END)
    progress = PROGRESS_MAX_BEFORE_END;
  if (progress > s->progress)
    s->progress = progress;
  if (s->status == SUMMARY_COMPLETED)
    s->progress = 100;
}

void summary_fold(struct summary *s, const struct facts *f, int64_t message_id) {
  if (message_id <= s->message_id)
    return;
  s->message_id = message_id;
  if (f->role == FACTS_BEGIN && has_ended(s))
    begin_again(s);
  if (f->stage > s->stage)
    s->stage = f->stage;
  fold_subtasks(s, f);
  fold_totals(s, f);
  fold_status(s, f);
  fold_progress(s, f);
}
