/*
 * quota: how many connections and events per second there are, in all, of a user, of an address.
 * One for the hub, shared by its workers; any thread.
 */
#ifndef CWS_AUTH_QUOTA_H
#define CWS_AUTH_QUOTA_H

#include "server/base/clock.h"
#include <councilws/error.h>
#include <stdint.h>

struct quota;

struct quota_limits {
  int64_t max_connections, max_connections_per_user, max_connections_per_address; /* 0: none */
  int64_t
      max_publish_rate; /* events per second and user; 0: none. Bursts up to one second's worth */
};

struct quota *quota_new(const struct quota_limits *limits, const struct clock *clock);
void quota_free(struct quota *q);
/* From now on; who is beyond a new limit stays. Any thread. */
void quota_set_limits(struct quota *q, const struct quota_limits *limits);

/* What one connection holds; give it back once. Zero-initialised holds nothing. */
struct quota_hold {
  struct quota *quota;
  void *user, *address;
};

/* On accept: counts a socket in all and of an address ("unix" is no address).
 * CWS_ETOOMANYCONNECTIONS. */
int quota_take_connection(struct quota *q, const char *address, struct quota_hold *hold);
/* On a WebSocket handshake: counts a connection of a user. CWS_ETOOMANYCONNECTIONS. */
int quota_take_user(struct quota *q, const char *user, struct quota_hold *hold);
void quota_release(struct quota_hold *hold);

/* Whether `user` may publish n events now. CWS_ERATELIMITED with *retry_after_s ≥ 1. A batch larger
 * than the rate is let through when the bucket is full, and then pays it off. */
int quota_publish(struct quota *q, const char *user, int64_t n, int *retry_after_s);
int64_t quota_connections(struct quota *q);

#endif
