/*
 * live_hub: a real hub in the test's own process, through the public API: on loopback, a free port,
 * in memory, silent, unless the test says otherwise; and tokens that it takes.
 */
#ifndef CWS_TEST_LIVE_HUB_H
#define CWS_TEST_LIVE_HUB_H

#include <councilws/server.h>
#include <stdbool.h>

#define LIVE_SECRET "live-hub-secret-of-at-least-32-bytes"

/* Two workers, LIVE_SECRET. */
void live_hub_options(struct cws_server_options *o);
/* These fail the test where it does not work; `options` NULL: as above. */
struct cws_server *live_hub_new(const struct cws_server_options *options);
struct cws_server *live_hub_start(const struct cws_server_options *options);
int live_hub_port(const struct cws_server *hub);

struct live_token {
  const char *sub;       /* NULL: "ann" */
  const char *subscribe; /* one glob each; NULL for none */
  const char *publish;
  bool admin;
  bool is_plain;      /* without the claim "councilws" */
  const char *secret; /* NULL: LIVE_SECRET */
  int64_t age_s;      /* signed that long ago */
  int64_t ttl_s;      /* 0: an hour */
};

/* The caller's, free with free(). */
char *live_token(const struct live_token *what);
/* May watch and publish everything, as "ann". The caller's. */
char *live_token_all(void);

#endif
