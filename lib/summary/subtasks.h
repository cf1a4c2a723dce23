/* subtasks: the parts of a run, found by their id. Part of a summary. */
#ifndef CWS_SUMMARY_SUBTASKS_H
#define CWS_SUMMARY_SUBTASKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SUBTASKS_TRACKED_MAX 1000  /* with state and totals; more are only counted */
#define SUBTASKS_COUNTED_MAX 10000 /* more are not even counted */

enum subtask_state { SUBTASK_PENDING, SUBTASK_RUNNING, SUBTASK_DONE, SUBTASK_FAILED };
#define SUBTASK_STATES 4

struct subtask {
  char *id, *model, *agent; /* model and agent may be NULL */
  enum subtask_state state;
  double progress; /* 0 … 100, as the publisher said */
  double cost;
  int64_t tokens;
};

struct subtasks {
  struct subtask *items;
  size_t tracked, items_cap;
  uint32_t *hashes; /* of every id that was counted; the first `tracked` are those of the items */
  size_t count, hashes_cap;
  size_t in_state[SUBTASK_STATES]; /* of the tracked ones */
  double finished;                 /* sum over the tracked ones, each 0 … 1 */
};

void subtasks_init(struct subtasks *s);
void subtasks_finish(struct subtasks *s);
/* Finds or adds. NULL where it is only counted, or memory is out. Good until the next call. */
struct subtask *subtasks_get(struct subtasks *s, const char *id);
/* Counts one that is known by its hash alone. */
bool subtasks_count_hash(struct subtasks *s, uint32_t hash);
void subtasks_update(struct subtasks *s, struct subtask *item, enum subtask_state state,
                     double progress);

const char *subtask_state_name(enum subtask_state state);
/* The words publishers use for a state: "started", "in_progress", "complete", "success", … */
bool subtask_state_from_word(const char *word, enum subtask_state *out);

#endif
