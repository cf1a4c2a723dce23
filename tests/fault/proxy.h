/*
 * proxy: stands between clients and a hub on loopback, on a loop that the test runs, and harms each
 * connection as it is told: by delay, by pieces, by an end that is clean, hard or never said. Which
 * fault a connection has is decided once, when it is accepted.
 */
#ifndef CWS_TEST_FAULT_PROXY_H
#define CWS_TEST_FAULT_PROXY_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

enum fault_way { FAULT_TO_HUB, FAULT_TO_CLIENT };

/*
 * FAULT_NONE       none but the delays.
 * FAULT_CUT        both ends are closed.
 * FAULT_RESET      both ends are reset.
 * FAULT_HALF_OPEN  from then on everything is swallowed, both ways, ends too: each side believes
 *                  that the other is there.
 * FAULT_STALL      nothing goes that way for stall_ms, then it goes on.
 */
enum fault_kind { FAULT_NONE, FAULT_CUT, FAULT_RESET, FAULT_HALF_OPEN, FAULT_STALL, FAULT_KINDS };

struct fault {
  int64_t connect_ms; /* until the hub is connected to; different ones change the order */
  int64_t latency_ms; /* of every byte, both ways */
  size_t segment;     /* bytes a write, both ways; 0: as they come */
  enum fault_kind kind;
  enum fault_way way; /* whose bytes are counted */
  size_t at_byte;     /* it happens once so many have passed that way; 0: at the first */
  int64_t stall_ms;
};

/* Fills in the fault of the next connection. */
typedef void fault_draw_fn(struct fault *fault, void *user);

struct proxy;

/* NULL where the machine refuses. */
struct proxy *proxy_new(uv_loop_t *loop, int hub_port, fault_draw_fn *draw, void *user);
int proxy_port(const struct proxy *p);
/* How many of each kind have happened. */
int proxy_count(const struct proxy *p, enum fault_kind kind);
/* Ends everything; its memory goes as the loop turns. NULL is fine. */
void proxy_free(struct proxy *p);

#endif
