/*
 * refresher: a thread that does one thing every so often, and at once when woken. It does no more
 * than that; what it does is its owner's.
 */
#ifndef CWS_AUTH_REFRESHER_H
#define CWS_AUTH_REFRESHER_H

#include <stdint.h>

struct refresher;

/* Called on the refresher's own thread; may block. */
typedef void refresher_fn(void *user);

/* NULL when memory or threads are out. */
struct refresher *refresher_new(int64_t interval_ms, refresher_fn *run, void *user);
/* Has `run` called soon. Never waits for it. Any thread. */
void refresher_wake(struct refresher *r);
/* Waits for a `run` under way. NULL is fine. */
void refresher_free(struct refresher *r);

#endif
