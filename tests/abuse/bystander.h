/*
 * bystander: a hub under attack, and somebody who only wants to work with it: a watcher on one
 * connection, a publisher with a new one for every event. While the attack goes on, and after it,
 * each event has to be stored and delivered in BYSTANDER_MS, and the hub's memory to stay where it
 * is. The hub lives in the test's process; what the attackers hold there is little.
 */
#ifndef CWS_TEST_ABUSE_BYSTANDER_H
#define CWS_TEST_ABUSE_BYSTANDER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those before it */
#include <cmocka.h>

#include "tests/unit/support/live_hub.h"
#include "tests/unit/support/raw_http.h"

#define BYSTANDER_MS 2000        /* from sending an event to seeing it; for a slow machine */
#define BYSTANDER_KB (24 * 1024) /* what the hub may take under an attack, beyond what it had */

struct bystander {
  struct cws_server *hub;
  int port;
  char *token; /* may do everything; the attackers have it, too, where they need one */
  struct raw_ws *ws;
  int64_t published;
  long kb; /* of the process, when it began */
};

/* *state becomes the bystander; live_hub's options, without heartbeats and limits per user. */
int bystander_set_up(void **state);
int bystander_tear_down(void **state);
/* The same by hand, with options of one's own. */
void bystander_open(struct bystander *b, const struct cws_server_options *options);
void bystander_close(struct bystander *b);

/* Publishes a few events and sees them. */
void bystander_works(struct bystander *b);
/* One event, over a connection that is there already. */
void bystander_works_over(struct bystander *b, int fd);
/* From here on memory is counted. */
void bystander_weigh(struct bystander *b);
/* The most since then is within BYSTANDER_KB. */
void bystander_is_light(struct bystander *b);

int64_t now_ms(void);
/* Sends what goes without waiting; false once the peer takes no more, or has gone. */
bool send_now(int fd, const void *bytes, size_t len);

#define ABUSE(f) cmocka_unit_test_setup_teardown(f, bystander_set_up, bystander_tear_down)

#endif
