/*
 * facts: owns the reading of an event: which of its members mean something for the summary. The
 * rules stand in summary.h. It must not know what was before the event.
 */
#include "lib/summary/facts.h"

#include <councilws/error.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_BYTES = 128 }; /* of a subtask's id, model or agent: longer ones are cut */
static const double NUMBER_MAX = 9007199254740992.0; /* 2^53, see CWS_MESSAGE_ID_MAX */

static const char *const stage_names[STAGES] = {
    [STAGE_ANALYSIS] = "analysis",   [STAGE_ROUTING] = "routing",
    [STAGE_EXECUTION] = "execution", [STAGE_ARBITRATION] = "arbitration",
    [STAGE_SYNTHESIS] = "synthesis", [STAGE_COMPLETE] = "complete",
};

const char *stage_name(enum facts_stage stage) {
  return stage == STAGE_NONE ? NULL : stage_names[stage];
}

enum facts_stage stage_from_name(const char *name) {
  for (int i = 0; i < STAGES; i++) {
    if (strcmp(stage_names[i], name) == 0)
      return (enum facts_stage)i;
  }
  return STAGE_NONE;
}

/* What an event of a type means before its data is read. */
struct type_meaning {
  const char *type;
  enum facts_role role;
  enum facts_stage stage;
  enum facts_weight weight; /* of what it says about its own subtask */
  enum subtask_state state;
};

static const struct type_meaning type_meanings[] = {
    {"processing_started", FACTS_BEGIN, STAGE_ANALYSIS, STATE_UNSAID, SUBTASK_PENDING},
    {"analysis_started", FACTS_BEGIN, STAGE_ANALYSIS, STATE_UNSAID, SUBTASK_PENDING},
    {"analysis_complete", FACTS_PLAIN, STAGE_ANALYSIS, STATE_UNSAID, SUBTASK_PENDING},
    {"decomposition_complete", FACTS_PLAIN, STAGE_ANALYSIS, STATE_UNSAID, SUBTASK_PENDING},
    {"routing_complete", FACTS_PLAIN, STAGE_ROUTING, STATE_UNSAID, SUBTASK_PENDING},
    {"execution_progress", FACTS_PLAIN, STAGE_EXECUTION, STATE_ASSUMED, SUBTASK_RUNNING},
    {"arbitration_decision", FACTS_PLAIN, STAGE_ARBITRATION, STATE_SAID, SUBTASK_DONE},
    {"synthesis_progress", FACTS_PLAIN, STAGE_SYNTHESIS, STATE_UNSAID, SUBTASK_PENDING},
    {"final_response", FACTS_FINAL, STAGE_COMPLETE, STATE_UNSAID, SUBTASK_PENDING},
    {"error", FACTS_ERROR, STAGE_NONE, STATE_SAID, SUBTASK_FAILED},
};

static const struct type_meaning any_other_type = {"", FACTS_PLAIN, STAGE_NONE, STATE_UNSAID,
                                                   SUBTASK_PENDING};

static const struct type_meaning *meaning_of(const char *type) {
  for (size_t i = 0; i < sizeof type_meanings / sizeof type_meanings[0]; i++) {
    if (strcmp(type_meanings[i].type, type) == 0)
      return &type_meanings[i];
  }
  return &any_other_type;
}

/* ---- reading members ---- */

/* The first of two members that is a number that makes sense as an amount. */
static double amount(const json_t *data, const char *name, const char *other) {
  const json_t *value = json_object_get(data, name);
  if (!json_is_number(value))
    value = other ? json_object_get(data, other) : NULL;
  if (!json_is_number(value))
    return FACTS_NO_NUMBER;
  double v = json_number_value(value);
  return v >= 0 && v <= NUMBER_MAX ? v : FACTS_NO_NUMBER;
}

/* A number, or an object of token counts: its total if it has one, else the sum of its numbers. */
static double token_count(const json_t *data) {
  const json_t *tokens = json_object_get(data, "tokens");
  if (!json_is_object(tokens))
    return amount(data, "tokens", NULL);
  double total = amount(tokens, "total_tokens", "totalTokens");
  if (total >= 0)
    return total;
  total = amount(tokens, "total", NULL);
  if (total >= 0)
    return total;
  const char *name;
  json_t *value;
  json_object_foreach((json_t *)tokens, name, value) {
    double v = amount(tokens, name, NULL);
    if (v >= 0)
      total = (total >= 0 ? total : 0) + v;
  }
  return total <= NUMBER_MAX ? total : FACTS_NO_NUMBER;
}

static double percent(const json_t *data) {
  const json_t *value = json_object_get(data, "progress");
  if (!json_is_number(value))
    return FACTS_NO_NUMBER;
  double v = json_number_value(value);
  return v < 0 ? 0 : v > 100 ? 100 : v;
}

/* A copy of at most NAME_MAX_BYTES, cut between characters. */
static char *name_copy(const char *s) {
  size_t len = strlen(s);
  if (len > NAME_MAX_BYTES) {
    len = NAME_MAX_BYTES;
    while (len > 0 && ((unsigned char)s[len] & 0xc0) == 0x80)
      len--;
  }
  return strndup(s, len);
}

