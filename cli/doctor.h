/*
 * doctor: what the files of `doctor` share. cmd_doctor.c asks the network and puts the steps in
 * order, doctor_token.c judges the token, doctor_trip.c goes from publish to watch, and
 * doctor_report.c says what came of each. doctor_net.c does the asking and knows none of it.
 */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include <councilws/client.h>
#include <stdbool.h>

#include "cli/runner.h"

enum verdict { VERDICT_OK, VERDICT_WARNING, VERDICT_FAILED, VERDICT_SKIPPED };

/* What comes over a WebSocket, in this order. */
enum step { STEP_UPGRADE, STEP_PUBLISH, STEP_WATCH, STEP_DONE };

struct doctor {
  struct runner runner;
  const struct options *options;
  bool is_json;
  int exit_code; /* of the first failure */
  char request_id[CWS_REQUEST_ID_MAX + 1];
  bool has_own_request; /* of our making: erased at the end */
  bool may_publish, may_watch;
  size_t reported; /* of CHECKS */
  enum step step;
  struct cws_follow *follow;
  struct cws_publisher *publisher;
  int64_t sent_at_ms, message_id;
};

/* `advice` may be NULL; `code` counts for failures only. */
void doctor_report(struct doctor *d, const char *check, enum verdict verdict, int code,
                   const char *said, const char *advice);
void doctor_skip_rest(struct doctor *d, const char *why);

/* Whether there is a token to go on with; chooses the request to try. */
bool doctor_check_token(struct doctor *d);

void doctor_check_trip(struct doctor *d);
/* What was published for the sake of it goes, where this token may do that. */
void doctor_erase(struct doctor *d);

#endif
