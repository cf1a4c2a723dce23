/*
 * keyring: the keys the hub accepts, as one immutable set with the sources it was read from. A new
 * reading makes a new ring; whoever verifies with the old one keeps it until done. Knows no token.
 */
#ifndef CWS_AUTH_KEYRING_H
#define CWS_AUTH_KEYRING_H

#include "lib/core/log.h"
#include "server/auth/key_source.h"
#include <councilws/server.h>
#include <stdatomic.h>

struct keyring {
  atomic_int refs;
  struct cws_keys *keys; /* NULL until read */
  struct key_source *sources;
  size_t count;
};

/* The sources that the options name, unread, so without keys. The local secret is one only where
 * there is no other. CWS_ECONFIG (none at all), CWS_ENOMEM. */
int keyring_new(const struct cws_server_options *options, struct keyring **out,
                struct cws_error *err);
struct keyring *keyring_ref(struct keyring *ring);
void keyring_unref(struct keyring *ring); /* NULL is fine */

/* A new ring from the sources of `from`, every one read again; blocks; *stop as in fetch_url.
 * CWS_ECONFIG names the source that failed; CWS_ENOMEM, CWS_ECANCELED. */
int keyring_reload(const struct keyring *from, const atomic_bool *stop, struct keyring **out,
                   struct cws_error *err);
/* The same, but only URLs are read again, and one that fails keeps the keys it gave last and is
 * logged. */
int keyring_refresh(const struct keyring *from, const atomic_bool *stop, struct log *log,
                    struct keyring **out, struct cws_error *err);

bool keyring_has_urls(const struct keyring *ring);
bool keyring_is_local(const struct keyring *ring);

#endif
