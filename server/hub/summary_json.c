/*
 * summary_json: owns how a summary is written: the members that clients see, and the state that is
 * kept in the store and read again. It must not know how a summary comes about.
 */
#include "server/hub/summary_json.h"

#include "lib/summary/summary_state.h"
#include "server/hub/number.h"
#include <stdlib.h>
#include <string.h>

enum { STATE_VERSION = 1 };

static void append_text(struct buf *b, const char *s) {
  buf_add_json_str(b, s, strlen(s));
}

static void append_text_or_null(struct buf *b, const char *s) {
  if (s)
    append_text(b, s);
  else
    buf_add_str(b, "null");
}

/* ---- what clients see ---- */

/* Ten digits: sums of decimal money come out as decimals, without the noise of binary fractions. */
static void append_money(struct buf *b, double v) {
  number_append(b, 10, v);
}

void summary_append_members(const struct summary *s, struct buf *b) {
  buf_addf(b, "\"status\":\"%s\",\"stage\":", summary_status_name(s->status));
  append_text_or_null(b, stage_name(s->stage));
  buf_add_str(b, ",\"progress\":");
  number_append(b, 4, s->progress);
  buf_add_str(b, ",\"cost\":");
  append_money(b, s->cost_before + s->cost);
  buf_add_str(b, ",\"tokens\":");
  buf_add_i64(b, s->tokens_before + s->tokens);
}

static void append_item(const struct subtask *t, struct buf *b) {
  buf_add_str(b, "{\"id\":");
  append_text(b, t->id);
  buf_addf(b, ",\"status\":\"%s\"", subtask_state_name(t->state));
  if (t->model) {
    buf_add_str(b, ",\"model\":");
    append_text(b, t->model);
  }
  if (t->agent) {
    buf_add_str(b, ",\"agent\":");
    append_text(b, t->agent);
  }
  buf_add_str(b, ",\"cost\":");
  append_money(b, t->cost);
  buf_addf(b, ",\"tokens\":%lld}", (long long)t->tokens);
}

void summary_append_subtasks(const struct summary *s, struct buf *b) {
  const struct subtasks *t = &s->subtasks;
  buf_addf(b, "\"subtasks\":{\"total\":%zu,\"done\":%zu,\"running\":%zu,\"failed\":%zu,\"items\":[",
           t->count, t->in_state[SUBTASK_DONE], t->in_state[SUBTASK_RUNNING],
           t->in_state[SUBTASK_FAILED]);
  for (size_t i = 0; i < t->tracked; i++) {
    if (i > 0)
      buf_add_char(b, ',');
    append_item(&t->items[i], b);
  }
  buf_add_str(b, "]}");
}

/* ---- state ---- */

static void append_state_item(const struct subtask *t, struct buf *b) {
  buf_add_char(b, '[');
  append_text(b, t->id);
  buf_addf(b, ",%d,", (int)t->state);
  append_text_or_null(b, t->model);
  buf_add_char(b, ',');
  append_text_or_null(b, t->agent);
  buf_add_char(b, ',');
  number_append(b, NUMBER_EXACT_DIGITS, t->progress);
  buf_add_char(b, ',');
  number_append(b, NUMBER_EXACT_DIGITS, t->cost);
  buf_addf(b, ",%lld]", (long long)t->tokens);
}

static void append_state_head(const struct summary *s, struct buf *b) {
  buf_addf(b, "{\"version\":%d,\"message_id\":%lld,\"status\":%d,\"stage\":%d,\"progress\":",
           STATE_VERSION, (long long)s->message_id, (int)s->status, (int)s->stage);
  number_append(b, NUMBER_EXACT_DIGITS, s->progress);
  buf_addf(b, ",\"progress_is_given\":%s,\"total_is_known\":%s,\"cost\":[",
           s->progress_is_given ? "true" : "false", s->total_is_known ? "true" : "false");
  number_append(b, NUMBER_EXACT_DIGITS, s->cost_before);
  buf_add_char(b, ',');
  number_append(b, NUMBER_EXACT_DIGITS, s->cost);
  buf_addf(b, "],\"tokens\":[%lld,%lld]", (long long)s->tokens_before, (long long)s->tokens);
}

