/*
 * outage: what holds of every hub whose store cannot be written to, whatever the reason, and of the
 * same hub when it can be again. For a test that makes the reason come and go.
 */
#ifndef CWS_TEST_OUTAGE_H
#define CWS_TEST_OUTAGE_H

#include "tests/fault/support/traffic.h"

struct outage {
  int port; /* of the hub, for plain HTTP */
  const char *token;
  struct traffic *traffic;
  int64_t losses_before; /* of the steady watchers' connections */
};

/* Before: service is as it should be. */
void outage_before(struct outage *o);
/* The reason is there: waits until publishes are refused with 503 store_unavailable; each is
 * counted, and readiness says so; who watches stays connected; who comes is served. */
void outage_expect(struct outage *o);
/* The reason is gone: waits until service is back by itself; what was refused is stored once when
 * sent again. */
void outage_expect_end(struct outage *o);
int64_t outage_metric(const struct outage *o, const char *name);

#endif
