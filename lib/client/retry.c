/* retry: see retry.h. */
#include "lib/client/retry.h"

#include "lib/client/random.h"
#include "lib/core/ws_frame.h"
#include <string.h>

#define RENEWAL_SPACING_MS 1000

void retry_init(struct retry *retry, int64_t base_ms, int64_t cap_ms, int64_t max_failures) {
  memset(retry, 0, sizeof(*retry));
  backoff_init(&retry->backoff, base_ms, cap_ms);
  retry->max_failures = max_failures;
}

void retry_succeeded(struct retry *retry) {
  backoff_reset(&retry->backoff);
  retry->failures = 0;
  retry->renewed = false;
}

int retry_code_of_close(int close_code) {
  switch (close_code) {
  case WS_CLOSE_PROTOCOL:
  case WS_CLOSE_UNSUPPORTED:
  case WS_CLOSE_BAD_DATA:
  case WS_CLOSE_PROTOCOL_ERRORS:
    return CWS_EPROTOCOL;
  case WS_CLOSE_TOO_BIG:
    return CWS_ETOOLARGE;
  case WS_CLOSE_INTERNAL:
    return CWS_EINTERNAL;
  case WS_CLOSE_RESTART:
    return CWS_EDRAINING;
  case WS_CLOSE_TRY_LATER:
    return CWS_EBUSY;
  case WS_CLOSE_TOKEN_EXPIRED:
    return CWS_ETOKENEXPIRED;
  case WS_CLOSE_TOO_MANY_MESSAGES:
    return CWS_ERATELIMITED;
  case WS_CLOSE_REVOKED:
    return CWS_EREVOKED;
  case WS_CLOSE_TOO_MANY_CONNECTIONS:
    return CWS_ETOOMANYCONNECTIONS;
  case WS_CLOSE_DELETED:
    return CWS_EDELETED;
  default:
    return close_code >= 4500 && close_code <= 4999 ? CWS_EFORBIDDEN : CWS_EDISCONNECTED;
  }
}

/* 1000 and 1001 without a `bye` are a server or proxy in between that goes away; 1005 and 1006 a
 * lost connection. The hub itself says `bye` first, which decides. */
static bool is_close_temporary(int code) {
  return (code >= 1000 && code <= 1001) || code == WS_CLOSE_NO_STATUS ||
         code == WS_CLOSE_ABNORMAL || (code >= 1011 && code <= 1014) ||
         (code >= 4000 && code <= 4499);
}

bool retry_is_temporary(int http_status, int code) {
  if (http_status == 0)
    return cws_error_is_temporary(code);
  return http_status == 408 || http_status == 425 || http_status == 429 || http_status >= 500;
}

static bool is_temporary(const struct loss *loss) {
  if (loss->is_final)
    return false;
  if (loss->close_code != 0)
    return is_close_temporary(loss->close_code);
  return retry_is_temporary(loss->http_status, loss->error.code);
}

/* Once between two successes; and a session that ends as expired as soon as it stands (a clock that
 * is wrong, say) is no success to come back to at once. */
static bool take_renewal(struct retry *retry, const struct loss *loss, int64_t now_ms) {
  if (loss->error.code != CWS_ETOKENEXPIRED || retry->renewed)
    return false;
  if (loss->close_code != 0 && retry->renewed_at_ms != 0 &&
      now_ms - retry->renewed_at_ms < RENEWAL_SPACING_MS)
    return false;
  retry->renewed = true;
  retry->renewed_at_ms = now_ms;
  return true;
}

enum retry_what retry_next(struct retry *retry, const struct loss *loss, bool can_renew,
                           int64_t now_ms, int64_t *wait_ms) {
  if (can_renew && take_renewal(retry, loss, now_ms))
    return RETRY_RENEW;
  if (!is_temporary(loss))
    return RETRY_END;
  retry->failures++;
  if (retry->max_failures > 0 && retry->failures >= retry->max_failures)
    return RETRY_END;
  *wait_ms = backoff_next(&retry->backoff, loss->hint_ms, random_u64());
  return RETRY_WAIT;
}
