/* facts: what one event says about its run. Made where the event is published, folded where it is
 * committed. */
#ifndef CWS_SUMMARY_FACTS_H
#define CWS_SUMMARY_FACTS_H

#include "lib/summary/subtasks.h"
#include "lib/summary/summary.h"

enum facts_role {
  FACTS_PLAIN,
  FACTS_BEGIN, /* processing_started, analysis_started */
  FACTS_FINAL, /* final_response */
  FACTS_ERROR, /* error without "retrying": true */
};

enum facts_stage {
  STAGE_NONE = -1,
  STAGE_ANALYSIS,
  STAGE_ROUTING,
  STAGE_EXECUTION,
  STAGE_ARBITRATION,
  STAGE_SYNTHESIS,
  STAGE_COMPLETE,
};
#define STAGES 6

/* How firmly an event speaks of a subtask's state. */
enum facts_weight {
  STATE_UNSAID,
  STATE_ASSUMED, /* only moves a pending one */
  STATE_SAID,
};

struct facts_subtask {
  char *id, *parent, *model, *agent; /* all but the id may be NULL */
  enum subtask_state state;
  enum facts_weight weight;
};

#define FACTS_NO_NUMBER (-1.0)

struct facts {
  enum facts_role role;
  enum facts_stage stage;
  bool success;                  /* of FACTS_FINAL */
  bool declares_all;             /* it lists the run's subtasks, so their number is known */
  bool has_own;                  /* subtasks[0] is what the whole event is about */
  double progress, cost, tokens; /* FACTS_NO_NUMBER where it gives none */
  size_t count;
  struct facts_subtask *subtasks;
};

const char *stage_name(enum facts_stage stage); /* NULL for STAGE_NONE */
enum facts_stage stage_from_name(const char *name);

#endif