/* The first of the members that is a string with something in it. */
static char *name_member(const json_t *object, const char *const *names) {
  for (; *names; names++) {
    const json_t *value = json_object_get(object, *names);
    if (json_string_length(value) > 0)
      return name_copy(json_string_value(value));
  }
  return NULL;
}

/* Ids are also given as integers. */
static char *id_member(const json_t *object, const char *const *names) {
  char *id = name_member(object, names);
  for (; !id && *names; names++) {
    const json_t *value = json_object_get(object, *names);
    if (json_is_integer(value))
      id = json_dumps(value, JSON_ENCODE_ANY);
  }
  return id;
}

static const char *const own_id_names[] = {"subtaskId", "subtask_id", NULL};
static const char *const listed_id_names[] = {"subtaskId", "subtask_id", "id", NULL};
static const char *const parent_names[] = {"parentId", "parent_id", NULL};
static const char *const model_names[] = {"model", "modelId", "model_id", NULL};
static const char *const agent_names[] = {"agent", "assistant", NULL};

/* ---- subtasks ---- */

static bool add_subtask(struct facts *f, const json_t *object, const char *const *id_names,
                        const struct type_meaning *meaning) {
  char *id = id_member(object, id_names);
  if (!id)
    return false;
  struct facts_subtask *t = &f->subtasks[f->count++];
  t->id = id;
  t->parent = id_member(object, parent_names);
  t->model = name_member(object, model_names);
  t->agent = name_member(object, agent_names);
  t->state = meaning->state;
  t->weight = meaning->weight;
  const char *word = json_string_value(json_object_get(object, "status"));
  if (word && t->weight != STATE_SAID && subtask_state_from_word(word, &t->state))
    t->weight = STATE_SAID;
  return true;
}

static const json_t *listed_subtasks(const struct type_meaning *meaning, const json_t *data) {
  const char *name = NULL;
  if (strcmp(meaning->type, "routing_complete") == 0)
    name = "assignments";
  else if (strcmp(meaning->type, "decomposition_complete") == 0)
    name = "subtasks";
  return name ? json_object_get(data, name) : NULL;
}

static int read_subtasks(struct facts *f, const struct type_meaning *meaning, const json_t *data) {
  const json_t *list = listed_subtasks(meaning, data);
  size_t listed = json_array_size(list);
  if (listed > SUBTASKS_COUNTED_MAX)
    listed = SUBTASKS_COUNTED_MAX;
  f->subtasks = calloc(listed + 1, sizeof *f->subtasks);
  if (!f->subtasks)
    return CWS_ENOMEM;
  f->has_own = add_subtask(f, data, own_id_names, meaning);
  for (size_t i = 0; i < listed; i++)
    add_subtask(f, json_array_get(list, i), listed_id_names, &any_other_type);
  /* One assignment at a time tells nothing of how many are to come. */
  f->declares_all = listed > 1 || (listed == 1 && meaning->stage == STAGE_ANALYSIS);
  return 0;
}

/* ---- the event ---- */

static void read_members(struct facts *f, const json_t *data) {
  const char *stage = json_string_value(json_object_get(data, "stage"));
  if (stage && stage_from_name(stage) != STAGE_NONE)
    f->stage = stage_from_name(stage);
  if (f->role == FACTS_ERROR && json_is_true(json_object_get(data, "retrying")))
    f->role = FACTS_PLAIN;
  f->success = !json_is_false(json_object_get(data, "success"));
  f->progress = percent(data);
  if (f->role == FACTS_FINAL) {
    f->cost = amount(data, "totalCost", "cost");
    f->tokens = amount(data, "totalTokens", NULL);
  } else {
    f->cost = amount(data, "cost", NULL);
  }
  if (f->tokens < 0)
    f->tokens = token_count(data);
}

struct facts *facts_new(const char *type, const json_t *data) {
  const struct type_meaning *meaning = meaning_of(type);
  struct facts *f = calloc(1, sizeof *f);
  if (!f)
    return NULL;
  f->role = meaning->role;
  f->stage = meaning->stage;
  f->success = true;
  f->progress = f->cost = f->tokens = FACTS_NO_NUMBER;
  if (!json_is_object(data))
    return f;
  read_members(f, data);
  struct type_meaning own = *meaning;
  if (meaning->role == FACTS_ERROR && f->role == FACTS_PLAIN)
    own.weight = STATE_UNSAID; /* it is being tried again */
  if (read_subtasks(f, &own, data)) {
    facts_free(f);
    return NULL;
  }
  return f;
}

void facts_free(struct facts *f) {
  if (!f)
    return;
  for (size_t i = 0; i < f->count; i++) {
    free(f->subtasks[i].id);
    free(f->subtasks[i].parent);
    free(f->subtasks[i].model);
    free(f->subtasks[i].agent);
  }
  free(f->subtasks);
  free(f);
}
