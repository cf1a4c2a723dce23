/* summary_state: what a summary consists of; for the files that fold it and that write it down. */
#ifndef CWS_SUMMARY_STATE_H
#define CWS_SUMMARY_STATE_H

#include "lib/summary/facts.h"

struct summary {
  int64_t message_id;
  enum summary_status status;
  enum facts_stage stage;
  double progress;
  bool progress_is_given;   /* by the publisher: deriving has ended for this run */
  bool total_is_known;      /* the run has listed its subtasks */
  double cost_before, cost; /* of the runs that ended before, of this one */
  int64_t tokens_before, tokens;
  struct subtasks subtasks;
};

#endif
