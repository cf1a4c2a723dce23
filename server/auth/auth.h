/*
 * auth: the hub's keys and origins, and the question every request begins with. Keys come from
 * files and JWK sets (file or URL); a reload swaps them as one, or not at all.
 */
#ifndef CWS_AUTH_AUTH_H
#define CWS_AUTH_AUTH_H

#include "lib/core/log.h"
#include "server/auth/grants.h"
#include "server/base/clock.h"
#include <councilws/error.h>
#include <councilws/server.h>

struct auth;

/* Copies what it needs of the options. CWS_ECONFIG names the file and what is wrong with it. JWK
 * sets from URLs are fetched now (blocks) and every 5 minutes by auth_refresh; one that cannot be
 * had at start is an error. */
int auth_new(const struct cws_server_options *options, const struct clock *clock, struct log *log,
             struct auth **out, struct cws_error *err);
void auth_free(struct auth *a);
/* Reads every key again, from the sources that `options` names, or with NULL from those there were;
 * any thread, blocks. On failure the old ones stay. CWS_ECONFIG also where the local secret would
 * take the place of other keys. */
int auth_reload(struct auth *a, const struct cws_server_options *options, struct cws_error *err);
/* Fetches the JWK sets of URLs again, as its own thread does every 5 minutes, and once in 5 minutes
 * at most when a token names a key (kid) that no set has; any thread, blocks. A URL that fails is
 * logged and keeps the keys it gave last. CWS_ENOMEM, CWS_ECONFIG. */
int auth_refresh(struct auth *a, struct cws_error *err);
/* Whether the only key is options.local_secret. */
bool auth_is_local_only(const struct auth *a);

/* Checks a token. Any thread. CWS_ENOTOKEN (NULL or ""), CWS_EBADTOKEN, CWS_ETOKENEXPIRED. */
int auth_check(struct auth *a, const char *token, struct grants **out, struct cws_error *err);

/* Whether a page of `origin` may talk to the hub reached as `host` (the Host header): no Origin is
 * fine, the hub's own is ("http(s)://HOST"), and those on the allow list
 * ("https://app.example.org", "*" for any). */
bool auth_origin_allowed(const struct auth *a, const char *origin, const char *host);

#endif