void summary_append_state(const struct summary *s, struct buf *b) {
  const struct subtasks *t = &s->subtasks;
  append_state_head(s, b);
  buf_add_str(b, ",\"subtasks\":[");
  for (size_t i = 0; i < t->tracked; i++) {
    if (i > 0)
      buf_add_char(b, ',');
    append_state_item(&t->items[i], b);
  }
  buf_add_str(b, "],\"counted\":[");
  for (size_t i = t->tracked; i < t->count; i++)
    buf_addf(b, i > t->tracked ? ",%lu" : "%lu", (unsigned long)t->hashes[i]);
  buf_add_str(b, "]}");
}

static char *copy_or_null(const json_t *value) {
  return json_is_string(value) ? strdup(json_string_value(value)) : NULL;
}

static bool read_item(struct subtasks *list, json_t *array) {
  const char *id;
  json_t *model, *agent;
  int state;
  double progress, cost;
  json_int_t tokens;
  if (json_unpack(array, "[s,i,o,o,F,F,I!]", &id, &state, &model, &agent, &progress, &cost,
                  &tokens) ||
      state < 0 || state >= SUBTASK_STATES)
    return false;
  size_t before = list->tracked;
  struct subtask *item = subtasks_get(list, id);
  if (!item || list->tracked == before)
    return false;
  item->model = copy_or_null(model);
  item->agent = copy_or_null(agent);
  item->cost = cost;
  item->tokens = tokens;
  subtasks_update(list, item, (enum subtask_state)state, progress);
  return true;
}

static bool read_subtasks(struct subtasks *list, json_t *items, json_t *counted) {
  if (!json_is_array(items) || !json_is_array(counted))
    return false;
  for (size_t i = 0; i < json_array_size(items); i++) {
    if (!read_item(list, json_array_get(items, i)))
      return false;
  }
  for (size_t i = 0; i < json_array_size(counted); i++) {
    const json_t *hash = json_array_get(counted, i);
    if (!json_is_integer(hash) || !subtasks_count_hash(list, (uint32_t)json_integer_value(hash)))
      return false;
  }
  return true;
}

static bool read_state(struct summary *s, json_t *root) {
  int version, status, stage, is_given, is_known;
  json_int_t message_id, tokens_before, tokens;
  json_t *items, *counted;
  if (json_unpack(root, "{s:i,s:I,s:i,s:i,s:F,s:b,s:b,s:[F,F],s:[I,I],s:o,s:o}", "version",
                  &version, "message_id", &message_id, "status", &status, "stage", &stage,
                  "progress", &s->progress, "progress_is_given", &is_given, "total_is_known",
                  &is_known, "cost", &s->cost_before, &s->cost, "tokens", &tokens_before, &tokens,
                  "subtasks", &items, "counted", &counted))
    return false;
  if (version != STATE_VERSION || status < SUMMARY_PENDING || status > SUMMARY_FAILED ||
      stage < STAGE_NONE || stage >= STAGES || message_id < 0 || tokens < 0 || tokens_before < 0)
    return false;
  s->message_id = message_id;
  s->status = (enum summary_status)status;
  s->stage = (enum facts_stage)stage;
  s->progress_is_given = is_given;
  s->total_is_known = is_known;
  s->tokens_before = tokens_before;
  s->tokens = tokens;
  return read_subtasks(&s->subtasks, items, counted);
}

struct summary *summary_from_json(const char *json) {
  struct summary *s = summary_new();
  json_t *root = json_loads(json, 0, NULL);
  if (s && !read_state(s, root)) {
    summary_free(s);
    s = NULL;
  }
  json_decref(root);
  return s;
}
