/* run: see run.h. */
#include "cli/picture/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 400 /* bytes of a message that are kept */
#define DAY_MS 86400000

struct run *run_new(const char *request_id) {
  struct run *r = calloc(1, sizeof *r);
  if (r == NULL)
    return NULL;
  r->request_id = strdup(request_id);
  r->summary = summary_new();
  if (r->request_id != NULL && r->summary != NULL)
    return r;
  run_free(r);
  return NULL;
}

static void forget_nodes(struct run *r) {
  for (size_t i = 0; i < r->count; i++) {
    free(r->nodes[i].id);
    free(r->nodes[i].message);
  }
  r->count = 0;
}

void run_free(struct run *r) {
  if (r == NULL)
    return;
  forget_nodes(r);
  free(r->nodes);
  free(r->hashes);
  free(r->request_id);
  free(r->response);
  summary_free(r->summary);
  free(r);
}

bool run_has_ended(const struct run *r) {
  return r->summary->status == SUMMARY_COMPLETED || r->summary->status == SUMMARY_FAILED;
}

/* ---- nodes ---- */

static uint32_t hash_of(const char *id) {
  uint32_t h = 2166136261u; /* FNV-1a */
  for (; *id != '\0'; id++)
    h = (h ^ (uint8_t)*id) * 16777619u;
  return h;
}

static bool reserve(struct run *r) {
  if (r->count >= RUN_NODES_MAX)
    return false;
  if (r->count < r->cap)
    return true;
  size_t cap = r->cap > 0 ? r->cap * 2 : 16;
  struct run_node *nodes = realloc(r->nodes, cap * sizeof *nodes);
  if (nodes != NULL)
    r->nodes = nodes;
  uint32_t *hashes = realloc(r->hashes, cap * sizeof *hashes);
  if (hashes != NULL)
    r->hashes = hashes;
  if (nodes == NULL || hashes == NULL)
    return false;
  r->cap = cap;
  return true;
}

/* Finds or adds; RUN_NONE when there are too many. */
static size_t node_of(struct run *r, const char *id) {
  uint32_t hash = hash_of(id);
  for (size_t i = 0; i < r->count; i++) {
    if (r->hashes[i] == hash && strcmp(r->nodes[i].id, id) == 0)
      return i;
  }
  char *copy = reserve(r) ? strdup(id) : NULL;
  if (copy == NULL)
    return RUN_NONE;
  r->hashes[r->count] = hash;
  r->nodes[r->count] = (struct run_node){
      .id = copy, .parent = RUN_NONE, .item = RUN_NONE, .confidence = -1, .seconds = -1};
  return r->count++;
}

/* A parent that is below its own child would make a ring: it is not believed. */
static void set_parent(struct run *r, size_t child, const char *parent_id) {
  size_t parent = node_of(r, parent_id);
  for (size_t up = parent; up != RUN_NONE; up = r->nodes[up].parent) {
    if (up == child)
      return;
  }
  if (parent != RUN_NONE)
    r->nodes[child].parent = parent;
}

const struct subtask *run_subtask(const struct run *r, size_t node) {
  size_t item = r->nodes[node].item;
  return item < r->summary->subtasks.tracked ? &r->summary->subtasks.items[item] : NULL;
}

/* ---- what an event says beside the summary ---- */

static void keep_text(char **kept, const json_t *value) {
  const char *text = json_string_value(value);
  if (text == NULL)
    return;
  char *copy = strndup(text, TEXT_MAX);
  if (copy == NULL)
    return;
  free(*kept);
  *kept = copy;
}

static void keep_amount(double *kept, const json_t *value) {
  if (json_is_number(value) && json_number_value(value) >= 0)
    *kept = json_number_value(value);
}

static void own_words(struct run_node *n, const json_t *data) {
  keep_text(&n->message, json_object_get(data, "message"));
  keep_amount(&n->confidence, json_object_get(data, "confidence"));
  keep_amount(&n->seconds, json_object_get(data, "executionTime"));
}

static void fold_node(struct run *r, const struct facts_subtask *t, int64_t time_ms,
                      const json_t *own_data) {
  struct subtask *item = subtasks_get(&r->summary->subtasks, t->id);
  size_t i = item != NULL ? node_of(r, t->id) : RUN_NONE;
  if (i == RUN_NONE) /* only counted */
    return;
  r->nodes[i].item = (size_t)(item - r->summary->subtasks.items);
  if (t->parent != NULL)
    set_parent(r, i, t->parent);
  struct run_node *n = &r->nodes[i];
  n->touched = ++r->touches;
  if (own_data == NULL)
    return;
  if (n->first_ms == 0)
    n->first_ms = time_ms;
  n->last_ms = time_ms;
  own_words(n, own_data);
}

