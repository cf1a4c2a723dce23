/*
 * retry: whether and when to try again after an attempt has failed, the one place
 * that knows CLI "Reconnecting". Pure but for the random bits.
 */
#ifndef CWS_CLIENT_RETRY_H
#define CWS_CLIENT_RETRY_H

#include "lib/core/backoff.h"
#include <councilws/error.h>
#include <stdint.h>

/* Why an attempt failed. */
struct loss {
  struct cws_error error;
  int http_status; /* of a refusal; 0: none came */
  int close_code;  /* of a WebSocket that had been open; 0: it had not */
  bool is_final;   /* the hub said not to come back */
  int64_t hint_ms; /* how long the hub asked to wait; 0: it did not */
};

enum retry_what {
  RETRY_END,   /* trying again cannot help, or was done often enough */
  RETRY_WAIT,  /* in *wait_ms */
  RETRY_RENEW, /* at once, with another token */
};

struct retry {
  struct backoff backoff;
  int64_t failures, max_failures; /* in a row; max 0: no limit */
  bool renewed;                   /* a new token was asked for since the last success */
  int64_t renewed_at_ms;          /* on the clock of `now_ms` below */
};

void retry_init(struct retry *retry, int64_t base_ms, int64_t cap_ms, int64_t max_failures);
void retry_succeeded(struct retry *retry);
enum retry_what retry_next(struct retry *retry, const struct loss *loss, bool can_renew,
                           int64_t now_ms, int64_t *wait_ms);

/* The error that a close code of the hub stands for (PROTOCOL "Close codes"). */
int retry_code_of_close(int close_code);
/* Whether a failed HTTP call of this status (0: no answer, then `code` tells) may be tried again.
 */
bool retry_is_temporary(int http_status, int code);

#endif
