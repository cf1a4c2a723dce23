/*
 * share: what a store that hubs share does beside keeping events (linked with --wrap). Each hub has
 * a memory store of its own; what the log would bring there the test appends itself.
 */
#ifndef CWS_TEST_HUB_SHARE_H
#define CWS_TEST_HUB_SHARE_H

#include "tests/unit/hub/fixture.h"

/* Nobody shares, nothing was told, nothing is lost. */
void share_begin(void);
/* The hub shares its store from now on, until it is closed. */
void share_join(struct fixture *f);
/* The epoch of every request that has not begun. */
void share_set_first_epoch(const char *epoch);
/* Whether what is told reaches nobody. */
void share_lose(bool is_lossy);
size_t share_told(void); /* messages so far */

/* Events of type "execution_progress" with a cost of 1, published on another hub. */
void share_append(struct fixture *f, const char *request_id, const char *owner, size_t count);
/* What the store tells the hub. */
const struct store_listener *share_listener(const struct fixture *f);

#endif
