/* harness: a client with quick retries, an own loop, a deadline, and what its callbacks saw. */
#ifndef CWS_TEST_CLIENT_HARNESS_H
#define CWS_TEST_CLIENT_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those before it */
#include <cmocka.h>

#include <councilws/client.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define HARNESS_DEADLINE_MS 20000

static uv_timer_t harness_timer;

static inline void harness_on_deadline(uv_timer_t *timer) {
  (void)timer;
  fail_msg("nothing ended within %d ms", HARNESS_DEADLINE_MS);
}

static inline void harness_options(struct cws_client_options *o, const char *url) {
  cws_client_options_init(o);
  o->url = url;
  o->token = "t0ken";
  o->backoff_base_ms = 1;
  o->backoff_cap_ms = 5;
}

static inline struct cws_client *harness_new(const struct cws_client_options *o) {
  struct cws_client *client = NULL;
  struct cws_error err = {0};
  int rc = cws_client_new(o, &client, &err);
  if (rc != 0)
    fail_msg("cws_client_new: %s", err.message);
  return client;
}

static inline struct cws_client *harness_client(const char *url) {
  struct cws_client_options o;
  harness_options(&o, url);
  return harness_new(&o);
}

/* Runs until no operation is left; fails the test after the deadline. */
static inline void harness_run(struct cws_client *client) {
  uv_timer_init(cws_client_loop(client), &harness_timer);
  uv_timer_start(&harness_timer, harness_on_deadline, HARNESS_DEADLINE_MS, 0);
  uv_unref((uv_handle_t *)&harness_timer);
  assert_int_equal(cws_client_run(client), 0);
  uv_close((uv_handle_t *)&harness_timer, NULL);
  uv_run(cws_client_loop(client), UV_RUN_NOWAIT);
}

#endif
