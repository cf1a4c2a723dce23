/*
 * subtasks: owns the list of a run's parts. Lookup scans an array of 32-bit hashes, which for the
 * most that are tracked is one or two pages of memory. It must not know events or JSON.
 */
#include "lib/summary/subtasks.h"

#include <stdlib.h>
#include <string.h>

void subtasks_init(struct subtasks *s) {
  *s = (struct subtasks){0};
}

void subtasks_finish(struct subtasks *s) {
  for (size_t i = 0; i < s->tracked; i++) {
    free(s->items[i].id);
    free(s->items[i].model);
    free(s->items[i].agent);
  }
  free(s->items);
  free(s->hashes);
  subtasks_init(s);
}

static uint32_t hash_of(const char *id) {
  uint32_t h = 2166136261u; /* FNV-1a */
  for (; *id; id++)
    h = (h ^ (uint8_t)*id) * 16777619u;
  return h;
}

bool subtasks_count_hash(struct subtasks *s, uint32_t hash) {
  if (s->count >= SUBTASKS_COUNTED_MAX)
    return false;
  if (s->count == s->hashes_cap) {
    size_t cap = s->hashes_cap ? s->hashes_cap * 2 : 8;
    uint32_t *hashes = realloc(s->hashes, cap * sizeof *hashes);
    if (!hashes)
      return false;
    s->hashes = hashes;
    s->hashes_cap = cap;
  }
  s->hashes[s->count++] = hash;
  return true;
}

static bool items_reserve(struct subtasks *s) {
  if (s->tracked < s->items_cap)
    return true;
  size_t cap = s->items_cap ? s->items_cap * 2 : 4;
  struct subtask *items = realloc(s->items, cap * sizeof *items);
  if (!items)
    return false;
  s->items = items;
  s->items_cap = cap;
  return true;
}

static struct subtask *subtasks_add(struct subtasks *s, const char *id, uint32_t hash) {
  /* Items and hashes share their indices: once one could only be counted, so is every later one. */
  if (s->tracked >= SUBTASKS_TRACKED_MAX || s->tracked < s->count || !items_reserve(s)) {
    subtasks_count_hash(s, hash);
    return NULL;
  }
  char *copy = strdup(id);
  if (!copy || !subtasks_count_hash(s, hash)) {
    free(copy);
    return NULL;
  }
  struct subtask *item = &s->items[s->tracked++];
  *item = (struct subtask){.id = copy, .state = SUBTASK_PENDING};
  s->in_state[SUBTASK_PENDING]++;
  return item;
}

struct subtask *subtasks_get(struct subtasks *s, const char *id) {
  uint32_t hash = hash_of(id);
  for (size_t i = 0; i < s->count; i++) {
    if (s->hashes[i] != hash)
      continue;
    if (i >= s->tracked)
      return NULL;
    if (strcmp(s->items[i].id, id) == 0)
      return &s->items[i];
  }
  return subtasks_add(s, id, hash);
}

static double share_of(const struct subtask *item) {
  bool has_ended = item->state == SUBTASK_DONE || item->state == SUBTASK_FAILED;
  return has_ended ? 1 : item->progress / 100;
}

void subtasks_update(struct subtasks *s, struct subtask *item, enum subtask_state state,
                     double progress) {
  s->finished -= share_of(item);
  s->in_state[item->state]--;
  item->state = state;
  item->progress = progress;
  s->in_state[state]++;
  s->finished += share_of(item);
}

static const char *const state_names[SUBTASK_STATES] = {
    [SUBTASK_PENDING] = "pending",
    [SUBTASK_RUNNING] = "running",
    [SUBTASK_DONE] = "done",
    [SUBTASK_FAILED] = "failed",
};

const char *subtask_state_name(enum subtask_state state) {
  return state_names[state];
}

static const struct {
  const char *word;
  enum subtask_state state;
} state_words[] = {
    {"pending", SUBTASK_PENDING}, {"queued", SUBTASK_PENDING},      {"running", SUBTASK_RUNNING},
    {"started", SUBTASK_RUNNING}, {"in_progress", SUBTASK_RUNNING}, {"completed", SUBTASK_DONE},
    {"complete", SUBTASK_DONE},   {"done", SUBTASK_DONE},           {"success", SUBTASK_DONE},
    {"failed", SUBTASK_FAILED},   {"error", SUBTASK_FAILED},
};

bool subtask_state_from_word(const char *word, enum subtask_state *out) {
  for (size_t i = 0; i < sizeof state_words / sizeof state_words[0]; i++) {
    if (strcmp(state_words[i].word, word) == 0) {
      *out = state_words[i].state;
      return true;
    }
  }
  return false;
}