/* Adds "name: value" as a line. */
static void add_member(char **text, const char *name, const json_t *value) {
  char *shown = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(10));
  size_t before = *text != NULL ? strlen(*text) : 0;
  size_t size = shown != NULL ? before + strlen(name) + strlen(shown) + sizeof "\n: " : 0;
  char *longer = size > 0 ? realloc(*text, size) : NULL;
  if (longer != NULL) {
    snprintf(longer + before, size - before, "%s%s: %s", before > 0 ? "\n" : "", name, shown);
    *text = longer;
  }
  free(shown);
}

/* A response without words: its members, but for what the head of the picture tells anyway. */
static char *other_members(const json_t *data) {
  static const char *const TOLD[] = {"success", "totalCost", "totalTokens", "cost", "tokens"};
  char *text = NULL;
  const char *name;
  json_t *value;
  json_object_foreach((json_t *)data, name, value) {
    bool is_told = false;
    for (size_t i = 0; i < sizeof TOLD / sizeof TOLD[0]; i++)
      is_told = is_told || strcmp(TOLD[i], name) == 0;
    if (!is_told)
      add_member(&text, name, value);
  }
  return text;
}

/* A NUL within it becomes a blank. */
static char *copy_of(const json_t *string) {
  size_t len = json_string_length(string);
  char *text = malloc(len + 1);
  if (text == NULL)
    return NULL;
  memcpy(text, json_string_value(string), len);
  text[len] = '\0';
  for (size_t i = 0; i < len; i++)
    text[i] = text[i] == '\0' ? ' ' : text[i];
  return text;
}

static void keep_response(struct run *r, const json_t *data) {
  static const char *const NAMES[] = {"content", "response", "result", "answer",  "text",
                                      "output",  "message",  "error",  "summary", NULL};
  char *text = NULL;
  for (const char *const *name = NAMES; *name != NULL && text == NULL; name++) {
    const json_t *value = json_object_get(data, *name);
    if (json_string_length(value) > 0)
      text = copy_of(value);
  }
  if (text == NULL && json_is_string(data))
    text = copy_of(data);
  else if (text == NULL && json_is_object(data))
    text = other_members(data);
  for (char *c = text; c != NULL && *c != '\0'; c++)
    *c = *c == '\t' || *c == '\r' ? ' ' : *c;
  free(r->response);
  r->response = text;
}

static void fold(struct run *r, const struct cws_event *event, const json_t *data,
                 int64_t time_ms) {
  struct facts *f = facts_new(event->type, data);
  if (f == NULL)
    return;
  if (f->role == FACTS_BEGIN && run_has_ended(r)) {
    forget_nodes(r);
    free(r->response);
    r->response = NULL;
    r->first_ms = time_ms;
  }
  summary_fold(r->summary, f, event->message_id);
  for (size_t i = 0; i < f->count; i++)
    fold_node(r, &f->subtasks[i], time_ms, i == 0 && f->has_own ? data : NULL);
  if (f->role == FACTS_FINAL || f->role == FACTS_ERROR)
    keep_response(r, data);
  facts_free(f);
}

void run_event(struct run *r, const struct cws_event *event, const json_t *data, int64_t now_ms) {
  if (event->message_id <= r->summary->message_id)
    return;
  int64_t time_ms;
  if (cws_timestamp_parse(event->timestamp, &time_ms) != 0)
    time_ms = now_ms;
  if (r->first_ms == 0)
    r->first_ms = time_ms;
  fold(r, event, data, time_ms);
  r->last_ms = time_ms;
  r->heard_ms = now_ms;
}

void run_link(struct run *r, enum run_link link, int64_t retry_ms) {
  r->link = link;
  r->retry_ms = retry_ms;
}

int64_t run_elapsed_ms(const struct run *r, int64_t now_ms) {
  if (r->first_ms == 0)
    return 0;
  int64_t elapsed = r->last_ms - r->first_ms;
  if (!run_has_ended(r)) {
    /* Timestamps of today are by the clock; others are of a run that is replayed. */
    bool is_of_today = now_ms >= r->last_ms && now_ms - r->last_ms < DAY_MS;
    elapsed += now_ms - (is_of_today ? r->last_ms : r->heard_ms);
  }
  return elapsed > 0 ? elapsed : 0;
}
