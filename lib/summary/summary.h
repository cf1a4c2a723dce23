/*
 * summary: what one can say of a request by looking at its events: status, stage, progress,
 * subtasks, cost, tokens. A fold over events: the hub keeps one of each request, a terminal that
 * shows one folds its own.
 *
 * Rules. A member of the wrong type, or a number that is negative or beyond 2^53, says nothing.
 *
 * Stage: by type: processing_started, analysis_started, analysis_complete, decomposition_complete →
 * analysis; routing_complete → routing; execution_progress → execution; arbitration_decision →
 * arbitration; synthesis_progress → synthesis; final_response → complete. data.stage beats the type
 * where it is one of these six names. It only moves forward within a run.
 *
 * Status: pending until the first event, then processing. final_response ends the run: failed where
 * data.success is false, else completed. So does `error` (failed) without "retrying": true. The
 * last of several ends counts.
 *
 * Runs: processing_started or analysis_started after an end begins another run: status, stage,
 * progress and subtasks start over; cost and tokens go on, so the totals are those of the request.
 *
 * Progress, 0–100: data.progress of an event that names no subtask, always as percent; from then on
 * only such events move it. Else it is derived: 5 in analysis, 10 in routing, 20 from execution on,
 * plus 60 × (share of subtasks that have ended; a running one counts with its own data.progress)
 * where the run has said how many there are (decomposition_complete, or a routing_complete with
 * several assignments), and then 85 in synthesis. Where it has not, four more subtasks are assumed
 * to come. It never goes back within a run; 100 comes with completed only, 99 is the most before.
 *
 * Cost: the sum of data.cost; a final_response's data.totalCost (or cost) takes the place of the
 * run's sum. Tokens alike, of data.tokens: a number, or an object whose total_tokens (or total)
 * counts, else the sum of its numbers; final_response: data.totalTokens (or tokens).
 *
 * Subtasks: named by data.subtaskId of any event, data.assignments[].subtaskId of routing_complete
 * and data.subtasks[].subtaskId (or id) of decomposition_complete. data.status sets the state:
 * pending, queued → pending; running, started, in_progress → running; completed, complete, done,
 * success → done; failed, error → failed. execution_progress without a status makes a pending one
 * running, arbitration_decision makes it done, an `error` that ends the run makes it failed. cost
 * and tokens of its events add up. data.model or modelId, and data.agent or assistant, are kept. At
 * most 1,000 are tracked, 9,000 more counted; names are cut at 128 bytes.
 */
#ifndef CWS_SUMMARY_H
#define CWS_SUMMARY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum summary_status { SUMMARY_PENDING, SUMMARY_PROCESSING, SUMMARY_COMPLETED, SUMMARY_FAILED };

/* What one event contributes; taken from its parsed data when it is published, off the writer's
 * thread. */
struct facts;
struct facts *facts_new(const char *type, const json_t *data); /* NULL when memory is out */
void facts_free(struct facts *f);                              /* NULL is fine */

struct summary;
struct summary *summary_new(void);
void summary_free(struct summary *s);
void summary_reset(struct summary *s); /* as new */
/* Events at or before summary_message_id are ignored, so none counts twice. When memory is out a
 * new subtask is not tracked; everything else is folded all the same. */
void summary_fold(struct summary *s, const struct facts *f, int64_t message_id);
int64_t summary_message_id(const struct summary *s); /* of the last event folded in */
enum summary_status summary_status(const struct summary *s);
const char *summary_status_name(enum summary_status status);
bool summary_status_from_name(const char *name, enum summary_status *out);

#endif
