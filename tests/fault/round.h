/*
 * round: one random run of publishers and watchers of one request through a proxy of faults, all of
 * it drawn from a seed, and the judgement of what came out:
 *   - a watcher that stays sees every event once, in order;
 *   - a watcher that leaves and comes back sees none missing, and goes back no further than to what
 * it had not acknowledged;
 *   - each publisher's events are stored once, in its order, under the ids that it was told;
 *   - what is read of the request afterwards is what the watchers saw.
 * It fails the test, with the seed, where one of them does not hold.
 */
#ifndef CWS_TEST_FAULT_ROUND_H
#define CWS_TEST_FAULT_ROUND_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "tests/fault/proxy.h"

struct round;

struct round *round_new(uv_loop_t *loop, uint64_t seed, int hub_port, const char *token);
bool round_is_over(const struct round *r);
/* How far it is, for the one that is not over in time. */
void round_print(const struct round *r);
int round_faults(const struct round *r, enum fault_kind kind);
/* Its handles close as the loop turns; then its memory goes. */
void round_free(struct round *r);

#endif
