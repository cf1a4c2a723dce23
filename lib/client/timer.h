/* timer: a one-shot timer on the client's loop, in memory of its own, that can be freed at any
 * time. */
#ifndef CWS_CLIENT_TIMER_H
#define CWS_CLIENT_TIMER_H

#include <stdint.h>

struct cws_client;
struct timer;
typedef void timer_fn(void *arg);

struct timer *timer_new(struct cws_client *client, timer_fn *fn, void *arg); /* NULL: no memory */
/* Calls fn once, in `ms` from now at the earliest (0: in the next turn of the loop). Replaces an
 * earlier start that has not run yet. */
void timer_start(struct timer *timer, int64_t ms);
void timer_stop(struct timer *timer);
void timer_free(struct timer *timer); /* NULL is fine */

#endif
