/* origin: whether a page of one web origin (RFC 6454) may talk to the hub. Pure text; knows no
 * token. */
#ifndef CWS_AUTH_ORIGIN_H
#define CWS_AUTH_ORIGIN_H

#include <councilws/error.h>

/* Whether `origin` names the host and port of `host` (a Host header) by http or https: which of the
 * two, a hub behind a proxy cannot know. A port left out is the scheme's own on both sides. */
bool origin_is_own(const char *origin, const char *host);
/* Whether `origin` is on the NULL-terminated list (NULL: empty). "*" is any, and only it or "null"
 * is "null". */
bool origin_is_listed(const char *origin, const char *const *list);
/* Whether `entry` can be on a list: "*", "null" or SCHEME://HOST[:PORT]. */
bool origin_is_entry(const char *entry);

#endif
